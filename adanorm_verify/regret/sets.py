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
    """In place: the point of the ball about 0 that minimises sum of weights (y - x)^2.

    y_i = h_i x_i/(h_i + mu); mu >= 0 is the root of a decreasing convex function, to which Newton's steps climb from
    the left without passing it.
    """
    norm2 = 0.0
    for i in range(x.size):
        norm2 += x[i] * x[i]
    if norm2 <= radius * radius:
        return
    mu = 0.0
    for _ in range(200):
        value, slope = 0.0, 0.0
        for i in range(x.size):
            y = weights[i] * x[i] / (weights[i] + mu)
            value += y * y
            slope -= 2 * y * y / (weights[i] + mu)
        norm = np.sqrt(value)
        # on 1/norm, which is nearly linear in mu
        step = (norm - radius) / radius * value * 2 / -slope
        if not step > 0 or mu + step == mu:
            break
        mu += step
    norm2 = 0.0
    for i in range(x.size):
        x[i] = weights[i] * x[i] / (weights[i] + mu)
        norm2 += x[i] * x[i]
    if norm2 > radius * radius:  # by a rounding
        shrink = radius / np.sqrt(norm2)
        for i in range(x.size):
            x[i] *= shrink


@numba.njit(cache=True)
def project_simplex(x, weights):
    """In place: the point of the probability simplex that minimises sum of weights (y - x)^2 (Michelot's algorithm)."""
    active = np.ones(x.size, np.bool_)
    tau, left = 0.0, -1
    while True:
        total, inverse, count = -1.0, 0.0, 0
        for i in range(x.size):
            if active[i]:
                total += x[i]
                inverse += 1 / weights[i]
                count += 1
        tau = total / inverse
        if count == left:
            break
        left = count
        for i in range(x.size):
            if active[i] and x[i] - tau / weights[i] <= 0:
                active[i] = False
    for i in range(x.size):
        x[i] = x[i] - tau / weights[i] if active[i] else 0.0


@dataclass(frozen=True)
class Feasible:
    """A closed convex set in R^d.

    Args:
        kind: the whole space, a box, a ball about 0, or the probability simplex.
        dimension: d.
        low: lower ends of a box, one a coordinate or one for all.
        high: upper ends.
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
        if self.kind == "box" and not self.low < self.high:
            raise ValueError(f"a box needs low < high, got {self.low!r} and {self.high!r}")
        if self.kind == "ball" and not 0 < self.radius < np.inf:
            raise ValueError(f"radius must be positive, got {self.radius!r}")

    def project(self, x: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """The nearest point, of an array (d,), in the norm of a positive diagonal where one is given."""
        found = np.array(x, dtype=np.float64)
        diagonal = np.ones_like(found) if weights is None else np.asarray(weights, dtype=np.float64)
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

    @property
    def diameters(self) -> tuple[float, float]:
        """The largest distance of two points, in the Euclidean and in the maximum norm."""
        side = self.high - self.low
        known = {
            "box": (side * np.sqrt(self.dimension), side),
            "ball": (2 * self.radius, 2 * self.radius),
            "simplex": (np.sqrt(2.0) if self.dimension > 1 else 0.0, 1.0 if self.dimension > 1 else 0.0),
        }
        return tuple(map(float, known.get(self.kind, (np.inf, np.inf))))  # type: ignore[return-value]
