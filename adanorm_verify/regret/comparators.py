"""The best fixed point in hindsight, as an enclosure of the least sum of losses.

Linear losses have it in closed form (a support function). Elsewhere a solver proposes a point and multipliers, and
`certificates` bounds the minimum from above and below: a gap that stays is in the enclosure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .certificates import FLOOR, SECOND, UNIT, Region, curved, direction, dual, inside, objective, region
from .links import Link
from .minimising import bisected, central
from .problems import Problem
from .sets import Feasible

ENOUGH = 1e-10
"""Relative gap at which the solver stops: at 10^8 losses of size 1 a hundredth, beside sqrt(T) = 10^4."""


@dataclass(frozen=True)
class Best:
    """The best fixed points of runs.

    Args:
        points: nearly best points, (runs, d).
        low: low <= min over the set of the sum of losses, (runs,).
        high: that minimum is <= high, (runs,).
    """

    points: np.ndarray
    low: np.ndarray
    high: np.ndarray


def best(
    problem: Problem,
    *,
    counts: np.ndarray | None = None,
    sums: np.ndarray | None = None,
    tables: tuple[np.ndarray, ...] | None = None,
    sums_error: np.ndarray | float = 0.0,
) -> Best:
    """The least sum of losses over a prefix, enclosed.

    Args:
        problem: whose set, loss and, where `tables` gives none, rows are meant.
        counts: how often each row was met, (runs, rows); of batches, rows drawn, each of weight 1/batch.
        sums: instead, sums of the gradients of linear losses, (runs, d).
        tables: rows (runs, rows, d), labels and weights (runs, rows) of each run, as `Game` takes them.
        sums_error: how far each of `sums` may be from the exact sum.

    Raises:
        ValueError: linear losses on the whole space, which have no minimum; losses other than squares on the whole
            space of several coordinates, whose minimum is not certified; labels that the loss does not have; shapes
            that do not fit.
    """
    if (counts is None) == (sums is None):
        raise ValueError(f"{problem.name}: one of counts and sums is wanted")
    if problem.link == "linear" and problem.feasible.kind == "line":
        raise ValueError(f"{problem.name}: linear losses on the whole space reach minus infinity; use a bounded set")
    if sums is not None:
        if problem.link != "linear":
            raise ValueError(f"{problem.name}: sums of gradients are enough for linear losses only")
        return supported(problem.feasible, _matrix(problem, sums, problem.dimension), sums_error)
    a, y, w = (np.asarray(part, np.float64) for part in (tables[:3] if tables else (problem.a, problem.y, problem.w)))
    a, y, w = (a, y, w) if tables else (a[None], y[None], w[None])
    counted = _matrix(problem, counts, a.shape[1])
    if np.any(counted < 0):
        raise ValueError(f"{problem.name}: counts are at least 0, got {counted.min()!r}")
    if len(a) not in (1, len(counted)):
        raise ValueError(f"{problem.name}: tables of {len(a)} runs and counts of {len(counted)}")
    _check_labels(problem, y)
    if len(a) > 1:
        return _best(problem, a, y, counted * w / problem.batch)
    # runs of the same counts have the same best point
    distinct, which = np.unique(counted, axis=0, return_inverse=True)
    found = _best(problem, a, y, distinct * w / problem.batch)
    which = np.ravel(which)
    return Best(found.points[which], found.low[which], found.high[which])


def _matrix(problem: Problem, given: np.ndarray | None, columns: int) -> np.ndarray:
    found = np.atleast_2d(np.asarray(given, np.float64))
    if found.ndim != 2 or found.shape[1] != columns or not np.all(np.isfinite(found)):
        raise ValueError(f"{problem.name}: finite counts or sums of shape (runs, {columns}) wanted, got {found.shape}")
    return found


def _check_labels(problem: Problem, y: np.ndarray) -> None:
    if problem.link == "hinge" and not np.all(np.abs(y) == 1):
        raise ValueError(f"{problem.name}: labels of hinge losses are 1 or -1, got {y[np.abs(y) != 1].flat[0]!r}")
    if problem.link == "logistic" and not np.all((y >= 0) & (y <= 1)):
        raise ValueError(f"{problem.name}: labels of logistic losses lie in [0, 1], got {y.min()!r} to {y.max()!r}")


def supported(feasible: Feasible, sums: np.ndarray, error: np.ndarray | float = 0.0) -> Best:
    """Linear losses that add up to <sums, x>, each of sums (runs, d) known to within error."""
    area = region(feasible)
    value, off = area.least(sums, np.broadcast_to(error, sums.shape))
    return Best(area.extreme(sums), value - off, value + off)


def _best(problem: Problem, a: np.ndarray, y: np.ndarray, q: np.ndarray) -> Best:
    """As `best`, with q (runs, rows) in place of counts and weights."""
    law, d = problem.law, problem.dimension
    if law.name == "linear":
        sums, error = direction(a, q, np.ones_like(q))
        return supported(problem.feasible, sums, error)
    if problem.feasible.kind == "line" and law.name == "squares":
        return _least_squares(law, a, y, q)
    if problem.feasible.kind == "line" and d > 1:
        raise ValueError(f"{problem.name}: {law.name} losses on the whole space of {d} coordinates are not certified; "
                         "use a box or a ball")  # fmt: skip
    if problem.feasible.kind == "line":
        area, everywhere = attained(law, a, y, q)
        found = certified(area, law, a, y, q, *bisected(area, law, a, y, q))
        return Best(found.points, np.where(everywhere, found.low, 0.0), found.high)
    area = region(problem.feasible)
    if d == 1:
        return certified(area, law, a, y, q, *bisected(area, law, a, y, q))
    runs = []
    for run in range(len(q)):
        rows, labels = (part[run if len(part) > 1 else 0] for part in (a, y))
        runs.append(_followed(area, law, rows, labels, q[run]))
    return Best(*(np.concatenate(part) for part in zip(*runs, strict=True)))


def certified(
    area: Region, law: Link, a: np.ndarray, y: np.ndarray, q: np.ndarray, x: np.ndarray, s: np.ndarray
) -> Best:
    """The enclosure that points x (runs, d) and multipliers s (runs, rows) give, however good or bad they are."""
    x, outside = inside(area, x)
    value, rounding = objective(law, a, y, q, x, outside)
    # no loss but a linear one is negative
    return Best(x, np.maximum(dual(area, law, a, y, q, s), 0.0), value + rounding)


def _followed(area: Region, law: Link, a: np.ndarray, y: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, ...]:
    """The best of both sides along the central path; of one run, with a (rows, d)."""
    met = q > 0
    if not np.any(met):
        return inside(area, np.zeros((1, a.shape[1])) + 1 / a.shape[1])[0], np.zeros(1), np.zeros(1)
    a, y, q = a[met][None], y[met][None], q[met][None]
    found: Best | None = None
    for x, s in central(area, law, a[0], y[0], q[0]):
        new = certified(area, law, a, y, q, x[None], s[None])
        found = new if found is None else _closer(found, new)
        if found.high[0] - found.low[0] <= ENOUGH * found.high[0]:
            break
    assert found is not None
    return found.points, found.low, found.high


def _closer(one: Best, other: Best) -> Best:
    """What two enclosures of one run say together."""
    nearer = one if one.high[0] <= other.high[0] else other
    return Best(nearer.points, np.maximum(one.low, other.low), nearer.high)


def _least_squares(law: Link, a: np.ndarray, y: np.ndarray, q: np.ndarray) -> Best:
    """Squares on the whole space: least squares, certified by their curvature."""
    root = np.sqrt(q)
    x = np.stack(
        [
            np.linalg.lstsq(
                a[run if len(a) > 1 else 0] * root[run][:, None], y[run if len(y) > 1 else 0] * root[run], rcond=None
            )[0]
            for run in range(len(q))
        ]
    )
    value, rounding = objective(law, a, y, q, x)
    return Best(x, curved(a, y, q, x, law), value + rounding)


def attained(law: Link, a: np.ndarray, y: np.ndarray, q: np.ndarray) -> tuple[Region, np.ndarray]:
    """For d = 1: an interval, of each run, and whether the sum is nowhere smaller outside of it.

    Absolute and hinge losses attain their minimum at a kink. Logistic losses are at least max(z, 0) - y z, so that the
    sum passes its value at 0 where |x| times the slope of those sums does; where there is no such slope, a minimum need
    not exist, and the interval is one on which the losses come within rounding of their
    infimum.
    """
    one = np.broadcast_to(a[..., 0], q.shape)
    labels = np.broadcast_to(y, q.shape)
    used = (q > 0) & (one != 0)
    divisor = np.where(used, one, 1.0)
    if law.name == "logistic":
        forward = np.sum(q * np.where(one > 0, 1 - labels, labels) * np.abs(one), axis=-1)
        backward = np.sum(q * np.where(one > 0, labels, 1 - labels) * np.abs(one), axis=-1)
        slope = np.minimum(forward, backward)
        smallest = np.min(np.where(used, np.abs(divisor), np.inf), axis=-1)
        known = np.sum(q, axis=-1) * np.log(2) / np.where(slope > 0, slope, 1.0) * (1 + q.shape[1] * 16 * UNIT)
        reach = np.where(slope > 0, known, 64 / np.where(np.isfinite(smallest), smallest, 1.0))
        return Region("box", -reach[:, None], reach[:, None]), slope > 0
    kinks = np.where(used, labels / divisor if law.name == "absolute" else 1 / (labels * divisor), 0.0)
    low = np.min(np.where(used, kinks, np.inf), axis=-1)
    high = np.max(np.where(used, kinks, -np.inf), axis=-1)
    none = ~np.any(used, axis=-1)
    spread = SECOND * 4 * UNIT
    low, high = (np.where(none, 0.0, end) for end in (low, high))
    low, high = low - spread * np.abs(low) - FLOOR, high + spread * np.abs(high) + FLOOR
    return Region("box", low[:, None], high[:, None]), np.ones(len(q), bool)
