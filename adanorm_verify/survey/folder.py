"""A folder of research code: which files define optimizers, and which algorithm each claims to be."""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ..errors import CannotCheck
from ..paper import ALGORITHMS

ALIASES = {"adanorm": "adamnorm"}
"""Other names of the paper's algorithms: its title is also that of its first one."""


@dataclass(frozen=True)
class Found:
    """A class that derives from an optimizer.

    Args:
        file: relative to the folder.
        name: of the class.
        algorithm: guessed from the name, or None.
        copies: other files of the same bytes; they import nothing from the folder, so they need no run of their own.
    """

    file: str
    name: str
    algorithm: str | None
    copies: tuple[str, ...] = ()


def optimizers(folder: Path) -> list[Found]:
    """The optimizers that a folder's files define; nothing is imported, for a file may be a training script.

    Raises:
        CannotCheck: there is no such folder, or no optimizer in it.
    """
    if not folder.is_dir():
        raise CannotCheck(f"--also {str(folder)!r}: no such folder")
    files = sorted(path for path in folder.rglob("*.py") if not hidden(path.relative_to(folder)))
    sources = {path: tree for path in files if (tree := syntax(path)) is not None}
    names = {path.stem for path in files} | {path.parent.name for path in files if path.name == "__init__.py"}
    alike: dict[str, list[Path]] = defaultdict(list)
    for path, tree in sources.items():
        local = imports(tree) & names
        alike[str(path) if local else hashlib.sha256(path.read_bytes()).hexdigest()].append(path)
    found = [
        Found(
            str(first.relative_to(folder)), name, guess(name), tuple(str(copy.relative_to(folder)) for copy in copies)
        )
        for first, *copies in alike.values()
        for name in optimizer_classes(sources[first])
    ]
    if not found:
        raise CannotCheck(
            f"--also {str(folder)!r}: no class in its {len(files)} Python files derives from an Optimizer"
        )
    return found


def hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def syntax(path: Path) -> ast.Module | None:
    """The file's tree; None for one that this Python cannot read, such as a Python 2 script."""
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return None


def imports(tree: ast.Module) -> set[str]:
    """The first names of all modules that a file imports; relative imports are of the folder itself."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".")[0]
            found |= {module} if module else {alias.name for alias in node.names}
    return found


def optimizer_classes(tree: ast.Module) -> list[str]:
    """Top-level classes with a base called `…Optimizer`, one of `optim`'s, or a class of the file that has one."""
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            bases = [ast.unparse(base) for base in node.bases]
            if any(base.endswith("Optimizer") or "optim." in base or base in found for base in bases):
                found.append(node.name)
    return found


def guess(name: str) -> str | None:
    """The algorithm that a class is named after."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    plain = ALIASES.get(plain, plain)
    return plain if plain in ALGORITHMS else None


def commit(folder: Path) -> str:
    """The commit that a git checkout is at, with `-dirty` where files were changed; empty where it is none."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git here
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
