"""From what was run to a verdict: the outcome of every combination, the place of a difference, and notes."""

from __future__ import annotations

from collections.abc import Sequence

from . import streams
from .cases import Case
from .comparison import Comparison, Tally
from .mechanisms import mechanisms_of
from .runs import Check, Combination, probe, run_case
from .search import Profile, shrunk
from .summary import cases
from .verdict import Divergence, Outcome, Record, Run, RunOutcome, Verdict, optional


def judge(check: Check, combinations: Sequence[Combination], profile: Profile, seed: int, explain: bool) -> Verdict:
    """The verdict on all combinations."""
    failed = next((c for c in combinations if c.failure is not None), None)
    represented = kept_in_another_form(combinations)
    divergence = None
    if failed is not None and failed.failure is not None:
        failure = shrunk(check, failed, profile, seed) if explain else failed.failure
        divergence = diverging(check, failed, failure, represented)
    runs = tuple(run_of(check, combination) for combination in combinations)
    if divergence is not None:
        outcome: Outcome = "differs"
    elif any(run.outcome == "not-checked" for run in runs):
        outcome = "not-checked"
    else:
        outcome = "conforms"
    reason = next((f"{run.path}, {run.dtype}: {run.note}" for run in runs if run.outcome == "not-checked"), "")
    records = tuple(
        Record(
            c.path,
            c.dtype,
            quantity,
            t.compared,
            t.unjudged,
            t.worst,
            t.error,
            t.bound,
            quantity in represented,
            t.rounded_by_step(),
        )
        for c in combinations
        for quantity, t in sorted(c.tallies.items(), key=lambda item: check.order.index(item[0]))
    )
    return Verdict(
        outcome,
        check.subject.target,
        check.algorithm.name,
        divergence,
        records,
        runs,
        notes=tuple(notes(check, combinations)),
        reason=reason if outcome == "not-checked" else "",
    )


def run_of(check: Check, combination: Combination) -> Run:
    """The outcome of one combination; it fails closed."""
    outcome: RunOutcome = "differs" if combination.failure else "conforms"
    note = combination.note
    if note and (combination.absent or optional(combination.path)):
        return Run(combination.path, combination.dtype, "not-offered", 0, note=note)
    if outcome == "conforms" and not note:
        silent = [m.name for m in mechanisms_of(check.algorithm) if not combination.mechanisms[m.name]]
        idle = [m.name for m in mechanisms_of(check.algorithm) if m.without and not combination.mattered[m.name]]
        theta = combination.tallies.get("theta", Tally())
        if combination.raised:
            note = f"{cases(combination.raised)} of ordinary gradients raised in step(): {combination.refusal}"
        elif not theta.compared or not combination.moved:
            note = "no parameter that moved could be compared"
        elif silent and reachable(check, silent):
            note = f"never happened in the cases that ran: {', '.join(silent)}"
        elif idle and reachable(check, idle):
            note = f"never mattered in the cases that ran: {', '.join(idle)}"
    if note:
        outcome = "not-checked"
    return Run(
        combination.path,
        combination.dtype,
        outcome,
        combination.cases,
        combination.refused,
        combination.refusal,
        dict(combination.mechanisms),
        dict(combination.mattered),
        note=note,
    )


def reachable(check: Check, silent: Sequence[str]) -> bool:
    """Whether mechanisms that stayed silent could have happened: a pinned gamma = 0 leaves no correction to see."""
    pinned = {**check.subject.pinned, **(check.reading.read if check.reading else {})}
    of = {m.of for m in mechanisms_of(check.algorithm) if m.name in check.silent}
    impossible = {m.name for m in mechanisms_of(check.algorithm) if m.of in of}
    if pinned.get("gamma") == 0:
        impossible |= {"correction", "zero gradient"}
    if 2 / (1 - pinned.get("beta2", 0.999)) - 1 < 5:
        impossible |= {"rectified step"}
    return bool(set(silent) - impossible)


def diverging(
    check: Check, combination: Combination, failure: tuple[Case, Comparison], represented: frozenset[str]
) -> Divergence:
    """Name the place of a failure."""
    case, comparison = failure
    first = comparison.first(check.order, represented)
    assert first is not None  # the parameters diverged, so there is a difference
    named = first.quantity in check.algorithm.names
    equation = check.algorithm[first.quantity] if named else None
    return Divergence(
        first.quantity,
        equation.text if equation else "g_t",
        equation.formula if equation else "",
        check.algorithm.where(first.quantity),
        first.step,
        first.tensor,
        first.element,
        first.expected,
        first.got,
        first.error,
        first.bound,
        combination.path,
        combination.dtype,
        case,
        {quantity: t.rounded_by_step(len(case.steps)) for quantity, t in comparison.tallies.items()},
    )


def notes(check: Check, combinations: Sequence[Combination]) -> list[str]:
    """What a reader should know beside the verdict."""
    lines = []
    read = check.reading.read if check.reading else {}
    free = [n for n in check.algorithm.hyperparameters if n not in check.subject.spelling and n not in read]
    if held := {name: value for name, value in read.items() if name in check.algorithm.hyperparameters}:
        values = ", ".join(f"{name} = {value:g}" for name, value in held.items())
        lines.append(f"the constructor takes no {', '.join(held)}; {values} was read from its param_groups")
    if free:
        taken = ", ".join(f"{name} = {getattr(check.base, name):g}" for name in free)
        lines.append(
            f"the constructor takes no {', '.join(free)}; compared at {taken} (--rename {free[0]}=THEIRS if it does)"
        )
    for name, parameter in check.subject.parameters.items():
        if (
            "weight_decay" in name
            and name not in check.subject.spelling.values()
            and name not in check.subject.arguments
            and isinstance(parameter.default, float)
            and parameter.default
        ):
            lines.append(f"its default {name}={parameter.default:g} was left on; --arg {name}=0 switches it off")
    if kept := sorted(kept_in_another_form(combinations)):
        lines.append(f"state {', '.join(kept)} is kept times a constant; the parameters are not affected")
    forms = {(key, form): None for c in combinations for key, form in c.forms.items()}
    if forms:
        lines.append("state " + ", ".join(f"{key} is kept as {form}" for key, form in forms))
    conforming = all(c.failure is None for c in combinations)
    if conforming and (other := sorted(set().union(*(c.unfollowed for c in combinations)))):
        keys = sorted({key for c in combinations for key, quantity in c.mapping.items() if quantity in other})
        lines.append(f"state {', '.join(keys)} does not follow {', '.join(other)}; the parameters conform without")
    if again := sorted(f"{c.path}, {c.dtype}" for c in combinations if c.reread):
        lines.append(f"{'; '.join(again)}: judged with scalars (beta^t and what is made of it) in float32, as they are")
    if not all(c.deterministic for c in combinations):
        lines.append("the same case did not fail again: the optimizer is not deterministic")
    refusals = {c.refusal: c for c in combinations if c.refused}
    lines += [
        f"{c.path}, {c.dtype}: {cases(c.refused)} refused by the optimizer ({text})" for text, c in refusals.items()
    ]
    return lines


def kept_in_another_form(combinations: Sequence[Combination]) -> frozenset[str]:
    """Quantities that conforming runs kept times a constant, in all of them."""
    represented = frozenset().union(*(c.represented for c in combinations))
    return represented - frozenset().union(*(c.unfollowed for c in combinations))


def fits_designed(check: Check, divergence: Divergence) -> bool:
    """Whether the subject is inside on a counterexample to another reading and on all designed cases."""
    return inside(check, divergence.path, divergence.dtype, divergence.case)


def inside(check: Check, path: str, dtype: str, case: Case) -> bool:
    """Whether the subject is inside on a case and on all designed ones."""
    combination = probe(check, path, dtype)
    for one in (case, *streams.designed(dtype)):
        if run_case(check, one, [combination]) is not None:
            return False
    return combination.cases > 0 and combination.moved
