"""The sharpness table as lines of text, as Markdown and as a JSON document."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..checks import CHECKS
from ..sharpness import Kind, Row, killed_by_one

KINDS: dict[Kind, str] = {
    "formula": "hand-written",
    "interface": "of interface or state",
    "deviation": "generated with one deviation",
    "pair": "generated with two",
}
"""Kind of mutant to what the summary calls it."""
SCHEMA = 1


def line(row: Row) -> str:
    """One specimen in one line."""
    return f"{row.specimen.name} ({row.specimen.algorithm}): {result(row)}"


def result(row: Row) -> str:
    if row.faults:
        more = f", and {len(row.faults) - 1} more" if len(row.faults) > 1 else ""
        return f"WRONG: {row.faults[0]}{more}"
    if row.specimen.kind == "rewrite":
        return f"passed; error/bound at most {row.ratio:.3g}"
    return f"killed by {', '.join(row.killers)}; {row.first}; {cases(row)}"


def cases(row: Row) -> str:
    """How many cases the kill took, smallest to largest over the seeds."""
    return ", ".join(
        f"{dtype} {low}" + (f" to {high}" if high > low else "") for dtype, (low, high) in row.cases.items()
    )


def summary(rows: Sequence[Row], settings: Mapping[str, Any]) -> list[str]:
    """The figures of a campaign, a line each."""
    mutants = [row for row in rows if row.specimen.kind != "rewrite"]
    rewrites = [row for row in rows if row.specimen.kind == "rewrite"]
    kinds = Counter(row.specimen.kind for row in mutants)
    seeds = sorted({seed for row in rows for seed in row.seeds})
    counts = [n for row in mutants for limits in row.cases.values() for n in limits]
    lines = [
        f"{len(mutants)} mutants ({', '.join(f'{kinds[k]} {words}' for k, words in KINDS.items() if kinds[k])})",
        f"survivors: {names(mutants)}",
        f"{len(rewrites)} faithful rewrites",
        f"false alarms: {names(rewrites)}",
        f"profile {settings['profile']}, {' and '.join(settings['dtypes'])}, {len(seeds)} seeds",
    ]
    if len(seeds) > 1:
        lines.append("the contract's checks draw nothing from a seed, and ran under the first")
    if counts:
        lines.append(f"cases to kill: median {statistics.median(counts):g}, at most {max(counts)}")
    if rewrites:
        lines.append(f"error/bound of the rewrites: at most {max(row.ratio for row in rewrites):.3g}")
    seconds = [row.seconds for row in rows]
    lines.append(f"seconds a check: median {statistics.median(seconds):.2g}, at most {max(seconds):.2g}")
    return lines


def names(rows: Sequence[Row]) -> str:
    return ", ".join(row.specimen.name for row in rows if row.faults) or "none"


def matrix(rows: Sequence[Row]) -> list[str]:
    """For each check the mutants that only it kills, or why it stays."""
    alone = killed_by_one(rows)
    reasons = {page.name: getattr(page, "why", "") for page in CHECKS}
    lines = []
    for name in (*reasons, *(name for name in alone if name not in reasons)):
        mutants = alone.get(name, ())
        few = ", ".join(mutants[:3]) + (", ..." if len(mutants) > 3 else "")
        stays = f"no mutant of its own; {reasons.get(name) or 'no reason given'}"
        lines.append(f"{name}: {f'{len(mutants)} would live without it: {few}' if mutants else stays}")
    return lines


def markdown(rows: Sequence[Row], settings: Mapping[str, Any]) -> str:
    """The whole table."""
    head = ["| optimizer | claims to be | kind | result |", "| --- | --- | --- | --- |"]
    cells = ([row.specimen.name, row.specimen.algorithm, row.specimen.kind, result(row)] for row in rows)
    body = ["| " + " | ".join(cell.replace("|", r"\|") for cell in of_row) + " |" for of_row in cells]
    parts = [["# How sharp the check is"], bullets(summary(rows, settings)), ["## Checks"], bullets(matrix(rows))]
    return "\n\n".join("\n".join(part) for part in [*parts, ["## Optimizers"], head + body]) + "\n"


def bullets(lines: Sequence[str]) -> list[str]:
    return [f"- {text}" for text in lines]


def document(rows: Sequence[Row], settings: Mapping[str, Any], command: str) -> dict[str, Any]:
    """The JSON document."""
    return {
        "schema": SCHEMA,
        "command": command,
        **settings,
        "summary": summary(rows, settings),
        "only_killed_by": {name: list(mutants) for name, mutants in killed_by_one(rows).items()},
        "rows": [asdict(row) for row in rows],
    }
