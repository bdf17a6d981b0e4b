"""Find the class or factory that a user named."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .errors import CannotCheck
from .subject import quiet
from .texts import said


def load(target: str, folder: str = "") -> Callable[..., torch.optim.Optimizer]:
    """The class or factory that `package.module:Class` or `path/to/file.py:Class` names.

    Args:
        target: the name.
        folder: where relative paths and the modules of a folder are looked up; the working folder by default.

    Raises:
        CannotCheck: it cannot be found or imported.
    """
    place, separator, name = target.rpartition(":")
    if not separator or not place or not name:
        raise CannotCheck(f"target {target!r} is not of the form package.module:Class or path/to/file.py:Class")
    module = module_of(place, folder)
    found: Any = module
    try:
        for part in name.split("."):
            found = getattr(found, part, None)
    except Exception as error:  # a module's own __getattr__ may raise anything
        raise CannotCheck(f"looking up {name} in {place} raised {said(error)}") from error
    if not callable(found):
        near = sorted(
            n for n, x in vars(module).items() if isinstance(x, type) and issubclass(x, torch.optim.Optimizer)
        )
        listed = f"; it has the optimizers {', '.join(near[:12])}" if near else ""
        raise CannotCheck(f"no class {name!r} in {place}{listed}")
    return found


def module_of(place: str, folder: str = "") -> Any:
    """The module of a name or a file; see `load`."""
    if place.endswith(".py"):
        return load_file(Path(folder, place), place)
    if "/" in place or place.startswith("."):
        raise CannotCheck(
            f"target {place!r} is neither a module nor a file: package.module:Class or path/to/file.py:Class"
        )
    return load_module(place, os.path.abspath(folder))


def load_module(name: str, folder: str) -> Any:
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        with quiet():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.split(".")[0]
        if error.name and name.startswith(error.name):
            raise CannotCheck(
                f"no module named {error.name!r}; is the package that has {package!r} installed?"
            ) from error
        raise CannotCheck(f"importing {name} needs the module {error.name!r}, which is not installed") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # foreign top-level code may raise anything, SystemExit included
        raise CannotCheck(f"importing {name} raised {said(error)}") from error


def load_file(path: Path, shown: str) -> Any:
    if not path.is_file():
        raise CannotCheck(f"no file {shown!r}")
    name = module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # a .py file always has a specification
    assert spec.loader is not None  # and a loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent.resolve()))  # and it stays, as for a script: steps may import siblings too
    try:
        with quiet():
            spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # foreign top-level code may raise anything, SystemExit included
        del sys.modules[name]
        raise CannotCheck(f"importing {shown} raised {said(error)}") from error
    return module


def module_name(path: Path) -> str:
    """The name under which a file is loaded: its own, unless another module has that; then one made of its place.

    What is loaded under a name stays there, so that its classes can be pickled, and found by what they import.
    """
    other = sys.modules.get(path.stem)
    if other is None or getattr(other, "__file__", None) == str(path):
        return path.stem
    return f"{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
