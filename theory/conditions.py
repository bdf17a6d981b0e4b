"""Conditions under which plain regret O(sqrt(T)) follows from the pathwise bound."""

from __future__ import annotations

import numpy as np

from adanorm_verify.ledger import Entry, Finding, identity, sign

from .attacks import (
    REGRET,
    Array,
    Column,
    Runs,
    adanorm,
    climb,
    columns,
    on_grid,
    play,
    positive,
    text,
    unit,
)
from .pathwise import BOUND, METHOD, bound_of, table_replay

ROUNDS = 15
"""Of the attacks."""
HOW = (
    f"gradients, ratios within the condition, A_t, box and start free over {ROUNDS} rounds, beta1 = 0.9; as path.bound"
)


def slopes_of(genes: Array) -> Array:
    g = on_grid(genes[:, :ROUNDS])
    return np.where(g == 0, 1 / 64, g)


def against(genes: Array, ratio: Column, slope: Column | None = None) -> Runs:
    """Runs at beta1 = 0.9 with gradients, A_t, box and start from the genes."""
    sides = positive(genes[:, -1])
    return play(
        slope or columns(slopes_of(genes)),
        ratio,
        columns(positive(genes[:, ROUNDS : 2 * ROUNDS])),
        0.9,
        unit(genes[:, -2]) * sides,
        sides,
        ROUNDS,
    )


SIZE = 3 * ROUNDS + 4


def free(genes: Array) -> Array:
    return 1 + on_grid(np.abs(genes[:, 2 * ROUNDS : 3 * ROUNDS]))


# A common minimiser -----------------------------------------------------------------------------------------------


def common() -> Finding:
    def runs_of(genes: Array) -> tuple[Runs, Array]:
        weights, at = np.abs(slopes_of(genes)), unit(genes[:, -3]) * positive(genes[:, -1])
        runs = against(genes, columns(free(genes)), lambda t, x: weights[:, t - 1] * np.where(x >= at, 1.0, -1.0))
        return runs, at

    def judge(genes: Array) -> tuple[Array, Array]:
        runs, at = runs_of(genes)
        return bound_of(runs, 0.9)[:, -1], np.sum(runs.gradients * (runs.points[:, :-1] - at[:, None]), axis=1)

    attack = climb(judge, SIZE, 421)
    runs, at = runs_of(attack.genes[None])
    pieces = [
        [[[text(w)], text(-w * at[0])], [[text(-w)], text(w * at[0])]] for w in np.abs(slopes_of(attack.genes[None]))[0]
    ]
    step = table_replay(
        "losses w_t |x - x*|",
        attack,
        runs,
        "9/10",
        {"bound": BOUND, "actual": "sum(f[t] - loss(t, at) for t in range(1, T + 1))"},
        "all(c[t] >= 1 for t in range(1, T + 1))",
        at=text(at[0]),
    )
    step = {**step, "run": {**step["run"], "losses": pieces}}
    proof = sign(
        "r = f_t(x_t) - f_t(x*) >= 0 in every round, so that r <= c_t r, and sum c_t r_t <= B_T (path.regret)",
        "c*r >= r",
        "(c - 1)*r",
        "c r",
        ["c - 1 >= 0", "r >= 0"],
    )
    return Finding((proof, step), figures={"attack": attack.figures(HOW)})


# Ratios that come down to one ------------------------------------------------------------------------------------


def vanishing() -> Finding:
    def runs_of(genes: Array) -> tuple[Runs, Array]:
        most = positive(genes[:, -3])
        excess = most[:, None] / np.sqrt(np.arange(1, ROUNDS + 1)) * unit(genes[:, 2 * ROUNDS : 3 * ROUNDS])
        return against(genes, columns(1 + np.floor(excess * 64) / 64)), most

    def judge(genes: Array) -> tuple[Array, Array]:
        runs, most = runs_of(genes)
        extra = most * runs.sides * np.max(np.abs(runs.gradients), axis=1) * (2 * np.sqrt(ROUNDS) - 1)
        return bound_of(runs, 0.9)[:, -1] + extra, runs.regret()

    attack = climb(judge, SIZE, 422)
    runs, most = runs_of(attack.genes[None])
    step = table_replay(
        "ratios at most 1 + k/sqrt(t)",
        attack,
        runs,
        "9/10",
        {"bound": f"{BOUND} + k*side*max(n[t] for t in range(1, T + 1))*(2*sqrt(T) - 1)", "actual": REGRET},
        "all((c[t] - 1)**2*t <= k**2 for t in range(1, T + 1))",
        "all(c[t] >= 1 for t in range(1, T + 1))",
        k=text(most[0]),
    )
    proof = sign(
        "path.regret leaves sum (c_t - 1) L_t, L_t = g_t.(x - x_t) <= N; with h = c_t - 1 <= k q, q = 1/sqrt(t), a "
        "term is at most k N q, and sum q <= 2 sqrt(T) - 1 (path.roots)",
        "k*q*N >= h*L",
        "(k*q - h)*N + h*(N - L)",
        "L N h k q",
        ["k*q - h >= 0", "h >= 0", "N >= 0", "N - L >= 0"],
    )
    return Finding((proof, step), figures={"attack": attack.figures(HOW)})


# Norms that come down little -------------------------------------------------------------------------------------


def downward() -> Finding:
    def runs_of(genes: Array) -> tuple[Runs, Array]:
        gamma = np.minimum(unit(genes[:, -3]), 63 / 64)
        return against(genes, adanorm(gamma, len(genes))), gamma

    def judge(genes: Array) -> tuple[Array, Array]:
        runs, gamma = runs_of(genes)
        falls = np.sum(np.maximum(-np.diff(np.abs(runs.gradients), axis=1), 0), axis=1)
        return bound_of(runs, 0.9)[:, -1] + runs.sides * gamma / (1 - gamma) * falls, runs.regret()

    attack = climb(judge, SIZE, 423)
    runs, gamma = runs_of(attack.genes[None])
    run = {"ratio": "max(1, e/n)"}
    step = table_replay(
        "AdaNorm's ratios",
        attack,
        runs,
        "9/10",
        {
            "bound": f"{BOUND} + side*gamma/(1 - gamma)*sum(max(0, n[t-1] - n[t]) for t in range(2, T + 1))",
            "actual": REGRET,
        },
        gamma=text(gamma[0]),
    )
    data = {"A": step["data"]["A"]}
    steps = (
        identity("e_t - n_t = gamma (e_{t-1} - n_{t-1}) + gamma (n_{t-1} - n_t)",
                 "c*e0 + (1 - c)*n - n", "c*(e0 - n0) + c*(n0 - n)", "c e0 n n0"),
        sign("t = 1: e_1 - n_1 = -gamma n_1 is not positive", "n >= (1 - c)*n", "c*n", "c n", ["c >= 0", "n >= 0"]),
        sign(
            "with p0 and p the positive parts of e - n at t - 1 and t, and w that of n_{t-1} - n_t: gamma p0 + gamma "
            "w is at least e_t - n_t (r = e_{t-1} - n_{t-1}, d = n_{t-1} - n_t), and it is not negative: it is at "
            "least p",
            "c*p0 + c*w >= c*r + c*d",
            "c*(p0 - r) + c*(w - d)",
            "c d p0 r w",
            ["c >= 0", "p0 - r >= 0", "w - d >= 0"],
        ),
        sign(
            "sum p_t <= k W_T - k p_T with k = gamma/(1 - gamma), W_T = sum of w, from 0 <= 0 at t = 1 on: the right "
            "side grows by k w - k p + k p0, which is at least p",
            "c/(1 - c)*w - c/(1 - c)*p + c/(1 - c)*p0 >= p",
            "(c*p0 + c*w - p)/(1 - c)",
            "c p p0 w",
            ["c*p0 + c*w - p >= 0", "1 - c > 0"],
        ),
        sign(
            "path.regret leaves sum (c_t - 1) g_t.(x - x_t), and (c_t - 1) n_t = p_t where n_t > 0: L = "
            "g_t.(x - x_t) <= n_t D (Cauchy's inequality), h = c_t - 1",
            "p*D >= h*L",
            "h*(n*D - L) + (p - h*n)*D",
            "D L h n p",
            ["h >= 0", "n*D - L >= 0", "p - h*n >= 0", "D >= 0"],
        ),
        {**step, "data": data, "run": {**step["run"], **run}},
    )  # fmt: skip
    return Finding(steps, figures={"attack": attack.figures(HOW + ", gamma free")})


# Ratios that never decrease --------------------------------------------------------------------------------------


def nondecreasing() -> Finding:
    def runs_of(genes: Array) -> Runs:
        return against(genes, columns(1 + np.cumsum(free(genes) - 1, axis=1)))

    def judge(genes: Array) -> tuple[Array, Array]:
        runs = runs_of(genes)
        return np.max(bound_of(runs, 0.9), axis=1), runs.regret()

    attack = climb(judge, SIZE, 424)
    runs = runs_of(attack.genes[None])
    at = int(np.argmax(bound_of(runs, 0.9)[0])) + 1
    step = table_replay(
        "ratios that never decrease",
        attack,
        runs,
        "9/10",
        {"bound": BOUND.replace("T", "until"), "actual": REGRET},
        "all(c[t] >= c[t-1] for t in range(2, T + 1))",
        "c[1] >= 1",
        until=str(at),
    )
    steps = (
        identity("t = 1: w_1 r_1 = w_1 M - w_1 (M - S_1), S_1 = r_1", "w*r", "w*M - w*(M - r)", "M r w"),
        sign(
            "S_t = sum_{k<=t} c_k r_k is at most M = max B_t (path.regret). With w = 1/c_t, which never rises (w0 "
            "before it), the invariant is sum w_k c_k r_k <= w_1 M - w_t (M - S_t): from S to S + r",
            "-w*(M - (S + r)) + w0*(M - S) >= w*r",
            "(w0 - w)*(M - S)",
            "M S r w w0",
            ["w0 - w >= 0", "M - S >= 0"],
        ),
        sign(
            "at the end it is at most M: w_1 <= 1, and M >= 0",
            "M >= w1*M - w*(M - S)",
            "(1 - w1)*M + w*(M - S)",
            "M S w w1",
            ["1 - w1 >= 0", "M >= 0", "w >= 0", "M - S >= 0"],
        ),
        step,
    )
    return Finding(steps, figures={"attack": attack.figures(HOW)})


ENTRIES = (
    Entry(
        "cond.common-minimiser",
        "ours",
        f"{METHOD}, convex f_t, any c_t >= 1: if one x* of the box minimises every f_t on it, then "
        "sum_{t<=T} (f_t(x_t) - f_t(x*)) <= B_T for every T.",
        "proved",
        common,
        "With a minimiser common to all losses, as in a model that can fit every example, no round has a negative gap, "
        "so weights of at least 1 only help the bound: plain regret is O(sqrt(T)) wherever B_T is.",
        uses=("thm2.b", "sec31.S3"),
        rests_on=("path.regret",),
    ),
    Entry(
        "cond.vanishing",
        "ours",
        f"{METHOD}, convex f_t, 1 <= c_t <= 1 + k/sqrt(t): R(T) <= B_T + k N (2 sqrt(T) - 1), where N bounds "
        "|g_t.(x_t - x)|, such as ||g||_2 ||D||_2 or sum_i G_i D_i.",
        "proved",
        vanishing,
        "A correction that comes down to 1 as fast as the step size costs O(sqrt(T)). Slower is not enough: see "
        "cond.convergent.",
        uses=("thm2.b",),
        rests_on=("path.regret", "path.roots"),
    ),
    Entry(
        "cond.downward",
        "ours",
        f"{METHOD}, convex f_t, AdaNorm's c_t = max(1, e_t/n_t), 0 <= gamma < 1: R(T) <= B_T + ||D||_2 gamma/(1 - "
        f"gamma) "
        "V_T, V_T = sum_{2<=t<=T} (n_{t-1} - n_t)_+.",
        "proved",
        downward,
        "Only falls of the gradient norm make the correction fire. If the norms come down by a bounded amount in "
        "all, or by O(sqrt(T)), plain regret is O(sqrt(T)); at the default gamma a fall of 1 costs at most 19 times "
        "the diameter. The counterexamples have norms that fall again in every period.",
        uses=("thm2.b", "sec2.7.d"),
        rests_on=("path.regret",),
    ),
    Entry(
        "cond.nondecreasing",
        "ours",
        f"{METHOD}, convex f_t, 1 <= c_1 <= c_2 <= ...: R(T) <= max_{{t<=T}} B_t for every T.",
        "proved",
        nondecreasing,
        "Ratios that never decrease cost nothing: each is a weight that comes off again by summation by parts. A "
        "constant ratio is a case of it. That they are capped matters only for B_t to be O(sqrt(t)) (path.amsgrad). "
        "That they converge is not enough (cond.convergent).",
        uses=("thm2.b",),
        rests_on=("path.regret",),
    ),
)
