"""Section 2: the correction itself (equations 3 and 4), and what the sentences around it promise."""

from __future__ import annotations

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
)
