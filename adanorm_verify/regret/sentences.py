"""What the paper's section 3.1 says of its scenarios, sentence by sentence, and how each is tested on two runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from ..paper import Hyperparameters

LARGE = 0.5
"""m is large while it is at least this share of the large slope, 1; an update, of what it was before the region."""
SMALL = 0.1
"""m has become small when it is at most this."""
SETTLED = 0.01
"""The largest update at the end, over lr, of an iteration that is called converging."""
END = 100
"""Steps at the end that are looked at for it."""
ROUNDOFF = 8 * np.finfo(np.float64).eps
"""Relative; two averages that are equal in exact arithmetic may differ by the roundings of a step or two."""
TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Run:
    """One optimizer on one landscape: (steps,) each, updates over lr, and the step at which it entered the region."""

    theta: np.ndarray
    g: np.ndarray
    m: np.ndarray
    update: np.ndarray
    entered: int


@dataclass(frozen=True)
class Outcome:
    """Whether a sentence holds on one pair of runs, the first step of the region at which it does not, a number."""

    holds: bool
    failed_at: int | None
    figure: float


@dataclass(frozen=True)
class Sentence:
    """What the paper says, and how it is tested on Adam's and AdamNorm's run."""

    text: str
    measured: str
    test: Callable[[Run, Run], Outcome]


def _first(fails: np.ndarray, figure: float | None = None) -> Outcome:
    """Of a condition at the steps of the region."""
    at = int(np.argmax(fails)) if fails.any() else None
    return Outcome(at is None, at, float(len(fails) if at is None else at) if figure is None else figure)


def _shrunk(run: Run) -> np.ndarray:
    """Where an update is no longer large, in the region."""
    return np.abs(run.update[run.entered :]) < LARGE * abs(run.update[run.entered - 1])


def momentum_stays_large(adam: Run, norm: Run) -> Outcome:
    return _first(np.abs(norm.m[norm.entered :]) < LARGE)


def updates_stay_large(adam: Run, norm: Run) -> Outcome:
    return _first(_shrunk(norm))


def adams_update_becomes_small(adam: Run, norm: Run) -> Outcome:
    gone = _shrunk(adam)
    if not gone.any():
        return Outcome(False, 0, float(len(gone)))
    first = int(np.argmax(gone))
    back = np.flatnonzero(~gone[first:])
    return Outcome(not len(back), first + int(back[0]) if len(back) else None, float(first))


def _pairs(adam: Run, norm: Run, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    """A quantity of both, step by step from where each entered the region."""
    one, other = (np.abs(getattr(run, quantity)[run.entered :]) for run in (adam, norm))
    return one[: len(other)], other[: len(one)]


def momentum_at_least(adam: Run, norm: Run) -> Outcome:
    """On AdamNorm's own gradients, so that the two differ by nothing else."""
    beta1 = float(Hyperparameters().beta1)
    one = np.abs(lfilter([1 - beta1], [1, -beta1], norm.g))[norm.entered :]
    other = np.abs(norm.m[norm.entered :])
    return _first(other < one * (1 - ROUNDOFF), float(np.min(other / np.maximum(one, TINY))))


def updates_at_least(adam: Run, norm: Run) -> Outcome:
    one, other = _pairs(adam, norm, "update")
    return _first(other < one * (1 - ROUNDOFF), float(np.min(other / np.maximum(one, TINY))))


def momentum_larger_on_average(adam: Run, norm: Run) -> Outcome:
    one, other = _pairs(adam, norm, "m")
    ratio = float(np.mean(other) / np.mean(one))
    return Outcome(ratio > 1, None if ratio > 1 else 0, ratio)


def becomes_small(adam: Run, norm: Run) -> Outcome:
    large = np.flatnonzero(np.abs(norm.m[norm.entered :]) > SMALL)
    after = int(large[-1]) + 1 if len(large) else 0
    end = after + END > len(norm.m) - norm.entered
    return Outcome(not end, after if end else None, float(after))


def converges(adam: Run, norm: Run) -> Outcome:
    largest = float(np.max(np.abs(norm.update[-END:])))
    return Outcome(largest <= SETTLED, None if largest <= SETTLED else len(norm.m) - norm.entered, largest)


SENTENCES: dict[str, tuple[Sentence, ...]] = {
    "S1": (
        Sentence(
            "In the flat region m_t is large in AdamNorm, as e_t is maintained to be large over the training epochs.",
            "steps in the flat region until |m_t| is below half of the slope before it",
            momentum_stays_large,
        ),
        Sentence(
            "That leads to large updates.",
            "steps in the flat region until AdamNorm's update is below half of what it was at the entry",
            updates_stay_large,
        ),
        Sentence(
            "The small g_t limits Adam's m_t, which leads to small updates.",
            "steps in the flat region until Adam's update is below half of what it was at the entry",
            adams_update_becomes_small,
        ),
    ),
    "S2": (
        Sentence(
            "In the region of large gradients m_t in AdamNorm is at least m_t in Adam.",
            "the least ratio of |m_t| to the one that Adam has on the same gradients",
            momentum_at_least,
        ),
        Sentence(
            "So AdamNorm's updates are at least Adam's.",
            "the least ratio of the two updates, step by step from the entry",
            updates_at_least,
        ),
    ),
    "S3": (
        Sentence(
            "Near the minimum m_t in AdamNorm becomes small in a few iterations.",
            "steps near the minimum until |m_t| stays below a tenth of the slope outside",
            becomes_small,
        ),
        Sentence(
            "This eventually leads to convergence.",
            f"the largest of the last {END} updates, over the step size",
            converges,
        ),
        Sentence(
            "In the valley AdamNorm has a relatively large m_t.",
            "mean |m_t| near the minimum over Adam's",
            momentum_larger_on_average,
        ),
    ),
}
