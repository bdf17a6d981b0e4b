"""The pathwise bound in sqrt(T): AMSGrad with step size alpha/sqrt(t), and two cases that need no cap on the ratios."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adanorm_verify.ledger import Entry, Finding, Step, identity, sign

from .attacks import (
    AMSGRAD,
    CORRECTED,
    Array,
    Attack,
    Column,
    Runs,
    adanorm,
    amsgrad,
    climb,
    columns,
    linear,
    on_grid,
    play,
    positive,
    replay,
    text,
    texts,
    unit,
)
from .pathwise import KAPPA

BASE = (
    "AMSGrad, A_t = (1 - beta1^t)(sqrt(u_t/(1 - beta2^t)) + eps) sqrt(t)/alpha in each coordinate, u_t = max_{k<=t} "
    "v_k, v_t = beta2 v_{t-1} + (1 - beta2) g_t^2, 0 <= beta2 < 1, eps >= 0 (where eps = 0, a coordinate rests until "
    "its first gradient that is not zero)"
)


def amsgrad_bound(
    rounds: Array,
    sides: Array,
    largest: Array,
    alpha: float | Array,
    beta1: float | Array = 0.9,
    beta2: float | Array = 0.999,
    cap: float | Array = 1.0,
    eps: float = 0.0,
) -> Array:
    """The right side of path.amsgrad at each number of rounds; `sides` and `largest` (..., coordinates).

    `largest` bounds |g_{t,i}|; sqrt(u_T/(1 - beta2^T)) of the run itself is smaller and serves in the first two terms.
    `cap` bounds the ratios.
    """
    side, most = np.asarray(sides, dtype=np.float64), np.asarray(largest, dtype=np.float64)
    wide, cross, total = (np.sum(x, axis=-1)[..., None] for x in (side**2 * (most + eps), side * most, most))
    rounds = np.asarray(rounds, dtype=np.float64)
    alpha, beta1, beta2, cap = (np.asarray(x, dtype=np.float64)[..., None] for x in (alpha, beta1, beta2, cap))
    root, lag = np.sqrt(rounds), np.sqrt(1 - beta2)
    sums = (np.minimum(2 * root - 1, rounds * lag) + 2 * beta2 / lag) * np.sqrt(1 - beta2**rounds)
    kappa = beta1 / (1 - beta1)
    return np.asarray(wide * root / (2 * alpha) + alpha * cap**2 * (1 / 2 + kappa) * sums * total + kappa * cap * cross)


def assembly(factor: str, variables: str, what: str) -> tuple[Step, ...]:
    """The parts of B_T under AMSGrad, with sum w_t s_t^2 <= factor sum w_t g_t^2."""
    return (
        sign(
            "A_1 + sum (A_t - A_{t-1})_+ = A_T (path.monotone) is at most (a + eps) R/alpha: a = sqrt(u_T/(1 - "
            "beta2^T)), R = sqrt(T), z = beta1^T. Rounds before the first gradient that is not zero add nothing: m = "
            "0, and A may be taken as it is in that round",
            "(a + eps)*R/alpha >= (1 - z)*(a + eps)*R/alpha",
            "z*(a + eps)*R/alpha",
            "R a alpha eps z",
            ["z >= 0", "a >= 0", "eps >= 0", "R >= 0", "alpha > 0"],
        ),
        sign(
            "m^2/A <= alpha E phi/y: q = 1 - beta1^t, m^2 <= q E (path.jensen), A = q (y/r + eps) R/alpha with "
            "y = sqrt(u_t), r = sqrt(1 - beta2^t), R = sqrt(t), phi = r/R",
            "alpha*E*(r/R)/y >= m**2/(q*(y/r + eps)*R/alpha)",
            "alpha*((q*E - m**2) + q*E*eps*r/y)/(q*(y/r + eps)*R)",
            "E R alpha eps m q r y",
            ["q*E - m**2 >= 0", "E >= 0", "q > 0", "r > 0", "R > 0", "y > 0", "alpha > 0", "eps >= 0"],
        ),
        sign(
            "sum w_t g_t^2 = S <= y (P + 2 beta2/(1 - beta2) phi_1) (path.second: w = phi/y, y = sqrt(u_T), P = sum "
            "phi_t, f = sqrt(1 - beta2) = phi_1), and P is at most M, be it 2 sqrt(T) - 1 (path.roots, phi_t <= "
            "1/sqrt(t)) or T f (phi_t <= phi_1)",
            "(M + 2*b2/f)*y >= S",
            "((P + 2*b2/f)*y - S) + (M - P)*y",
            "M P S b2 f y",
            ["(P + 2*b2/f)*y - S >= 0", "M - P >= 0", "y >= 0"],
        ),
        sign(
            f"sum m_t^2/A_t <= alpha sum w_t E_t <= alpha Q, Q = sum w_t s_t^2 (path.smooth) <= ({factor}) S, "
            f"{what}; before "
            "it stands k = (1 + beta1)/(2 (1 - beta1))",
            f"alpha*({factor})*S*k >= alpha*Q*k",
            f"alpha*k*(({factor})*S - Q)",
            f"Q S alpha k {variables}",
            [f"({factor})*S - Q >= 0", "alpha > 0", "k >= 0"],
        ),
        identity("2 beta2/(1 - beta2) sqrt(1 - beta2), f = sqrt(1 - beta2)", "2*b2/f**2*f", "2*b2/f", "b2 f"),
        sign(
            "a <= G, sqrt(u_T) <= sqrt(1 - beta2^T) G: v_t <= (1 - beta2^t) G^2 goes from t to t + 1 (y = beta2^t), "
            "and 1 - beta2^t rises",
            "(1 - b*y)*G**2 >= b*v + (1 - b)*g**2",
            "b*((1 - y)*G**2 - v) + (1 - b)*(G**2 - g**2)",
            "G b g v y",
            ["b >= 0", "1 - b >= 0", "(1 - y)*G**2 - v >= 0", "G**2 - g**2 >= 0"],
        ),
    )


def moment(cap: str) -> Step:
    return sign(
        f"|m_t| <= {cap}: M bounds |s_t| (a = |m|, c = |s|, z = |beta1 m + (1 - beta1) s| <= beta1 a + (1 - beta1) c)",
        "M >= z",
        "b*(M - a) + (1 - b)*(M - c) + (b*a + (1 - b)*c - z)",
        "M a b c z",
        ["b >= 0", "1 - b >= 0", "M - a >= 0", "M - c >= 0", "b*a + (1 - b)*c - z >= 0"],
    )


# Attacks ----------------------------------------------------------------------------------------------------------

ROUNDS = 12


Rule = Callable[[Array, Array], Column]
"""Genes and gamma to the ratios of a run."""


def free_ratios(genes: Array, gamma: Array) -> Column:
    return columns(1 + on_grid(np.abs(genes[:, ROUNDS : 2 * ROUNDS])))


def adanorm_ratios(genes: Array, gamma: Array) -> Column:
    return adanorm(gamma, len(genes))


def drawn(genes: Array, defaults: bool, ratios: Rule) -> tuple[Runs, dict[str, Array]]:
    """Runs on AMSGrad, with their alpha, beta1, beta2 and gamma, which the last six genes give beside box and start."""
    g = on_grid(genes[:, :ROUNDS])
    g = np.where(g == 0, 1 / 64, g)
    side, start, alpha, b1, b2, gamma = (genes[:, -k] for k in range(1, 7))
    sides, size = positive(side), len(genes)
    settings = {
        "alpha": positive(alpha),
        "beta1": np.full(size, 0.9) if defaults else np.minimum(unit(b1), 15 / 16),
        "beta2": np.full(size, 0.999) if defaults else np.clip(unit(b2), 1 / 64, 63 / 64),
        "gamma": np.full(size, 0.95) if defaults else np.minimum(unit(gamma), 63 / 64),
    }
    base = amsgrad(settings["alpha"], settings["beta1"], settings["beta2"], size)
    rule = ratios(genes, settings["gamma"])
    return play(columns(g), rule, base, settings["beta1"], unit(start) * sides, sides, ROUNDS), settings


def closed_bound(runs: Runs, settings: dict[str, Array], factor: Array, end_cap: Array) -> Array:
    """path.amsgrad with the factor C^2 (or 1 + gamma) and |m| <= end_cap G, at G the largest gradient."""
    most = np.max(np.abs(runs.gradients), axis=1)
    alpha, beta1, beta2 = (settings[name] for name in ("alpha", "beta1", "beta2"))
    whole = amsgrad_bound(np.array([ROUNDS]), runs.sides[:, None], most[:, None], alpha, beta1, beta2, np.sqrt(factor))[
        :, 0
    ]
    return np.asarray(whole + beta1 / (1 - beta1) * (end_cap - np.sqrt(factor)) * runs.sides * most)


def attack_amsgrad(defaults: bool, ratios: Rule, seed: int) -> tuple[Attack, Step]:
    def parts(genes: Array) -> tuple[Runs, dict[str, Array], Array, Array]:
        runs, settings = drawn(genes, defaults, ratios)
        cap = np.max(runs.ratios, axis=1)
        factor = 1 + settings["gamma"] if ratios is adanorm_ratios else cap**2
        return runs, settings, factor, np.ones(len(cap)) if ratios is adanorm_ratios else cap

    def judge(genes: Array) -> tuple[Array, Array]:
        runs, settings, factor, end_cap = parts(genes)
        return closed_bound(runs, settings, factor, end_cap), runs.corrected()

    attack = climb(judge, 2 * ROUNDS + 6, seed)
    runs, settings, _, _ = parts(attack.genes[None])
    exact = {"beta1": "9/10", "beta2": "999/1000", "gamma": "19/20"}
    let = {name: exact[name] if defaults and name in exact else text(x[0]) for name, x in settings.items()}
    free = ratios is free_ratios
    run = {"losses": linear(runs.gradients[0]), "start": [text(runs.points[0, 0])], "rounds": str(ROUNDS), **AMSGRAD}
    closed = (
        "side**2*sqrt(T)*G/(2*alpha) + alpha*factor*(1 + beta1)/(2*(1 - beta1))*(min(2*sqrt(T) - 1, T*sqrt(1 - beta2))"
        " + 2*beta2/sqrt(1 - beta2))*sqrt(1 - beta2**T)*G + kappa*cap*side*G"
    )
    cap = "max(c[t] for t in range(1, T + 1))"
    step = replay(
        f"{'default betas and gamma' if defaults else 'betas and gamma free'}, alpha free",
        attack,
        {**let, "side": text(runs.sides[0]), **KAPPA},
        {"weight": texts(runs.ratios[0])} if free else {},
        run | ({"ratio": "weight[t]"} if free else {}),
        {
            "G": "max(n[t] for t in range(1, T + 1))",
            "cap": cap if free else "1",
            "factor": "cap**2" if free else "1 + gamma",
            "bound": closed,
            "actual": CORRECTED,
        },
    )
    return attack, step


HOW = (
    f"gradients, ratios, alpha, box and start free over {ROUNDS} rounds; normal genes, best 30 of 270 mutated, 120 "
    f"times"
)


def horizon(alpha: float, cap: float, side: float = 1.0, most: float = 1.0) -> int:
    """The first T at which path.amsgrad, in one coordinate at the default betas, says more than T G D."""
    low, high = 1, 10**12
    while low < high:
        middle = (low + high) // 2
        said = amsgrad_bound(np.array([middle]), np.array([side]), np.array([most]), alpha, cap=cap)[0]
        low, high = (low, middle) if said < middle * side * most else (middle + 1, high)
    return low


def in_root_t() -> Finding:
    default, defaults = attack_amsgrad(True, free_ratios, 411)
    free, freely = attack_amsgrad(False, free_ratios, 412)
    capped = sign(
        "s_t^2 = c_t^2 g_t^2 <= C^2 g_t^2",
        "(C*g)**2 >= (c*g)**2",
        "g**2*(C - c)*(C + c)",
        "C c g",
        ["C - c >= 0", "C + c >= 0"],
    )
    steps = (*assembly("C**2", "C", "s_t^2 <= C^2 g_t^2"), capped, moment("C G"), defaults, freely)
    best = 1 / (2 * np.sqrt(38 / 4))
    return Finding(
        steps,
        figures={
            "attack at the default betas": default.figures(HOW),
            "attack": free.figures(HOW + ", betas free"),
            "rounds until it says more than T G D, one coordinate, G = D = 1, default betas": {
                "alpha = 0.001, C = 1": horizon(0.001, 1),
                "alpha = 0.001, C = 2": horizon(0.001, 2),
                "alpha = 1/sqrt(38), C = 1": horizon(best, 1),
                "alpha = 1/(2 sqrt(38)), C = 2": horizon(best / 2, 2),
            },
        },
    )


ENTRIES = (
    Entry(
        "path.amsgrad",
        "ours",
        f"{BASE}; 0 <= beta1 < 1, ratios 0 <= c_t <= C, |g_{{t,i}}| <= G_i, a box of sides D_i: for every T "
        "B_T <= sum_i { D_i^2 (a_i + eps) sqrt(T)/(2 alpha) + alpha C^2 (1 + beta1)/(2(1 - beta1)) (min(2 sqrt(T) - "
        "1, T sqrt(1 - beta2)) + 2 beta2/sqrt(1 - beta2)) sqrt(u_{T,i}) + beta1/(1 - beta1) C D_i G_i }, where a_i = "
        "sqrt(u_{T,i}/(1 - beta2^T)) <= G_i.",
        "proved",
        in_root_t,
        "Under AMSGrad the losses weighted by the ratios have regret O(sqrt(T)), with torch's bias corrections, "
        "constant beta1, and no condition that ties beta1 to beta2: the corrected gradients enter through sum "
        "s_t^2/sqrt(t u_t), which two averages only smooth, so that the factor of Lemma 1 is not needed. C is the "
        "largest ratio met. At the default alpha the first term, D^2/(2 alpha), decides, and the bound is empty for "
        "hundreds of thousands of rounds; at the best alpha it is C D G sqrt(38 T) and a constant.",
        uses=("thm2.b", "lem1", "thm2.8"),
        rests_on=("path.bound", "path.monotone", "path.jensen", "path.smooth", "path.second", "path.roots"),
    ),
)
