"""A verdict as one self-contained page: no script, nothing from a network, fit for print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import isfinite
from typing import Any

from jinja2 import Environment, StrictUndefined

from ..mechanisms import MECHANISMS
from ..paper import algorithm as paper_algorithm
from ..summary import allowing, by_cause, cases, headline, not_offered, numbers
from ..verdict import CheckResult, Divergence, Record, Verdict
from .plot import charts
from .text import combination, flat, printable

MARKS = {"conforms": "✓", "conforms-with-deviations": "✓", "differs": "✗", "not-checked": "?"}
MEANINGS = {mechanism.name: mechanism.meaning for mechanism in MECHANISMS} | {
    "missing gradient": "a tensor had no gradient at a step"
}
ORDER = ("failed", "stale", "warned", "expected", "not-applicable", "passed")
"""Of checks, what needs a reader first."""


@dataclass(frozen=True)
class CheckRow:
    """One check with one outcome and message, and every path and dtype on which it was so."""

    name: str
    group: str
    outcome: str
    message: str
    where: str


def in_words(verdict: Verdict) -> list[str]:
    """The verdict in plain sentences."""
    counted = sum(run.cases for run in verdict.runs)
    sides = sum(run.outcome not in ("not-offered", "not-checked") for run in verdict.runs)
    amount = f"{cases(counted)} on {sides} {'combination' if sides == 1 else 'combinations'} of path and dtype"
    lines = [sentence(verdict.explanation)] if verdict.explanation else []
    at = verdict.first_divergence
    if verdict.outcome == "not-checked":
        lines.append(f"Nothing was decided: {verdict.reason or 'no reason was recorded'}")
    if verdict.outcome == "conforms":
        largest = max((record.ratio for record in verdict.records if record.quantity == "theta"), default=0.0)
        lines.append(
            f"In {amount}, every parameter stayed within what rounding explains: "
            f"error/bound is at most {largest:.3g}, and 1 is the limit."
        )
    if allowed := [found.name for found in verdict.deviations if found.allowed]:
        lines.append(f"Allowed by the caller: {', '.join(allowed)}.")
    if at is not None:
        times = f"{at.ratio:.3g} times what rounding explains"
        far = times if isfinite(at.ratio) else f"without limit, as {at.got} was found"
        leaves = "Without that it would first leave" if verdict.conforms else "It first leaves"
        lines.append(
            f"{leaves} the algorithm at {at.quantity}, step {at.step}, on {at.path} in {at.dtype}: the error is {far}."
        )
    if failed := verdict.failed_checks:
        lines.append(f"Checks that fail: {', '.join(failed)}.")
    if arguments := allowing(verdict):
        lines.append(f"To accept what was found: `{arguments.replace(' --', '` `--')}`")
    return lines


def sentence(text: str) -> str:
    """With a capital letter and a full stop; names between grave accents are set as code."""
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def first_difference(at: Divergence) -> list[tuple[str, str]]:
    """Rows of the table."""
    return [
        ("quantity", f"{at.quantity}, at step {at.step}, tensor {at.tensor}, element {at.element}"),
        ("run on", f"{at.path}, {at.dtype}"),
        ("the paper", f"{at.equation}  ({at.where})"),
        ("as a formula", at.formula),
        ("the paper's value", repr(at.expected)),
        ("found", repr(at.got)),
        ("error", f"{at.error:.3g}"),
        ("rounding explains", f"{at.bound:.3g}"),
        ("error/bound", f"{at.ratio:.3g}"),
    ]


def settings(verdict: Verdict, at: Divergence) -> list[tuple[str, str]]:
    """The hyperparameters that the algorithm reads, a row a group, and the start where it is not zero."""
    read = paper_algorithm(verdict.algorithm, verdict.decisions).hyperparameters
    several = len(at.case.hyperparameters) > 1
    rows = []
    for number, own in enumerate(at.case.hyperparameters):
        values = ", ".join(f"{name} = {float(x)!r}" for name, x in own.items().items() if name in read)
        rows.append((f"group {number}" if several else "settings", values))
    if any(theta.any() for theta in at.case.theta):
        rows.append(("theta_0", ", ".join(map(numbers, at.case.theta))))
    return rows


def steps(at: Divergence) -> tuple[list[str], list[list[str]]]:
    """Names and rows of the counterexample: the gradient of each tensor, and error/bound of each quantity."""
    tensors = len(at.case.theta)
    names = ["step", *(["gradient"] if tensors == 1 else [f"gradient {i}" for i in range(tensors)])]
    names += [f"{quantity}: error/bound" for quantity in at.by_step]
    rows = []
    for number, gradients in enumerate(at.case.steps):
        ratios = [f"{ratios[number]:.3g}" if number < len(ratios) else "" for ratios in at.by_step.values()]
        rows.append([str(number + 1), *("none" if g is None else numbers(g) for g in gradients), *ratios])
    return names, rows


def other_form(verdict: Verdict) -> set[tuple[str, str, str]]:
    """Path, dtype and quantity of state that a conforming run keeps in another form: a ratio says nothing there."""
    conforming = {(run.path, run.dtype) for run in verdict.runs if run.outcome == "conforms"}
    return {
        (r.path, r.dtype, r.quantity)
        for r in verdict.records
        if r.representation or (r.quantity != "theta" and r.ratio > 1 and (r.path, r.dtype) in conforming)
    }


def runs(verdict: Verdict) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Names, and rows with their outcome: paths in dtypes, the largest error/bound of each quantity."""
    quantities = list(dict.fromkeys(record.quantity for record in verdict.records))
    records = {(r.path, r.dtype, r.quantity): r for r in verdict.records}
    other = other_form(verdict)
    rows: list[tuple[str, list[str]]] = []
    for run in verdict.runs:
        if run.outcome == "not-offered":
            continue
        outcome = run.outcome + (f": {run.note}" if run.note else "")
        outcome += f": {', '.join(run.deviations)}" if run.deviations else ""
        keys = [(run.path, run.dtype, quantity) for quantity in quantities]
        cells = ["other form" if key in other else shown(records.get(key)) for key in keys]
        rows.append((run.outcome, [run.path, run.dtype, outcome, str(run.cases), *cells]))
    return ["path", "dtype", "outcome", "cases", *quantities], rows


def shown(record: Record | None) -> str:
    """A ratio, where something was compared."""
    return f"{record.ratio:.3g}" if record is not None and record.compared else "–"


def mechanism_table(verdict: Verdict) -> tuple[list[str], list[list[str]]]:
    """Names and rows: in how many tensor steps each took part, and in how many it mattered, where that was counted."""
    fired: Counter[str] = Counter()
    mattered: Counter[str] = Counter()
    for run in verdict.runs:
        fired.update(run.mechanisms)
        mattered.update(run.mattered)
    names = ["mechanism", "meaning", "tensor steps", *(["where it mattered"] if mattered else [])]
    rows = []
    for name, count in fired.items():
        counted = [str(mattered[name]) if name in mattered else "–"] if mattered else []
        rows.append([name, MEANINGS.get(name, ""), str(count), *counted])
    return names, rows


def check_rows(checks: Sequence[CheckResult]) -> list[CheckRow]:
    """Checks, what needs a reader first; results of one cause, in whatever checks, paths and dtypes, are one row."""
    return [check_row(same) for same in by_cause(sorted(checks, key=lambda check: ORDER.index(check.outcome)))]


def check_row(same: Sequence[CheckResult]) -> CheckRow:
    """The row of results of one cause, with the text of the first."""
    first = same[0]
    found = first.message or {"stale": "it passed, though it is expected to fail"}.get(first.outcome, "")
    text = "; ".join(filter(None, (*found.splitlines(), first.reason and f"reason given: {first.reason}")))
    names, groups, where = (
        dict.fromkeys(filter(None, texts))
        for texts in zip(*((r.name, r.group, combination(r)) for r in same), strict=True)
    )
    return CheckRow(", ".join(names), ", ".join(groups), first.outcome, text, "; ".join(where))


def page(verdict: Verdict) -> str:
    """The page's text."""
    at = verdict.first_divergence
    checks = check_rows(verdict.checks)
    other = other_form(verdict)
    context: dict[str, Any] = {
        "verdict": verdict,
        "headline": headline(verdict),
        "mark": MARKS[verdict.outcome],
        "words": in_words(verdict),
        "difference": first_difference(at) if at else [],
        "settings": settings(verdict, at) if at else [],
        "steps": steps(at) if at else ([], []),
        "charts": charts([r for r in verdict.records if (r.path, r.dtype, r.quantity) not in other]),
        "other_form": sorted({f"{quantity} in {dtype}" for _, dtype, quantity in other}),
        "runs": runs(verdict),
        "mechanisms": mechanism_table(verdict),
        "pressing_checks": [row for row in checks if row.outcome in ("failed", "stale", "warned")],
        "other_checks": [row for row in checks if row.outcome not in ("failed", "stale", "warned")],
        "notes": [*verdict.notes, *not_offered(verdict, longest=1000)],
        "command": verdict.environment.get("command", ""),
        "environment": [row for row in flat(verdict.environment) if row[0] != "command"],
    }
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    return environment().from_string(template).render(context)


def environment() -> Environment:
    """Everything is escaped, and a name that a template misspells is an error."""
    return Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
