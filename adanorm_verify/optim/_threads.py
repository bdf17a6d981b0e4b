"""Threads for a compiled loop: torch's own where they can be had, else Python's.

For some milliseconds after each of its operations torch's threads keep their cores, waiting for the next one; loops
on other threads would share the cores with them. Torch's are reached through `GOMP_parallel`, by which code that GCC
compiled enters a parallel region (libgomp's manual, "Implementing PARALLEL construct"). Where torch has another OpenMP
than GNU's, and in a forked process, which has none of its parent's threads, Python's threads do the work.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Protocol


class Compiled(Protocol):
    """A compiled function of one address, as numba's `cfunc` makes it."""

    address: int
    ctypes: Callable[[int], None]


def run(function: Compiled, argument: int, threads: int) -> None:
    """Call `function(argument)` on `threads` threads at once, or on fewer; return when all calls have."""
    if threads < 2:
        function.ctypes(argument)
    elif (region := _parallel_region()) is not None:
        region(function.address, argument, threads, 0)
    else:
        helpers = [_pool().submit(function.ctypes, argument) for _ in range(threads - 1)]
        try:
            function.ctypes(argument)
        finally:
            for helper in helpers:
                if not helper.cancel():
                    helper.result()


@cache
def _parallel_region() -> Any:
    """Enter a parallel region: `void GOMP_parallel(void (*)(void *), void *, unsigned, unsigned)`, or None."""
    if _forked or not sys.platform.startswith("linux"):
        return None
    region = getattr(ctypes.CDLL(None), "GOMP_parallel", None)  # torch loads its OpenMP for all to see
    if region is not None:
        region.argtypes, region.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint), None
    return region


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="adanorm-fused")


_forked = False


def _forget() -> None:
    global _forked
    _forked = True
    _parallel_region.cache_clear()
    _pool.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
