"""An algorithm's list as machine code: the same equations, written out as one loop over rounds for numba.

Nothing is transcribed: the right-hand sides are those of `paper`, unparsed into the body of the loop (see `text`).
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

import numba
import numpy as np

from .problems import uniform, word
from .sets import project_ball, project_simplex
from .tasks import Task
from .text import source


@numba.njit(inline="always")
def drawn(cumulative, offset, rows, u):
    """The first row of a table whose cumulative probability is above u; binary search."""
    low, high = 0, rows - 1
    while low < high:
        middle = (low + high) // 2
        if u < cumulative[offset + middle]:
            high = middle
        else:
            low = middle + 1
    return offset + low


@numba.njit(inline="always")
def heavy(key, counter, index):
    """A number whose size has the tail x^-index and whose sign is fair: mean zero, infinite variance below index 2."""
    bits = word(key, counter)
    u = (np.float64(bits >> np.uint64(12)) + 0.5) * 2.0**-52
    size = u ** (-1 / index) - 1
    return size if bits & np.uint64(1) else -size


@numba.njit(inline="always")
def two_sum(total, lost, part):
    """Knuth's sum of two numbers with its rounding error, which is kept apart."""
    whole = total + part
    back = whole - total
    return whole, lost + ((total - (whole - back)) + (part - back))


NAMES = {
    "np": np,
    "word": word,
    "uniform": uniform,
    "drawn": drawn,
    "heavy": heavy,
    "two_sum": two_sum,
    "project_ball": project_ball,
    "project_simplex": project_simplex,
}


@dataclass(frozen=True)
class Kernel:
    """A compiled list.

    Args:
        elements: quantities of the state with a value an element, in the order of the rows of `elements`.
        tensors: those with one value.
        play: see `text.source`.
        text: its source.
    """

    elements: tuple[str, ...]
    tensors: tuple[str, ...]
    play: Callable[..., Any]
    text: str


def kernel(task: Task) -> Kernel:
    """The text of a task, compiled."""
    text = source(task)
    return Kernel(tuple(task.of("element")), tuple(task.of("tensor")), compiled(task.algorithm.name, text), text)


@cache
def compiled(name: str, text: str) -> Callable[..., Any]:
    """The function of a text, without the global lock, so that threads share blocks; a traceback shows its lines."""
    file = f"<{name}-{sha256(text.encode()).hexdigest()[:12]}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names: dict[str, Any] = dict(NAMES)
    exec(compile(text, file, "exec"), names)
    play: Any = names["play"]
    return numba.njit(nogil=True, error_model="numpy")(play)
