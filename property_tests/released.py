"""Released packages, each in a folder of its own, so that several releases can be tested side by side."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = Path(__file__).parent.parent / ".packages"


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
