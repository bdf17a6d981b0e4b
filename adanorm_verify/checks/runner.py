"""Run the checks on the paths that a subject offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from ..runs import Check, Combination
from ..subject import SubjectRaised, quiet
from ..verdict import CheckOutcome, CheckResult
from . import fresh
from .judge import Judge, outlined
from .pages import CheckPage, Failed, NotApplicable, Warned, registered
from .trial import Trial

PREFERRED = "float32"
"""What is checked here does not depend on the precision; the half formats have checks of their own."""


def run_checks(
    check: Check, combinations: Sequence[Combination], expect: Mapping[str, str] | None = None, profile: str = "default"
) -> tuple[CheckResult, ...]:
    """Run every check of a profile on every path that steps, in float32 where that was run and else in the first dtype.

    Args:
        check: its algorithm is the best-known list of what the subject is.
        combinations: as `runs.probe` made them; those that could not take a plain step (`note`) take no part.
        expect: name of a check to the reason why it may fail.
        profile: "quick", "default" or "thorough".

    Returns:
        One result a check and path. An expected failure is `expected`; an expected check that fails nowhere, and
        passes somewhere, is `stale`.

    Raises:
        ValueError: `expect` names no check.
    """
    expected = dict(expect or {})
    refuse_unknown(expected)
    offered = [combination for combination in combinations if not combination.note]
    dtypes = [combination.dtype for combination in offered]
    dtype = PREFERRED if PREFERRED in dtypes else next(iter(dtypes), "")
    pages = [page for page in registered() if profile in page.profiles]
    results: list[CheckResult] = []
    known: dict[Any, Any] = {}
    judge = Judge(check.algorithm)
    if any(page.name == fresh.NAME for page in pages):
        fresh.warm()
    with torch.random.fork_rng(devices=[]):
        for combination in offered:
            if combination.dtype == dtype:
                trial = Trial(
                    check.subject, outlined(check.algorithm), check.device, judge, combination, check.base, known=known
                )
                results += [run_one(page, trial) for page in pages]
    return tuple(judged(results, expected))


def refuse_unknown(expected: Mapping[str, str]) -> None:
    names = [page.name for page in registered()]
    for name in expected:
        if name not in names:
            raise ValueError(f"expect {name!r}: no such check; the checks are {', '.join(names)}")


def run_one(page: CheckPage, trial: Trial) -> CheckResult:
    """What one check finds; whatever the subject raises in it is a failure with its message."""
    result = CheckResult(page.name, page.group, "passed", trial.combination.path, trial.combination.dtype)
    assert page.function is not None  # only pages with a function are registered
    try:
        with quiet(), torch.set_grad_enabled(torch.is_grad_enabled()):  # the subject may leave it otherwise
            refuse_still(trial)
            note = page.function(trial)
    except KeyboardInterrupt:
        raise
    except NotApplicable as error:
        return replace(result, outcome="not-applicable", message=brief(error))
    except Warned as error:
        return found(result, "warned", brief(error))
    except Failed as error:
        return found(result, "failed", brief(error))
    except SubjectRaised as error:
        return found(result, "failed", f"step {error.step} raised {brief(error)}", brief(error))
    except BaseException as error:  # foreign code may raise anything, SystemExit included
        text = f"{type(error).__name__}: {brief(error)}"
        return found(result, "failed", f"raised {text}", text)
    return replace(result, message=brief(note or ""))


def found(result: CheckResult, outcome: CheckOutcome, message: str, cause: str = "") -> CheckResult:
    """The result of what needs a reader; its cause is the first line of the message where none is given."""
    return replace(result, outcome=outcome, message=message, cause=(cause or message).partition("\n")[0])


def brief(message: object) -> str:
    """The first sentence of each line: torch's own messages can go on for a page."""
    return "\n".join(line.split(". ")[0] for line in str(message).strip().splitlines())


def refuse_still(trial: Trial) -> None:
    """An optimizer that does not move satisfies every law, and shows nothing."""
    theta = trial.case().theta
    if all((x == y).all() for thetas in trial.plain for x, y in zip(thetas, theta, strict=True)):
        raise NotApplicable("no parameter moves on an ordinary case, so nothing can be shown")


def judged(results: Sequence[CheckResult], expected: Mapping[str, str]) -> list[CheckResult]:
    """The results with expected failures and stale expectations marked."""
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
