"""The value of a number that is written into a subject's code, found from what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice

import numpy as np

from .deviations import Deviation, fixed
from .observation import Observation, agrees, displaced
from .paper import Algorithm
from .trajectory import plainly

DECAYS = (0.95, 0.9, 0.99, 0.999, 0.5, 0.98, 0.0)
USUAL = {
    "gamma": DECAYS,
    "beta1": DECAYS,
    "beta2": DECAYS,
    "eps": (1e-8, 1e-6, 1e-7, 1e-10, 1e-12, 1e-15, 1e-16, 1e-5, 1e-4, 1e-3),
    "weight_decay": (1e-2, 1e-4, 5e-4, 1e-3, 1e-1),
    **dict.fromkeys(("value_bound", "norm_bound"), (1.0, 10.0)),
    "warmup_steps": (100.0, 1e3),
}
"""What people write, tried first."""
SEARCHED = {
    **dict.fromkeys(("gamma", "beta1", "beta2"), 1 - 10.0 ** -np.linspace(0, 4, 33)),
    "eps": 10.0 ** np.linspace(-16, 0, 33),
    "weight_decay": 10.0 ** np.linspace(-6, 0, 25),
    **dict.fromkeys(("value_bound", "norm_bound"), 10.0 ** np.linspace(-6, 6, 25)),
    "warmup_steps": 10.0 ** np.linspace(0, 6, 13),
}
"""Grids between whose points a root is looked for."""
TELLING = 2
"""Cases in which a root is looked for, at most: in the first one that the list without the number does not explain
there may be no crossing."""


def fitted(
    deviation: Deviation, base: Algorithm, observations: Sequence[Observation], quantity: str, usual: bool
) -> Algorithm | None:
    """The list with the one value under which it gives what was seen; None where there is none.

    Args:
        deviation: has a number to be found.
        base: the list without it.
        observations: what was seen.
        quantity: the one to agree on.
        usual: try usual values only.
    """
    name = deviation.solves

    changed = deviation.change(base)

    def valued(value: float) -> Algorithm:
        return fixed(name, float(value))(changed)

    telling = () if usual else (seen for seen in observations if not agrees(base, [seen], [quantity]))
    found = roots(valued, SEARCHED[name], islice(telling, TELLING), quantity)
    for value in chain(USUAL[name], (value for root in found for value in rounded(float(root)))):
        listed = valued(value)
        if agrees(listed, observations, [quantity]):
            return listed
    return None


def rounded(value: float) -> Iterator[float]:
    """The value with few digits first."""
    yield from dict.fromkeys(float(f"{value:.{digits}g}") for digits in (1, 2, 3, 4, 6, 17))


def roots(
    valued: Callable[[float], Algorithm],
    grid: np.ndarray,
    observations: Iterable[Observation],
    quantity: str,
) -> Iterator[float]:
    """Values at which the list crosses what was seen, at the first elements where it crosses at all."""
    from scipy.optimize import brentq  # a quarter of a second, which a subject that conforms need not wait for

    for observation in observations:
        curves = np.array([errors(valued(value), observation, quantity) for value in grid])
        with np.errstate(all="ignore"):
            crossing = (curves[:-1] * curves[1:] < 0) & np.isfinite(curves[:-1]) & np.isfinite(curves[1:])
        for element in np.flatnonzero(crossing.any(axis=0))[:2]:
            for at in np.flatnonzero(crossing[:, element])[:3]:

                def error(value: float, observation: Observation = observation, element: int = int(element)) -> float:
                    return float(errors(valued(value), observation, quantity)[element])

                yield brentq(error, grid[at], grid[at + 1], xtol=1e-15)


def errors(algorithm: Algorithm, observation: Observation, quantity: str) -> np.ndarray:
    """Predicted minus seen, over all steps and tensors."""
    parts = []
    for known, seen in zip(plainly(algorithm, observation.case), observation.seen, strict=True):
        for own, there, start in zip(known, seen, observation.case.theta, strict=True):
            if own is not None and there is not None and quantity in there:
                expected = np.ravel(displaced(quantity, np.asarray(own[quantity]), start))
                got = np.ravel(there[quantity])
                parts.append(expected - got if expected.size == got.size else np.full(got.size, np.nan))
    return np.concatenate(parts) if parts else np.zeros(0)
