"""The folder of real faults beside the checkout, where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "faults"


def fault(name: str) -> str:
    """`file.py:Class` of that folder as a target; the test is skipped where the file is not there."""
    file = FOLDER / name.partition(":")[0]
    if not file.exists():
        pytest.skip(f"{file} is not there")
    return str(FOLDER / name)
