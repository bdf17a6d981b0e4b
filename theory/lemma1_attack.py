"""A search for gradients that need a large constant in Lemma 1."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np

ATTACKED = ("1", "0.67", "0.51", "0.4", "0.32", "0.25", "0.19", "0.14", "0.14", "0.14")
"""Gradients for Lemma 1 that the search below found, rounded; none is below the average of those before it."""


def ratio(g: np.ndarray) -> float:
    """Left side of Lemma 1 over ||g||, where no correction fires."""
    m = v = total = 0.0
    for t, x in enumerate(g, 1):
        m, v = 0.9 * m + 0.1 * x, 0.999 * v + 0.001 * x * x
        total += (m / (1 - 0.9**t)) ** 2 / sqrt(t * v / (1 - 0.999**t))
    return total / sqrt(float(g @ g))


def admissible(g: np.ndarray) -> bool:
    """Whether no gradient is below the average of those before it: e_t/|g_t| <= G_inf/G = 1."""
    e = 0.0
    for x in g:
        if e > x:
            return False
        e = 0.95 * e + 0.05 * x
    return True


def climbed(rounds: int, steps: int = 1000, seed: int = 0) -> float:
    """The largest ratio that hill climbing finds from gradients 1, 1, ..."""
    random = np.random.default_rng(seed)
    g, size = np.ones(rounds), 0.3
    best = ratio(g)
    for _ in range(steps):
        other = g * np.exp(size * random.normal(size=rounds) * (random.random(rounds) < 0.3))
        other = other / other.max()
        found = ratio(other) if admissible(other) else 0.0
        if found > best:
            g, best = other, found
        else:
            size = max(0.01, size * 0.997)
    return best


def lemma_figures() -> Mapping[str, Any]:
    trivial = sqrt(0.01 / (0.001 * (1 - 0.81 / 0.999)))
    claimed = 2 / ((1 - 0.81 / sqrt(0.999)) ** 2 * sqrt(0.001))
    return {
        "necessary, by hill climbing (seed 0, 1000 steps), by T": {str(T): round(climbed(T), 3) for T in (5, 10, 30)},
        "trivial bound": "2 sqrt(T) G_inf sqrt(K) with |m_hat| <= sqrt(K v_hat), K as in sec31.v.step",
        "claimed over trivial, constant gradients of size 1": round(claimed / (2 * trivial), 1),
        "T from which it says more than the trivial bound, one gradient of size 1 and then none": round(
            (claimed / (2 * trivial)) ** 2
        ),
    }
