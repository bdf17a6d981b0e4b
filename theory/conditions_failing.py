"""Conditions that are not enough: convergent ratios, and ratios from the past against a sequence."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .drift import linear_growth
from .pathwise import METHOD
from .pathwise_amsgrad import amsgrad_bound

DEFAULTS = [("beta1", "9/10"), ("beta2", "999/1000"), ("gamma", "19/20")]
TO_UPPER = "sum(g[t]*(theta[t] - 1) for t in range(1, T + 1))"
"""Regret of linear losses on [-1, 1] against the upper end."""


# Convergent ratios -----------------------------------------------------------------------------------------------


def convergent() -> Finding:
    delta = [Fraction(1, max(1, (j.bit_length() - 1) // 2)) for j in range(1, 21)]
    losses = [[[[str(slope)], "0"]] for d in delta for slope in (-1 - d / 4, Fraction(1))]
    instance = {
        "data": {"weight": [str(c) for d in delta for c in (Fraction(1), 1 + d)]},
        "let": [("beta1", "0"), ("beta2", "0"), ("gamma", "0")],
        "run": {
            "losses": losses,
            "start": ["-1"],
            "box": [["-1", "1"]],
            "rounds": "40",
            "ratio": "weight[t]",
            "step": "1",
            "preconditioner": "sqrt(t)",
        },
    }
    steps = (
        claims(
            "the first 20 pairs of rounds: ratios from 1 to 2, gradients up to 5/4, points in the box",
            "all(1 <= c[t] <= 2 for t in range(1, T + 1))",
            "all(abs(g[t]) <= 5/4 for t in range(1, T + 1))",
            "all(-1 <= theta[t] <= 1 for t in range(1, T + 1))",
            role="hypothesis",
        ),
        sign(
            "pair j has d = 1/k, k = max(1, floor(log4 j)), so that j d >= 1 and the ratios converge to 1: they are "
            "within any r > 0 of it from k = 1/r on (k = 1/r + q)",
            "r >= 1/(1/r + q)",
            "q*r/(1/r + q)",
            "q r",
            ["r > 0", "q >= 0"],
        ),
        sign(
            "pair j: at -1 the slope -(1 + d/4) with ratio 1, then the slope 1 with ratio 1 + d. The second step "
            "leads back to -1 for sure: (1 + d)/sqrt(2j) >= (1 + d/4)/sqrt(2j - 1), by squares; w = j d - 1",
            "(1 + d)**2*(2*(1 + w)/d - 1) >= (1 + d/4)**2*2*(1 + w)/d",
            "w*(3 + 15*d/8) + (1 - d)*(1 + d) + (1 - d)/8 + 7/8",
            "d w",
            ["d > 0", "w >= 0", "1 - d >= 0"],
        ),
        sign(
            "against x = 1 the pair's regret is at least d/2: 2 (1 + d/4) at -1, and x - 1 >= -2 at x",
            "(1 + d/4)*(1 - (-1)) + (x - 1) >= d/2",
            "x + 1",
            "d x",
            ["x + 1 >= 0"],
        ),
        claims(
            "... in the run", "all(theta[2*j - 1] == -1 for j in range(1, 21))", f"{TO_UPPER} >= 35/4", role="violation"
        ),
        sign(
            "y = 2^k >= k^2 from k = 4 on: from k to k + 1",
            "2*y >= (k + 1)**2",
            "2*(y - k**2) + (k - 1)*(k - 3) + (2*k - 4)",
            "k y",
            ["y - k**2 >= 0", "k - 1 >= 0", "k - 3 >= 0", "2*k - 4 >= 0"],
        ),
        claims("... and 2^4 >= 4^2", "2**4 >= 4**2"),
        sign(
            "the 3*4^k pairs j from 4^k to 4^(k+1) - 1 alone give 3*4^k/(2k) at T = 2 (4^(k+1) - 1), s = sqrt(T) <= "
            "3 y: whatever K >= 0 is claimed to hold for R(T) <= K sqrt(T), at every k >= max(4, 2 K + 1) it is "
            "exceeded",
            "3*y**2/(2*k) > K*s",
            "(3*y*(y - k**2) + 3*y*k*(k - 2*K) + 2*k*K*(3*y - s))/(2*k)",
            "K k s y",
            ["y - k**2 >= 0", "y > 0", "k > 0", "k - 2*K > 0", "K >= 0", "3*y - s >= 0"],
        ),
    )
    return Finding(steps, instance)


# Ratios from the past, adversarial losses ------------------------------------------------------------------------


def past() -> Finding:
    slopes, rounds = (3, -3, -1), 120
    instance = {
        "data": {"before": ["1", *(str(abs(slopes[t % 3])) for t in range(rounds - 1))]},
        "let": DEFAULTS,
        "run": {
            "losses": [[[[str(g)], "0"]] for g in slopes],
            "start": ["0"],
            "box": [["-1", "1"]],
            "rounds": str(rounds),
            "ratio": "max(1, e_prev/before[t])",
            "step": "1/sqrt(t)",
            "preconditioner": "sqrt(v_max/(1 - beta2**t))",
        },
        "then": [("e_star", "(1 + 3*gamma + 3*gamma**2)/(1 + gamma + gamma**2)"), ("sigma", "e_star - 4/3")],
    }
    steps = (
        claims(
            "c_t = max(1, e_{t-1}/n_{t-1}), c_1 = 1: ratios from the past, at least 1 and capped; gradients 3, -3, -1",
            "all(before[t] == n[t-1] for t in range(2, T + 1))",
            "all(1 <= c[t] <= 23/10 for t in range(1, T + 1))",
            "all(abs(g[t]) <= 3 for t in range(1, T + 1))",
            role="hypothesis",
        ),
        identity(
            "e_{3j} = e* (1 - y), y = gamma^{3j}, e* = (1 + 3 gamma + 3 gamma^2)/(1 + gamma + gamma^2): from j to j "
            "+ 1",
            "c**3*((1 + 3*c + 3*c**2)/(1 + c + c**2)*(1 - y)) + (1 - c)*(3*c**2 + 3*c + 1)",
            "(1 + 3*c + 3*c**2)/(1 + c + c**2)*(1 - c**3*y)",
            "c y",
        ),
        sign(
            "after a norm of 3 the ratio is 1, since e <= 3: from one average to the next",
            "3 >= c*e + (1 - c)*n",
            "c*(3 - e) + (1 - c)*(3 - n)",
            "c e n",
            ["c >= 0", "1 - c >= 0", "3 - e >= 0", "3 - n >= 0"],
        ),
        claims(
            "after the norm of 1, at rounds 3j + 1, it is max(1, e_{3j}), at most e* and at least e* - e* "
            "gamma^{3j}: so the corrected gradients have the mean sigma = (3 e* - 3 - 1)/3 > 0, while the gradients "
            "have the mean -1/3",
            "e_star > 1",
            "sigma > 0",
            "(3 - 3 - 1)/3 < 0",
            "c[118] > 2",
            role="violation",
        ),
        claims(
            "partial sums of s - sigma in a period, without what is lacking at first: 3 e* - sigma, then 3 less and "
            "sigma less, then zero; what is lacking adds up to at most the sum of 3 e* gamma^{3j}; of g + 1/3: 10/3, "
            "2/3, 0",
            "3*e_star - sigma > 0",
            "3*e_star - 3 - 2*sigma > 0",
            "3*e_star - 3 - 1 - 3*sigma == 0",
            "3*e_star/(1 - gamma**3) < 49",
            "3*e_star - sigma < 49",
            "10/3 - 3 + 1/3 == 2/3",
            "2/3 - 1 + 1/3 == 0",
            let=[
                ("gamma", "19/20"),
                ("e_star", "(1 + 3*gamma + 3*gamma**2)/(1 + gamma + gamma**2)"),
                ("sigma", "e_star - 4/3"),
            ],
        ),
        sign(
            "path.drift with D = 2, tau = 1/3, Gamma = 10/3, S = 49; B <= b1 R + b0 (path.amsgrad, C = 23/10) and M "
            "<= m R (path.moves, h = 1), R = sqrt(T): the regret is at least 2/3 T - b R - c (z is sigma)",
            "2/3*R**2 - (b1*R + b0 + 49*(2 + M))/(3*z) - 10/3*(4 + M)"
            " >= 2/3*R**2 - ((b1 + 49*m)/(3*z) + 10/3*m)*R - ((b0 + 98)/(3*z) + 40/3)",
            "(49/(3*z) + 10/3)*(m*R - M)",
            "M R b0 b1 m z",
            ["z > 0", "m*R - M >= 0"],
        ),
        linear_growth(),
        claims("in the run it is at least 2/3 T - 1", f"{TO_UPPER} >= 2/3*T - 1", role="violation"),
    )
    return Finding(steps, instance, figures=past_figures(slopes))


def past_figures(slopes: tuple[int, ...]) -> dict[str, Any]:
    """Regret of the same run with and without the correction, and the bound of path.drift at alpha = 1."""
    e_star = (1 + 3 * 0.95 + 3 * 0.95**2) / (1 + 0.95 + 0.95**2)
    sigma, tau, rounds = e_star - 4 / 3, 1 / 3, np.arange(1000, 10**6, 1000)
    most = amsgrad_bound(rounds, np.array([2.0]), np.array([3.0]), 1.0, cap=e_star)
    moves = 3 * e_star * (2 * np.sqrt(rounds) - 1)
    low = tau * 2 * rounds - tau / sigma * (most + 49 * (2 + moves)) - 10 / 3 * (4 + moves)
    regrets = {corrected: replayed(slopes, corrected, 1200) for corrected in (True, False)}
    return {
        "regret after 1200 rounds, corrected": round(regrets[True], 2),
        "regret after 1200 rounds, not corrected": round(regrets[False], 2),
        "regret a round": [round(2 / 3, 6), "of at most 2 |g| = 14/3 on average"],
        "the proved lower bound is positive from": int(rounds[np.argmax(low > 0)]),
    }


def replayed(slopes: tuple[int, ...], corrected: bool, rounds: int) -> float:
    """AMSGrad, alpha_t = 1/sqrt(t), default betas, on [-1, 1] from 0: regret against the best end."""
    x = m = v = v_max = e = total = spent = 0.0
    before = 1.0
    for t in range(1, rounds + 1):
        g = slopes[(t - 1) % len(slopes)]
        c = max(1.0, e / before) if corrected else 1.0
        e, before = 0.95 * e + 0.05 * abs(g), abs(g)
        m, v = 0.9 * m + 0.1 * c * g, 0.999 * v + 0.001 * g * g
        v_max = max(v_max, v)
        spent, total = spent + g * x, total + g
        x = min(max(x - m / (1 - 0.9**t) / np.sqrt(v_max / (1 - 0.999**t)) / np.sqrt(t), -1.0), 1.0)
    return float(spent + abs(total))


ENTRIES = (
    Entry(
        "cond.convergent",
        "ours",
        f"{METHOD}, convex f_t with bounded gradients, ratios 1 <= c_t <= 2 that converge to 1, A_t = sqrt(t): "
        "R(T) <= K sqrt(T) for some K and all T.",
        "refuted",
        convergent,
        "In cond.nondecreasing monotone cannot be weakened to convergent, nor in cond.vanishing k/sqrt(t) to a rate "
        "that is slower: ratios that are 1 + d_t on every second loss and 1 on the others, d_t = 1/k between 4^k and "
        "4^(k+1), turn an advantage of d_t/4 for one end into one of 3 d_t/4 for the other, and regret grows as "
        "T/log T. Already plain gradient descent shows it.",
        repair="ratios that never decrease (cond.nondecreasing), or sum_t (c_t - 1) n_t = O(sqrt(T)) (path.regret).",
        uses=("cond.nondecreasing", "cond.vanishing"),
    ),
    Entry(
        "cond.past-adversarial",
        "ours",
        "AMSGrad on [-1, 1], alpha_t = 1/sqrt(t), default betas and gamma, convex f_t with |g_t| <= 3, c_t = "
        "max(1, e_{t-1}/n_{t-1}), which depends on the past only: R(T) <= K sqrt(T) for some K and all T.",
        "refuted",
        past,
        "A ratio that does not see the current gradient is safe against chance but not against a sequence: with the "
        "losses 3x, -3x, -x again and again the ratio is above 1 just after the small gradient, where the loss is "
        "3x. The mean of the corrected gradients is (5 gamma^2 + 5 gamma - 1)/(3 (1 + gamma + gamma^2)), positive "
        "for gamma above 0.171, that of the gradients is -1/3, and regret grows by 2/3 a round, for every alpha and "
        "every base optimizer with B_T of order sqrt(T), by path.drift.",
        repair="losses drawn at random (cond.past-stochastic), or a guard (guard.*).",
        uses=("cond.past-stochastic",),
        rests_on=("path.drift", "path.amsgrad", "path.moves"),
    ),
)
