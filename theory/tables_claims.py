"""Claims about printed tables, as texts in the language of the checker.

Differences of figures with two decimals are whole numbers of hundredths, so that `max(0, min(1, 100*(a - b)))` is 1
where a > b and 0 elsewhere: a count is a sum of such terms, in exact rationals.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from adanorm_verify.ledger import Step, claims
from adanorm_verify.ledger.entry import Role

Rows = Sequence[Sequence[str]]


def printed(**tables: Rows) -> dict[str, Any]:
    """An instance whose tables are the printed ones."""
    return {"data": {name: [list(row) for row in rows] for name, rows in tables.items()}}


def as_printed(instance: dict[str, Any], role: Role = "proof") -> Step:
    """The step that pins the tables of an instance: every row adds up to what the printed row adds up to."""
    comparisons = []
    for name, rows in instance["data"].items():
        for i, row in enumerate(rows, 1):
            comparisons.append(f"sum({name}[{i}, j] for j in range(1, {len(row) + 1})) == {decimal(total(row))}")
    return claims("the figures are those of the printed table: the sum of each of its rows", *comparisons, role=role)


def total(figures: Iterable[str]) -> Fraction:
    return sum((Fraction(figure) for figure in figures), Fraction(0))


def decimal(x: Fraction) -> str:
    """An exact text of a rational: a decimal where it has two places, a quotient elsewhere."""
    hundredths = 100 * x
    if hundredths.denominator != 1:
        return f"{x.numerator}/{x.denominator}"
    sign, whole = "-" if x < 0 else "", abs(int(hundredths))
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def count(term: str, rows: int, columns: int = 0) -> str:
    """How many of the whole-numbered terms in `i` (and `j`) are positive."""
    inner = f"max(0, min(1, {term}))"
    if columns:
        inner = f"sum({inner} for j in range(1, {columns + 1}))"
    return f"sum({inner} for i in range(1, {rows + 1}))"


def everywhere(comparison: str, rows: int, columns: int) -> list[str]:
    """A comparison in `i` and `j` for all rows, a claim a column."""
    return [
        f"all({comparison.replace(', j]', f', {j}]')} for i in range(1, {rows + 1}))" for j in range(1, columns + 1)
    ]


def mean(name: str, row: int, first: int, last: int) -> str:
    """The mean of a stretch of a row."""
    return f"sum({name}[{row}, j] for j in range({first}, {last + 1}))/{last - first + 1}"


def largest(name: str, i: str) -> str:
    return f"max({name}[{i}, j] for j in range(1, 4))"


def exactly(says: str, formula: str, values: list[Fraction], role: Role = "proof") -> Step:
    """The value of a formula in `i`, row by row."""
    equalities = (f"{formula.replace('[i,', f'[{i},')} == {decimal(x)}" for i, x in enumerate(values, 1))
    return claims(says, *equalities, role=role)
