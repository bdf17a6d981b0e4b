"""Threads for a compiled loop: torch's own where they can be had, else Python's.

For some milliseconds after each of its operations torch's threads keep their cores, waiting for the next one; loops
on other threads would share the cores with them. Torch's are reached through `GOMP_parallel`, by which code that GCC
compiled enters a parallel region (libgomp's manual, "Implementing PARALLEL construct"). Where torch has another OpenMP
than GNU's, and in a process that was forked, which has none of its parent's threads, Python's threads do the work.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Protocol

_PF_FORKNOEXEC = 0x40  # among a process's flags in proc_pid_stat(5), by include/linux/sched.h


class Compiled(Protocol):
    """A compiled function of one address, as numba's `cfunc` makes it."""

    address: int
    ctypes: Callable[[int], None]


def run(function: Compiled, argument: int, threads: int, tasks: int, keep: object) -> None:
    """Call `function(argument)` on `threads` threads, or fewer; return when all calls have.

    Args:
        function: shares `tasks` tasks out among those that call it, some of whom may find nothing to do.
        argument: an address.
        threads: as many as torch uses; of its own, a region that leaves some out would end these.
        tasks: with one, no other thread is asked.
        keep: what must live as long as any thread may use the address, also when Ctrl-C ends the waiting for it.
    """
    if threads < 2 or tasks < 2:
        function.ctypes(argument)
    elif (region := _parallel_region()) is not None:
        region(function.address, argument, threads, 0)  # also where there are fewer tasks
    else:
        helpers = [_pool().submit(_call, function, argument, keep) for _ in range(min(tasks, threads) - 1)]
        try:
            function.ctypes(argument)
        finally:
            for helper in helpers:
                if not helper.cancel():
                    helper.result()


def _call(function: Compiled, argument: int, _keep: object) -> None:
    function.ctypes(argument)


@cache
def _parallel_region() -> Any:
    """Enter a parallel region: `void GOMP_parallel(void (*)(void *), void *, unsigned, unsigned)`, or None."""
    if not sys.platform.startswith("linux") or _forked():
        return None
    region = getattr(ctypes.CDLL(None), "GOMP_parallel", None)  # torch loads its OpenMP for all to see
    if region is not None:
        region.argtypes, region.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint), None
    return region


def _forked() -> bool:
    """Whether this process was forked and has executed no other program since; True where Linux does not say."""
    try:
        with open("/proc/self/stat") as file:
            _name, _, fields = file.read().rpartition(")")
    except OSError:
        return True
    return bool(int(fields.split()[6]) & _PF_FORKNOEXEC)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="adanorm-fused")


def _forget() -> None:
    _parallel_region.cache_clear()
    _pool.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
