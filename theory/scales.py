"""Scales: sides that scale differently cannot be compared, and rescaling alone makes the counterexample."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import log2
from typing import Any

from adanorm_verify.ledger import Entry, Finding, claims, identity
from adanorm_verify.ledger.folder import checker

from .dimensions import Degree, degree, terms
from .inequalities import INEQUALITIES, Inequality
from .section2_method import DEFAULTS

STARTS = ("1", "1/10", "1/100")
"""Distances of the start from the minimiser, over alpha."""
POWERS = range(0, 41)
"""Gradients are tried at 2^0, 2^-1, ... (2^0, 2^1, ... where the right side has the smaller degree)."""
HYPOTHESES = (
    "beta1**4 < beta2",
    "0 < lam < 1",
    "all(n[t] <= G for t in range(1, T + 1))",
    "all(abs(g[t]) <= G_inf for t in range(1, T + 1))",
    "all(e[t] <= G_inf for t in range(1, T + 1))",
    "all(e[t]/n[t] <= G_inf/G for t in range(1, T + 1))",
    "all(abs(theta[t] - theta_star) <= D for t in range(1, T + 1))",
    "D <= D_inf",
)
"""Of Lemma 1 and of Theorem 2 together; D bounds the distance from the minimiser too, which the theorem forgets."""


def instance(scale: str, start: str, rounds: int, length: str = "1") -> dict[str, Any]:
    """`rounds` times the loss |theta| times `scale`, whose minimiser is 0, at the defaults; lambda = 1/2.

    Args:
        scale: of the gradients, which is also the bound on them.
        start: over alpha.
        rounds: T.
        length: a factor of theta and alpha together.
    """
    let = [
        *DEFAULTS[:3],
        ("alpha", f"{length}/1000"),
        ("lam", "1/2"),
        ("eta", "beta1**2/sqrt(beta2)"),
        ("scale", scale),
        ("G", "scale"),
        ("G_inf", "scale"),
        ("theta_star", "0"),
        ("D", f"{start}*alpha" if rounds == 1 else f"({start} + 2)*alpha"),
        ("D_inf", "D"),
    ]
    run = {
        "losses": [[[["scale"], "0"], [["-scale"], "0"]]],
        "start": [f"{start}*alpha"],
        "rounds": str(rounds),
        "step": "alpha/sqrt(t)",
        "beta1_t": "beta1*lam**(t - 1)",
    }
    return {"let": let, "run": run}


def compared(one: Degree) -> tuple[Any, Any]:
    """What the two sides must share: the degree in the gradients, and in lengths, which theta and alpha both are."""
    return one[0], one[1] + one[2]


def degrees(inequality: Inequality) -> tuple[list[tuple[str, Degree]], list[tuple[str, Degree]]]:
    """The terms of both sides, each with its degree."""
    return tuple([(term, degree(term)) for term in terms(side)] for side in (inequality.left, inequality.right))


def mismatched(inequality: Inequality) -> bool:
    left, right = degrees(inequality)
    return len({compared(one) for _, one in (*left, *right)}) > 1


def measured(text: str, rounds: int) -> tuple[float, float] | None:
    """The degrees in the gradients and in lengths once more: from a run and the same run rescaled; None for 0."""
    tools = checker()

    def at(scale: str, length: str) -> float:
        names = tools.defined(instance(scale, "1/3", rounds, length))
        found = tools.value(tools.parsed(text), names)
        return abs(float((found.low + found.high) / 2))

    base = at("1", "1")
    return (log2(at("4", "1") / base) / 2, log2(at("1", "4") / base) / 2) if base else None


def agrees(inequality: Inequality) -> None:
    """Stop where the degree that is read off a term is not the one that a rescaled run shows."""
    for term, one in (*degrees(inequality)[0], *degrees(inequality)[1]):
        found = measured(term, 2)
        if found and any(abs(a - float(b)) > 1e-9 for a, b in zip(found, compared(one), strict=True)):
            raise AssertionError(f"{inequality.id}: {term} has degree {one}, but a run shows {found}")


def candidates(inequality: Inequality) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Rescaled instances, the least rescaled first."""
    left, right = degrees(inequality)
    shrink = max(one[0] for _, one in right) > max(one[0] for _, one in left)
    for power in POWERS:
        for start in STARTS:
            scale = f"1/{2**power}" if shrink else str(2**power)
            yield instance(scale, start, inequality.rounds), scale, start


def by_rescaling(inequality: Inequality) -> Finding:
    """The first rescaled instance that satisfies all hypotheses and violates the conclusion."""
    agrees(inequality)
    tools = checker()
    relation = "!=" if inequality.relation == "==" else ">"
    violation = f"{inequality.left} {relation} {inequality.right}"

    def violated(found: dict[str, Any]) -> bool:
        names = tools.defined(found)
        return tools.holds(violation, names) and all(tools.holds(claim, names) for claim in HYPOTHESES)

    found, scale, start = next(one for one in candidates(inequality) if violated(one[0]))
    steps = (
        claims(f"one coordinate, one loss {scale} |theta|, start {start} alpha beside its minimiser; G and G_inf are "
               "the size of the gradient, D and D_inf the distance", *HYPOTHESES, role="hypothesis"),
        claims("the left side is beyond the right one", violation, role="violation"),
    )  # fmt: skip
    return Finding(steps, found, {"scale": scale, "start over alpha": start, "degrees": table(inequality)})


def table(inequality: Inequality) -> dict[str, list[str]]:
    """For the reader: each term's degree in gradients, theta, alpha."""
    left, right = degrees(inequality)
    return {
        side: [f"{term}: {', '.join(map(str, one))}" for term, one in sides]
        for side, sides in (("left", left), ("right", right))
    }


def units() -> Finding:
    for inequality in INEQUALITIES:
        agrees(inequality)
    two = {"let": [*instance("2", "1", 1)["let"]], "run": instance("2", "1", 1)["run"]}
    lemma = next(inequality for inequality in INEQUALITIES if inequality.id == "lem1")
    theorem = next(inequality for inequality in INEQUALITIES if inequality.id == "thm2")
    one = [
        ("left_once", "1"),
        ("right_once", "2/((1 - eta)**2*sqrt(1 - beta2))"),
        ("second_once", "alpha*(1 + beta1)/((1 - beta1)*sqrt(1 - beta2)*(1 - eta)**2)"),
    ]
    two["then"] = [
        *one,
        ("left_twice", lemma.left),
        ("right_twice", lemma.right),
        ("regret_twice", theorem.left),
        ("second_twice", terms(theorem.right)[1]),
    ]
    steps = (
        identity("all gradients times k: m_hat times k, v_hat times k^2, its root w times k; the left side of Lemma 1 "
                 "times k",
                 "(k*m)**2/(k*w)", "k*(m**2/w)", "k m w"),
        identity("G, G_inf and the norm q of the gradients' vector times k: the right side times k^2",
                 "(k*P)**3/(k*G)**2*(k*q)", "k**2*(P**3/G**2*q)", "k P G q"),
        claims("one iteration at the defaults; gradient 1, then 2", "scale == 2", "g[1] == 2", role="hypothesis"),
        claims("the left side of Lemma 1 doubles, its right side quadruples; so does the second term of the theorem's "
               "bound, while the regret of losses twice as steep doubles",
               "left_twice == 2*left_once", "3*right_once < right_twice", "regret_twice == 2*alpha",
               "3*second_once < second_twice", role="violation"),
    )  # fmt: skip
    figures = {
        "degrees (gradients, theta, alpha) that differ": {x.id: table(x) for x in INEQUALITIES if mismatched(x)},
        "degrees that agree": {x.id: table(x) for x in INEQUALITIES if not mismatched(x)},
    }
    return Finding(steps, two, figures)


def entry(of: str, statement: str, reading: str, repair: str) -> Entry:
    inequality = next(x for x in INEQUALITIES if x.id == of)
    return Entry(
        f"scale.{of}",
        "ours: the dimension check",
        statement,
        "refuted",
        partial(by_rescaling, inequality),
        reading,
        repair=repair,
        uses=("thm2.a" if of == "thm2" else of, "lem1.units"),
    )


ENTRIES = (
    Entry(
        "lem1.units",
        "Lemma 1 and Theorem 2",
        "When all gradients, and the bounds on them, are multiplied by k > 0, both sides of Lemma 1 are multiplied "
        "by one power of k, and so are the regret and every term of the bound of Theorem 2.",
        "refuted",
        units,
        "The left side of Lemma 1 grows as k, its right side as k^2: changing the unit of the loss decides whether "
        "the inequality holds. The degrees of all the lines show where it enters: lem1.13 is in order, the step from "
        "Adam's paper (lem1.14) brings one factor G_inf too many, and Lemma 1, thm2.7 and both theorems inherit it. "
        "Besides, one misprint shows (thm2.3). In lengths (theta and alpha) all lines are in order.",
        repair="sqrt(1 + log T) in place of 2 G_inf in lem1.14 (scale.const.lem1.14).",
        uses=("lem1", "thm2.a", "lem1.14"),
    ),
    entry(
        "lem1.14",
        "For all gradients and every bound G_inf on them: sum_t sqrt(g_t^2/t) <= 2 G_inf ||g_{1:T}||_2.",
        "Degree 1 against degree 2: false for one gradient of size below 1/2. Lemma 10.3 of Adam's paper, from which "
        "it is taken, has the same defect.",
        "See scale.const.lem1.14.",
    ),
    entry(
        "lem1",
        "Lemma 1 under all of its hypotheses, at the defaults.",
        "One gradient of size 2^-11 is enough: the left side is that size, the right side 1760 times its square. No "
        "correction takes part.",
        "A right side of degree 1.",
    ),
    entry(
        "thm2.3",
        "For all gradients: (alpha_t m_hat/sqrt(v_hat))^2 = alpha_t^2 (m_hat/v_hat)^2.",
        "The square of the step has v_hat in its denominator, not v_hat^2: degree 0 against degree -2. A misprint, "
        "since thm2.4 has the right form again; the dimension check finds it without reading the proof.",
        "alpha_t^2 m_hat^2/v_hat.",
    ),
    entry(
        "thm2.7",
        "The five displayed sums bound the regret, under the hypotheses of Theorem 2 with D bounding the distance "
        "from the minimiser too.",
        "For small gradients the two terms that Lemma 1 gave vanish against the rest, so the others would have to "
        "bound the regret alone, which they do not for one iteration from a start nearer to the minimiser than a "
        "tenth of alpha.",
        "The third and fourth sum with a corrected Lemma 1.",
    ),
    entry(
        "thm2",
        "Theorem 2 under all of its hypotheses with D bounding the distance from the minimiser too, at the default "
        "betas and lambda = 1/2.",
        "The second term of the bound has degree 2 in the gradients, all else degree 1. So for small gradients the "
        "first and third term would have to do, and for T = 1 and a start a tenth of alpha beside the minimiser they "
        "are smaller than the loss there. The same happens for every lambda: with lambda = 1 - 10^-8 for starts "
        "nearer than 6 10^-16 alpha.",
        "A second term of degree 1.",
    ),
    entry(
        "thm1",
        "Theorem 1 under all of its hypotheses with D bounding the distance from the minimiser too, at the defaults "
        "and lambda = 1/2.",
        "As for Theorem 2; (1 - gamma)^2 in place of (1 - eta)^2 makes the second term larger, which a smaller "
        "gradient undoes.",
        "A second term of degree 1.",
    ),
)
