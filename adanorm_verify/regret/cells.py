"""A cell: one measurement of a sweep, named by what determines it, with its record as a plain file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from typing import Any

from .. import __version__
from ..files import write_atomically
from ..ledger.folder import folder as theory

KINDS = {
    "calibration": "calibration",
    "regret": "regrets",
    "phase": "phase",
    "hunt": "hunting",
    "logistic": "imbalance",
    "landscape": "landscapes",
    "norms": "norms",
}
"""Kind of a cell to the module that has its `check(settings)` and `measure(settings)`; in the order of the report."""
PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "torch", "scikit-learn")
"""On whose versions the last digits of a record may depend; None where one is not installed."""
MEASURING = ("regret", "paper", "ledger", "optim", "reference.py")
"""What of this package measures; the ledger's folder besides."""
_ALONE = Lock()
"""A worker of several threads measures in one: torch's generator and its settings are of the process."""


@dataclass(frozen=True)
class Cell:
    """One measurement.

    Args:
        kind: a key of `KINDS`.
        settings: everything that its module reads, the seed included; JSON.
    """

    kind: str
    settings: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Equal for equal settings measured by equal sources and versions."""
        parts = {"kind": self.kind, "settings": self.settings, "versions": versions(), "sources": sources()}
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.kind}-{self.key}.json"

    def check(self) -> None:
        """Raise ValueError, with the key and the allowed values, for settings that cannot be measured."""
        module(self.kind).check(self.settings)


def module(kind: str) -> Any:
    """The module of a kind; imported only where one of its cells is checked or measured."""
    return import_module(f".{KINDS[kind]}", __package__)


@cache
def versions() -> dict[str, str | None]:
    return {"adanorm-verify": __version__, **{name: _installed(name) for name in PACKAGES}}


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def sources() -> str:
    """A digest of the code that measures: a record of other code does not count."""
    package = Path(__file__).parent.parent
    digest = sha256()
    for place in (*(package / name for name in MEASURING), theory()):
        for file in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            digest.update(f"{place.name}/{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def measured(cell: Cell) -> str:
    """The text of a cell's file: measured now, the same bytes wherever and beside whatever it is."""
    with _ALONE:
        record = module(cell.kind).measure(cell.settings)
    document = {
        "kind": cell.kind,
        "settings": cell.settings,
        "record": record,
        "versions": versions(),
        "sources": sources(),
        "command": f"adanorm-verify regret again {cell.name}",
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def finished(cell: Cell, folder: Path) -> dict[str, Any] | None:
    """The document of a cell that a folder holds, or None."""
    file = folder / cell.name
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def keep(cell: Cell, folder: Path, text: str) -> None:
    """Write a cell's file, whole or not at all.

    Raises:
        ValueError: a worker elsewhere has measured it by another version.
    """
    document = json.loads(text)
    if (document["versions"], document["sources"]) != (versions(), sources()):
        raise ValueError(f"measured by other versions or sources than here: {document['versions']}")
    write_atomically(folder / cell.name, text)


def of_file(file: Path) -> tuple[Cell, str]:
    """The cell of a file and the file's text.

    Raises:
        ValueError: it is no cell's file.
    """
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text)
        cell = Cell(document["kind"], document["settings"])
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{str(file)!r} is no record of a cell: {error!r}") from None
    if cell.kind not in KINDS:
        raise ValueError(f"{str(file)!r}: unknown kind {cell.kind!r}; the kinds are {', '.join(KINDS)}")
    return cell, text


def documents(cells: Sequence[Cell], folder: Path, of_any_sources: bool = False) -> list[dict[str, Any]]:
    """Those that are finished, in the order of the cells.

    Args:
        cells: wanted.
        folder: of their files.
        of_any_sources: take what other sources or versions have measured where these have not.
    """
    others = {}
    if of_any_sources:
        for file in sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns):  # the newest counts
            cell, text = of_file(file)
            others[cell.kind, canonical(cell.settings)] = json.loads(text)
    found = (finished(cell, folder) or others.get((cell.kind, canonical(cell.settings))) for cell in cells)
    return [document for document in found if document is not None]


def canonical(settings: Mapping[str, Any]) -> str:
    """The same text for the same settings."""
    return json.dumps(settings, sort_keys=True)
