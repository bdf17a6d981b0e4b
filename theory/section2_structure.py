"""Section 2: when the correction fires and how far it goes; the rectification as Algorithms 5 and 6 print it."""

from __future__ import annotations

from math import sqrt

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .section2_method import DEFAULTS, NORM_IS_HOMOGENEOUS, linear_losses

GAMMA = ["gamma >= 0", "1 - gamma >= 0"]


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
            sign("M = max over k <= t of n_k. e_0 = 0 <= M, and e_{t-1} = E <= M with n_t <= M gives e_t <= M (M may "
                 "only have grown since t - 1). So n_t and e_t, the larger one of which is ||s_t||, are both M at "
                 "most",
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
