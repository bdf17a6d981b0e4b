"""Section 2: what the sentences after equation 4 promise of the correction: alignment, and independence of batches."""

from __future__ import annotations

import numpy as np

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .section2_method import DEFAULTS, NORM_IS_HOMOGENEOUS, linear_losses


def same_cosine() -> Finding:
    return Finding(
        (
            NORM_IS_HOMOGENEOUS,
            identity(
                "the inner product of c*g with the reference r, a coordinate more, given that of the others, P: "
                "<c g, r> = c <g, r>",
                "c*P + (c*x)*r",
                "c*(P + x*r)",
                "c P x r",
            ),
            identity(
                "the cosine, with p = <g, r>, n = ||g||, R = ||r||: the factor cancels",
                "c*p/(c*n*R)",
                "p/(n*R)",
                "c p n R",
            ),
            sign("the factor that cancels is positive: c = max(1, e/n) is 1 + u with u >= 0", "1 + u > 0", "1 + u", "u",
                 ["u >= 0"]),
        )
    )  # fmt: skip


def not_better() -> Finding:
    instance = {
        "let": [("gamma", "19/20"), ("e_1", "(1 - gamma)*1000"), ("x", "3"), ("y", "-4"), ("n", "sqrt(x**2 + y**2)")],
        "then": [
            ("e_2", "gamma*e_1 + (1 - gamma)*n"),
            ("c", "e_2/n"),
            ("cosine_g", "-y/n"),
            ("cosine_s", "-c*y/sqrt((c*x)**2 + (c*y)**2)"),
        ],
    }
    return Finding(
        (
            claims(
                "g_1 = (0, -1000), g_2 = (3, -4), the default gamma: the correction fires", "e_2 > n", role="hypothesis"
            ),
            claims(
                "the cosine with the direction of the past gradient, (0, -1), before and after",
                "cosine_g == 4/5",
                "cosine_s == 4/5",
                role="violation",
            ),
        ),
        instance,
    )


def amplifies_disagreement() -> Finding:
    instance = {"let": DEFAULTS, "run": linear_losses("100", "-1")}
    return Finding(
        (
            claims("gradients 100 and -1", "g[1] == 100", "g[2] == -1", role="hypothesis"),
            claims(
                "the second one, which opposes the first, is made 4.8 times as long; so is its inner product with it",
                "s[2] == -4.8",
                "s[2]*g[1] < g[2]*g[1]",
                role="violation",
            ),
        ),
        instance,
    )


SAMPLES = (0, 0, 1)
"""One-dimensional samples y with the loss (x - y)^2/2."""


def simulated(batch: int, rounds: int = 8000, chains: int = 100, tail: int = 4000, seed: int = 7) -> float:
    """Where AdamNorm at the default betas and gamma hovers on SAMPLES, batches without repetition; alpha = 1/1000."""
    random = np.random.default_rng(seed)
    averages = np.array(SAMPLES, dtype=float)
    if batch == 2:
        averages = (averages.sum() - averages) / 2
    if batch == 3:
        averages = averages.mean() * np.ones(3)
    x, m, v, e, total = np.full(chains, 0.3), np.zeros(chains), np.zeros(chains), np.zeros(chains), 0.0
    for t in range(1, rounds + 1):
        g = x - averages[random.integers(0, 3, chains)]
        n = np.abs(g)
        e = 0.95 * e + 0.05 * n
        m = 0.9 * m + 0.1 * np.where(n > 0, np.sign(g) * np.maximum(n, e), 0)
        v = 0.999 * v + 0.001 * g * g
        x = x - 0.001 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        total += x.mean() if t > rounds - tail else 0.0
    return total / tail


def settles_elsewhere() -> Finding:
    """The zero of the mean corrected gradient for batches of 1, 2 and 3 out of three samples, in closed form."""
    instance = {
        "let": [
            ("gamma", "19/20"),
            # batches of one: gradients x (two samples in three) and x - 1 (one in three)
            ("x_1", "11/52"),
            ("small_1", "x_1"),
            ("large_1", "1 - x_1"),
            ("e_mean_1", "2/3*small_1 + 1/3*large_1"),
            ("mean_1", "2/3*(gamma*e_mean_1 + (1 - gamma)*small_1) - 1/3*large_1"),
            # batches of two different samples: gradients x (one pair in three) and x - 1/2 (two in three)
            ("x_2", "41/104"),
            ("small_2", "1/2 - x_2"),
            ("large_2", "x_2"),
            ("e_mean_2", "2/3*small_2 + 1/3*large_2"),
            ("mean_2", "1/3*large_2 - 2/3*(gamma*e_mean_2 + (1 - gamma)*small_2)"),
            # all three: the one gradient x - 1/3
            ("x_3", "1/3"),
        ]
    }
    known = ["gamma >= 0", "1 - gamma > 0", "A - a >= 0"]
    steps = (
        sign("x is frozen; norms are a or A, a < A. The average stays at or above the smaller one: e = a + d",
             "gamma*(a + d) + (1 - gamma)*a >= a", "gamma*d", "gamma a d", ["gamma >= 0", "d >= 0"]),
        sign("and, started between them, at or below the larger one, e = A - d: a small gradient is given the norm "
             "e_t, a large one keeps its own",
             "A >= gamma*(A - d) + (1 - gamma)*A", "gamma*d", "gamma A d", ["gamma >= 0", "d >= 0"]),
        identity("the mean of e_t settles where E = gamma E + (1 - gamma) n, n the mean norm: at E = n, and errors "
                 "shrink by gamma a step; e_{t-1} is independent of g_t, so a small gradient's mean corrected norm is "
                 "gamma n + (1 - gamma) a",
                 "gamma*E + (1 - gamma)*n - n", "gamma*(E - n)", "gamma E n"),
        sign("batches of one, p = 1/3: on 0 < x < 1/2 the mean corrected gradient is a line in x that rises",
             "(1 - 4*gamma/9) > 0", "5/9 + 4/9*(1 - gamma)", "gamma", known[:2]),
        identity("that line, from its closed form",
                 "2/3*(gamma*(2/3*x + 1/3*(1 - x)) + (1 - gamma)*x) - 1/3*(1 - x)",
                 "(1 - 4*gamma/9)*x - (1/3 - 2*gamma/9)", "gamma x"),
        identity("batches of two: on 1/4 < x < 1/2 a line of the same slope",
                 "1/3*x - 2/3*(gamma*(2/3*(1/2 - x) + 1/3*x) + (1 - gamma)*(1/2 - x))",
                 "(1 - 4*gamma/9)*x - (1/3 - gamma/9)", "gamma x"),
        claims("elsewhere on [0, 1] the mean corrected gradient does not vanish: it is a line on each piece, with this "
               "sign at both ends (batches of one on [1/2, 1]; of two on [0, 1/4] and [1/2, 1], where beyond 1/2 both "
               "gradients are positive)",
               "2/3*(1/2) - 1/3*(1/2) > 0", "2/3*1 - 1/3*(gamma*(2/3) + 0) > 0",
               "1/3*(gamma*(2/3*(1/2)) + 0) - 2/3*(1/2) < 0", "1/3*(1/4) - 2/3*(1/4) < 0",
               "1/3*(1/2) > 0",
               let=[("gamma", "19/20")]),
        claims("three samples y = 0, 0, 1 with losses (x - y)^2/2; both points lie on the piece of their line",
               "0 < x_1 < 1/2", "1/4 < x_2 < 1/2", "small_1 < large_1", "small_2 < large_2", role="hypothesis"),
        claims("the mean corrected gradient vanishes at 11/52 for batches of one and at 41/104 for batches of two; the "
               "uncorrected one, whatever the batch, at the mean of the samples 1/3, as does the corrected one of the "
               "full batch, whose norm is constant",
               "mean_1 == 0", "mean_2 == 0", "2/3*x_3 + 1/3*(x_3 - 1) == 0", "1/3*x_3 + 2/3*(x_3 - 1/2) == 0",
               "x_1 != x_3", "x_2 != x_3", "abs(x_1 - x_2) > 0", role="violation"),
    )  # fmt: skip
    figures = {
        "settles at, by batch size (closed form)": {"1": 11 / 52, "2": 41 / 104, "3": 1 / 3},
        "AdamNorm at its defaults, average over 100 runs": {str(b): round(simulated(b), 4) for b in (1, 2, 3)},
        "uncorrected, any batch size": 1 / 3,
        "seed": 7,
    }
    return Finding(steps, instance, figures)


ENTRIES = (
    Entry(
        "sec2.3",
        "section 2, after equation 4",
        "For all gradients g_t with ||g_t|| > 0 and all reference directions r with ||r|| > 0: the cosine of s_t and r "
        "is at least that of g_t and r.",
        "proved",
        same_cosine,
        "True, but only as an equality: s_t is a positive multiple of g_t, so its angle with the past gradients, or "
        "with anything, is the angle that g_t has. The sentence promises a better alignment; there is none "
        "(sec2.3.better), and where a gradient opposes the past its opposition is amplified (sec2.3.inner).",
    ),
    Entry(
        "sec2.3.better",
        "section 2, after equation 4",
        "Where the correction fires, the cosine of s_t with the direction of the previous gradients is larger than "
        "that of g_t, unless it is 1.",
        "refuted",
        not_better,
        "The cosine does not change at all, in any history; the instance is one of all of them.",
        repair="Speak of the norm alone: directions are untouched.",
        uses=("sec2.3",),
    ),
    Entry(
        "sec2.3.inner",
        "section 2, after equation 4",
        "The inner product of s_t with the previous gradient is at least that of g_t with it.",
        "refuted",
        amplifies_disagreement,
        "A small gradient against the past is made larger against the past: consistency in norm is bought with "
        "more disagreement whenever the directions disagree.",
        repair="Correct only gradients whose inner product with the past (m_{t-1}, say) is positive.",
        uses=("sec2.3",),
    ),
    Entry(
        "sec2.4",
        "section 2, after equation 4; section 6.4",
        "For losses averaged over b samples drawn anew in each iteration, and steps that tend to zero (x frozen while "
        "e settles): the point at which the mean corrected gradient vanishes depends on b no more than the point at "
        "which the mean gradient vanishes.",
        "refuted",
        settles_elsewhere,
        "The uncorrected iteration settles at the minimiser of the mean loss whatever the batch size. The corrected "
        "one lifts small gradients and not large ones, so it settles where the lifted gradients balance, and how "
        "skewed they are depends on the batch. Three samples 0, 0, 1 with squared losses and the default gamma: "
        "11/52 = 0.212 for batches of one, 41/104 = 0.394 for batches of two, 1/3 for the full batch; AdamNorm as "
        "printed hovers there. The correction introduces a dependency on the batch size where there was none.",
        repair="A ratio that does not depend on the current gradient, or noise that is symmetric.",
        uses=("sec2.2.a",),
    ),
)
