"""What a subject did on a few cases, and whether a list of equations would have done the same to half the digits.

This is a screen, not a verdict: what passes is afterwards held against its own envelope on every case. Half the digits,
because a wrong list that agrees so far is rare, and a right one that does not is ill-conditioned there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .cases import Case
from .interface import Snapshot, SubjectRaised
from .paper import Algorithm
from .rounding import PRECISIONS
from .runs import Check, Combination
from .trajectory import plainly

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Observation:
    """One case as the subject ran it.

    Args:
        case: prepared for the subject.
        seen: by step and tensor, the displacement `theta` and every mapped state quantity; None without a gradient.
        bounds: likewise, what rounding can do to the claimed list; infinite where it leaves less than half the digits.
        tolerance: relative.
        snapshots: the values themselves, by step and tensor.
    """

    case: Case
    seen: tuple[tuple[Arrays | None, ...], ...]
    bounds: tuple[tuple[Arrays | None, ...], ...]
    tolerance: float
    snapshots: list[list[Snapshot]]


def observe(check: Check, combination: Combination, cases: Sequence[Case]) -> list[Observation]:
    """Run the subject once on each case; cases that it refuses are left out."""
    observations = []
    for case in cases:
        prepared = check.prepared(case, combination)
        try:
            snapshots = list(check.snapshots(prepared, combination, frozenset(combination.mapping)))
        except SubjectRaised:
            continue
        # Scalars may be coarser than tensors: a count on the device is float32, also beside float64 ones.
        roundoffs = PRECISIONS[check.arithmetic(combination)].roundoff, check.count(combination.path).precision.roundoff
        tolerance = float(np.sqrt(max(roundoffs)))
        names = {**combination.mapping, "theta": "theta"}
        seen = tuple(
            tuple(
                {names[key]: displaced(names[key], value, start) for key, value in snapshot.items() if key in names}
                if gradient is not None
                else None
                for snapshot, gradient, start in zip(tensors, gradients, prepared.theta, strict=True)
            )
            for tensors, gradients in zip(snapshots, prepared.steps, strict=True)
        )
        bounds = tuple(
            tuple(
                None if known is None else {name: conditioned(name, known, start, tolerance) for name in names.values()}
                for known, start in zip(quantities, prepared.theta, strict=True)
            )
            for quantities in check.envelope(prepared, combination)
        )
        observations.append(Observation(prepared, seen, bounds, tolerance, snapshots))
    return observations


def displaced(quantity: str, value: np.ndarray, start: np.ndarray) -> np.ndarray:
    return value - start if quantity == "theta" else value


def conditioned(name: str, known: Mapping[str, object], start: np.ndarray, tolerance: float) -> np.ndarray:
    bounded = known[name]
    size = abs(displaced(name, bounded.value, start))  # type: ignore[attr-defined]
    return np.where(bounded.bound <= tolerance * size, bounded.bound, np.inf)  # type: ignore[attr-defined]


def agrees(algorithm: Algorithm, observations: Sequence[Observation], quantities: Sequence[str]) -> bool:
    """Whether the list gives what was seen of `quantities`, on every observation."""
    return all(agrees_on(algorithm, observation, quantities) for observation in observations)


def agrees_on(algorithm: Algorithm, observation: Observation, quantities: Sequence[str]) -> bool:
    steps = zip(plainly(algorithm, observation.case), observation.seen, observation.bounds, strict=True)
    for known, seen, bounds in steps:
        for own, there, where, start in zip(known, seen, bounds, observation.case.theta, strict=True):
            if own is None or there is None or where is None:
                continue
            for name in quantities:
                if name not in there:
                    continue
                expected = displaced(name, np.asarray(own[name]), start)
                if not close(expected, there[name], where[name], observation.tolerance):
                    return False
    return True


@np.errstate(all="ignore")
def close(expected: np.ndarray, seen: np.ndarray, bound: np.ndarray | float, tolerance: float) -> bool:
    """Whether half the digits agree, or as many as rounding leaves."""
    if np.size(expected) not in (1, np.size(seen)):
        return False
    expected = np.reshape(np.broadcast_to(np.ravel(expected), np.size(seen)), np.shape(seen))
    near = abs(expected - seen) <= tolerance * np.maximum(abs(expected), abs(seen)) + ALLOWED * bound
    return bool(np.all(near | (expected == seen) | (np.isnan(expected) & np.isnan(seen))))


ALLOWED = 4
"""Bounds of the claimed list that a candidate may be away: its own bound is of that size, and is applied afterwards."""
