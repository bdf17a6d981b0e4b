"""The example project passes as its README says, against a wheel and not against this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from adanorm_verify.testing import TRAJECTORY, contract

ROOT = Path(__file__).parent.parent
EXAMPLE = Path(__file__).parent / "example_project"
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "build", "*.egg-info")

RUN = """
import sys
import adanorm_verify, pytest, tinyoptim
print("used", adanorm_verify.__file__, tinyoptim.__file__)
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--junit-xml", "found.xml"]))
"""


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    subprocess.run([*command, "--quiet", "--no-deps", "--disable-pip-version-check"], check=True, timeout=120)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that nothing that an earlier build left in the checkout gets into it."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for folder in ("adanorm_verify", "theory"):
        shutil.copytree(ROOT / folder, source / folder, ignore=LEFT_OUT)
    built = tmp_path_factory.mktemp("built")
    pip("wheel", "--no-build-isolation", "--wheel-dir", built, source)
    (found,) = built.glob("adanorm_verify-*.whl")
    return found


def test_wheel_has_every_file_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("adanorm_verify/")}
    kept = {path for path in (ROOT / "adanorm_verify").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    ledger = {path for path in (ROOT / "theory").rglob("*") if path.suffix in (".py", ".json", ".txt")}
    named = {path.relative_to(ROOT).as_posix() for path in kept}
    assert packed == named | {f"adanorm_verify/{path.relative_to(ROOT).as_posix()}" for path in ledger}
    assert {"adanorm_verify/py.typed", "adanorm_verify/reports/page.html"} <= packed


def test_example_project_against_the_wheel(wheel, tmp_path):
    project = shutil.copytree(EXAMPLE, tmp_path / "project", ignore=LEFT_OUT)
    site = tmp_path / "site"
    pip("install", "--no-build-isolation", "--target", site, wheel, project)
    shutil.rmtree(project / "src")
    ran = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    used = ran.stdout.splitlines()[0].split()
    assert used == ["used", str(site / "adanorm_verify" / "__init__.py"), str(site / "tinyoptim" / "__init__.py")]
    assert ran.returncode == 0, ran.stdout + ran.stderr
    tests = {
        case.get("name"): {child.tag: child.get("message", "") for child in case}
        for case in ElementTree.parse(project / "found.xml").iter("testcase")
    }
    checks = (TRAJECTORY, *contract("quick"))
    assert set(tests) == {
        "test_optimizer_of_another_package",
        *(f"test_optimizer[{name}-adamnorm-{check}]" for name in SUBJECTS for check in checks),
    }
    assert not any(found.keys() & {"failure", "error"} for found in tests.values())
    trajectories = {name: tests[f"test_optimizer[{name}-adamnorm-trajectory]"] for name in SUBJECTS}
    assert trajectories.pop("DraftAdamNorm") == {"skipped": "a draft: v averages the lifted gradient"}
    assert set(map(str, trajectories.values())) == {"{}"}, "passed, and not skipped"


SUBJECTS = ("AdamNorm", "ScaledAdamNorm", "DraftAdamNorm")
