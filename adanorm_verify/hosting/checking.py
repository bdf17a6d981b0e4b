"""The checks of the contract on a subject, wherever it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..checks.judge import Judge, outlined
from ..checks.pages import CheckPage
from ..runs import Check, Combination
from ..verdict import CheckResult
from .lending import lent
from .remote import RemoteSubject
from .remote_judge import QUESTIONS
from .source import Source


def results_of(check: Check, combinations: Sequence[Combination], pages: Sequence[CheckPage]) -> Iterator[CheckResult]:
    """Run checks on paths, and yield what each finds.

    Args:
        check: its algorithm is the best-known list of what the subject is.
        combinations: the paths, each in one dtype.
        pages: of the checks.

    Raises:
        SubjectEnded: the subject's process ended.
    """
    if not isinstance(check.subject, RemoteSubject):
        from ..checks.runner import run_pages

        yield from run_pages(check, combinations, pages)
        return
    supervised = check.subject.supervised
    judge = Judge(check.algorithm)
    judging = {name: getattr(judge, name) for name in QUESTIONS} | {
        "elsewhere": lambda data: elsewhere(supervised.source, data)
    }
    asked = [(c.path, c.dtype, c.grouped, dict(c.mapping)) for c in combinations]
    supervised.call("begin_checks", check.subject.called, outlined(check.algorithm), check.base, asked)
    for number, combination in enumerate(combinations):
        for page in pages:
            at = f"of the check {page.name!r} ({combination.path}, {combination.dtype})"
            yield supervised.call("check", number, page.name, at=at, judging=judging)


def pages_of(check: Check) -> Sequence[CheckPage]:
    """The pages of all checks that have a function."""
    if isinstance(check.subject, RemoteSubject):
        return check.subject.supervised.call("pages")
    from ..checks import all_checks

    return all_checks()


def elsewhere(source: Source, data: bytes) -> object:
    """What a fresh process makes of a saved state; see `checks.fresh`."""
    with lent(source) as lender:
        return lender.supervised.call("go_on", data)  # type: ignore[union-attr]
