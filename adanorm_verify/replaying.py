"""Recorded counterexamples run again, exactly as they stand in a document and without a search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from .calling import arguments_of
from .comparison import Difference
from .conformance import describe
from .document import finite
from .errors import CannotCheck
from .hosting.lending import subject_of
from .hosting.source import Limits, Source
from .hosting.supervisor import SubjectEnded
from .paper import algorithm as paper_algorithm
from .runs import Check, checked, probe, run_case
from .verdict import Divergence, Verdict, optional

SCHEMA = 1
"""Version of the JSON document."""

ReplayOutcome = Literal["still-there", "could-not-run", "fixed"]
WORST_FIRST = get_args(ReplayOutcome)


@dataclass(frozen=True)
class Replay:
    """What became of one recorded counterexample.

    Args:
        outcome: of running it again.
        recorded: where the subject left the paper then.
        path: on which it ran now.
        now: where it does now, for `still-there`.
        note: why not, for `could-not-run`.
    """

    outcome: ReplayOutcome
    recorded: Divergence
    path: str
    now: Difference | None = None
    note: str = ""

    def lines(self) -> Iterator[str]:
        """What to tell a person."""
        recorded = self.recorded
        other = f", now on {self.path}" if self.path != recorded.path else ""
        place = f"{recorded.quantity} at step {recorded.step} ({recorded.path}, {recorded.dtype}{other})"
        yield f"{self.outcome.replace('-', ' ')}: {place}{': ' if self.note else ''}{self.note}"
        if self.now is not None:
            now = self.now
            elsewhere = (now.quantity, now.step) != (recorded.quantity, recorded.step)
            before = "" if elsewhere else f"; when it was recorded {recorded.got!r}"
            yield f"  {f'now {now.quantity} at step {now.step}: ' if elsewhere else ''}paper {now.expected!r}"
            yield f"  found {now.got!r}{before}"
            yield f"  error {now.error:.3g}, rounding explains {now.bound:.3g}: {now.ratio:.3g} times as much"


def replay(verdict: Verdict, limits: Limits | None = None, in_process: bool = False) -> tuple[Replay, ...]:
    """Run every counterexample of a verdict again. The module or file that it names is imported.

    Args:
        verdict: that has counterexamples.
        limits: what the subject's process may take.
        in_process: run it in this process.

    Raises:
        CannotCheck: the verdict has none, or its subject cannot be had.
    """
    recorded = [found for found in (verdict.first_divergence,) if found is not None]
    if not recorded:
        raise CannotCheck(f"nothing to replay: the verdict on {verdict.target} has no counterexample")
    setup = verdict.setup
    paper = paper_algorithm(verdict.algorithm, verdict.decisions)
    legacy = "legacy" in verdict.environment
    source = Source(verdict.target, None, arguments_of(setup), legacy=legacy, device=setup.device)
    asked = subject_of(source, setup.rename, paper.hyperparameters, limits, in_process, setup.sharded)
    with asked as (subject, _):
        check = checked(subject, paper, setup.device)
        return tuple(replayed(check, divergence) for divergence in recorded)


def replayed(check: Check, recorded: Divergence) -> Replay:
    """One counterexample again, and the worst of it where it has to run on several paths."""
    paths = paths_for(recorded.path, tuple(check.subject.paths))
    if not paths:
        offered = ", ".join(check.subject.paths)
        why = f"the optimizer has no path {recorded.path} any more; it has {offered}"
        return Replay("could-not-run", recorded, recorded.path, note=why)
    return min((on_path(check, recorded, path) for path in paths), key=lambda one: WORST_FIRST.index(one.outcome))


def paths_for(recorded: str, offered: tuple[str, ...]) -> tuple[str, ...]:
    """The recorded path, or all that take its place: a new release may have begun, or ceased, to offer a choice."""
    if recorded in offered:
        return (recorded,)
    if optional(recorded):
        return ()
    return tuple(path for path in offered if not optional(path))


def on_path(check: Check, recorded: Divergence, path: str) -> Replay:
    """One counterexample on one path; it is fixed only where the parameters were compared and stayed inside."""

    def could_not(why: str) -> Replay:
        return Replay("could-not-run", recorded, path, note=why)

    combination = probe(check, path, recorded.dtype)
    if combination.note:
        return could_not(combination.note)
    if check.prepared(recorded.case, combination).to_json() != recorded.case.to_json():
        return could_not("the optimizer cannot be given the hyperparameters and values that were recorded")
    try:
        run_case(check, recorded.case, [combination])
    except SubjectEnded as ended:
        return could_not(str(ended))
    if combination.failure is not None:
        return Replay("still-there", recorded, path, combination.failure[1].first(check.order))
    if combination.refused:
        return could_not(combination.refusal)
    if not combination.tallies["theta"].compared:
        return could_not("no parameter could be compared")
    return Replay("fixed", recorded, path)


def exit_code(replays: tuple[Replay, ...]) -> int:
    """0 all fixed, 1 one is still there, 2 one could not be run or there was none."""
    outcomes = {one.outcome for one in replays}
    if "still-there" in outcomes:
        return 1
    return 0 if outcomes == {"fixed"} else 2


def document(verdict: Verdict, replays: tuple[Replay, ...], command: str) -> str:
    """The versioned JSON document."""
    environment = verdict.environment
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "target": verdict.target,
        "algorithm": verdict.algorithm,
        "replays": [
            {
                "outcome": one.outcome,
                "quantity": one.recorded.quantity,
                "step": one.recorded.step,
                "path": one.recorded.path,
                "dtype": one.recorded.dtype,
                "run_on": one.path,
                "recorded": {name: getattr(one.recorded, name) for name in ("expected", "got", "error", "bound")},
                "now": None if one.now is None else {**asdict(one.now), "ratio": one.now.ratio},
                "note": one.note,
            }
            for one in replays
        ],
        "recorded_with": environment.get("versions", {}),
        **describe(environment.get("profile", ""), verdict.setup.device, environment.get("seed", 0), {}),
        "command": command,
    }
    return json.dumps(finite(content), indent=2, ensure_ascii=False) + "\n"
