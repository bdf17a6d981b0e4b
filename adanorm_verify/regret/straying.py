"""What an intercept learns at a step size that is not infinitely small: the law of how far it strays about the zero.

With a constant step lr the logit goes on moving. For small lr it is a diffusion with the drift -lr H and the variance
lr^2 S a round, H the mean update at a fixed logit; its stationary density is proportional to exp(-(2/lr) int H/S)/S
(Gardiner, "Stochastic Methods", 5.2). S is the mean square of an update where the logit is pulled back faster than e
forgets, and that of a long sum of updates, over its length, where it is slower: both are taken, and what lies between
is the prediction. Where H is straight in the probability q the average of q is H's zero whatever S is; where H bends or
jumps, at multiples of 1/batch, it is not.
"""

from __future__ import annotations

from functools import lru_cache
from math import log, sqrt

import numpy as np

from .stationary import COARSE, labels, mean_corrected, mean_update, variances, zero

WIDTH = 8.0
"""Of the logits looked at, on either side, in standard deviations of a straight H: the density is below e^-30 there."""
POINTS = 81
BESIDE = 1e-9
"""Distance in the logit of the points on either side of a jump."""


@lru_cache(maxsize=1024)
def predicted(
    rate: float, batch: int, gamma: float, lr: float, beta2: float | None, edge: float
) -> tuple[float, float]:
    """Ends between which the average probability lies that an intercept gives, in the long run, at step size `lr`.

    Args:
        rate: of positive labels.
        batch: labels a round.
        gamma: memory of the correction; 0 for none.
        lr: the constant step size.
        beta2: memory of Adam's second moment; None for an optimizer without one.
        edge: logits lie in [-edge, edge].
    """
    logits = _logits(rate, batch, gamma, lr, beta2 is not None, edge)
    q = 1 / (1 + np.exp(-logits))
    single, long = np.array([variances(one, rate, batch, gamma, COARSE) for one in q]).T
    long = np.maximum(long, (1 - gamma) * single)  # a small difference of large numbers, where H is straight
    if beta2 is None:
        drift = np.array([sum(mean_corrected(one, rate, batch, gamma, COARSE)) / 2 for one in q])
        scale = np.ones_like(q)
    else:
        scale = np.sqrt(_variance(q, rate, batch))
        drift = np.array([mean_update(one, rate, batch, gamma, beta2, COARSE) for one in q]) / scale
    found = [_average(logits, q, drift, square / scale**2, lr) for square in (single, long)]
    return min(found), max(found)


def _average(logits: np.ndarray, q: np.ndarray, drift: np.ndarray, square: np.ndarray, lr: float) -> float:
    slope = 2 * drift / (lr * square)
    potential = np.concatenate([[0.0], np.cumsum((slope[1:] + slope[:-1]) / 2 * np.diff(logits))])
    density = np.exp(potential.min() - potential) / square * np.gradient(logits)
    return float(density @ q / density.sum())


def _variance(q, rate: float, batch: int):
    return (q - rate) ** 2 + rate * (1 - rate) / batch


def _logits(rate: float, batch: int, gamma: float, lr: float, adaptive: bool, edge: float) -> np.ndarray:
    """Evenly spaced about the zero, with two points at every jump of the mean gradient."""
    q = zero(rate, batch, gamma).low
    middle, variance = log(q / (1 - q)), _variance(q, rate, batch)
    scale = sqrt(variance) if adaptive else 1.0
    width = WIDTH * sqrt(lr * variance / scale / (2 * q * (1 - q)))
    even = np.linspace(max(middle - width, -edge), min(middle + width, edge), POINTS)
    shares = labels(rate, batch)[0]
    inside = shares[(shares > 0) & (shares < 1)]
    jumps = np.log(inside / (1 - inside))
    jumps = jumps[(jumps > even[0]) & (jumps < even[-1])]
    return np.unique(np.concatenate([even, jumps - BESIDE, jumps + BESIDE]))
