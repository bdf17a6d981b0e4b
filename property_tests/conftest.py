"""Shared by the tests: real packages, each release installed into a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ROOT / ".packages"
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests run side by side; tiny tensors gain nothing from threads."""
    import torch

    torch.set_num_threads(1)


def install(requirement: str) -> Path:
    """The folder that holds one release and nothing else; installed there once."""
    folder = PACKAGES / requirement.replace("==", "-")
    if folder.is_dir():
        return folder
    PACKAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PACKAGES) as temporary:
        target = Path(temporary) / "site"
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            str(target),
            requirement,
        ]
        subprocess.run(command, check=True, capture_output=True, text=True)
        try:
            os.rename(target, folder)
        except OSError:
            assert folder.is_dir(), f"{requirement} could not be put into {folder}"  # another process was first
    return folder


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def command() -> Run:
    """Run `adanorm-verify ARGUMENTS` in a process of its own, beside releases installed for it."""

    def run(*arguments: str, packages: Sequence[str] = (), cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(str(install(requirement)) for requirement in packages)
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
