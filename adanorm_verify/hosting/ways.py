"""How a subject's process is made. Little is imported here, so that torch's import elsewhere can begin at once."""

from __future__ import annotations

import sys
from importlib import import_module
from multiprocessing import forkserver, get_all_start_methods, get_context

from ..processes import without_main

PRELOADED = ["adanorm_verify.hosting.uncollected", "torch", "torch._dynamo", "adanorm_verify.hosting.host"]
"""Imported once, by the process that others are forked from; never the subject. The first optimizer of a process
imports torch._dynamo."""


def warm() -> None:
    """Start the process that subjects' processes are forked from, where torch is not imported here already."""
    if way("cpu") == "forkserver":
        get_context("forkserver").set_forkserver_preload(PRELOADED)
        with without_main():
            forkserver.ensure_running()


def way(device: str) -> str:
    """How a subject's process is made.

    It is a copy of this one where torch is here already: that is quick, and takes classes that have no name. Where it
    is not, torch is imported beside this process, once. CUDA does not work in copies of a process that has used it.
    """
    forks = sys.platform == "linux" and "fork" in get_all_start_methods()
    if forks and device == "cpu":
        return "fork" if "torch" in sys.modules else "forkserver"
    return "spawn"


def prepare_to_fork() -> None:
    """Import here, once, what the first optimizer of each copy of this process would import there: a second of work."""
    import_module("torch._dynamo")


def takes_time(device: str) -> bool:
    """Whether a subject's process has torch still to be imported, beside this one."""
    return way(device) == "forkserver"
