"""Online convex problems: a link, a feasible set, and the rows (a, y, w) that the rounds draw.

A problem is small data. Rows come in turn (`cyclic`), at random from a table (`iid`), or are made up as the rounds go
(`signs`, `heavy`, `drift`; linear losses only). Randomness is a hash of the run's key and the round, so that a round's
row depends neither on how rounds are cut into pieces nor on how many runs are played at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np

from .links import LINKS, Link
from .sets import Feasible

Sampling = Literal["cyclic", "iid", "signs", "heavy", "drift"]
TABLES = ("cyclic", "iid")
SAMPLINGS = (*TABLES, "signs", "heavy", "drift")
WORD = 64
"""Signs in one word of 64 bits."""

GOLDEN, FIRST, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
"""Of splitmix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014)."""


@numba.njit(inline="always")
def word(key, counter):
    """64 random bits of a key and a counter: the counter-th output of splitmix64 that starts at the key."""
    x = key + (np.uint64(counter) + np.uint64(1)) * GOLDEN
    x = (x ^ (x >> np.uint64(30))) * FIRST
    x = (x ^ (x >> np.uint64(27))) * SECOND
    return x ^ (x >> np.uint64(31))


@numba.njit(inline="always")
def uniform(key, counter):
    """A number in (0, 1), an odd multiple of 2^-53."""
    return (np.float64(word(key, counter) >> np.uint64(12)) + 0.5) * 2.0**-52


@dataclass(frozen=True)
class Problem:
    """One online convex problem.

    Args:
        name: for people.
        link: a key of `LINKS`.
        feasible: the set.
        sampling: one of `SAMPLINGS`.
        a: rows, shape (rows, d); for rows that are made up as rounds go, shape (0, d).
        y: labels, shape (rows,).
        w: weights, shape (rows,).
        chances: of the rows, for `iid`; equal ones when not given.
        batch: rows a round, drawn independently; the loss is their mean.
        scale: of made-up gradients: the tail index of `heavy` (> 1), the period of `drift` (> 0).

    Raises:
        ValueError: what does not fit together, with the value.
    """

    name: str
    link: str
    feasible: Feasible
    sampling: Sampling
    a: np.ndarray
    y: np.ndarray
    w: np.ndarray
    chances: np.ndarray | None = None
    batch: int = 1
    scale: float = 1.0

    def __post_init__(self) -> None:
        rows, d = self.a.shape
        if self.link not in LINKS:
            raise ValueError(f"unknown loss {self.link!r}; the losses are {', '.join(LINKS)}")
        if self.sampling not in SAMPLINGS:
            raise ValueError(f"unknown sampling {self.sampling!r}; it is {', '.join(SAMPLINGS)}")
        if d != self.feasible.dimension:
            raise ValueError(f"{self.name}: rows of {d} coordinates in a set of {self.feasible.dimension}")
        if self.y.shape != (rows,) or self.w.shape != (rows,) or np.any(self.w < 0):
            raise ValueError(f"{self.name}: one label and one weight >= 0 a row are wanted")
        if (self.sampling in TABLES) != (rows > 0):
            raise ValueError(f"{self.name}: sampling {self.sampling} with {rows} rows")
        if self.sampling not in TABLES and (self.link != "linear" or self.batch != 1):
            raise ValueError(f"{self.name}: sampling {self.sampling} is of linear losses, one a round")
        if self.sampling == "signs" and d > WORD:
            raise ValueError(f"{self.name}: signs have at most {WORD} coordinates, got {d}")
        if not all(np.all(np.isfinite(part)) for part in (self.a, self.y, self.w)):
            raise ValueError(f"{self.name}: rows, labels and weights must be finite")
        chances = self.probabilities if rows else np.ones(1)
        total = float(np.sum(chances))  # in any order, each summand and each addition by a roundoff
        if (self.chances is not None and chances.shape != (rows,)) or not (
            np.all(chances >= 0) and abs(total - 1) <= (rows + 1) * np.finfo(np.float64).eps
        ):
            raise ValueError(f"{self.name}: chances must be one a row, >= 0, and sum to 1, got {chances!r}")
        if self.sampling == "heavy" and not self.scale > 1:
            raise ValueError(f"{self.name}: the tail index of heavy must be above 1, got {self.scale!r}")
        if self.sampling == "drift" and not self.scale > 0:
            raise ValueError(f"{self.name}: the period of drift must be above 0, got {self.scale!r}")
        if self.batch < 1 or (self.batch > 1 and self.sampling != "iid"):
            raise ValueError(f"{self.name}: batch {self.batch}; batches of several rows are drawn iid")

    @property
    def dimension(self) -> int:
        return self.a.shape[1]

    @property
    def law(self) -> Link:
        return LINKS[self.link]

    @property
    def probabilities(self) -> np.ndarray:
        """How often each row is met in the long run."""
        rows = len(self.y)
        return np.full(rows, 1 / rows) if self.chances is None else np.asarray(self.chances, dtype=np.float64)


def key_of(seed: int, run: int) -> np.uint64:
    """The key of a run: of a seed and the number of the run, whatever else is played beside it."""
    return np.random.SeedSequence([seed, run]).generate_state(1, np.uint64)[0]


def table(rows: Sequence[Sequence[float]] | np.ndarray, labels=None, weights=None):
    """Rows, labels and weights as arrays; labels 0 and weights 1 when not given."""
    a = np.atleast_2d(np.asarray(rows, dtype=np.float64))
    y = np.zeros(len(a)) if labels is None else np.asarray(labels, dtype=np.float64)
    w = np.ones(len(a)) if weights is None else np.asarray(weights, dtype=np.float64)
    return a, y, w


def periodic(gradients: Sequence[float], feasible: Feasible | None = None, name: str = "") -> Problem:
    """Linear losses g x on an interval, the gradients in turn."""
    a, y, w = table([[g] for g in gradients])
    shown = name or f"linear {', '.join(f'{g:g}' for g in gradients)}"
    return Problem(shown, "linear", feasible or Feasible("box", 1), "cyclic", a, y, w)
