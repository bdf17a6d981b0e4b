"""Guarded corrections: norm corrections whose plain regret is O(sqrt(T)), with explicit constants."""

from __future__ import annotations

import numpy as np

from adanorm_verify.ledger import Entry, Finding, Step, claims, identity, sign

from .attacks import (
    AMSGRAD,
    REGRET,
    Array,
    Attack,
    Column,
    Runs,
    adanorm,
    climb,
    linear,
    positive,
    replay,
    text,
)
from .conditions import HOW, SIZE, against, slopes_of
from .pathwise import BOUND, KAPPA, METHOD, bound_of, table_replay
from .pathwise_amsgrad import BASE, ROUNDS, amsgrad_bound, drawn

CAP = 1 + 1 / np.sqrt(2)
"""The largest ratio of guard.decaying: 1 + 1/sqrt(t) from t = 2 on, and 1 at t = 1."""


def guarded_bound(
    rounds: Array,
    sides: Array,
    largest: Array,
    alpha: float | Array,
    beta1: float | Array = 0.9,
    beta2: float | Array = 0.999,
    eps: float = 0.0,
) -> Array:
    """The right side of guard.decaying at each number of rounds; arguments as for `amsgrad_bound`."""
    cross = np.sum(np.asarray(sides, dtype=np.float64) * np.asarray(largest, dtype=np.float64), axis=-1)[..., None]
    extra = (2 * np.sqrt(np.asarray(rounds, dtype=np.float64)) - 2) * cross
    return np.asarray(amsgrad_bound(rounds, sides, largest, alpha, beta1, beta2, CAP, eps) + extra)


def guard(genes: Array, gamma: Array) -> Column:
    """min(max(1, e_t/n_t), 1 + 1/sqrt(t))."""
    corrected = adanorm(gamma, len(genes))
    return lambda t, g: np.minimum(corrected(t, g), 1 + 1 / np.sqrt(t))


CLOSED = (
    "side**2*sqrt(T)*G/(2*alpha) + alpha*(3/2 + sqrt(2))*(1 + beta1)/(2*(1 - beta1))*(min(2*sqrt(T) - 1, "
    "T*sqrt(1 - beta2)) + 2*beta2/sqrt(1 - beta2))*sqrt(1 - beta2**T)*G + kappa*(1 + sqrt(1/2))*side*G"
    " + (2*sqrt(T) - 2)*side*G"
)
GUARD = "min(max(1, e/n), 1 + 1/sqrt(t))"


def attack_guard(defaults: bool, seed: int) -> tuple[Attack, Step]:
    def judge(genes: Array) -> tuple[Array, Array]:
        runs, settings = drawn(genes, defaults, guard)
        most = np.max(np.abs(runs.gradients), axis=1)[:, None]
        alpha, beta1, beta2 = (settings[name] for name in ("alpha", "beta1", "beta2"))
        bound = guarded_bound(np.array([ROUNDS]), runs.sides[:, None], most, alpha, beta1, beta2)
        return bound[:, 0], runs.regret()

    attack = climb(judge, ROUNDS + 6, seed)
    runs, settings = drawn(attack.genes[None], defaults, guard)
    exact = {"beta1": "9/10", "beta2": "999/1000", "gamma": "19/20"}
    let = {name: exact[name] if defaults and name in exact else text(x[0]) for name, x in settings.items()}
    step = replay(
        "default betas and gamma, alpha free" if defaults else "alpha, betas and gamma free",
        attack,
        {**let, "side": text(runs.sides[0]), **KAPPA},
        {},
        {
            "losses": linear(runs.gradients[0]),
            "start": [text(runs.points[0, 0])],
            "rounds": str(ROUNDS),
            "ratio": GUARD,
            **AMSGRAD,
        },
        {"G": "max(n[t] for t in range(1, T + 1))", "bound": CLOSED, "actual": REGRET},
    )
    return attack, step


def cycle(ratio: str, *comparisons: str) -> Step:
    """The losses 3|x + 1|, |x - 1|, |x - 1| on [-1, 1], whose best point is -1, on AMSGrad for 300 rounds."""
    return claims(
        f"3|x + 1|, |x - 1|, |x - 1| again and again, AMSGrad with step size 2/sqrt(t), defaults, from 1; c = {ratio}",
        *comparisons,
        role="evidence",
        let=[("beta1", "9/10"), ("beta2", "999/1000"), ("gamma", "19/20"), ("alpha", "2")],
        run={
            "losses": [[[["3"], "3"], [["-3"], "-3"]], *[[[["-1"], "1"], [["1"], "-1"]]] * 2],
            "start": ["1"],
            "box": [["-1", "1"]],
            "rounds": "300",
            "ratio": ratio,
            **AMSGRAD,
        },
        then=[
            ("regret", "sum(f[t] - loss(t, -1) for t in range(1, T + 1))"),
            ("late", "sum(f[t] - loss(t, -1) for t in range(241, T + 1))"),
        ],
    )


def decaying() -> Finding:
    default, defaults = attack_guard(True, 451)
    free, freely = attack_guard(False, 452)
    steps = (
        sign(
            "t = 1: e_1 = (1 - gamma) n_1 <= n_1, so that c_1 = 1",
            "n >= (1 - c)*n",
            "c*n",
            "c n",
            ["c >= 0", "n >= 0"],
        ),
        sign(
            "later c_t <= 1 + 1/sqrt(t) <= 1 + 1/sqrt(2): the cap C of path.amsgrad (R = sqrt(t) >= r = sqrt(2))",
            "1 + 1/r >= 1 + 1/R",
            "(R - r)/(r*R)",
            "R r",
            ["R - r >= 0", "r > 0", "R > 0"],
        ),
        identity("C^2 = 3/2 + sqrt(2), r^2 = 2: (1 + r/2)^2 differs by (r^2 - 2)/4", "(1 + r/2)**2",
                 "3/2 + r + (r**2 - 2)/4", "r"),
        sign(
            "path.regret: what is left is sum_{2<=t<=T} (c_t - 1) sum_i |g_{t,i}| D_i; with h = c_t - 1 <= q = "
            "1/sqrt(t), a = |g| <= G a term is at most q G D, and the sum of q from 2 to T is at most 2 sqrt(T) - 2 "
            "(path.roots)",
            "q*G*D >= h*a*D",
            "D*((q - h)*G + h*(G - a))",
            "D G a h q",
            ["q - h >= 0", "h >= 0", "G >= 0", "G - a >= 0", "D >= 0"],
        ),
        defaults,
        freely,
        cycle("max(1, e/n)", "regret > 81", "late > 30"),
        cycle(GUARD, "6 <= regret <= 601/100", "late == 0"),
    )  # fmt: skip
    how = f"gradients, alpha, box and start free over {ROUNDS} rounds; as path.bound"
    return Finding(
        steps,
        figures={
            "attack at the defaults": default.figures(how),
            "attack": free.figures(how + ", betas and gamma free"),
            "regret on the period of three after 300 rounds": {
                "AdaNorm": "> 81, > 30 of it in the last 60",
                "guarded": "6",
            },
        },
    )


# A budget ---------------------------------------------------------------------------------------------------------


def budgeted(genes: Array) -> tuple[Runs, Array]:
    """Ratios as large as the genes ask for and the budget allows, rounded down to the grid."""
    share = positive(genes[:, -3])
    spent, most = np.zeros(len(genes)), np.zeros(len(genes))

    def ratio(t: int, g: Array) -> Array:
        nonlocal spent, most
        n = np.abs(g)
        most = np.maximum(most, n)
        left = np.maximum(share * np.sqrt(t) * most - spent, 0)
        excess = np.floor(np.minimum(np.abs(genes[:, 2 * len(slopes[0]) + t - 1]), left / n) * 64) / 64
        spent = spent + excess * n
        return 1 + excess

    slopes = slopes_of(genes)
    return against(genes, ratio), share


def budget() -> Finding:
    def judge(genes: Array) -> tuple[Array, Array]:
        runs, share = budgeted(genes)
        most, rounds = np.max(np.abs(runs.gradients), axis=1), runs.gradients.shape[1]
        return bound_of(runs, 0.9)[:, -1] + share * np.sqrt(rounds) * most * runs.sides, runs.regret()

    attack = climb(judge, SIZE, 453)
    runs, share = budgeted(attack.genes[None])
    step = table_replay(
        "ratios within a budget",
        attack,
        runs,
        "9/10",
        {"bound": f"{BOUND} + k*sqrt(T)*max(n[t] for t in range(1, T + 1))*side", "actual": REGRET},
        "all(sum((c[j] - 1)*n[j] for j in range(1, t + 1))**2 <= k**2*t*max(n[j] for j in range(1, t + 1))**2"
        " for t in range(1, T + 1))",
        "all(c[t] >= 1 for t in range(1, T + 1))",
        k=text(share[0]),
    )
    steps = (
        sign(
            "what is left is never negative: spent <= k sqrt(t-1) M' for the largest norm M' so far, and both "
            "factors grow (R0, M0 before; R = sqrt(t), M)",
            "k*R*M >= s",
            "(k*R0*M0 - s) + k*((R - R0)*M + R0*(M - M0))",
            "M M0 R R0 k s",
            ["k*R0*M0 - s >= 0", "k >= 0", "R - R0 >= 0", "M >= 0", "R0 >= 0", "M - M0 >= 0"],
        ),
        sign(
            "and the round keeps within it: h = c_t - 1 <= (k sqrt(t) M - s)/n, so spent is at most k sqrt(t) M again",
            "k*R*M >= s + h*n",
            "n*((k*R*M - s)/n - h)",
            "M R h k n s",
            ["(k*R*M - s)/n - h >= 0", "n > 0"],
        ),
        sign(
            "path.regret leaves sum (c_t - 1) g_t.(x - x_t), at most D sum (c_t - 1) n_t <= D k sqrt(T) G: L = "
            "g_t.(x - x_t) <= n D (Cauchy's inequality), h = c_t - 1",
            "h*n*D >= h*L",
            "h*(n*D - L)",
            "D L h n",
            ["h >= 0", "n*D - L >= 0"],
        ),
        step,
    )
    return Finding(steps, figures={"attack": attack.figures(HOW)})


ENTRIES = (
    Entry(
        "guard.decaying",
        "ours",
        f"{METHOD}, convex f_t, |g_{{t,i}}| <= G_i, c_t = min(max(1, e_t/n_t), 1 + 1/sqrt(t)) with e_t = gamma "
        f"e_{{t-1}} + (1 - gamma) n_t, e_0 = 0, 0 <= gamma < 1 (c_t = 1 where n_t = 0), on {BASE}: for every T R(T) "
        f"<= sum_i {{ D_i^2 "
        "(a_i + eps) sqrt(T)/(2 alpha) + alpha (3/2 + sqrt(2)) (1 + beta1)/(2(1 - beta1)) (min(2 sqrt(T) - 1, T "
        "sqrt(1 - beta2)) + 2 beta2/sqrt(1 - beta2)) sqrt(u_{T,i}) + beta1/(1 - beta1) (1 + 1/sqrt(2)) D_i G_i + (2 "
        "sqrt(T) - 2) D_i G_i }, a_i = sqrt(u_{T,i}/(1 - beta2^T)) <= G_i.",
        "proved",
        decaying,
        "The repaired method: AdaNorm's ratio, allowed to exceed 1 by 1/sqrt(t) at most. Plain regret is O(sqrt(T)) "
        "on AMSGrad, and the guard itself costs 2 sqrt(T) D G, little beside the D^2 G sqrt(T)/(2 alpha) of the base "
        "at usual step sizes. On the period of three on which AdaNorm ends at the wrong end, the guarded method, "
        "started there, pays 6 in all and nothing after some rounds.",
        uses=("thm2.b", "cor1.a"),
        rests_on=("path.regret", "path.amsgrad", "path.roots"),
    ),
    Entry(
        "guard.budget",
        "ours",
        f"{METHOD}, convex f_t, c_t = min(max(1, e_t/n_t), C, 1 + (k sqrt(t) max_{{j<=t}} n_j - spent_{{t-1}})/n_t), "
        "spent_t = sum_{j<=t} (c_j - 1) n_j (c_t = 1 where n_t = 0), k >= 0, C >= 1, ||g_t||_2 <= G: R(T) <= B_T + "
        "k sqrt(T) G ||D||_2 for every T, with B_T as in path.amsgrad on AMSGrad.",
        "proved",
        budget,
        "A guard that keeps more: the correction is left as it is as long as all that it has added to gradients stays "
        "within k sqrt(t) times the largest norm. A correction that fires rarely is never touched.",
        uses=("guard.decaying",),
        rests_on=("path.regret", "path.amsgrad"),
    ),
)
