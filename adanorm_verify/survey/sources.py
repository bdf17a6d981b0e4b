"""The modules of this package that a module reaches by its imports: what a kept result depends on."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOM = Path(__file__).parent.parent


@cache
def digest(start: str = "survey/worker.py") -> str:
    """Of the sources of a module and of all that it imports here, at any depth of its code."""
    content = hashlib.sha256()
    for path in sorted(reached(ROOM / start)):
        content.update(str(path.relative_to(ROOM)).encode() + path.read_bytes())
    return content.hexdigest()[:16]


def reached(start: Path) -> set[Path]:
    """The files of the package that importing `start` may run."""
    found, waiting = set(), [start]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += imported(path)
    return found


def imported(path: Path) -> list[Path]:
    """The files that a module's relative imports name, and the packages around them."""
    files = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            files += [base, *(base / alias.name for alias in node.names), *base.parents]
    inside = [file for file in files if file == ROOM or ROOM in file.parents]
    spelled = [file.with_suffix(".py") for file in inside] + [file / "__init__.py" for file in inside]
    return [file for file in spelled if file.is_file()]
