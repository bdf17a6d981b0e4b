"""Section 2: bias correction, the second moment, when the correction fires, and the rectification as printed."""

from __future__ import annotations

from math import sqrt

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .section2_method import DEFAULTS, NORM_IS_HOMOGENEOUS, linear_losses

GAMMA = ["gamma >= 0", "1 - gamma >= 0"]
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


def fires_below_the_past() -> Finding:
    instance = {"let": [*DEFAULTS[:2], ("gamma", "0"), DEFAULTS[3]], "run": linear_losses("2", "1")}
    return Finding(
        (
            identity("e_t - n_t, with E = e_{t-1}: the correction fires where this is positive",
                     "gamma*E + (1 - gamma)*n - n", "gamma*(E - n)", "gamma E n"),
            sign("for gamma > 0: if E > n it is", "gamma*E + (1 - gamma)*n > n", "gamma*(E - n)", "gamma E n",
                 ["gamma > 0", "E - n > 0"]),
            sign("and if E <= n it is not", "n >= gamma*E + (1 - gamma)*n", "gamma*(n - E)", "gamma E n",
                 ["gamma > 0", "n - E >= 0"]),
            claims("without the hypothesis: gamma = 0, gradients 2 and 1", "gamma == 0", "e[1] > n[2]",
                   role="hypothesis"),
            claims("e_1 = 2 > n_2 = 1, and still e_2 = n_2", "e[2] == n[2]", role="violation"),
        ),
        instance,
    )  # fmt: skip


def is_the_larger_one() -> Finding:
    return Finding(
        (
            NORM_IS_HOMOGENEOUS,
            identity("where e > n the factor is e/n: the norm becomes e, the larger of the two", "e/n*n", "e", "e n"),
            identity("elsewhere it is 1: the norm stays n, the larger of the two", "1*n", "n", "n"),
        )
    )


def below_the_largest() -> Finding:
    return Finding(
        (
            sign("M = max over k <= t of n_k. e_0 = 0 <= M, and e_{t-1} = E <= M with n_t <= M gives e_t <= M (M "
                 "may only have grown since t - 1). So n_t and e_t, the larger one of which is ||s_t||, are both M at most",
                 "M >= gamma*E + (1 - gamma)*n", "gamma*(M - E) + (1 - gamma)*(M - n)", "M gamma E n",
                 [*GAMMA, "M - E >= 0", "M - n >= 0"]),
        )
    )  # fmt: skip


def monotone_is_adam() -> Finding:
    return Finding(
        (
            sign("e_0 = 0 <= n_1. Where e_{t-1} = E <= n_{t-1} = N and n_t = n >= N: E <= n",
                 "n >= E", "(n - N) + (N - E)", "n N E", ["n - N >= 0", "N - E >= 0"]),
            sign("so e_t <= n_t: the correction does not fire, s_t = g_t, and the induction goes on",
                 "n >= gamma*E + (1 - gamma)*n", "gamma*(n - E)", "gamma n E", ["gamma >= 0", "n - E >= 0"]),
        )
    )  # fmt: skip


def rho_at(t: str) -> list[tuple[str, str]]:
    return [
        ("beta2", "999/1000"),
        ("t", t),
        ("rho_inf", "2/(1 - beta2) - 1"),
        ("rho_t", "rho_inf - 2*t*beta2**t/(1 - beta2**t)"),
        ("rho_u", "(rho_t - 4)*(rho_t - 2)*rho_inf"),
        ("rho_d", "(rho_inf - 4)*(rho_inf - 2)*rho_t"),
    ]


def not_radams() -> Finding:
    instance = {
        "let": [
            *rho_at("6"),
            ("printed", "sqrt((1 - beta2)*rho_u/rho_d)"),
            ("radam", "sqrt(rho_u/rho_d)"),
            ("with_bias_correction", "sqrt((1 - beta2**t)*rho_u/rho_d)"),
        ]
    }
    short = {str(t): round(sqrt((1 - 0.999) / (1 - 0.999**t)), 4) for t in (6, 100, 1000, 10000)}
    return Finding(
        (
            claims("beta2 = 0.999, t = 6: the first iteration that is rectified", "rho_t >= 5", role="hypothesis"),
            claims("RAdam's factor r_t is sqrt(rho_u/rho_d); its step has the bias correction sqrt(1 - beta2^t) of v "
                   "beside it. What is printed is neither",
                   "printed < 0.04*radam", "printed < 0.41*with_bias_correction", role="violation"),
            claims("one iteration earlier none is rectified", "rho_t < 5", let=rho_at("5"), role="evidence"),
        ),
        instance,
        {"printed step over RAdam's, by t": {**short, "limit": round(sqrt(0.001), 4)}},
    )  # fmt: skip


def radams() -> Finding:
    return Finding(
        (
            identity("r is RAdam's factor, y = sqrt(1 - beta2^t), w = sqrt(v_t), b = 1 - beta1^t. Algorithm 5's step "
                     "with rho = y r is RAdam's: alpha r m_hat l with l = sqrt((1 - beta2^t)/v_t)",
                     "(y*r)*alpha/b*(m/w)", "alpha*r*(m/b)*(y/w)", "y r alpha b m w"),
            identity("and rho^2 = (1 - beta2^t) rho_u/rho_d is y^2 r^2", "y**2*(u/d)", "(y**2*u)/d", "y u d"),
        )
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
        "real at the defaults, and it is not of the first step alone: for a constant gradient the uncorrected step grows on "
        "to 6.57 alpha at the twelfth iteration.",
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
    Entry(
        "sec2.7.a",
        "section 2, equations 3 and 4",
        "For all histories: the correction fires at t, e_t > n_t, if and only if e_{t-1} > n_t.",
        "needs-hypothesis",
        fires_below_the_past,
        "e_t lies between e_{t-1} and n_t, so it is above n_t where e_{t-1} is, unless gamma = 0, where e_t is n_t and "
        "the correction never fires.",
        repair="For gamma > 0.",
    ),
    Entry(
        "sec2.7.b",
        "section 2, equation 3",
        "For all histories with n_t > 0: ||s_t||_2 = max(n_t, e_t).",
        "proved",
        is_the_larger_one,
        "The corrected norm is the larger one of the current norm and the average that includes it.",
    ),
    Entry(
        "sec2.7.c",
        "section 2, equations 3 and 4",
        "For gamma in [0, 1] and all histories in which s_t has a value: ||s_t||_2 is at most the largest of n_1, ..., "
        "n_t.",
        "proved",
        below_the_largest,
        "An average never exceeds what it averages. So the correction cannot leave the ball of the gradients seen so "
        "far, in norm; a single coordinate of s may well exceed all that coordinate's gradients.",
        uses=("sec2.7.b",),
        rests_on=("sec2.7.b",),
    ),
    Entry(
        "sec2.7.d",
        "section 2, Algorithms 1 and 2",
        "For gamma in [0, 1]: if n_1 <= n_2 <= ..., AdamNorm takes the steps of Adam.",
        "proved",
        monotone_is_adam,
        "The average of norms that never decrease never overtakes the current one. Whatever AdamNorm gains or loses, "
        "it does so where norms fall.",
    ),
    Entry(
        "sec2.8",
        "Algorithms 5 and 6",
        "For beta2 = 0.999 and all t with rho_t >= 5: the printed rho = sqrt((1 - beta2) rho_u/rho_d) is RAdam's "
        "rectification, with or without the bias correction of v that stands beside it.",
        "refuted",
        not_radams,
        "RAdam multiplies the step by sqrt(rho_u/rho_d) and corrects the bias of v by sqrt(1 - beta2^t). The printed "
        "factor has 1 - beta2 without the power t: the step is 0.41 of RAdam's at the first rectified iteration (t = "
        "6) and falls to 0.032 of it. The paper's own programs have the power, so its tables do not suffer from it.",
        repair="sqrt((1 - beta2^t) rho_u/rho_d) (sec2.8.repaired).",
    ),
    Entry(
        "sec2.8.repaired",
        "Algorithms 5 and 6, with 1 - beta2^t in rho",
        "For all t with rho_t >= 5: with rho = sqrt((1 - beta2^t) rho_u/rho_d) the step of Algorithm 5 (eps = 0) is "
        "RAdam's step.",
        "proved",
        radams,
        "With the power restored, the factor is RAdam's rectification times its bias correction of v, and the step is "
        "the published one. RAdam's article rectifies from rho_t > 4 on, its program and this paper from 5.",
        uses=("sec2.8",),
    ),
)
