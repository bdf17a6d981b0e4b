"""Section 2: the method, and what its sentences promise."""

from adanorm_verify.ledger import Entry, Finding, claims, sign


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


def at_least_the_average() -> Finding:
    return Finding(
        (
            sign(
                "where the correction fires, ||s|| = (e/n) n is e itself",
                "e/n*n >= e",
                "0",
                "e n",
            ),
            sign("elsewhere ||s|| = n, and n >= e is the condition", "n >= e", "n - e", "e n", ["n - e >= 0"]),
        )
    )


ENTRIES = (
    Entry(
        "sec2.1",
        "section 2, equation 3",
        "For all gradients g_1, ..., g_t and all gamma in [0, 1), equation 3 gives s_t a value.",
        "ill-posed",
        undefined_at_zero,
        "Once a gradient was not zero, e stays positive for ever; a later gradient that is exactly zero then asks for "
        "(e/0)*0. Implementations without a guard write NaN into m, where it stays.",
        repair="s_t = 0 where g_t = 0, the limit of c*g for bounded c.",
    ),
    Entry(
        "sec2.2.a",
        "section 2, after equation 4",
        "For all gradients with ||g_t|| > 0: ||s_t|| >= e_t.",
        "proved",
        at_least_the_average,
        "The average e_t includes the current gradient; it is never above the corrected norm.",
    ),
)
