"""Attacks on bounds: populations of runs on convex losses, hill-climbed; the worst one as an exact evidence step.

One coordinate is enough: a bound that is a sum over coordinates is attacked best where each of them is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adanorm_verify.ledger import Step, claims

Array = NDArray[np.float64]
Judge = Callable[[Array], tuple[Array, Array]]
"""From genes, one run a row, to what the bound says of each run and what the run did."""

GRID = 64
"""What an attack chooses is a multiple of 1/GRID, so that the exact replay is of the same run."""


def on_grid(x: Array) -> Array:
    return np.round(x * GRID) / GRID


def positive(x: Array) -> Array:
    """Genes as positive numbers: exp, not below one step of the grid."""
    return np.maximum(on_grid(np.exp(np.clip(x, -4, 4))), 1 / GRID)


def unit(x: Array) -> Array:
    """Genes as numbers from [0, 1]."""
    return on_grid(0.5 + 0.5 * np.tanh(x))


@dataclass(frozen=True)
class Attack:
    """The end of a search.

    Args:
        genes: of the worst run.
        ratio: bound/actual of it.
        instances: runs that were looked at.
        seed: of the search.
    """

    genes: Array
    ratio: float
    instances: int
    seed: int

    def figures(self, how: str) -> dict[str, Any]:
        return {"instances": self.instances, "smallest_ratio": round(self.ratio, 6), "seed": self.seed, "how": how}


def climb(judge: Judge, size: int, seed: int, population: int = 240, generations: int = 120, kept: int = 30) -> Attack:
    """The smallest bound/actual, over runs with actual > 0, that a population finds: normal genes, the best kept and
    mutated by ever smaller steps."""
    rng = np.random.default_rng(seed)
    genes = rng.normal(size=(4 * population, size))
    instances, width = 0, 0.7
    for generation in range(generations + 1):
        bound, actual = judge(genes)
        instances += len(genes)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(actual > 0, bound / actual, np.inf)
        best = np.argsort(ratio, kind="stable")[:kept]
        if generation == generations:
            return Attack(genes[best[0]], float(ratio[best[0]]), instances, seed)
        children = genes[best][rng.integers(kept, size=population)]
        mutated = rng.random(children.shape) < 0.3
        steps = width * rng.exponential(size=(population, 1)) * rng.normal(size=children.shape)
        genes = np.vstack([genes[best], children + mutated * steps])
        width *= 0.97
    raise AssertionError("unreachable")


@dataclass(frozen=True)
class Runs:
    """Runs of one coordinate on the box [0, side], a row each; columns are rounds (points have one more)."""

    gradients: Array
    ratios: Array
    preconditioners: Array
    moments: Array
    points: Array
    sides: Array

    def corrected(self) -> Array:
        """max over x of sum_t s_t (x_t - x): what the pathwise bound bounds."""
        return against_best(self.ratios * self.gradients, self.points, self.sides)

    def regret(self) -> Array:
        """max over x of sum_t g_t (x_t - x)."""
        return against_best(self.gradients, self.points, self.sides)


def against_best(slopes: Array, points: Array, sides: Array) -> Array:
    total = np.sum(slopes, axis=1)
    return np.asarray(np.sum(slopes * points[:, :-1], axis=1) - np.minimum(0, sides * total))


Column = Callable[[int, Array], Array]
"""Round (from 1) and point or gradient to a value for each run."""


def play(
    slope: Column, ratio: Column, preconditioner: Column, beta1: Array | float, start: Array, side: Array, rounds: int
) -> Runs:
    """Runs of x_{t+1} = clip(x_t - m_t/A_t); slope(t, x_t), then ratio(t, g_t), then preconditioner(t, g_t).

    `beta1` is a number, one a run, or one a run and round.
    """
    x, m, betas = start, np.zeros_like(start), np.asarray(beta1)
    columns: dict[str, list[Array]] = {name: [] for name in ("g", "c", "A", "m", "x")}
    for t in range(1, rounds + 1):
        g = slope(t, x)
        c = ratio(t, g)
        b = betas[:, t - 1] if betas.ndim == 2 else betas
        m = b * m + (1 - b) * c * g
        scale = preconditioner(t, g)
        for name, values in zip(columns, (g, c, scale, m, x), strict=True):
            columns[name].append(values)
        x = np.clip(x - m / scale, 0, side)
    columns["x"].append(x)
    g, c, scale, m, x = (np.stack(columns[name], axis=1) for name in columns)
    return Runs(g, c, scale, m, x, side)


def columns(table: Array) -> Column:
    """A table, a column a round, as a rule."""
    return lambda t, _: table[:, t - 1]


def amsgrad(alpha: Array, beta1: Array | float, beta2: Array | float, size: int) -> Column:
    """A_t = (1 - beta1^t) sqrt(v_max/(1 - beta2^t)) sqrt(t)/alpha, v of the gradients themselves."""
    v, v_max = np.zeros(size), np.zeros(size)

    def rule(t: int, g: Array) -> Array:
        nonlocal v, v_max
        v = beta2 * v + (1 - beta2) * g**2
        v_max = np.maximum(v_max, v)
        return np.asarray((1 - beta1**t) * np.sqrt(v_max / (1 - beta2**t)) * np.sqrt(t) / alpha)

    return rule


def adanorm(gamma: Array | float, size: int) -> Column:
    """max(1, e_t/n_t) of gradients that are not zero."""
    e = np.zeros(size)

    def rule(t: int, g: Array) -> Array:
        nonlocal e
        e = gamma * e + (1 - gamma) * np.abs(g)
        return np.maximum(1, e / np.abs(g))

    return rule


# The worst run, exactly -------------------------------------------------------------------------------------------


def text(x: float) -> str:
    return str(Fraction(x))


def texts(xs: Array) -> list[str]:
    return [text(x) for x in xs]


def linear(slopes: Array) -> list[Any]:
    """Losses g_t x, in the checker's language."""
    return [[[[text(g)], "0"]] for g in slopes]


TABLES = {"ratio": "weight[t]", "step": "1", "scale": "1 - beta1**t", "preconditioner": "A[t]"}
"""A run whose ratios and preconditioners are the tables `weight` and `A`."""
AMSGRAD = {"step": "alpha/sqrt(t)", "preconditioner": "sqrt(v_max/(1 - beta2**t))"}
CORRECTED = "sum(s[t]*theta[t] for t in range(1, T + 1)) - min(0, side*sum(s[t] for t in range(1, T + 1)))"
REGRET = "sum(g[t]*theta[t] for t in range(1, T + 1)) - min(0, side*sum(g[t] for t in range(1, T + 1)))"


def replay(
    says: str,
    attack: Attack,
    let: Mapping[str, str],
    data: Mapping[str, Any],
    run: Mapping[str, Any],
    then: Mapping[str, str],
    *hypotheses: str,
) -> Step:
    """An evidence step: the worst run again in exact or interval arithmetic, and bound/actual of it.

    `then` must define `bound` and `actual`; `let` need not define `beta2` and `gamma` where the run reads neither.
    """
    whole = {"beta2": "0", "gamma": "0", **let}
    low, high = (Fraction(int(attack.ratio * 10**6) + d, 10**6) for d in (-1, 2))
    return claims(
        f"{says}; the worst of {attack.instances} runs, again",
        *hypotheses,
        "actual > 0",
        "bound >= actual",
        f"{low}*actual <= bound <= {high}*actual",
        role="evidence",
        let=list(whole.items()),
        data=data,
        run={"box": [["0", "side"]], **run},
        then=list(then.items()),
    )
