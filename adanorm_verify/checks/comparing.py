"""Runs of a subject as numbers: how two are held against each other bit by bit, and how bounds add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

Thetas: TypeAlias = Sequence[np.ndarray]
"""The parameters after one step, as float64."""
Path: TypeAlias = Sequence[Thetas]
"""The parameters after each step."""


def first_difference(found: Path, expected: Path) -> str:
    """The first place where two runs are not bit-identical; empty where they are."""
    for step, (ours, theirs) in enumerate(zip(found, expected, strict=True), 1):
        for tensor, (x, y) in enumerate(zip(ours, theirs, strict=True)):
            differs = ~((x == y) | (np.isnan(x) & np.isnan(y)))
            if differs.any():
                at = int(np.argmax(differs.ravel()))
                return f"tensor {tensor}, element {at} after step {step}: {told(y.ravel()[at], x.ravel()[at])}"
    return ""


def told(expected: float, found: float) -> str:
    return f"expected {expected:.9g}, found {found:.9g}"


def added(*bounds: Path) -> Path:
    """The sum of bounds, step by step and tensor by tensor."""
    return [[sum(parts[1:], parts[0]) for parts in zip(*step, strict=True)] for step in zip(*bounds, strict=True)]
