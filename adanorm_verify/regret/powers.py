"""A power law of increments over octaves, D_k = R(2^(k+1)) - R(2^k), from enclosures of many runs' R.

For a given p the contrast g(p) = sum_k w_k (k - mean k) 2^(-pk) D_k has expectation 0 under D_k = C 2^(pk), and it is
linear in the increments: each run has its own g, so that Student's test over runs holds whatever the correlation along
a run, and the exponents it does not reject are the interval (Fieller, J. R. Stat. Soc. B 16, 1954). No logarithm is
taken of anything that may be negative, and no run is resampled. Octaves that scatter about the law more than the runs
explain widen the interval: that is all there is when the runs are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from scipy import stats

LEAST = 4
"""Octaves of a fit: level, exponent and logarithmic factor, and one more that can disagree."""
HALF = 0.25
"""Half the step between powers of log T in laws of practice (log^2 T, sqrt(T log T), T/log T): not told apart."""
LEVEL = 0.95
GRID = np.linspace(-3.0, 3.0, 301)
"""Exponents that are tried; ends of intervals are interpolated between them."""


@dataclass(frozen=True)
class Increments:
    """Increments over octaves.

    Args:
        octaves: log2 T at the start of each, (octaves,).
        middle: of the enclosures of the increments, (octaves, runs).
        width: half their width.
        before: enclosure of the mean regret at the first horizon.
    """

    octaves: np.ndarray
    middle: np.ndarray
    width: np.ndarray
    before: tuple[float, float]

    def since(self, start: int) -> Increments:
        return Increments(self.octaves[start:], self.middle[start:], self.width[start:], self.before)

    @property
    def logarithms(self) -> np.ndarray:
        """log T in the middle of each octave."""
        return (self.octaves + 0.5) * np.log(2)


@dataclass(frozen=True)
class Fit:
    """A power law fitted to increments.

    Args:
        exponent: p.
        low, high: of its interval.
        level: C at the weighted mean octave.
        certain: whether C is not 0.
        information: sum of w_k (k - mean k)^2.
        straight: the interval of p where a logarithmic factor is fitted as well.
        bent: whether that factor is significant.
    """

    exponent: float
    low: float
    high: float
    level: float
    certain: bool
    information: float
    straight: tuple[float, float]
    bent: bool


def increments(horizons: Sequence[int], low: np.ndarray, high: np.ndarray) -> Increments:
    """Increments between horizons that double, from the first on; a last horizon that does not is left out.

    Raises:
        ValueError: shapes that do not fit, horizons that do not grow, an enclosure with low > high.
    """
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    if low.ndim != 2 or low.shape != high.shape or len(low) != len(horizons) or not low.size:
        raise ValueError(f"enclosures of shape (horizons, runs) are wanted, got {low.shape} and {high.shape}")
    if horizons[0] < 1 or any(b <= a for a, b in pairwise(horizons)):
        raise ValueError(f"horizons must grow from at least 1, got {list(horizons)}")
    if np.any(low > high):
        raise ValueError("an enclosure has low > high")
    kept = [0]
    for index, horizon in enumerate(horizons):
        if horizon == 2 * horizons[kept[-1]]:
            kept.append(index)
    low, high = low[kept], high[kept]
    octaves = np.log2([horizons[index] for index in kept[:-1]])
    with np.errstate(invalid="ignore"):
        least, most = low[1:] - high[:-1], high[1:] - low[:-1]
        return Increments(
            octaves, (least + most) / 2, (most - least) / 2, (float(low[0].mean()), float(high[0].mean()))
        )


def signs(found: Increments) -> np.ndarray:
    """Of every octave's mean increment: 1 or -1 where it is certain, all octaves at once, else 0."""
    many, runs = found.middle.shape
    mean, widths = found.middle.mean(axis=1), found.width
    spread = found.middle.std(axis=1, ddof=1) + np.sqrt(np.mean(widths**2, axis=1))
    certain = np.abs(mean) > student(runs - 1, many) * spread / np.sqrt(runs) + widths.mean(axis=1)
    return np.where(certain, np.sign(mean), 0)


@cache
def student(freedom: int, tests: int = 1) -> float:
    """Student's quantile, of both sides, for `tests` tests at once (Bonferroni)."""
    return float(stats.t.isf((1 - LEVEL) / 2 / tests, freedom))


def half_width(values: np.ndarray) -> np.ndarray:
    """Half the interval of the mean of independent values, of the last axis, of which there are at least 2."""
    n = values.shape[-1]
    return student(n - 1) * values.std(axis=-1, ddof=1) / np.sqrt(n)


def _ends(excess: np.ndarray, root: float) -> tuple[float, float]:
    """The interval about `root` where a function on `GRID` is <= 0; an end that the grid does not show is infinite.

    Far from the root the contrast rests on one octave and has no power: what it does not reject there is not meant.
    """
    at = int(np.argmin(np.abs(GRID - root)))
    if not excess[at] <= 0:
        return np.nan, np.nan
    outside = np.flatnonzero(~(excess <= 0))
    below, above = outside[outside < at], outside[outside > at]

    def end(beyond: int, inner: int) -> float:
        return float(GRID[inner] + (GRID[beyond] - GRID[inner]) * excess[inner] / (excess[inner] - excess[beyond]))

    low = end(below[-1], below[-1] + 1) if len(below) else -np.inf
    high = end(above[0], above[0] - 1) if len(above) else np.inf
    return low, high


def _centred(octaves: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return octaves - np.sum(weights * octaves) / np.sum(weights)


def _contrast(octaves: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The contrast at every exponent of `GRID`: (grid, octaves)."""
    centred = _centred(octaves, weights)
    return weights * centred * np.exp2(-GRID[:, None] * centred)


def _tested(rows: np.ndarray, found: Increments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of linear forms (forms, octaves): the mean over runs, Student's half width, and that of the enclosures."""
    runs = found.middle.shape[1]
    each, widths = rows @ found.middle, np.abs(rows) @ found.width
    spread = each.std(axis=1, ddof=1) + np.sqrt(np.mean(widths**2, axis=1))  # that of any values in the enclosures
    return each.mean(axis=1), student(runs - 1) * spread / np.sqrt(runs), widths.mean(axis=1)


def _root(mean: np.ndarray) -> float:
    """Where the mean contrast goes from rising to falling; the end of the grid on its side where it does not."""
    crossing = np.flatnonzero(np.sign(mean[:-1]) != np.sign(mean[1:]))
    if not len(crossing):
        return float(GRID[np.argmin(np.abs(mean))])
    at = crossing[np.argmin(np.abs(GRID[crossing]))]
    return float(GRID[at] + (GRID[at + 1] - GRID[at]) * mean[at] / (mean[at] - mean[at + 1]))


def _smooth_variances(found: Increments) -> np.ndarray:
    """Variances of the mean increments, as a power law: one octave's small spread must not earn it weight.

    The enclosures are added: what they do not separate from zero has no weight.
    """
    runs = found.middle.shape[1]
    variances, widths = found.middle.var(axis=1, ddof=1) / runs, found.width.mean(axis=1) ** 2
    seen = variances > 0
    if np.count_nonzero(seen) > 2:
        line = np.polyfit(found.octaves[seen], np.log(variances[seen]), 1)
        variances = np.where(seen, np.exp(np.polyval(line, found.octaves)), 0.0)
    return variances + widths


def fit(found: Increments) -> Fit:
    """A power law with its interval; at least two runs and `LEAST` octaves are wanted."""
    logarithms = found.logarithms
    floor = (HALF * np.log(logarithms[-1] / logarithms[0])) ** 2  # what a factor that is not told apart does
    variances, mean = _smooth_variances(found), found.middle.mean(axis=1)
    weights = np.ones(len(mean))
    for _ in range(3):
        exponent = _root(_contrast(found.octaves, weights) @ mean)
        centred = _centred(found.octaves, weights)
        level = np.sum(weights * mean * np.exp2(-exponent * centred)) / np.sum(weights)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = variances / (level * np.exp2(exponent * centred)) ** 2
        weights = 1 / (floor + np.where(np.isnan(relative), 0, relative))
        weights = weights / weights.max() if weights.max() > 0 else np.ones(len(mean))
    contrast, error, width = _tested(_contrast(found.octaves, weights), found)
    exponent = _root(contrast)
    low, high = _ends(np.abs(contrast) - error - width, exponent)
    return _judged(found, weights, exponent, low, high)


def _judged(found: Increments, weights: np.ndarray, exponent: float, low: float, high: float) -> Fit:
    """The fit with what scatters about it: increments over the law's are 1 + b (k - mean k) + a log log T + error."""
    centred = _centred(found.octaves, weights)
    scale = np.exp2(-exponent * centred)
    (level,), (error,), (width,) = _tested((weights * scale / weights.sum())[None], found)
    information = float(np.sum(weights * centred**2))
    if not abs(level) > error + width:
        return Fit(exponent, -np.inf, np.inf, level, False, information, (-np.inf, np.inf), False)
    scaled = Increments(
        found.octaves, found.middle * scale[:, None] / level, found.width * scale[:, None] / abs(level), found.before
    )
    ones, factor = np.ones(len(centred)), np.log(found.logarithms)
    plain = _sideways(np.stack([ones, centred], axis=1), weights, scaled)
    bending = _sideways(np.stack([ones, centred, factor - factor.mean()], axis=1), weights, scaled)
    slope, error, width, scatter = (part[1] / np.log(2) for part in bending)
    half = np.hypot(error, scatter) + width
    more = plain[3][1] / np.log(2)
    if np.isnan(low):  # no exponent passes: the runs agree on increments that no power law gives
        low = high = exponent
    low = float(exponent - np.hypot(exponent - low, more))
    high = float(exponent + np.hypot(high - exponent, more))
    bent = abs(bending[0][2]) > bending[1][2] + bending[2][2]
    straight = (float(exponent + slope - half), float(exponent + slope + half))
    return Fit(exponent, low, high, float(level), True, information, straight, bool(bent))


def _sideways(design: np.ndarray, weights: np.ndarray, scaled: Increments) -> tuple[np.ndarray, ...]:
    """Least squares: coefficients, half widths by runs, by enclosures, and by scatter that runs do not explain."""
    normal = np.linalg.inv(design.T @ (weights[:, None] * design))
    rows = normal @ design.T * weights
    coefficients, error, width = _tested(rows, scaled)
    maker = np.eye(len(design)) - design @ rows
    residuals = maker @ scaled.middle
    runs, freedom = residuals.shape[1], len(design) - design.shape[1]
    expected = np.sum(weights * residuals.var(axis=1, ddof=1)) / runs
    excess = max(0.0, float(np.sum(weights * residuals.mean(axis=1) ** 2) - expected)) / freedom
    return coefficients, error, width, student(freedom) * np.sqrt(excess * np.diag(normal))
