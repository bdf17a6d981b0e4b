"""Points that nearly minimise a sum of losses on a bounded set, with the slopes that certify them.

Nothing here is believed: `certificates` bounds the minimum from both sides, whatever comes out. In one dimension the
derivative is bisected to two neighbouring numbers. In more, Newton's method follows the path of a logarithmic barrier
(Boyd and Vandenberghe, "Convex Optimization", section 11.3). Losses with a kink get a barrier of their own on their
epigraph, minimised in closed form: |r| becomes sqrt(nu^2 + r^2) + ..., whose slope is a multiplier inside the domain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import linprog

from .certificates import Region, evaluated, predictions
from .links import Link

SHRINK = 0.1
"""Of the barrier from stage to stage; the theory allows any factor, and Newton's method needs two to five steps."""
NEWTON = 30
"""Steps of one stage: more than a damped method needs from the last stage's point, so that it ends in any case."""
STAGES = 16
"""From a barrier as heavy as the losses to 1e-15 of them, beside which rounding takes over."""
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


def newton(hessian: np.ndarray, gradient: np.ndarray, kind: str) -> np.ndarray:
    """The step; on the simplex, the one that keeps the sum of x."""
    try:
        factor = cho_factor(hessian)
    except LinAlgError:  # rounding has made it singular: a step of least squares
        return -np.linalg.lstsq(hessian, gradient, rcond=None)[0] if kind != "simplex" else np.zeros_like(gradient)
    step = -cho_solve(factor, gradient)
    if kind != "simplex":
        return step
    ones = cho_solve(factor, np.ones_like(gradient))
    return step - ones * (np.sum(step) / np.sum(ones))


Proposals = Iterator[tuple[np.ndarray, np.ndarray]]


def central(area: Region, law: Link, a: np.ndarray, y: np.ndarray, q: np.ndarray) -> Proposals:
    """For d >= 2 and one run, a (rows, d): yields points (d,) and multipliers (rows,), nearer and nearer."""
    q = q / np.sum(q)
    losses = curve(law, y, q)
    x = (area.low[0] + area.high[0]) / 2 if area.kind == "box" else np.zeros(a.shape[1])
    if area.kind == "simplex":
        x = np.full(a.shape[1], 1 / a.shape[1])
    # a start as heavy as the slopes times the size of the set
    mu = float(np.max(area.reach(np.abs(a).T @ (q * np.abs(evaluated(law.slope, a @ x, y)))))) or 1.0

    def total(point: np.ndarray, weight: float) -> float:
        wall = barrier(area, point)[0]
        return float(q @ losses(a @ point, weight)[0] + weight * wall) if wall < np.inf else np.inf

    for _ in range(STAGES):
        for _ in range(NEWTON):
            _, s, bend = losses(a @ x, mu)
            _, wall, walls = barrier(area, x)
            gradient = a.T @ (q * s) + mu * wall
            step = newton((a.T * (q * bend)) @ a + mu * walls, gradient, area.kind)
            decrement = -gradient @ step
            if not decrement > 0:
                break
            here, length = total(x, mu), 1.0
            while length > 1e-10 and not total(x + length * step, mu) <= here - length * decrement / 4:
                length /= 2
            if length <= 1e-10:
                break
            x = x + length * step
            if decrement <= CLOSE * mu:
                break
        yield x, within(law, y, losses(a @ x, mu)[1])
        mu *= SHRINK


def vertices(area: Region, law: Link, a: np.ndarray, y: np.ndarray, q: np.ndarray) -> Proposals:
    """As `central`, of losses with a kink on a polytope: the vertex that linear programming (HiGHS) finds, if it does.

    The path's last digits are lost where a multiplier is a quotient of two tiny numbers; those of a vertex are not.
    """
    if law.smooth or area.kind == "ball":
        return
    rows, d = a.shape
    cost = np.concatenate([np.zeros(d), q / np.max(q)])
    if law.name == "absolute":  # t >= z - y and t >= y - z
        turned, right = np.concatenate([a, -a]), np.concatenate([y, -y])
    else:  # t >= 1 - y z
        turned, right = -y[:, None] * a, -np.ones(rows)
    slack = -np.tile(np.eye(rows), (len(right) // rows, 1))
    sides = np.stack([area.low[0], area.high[0]], axis=1) if area.kind == "box" else np.tile((0.0, np.inf), (d, 1))
    whole = (
        {"A_eq": np.concatenate([np.ones(d), np.zeros(rows)])[None], "b_eq": [1.0]} if area.kind == "simplex" else {}
    )
    bounds = np.concatenate([sides, np.tile((0.0, np.inf), (rows, 1))])
    found = linprog(cost, np.hstack([turned, slack]), right, bounds=bounds, method="highs", **whole)
    if found.status == 0:
        prices = -found.ineqlin.marginals.reshape(-1, rows) / cost[d:]
        s = prices[0] - prices[1] if law.name == "absolute" else -y * prices[0]
        yield found.x[:d], within(law, y, s)
