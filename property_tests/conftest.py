"""Shared by the tests: real packages, each release installed into a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(Path(__file__).parent))

from released import install  # noqa: E402  (the path above finds it)

from adanorm_verify.gate import prepare_worker  # noqa: E402

collect_ignore = ["example_project"]  # has tests of its own, which run against an installed wheel


@pytest.fixture(autouse=True, scope="session")
def ready() -> None:
    """Tests run side by side, as the gate's workers do."""
    prepare_worker()


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def command() -> Run:
    """Run `adanorm-verify ARGUMENTS` in a process of its own, beside releases installed for it."""

    def run(*arguments: str, packages: Sequence[str] = (), cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        # The checkout that is tested comes last: in another folder, an installed one would be asked instead.
        path = os.pathsep.join([*(str(install(requirement)) for requirement in packages), str(ROOT)])
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, "-m", "adanorm_verify.cli", *arguments],
            capture_output=True,
            text=True,
            env=environment,
            cwd=cwd or ROOT,
            timeout=300,
        )

    return run
