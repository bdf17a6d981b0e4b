"""Section 2: the bias correction of the moments, and the corrected gradient in the second one."""

from __future__ import annotations

from math import sqrt

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .section2_method import DEFAULTS, linear_losses

FIRST_STEP = (
    sign(
        "at t = 1 the correction does not fire: e_1 = (1 - gamma) n_1 is n_1 at most, so s_1 = g_1",
        "n >= gamma*0 + (1 - gamma)*n",
        "gamma*n",
        "gamma n",
        ["gamma >= 0", "n >= 0"],
    ),
    identity(
        "with bias correction the first step is alpha times sign(g): m_hat is g, and v_hat is g^2",
        "((1 - beta1)*g/(1 - beta1))**2/((1 - beta2)*g**2/(1 - beta2))",
        "1",
        "beta1 beta2 g",
    ),
    identity(
        "without it, m^2/v, the square of the first step over alpha",
        "((1 - beta1)*g)**2/((1 - beta2)*g**2)",
        "(1 - beta1)**2/(1 - beta2)",
        "beta1 beta2 g",
    ),
)


def first_step_at_the_defaults() -> Finding:
    constant = [(t, (1 - 0.9**t) / sqrt(1 - 0.999**t)) for t in range(1, 200)]
    highest = max(constant, key=lambda pair: pair[1])
    figures = {
        "first step over alpha: (with, without)": (1, sqrt(10)),
        "constant gradient, without: largest step over alpha, and at which t": (round(highest[1], 3), highest[0]),
    }
    step = claims("at the defaults the square of the ratio is 10, so the first step is 3.16 times as large without",
                  "(1 - beta1)**2/(1 - beta2) == 10", "sqrt(10) > 3.16", let=DEFAULTS)  # fmt: skip
    return Finding((*FIRST_STEP, step), figures=figures)


def first_step_for_all_betas() -> Finding:
    instance = {"let": [("beta1", "9/10"), ("beta2", "9/10"), *DEFAULTS[2:]], "run": linear_losses("1")}
    return Finding(
        (
            *FIRST_STEP,
            sign(
                "under the extra hypothesis (1 - beta1)^2 > 1 - beta2 that square is above 1",
                "(1 - beta1)**2/(1 - beta2) > 1",
                "((1 - beta1)**2 - (1 - beta2))/(1 - beta2)",
                "beta1 beta2",
                ["(1 - beta1)**2 > 1 - beta2", "1 - beta2 > 0"],
            ),
            claims("beta1 = beta2 = 0.9, which the theorem allows too (eta < 1)", "0 <= beta1 < 1", "0 <= beta2 < 1",
                   "beta1**4 < beta2", "g[1] == 1", role="hypothesis"),
            claims("without bias correction the first step is 0.316 alpha, with it alpha",
                   "m[1]/sqrt(v[1]) < 0.32", "m_hat[1]/sqrt(v_hat[1]) == 1", role="violation"),
        ),
        instance,
    )  # fmt: skip


def never_larger() -> Finding:
    beta = ["beta2 >= 0", "1 - beta2 > 0"]
    return Finding(
        (
            sign("c = max(1, e/n) = 1 + u with u >= 0; p is the second moment of s, q that of g in one coordinate. "
                 "Both start at 0, and p >= q at t - 1 gives it at t",
                 "beta2*p + (1 - beta2)*((1 + u)*g)**2 >= beta2*q + (1 - beta2)*g**2",
                 "beta2*(p - q) + (1 - beta2)*(2*u + u**2)*g**2",
                 "beta2 p q u g", ["p - q >= 0", "u >= 0", *beta]),
            sign("so the square of the step, m^2/v up to the factors that both share (alpha, bias corrections), is "
                 "not larger with p than with q",
                 "m**2/q >= m**2/p", "m**2*(p - q)/(p*q)", "m p q", ["p - q >= 0", "p > 0", "q > 0"]),
            sign("and so it is with eps > 0: x = sqrt(p), y = sqrt(q), and x >= y",
                 "1/(y + eps) >= 1/(x + eps)", "(x - y)/((y + eps)*(x + eps))", "x y eps",
                 ["x - y >= 0", "x + eps > 0", "y + eps > 0"]),
        )
    )  # fmt: skip


def larger_for_adabelief() -> Finding:
    instance = {
        "let": DEFAULTS,
        "run": linear_losses("100", "1"),
        "then": [
            ("v_1", "(1 - beta2)*(g[1] - m[1])**2"),
            ("with_g", "beta2*v_1 + (1 - beta2)*(g[2] - m[2])**2"),
            ("with_s", "beta2*v_1 + (1 - beta2)*(s[2] - m[2])**2"),
        ],
    }
    return Finding(
        (
            claims("gradients 100 and 1 at the defaults; one m for both, and no correction at t = 1", "g[1] == 100",
                   "g[2] == 1", "s[1] == g[1]", role="hypothesis"),
            claims("s_2 = 4.8 lies nearer to m_2 = 9.48 than g_2 = 1 does: the second moment is smaller with s",
                   "with_s < with_g", "m[2]/sqrt(with_s) > m[2]/sqrt(with_g)", role="violation"),
        ),
        instance,
    )  # fmt: skip


ENTRIES = (
    Entry(
        "sec2.5.a",
        "section 2, before equation 7",
        "At beta1 = 0.9, beta2 = 0.999 and any g_1 that is not 0: the first step of AdamNorm (eps = 0) is larger "
        "without the bias corrections than with them.",
        "proved",
        first_step_at_the_defaults,
        "The first corrected step is alpha, the uncorrected one sqrt(10) alpha. The effect that the paper names is "
        "real at the defaults, and it is not of the first step alone: for a constant gradient the uncorrected step "
        "grows on to 6.57 alpha at the twelfth iteration.",
    ),
    Entry(
        "sec2.5.b",
        "section 2, before equation 7",
        "For all beta1, beta2 in [0, 1) and any g_1 that is not 0: the first step is larger without the bias "
        "corrections than with them.",
        "needs-hypothesis",
        first_step_for_all_betas,
        "The two first steps are (1 - beta1)/sqrt(1 - beta2) and 1 times alpha. Which one is larger depends on the "
        "betas: with beta1 = beta2 = 0.9 the uncorrected step is the smaller one.",
        repair="For (1 - beta1)^2 > 1 - beta2, and only then.",
        uses=("sec2.5.a",),
    ),
    Entry(
        "sec2.6",
        "section 2, after equation 6",
        "For AdamNorm, all histories, every coordinate, and the same m_t: the step m_hat/(sqrt(v_hat) + eps) with v "
        "made of s^2 is in absolute value no larger than with v made of g^2.",
        "proved",
        never_larger,
        "Corrected gradients are never smaller, coordinate by coordinate, than the raw ones, so their second moment is "
        "never smaller either and the step never larger. This is about AdamNorm's second moment; for that of "
        "AdaBeliefNorm it is false (sec2.6.adabelief).",
    ),
    Entry(
        "sec2.6.adabelief",
        "Algorithm 8, read with section 2, after equation 6",
        "For AdaBeliefNorm and the same m_t: the step with v made of (s - m)^2 is no larger than with v made of "
        "(g - m)^2.",
        "refuted",
        larger_for_adabelief,
        "The paper calls the correction generic and its reason for leaving the second moment alone too. AdaBelief's "
        "second moment measures how far the gradient is from its average, and lifting a small gradient moves it "
        "towards the average: the step grows.",
        repair="For second moments of the squared gradient only (sec2.6).",
        uses=("sec2.6",),
    ),
)
