"""Builders of the steps of a certificate, in the language of `theory/checker.py`.

Expressions are texts: Python's arithmetic over rationals, `sqrt exp log abs min max`, `sum(... for i in range(a, b))`,
and tables by index, counted from 1. Decimals are exact. Comparisons may be chained, and quantified by
`all(... for i in range(a, b))`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .entry import Role, Step

Let = Sequence[tuple[str, str]]


def claims(
    says: str,
    *comparisons: str,
    role: Role = "proof",
    let: Let = (),
    data: Mapping[str, Any] | None = None,
    run: Mapping[str, Any] | None = None,
    then: Let = (),
) -> Step:
    """Comparisons of numbers, each decided in exact rationals or certified intervals.

    Args:
        says: for the reader.
        comparisons: at least one.
        role: of the step; a hypothesis or a violation is about the finding's instance and defines nothing.
        let: names and their expressions, in order.
        data: tables of numbers, as nested lists of texts.
        run: a run of an optimizer.
        then: further names, which may read the run.
    """
    step: dict[str, Any] = {"role": role, "kind": "claims", "says": says, "claims": list(comparisons)}
    parts = {"data": dict(data or {}), "let": pairs(let), "run": dict(run or {}), "then": pairs(then)}
    return step | {name: part for name, part in parts.items() if part}


def identity(says: str, left: str, right: str, variables: str, role: Role = "proof") -> Step:
    """`left` and `right` are one rational function of the variables (named in one text, with spaces)."""
    return {
        "role": role,
        "kind": "identity",
        "says": says,
        "variables": variables.split(),
        "left": left,
        "right": right,
    }


def sign(says: str, claim: str, form: str, variables: str, assume: Sequence[str] = (), role: Role = "proof") -> Step:
    """`claim` (`a > b` or `a >= b`) holds because a - b equals `form`, whose sign shows.

    Args:
        says: for the reader.
        claim: between rational functions of the variables.
        form: sums, products, quotients and even powers of what is assumed to have a sign.
        variables: named in one text, with spaces.
        assume: such as `x > 0` or `1 - beta >= 0`; the form must contain them as they are written.
        role: of the step.
    """
    return {
        "role": role,
        "kind": "sign",
        "says": says,
        "variables": variables.split(),
        "assume": list(assume),
        "claim": claim,
        "as": form,
    }


def cover(
    says: str,
    domain: Mapping[str, tuple[str, str]],
    *comparisons: str,
    depth: int,
    let: Let = (),
    role: Role = "proof",
) -> Step:
    """Comparisons that hold on a whole box, by enclosures after at most `depth` halvings of its widest side."""
    step: dict[str, Any] = {"role": role, "kind": "cover", "says": says, "claims": list(comparisons)}
    step |= {"domain": {name: list(ends) for name, ends in domain.items()}, "depth": depth}
    return step | ({"let": pairs(let)} if let else {})


def pairs(let: Let) -> list[list[str]]:
    return [[name, text] for name, text in let]
