"""Expectations without sampling: a method against losses drawn by fair coins, on the tree of all outcomes.

Nodes are numbered from 1; node k has the children 2k and 2k + 1, one an outcome of the next round, so that round t
leads to nodes 2^t to 2^(t+1) - 1. Arrays have a run a row and a node a column (column 0 is not used).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from adanorm_verify.ledger import Step, claims

from .attacks import Array, Attack

ROUNDS = 4
NODES = 2 ** (ROUNDS + 1)
Ratio = Callable[[int, Array, Array], Array]
"""Child, its gradient and the parent's norm average to the ratio of the round between them."""


@dataclass(frozen=True)
class Tree:
    """Runs on [0, side] at beta1 = 9/10; slopes and A_t a round, `weights` the ratio that led to a node."""

    slopes: Array
    scales: Array
    weights: Array
    points: Array
    moments: Array
    averages: Array
    sides: Array

    def pseudo_regret(self) -> Array:
        """Expected losses minus those of the best fixed point for the mean slopes."""
        means = np.mean(self.slopes, axis=2)
        return np.asarray(self.spent() - np.minimum(0, self.sides * np.sum(means, axis=1)))

    def regret(self) -> Array:
        """Expected losses minus those of the best fixed point in hindsight."""
        totals = np.zeros((len(self.sides), 1))
        for t in range(ROUNDS):
            totals = (totals[:, :, None] + self.slopes[:, t, None, :]).reshape(len(totals), -1)
        return np.asarray(self.spent() - np.mean(np.minimum(0, self.sides[:, None] * totals), axis=1))

    def spent(self) -> Array:
        """E sum_t g_t x_t."""
        means = np.mean(self.slopes, axis=2)
        return np.asarray(
            sum(means[:, t] * np.mean(self.points[:, 2**t : 2 ** (t + 1)], axis=1) for t in range(ROUNDS))
        )

    def bound(self) -> Array:
        """E B_T."""
        side, scales, kappa = self.sides, self.scales, 9.0
        total = side**2 / 2 * (scales[:, 0] + np.sum(np.maximum(np.diff(scales, axis=1), 0), axis=1))
        for t in range(1, ROUNDS + 1):
            squares = np.mean(self.moments[:, 2**t : 2 ** (t + 1)] ** 2, axis=1)
            total = total + (0.5 + kappa) * squares / scales[:, t - 1]
        last = np.abs(self.moments[:, 2**ROUNDS :])
        end = np.minimum(kappa * side[:, None] * last, kappa**2 * last**2 / (2 * scales[:, -1:]))
        return np.asarray(total + np.mean(end, axis=1))


def grow(slopes: Array, scales: Array, ratio: Ratio, gamma: Array, start: Array, sides: Array) -> Tree:
    """All outcomes: round t has slopes[:, t - 1, 0] or slopes[:, t - 1, 1], each with probability 1/2."""
    empty = np.zeros((len(start), NODES))
    points, moments, averages, weights = empty.copy(), empty.copy(), empty.copy(), empty.copy()
    points[:, 1] = start
    for node in range(2, NODES):
        t, parent = node.bit_length() - 1, node // 2
        g = slopes[:, t - 1, node % 2]
        averages[:, node] = gamma * averages[:, parent] + (1 - gamma) * np.abs(g)
        weights[:, node] = ratio(node, g, averages[:, parent])
        moments[:, node] = 0.9 * moments[:, parent] + 0.1 * weights[:, node] * g
        points[:, node] = np.clip(points[:, parent] - moments[:, node] / scales[:, t - 1], 0, sides)
    return Tree(slopes, scales, weights, points, moments, averages, sides)


SPENT = f"sum(mean[t]*sum(x[k] for k in range(2**(t-1), 2**t))/2**(t-1) for t in range(1, {ROUNDS + 1}))"
NODE = f"for k in range(2, {NODES})"
LEAF = f"for k in range({2**ROUNDS}, {NODES})"
PARENT = f"for k in range(1, {2**ROUNDS})"
PSEUDO = f"{SPENT} - min(0, side*sum(mean[t] for t in range(1, {ROUNDS + 1})))"
HINDSIGHT = f"{SPENT} - sum(min(0, side*total[k])/{2**ROUNDS} {LEAF})"
EXPECTED = (
    f"side**2/2*(A[1] + sum(max(0, A[t] - A[t-1]) for t in range(2, {ROUNDS + 1})))"
    f" + 19/2*sum(sum(m[k]**2 for k in range(2**t, 2**(t+1)))/2**t/A[t] for t in range(1, {ROUNDS + 1}))"
    f" + sum(min(9*side*abs(m[k]), 81*m[k]**2/(2*A[{ROUNDS}]))/{2**ROUNDS} {LEAF})"
)
"""E B_T."""


def law(t: int, child: str) -> tuple[str, ...]:
    """That the nodes of round t, of the given number in terms of their parents' k, are a step of the method."""
    over = f"for k in range({2 ** (t - 1)}, {2**t})"
    return (
        f"all(total[{child}] == total[k] + g[{child}] {over})",
        f"all(e[{child}] == gamma*e[k] + (1 - gamma)*abs(g[{child}]) {over})",
        f"all(m[{child}] == 9/10*m[k] + 1/10*weight[{child}]*g[{child}] {over})",
        f"all(x[{child}] == min(max(x[k] - m[{child}]/A[{t}], 0), side) {over})",
    )


TREE = (
    "m[1] == 0",
    "e[1] == 0",
    "total[1] == 0",
    "0 <= x[1] <= side",
    *(
        f"all(mean[{t}] == (g[2*k] + g[2*k + 1])/2 for k in range({2 ** (t - 1)}, {2**t}))"
        for t in range(1, ROUNDS + 1)
    ),
    *(claim for t in range(1, ROUNDS + 1) for child in ("2*k", "2*k + 1") for claim in law(t, child)),
)
"""That the tables are the tree of a method's runs."""


def replay(
    says: str, attack: Attack, tree: Tree, bound: str, actual: str = PSEUDO, gamma: str = "0", adanorm: bool = False
) -> Step:
    """The first tree of some, node by node in exact rationals: an evidence step.

    Args:
        says: for the reader.
        attack: that found it.
        tree: of numbers on the grid.
        bound: in terms of `expected`, which is E B_T.
        actual: what it bounds.
        gamma: of the norm average.
        adanorm: whether the ratios are AdaNorm's; else they are the tree's, and must not depend on the outcome.
    """
    f = [[Fraction(x) for x in row] for row in tree.slopes[0]]
    scales, side = [Fraction(x) for x in tree.scales[0]], Fraction(tree.sides[0])
    c, beta = Fraction(gamma), Fraction(9, 10)
    x, m, e, w, total, slope = ([Fraction(0)] * NODES for _ in range(6))
    x[1] = Fraction(tree.points[0, 1])
    for node in range(2, NODES):
        t, parent = node.bit_length() - 1, node // 2
        g = slope[node] = f[t - 1][node % 2]
        total[node] = total[parent] + g
        e[node] = c * e[parent] + (1 - c) * abs(g)
        w[node] = max(Fraction(1), e[node] / abs(g)) if adanorm else Fraction(tree.weights[0, node])
        m[node] = beta * m[parent] + (1 - beta) * w[node] * g
        x[node] = min(max(x[parent] - m[node] / scales[t - 1], Fraction(0)), side)
    data = {
        **{name: row[1:] for name, row in zip("xmeg", (x, m, e, slope), strict=True)},
        "weight": w[1:],
        "total": total[1:],
        "A": scales,
        "mean": [(a + b) / 2 for a, b in f],
    }
    low, high = (Fraction(int(attack.ratio * 10**6) + d, 10**6) for d in (-1, 2))
    ratios = [f"all(weight[k] == max(1, e[k]/abs(g[k])) {NODE})"] if adanorm else [
        f"all(weight[2*k] == weight[2*k + 1] >= 1 {PARENT})"
    ]  # fmt: skip
    return claims(
        f"{says}; the worst of {attack.instances} trees of {2**ROUNDS} outcomes, again: node k has the children 2k and "
        "2k + 1, each with probability 1/2",
        *TREE,
        *ratios,
        "actual > 0",
        "bound >= actual",
        f"{low}*actual <= bound <= {high}*actual",
        role="evidence",
        let=[("side", str(side)), ("gamma", gamma), ("actual", actual), ("expected", EXPECTED), ("bound", bound)],
        data={name: [str(v) for v in values] for name, values in data.items()},
    )
