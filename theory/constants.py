"""Constants and horizons at the defaults: what each bound claims, what is necessary, and from when on it says more."""

from __future__ import annotations

from functools import partial
from math import sqrt

from adanorm_verify.ledger import Entry, Finding, claims, identity

from .bounds_table import BOUNDS, LET, Bound


def decided(bound: Bound) -> Finding:
    """Both constants between their numbers, and the pair for the reader."""
    given = dict(bound.instance)
    let = [*LET, *given.pop("let", [])]
    steps = (
        *bound.steps,
        claims(f"claimed, at the defaults; necessary: {bound.says}", bound.claimed, bound.needed, let=let, **given),
    )
    pair = {"claimed": ends(bound.claimed), "necessary": ends(bound.needed)}
    return Finding(steps, figures={**pair, **bound.figures()})


def ends(claim: str) -> list[str]:
    """The numbers of `low < expression < high`, or of one side of it."""
    parts = [part.strip() for part in claim.replace("<=", "<").replace("==", "<").split("<")]
    return [part for part in (parts[0], parts[-1]) if part.replace(".", "").replace("*", "").isdigit()]


def horizon() -> Finding:
    """Where the theorem's bound meets T G D, for the two lambdas."""
    let = [
        *LET,
        ("a", "1/(2*alpha*(1 - beta1)) + alpha*(1 + beta1)/((1 - beta1)*sqrt(1 - beta2)*(1 - eta)**2)"),
        ("third_half", "sqrt(1 - beta2)/(2*alpha*(1 - beta1))*4"),
        ("third", "sqrt(1 - beta2)/(2*alpha*(1 - beta1))*10**16"),
    ]
    factors = {start: round(0.2 / start / (1 + sqrt(0.001) * 4), 2) for start in (0.1, 0.01)}
    return Finding(
        (
            identity("s = sqrt(T), the bound is a s + c: it is below T beyond one point r and above it before, since "
                     "T - (a s + c) is this product with a = r - c/r",
                     "(s - r)*(s + c/r)", "s**2 - (r - c/r)*s - c", "s r c"),
            claims("lambda = 1/2", "a*sqrt(25168692) + third_half > 25168692",
                   "a*sqrt(25168693) + third_half < 25168693", let=let),
            claims("lambda = 1 - 10^-8", "a*sqrt(158114*10**13) + third > 158114*10**13",
                   "a*sqrt(158115*10**13) + third < 158115*10**13", let=let),
        ),
        figures={
            "factor by which the first and third term are too small at T = 1 for small gradients, lambda = 1/2, by "
            "start over alpha": {str(start): factor for start, factor in factors.items()},
            "horizon, by lambda": {"1/2": 25168693, "1 - 1e-8": "between 1.58114e18 and 1.58115e18"},
        },
    )  # fmt: skip


ENTRIES = (
    *(
        Entry(
            f"scale.const.{bound.id}",
            "ours: the table of constants",
            bound.statement,
            "proved",
            partial(decided, bound),
            bound.reading,
            uses=(bound.of,),
            rests_on=bound.rests_on,
        )
        for bound in BOUNDS
    ),
    Entry(
        "scale.const.thm2",
        "ours: the table of constants",
        "The right-hand side of Theorem 2 at the defaults for d = 1, G = G_inf = D = D_inf = 1 and gradients of size "
        "1 is below the trivial bound T G D exactly from T = 25,168,693 on with lambda = 1/2, and with lambda = 1 - "
        "10^-8 from some T between 1.58114 10^18 and 1.58115 10^18 on.",
        "proved",
        horizon,
        "Before these horizons the theorem, if it were true, would say less than that no loss can differ by more "
        "than G D. With the suggested lambda that is for ever. No factor before its right-hand side makes it true: "
        "for small gradients, T = 1 and a start near the minimiser the factor that is needed grows as alpha over the "
        "distance (scale.thm2).",
        uses=("thm2.a", "sec32.3"),
    ),
)
