"""The folder `theory`: its entries, its certificates and its checker, found beside the package or within it."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import CannotCheck
from .entry import Entry

PACKAGE = Path(__file__).resolve().parent.parent
PLACES = (PACKAGE.parent / "theory", PACKAGE / "theory")
"""In a checkout, and as a wheel installs it."""


def folder() -> Path:
    """Where the ledger is.

    Raises:
        CannotCheck: nowhere.
    """
    for place in PLACES:
        if (place / "checker.py").is_file():
            return place
    raise CannotCheck(f"the ledger is not installed: there is no checker.py in {' or '.join(map(str, PLACES))}")


def imported(name: str) -> ModuleType:
    """`theory`, or a module of it, from the ledger's own folder whatever the path says."""
    if name in sys.modules:
        return sys.modules[name]
    place = folder()
    file = place / "__init__.py" if name == "theory" else place / f"{name.removeprefix('theory.')}.py"
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[str(place)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def checker() -> ModuleType:
    """The small checker, which knows nothing of this package."""
    return imported("theory.checker")


def entries() -> tuple[Entry, ...]:
    """All entries, in the order of the ledger."""
    return imported("theory").ENTRIES


def ids() -> tuple[str, ...]:
    """The ids of the paper's statements, each of which must have an entry."""
    lines = (folder() / "ids.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def recorded() -> dict[str, Mapping[str, Any]]:
    """Id to certificate, as they stand in the files."""
    files = sorted((folder() / "certificates").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
