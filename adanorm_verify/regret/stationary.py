"""Where the correction takes an intercept: the zero of its mean corrected gradient, enclosed, for every batch size.

The gradient of a batch of b labels with K positives is g = q - K/b, q the probability that the model gives. At a fixed
q the norms are independent, e is their geometric average, and by the ledger's noise.mean and noise.logistic.batch

    h(q) = q - rate + gamma E[(e - |g|)^+ sign g],  e independent of g.

(e - u)^+ is convex in e, so laws that are larger or smaller than e's in the convex order bound its mean from either
side. e over N terms is an average of independent norms, and doubling N is one convolution: moving mass to the two
neighbours on a grid with the mean kept makes a law larger in the convex order, gathering a cell's mass at its mean
makes it smaller (Jensen), and convolving, scaling and mixing keep the order (Shaked and Shanthikumar, "Stochastic
Orders", 2007, theorem 3.A.12).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil, log, log2
from typing import Any

import numba
import numpy as np
from scipy.stats import binom

CELLS, COARSE = 512, 128
"""Of the grid, and of the one on which a change of sign is looked for; any number encloses, more are narrower."""
UNSEEN_BELOW, UNSEEN_ABOVE = 1e-18, 1e-14
"""Chance of what lies outside of the grid's fine part; sums of chances near 1 have no smaller digits."""
FORGOTTEN = 1e-12
"""What is left of e's terms beyond those that are convolved; it is bounded and not dropped."""
NO_WIDTH = 1e-9
"""Of the grid where all norms are one, so that its nodes differ."""
UNIT = 2.0**-53


def _grid(sizes: np.ndarray, chances: np.ndarray, cells: int) -> np.ndarray:
    """Nodes from the least norm to the largest, evenly spaced where norms are likely."""
    order = np.argsort(sizes)
    ordered, reached = sizes[order], np.cumsum(chances[order])
    low = ordered[np.searchsorted(reached, UNSEEN_BELOW)]
    high = ordered[min(np.searchsorted(reached, reached[-1] - UNSEEN_ABOVE), len(ordered) - 1)]
    fine = np.linspace(low, max(high, low + NO_WIDTH), cells)
    ends: list[Any] = [
        ordered[:1] if ordered[0] < fine[0] else [],
        fine,
        ordered[-1:] if ordered[-1] > fine[-1] else [],
    ]
    return np.concatenate(ends)


@numba.njit(cache=True)
def _gathered(x1, p1, x2, p2, share, nodes):
    """The law of share X1 + (1 - share) X2, each cell's mass at its mean: smaller in the convex order."""
    mass, moment = np.zeros(nodes.size - 1), np.zeros(nodes.size - 1)
    for i in range(x1.size):
        if p1[i] == 0:
            continue
        j = 0
        for k in range(x2.size):  # x2 ascends, and so does the sum
            x = share * x1[i] + (1 - share) * x2[k]
            while j < nodes.size - 2 and nodes[j + 1] <= x:
                j += 1
            mass[j] += p1[i] * p2[k]
            moment[j] += p1[i] * p2[k] * x
    kept = mass > 0
    return moment[kept] / mass[kept], mass[kept]


@numba.njit(cache=True)
def _spread(x1, p1, x2, p2, share, nodes):
    """The law of share X1 + (1 - share) X2, each atom's mass on its two nodes: larger in the convex order."""
    mass = np.zeros(nodes.size)
    for i in range(x1.size):
        if p1[i] == 0:
            continue
        j = 0
        for k in range(x2.size):
            x = share * x1[i] + (1 - share) * x2[k]
            while j < nodes.size - 2 and nodes[j + 1] <= x:
                j += 1
            right = min(max((x - nodes[j]) / (nodes[j + 1] - nodes[j]), 0.0), 1.0)
            mass[j] += p1[i] * p2[k] * (1 - right)
            mass[j + 1] += p1[i] * p2[k] * right
    return nodes, mass


def doublings(gamma: float) -> int:
    """How often the number of e's terms is doubled until the rest is forgotten."""
    return ceil(log2(max(log(FORGOTTEN) / log(gamma), 1))) if gamma > 0 else 0


def rounding(sizes: int, gamma: float, cells: int) -> float:
    """Above what rounding adds to h: every law sums at most (cells + 2)^2 products of numbers in [0, 1], a doubling."""
    return UNIT * ((doublings(gamma) + 3) * max(cells + 2, sizes) ** 2 + 4 * sizes)


def laws_of_average(sizes: np.ndarray, chances: np.ndarray, gamma: float, cells: int = CELLS) -> tuple[tuple, tuple]:
    """Two laws (values, chances) with the mean of e, smaller and larger than its stationary law in the convex order.

    Args:
        sizes: the norms, (n,).
        chances: theirs, (n,), which add up to 1.
        gamma: memory of e, in [0, 1).
        cells: of the grid.
    """
    nodes, least, most = _grid(sizes, chances, cells), sizes.min(), sizes.max()
    order = np.argsort(sizes)
    sizes, chances = sizes[order], chances[order]
    gathered: Any = _gathered
    spread: Any = _spread
    alone = np.zeros(1), np.ones(1)
    small, large = gathered(sizes, chances, *alone, 1.0, nodes), spread(sizes, chances, *alone, 1.0, nodes)
    power = gamma
    for _ in range(doublings(gamma)):
        share = 1 / (1 + power)
        small, large = gathered(*small, *small, share, nodes), spread(*large, *large, share, nodes)
        power *= power
    mean = float(sizes @ chances)
    if power > 0 and most > least:
        rest = np.array([least, most]), np.array([most - mean, mean - least]) / (most - least)
        small = gathered(*small, np.array([mean]), np.ones(1), 1 - power, nodes)
        large = spread(*large, *rest, 1 - power, nodes)
    return small, large


@lru_cache(maxsize=64)
def labels(rate: float, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Shares of positive labels that can be met in a batch, and their chances."""
    counts = np.arange(batch + 1)
    chances = binom.pmf(counts, batch, rate)
    kept = chances > 0
    return counts[kept] / batch, chances[kept] / chances.sum()


def mean_corrected(q: float, rate: float, batch: int, gamma: float, cells: int = CELLS) -> tuple[float, float]:
    """Ends of h(q), the mean corrected gradient of an intercept.

    Args:
        q: the probability that the model gives, in (0, 1); at a multiple of 1/batch h is the middle of a jump.
        rate: of positive labels, in (0, 1).
        batch: labels a step.
        gamma: memory, in [0, 1).
        cells: of the grid on which e's law is enclosed.
    """
    shares, chances = labels(rate, batch)
    return mean_of(q - shares, chances, gamma, cells)


def mean_of(g: np.ndarray, chances: np.ndarray, gamma: float, cells: int = CELLS) -> tuple[float, float]:
    """Ends of the mean corrected gradient of one coordinate that is `g` with `chances`, arrays (n,)."""
    plain, off = float(g @ chances), rounding(len(g), gamma, cells)
    if gamma == 0:
        return plain - off, plain + off
    small, large = laws_of_average(np.abs(g), chances, gamma, cells)
    excess = [np.maximum(x[None, :] - np.abs(g)[:, None], 0) @ p for x, p in (small, large)]
    low, high = (np.where(g > 0, excess[end], -excess[1 - end]) * (g != 0) for end in (0, 1))
    return plain + gamma * float(chances @ low) - off, plain + gamma * float(chances @ high) + off


def variances(q: float, rate: float, batch: int, gamma: float, cells: int = CELLS) -> tuple[float, float]:
    """The mean square of a corrected gradient, and the variance of a long sum over its length, at a fixed q; about.

    s_t has the law of (|g| + gamma (e - |g|)^+) sign g, e independent of g. Later ones are correlated with it in
    two ways: through g_t, which is in their e (the derivative of h in the direction of the law of e whose gradients
    have their chances times E[s|g]), and through the older e that both contain (to first order in e).
    """
    shares, chances = labels(rate, batch)
    g = q - shares
    u, sign = np.abs(g), np.sign(g)
    if gamma == 0:
        return float(chances @ u**2), float(chances @ u**2) - float(chances @ g) ** 2
    laws = laws_of_average(u, chances, gamma, cells)
    corrected = sign * (u + gamma * _excess(laws, u))
    h = float(chances @ corrected)
    square = sum(float(chances @ ((u[:, None] + gamma * np.maximum(x - u[:, None], 0)) ** 2 @ p)) for x, p in laws) / 2
    weight = corrected - h
    tilt = 0.5 / float(np.max(np.abs(weight)))
    more, less = (_excess(laws_of_average(u, chances * (1 + t * weight), gamma, cells), u) for t in (tilt, -tilt))
    through_g = gamma * float(chances @ (sign * (more - less))) / (2 * tilt)
    above = sum(np.sum((x[None, :] > u[:, None]) * p, axis=1) for x, p in laws) / 2
    slope = gamma * float(chances @ (sign * above))
    spread = float(chances @ u**2) - float(chances @ u) ** 2
    through_e = slope**2 * spread * gamma / (1 + gamma)
    return square, square - h**2 + 2 * (through_g + through_e)


def _excess(laws: tuple[tuple, tuple], u: np.ndarray) -> np.ndarray:
    """E(e - u)^+, the middle of its ends."""
    return sum(np.maximum(x[None, :] - u[:, None], 0) @ p for x, p in laws) / 2


def mean_update(q: float, rate: float, batch: int, gamma: float, beta2: float, cells: int = CELLS) -> float:
    """The mean of Adam's update times sqrt(E g^2), to first order in 1 - beta2.

    Its denominator moves with the gradients: E[m v^(-1/2)] = V^(-1/2) (h - Cov(m, v)/(2 V) + ...), and Cov(m, v) is
    1 - beta2 times the sum over all lags k of Cov(s_t, g_{t-k}^2), but for terms of order (1 - beta2)^2. That sum is
    the derivative of h in the direction of the law of gradients that has its chances times g^2: it changes every
    independent gradient of the past alike.
    """
    shares, chances = labels(rate, batch)
    g = q - shares
    h = sum(mean_of(g, chances, gamma, cells)) / 2
    weight = g**2 / float(chances @ g**2) - 1
    if not weight.any():  # all squares are equal, and v stands still
        return h
    tilt = 0.5 / float(np.max(np.abs(weight)))
    more, less = (sum(mean_of(g, chances * (1 + side * tilt * weight), gamma, cells)) / 2 for side in (1, -1))
    return h - (1 - beta2) / 2 * (more - less) / (2 * tilt)


@dataclass(frozen=True)
class Zero:
    """Where the mean corrected gradient changes its sign from negative to positive, the model's probability rising.

    Args:
        low: h is negative here.
        high: h is positive here.
        others: middles of further such places that a scan saw, of odds from a 400th to the 400-fold of the rate's.
    """

    low: float
    high: float
    others: tuple[float, ...] = ()


SCANNED = 160
"""Points of the scan, evenly spaced in the logit."""
NARROW = 1e-4
"""The enclosure is narrowed to this share of q, or as far as the ends of h allow."""


def _sign(q: float, rate: float, batch: int, gamma: float, cells: int = CELLS) -> int:
    low, high = mean_corrected(q, rate, batch, gamma, cells)
    return 1 if low > 0 else -1 if high < 0 else 0


@lru_cache(maxsize=4096)
def zero(rate: float, batch: int, gamma: float) -> Zero:
    """The probability that an intercept is drawn to, enclosed; for batch 1 it is `logistic_stationary` of the ledger.

    Raises:
        ArithmeticError: no change of sign was seen.
    """
    if gamma == 0:
        return Zero(rate, rate)
    logit = np.linspace(np.log(rate / (1 - rate) / 400), np.log(rate / (1 - rate) * 400), SCANNED)
    scanned = 1 / (1 + np.exp(-logit))
    signs = [_sign(float(q), rate, batch, gamma, COARSE) for q in scanned]
    known = [n for n, s in enumerate(signs) if s]
    rises = [(a, b) for a, b in pairwise(known) if signs[a] < 0 < signs[b]]
    if not rises:
        raise ArithmeticError(f"rate {rate!r}, batch {batch!r}, gamma {gamma!r}: the mean gradient keeps its sign")
    found = [_narrowed(float(scanned[a]), float(scanned[b]), rate, batch, gamma) for a, b in rises]
    nearest = min(range(len(found)), key=lambda n: abs(np.log(found[n][0] / rate)))
    others = tuple((a + b) / 2 for n, (a, b) in enumerate(found) if n != nearest)
    return Zero(*found[nearest], others)


def _narrowed(low: float, high: float, rate: float, batch: int, gamma: float) -> tuple[float, float]:
    """The ends brought together while the sign between them is known."""
    left, right = low, high  # of the search; `low` and `high` keep proved signs
    for _ in range(60):
        middle = (left + right) / 2
        if high - low <= NARROW * high:
            break
        s = _sign(middle, rate, batch, gamma)
        if s < 0:
            low = left = middle
        elif s > 0:
            high = right = middle
        else:
            break
    # about a point of unknown sign: from either side as near as signs are known
    for side in (1, -1):
        inner = (left + right) / 2
        outer = low if side > 0 else high
        for _ in range(30):
            if abs(inner - outer) <= NARROW * high / 4:
                break
            middle = (inner + outer) / 2
            if _sign(middle, rate, batch, gamma) * side < 0:
                outer = middle
            else:
                inner = middle
        low, high = (outer, high) if side > 0 else (low, outer)
    return low, high
