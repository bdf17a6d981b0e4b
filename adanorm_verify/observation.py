"""What a subject did on a few cases, and whether a list of equations would have done the same to half the digits.

This is a screen, not a verdict: what passes is afterwards held against its own envelope on every case. Half the digits,
because a wrong list that agrees so far is rare, and a right one that does not is ill-conditioned there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .cases import Case
from .envelope import joined
from .paper import Algorithm
from .reference import join
from .rounding import PRECISIONS
from .runs import Check, Combination, one_vector
from .subject import SubjectRaised
from .trajectory import trajectory

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Observation:
    """One case as the subject ran it.

    Args:
        case: prepared for the subject.
        seen: by step and tensor, the displacement `theta` and every mapped state quantity; None without a gradient.
        judged: likewise, where the claimed list is well enough conditioned to compare half the digits.
        tolerance: relative.
    """

    case: Case
    seen: tuple[tuple[Arrays | None, ...], ...]
    judged: tuple[tuple[Arrays | None, ...], ...]
    tolerance: float


def observe(check: Check, combination: Combination, cases: Sequence[Case]) -> list[Observation]:
    """Run the subject once on each case; cases that it refuses are left out."""
    observations = []
    for case in cases:
        prepared = check.prepared(case, combination)
        if check.algorithm.conventions.get("norm_scope") == "vector":
            prepared = one_vector(prepared)
        try:
            snapshots = list(check.snapshots(prepared, combination, frozenset(combination.mapping)))
        except SubjectRaised:
            continue
        tolerance = float(np.sqrt(PRECISIONS[combination.dtype].roundoff))
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
        judged = tuple(
            tuple(
                None if known is None else {name: conditioned(name, known, start, tolerance) for name in names.values()}
                for known, start in zip(quantities, prepared.theta, strict=True)
            )
            for quantities in check.envelope(prepared, combination)
        )
        observations.append(Observation(prepared, seen, judged, tolerance))
    return observations


def displaced(quantity: str, value: np.ndarray, start: np.ndarray) -> np.ndarray:
    return value - start if quantity == "theta" else value


def conditioned(name: str, known: Mapping[str, object], start: np.ndarray, tolerance: float) -> np.ndarray:
    bounded = known[name]
    size = abs(displaced(name, bounded.value, start))  # type: ignore[attr-defined]
    return bounded.bound <= tolerance * size  # type: ignore[attr-defined]


def plain(algorithm: Algorithm, case: Case) -> Iterator[list[Mapping[str, object] | None]]:
    """The list along a case in plain float64."""
    yield from trajectory(algorithm, case, lambda x: x, lambda array: array)


def agrees(algorithm: Algorithm, observations: Sequence[Observation], quantities: Sequence[str]) -> bool:
    """Whether the list gives what was seen of `quantities`, on every observation."""
    return all(agrees_on(algorithm, observation, quantities) for observation in observations)


def agrees_on(algorithm: Algorithm, observation: Observation, quantities: Sequence[str]) -> bool:
    if algorithm.conventions.get("norm_scope") == "vector":
        return agrees_as_vector(algorithm, observation)
    steps = zip(plain(algorithm, observation.case), observation.seen, observation.judged, strict=True)
    for known, seen, judged in steps:
        for own, there, where, start in zip(known, seen, judged, observation.case.theta, strict=True):
            if own is None or there is None or where is None:
                continue
            for name in quantities:
                if name not in there:
                    continue
                expected = displaced(name, np.asarray(own[name]), start)
                if not close(expected, there[name], where[name], observation.tolerance):
                    return False
    return True


def agrees_as_vector(algorithm: Algorithm, observation: Observation) -> bool:
    """As `agrees_on`, for the parameters of the part of the case that is one vector."""
    case = one_vector(observation.case)
    kept = [i for i, theta in enumerate(observation.case.theta) if any(theta is other for other in case.theta)]
    start = join(list(case.theta))
    for [known], seen in zip(plain(algorithm, joined(case)), observation.seen, strict=True):
        assert known is not None  # `one_vector` left no missing gradient
        arrays = [there["theta"] for i in kept if (there := seen[i]) is not None]
        if len(arrays) < len(kept):
            return True  # a gradient is missing: this convention says nothing about the case
        if not close(displaced("theta", known["theta"], start), join(arrays), True, observation.tolerance):  # type: ignore[arg-type]
            return False
    return True


@np.errstate(all="ignore")
def close(expected: np.ndarray, seen: np.ndarray, judged: np.ndarray | bool, tolerance: float) -> bool:
    if np.size(expected) not in (1, np.size(seen)):
        return False
    expected = np.reshape(np.broadcast_to(np.ravel(expected), np.size(seen)), np.shape(seen))
    near = abs(expected - seen) <= tolerance * np.maximum(abs(expected), abs(seen))
    same = near | (expected == seen) | (np.isnan(expected) & np.isnan(seen))
    return not np.any(judged & ~same)
