"""The smallest integers that fail, the smallest gamma, and where Adam's preconditioner moves the thresholds."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import isqrt

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .counterexample_cycle import average, rotations

GAMMA = Fraction(19, 20)


def patterns(period: int, largest: int) -> list[tuple[int, ...]]:
    """Periods of integer gradients with a positive sum, one of each class of rotations."""
    found = {
        min(p[i:] + p[:i] for i in range(period))
        for p in product(range(-largest, largest + 1), repeat=period)
        if sum(p) > 0
    }
    return sorted(found)


def corrected_sum(p: tuple[int, ...], gamma: Fraction = GAMMA) -> Fraction:
    """The corrected gradients of a settled period, summed."""
    total, unit = Fraction(0), (1 - gamma) / (1 - gamma ** len(p))
    for i, x in enumerate(p):
        e = unit * sum(gamma**k * abs(p[i - k]) for k in range(len(p)))
        total += (1 if x > 0 else -1) * max(Fraction(abs(x)), e) if x else 0
    return total


def settled_sum(period: int) -> str:
    """The same, of row i of the tables g (gradients) and d (their signs)."""
    terms = []
    for j in range(period):
        inside = " + ".join(f"gamma**{k}*abs(g[i, {(j - k) % period + 1}])" for k in range(period))
        terms.append(f"d[i, {j + 1}]*max(abs(g[i, {j + 1}]), unit*({inside}))")
    return " + ".join(terms)


def smallest() -> Finding:
    steps = [
        sign(
            "periods of one and two: of two gradients the larger norm A is not corrected (e <= A), and the smaller one "
            "is lifted to max(a, e) < A, because e = g x + (1 - g) a with x <= A: the sum keeps its sign",
            "A > g*x + (1 - g)*a",
            "g*(A - x) + (1 - g)*(A - a)",
            "A g x a",
            ["g >= 0", "A - x >= 0", "1 - g > 0", "A - a > 0"],
        )
    ]
    for says, rows, relation in (
        ("no period of three of integers up to 2", patterns(3, 2), ">"),
        ("nor of integers up to 3, but for -1, -1, 3", [p for p in patterns(3, 3) if p != (-1, -1, 3)], ">"),
        ("which does turn the sum round", [(-1, -1, 3)], "<"),
    ):
        assert all((corrected_sum(p) > 0) == (relation == ">") for p in rows)
        steps.append(
            claims(
                f"{says}: all with a positive sum, up to rotation (a zero gradient stays zero); opposite signs are "
                "alike",
                f"all(sum(g[i, k] for k in range(1, 4)) > 0 for i in range(1, {len(rows) + 1}))",
                f"all({settled_sum(3)} {relation} 0 for i in range(1, {len(rows) + 1}))",
                let=[("gamma", "19/20"), ("unit", "(1 - gamma)/(1 - gamma**3)")],
                data={
                    "g": [[str(x) for x in p] for p in rows],
                    "d": [[str((x > 0) - (x < 0)) for x in p] for p in rows],
                },
            )
        )
    longer = {
        f"period {period}, integers up to {largest}": [
            str(p) for p in patterns(period, largest) if corrected_sum(p) <= 0
        ]
        for period, largest in ((4, 2), (4, 3), (5, 2))
    }
    return Finding(steps, figures={"whose sum turns round, up to rotation and sign": longer})


# gamma and Adam --------------------------------------------------------------------------------------------------


def golden() -> Finding:
    digits = 30
    low = Fraction(isqrt(5 * 10 ** (2 * digits)) - 10**digits, 2 * 10**digits)
    high = low + Fraction(1, 10**digits)
    return Finding(
        (
            identity("P = 3, A = 3 a: A - q* a = a (1 - g - g^2)", "3 - (1 + (1 - g**3)/(1 - g))", "1 - g - g**2", "g"),
            sign(
                "g^2 + g - 1 grows with g >= 0",
                "h**2 + h - 1 >= g**2 + g - 1",
                "(h - g)*(h + g + 1)",
                "g h",
                ["h - g >= 0", "h + g + 1 >= 0"],
            ),
            claims(
                "its zero (sqrt(5) - 1)/2 = 0.618033988749894848...: thirty digits, and the default is beyond",
                f"({low})**2 + {low} - 1 < 0",
                f"({high})**2 + {high} - 1 > 0",
                f"{low} < (sqrt(5) - 1)/2 < {high}",
                "0.618033988749894 < (sqrt(5) - 1)/2 < 0.618033988749895",
                "(19/20)**2 + 19/20 - 1 > 0",
            ),
            identity("P = 3 in general: q* = 2 + g + g^2", "1 + (1 - g**3)/(1 - g)", "2 + g + g**2", "g"),
        )
    )


def drift_of_adam(large: str, gamma: str) -> list[tuple[str, str]]:
    """The settled drift of AdamNorm between the minima, for a small constant alpha = 1."""
    p = [f"1 + gamma**{j}*(A - 1)*(1 - gamma)/(1 - gamma**3)" for j in range(3)]
    M = [average(*rotation) for rotation in rotations(("A", "-p_1", "-p_2"))]
    return [
        ("A", large),
        ("gamma", gamma),
        ("b", "9/10"),
        ("b2", "999/1000"),
        *((f"p_{j}", text) for j, text in enumerate(p)),
        *((f"v_{j}", f"1 + b2**{j}*(A**2 - 1)*(1 - b2)/(1 - b2**3)") for j in range(3)),
        ("drift", " + ".join(f"({m})/sqrt(v_{j})" for j, m in enumerate(M))),
    ]


def threshold_of_adam() -> Finding:
    said = "m and v settled to their cycles (cex.cycle), the sum of m/sqrt(v) over a period"
    return Finding(
        (
            claims(f"{said}: A = 3.8529", "drift < 0", let=drift_of_adam("38529/10000", "19/20")),
            claims(f"{said}: A = 3.8530", "drift > 0", let=drift_of_adam("3853/1000", "19/20")),
            claims(f"{said}: A = 3, gamma = 0.6179", "drift > 0", let=drift_of_adam("3", "6179/10000")),
            claims(f"{said}: A = 3, gamma = 0.6180", "drift < 0", let=drift_of_adam("3", "618/1000")),
        )
    )


ENTRIES = (
    Entry(
        "cex.threshold.smallest",
        "ours: the counterexample",
        "At gamma = 0.95, of all periods of one or two gradients (any reals) none, and of all periods of three "
        "integer gradients up to 3 in absolute value only 3, -1, -1 (up to rotation and sign), have settled corrected "
        "gradients whose sum has not the sign of the true one, where that is not zero.",
        "proved",
        smallest,
        "3, -1, -1 is the simplest counterexample of its kind. Without a 3 one needs a period of five, such as 2, 2, "
        "-1, -1, -1.",
        rests_on=("cex.cycle",),
    ),
    Entry(
        "cex.threshold.gamma",
        "ours: the counterexample",
        "The losses 3|x + 1|, |x - 1|, |x - 1| in turn mislead the correction on SGD (cex.threshold: A < q* a) if and "
        "only if gamma > (sqrt(5) - 1)/2 = 0.618...; A|x + 1|, |x - 1|, |x - 1| with A > 2 do if and only if A < 2 + "
        "gamma + gamma^2.",
        "proved",
        golden,
        "The golden ratio, of all numbers. The default gamma = 0.95 and all values that the paper tries (0.9 and "
        "above) are beyond it; and for any smaller gamma > 0 there is an A between 2 and 2 + gamma + gamma^2.",
        rests_on=("cex.threshold",),
    ),
    Entry(
        "cex.threshold.adam",
        "ours: the counterexample",
        "For AdamNorm at beta1 = 0.9, beta2 = 0.999 and the losses A|x + 1|, |x - 1|, |x - 1| in turn, the settled "
        "sum of m/sqrt(v) over a period between the minima is negative (to the wrong side) at A = 3.8529 and positive "
        "at A = 3.8530, for gamma = 0.95; for A = 3 it changes sign between gamma = 0.6179 and 0.6180.",
        "proved",
        threshold_of_adam,
        "Adam's preconditioner, which changes by less than a thousandth within a period, moves the thresholds of SGD "
        "(3.8525 and 0.61803) by about a ten-thousandth.",
        uses=("cex.threshold", "cex.adam"),
        rests_on=("cex.cycle",),
    ),
)
