"""Without a GPU the suite is skipped and says so; under `--require-gpu` it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = [
    pytest.mark.without_gpu,
    pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there, so nothing is skipped"),
]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    suite = Path(__file__).parent / "test_conformance.py"
    command = [sys.executable, "-m", "pytest", "-q", "-k", "caught", "-p", "no:cacheprovider", str(suite), *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=suite.parent.parent)


def test_skips_say_why():
    done = run("-rs")
    assert done.returncode == 0
    assert "needs a CUDA device" in done.stdout
    assert "passed" not in done.stdout


def test_required_gpu_turns_skips_into_failures():
    done = run("--require-gpu")
    assert done.returncode == 1
    assert "was skipped under --require-gpu" in done.stdout
