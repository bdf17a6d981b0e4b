"""Ratios that are frozen over epochs: plain regret, with the momentum that is carried over their borders."""

from __future__ import annotations

import numpy as np

from adanorm_verify.ledger import Entry, Finding, identity, sign

from .attacks import REGRET, Array, Runs, climb, columns
from .conditions import HOW, SIZE, against, free
from .pathwise import METHOD, table_replay
from .pathwise_amsgrad import BASE

FIRST = (1, 2, 4, 8)
"""First rounds of the attack's epochs; the last one ends with round 15."""
KAPPA = 9.0
WINDOWS = (
    "sum((side**2/2*(A[2**j] + sum(max(0, A[t] - A[t-1]) for t in range(2**j + 1, 2**(j+1))))"
    " + (1/2 + kappa)*sum(m[t]**2/A[t] for t in range(2**j, 2**(j+1)))"
    " + min(kappa*side*abs(m[2**(j+1) - 1]), kappa**2*m[2**(j+1) - 1]**2/(2*A[2**(j+1) - 1])))/c[2**j]"
    " for j in range(0, 4)) + sum(kappa*side*abs(m[2**j - 1])/c[2**j] for j in range(1, 4))"
)


def frozen(genes: Array) -> Runs:
    return against(genes, columns(np.repeat(free(genes)[:, :4], FIRST, axis=1)))


def windows(runs: Runs) -> Array:
    """sum_j W_j/C_j."""
    total = np.zeros(len(runs.sides))
    squares, side = runs.moments**2 / runs.preconditioners, runs.sides
    for first in FIRST:
        scale, a, b = runs.preconditioners[:, first - 1 : 2 * first - 1], first - 1, 2 * first - 1
        part = side**2 / 2 * (scale[:, 0] + np.sum(np.maximum(np.diff(scale, axis=1), 0), axis=1))
        part = part + (0.5 + KAPPA) * np.sum(squares[:, a:b], axis=1)
        part = part + np.minimum(KAPPA * side * np.abs(runs.moments[:, b - 1]), KAPPA**2 * squares[:, b - 1] / 2)
        part = part + (KAPPA * side * np.abs(runs.moments[:, a - 1]) if a else 0)
        total = total + part / runs.ratios[:, a]
    return total


def epochs() -> Finding:
    attack = climb(lambda genes: ((runs := frozen(genes)) and windows(runs), runs.regret()), SIZE, 425)
    step = table_replay(
        "ratios frozen over rounds 1, 2-3, 4-7, 8-15",
        attack,
        frozen(attack.genes[None]),
        "9/10",
        {"bound": WINDOWS, "actual": REGRET},
        "all(c[t] == c[2] for t in range(2, 4))",
        "all(c[t] == c[4] for t in range(4, 8))",
        "all(c[t] == c[8] for t in range(8, 16))",
    )
    steps = (
        sign(
            "in an epoch with the ratio C >= 1, C sum r_t = sum c_t r_t <= W (path.window; r_t = f_t(x_t) - f_t(x), r "
            "their sum), so that sum r_t <= W/C <= W",
            "W >= r",
            "((W - C*r) + (C - 1)*W)/C",
            "C W r",
            ["W - C*r >= 0", "C - 1 >= 0", "W >= 0", "C > 0"],
        ),
        sign(
            "doubling epochs on AMSGrad, an epoch that ends with round b: A_a + sum of rises = A_b (path.monotone) <= "
            "(G + eps) R/alpha, R = sqrt(b), a = sqrt(u_b/(1 - beta2^b)) <= G (path.amsgrad), z = beta1^b",
            "(G + eps)*R/alpha >= (1 - z)*(a + eps)*R/alpha",
            "((G - a) + z*(a + eps))*R/alpha",
            "G R a alpha eps z",
            ["G - a >= 0", "z >= 0", "a >= 0", "eps >= 0", "R >= 0", "alpha > 0"],
        ),
        identity(
            "with r = sqrt(2), J >= 0 full epochs end before 2, ..., 2^J; sum_{j<=J} sqrt(2^j) is (2 + r)(r^J - 1): "
            "from J to J + 1, y = r^J, and 2 - r^2 = 0 is used as r^2 = 2",
            "(2 + r)*(r*y - 1) - (2 + r)*(y - 1)",
            "r*y + (r**2 - 2)*y",
            "r y",
        ),
        sign(
            "with R = sqrt(T) >= r^J = y, the full epochs and the one that T cuts add up to at most (3 + r) R",
            "(3 + r)*R >= (2 + r)*(y - 1) + R",
            "(2 + r)*(R - y) + 2 + r",
            "R r y",
            ["R - y >= 0", "r >= 0"],
        ),
        sign(
            "momentum: each epoch pays kappa D |m| at its end, and at its beginning, at most kappa D C G each "
            "(path.amsgrad, a = |m|); there are at most 1 + log2(T) epochs, since 2^J <= T",
            "k*D*C*G >= k*D*a",
            "k*D*(C*G - a)",
            "C D G a k",
            ["k >= 0", "D >= 0", "C*G - a >= 0"],
        ),
        step,
    )
    return Finding(steps, figures={"attack": attack.figures(HOW)})


ENTRIES = (
    Entry(
        "cond.epochs",
        "ours",
        f"{METHOD}, convex f_t, ratios c_t = C_j >= 1 throughout each of some epochs: R(T) <= sum_j W_j/C_j, W_j the "
        f"bound of path.window for epoch j. With epochs [2^j, 2^(j+1)) on {BASE}, C_j <= C: R(T) <= sum_i {{ (3 + "
        f"sqrt(2)) D_i^2 "
        "(G_i + eps) sqrt(T)/(2 alpha) + alpha C^2 (1 + beta1)/(2(1 - beta1)) (min(2 sqrt(T) - 1, T sqrt(1 - beta2)) "
        "+ 2 beta2/sqrt(1 - beta2)) sqrt(u_{T,i}) + 2 beta1/(1 - beta1) C D_i G_i (1 + log2(T)) }.",
        "proved",
        epochs,
        "Ratios may be anything, up or down, if each is kept for an epoch twice as long as the one before. Each epoch "
        "starts afresh with the width of the box, which costs a factor 3 + sqrt(2) in the first term, and the momentum "
        "carried over a border costs a constant an epoch.",
        uses=("thm2.b",),
        rests_on=("path.regret", "path.window", "path.monotone", "path.amsgrad"),
    ),
)
