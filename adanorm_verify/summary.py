"""A verdict as plain lines: for pipes, logs and `Verdict.summary()`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .cases import Case
from .paper import algorithm

if TYPE_CHECKING:
    from .verdict import CheckResult, Verdict

HEADLINES = {
    "conforms": "{target} conforms to {title}",
    "conforms-with-deviations": "{target} conforms to {title} with allowed deviations",
    "differs": "{target} differs from {title}",
    "not-checked": "{target} could not be checked against {title}",
}


def headline(verdict: Verdict) -> str:
    """One line."""
    given = ", ".join(f"{name}={value}" for name, value in verdict.setup.arguments.items())
    target = f"{verdict.target}({given})" if given else verdict.target
    line = HEADLINES[verdict.outcome].format(target=target, title=verdict.algorithm)
    if verdict.outcome == "differs" and verdict.first_divergence is None:
        line = f"{target} computes {verdict.algorithm}, and fails {', '.join(verdict.failed_checks)}"
    chosen = ", ".join(f"{key}={value}" for key, value in verdict.decisions.items())
    return f"{line} (read with {chosen})" if chosen else line


def numbers(array: np.ndarray) -> str:
    """Values as a person writes them; long tensors are cut."""
    values = [f"{x:.6g}" for x in array.ravel()[:6]]
    more = f", … {array.size} in all" if array.size > 6 else ""
    return f"[{', '.join(values)}{more}]" if array.ndim else values[0]


def counterexample(case: Case, names: Collection[str]) -> Iterator[str]:
    """The case, a line a group with the hyperparameters of those names, and a line a step."""
    for number, own in enumerate(case.hyperparameters):
        label = f"group {number}: " if len(case.hyperparameters) > 1 else ""
        yield label + ", ".join(f"{name} = {value:g}" for name, value in own.items().items() if name in names)
    if any(np.any(theta) for theta in case.theta):
        yield "theta_0 = " + ", ".join(numbers(theta) for theta in case.theta)
    for number, gradients in enumerate(case.steps, 1):
        yield f"g_{number} = " + ", ".join("none" if g is None else numbers(g) for g in gradients)


def place(verdict: Verdict) -> Iterator[str]:
    """Where it leaves the paper, by how much, and on what input; nothing for a subject that does not."""
    d = verdict.first_divergence
    if d is None:
        return
    yield f"first difference: {d.quantity} at step {d.step} ({d.path}, {d.dtype})"
    yield f"  {d.where}:  {d.equation}"
    yield f"  paper {d.expected!r}"
    yield f"  found {d.got!r}"
    yield f"  error {d.error:.3g}, rounding explains {d.bound:.3g}: {d.ratio:.3g} times as much"
    yield "counterexample"
    for line in counterexample(d.case, algorithm(verdict.algorithm).hyperparameters):
        yield f"  {line}"


def deviations(verdict: Verdict) -> Iterator[str]:
    """What it is instead, and a paragraph a deviation."""
    if verdict.explanation:
        yield verdict.explanation
    for found in verdict.deviations:
        allowed = ", allowed" if found.allowed else ""
        yield f"  {found.name} ({found.kind}{allowed}): {found.meaning}"
        if found.found != found.meaning:
            yield f"    paper  {found.paper}"
            yield f"    found  {found.found}"


def by_cause(results: Iterable[CheckResult]) -> list[list[CheckResult]]:
    """Results of one outcome and one cause together, in the order in which they were met."""
    merged: dict[tuple[str, ...], list[CheckResult]] = {}
    for result in results:
        key = (result.cause,) if result.cause else (result.name, result.message)
        merged.setdefault((result.outcome, result.reason, *key), []).append(result)
    return list(merged.values())


def checks(verdict: Verdict) -> Iterator[str]:
    """How many checks passed, and a line for each cause of a failure, with the checks and paths that met it."""
    if not verdict.checks:
        return
    counts = Counter(result.outcome for result in verdict.checks)
    causes = Counter(results[0].outcome for results in by_cause(verdict.checks) if results[0].cause)
    told = {outcome: f" of {causes[outcome]}" for outcome, count in counts.items() if 0 < causes[outcome] < count}
    said = {outcome: f"{text} cause{'s' * (causes[outcome] > 1)}" for outcome, text in told.items()}
    yield "checks: " + ", ".join(f"{count} {outcome}{said.get(outcome, '')}" for outcome, count in counts.items())
    pressing = [r for r in verdict.checks if r.outcome in ("failed", "warned", "expected", "stale")]
    for results in by_cause(pressing):
        yield finding(results)


def finding(results: Sequence[CheckResult]) -> str:
    """A line for results of one cause."""
    first = results[0]
    reason = f" ({first.reason})" if first.reason else ""
    names, paths = (", ".join(dict.fromkeys(texts)) for texts in zip(*((r.name, r.path) for r in results), strict=True))
    text = "; ".join(first.message.splitlines()) or "it passes"
    return f"  {first.outcome}: {names}{reason}, {paths}: {text}"


def accepting(verdict: Verdict) -> Iterator[str]:
    """The arguments that a subject which differs still needs to pass; nothing where a difference is not explained."""
    if arguments := allowing(verdict):
        yield f"to accept what was found: {arguments}"


def allowing(verdict: Verdict) -> str:
    if verdict.outcome != "differs" or (verdict.first_divergence is not None and not verdict.deviations):
        return ""
    names = [found.name for found in verdict.deviations if not found.allowed]
    return " ".join(f"--allow {name}" for name in (*names, *verdict.failed_checks))


def cases(count: int) -> str:
    return f"{count} case" if count == 1 else f"{count} cases"


def runs(verdict: Verdict) -> Iterator[str]:
    """A line a path and dtype."""
    worst = {(r.path, r.dtype): r for r in verdict.records if r.quantity == "theta"}
    for run in verdict.runs:
        if run.outcome == "not-offered":
            continue
        theta = worst.get((run.path, run.dtype))
        counted = (
            f"{theta.compared} parameters compared, error/bound at most {theta.ratio:.3g}"
            if theta
            else "nothing compared"
        )
        note = f" ({run.note})" if run.note else ""
        yield f"{run.path}, {run.dtype}: {run.outcome}{note}; {cases(run.cases)}, {counted}"


def not_offered(verdict: Verdict, longest: int = 90) -> Iterator[str]:
    """A line a path that the optimizer does not offer, with its own reason; one longer than `longest` is cut."""
    paths: dict[tuple[str, str], list[str]] = {}
    for run in verdict.runs:
        if run.outcome == "not-offered":
            paths.setdefault((run.path, run.note), []).append(run.dtype)
    for (path, note), dtypes in paths.items():
        short = note if len(note) <= longest else note[: longest - 1] + "…"
        yield f"{path}: not offered in {', '.join(dtypes)}; {short}"


def mechanisms(verdict: Verdict) -> dict[str, str]:
    """How often each mechanism took part over all runs, and in how many steps the result depended on it."""
    fired: Counter[str] = Counter()
    mattered: Counter[str] = Counter()
    for run in verdict.runs:
        fired.update(run.mechanisms)
        mattered.update(run.mattered)
    return {name: f"{n} ({mattered[name]} mattered)" if name in mattered else str(n) for name, n in fired.items()}


def summary(verdict: Verdict) -> str:
    """The whole verdict as lines."""
    lines = [headline(verdict)]
    if verdict.reason:
        lines.append(verdict.reason)
    lines += deviations(verdict)
    if verdict.outcome == "differs":
        lines += place(verdict)
    lines += runs(verdict)
    lines += checks(verdict)
    lines += accepting(verdict)
    if counts := mechanisms(verdict):
        lines.append("happened: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    lines += [f"note: {note}" for note in (*verdict.notes, *not_offered(verdict))]
    return "\n".join(lines)
