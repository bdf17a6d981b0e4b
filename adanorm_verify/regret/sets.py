"""Feasible sets: exact projections, also in the norm of a positive diagonal, and support functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np

Kind = Literal["line", "box", "ball", "simplex"]
KINDS = ("line", "box", "ball", "simplex")


@numba.njit(cache=True)
def project_ball(x, weights, radius):
    """In place: the point of the ball about 0 that minimises sum of weights (y - x)^2, for finite x and weights > 0.

    y_i = h_i x_i/(h_i + mu), and mu >= 0 is the root of 1/|y(mu)| - 1/radius, which is concave and grows: Newton's
    steps from mu = 0 climb to the root without passing it (Conn, Gould and Toint, "Trust-Region Methods", 2000, section
    7.3). The step is (|y| - radius)/radius sum y_i^2/sum(y_i^2/(h_i + mu)). Only ratios matter, so x and h are first
    divided by their largest entries, and no square overflows.
    """
    size, heaviest = 0.0, 0.0
    for i in range(x.size):
        size = max(size, abs(x[i]))
        heaviest = max(heaviest, weights[i])
    if size <= radius:
        norm2 = 0.0
        for i in range(x.size):
            norm2 += (x[i] / radius) ** 2
        if norm2 <= 1:
            return
    bound = radius / size
    mu = 0.0
    while True:
        value, slope = 0.0, 0.0
        for i in range(x.size):
            h = weights[i] / heaviest
            y = h * (x[i] / size) / (h + mu)
            value += y * y
            slope += y * y / (h + mu)
        step = (np.sqrt(value) - bound) / bound * (value / slope)
        if not step > 0 or mu + step == mu:  # at the root, which rounding may pass
            break
        mu += step
    value = 0.0
    for i in range(x.size):
        h = weights[i] / heaviest
        x[i] = h * (x[i] / size) / (h + mu)
        value += x[i] * x[i]
    for i in range(x.size):
        x[i] *= radius / np.sqrt(value)  # on the sphere but for a rounding


@numba.njit(cache=True)
def project_simplex(x, weights):
    """In place: the point of the simplex that minimises sum of weights (y - x)^2, for finite x and weights > 0.

    y_i = max(0, b_i - tau)/h_i with b = h x, and tau such that they sum to 1: coordinates enter from the largest b
    down, while the sum at the next b is below 1 (Held, Wolfe and Crowder, "Validation of subgradient optimization",
    1974). What is summed is never negative, so that weights of any sizes lose no digits.
    """
    b = weights * x
    order = np.argsort(-b)
    entered, total = 1, 0.0
    while entered < x.size:
        total = 0.0
        for i in order[:entered]:
            total += (b[i] - b[order[entered]]) / weights[i]
        if total >= 1:
            break
        entered += 1
    last = b[order[entered - 1]]
    total, inverse = 0.0, 0.0
    for i in order[:entered]:
        total += (b[i] - last) / weights[i]
        inverse += 1 / weights[i]
    below = (1 - total) / inverse
    x[:] = 0.0
    total = 0.0
    for i in order[:entered]:
        x[i] = (b[i] - last + below) / weights[i]
        total += x[i]
    for i in order[:entered]:
        x[i] /= total


@dataclass(frozen=True)
class Feasible:
    """A closed convex set in R^d.

    Args:
        kind: the whole space, a box, a ball about 0, or the probability simplex.
        dimension: d.
        low: lower end of every side of a box.
        high: upper end.
        radius: of a ball.

    Raises:
        ValueError: ends that cross, a radius that is not positive, an unknown kind.
    """

    kind: Kind
    dimension: int
    low: float = -1.0
    high: float = 1.0
    radius: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown set {self.kind!r}; the sets are {', '.join(KINDS)}")
        if self.dimension < 1:
            raise ValueError(f"dimension must be at least 1, got {self.dimension!r}")
        if self.kind == "box" and not -np.inf < self.low < self.high < np.inf:
            raise ValueError(f"a box needs finite low < high, got {self.low!r} and {self.high!r}")
        if self.kind == "ball" and not 0 < self.radius < np.inf:
            raise ValueError(f"radius must be positive and finite, got {self.radius!r}")

    def project(self, x: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """The nearest point, of an array (d,), in the norm of a positive diagonal where one is given.

        Raises:
            ValueError: numbers that are not finite, except onto a box, or weights that are not positive.
        """
        found = np.array(x, dtype=np.float64)
        diagonal = np.ones_like(found) if weights is None else np.asarray(weights, dtype=np.float64)
        if self.kind in ("ball", "simplex") and not np.all(np.isfinite(found) & np.isfinite(diagonal) & (diagonal > 0)):
            raise ValueError(f"a projection onto a {self.kind} needs finite x and weights > 0, got {x!r}, {weights!r}")
        if self.kind == "box":
            return np.clip(found, self.low, self.high)
        if self.kind == "ball":
            project_ball(found, diagonal, self.radius)
        if self.kind == "simplex":
            project_simplex(found, diagonal)
        return found

    def least(self, direction: np.ndarray) -> np.ndarray:
        """min over the set of <direction, x>, of arrays (..., d); -inf where it is not bounded below."""
        direction = np.asarray(direction, dtype=np.float64)
        if self.kind == "box":
            return np.sum(np.minimum(direction * self.low, direction * self.high), axis=-1)
        if self.kind == "ball":
            return -self.radius * np.sqrt(np.sum(direction**2, axis=-1))
        if self.kind == "simplex":
            return np.min(direction, axis=-1)
        return np.where(np.any(direction != 0, axis=-1), -np.inf, 0.0)

    def contains(self, x: np.ndarray) -> bool:
        """Whether a point (d,) lies in the set, to within eight roundoffs of its size."""
        x = np.asarray(x, dtype=np.float64)
        slack = 8 * np.finfo(np.float64).eps * max(1.0, float(np.max(np.abs(x), initial=0)))
        if self.kind == "box":
            return bool(np.all((x >= self.low - slack) & (x <= self.high + slack)))
        if self.kind == "ball":
            return bool(np.sqrt(np.sum(x**2)) <= self.radius + slack)
        if self.kind == "simplex":
            return bool(np.all(x >= -slack) and abs(np.sum(x) - 1) <= slack * x.size)
        return True

    @property
    def middle(self) -> np.ndarray:
        """The start of a run that is not told another."""
        inside = {"box": (self.low + self.high) / 2, "simplex": 1 / self.dimension}
        return np.full(self.dimension, inside.get(self.kind, 0.0))
