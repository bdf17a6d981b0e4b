"""Which checks are run on which paths, and what becomes of failures that were expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..runs import Combination
from ..verdict import CheckResult, optional
from .pages import CheckPage

PREFERRED = "float32"
"""What is checked here does not depend on the precision; the half formats have checks of their own."""


def chosen(
    combinations: Sequence[Combination], pages: Sequence[CheckPage], profile: str
) -> tuple[list[Combination], list[CheckPage]]:
    """The paths on which checks run, in float32 where that was run and else in the first dtype; and a profile's checks.

    Args:
        combinations: as `runs.probe` made them; those that could not take a plain step (`note`) take no part.
        pages: of all checks that have a function.
        profile: "quick", "default" or "thorough".
    """
    offered = [combination for combination in combinations if not combination.note]
    dtypes = [combination.dtype for combination in offered]
    dtype = PREFERRED if PREFERRED in dtypes else next(iter(dtypes), "")
    here = [combination for combination in offered if combination.dtype == dtype]
    if profile == "quick":  # paths that one must ask for are compared with the equations; their checks only warn
        here = [combination for combination in here if not optional(combination.path)] or here
    return here, [page for page in pages if profile in page.profiles]


def judged(results: Sequence[CheckResult], expected: Mapping[str, str]) -> list[CheckResult]:
    """The results with expectations marked.

    An expected failure is `expected`; an expected check that fails nowhere, and passes somewhere, is `stale`.

    Args:
        results: one a check and path.
        expected: name of a check to the reason why it may fail.
    """
    failing = {result.name for result in results if result.outcome == "failed"}

    def marked(result: CheckResult) -> CheckResult:
        if result.name not in expected:
            return result
        reason = expected[result.name]
        if result.outcome == "failed":
            return replace(result, outcome="expected", reason=reason)
        stale = result.outcome == "passed" and result.name not in failing
        return replace(result, outcome="stale", reason=reason) if stale else replace(result, reason=reason)

    return [marked(result) for result in results]
