"""A second reading of a subject that left its envelope in float32 or below: right, with scalars in float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from .deviations import SCALARS_IN_SINGLE
from .judging import inside
from .paper import Algorithm
from .runs import Check, Combination, probe
from .scalar_steps import CONVENTION

Play = Callable[[Check, Sequence[Combination]], None]
"""Runs all cases on combinations."""


def reread(check: Check, combinations: Sequence[Combination], play: Play) -> list[Combination]:
    """The combinations, each that failed in float32 or below replaced where it is inside with scalars in float32.

    A tensor in such a format has no use for scalars in double. In float64 the same is a named deviation; and where the
    float64 run of the same path fails, it must be for the same reason.
    """
    if CONVENTION in check.algorithm.conventions:
        return list(combinations)
    coarse = replace(check, algorithm=SCALARS_IN_SINGLE.change(check.algorithm))
    double = {c.path: c for c in combinations if c.dtype == "float64"}
    again: dict[int, Combination] = {}
    for c in combinations:
        if c.failure and c.dtype != "float64" and fits(coarse, c) and fits(coarse, double.get(c.path)):
            again[id(c)] = replace(probe(coarse, c.path, c.dtype), reread=True)
    if again:
        play(coarse, list(again.values()))
    kept = {key: c for key, c in again.items() if c.failure is None and c.moved}
    return [kept.get(id(c), c) for c in combinations]


def fits(check: Check, combination: Combination | None) -> bool:
    """Whether a combination that failed, if it did, is inside on that case and the designed ones."""
    if combination is None or combination.failure is None:
        return True
    return inside(check, combination.path, combination.dtype, combination.failure[0])


def as_counted(algorithm: Algorithm, combinations: Sequence[Combination]) -> Algorithm:
    """The list, with coarse scalars where a run was judged with them."""
    exact = CONVENTION not in algorithm.conventions
    return SCALARS_IN_SINGLE.change(algorithm) if exact and any(c.reread for c in combinations) else algorithm
