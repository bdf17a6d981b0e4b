"""Linear regret of the corrected methods at the default hyperparameters, on losses of period three."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adanorm_verify.ledger import Entry, Finding, Step, claims, sign

from .counterexample_cycle import NEAR, SETTLED
from .counterexample_excursion import LOSSES
from .counterexample_steps import BOUNDS
from .printed_runs import DEFAULTS as AT_DEFAULTS
from .printed_runs import REGRET, distance, run

DEFAULTS = "beta1 = 0.9, beta2 = 0.999, gamma = 0.95"
EVERY = "for every start theta_1 and every alpha > 0"
ROOT = "sqrt(366/100)"
"""Below the root of v_hat."""
EARLY = f"sum(1/sqrt(t) for t in range(1, {SETTLED}))"
STRONG, LOOSE = "117", "67"
"""C of `cex.momentum` at b = 0.9: where beta1_t decays, and where it is constant."""


def of_plain_sgd() -> Finding:
    return Finding(
        (
            claims(
                "a_k = alpha/sqrt(k) never grows, falls within three rounds from 90 on by at most the factor "
                "sqrt(92/90) (cex.steps.adam has the step), sums to infinity and tends to 0: case 1 of cex.excursion",
                f"sqrt(92/90) <= {NEAR}",
            ),
            endless(),
            claims(
                "before round 90 the point moves by at most 3 alpha/sqrt(t) in round t; then C alpha/sqrt(90), C = 13 "
                "at b = 0 and 117 at b = 0.9",
                "3*early + 13/sqrt(90) <= 54",
                "3*early + 117/sqrt(90) <= 65",
                let=[("early", EARLY)],
            ),
            per_round("alpha = 0.001, start at 1 or above", "1 - 0.065", "0.003", "16/25"),
            claims(
                "a constant alpha: A = alpha, C + 9 = 22 at b = 0 and 126 at b = 0.9; at 0.001 the average regret is "
                "in the end at least 0.65, or 0.62",
                "13 + 9 == 22",
                "117 + 9 == 126",
                "(2 - 22*0.001)/3 >= 0.65",
                "(2 - 126*0.001)/3 >= 0.62",
            ),
        )
    )


def endless() -> Step:
    return sign(
        "lo alpha/sqrt(k) <= a_k <= hi alpha/sqrt(k): A_tau = hi alpha/sqrt(tau) tends to 0, and the a_k sum to "
        "infinity: with x = sqrt(k) and y = sqrt(k + 1), 1/x is at least 2 (y - x) = 2/(x + y), so that the sum of "
        "1/sqrt(k) from n to T is at least 2 sqrt(T + 1) - 2 sqrt(n)",
        "1/x >= 2/(x + y)",
        "(y - x)/(x*(x + y))",
        "x y",
        ["y - x >= 0", "x > 0", "y > 0"],
    )


def per_round(says: str, low: str, step: str, rate: str) -> Step:
    """That R(T) >= rate*T for all T, where every theta_t is at least low and every step at most step."""
    return claims(
        f"{says}: theta_t >= {low}, steps of at most {step}. A period costs 1 + {low} - 3*{step} or more, at least 3 "
        f"times {rate}; its first round costs 3 (1 + {low}) or more, and its first two that less 1 + x + d1, at least "
        f"2 (1 + {low}) - {step}. So R(T) >= {rate} T for every T",
        f"1 + ({low}) - 3*{step} >= 3*{rate}",
        f"3*(1 + ({low})) >= {rate}",
        f"2*(1 + ({low})) - {step} >= 2*{rate}",
    )


def of_adam() -> Finding:
    return Finding(
        (
            sign(
                "|m_t| <= 3 (1 - y), y = beta1^t, for constant beta1: |m_hat_t| <= 3. Step; the same for -m",
                "3*(1 - b*y) >= b*m + (1 - b)*s",
                "b*(3*(1 - y) - m) + (1 - b)*(3 - s)",
                "b y m s",
                ["b >= 0", "1 - b >= 0", "3*(1 - y) - m >= 0", "3 - s >= 0"],
            ),
            claims(
                "so that a step is at most 3 alpha_t/sqrt(3.66) (cex.steps.adam; eps makes it smaller). alpha_t = "
                "alpha/sqrt(t): the first 89 of them, and 67 A_90",
                f"(3*early + {LOOSE}/(sqrt(90)*(1 - (9/10)**90)))/{ROOT} <= 32",
                let=[("early", EARLY)],
            ),
            claims(
                "alpha_t = alpha: the same", f"(3*89 + {LOOSE}/(1 - (9/10)**90))/{ROOT} <= 175", f"3/{ROOT} <= 8/5"
            ),
            per_round("alpha_t = 0.001/sqrt(t), start at 1 or above", "1 - 0.032", "0.0016", "13/20"),
            per_round("alpha_t = 0.001, start at 1 or above", "1 - 0.175", "0.0016", "3/5"),
            per_round("alpha_t = 0.001/sqrt(t), start at 0 or above", "0 - 0.032", "0.0016", "8/25"),
            endless(),
            constant_rate("adam"),
            met("alpha/sqrt(t)", "beta1", "0.65"),
        )
    )  # fmt: skip


def constant_rate(name: str) -> Step:
    """The end of the average regret at the default constant step."""
    high = BOUNDS[name][1]
    return claims(
        f"alpha_t = 0.001 for ever: A = {high} alpha, and the average regret is in the end at least (2 - 76 A)/3",
        f"(2 - ({LOOSE} + 9)*{high}*0.001)/3 >= 3/5",
    )


def met(step: str, beta1_t: str, rate: str, *changed: tuple[str, str]) -> Step:
    """The statement on the first rounds of a run, by the checker's own optimizer."""
    losses = [distance("3", "-1"), distance("1", "1"), distance("1", "1")]
    ran: dict[str, Any] = {**run(losses, "1", 45, beta1_t), "step": step}
    return claims(
        "the first 45 rounds from 1, in certified intervals: the point stays near 1, and each round costs what is said",
        "all(1 - 0.032 <= theta[t] <= 1 + 0.032 for t in range(1, T + 2))",
        f"all(sum(f[k] - loss(k, -1) for k in range(1, t + 1)) >= {rate}*t for t in range(1, T + 1))",
        "R >= 0.65*T",
        role="evidence",
        let=[*AT_DEFAULTS, *changed, ("star", "-1")],
        run=ran,
        then=[REGRET],
    )


def of_decaying_momentum() -> Finding:
    return Finding(
        (
            claims(
                "beta1_t = 0.9 lambda^(t-1) never grows and is at most 0.9: case 1, with the ratios of cex.steps.adam. "
                "|m_t| <= 3, m_hat_t = m_t/(1 - 0.9^t): the first 89 steps, and 117 A_90",
                f"(3*early + {STRONG}/(sqrt(90)*(1 - (9/10)**90)))/{ROOT} <= 62",
                let=[("early", f"sum(1/(sqrt(t)*(1 - (9/10)**t)) for t in range(1, {SETTLED}))")],
            ),
            claims("no step is larger than 16 alpha", f"3/({ROOT}*(1 - 9/10)) <= 16"),
            per_round("alpha = 0.001, start at 1 or above", "1 - 0.062", "0.016", "3/5"),
            endless(),
            met("alpha/sqrt(t)", "beta1*lam**(t - 1)", "0.6", ("lam", "1/2")),
        )
    )


def of_amsgrad() -> Finding:
    return Finding(
        (
            claims(
                "largest v, no bias correction: |m_t| <= 3 (1 - 0.9^t) as in cex.adam, V_t >= v_t >= 3.66 (1 - "
                "0.999^t)",
                f"3*early + {LOOSE}/(sqrt(90)*sqrt(366/100*(1 - (999/1000)**90))) <= 152",
                let=[
                    (
                        "early",
                        f"sum((1 - (9/10)**t)/sqrt(t*366/100*(1 - (999/1000)**t)) for t in range(1, {SETTLED}))",
                    )
                ],
            ),
            claims(
                "largest v_hat, or largest v with bias correction: both at least v_hat_t, so that cex.adam's numbers "
                "hold",
                f"(3*early + {LOOSE}/(sqrt(90)*(1 - (9/10)**90)))/{ROOT} <= 32",
                let=[("early", EARLY)],
            ),
            per_round("alpha = 0.001, start at 1 or above", "1 - 0.152", "0.005", "3/5"),
            endless(),
            claims(
                "where no step is larger than 0.005: 3 (1 - 0.9^t)/sqrt(3.66 t (1 - 0.999^t)) <= 5 in the first 20 "
                "rounds, later because 1 - 0.999^t >= 1 - 0.999^20",
                "all(3*(1 - (9/10)**t)/sqrt(t*366/100*(1 - (999/1000)**t)) <= 5 for t in range(1, 21))",
                "3/sqrt(20*366/100*(1 - (999/1000)**20)) <= 5",
            ),
        )
    )


def hypotheses_hold() -> Finding:
    return Finding(
        (
            claims(
                "above: 1 + the first 89 steps + 40 A_90, A_90 = alpha/(sqrt(90) (1 - 0.9^90) sqrt(3.66)) "
                "(cex.excursion with b = 0.9); below: cex.adam.decay. So theta_t is between min(theta_1, 1) - 62 "
                "alpha and max(theta_1, 1) + 62 alpha for all t",
                f"(3*early + 4/(1 - 9/10)/(sqrt(90)*(1 - (9/10)**90)))/{ROOT} <= 62",
                let=[("early", f"sum(1/(sqrt(t)*(1 - (9/10)**t)) for t in range(1, {SETTLED}))")],
            ),
            claims(
                "alpha = 0.001, start at 1: distances between iterates at most D = 1/8, to the best fixed point -1 at "
                "most 17/8",
                "2*62*0.001 <= 1/8",
                "2 + 62*0.001 <= 17/8",
            ),
            claims(
                "gradients: |g_t| = 3 or 1 (losses of slopes 3 and 1, convex as a maximum of two affine functions); "
                "e_t <= 3 and e_t/|g_t| <= 1941/1141 (cex.cycle). With G = 3, G_inf = 6 all that Lemma 1 assumes "
                "holds too",
                "3 <= 6",
                "1941/1141 <= 6/3",
                "(9/10)**2/sqrt(999/1000) < 1",
            ),
        )
    )


def linear(
    name: str, who: str, conclusion: str, check: Sequence[Step] | Finding, reading: str, rests_on: Sequence[str],
    uses: Sequence[str] = (),
) -> Entry:  # fmt: skip
    """The entry on one corrected method."""
    found = check if isinstance(check, Finding) else Finding(check)
    return Entry(
        f"cex.{name}",
        "ours: the counterexample",
        f"On {LOSSES}, {who}, {EVERY}: {conclusion}",
        "proved",
        lambda: found,
        reading,
        uses=tuple(uses),
        rests_on=("cex.excursion", *rests_on),
    )


ENTRIES = (
    linear(
        "sgd",
        "with the correction (gamma = 0.95) on SGD, theta_{t+1} = theta_t - alpha m_t/sqrt(t), m_t = s_t or any "
        "average m_t = b_t m_{t-1} + (1 - b_t) s_t with b_t in [0, 0.9] that never grow",
        "theta_t >= min(theta_1, 1) - 65 alpha (54 alpha for m_t = s_t), theta_t tends to 1 and R(T)/T to 2/3. At "
        "alpha = 0.001 from theta_1 >= 1: R(T) >= 0.64 T for every T. With a constant alpha instead: liminf R(T)/T >= "
        "(2 - 126 alpha)/3, and (2 - 22 alpha)/3 for m_t = s_t.",
        of_plain_sgd(),
        "Without any preconditioner and without momentum: it is the correction alone that turns the drift round. "
        "(Heavy-ball momentum, an average that is not multiplied by 1 - b, is the same with a larger alpha.)",
        ("cex.momentum", "cex.steps.adam"),
    ),
    linear(
        "adam",
        f"AdamNorm as printed ({DEFAULTS}, 0 <= eps <= 1/100)",
        "with alpha_t = alpha/sqrt(t), theta_t >= min(theta_1, 1) - 32 alpha, theta_t tends to 1 and R(T)/T to 2/3; "
        "with alpha_t = alpha, theta_t >= min(theta_1, 1) - 175 alpha and liminf R(T)/T >= (2 - 76*0.55 alpha)/3. At "
        "alpha = 0.001, for every T: R(T) >= 0.65 T from theta_1 >= 1 and R(T) >= 0.32 T from theta_1 >= 0 with the "
        "decaying rate, R(T) >= 0.6 T from theta_1 >= 1 with the constant one.",
        of_adam(),
        "The optimizer of the paper at its default hyperparameters has regret in proportion to T on three piecewise "
        "linear losses with gradients 3, 1, 1, from every start and for every learning rate, unprojected. The regret "
        "theorem and its corollary cannot be repaired for it by other constants.",
        ("cex.momentum", "cex.steps.adam"),
        ("thm2.b", "cor1.a"),
    ),
    linear(
        "adam.decay",
        "AdamNorm under the theorem's own schedule (alpha_t = alpha/sqrt(t), beta1_t = 0.9 lambda^(t-1) for any "
        f"lambda in (0, 1], m_hat_t = m_t/(1 - 0.9^t); {DEFAULTS}, 0 <= eps <= 1/100)",
        "theta_t >= min(theta_1, 1) - 62 alpha, theta_t tends to 1 and R(T)/T to 2/3. At alpha = 0.001 from theta_1 >= "
        "1: R(T) >= 0.6 T for every T. All numbers hold for every lambda.",
        of_decaying_momentum(),
        "The decay of beta1_t that the theorem assumes does not help, fast or slow: momentum is not what fails.",
        ("cex.momentum", "cex.steps.adam"),
        ("thm2.b", "cor1.a"),
    ),
    linear(
        "amsgrad",
        f"with the correction on AMSGrad ({DEFAULTS}, 0 <= eps <= 1/100, alpha_t = alpha/sqrt(t); the largest v "
        "without bias corrections, the largest v_hat, or torch's largest v with bias corrections)",
        "theta_t >= min(theta_1, 1) - 152 alpha, theta_t tends to 1 and R(T)/T to 2/3. At alpha = 0.001 from theta_1 "
        ">= 1: R(T) >= 0.6 T for every T.",
        of_amsgrad(),
        "AMSGrad repairs what was wrong with Adam's proof; it does not repair this.",
        ("cex.momentum", "cex.steps.amsgrad", "cex.adam"),
        ("thm2.8",),
    ),
    Entry(
        "cex.bounded",
        "ours: the counterexample",
        f"On {LOSSES}, AdamNorm under the theorem's own schedule as in cex.adam.decay, every lambda in (0, 1], "
        "satisfies all hypotheses of Theorem 2 and of Lemma 1 with G = 3, G_inf = 6 and D = |theta_1 - 1| + 124 alpha "
        "(distances between iterates), |theta_1 - 1| + 62 alpha + 2 (distances to the best fixed point -1).",
        "proved",
        hypotheses_hold,
        "No hypothesis is bent: the losses are convex, their gradients bounded, and the iterates stay within D of each "
        "other without a projection. A projection onto any interval around these iterates would never act.",
        uses=("thm2.b", "thm2.0", "lem1.h2"),
        rests_on=("cex.cycle", "cex.excursion", "cex.adam.decay", "cex.steps.adam"),
    ),
)
