"""Two runs of a subject held against each other: bit by bit, or inside what rounding allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ..comparison import errors
from .pages import Failed, NotApplicable

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


def alike(found: Path, expected: Path, allowed: Path, what: str) -> None:
    """Raise `Failed` with `what` unless every judged element is within `allowed`; `NotApplicable` if none is judged."""
    judged = 0
    for step, (ours, theirs, bounds) in enumerate(zip(found, expected, allowed, strict=True), 1):
        for tensor, (x, y, bound) in enumerate(zip(ours, theirs, bounds, strict=True)):
            if not x.size:
                continue
            _, limit, ratio = (a.ravel() for a in errors(y, np.broadcast_to(bound, y.shape), x))
            judged += int(np.isfinite(limit).sum())
            at = int(np.argmax(ratio))
            if ratio[at] > 1:
                where = f"tensor {tensor}, element {at} after step {step}"
                values = told(y.ravel()[at], x.ravel()[at])
                raise Failed(f"{what}\n{where}: {values}, where rounding explains {limit[at]:.1e}")
    if not judged:
        raise NotApplicable("nothing could be compared: float arithmetic says nothing about any element")


def told(expected: float, found: float) -> str:
    return f"expected {expected:.9g}, found {found:.9g}"


def added(*bounds: Path) -> Path:
    """The sum of bounds, step by step and tensor by tensor."""
    return [[sum(parts[1:], parts[0]) for parts in zip(*step, strict=True)] for step in zip(*bounds, strict=True)]
