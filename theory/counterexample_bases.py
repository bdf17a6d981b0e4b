"""The base optimizers without the correction succeed on the same losses."""

from __future__ import annotations

from fractions import Fraction

from adanorm_verify.ledger import Entry, Finding, Step, claims, sign

from .counterexample_cycle import NEAR, SETTLED
from .counterexample_excursion import LOSSES
from .counterexample_runs import HORIZONS, MEASURED
from .counterexample_steps import BOUNDS

BOTH = {"9/10": ("40", "19/100"), "0": ("13", "1/4")}
"""beta1 to C and mu that serve on either side of -1 (cex.momentum: case 3, and case 1 at b = 0; 4/(1 - b) below)."""


def sides() -> tuple[Step, ...]:
    """Away from -1 the steps lead back."""
    return (
        sign(
            "above -1: a large gradient is 3, a small one 1 or -1, so that -s_k <= sigma_k = -3, 1, 1. From tau, the "
            "last round in [90, t] with theta <= -1 (or 90), X the sum of -a_k m_k and S that of a_k: X <= C A - mu S "
            "(cex.momentum), and theta_{t+1} = theta_tau + X",
            "theta + C*A - mu*S >= theta + X",
            "C*A - mu*S - X",
            "theta X C A mu S",
            ["C*A - mu*S - X >= 0"],
        ),
        sign(
            "below -1 all gradients are -1 or less: from tau, the last round with theta >= -1, m_k <= -1 + 4 y, y = "
            "b^(k - tau), base m_tau <= 3. Step",
            "-1 + 4*b*y >= b*m + (1 - b)*s",
            "b*(4*y - 1 - m) + (1 - b)*(-1 - s)",
            "m s b y",
            ["b >= 0", "1 - b >= 0", "4*y - 1 - m >= 0", "-1 - s >= 0"],
        ),
        claims(
            "so that theta_{t+1} >= theta_tau - 4 A/(1 - b) + S (the sum of y as in cex.excursion). With C = 40, mu = "
            "19/100 at b = 9/10, and C = 13, mu = 1/4 at b = 0, both sides have the form C A - mu S",
            "4/(1 - 9/10) <= 40",
            "35 <= 40",
            "19/100 <= 1",
            "4/(1 - 0) <= 13",
            "1/4 <= 1",
            f"sqrt(92/90) <= {NEAR}",
        ),
    )


def rates() -> tuple[Step, ...]:
    """How near it stays."""
    return (
        sign(
            "a_k >= lo alpha/sqrt(k) sum to infinity (the sum of 1/sqrt(k) grows as 2 sqrt(k) does: x = sqrt(k), y = "
            "sqrt(k + 1)), so that every excursion ends, the one from round 90 too, and from then on tau is a round at "
            "which -1 was met or passed",
            "1/x >= 2/(x + y)",
            "(y - x)/(x*(x + y))",
            "x y",
            ["y - x >= 0", "x > 0", "y > 0"],
        ),
        sign(
            "while one lasts, mu S <= C A_tau: A_tau = hi alpha/sqrt(tau), and S >= n lo alpha/sqrt(t) with n = t - "
            "tau + 1 rounds. So n <= G z with z = sqrt(t/tau) >= 1, G = C hi/(mu lo); here r = sqrt(t), q = sqrt(tau)",
            "G*(r/q) >= n",
            "(C*hi/q - mu*lo*n/r)*r/(mu*lo) + (G - C*hi/(mu*lo))*r/q",
            "G C hi lo mu n r q",
            [
                "C*hi/q - mu*lo*n/r >= 0",
                "r > 0",
                "q > 0",
                "mu > 0",
                "lo > 0",
                "G - C*hi/(mu*lo) >= 0",
            ],
        ),
        sign(
            f"and tau z^2 = t < tau + n <= tau + G z: z <= 1 + G/tau <= 1 + G/{SETTLED} (else z^2 >= z (1 + G/tau) > "
            "1 + G z/tau). As a sign: for w = z - 1 - G/tau >= 0, u = G/tau and z >= 1",
            "z**2 >= 1 + u*z",
            "z*(z - 1 - u) + (z - 1)",
            "z u",
            ["z > 0", "z - 1 - u >= 0", "z - 1 >= 0"],
        ),
        sign(
            "|theta_{t+1} + 1| <= C A_tau = C hi alpha z/sqrt(t) <= K alpha/sqrt(t), K = C hi (1 + G/90); R(T) <= 3 "
            "times the sum of |theta_t + 1| (slopes of at most 3), and 1/sqrt(t) <= 2 (sqrt(t) - sqrt(t - 1)): R(T) "
            "<= const + 6 K alpha sqrt(T). With y = sqrt(t), x = sqrt(t - 1)",
            "2/(x + y) >= 1/y",
            "(y - x)/(y*(x + y))",
            "x y",
            ["y - x >= 0", "y > 0", "x >= 0"],
        ),
    )


def constants() -> tuple[tuple[Step, ...], dict[str, int]]:
    """K of each base, rounded up."""
    found, steps = {}, []
    for name, (low, high) in {"sgd": ("1", "1"), **BOUNDS}.items():
        C, mu = BOTH["0" if name == "sgd" else "9/10"]
        text = f"({C})*({high})*(1 + ({C})*({high})/(({mu})*({low}))/{SETTLED})"
        c, h, m, least = (Fraction(x) for x in (C, high, mu, low))
        bound = int(c * h * (1 + c * h / (m * least) / SETTLED)) + 1
        found[name] = bound
        steps.append(claims(f"{name}: K <= {bound}", f"{text} <= {bound}"))
    return tuple(steps), found


def bases() -> Finding:
    steps, K = constants()
    regret = {
        rate: {name: dict(zip(map(str, HORIZONS), row, strict=True)) for name, row in rows.items()}
        for rate, rows in MEASURED.items()
    }
    figures = {"K": K, "average regret from 0 in float64, + with the correction, by alpha_t": regret}
    return Finding((*sides(), *rates(), *steps), figures=figures)


ENTRIES = (
    Entry(
        "cex.bases",
        "ours: the counterexample",
        f"On {LOSSES} let theta_{{t+1}} = theta_t - a_t m_t without the correction: m_t = 0.9 m_{{t-1}} + 0.1 g_t "
        "and, from round 90 on, lo alpha/sqrt(t) <= a_t <= hi alpha/sqrt(t) (however a_t depends on the past), or "
        "plain SGD with a_t = alpha/sqrt(t). From every start and for every alpha > 0, |theta_t + 1| <= K "
        "alpha/sqrt(t) from some round on, and R(T) <= const + 6 K alpha sqrt(T). By cex.steps this holds for SGD, "
        "AMSGrad (three readings), Adam, diffGrad, RAdam (rectified either way) and AdaBelief at their default "
        "hyperparameters.",
        "proved",
        bases,
        "All five bases of the paper's methods, and SGD, find the best fixed point of the very losses on which the "
        "correction leads them away, with regret O(sqrt(T)). With momentum 0.9 the averages of 3, -1, -1 are positive "
        "in every round, so that no preconditioner can turn the direction. What fails is the correction alone. "
        "Measured from 0 with alpha_t = 0.1/sqrt(t): after a million rounds the average regret is 0.0001 for Adam and "
        "0.664 for AdamNorm.",
        uses=("cex.adam", "cex.sgd", "cex.amsgrad", "cex.diffgrad", "cex.radam", "cex.adabelief"),
        rests_on=(
            "cex.momentum",
            "cex.excursion",
            "cex.steps.adam",
            "cex.steps.amsgrad",
            "cex.steps.diffgrad",
            "cex.steps.radam",
            "cex.steps.adabelief",
        ),
    ),
)
