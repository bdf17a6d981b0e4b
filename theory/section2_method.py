"""Section 2: the correction itself (equations 3 and 4), and what the sentences around it promise."""

from __future__ import annotations

import numpy as np

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

DEFAULTS = [("beta1", "9/10"), ("beta2", "999/1000"), ("gamma", "19/20"), ("alpha", "1/1000")]
NORM_IS_HOMOGENEOUS = identity(
    "the sum of squares of c*g, a coordinate x more, given that of the others, S: so ||c g|| = c ||g|| for c > 0, in "
    "any dimension",
    "c**2*S + (c*x)**2",
    "c**2*(S + x**2)",
    "c S x",
)


def linear_losses(*slopes: str) -> dict[str, object]:
    """A run of AdamNorm on one dimension's losses `a*theta`: gradients that do not depend on theta."""
    losses = [[[[slope], "0"]] for slope in slopes]
    return {"losses": losses, "start": ["0"], "rounds": str(len(slopes)), "step": "alpha"}


def undefined_at_zero() -> Finding:
    instance = {
        "let": [("gamma", "19/20"), ("g_1", "1"), ("e_1", "(1 - gamma)*abs(g_1)"), ("g_2", "0"), ("n_2", "abs(g_2)")],
        "then": [("e_2", "gamma*e_1 + (1 - gamma)*n_2")],
    }
    step = claims(
        "g_1 = 1, g_2 = 0: the correction is asked for, and divides zero by zero",
        "e_2 > n_2",
        "n_2 == 0",
        role="undefined",
    )
    return Finding((step,), instance)


def zero_stays_zero() -> Finding:
    return Finding(
        (
            sign(
                "with s = 0 where n = 0, equation 3 divides by n only where n > 0; there each coordinate x of g, with "
                "the squares of the others adding up to R, has (e/n x)^2 <= e^2, so s is a real vector of norm e at "
                "most",
                "e**2 >= (e**2/(R + x**2))*x**2",
                "e**2*R/(R + x**2)",
                "e R x",
                ["R >= 0", "R + x**2 > 0"],
            ),
            sign("e is a number at every t: it starts at 0 and is never negative", "gamma*e + (1 - gamma)*n >= 0",
                 "gamma*e + (1 - gamma)*n", "gamma e n", ["gamma >= 0", "1 - gamma > 0", "e >= 0", "n >= 0"]),
        )
    )  # fmt: skip


def jumps_at_zero() -> Finding:
    known = ["gamma >= 0", "1 - gamma > 0", "h > 0", "E > 0"]
    return Finding(
        (
            identity(
                "one dimension, e_{t-1} = E. For g_t = h > 0 so small that the correction fires, s = (e/h) h = e; for "
                "g_t = -h it is -e",
                "(gamma*E + (1 - gamma)*h)/h*h",
                "gamma*E + (1 - gamma)*h",
                "gamma E h",
            ),
            sign(
                "the two values are at least 2 gamma E apart for every such h: no value at g_t = 0 is a limit of both",
                "(gamma*E + (1 - gamma)*h) - (-(gamma*E + (1 - gamma)*h)) >= 2*gamma*E",
                "2*(1 - gamma)*h",
                "gamma E h",
                known,
            ),
        )
    )


def at_least_the_average() -> Finding:
    return Finding(
        (
            NORM_IS_HOMOGENEOUS,
            sign("where the correction fires, c = e/n, and (e/n) n is e itself", "e/n*n >= e", "0", "e n"),
            sign("elsewhere ||s|| = n, and n >= e is the condition", "n >= e", "n - e", "e n", ["n - e >= 0"]),
        )
    )


def less_than_the_past() -> Finding:
    instance = {"let": DEFAULTS, "run": linear_losses("100", "1")}
    return Finding(
        (
            claims("gradients 100 and 1, the default gamma; equation 3 has a value at both", "n[1] == 100", "n[2] == 1",
                   role="hypothesis"),
            claims("the average of the past norms is 5, the corrected norm 4.8", "e[1] == 5", "abs(s[2]) == 4.8",
                   "abs(s[2]) < e[1]", role="violation"),
        ),
        instance,
    )  # fmt: skip


def exactly_where_it_does_not_fire() -> Finding:
    known = ["gamma >= 0", "1 - gamma > 0"]
    return Finding(
        (
            sign("n >= E = e_{t-1}: ||s|| = max(n, e) is at least n, which is at least E", "n >= E", "n - E", "n E",
                 ["n - E >= 0"]),
            sign("n < E: then n itself is below E", "E > n", "E - n", "n E", ["E - n > 0"]),
            sign("and so is e = gamma E + (1 - gamma) n, hence their larger one, which is ||s||",
                 "E > gamma*E + (1 - gamma)*n", "(1 - gamma)*(E - n)", "gamma n E", [*known, "E - n > 0"]),
        )
    )  # fmt: skip


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
        sign("and, started between them, at or below the larger one, e = A - d: a small gradient is given the norm e_t, "
             "a large one keeps its own",
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
        "sec2.1",
        "section 2, equation 3",
        "For all gradients g_1, ..., g_t and all gamma in [0, 1), equation 3 gives s_t a value.",
        "ill-posed",
        undefined_at_zero,
        "Once a gradient was not zero, e stays positive for ever; a later gradient that is exactly zero then asks for "
        "(e/0)*0. Implementations without a guard write NaN into m, where it stays.",
        repair="Say what s_t is where g_t = 0; sec2.1.repaired takes 0. No choice is continuous (sec2.1.jump).",
    ),
    Entry(
        "sec2.1.repaired",
        "section 2, equation 3, with s_t = 0 where g_t = 0",
        "For all gradients g_1, ..., g_t and all gamma in [0, 1), equation 3 together with s_t = 0 where g_t = 0 gives "
        "s_t a value, of norm max(||g_t||, e_t) at most.",
        "proved",
        zero_stays_zero,
        "With zero for the corrected zero gradient everything is defined, as the references and optimizers here do it. "
        "The guarantee that the corrected norm is at least the average is then lost at exactly these gradients.",
        uses=("sec2.1",),
    ),
    Entry(
        "sec2.1.jump",
        "section 2, equation 3, near g_t = 0",
        "In one dimension, with e_{t-1} = E > 0: for all h > 0 below e_t, s_t at g_t = h and at g_t = -h are at least "
        "2 gamma E apart; so for gamma > 0 no value at g_t = 0 makes s_t continuous there.",
        "proved",
        jumps_at_zero,
        "A gradient of 1e-300 and one of -1e-300 are turned into steps of opposite sign and of the size of the past "
        "gradients. The corrected gradient is a sign function near zero: rounding noise there decides the direction of "
        "a full step, and no value at zero repairs it.",
        uses=("sec2.1",),
    ),
    Entry(
        "sec2.2.a",
        "section 2, after equation 4",
        "For all gradients with ||g_t|| > 0: ||s_t|| >= e_t.",
        "proved",
        at_least_the_average,
        "The average e_t includes the current gradient; it is never above the corrected norm. Where g_t = 0 equation 3 "
        "has no value (sec2.1).",
    ),
    Entry(
        "sec2.2.b",
        "section 2, after equation 4",
        "For all gradients with ||g_t|| > 0: ||s_t|| >= e_{t-1}, the average of the norms of past gradients.",
        "refuted",
        less_than_the_past,
        "The corrected norm is lifted to an average in which the small current norm already takes part with weight "
        "1 - gamma, and that is below the average of the past. It is not an exception: the promise fails at every "
        "single iteration at which the correction acts, and holds at all others (sec2.2.b.when).",
        repair="Compare with e_{t-1} instead of e_t, or say e_t (sec2.2.a).",
        uses=("sec2.2.a",),
    ),
    Entry(
        "sec2.2.b.when",
        "section 2, after equation 4",
        "For gamma in [0, 1) and ||g_t|| > 0: ||s_t|| >= e_{t-1} if and only if ||g_t|| >= e_{t-1}, that is, exactly "
        "where the correction does not fire (for gamma > 0).",
        "proved",
        exactly_where_it_does_not_fire,
        "Whenever the current norm is below the past average, so is the corrected one. Lifting the norm to that of "
        "past gradients is what the method never does.",
        uses=("sec2.2.b", "sec2.7.a", "sec2.7.b"),
        rests_on=("sec2.7.b",),
    ),
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
        "one lifts small gradients and not large ones, so it settles where the lifted gradients balance, and how skewed "
        "they are depends on the batch. Three samples 0, 0, 1 with squared losses and the default gamma: 11/52 = 0.212 "
        "for batches of one, 41/104 = 0.394 for batches of two, 1/3 for the full batch; AdamNorm as printed hovers "
        "there. The correction introduces a dependency on the batch size where there was none.",
        repair="A ratio that does not depend on the current gradient, or noise that is symmetric.",
        uses=("sec2.2.a",),
    ),
)
