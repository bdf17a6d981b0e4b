"""Signs of life: every step of a subject is told to whoever watches over its process."""

from __future__ import annotations

from collections.abc import Callable

IMPORT = -1
"""Stands for the import of a subject's module, and 0 for a constructor, where steps are counted from 1."""


def ignore(step: int) -> None:
    """Nobody watches."""


_listener: Callable[[int], None] = ignore


def beat(step: int) -> None:
    """Say that a step begins."""
    _listener(step)


def listen(listener: Callable[[int], None]) -> None:
    """Have `listener` told of every step of this process from now on."""
    global _listener
    _listener = listener
