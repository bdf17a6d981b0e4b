"""The machine and the code that evidence is about: device, driver, versions, and a digest of the sources."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

NO_GPU = "needs a CUDA device, and torch finds none"
ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("torch", "triton", "numpy", "scipy", "hypothesis", "numba", "click", "rich", "pytest", "pytest-xdist")


def machine(device: str) -> dict[str, Any]:
    """What is written down of it.

    Raises:
        ValueError: the device is not there.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError(NO_GPU)
    return {
        "device": device,
        "name": torch.cuda.get_device_name() if device == "cuda" else platform.processor() or "cpu",
        "compute_capability": list(torch.cuda.get_device_capability()) if device == "cuda" else None,
        "bytes": torch.cuda.get_device_properties(0).total_memory if device == "cuda" else None,
        "driver": driver() if device == "cuda" else None,
        "platform": platform.platform(),
        "versions": {"python": platform.python_version(), "cuda": torch.version.cuda, **versions()},
        "sources": sources(),
    }


def versions() -> dict[str, str | None]:
    """Of the packages that matter; None for one that is not installed."""
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def driver() -> str | None:
    """The version of the GPU's driver, None where nothing tells it."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.split("\n")[0]
    except (OSError, subprocess.SubprocessError):
        return None


def sources() -> str:
    """SHA-256 over the package and these tests: a machine that is lent may have no version control."""
    content = hashlib.sha256()
    for folder in ("adanorm_verify", "gpu_tests"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            content.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return content.hexdigest()


if __name__ == "__main__":
    try:
        print(json.dumps(machine(sys.argv[1])))
    except (ImportError, ValueError) as error:
        sys.exit(str(error))
