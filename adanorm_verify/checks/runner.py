"""Run the checks on the paths that a subject offers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from ..interface import SubjectRaised
from ..runs import Check, Combination
from ..subject import Subject, undisturbed
from ..texts import cut, said
from ..verdict import CheckOutcome, CheckResult
from .judge import Judge, outlined
from .pages import CheckPage, Failed, NotApplicable, Warned, registered
from .trial import Trial


def run_pages(check: Check, combinations: Sequence[Combination], pages: Sequence[CheckPage]) -> Iterator[CheckResult]:
    """What each check finds on each path of a subject in this process.

    Args:
        check: its algorithm is the best-known list of what the subject is.
        combinations: the paths, each in one dtype.
        pages: of the checks.
    """
    assert isinstance(check.subject, Subject)  # one elsewhere is checked there
    known: dict[Any, Any] = {}
    judge, outline = Judge(check.algorithm), outlined(check.algorithm)
    with torch.random.fork_rng(devices=[]):
        for combination in combinations:
            trial = Trial(check.subject, outline, check.device, judge, combination, check.base, known=known)
            for page in pages:
                yield run_one(page, trial)


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
        with undisturbed():
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
        text = brief(said(error))
        return found(result, "failed", f"raised {text}", text)
    return replace(result, message=brief(note or ""))


def found(result: CheckResult, outcome: CheckOutcome, message: str, cause: str = "") -> CheckResult:
    """The result of what needs a reader; its cause is the first line of the message where none is given."""
    return replace(result, outcome=outcome, message=message, cause=(cause or message).partition("\n")[0])


LONGEST_LINES = 6
"""Of a message: a cause, a place, and what a foreign exception adds."""


SENTENCE_END = re.compile(r"\.\s+(?=[A-Z])")


def brief(message: object) -> str:
    """The first sentence of each line: torch's own messages can go on for a page."""
    return "\n".join(cut(SENTENCE_END.split(line)[0]) for line in str(message).strip().splitlines()[:LONGEST_LINES])


def refuse_still(trial: Trial) -> None:
    """An optimizer that does not move satisfies every law, and shows nothing."""
    theta = trial.case().theta
    if all((x == y).all() for thetas in trial.plain for x, y in zip(thetas, theta, strict=True)):
        raise NotApplicable("no parameter moves on an ordinary case, so nothing can be shown")
