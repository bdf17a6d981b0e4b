"""The contract's checks in a verdict: which failures count, which were expected, which only warn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from .checks import all_checks
from .checks.selection import chosen, judged
from .deviations import NAMES
from .hosting.checking import Checking
from .hosting.supervisor import SubjectEnded
from .runs import Check, Combination
from .verdict import OPTIONAL_PATHS, CheckResult, Verdict


def allowed_checks(allow: Sequence[str], expect: Mapping[str, str]) -> dict[str, str]:
    """Check name to reason, of both; ValueError for a name that is neither a deviation's nor a check's."""
    if not expect and set(allow) <= set(NAMES):
        return {}
    contract = [page.name for page in all_checks()]
    for name in (*allow, *expect):
        if name not in contract and (name in expect or name not in NAMES):
            kind, known = ("check", contract) if name in expect else ("deviation", (*NAMES, *contract))
            near = get_close_matches(name, known, n=3, cutoff=0.3)
            raise ValueError(f"unknown {kind} {name!r}; near it: {', '.join(near) or 'none'} (see `list {kind}s`)")
    return {**{name: "allowed" for name in allow if name in contract}, **expect}


def with_contract(
    verdict: Verdict,
    check: Check,
    combinations: Sequence[Combination],
    expected: Mapping[str, str],
    profile: str,
    checking: Checking,
) -> Verdict:
    """The verdict with what the checks found; a failure that nobody expected makes it differ.

    Args:
        verdict: on the equations.
        check: its algorithm is the best-known list of what the subject is.
        combinations: paths and dtypes that were run.
        expected: checks that may fail, with the reason.
        profile: see `search.PROFILES`.
        checking: runs the checks.
    """
    if verdict.outcome == "not-checked":
        return verdict
    found: list[CheckResult] = []
    ended = ""
    try:
        for result in checking.results(check, *chosen(combinations, checking.pages(), profile)):
            found.append(result)
    except SubjectEnded as error:
        ended = str(error)
    results = tuple(map(weighed, judged(found, expected)))
    checked = replace(verdict, checks=results, notes=(*verdict.notes, *weight_decay(results), *warnings(results)))
    if checked.failed_checks:
        checked = replace(checked, outcome="differs")
    return unfinished(checked, ended) if ended else checked


def unfinished(verdict: Verdict, ended: str) -> Verdict:
    """A verdict on a subject whose process ended: nothing is decided, unless a difference was found before."""
    if verdict.outcome == "differs":
        return replace(verdict, notes=tuple(dict.fromkeys((*verdict.notes, f"not everything was checked: {ended}"))))
    return replace(verdict, outcome="not-checked", reason=ended)


def weighed(result: CheckResult) -> CheckResult:
    """A failure on a path that one must ask for is a warning."""
    optional = result.outcome == "failed" and result.path in OPTIONAL_PATHS
    return replace(result, outcome="warned") if optional else result


def weight_decay(results: Sequence[CheckResult]) -> Iterator[str]:
    """What weight decay does, in a line for all paths that do the same; a failed check says it in its own line."""
    told: dict[str, list[str]] = {}
    for result in results:
        if result.name == "weight-decay" and result.outcome == "passed":
            told.setdefault(result.message, []).append(result.path)
    for message, paths in told.items():
        yield message if len(told) == 1 else f"{message} ({', '.join(paths)})"


def warnings(results: Sequence[CheckResult]) -> Iterator[str]:
    """A note for each path that one must ask for, and that fails a check; what all paths warn of is no failure."""
    failed: dict[str, list[str]] = {}
    usual = {result.name for result in results if result.outcome == "warned" and result.path not in OPTIONAL_PATHS}
    for result in results:
        if result.outcome == "warned" and result.path in OPTIONAL_PATHS and result.name not in usual:
            failed.setdefault(result.path, []).append(result.name)
    for path, names in failed.items():
        yield f"{path} fails {', '.join(names)}; --arg {path}=true makes that count"
