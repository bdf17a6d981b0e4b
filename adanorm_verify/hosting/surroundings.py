"""The surroundings of a subject's process: a folder and a group of its own, no terminal, limited memory."""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import os
import signal
import struct
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..processes import begin

BEATS = struct.Struct("<Qq")
"""How many steps have begun, and the number of the last one in its run."""
WORK, PROGRESS, FAULT = "work", "progress", "fault"
"""In a process's private folder: its working folder, its signs of life, and where it was when it crashed."""


def enclose(private: str, memory: float | None) -> Callable[[int], None]:
    """Put this process into surroundings of its own; returns what tells the steps that begin.

    Args:
        private: a folder with a file of signs of life; the working folder is made in it.
        memory: GiB beyond what is taken now; None for no limit.
    """
    begin()
    os.setsid()
    adopt_orphans()
    end_with_creator()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    silence()
    work = Path(private, WORK)
    work.mkdir(exist_ok=True)
    os.chdir(work)
    os.environ["TMPDIR"] = str(work)
    tempfile.tempdir = None
    faulthandler.enable(open(Path(private, FAULT), "w"))  # noqa: SIM115  (it stays open until the end)
    if memory is not None:
        limit_memory(memory)
    return teller(Path(private, PROGRESS))


def adopt_orphans() -> None:
    """On Linux, what a descendant leaves behind becomes this process's child, whatever session it has made itself."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def descendants(process: int) -> list[int]:
    """The processes below one, as Linux lists them; none where nothing lists them."""
    found: list[int] = []
    with suppress(OSError, ValueError):
        for task in Path(f"/proc/{process}/task").iterdir():
            children = [int(child) for child in Path(task, "children").read_text().split()]
            found += [*children, *(below for child in children for below in descendants(child))]
    return found


def end_with_creator() -> None:
    """On Linux the kernel ends this process with the one that made it, even where no Python code can run any more."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def silence() -> None:
    """Nothing is read from a terminal, and nothing written to one, by C code either."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    sys.stdin = open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def limit_memory(gib: float) -> None:
    """Have allocations fail beyond a size, where the platform offers that."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        limit = taken() + int(gib * 2**30)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def taken() -> int:
    """Bytes of memory that this process has for data now, as the kernel counts them.

    Raises:
        OSError: it does not say.
        ValueError: it says something else.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    raise ValueError("/proc/self/status has no VmData")


def teller(file: Path) -> Callable[[int], None]:
    """Writes every step that begins into memory that the watching process reads."""
    with file.open("r+b") as opened:
        memory = mmap.mmap(opened.fileno(), BEATS.size)
    pack, beats = BEATS.pack_into, 0

    def tell(step: int) -> None:
        nonlocal beats
        beats += 1
        pack(memory, 0, beats, step)

    return tell
