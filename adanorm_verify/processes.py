"""Worker processes that end with the process that started them, also where it was killed."""

from __future__ import annotations

import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process


@contextmanager
def workers(jobs: int | None = None, initializer: Callable[[], None] | None = None) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh processes; what has not begun when the block is left is cancelled.

    Args:
        jobs: processes; one a core by default.
        initializer: run in each as it starts.
    """
    pool = ProcessPoolExecutor(
        jobs or os.cpu_count() or 1, get_context("spawn"), initializer=begin, initargs=(initializer,)
    )
    with pool:
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupted run must not go on behind the prompt


@contextmanager
def without_main() -> Iterator[None]:
    """A child imports its parent's main script, which may have no guard and need not be run again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def begin(initializer: Callable[[], None] | None = None) -> None:
    """What a worker does first: a worker of a killed process would wait for work for ever, and hold its memory."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    if initializer is not None:
        initializer()


def end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
