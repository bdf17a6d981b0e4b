"""Points that nearly minimise a sum of losses on a bounded set, with the slopes that certify them.

Nothing here is believed: `certificates` bounds the minimum from both sides, whatever comes out. In one dimension the
derivative is bisected to two neighbouring numbers. In more, Newton's method follows the path of a logarithmic barrier
(Boyd and Vandenberghe, "Convex Optimization", section 11.3). Losses with a kink get a barrier of their own on their
epigraph, minimised in closed form: |r| becomes sqrt(nu^2 + r^2) + ..., whose slope is a multiplier inside the domain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, null_space

from .certificates import Region, evaluated, predictions
from .links import Link

SHRINK = 0.1
"""Of the barrier from stage to stage; the theory allows any factor, and Newton's method needs two to five steps."""
NEWTON = 30
"""Steps of one stage: more than a damped method needs from the last stage's point, so that it ends in any case."""
STAGES = 16
"""From a barrier as heavy as the losses to 1e-15 of them, beside which rounding takes over."""
SHORTEST = 2.0**-30
"""Of a step: a shorter one gains nothing that is seen."""
NOISE = 2.0**-50
"""Share of the function by which rounding may lift it: without it, the last stages would not move."""
CLOSE = 1e-3
"""Squared Newton decrement over the barrier's weight: the path is followed to 0.05 of a barrier's natural unit."""


# one dimension ---------------------------------------------------------------------------------------------------


def bisected(area: Region, law: Link, a: np.ndarray, y: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For d = 1: points (runs, 1) and multipliers (runs, rows), of all runs at once.

    The multipliers mix the slopes at the two last points so that their sum vanishes, as it does at a kink.
    """
    runs = len(q)
    low, high = (np.array(np.broadcast_to(end[:, 0], runs)) for end in (area.low, area.high))

    def slopes(x: np.ndarray) -> np.ndarray:
        return evaluated(law.slope, predictions(a, x[:, None]), y)

    def derivative(s: np.ndarray) -> np.ndarray:
        return np.sum(q * s * a[..., 0], axis=-1)

    while True:
        middle = low + (high - low) / 2
        open_ = (middle > low) & (middle < high)
        if not np.any(open_):
            break
        rising = derivative(slopes(middle)) > 0
        high = np.where(open_ & rising, middle, high)
        low = np.where(open_ & ~rising, middle, low)
    left, right = slopes(low), slopes(high)
    down, up = derivative(left), derivative(right)
    across = (down < 0) & (up > 0)
    share = np.where(across, up / np.where(across, up - down, 1.0), np.where(down >= 0, 1.0, 0.0))
    x = np.where(share >= 0.5, low, high)
    mixed = share[:, None] * left + (1 - share[:, None]) * right
    return x[:, None], within(law, y, mixed)


def within(law: Link, y: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Slopes moved into the conjugate's domain, which rounding may have left."""
    low, high = law.domain(y)
    return np.clip(s, low, high)


# more ------------------------------------------------------------------------------------------------------------


def kinked(r: np.ndarray, nu: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """min over t >= |r| of t - nu log(t^2 - r^2), with its first two derivatives in r."""
    root = np.sqrt(nu**2 + r**2)
    t = nu + root
    return t - nu * np.log(2 * nu * t), r / t, nu / (root * t)


def curve(law: Link, y: np.ndarray, q: np.ndarray) -> Callable[[np.ndarray, float], tuple[np.ndarray, ...]]:
    """(z, mu) to value, slope and curvature of each loss; mu weighs the barrier of its epigraph, if it has a kink."""

    def absolute(z, mu):
        return kinked(z - y, mu / q)

    def hinge(z, mu):
        # max(0, u) = (u + |u|)/2
        value, slope, bend = kinked((1 - y * z) / 2, mu / q)
        return (1 - y * z) / 2 + value, -y * (1 + slope) / 2, y**2 * bend / 4

    def smooth(z, mu):
        s = evaluated(law.slope, z, y)
        bend = np.ones_like(z) if law.name == "squares" else (s + y) * (1 - (s + y))
        return evaluated(law.loss, z, y), s, bend

    return {"absolute": absolute, "hinge": hinge}.get(law.name, smooth)


def barrier(area: Region, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Value, gradient and Hessian (d, d) of the barrier; infinite outside."""
    if area.kind == "ball":
        c = area.radius**2 - x @ x
        if not c > 0:
            return np.inf, x, np.eye(len(x))
        return -np.log(c), 2 * x / c, 2 * np.eye(len(x)) / c + 4 * np.outer(x, x) / c**2
    above = x - area.low[0] if area.kind == "box" else x
    below = area.high[0] - x if area.kind == "box" else np.ones_like(x)
    if not (np.all(above > 0) and np.all(below > 0)):
        return np.inf, x, np.eye(len(x))
    if area.kind == "simplex":
        return -np.sum(np.log(above)), -1 / above, np.diag(1 / above**2)
    return (
        -np.sum(np.log(above) + np.log(below)),
        1 / below - 1 / above,
        np.diag(1 / above**2 + 1 / below**2),
    )


def newton(hessian: np.ndarray, gradient: np.ndarray, basis: np.ndarray | None) -> np.ndarray:
    """The step; along the columns of an orthonormal basis, where there is one."""
    if basis is not None:
        return basis @ newton(basis.T @ hessian @ basis, basis.T @ gradient, None)
    try:
        return -cho_solve(cho_factor(hessian), gradient)
    except LinAlgError:  # rounding has made it singular: a step of least squares
        return -np.linalg.lstsq(hessian, gradient, rcond=None)[0]


Proposals = Iterator[tuple[np.ndarray, np.ndarray]]


def central(area: Region, law: Link, a: np.ndarray, y: np.ndarray, q: np.ndarray) -> Proposals:
    """For d >= 2 and one run, a (rows, d): yields points (d,) and multipliers (rows,), nearer and nearer."""
    q = q / np.sum(q)
    losses = curve(law, y, q)
    x = (area.low[0] + area.high[0]) / 2 if area.kind == "box" else np.zeros(a.shape[1])
    basis = None
    if area.kind == "simplex":
        x, basis = np.full(a.shape[1], 1 / a.shape[1]), null_space(np.ones((1, a.shape[1])))
    # a start as heavy as the slopes times the size of the set
    mu = float(np.max(area.reach(np.abs(a).T @ (q * np.abs(evaluated(law.slope, a @ x, y)))))) or 1.0

    def total(point: np.ndarray) -> float:
        wall = barrier(area, point)[0]
        return float(q @ losses(a @ point, mu)[0] + mu * wall) if wall < np.inf else np.inf

    def towards(point: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        """Newton's step, its squared decrement, and the slopes that it predicts."""
        _, s, bend = losses(a @ point, mu)
        _, wall, walls = barrier(area, point)
        gradient = a.T @ (q * s) + mu * wall
        step = newton((a.T * (q * bend)) @ a + mu * walls, gradient, basis)
        return step, float(-gradient @ step), s + bend * (a @ step)

    for _ in range(STAGES):
        for _ in range(NEWTON):
            step, decrement, _ = towards(x)
            length = searched(total, x, step, decrement) if decrement > 0 else 0.0
            x = x + length * step
            if length == 0 or decrement <= CLOSE * mu:
                break
        # the slopes at x lose what rounding takes from x; those that a step predicts solve the linear equations
        yield x, within(law, y, towards(x)[2])
        mu *= SHRINK


def searched(total: Callable[[np.ndarray], float], x: np.ndarray, step: np.ndarray, decrement: float) -> float:
    """The first of 1, 1/2, 1/4, ... that lowers the function by a quarter of what its slope promises; 0 for none."""
    here, length = total(x), 1.0
    while length > SHORTEST:
        if total(x + length * step) <= here - length * decrement / 4 + NOISE * abs(here):
            return length
        length /= 2
    return 0.0
