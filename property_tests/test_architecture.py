"""Dependencies point one way; the drawing in ARCHITECTURE.md says which."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import adanorm_verify

PACKAGE = Path(adanorm_verify.__file__).parent


def drawing() -> list[set[str]]:
    """The layers of the drawing in ARCHITECTURE.md, from the lowest up."""
    block = (PACKAGE.parent / "ARCHITECTURE.md").read_text().split("```")[1]
    lines = [line.split(":")[0] for line in block.strip().splitlines()]
    return [{name.strip() for name in line.split(",")} for line in reversed(lines)]


LAYERS = drawing()
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path: Path) -> str:
    """The module or folder, directly below the package, that a file belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The rooms of the package that a file imports from, at any depth of its code."""
    depth = len(path.relative_to(PACKAGE).parts) - 1
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == depth + 1:
            names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
            rooms |= {name for name in names if not name.startswith("__")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("adanorm_verify."):
            rooms.add(str(node.module).split(".")[1])
    return rooms


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path):
    own = room(path)
    assert own in LEVEL, f"{own} has no layer yet"
    for other in imported(path) - {own}:
        assert LEVEL[other] <= LEVEL[own], f"{own} imports {other}, which is above it"


def test_every_room_of_the_drawing_exists():
    assert set(LEVEL) == {room(path) for path in MODULES}


def test_the_test_sees_imports():
    assert "paper" in imported(PACKAGE / "reference.py")
    assert "conformance" in imported(PACKAGE / "commands" / "check.py")


@pytest.mark.parametrize("room_name", ["paper", "reference", "rounding", "cases", "trajectory", "envelope", "streams"])
def test_reference_side_does_not_know_torch(room_name):
    files = [path for path in MODULES if room(path) == room_name]
    assert files
    assert not any("torch" in path.read_text().split("import")[-1].split() for path in files)
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "torch" for name in names)


def test_a_check_from_the_command_line_imports_torch_in_the_process_of_its_subject_alone():
    code = (
        "import sys, adanorm_verify.conformance as c; from adanorm_verify.cli import main\n"
        "c.check_optimizer = lambda *a, **k: sys.exit(f'{\"torch\" in sys.modules}')\n"
        "main(['check', 'torch.optim:Adam', '-a', 'adam'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "False\n", done.stderr


def test_the_side_that_judges_does_not_import_torch():
    """It starts beside the subject's process, which does; and a subject that changes torch changes no judgement."""
    code = (
        "import sys; import adanorm_verify.conformance, adanorm_verify.checks.decay, adanorm_verify.checks.values_now"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("path", sorted((PACKAGE / "checks").glob("*.py")), ids=lambda path: path.name)
def test_what_changes_a_list_for_a_check_stands_where_torch_is_not_imported(path):
    """The judge resolves such functions by name, on its own side."""
    tree = ast.parse(path.read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    changing = [f for f in functions if f.args.args and f.args.args[0].arg == "algorithm" and f.returns is not None]
    changing = [f.name for f in changing if ast.unparse(f.returns) == "Algorithm"]
    imports_torch = any("torch" in ast.unparse(node) for node in tree.body if isinstance(node, ast.Import))
    assert not (changing and imports_torch), changing
