"""The checks of the contract on a subject, wherever it is; begun while the equations are still being compared."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from ..checks.judge import Judge, outlined
from ..checks.pages import CheckPage
from ..runs import Check, Combination
from ..verdict import CheckResult
from .lending import lent
from .remote import RemoteSubject
from .remote_judge import QUESTIONS
from .source import Source
from .supervisor import SubjectEnded, Supervised
from .ways import takes_time


@dataclass
class Work:
    """Checks to be run, which several processes take from a queue.

    Args:
        check: its algorithm is the best-known list of what the subject is.
        combinations: the paths, each in one dtype.
        pages: of the checks.
        queue: numbers of combinations, and pages, that nobody has taken yet.
        found: results by number of the combination and name of the check.
        ends: how processes ended.
        judge: answers the checks, whichever process they run in.
    """

    check: Check
    combinations: Sequence[Combination]
    pages: Sequence[CheckPage]
    queue: deque[tuple[int, CheckPage]] = field(default_factory=deque)
    found: dict[tuple[int, str], CheckResult] = field(default_factory=dict)
    ends: list[SubjectEnded] = field(default_factory=list)
    judge: Judge = field(init=False)

    def __post_init__(self) -> None:
        self.judge = Judge(self.check.algorithm)
        # What the quick profile leaves out is dearest, and begun first, so that processes end at about the same time.
        dearest = sorted(self.pages, key=lambda page: len(page.profiles))
        self.queue.extend((number, page) for page in dearest for number in range(len(self.combinations)))

    def take_turns(self, process: Supervised) -> None:
        """Run checks in a process until none is left, or a process ended."""
        check, combinations = self.check, self.combinations
        assert isinstance(check.subject, RemoteSubject)  # only those are in processes of their own
        judging = {name: getattr(self.judge, name) for name in QUESTIONS}
        judging["elsewhere"] = lambda data: elsewhere(process.source, data)
        asked = [(c.path, c.dtype, c.grouped, dict(c.mapping)) for c in combinations]
        try:
            process.call("begin_checks", check.subject.called, outlined(check.algorithm), check.base, asked)
            while self.queue and not self.ends:
                with suppress(IndexError):  # another process took the last one
                    number, page = self.queue.popleft()
                    at = f"of the check {page.name!r} ({combinations[number].path}, {combinations[number].dtype})"
                    self.found[number, page.name] = process.call("check", number, page.name, at=at, judging=judging)
        except SubjectEnded as error:
            self.ends.append(error)

    def same(self, check: Check, combinations: Sequence[Combination]) -> bool:
        """Whether this is the work on such a list and paths."""
        paths = [[(c.path, c.dtype, c.grouped, c.mapping) for c in each] for each in (combinations, self.combinations)]
        return check.algorithm is self.check.algorithm and paths[0] == paths[1]

    def results(self) -> Iterator[CheckResult]:
        """What was found, path by path.

        Raises:
            SubjectEnded: the subject's process ended.
        """
        order = [(number, page.name) for number in range(len(self.combinations)) for page in self.pages]
        yield from (self.found[key] for key in order if key in self.found)
        if self.ends:
            raise self.ends[0]


class Checking:
    """The checks of one subject.

    Where the machine is this command's alone, a second process runs them, beside the comparison with the equations and
    then beside the first. They do not need each other. Campaigns have a process for each core already.

    Args:
        check: of the subject.
    """

    def __init__(self, check: Check) -> None:
        self._subject = check.subject
        self._stack = ExitStack()
        self._twin: Supervised | None = None
        self._begun: tuple[Work, Future[None]] | None = None
        if isinstance(self._subject, RemoteSubject):
            supervised = self._subject.supervised
            if takes_time(supervised.source.device) and (os.cpu_count() or 1) > 1:
                self._twin = self._stack.enter_context(Supervised(supervised.source, supervised.limits))
                self._pool = self._stack.enter_context(ThreadPoolExecutor(1))
                self._stack.enter_context(quick_turns())

    def pages(self) -> Sequence[CheckPage]:
        """The pages of all checks that have a function."""
        if isinstance(self._subject, RemoteSubject):
            return self._subject.supervised.call("pages")
        from ..checks import all_checks

        return all_checks()

    def begin(self, check: Check, combinations: Sequence[Combination], pages: Sequence[CheckPage]) -> None:
        """Begin with the checks, as if the subject were what it claims to be."""
        if self._twin is not None:
            work = Work(check, combinations, pages)
            self._begun = work, self._pool.submit(work.take_turns, self._twin)

    def results(
        self, check: Check, combinations: Sequence[Combination], pages: Sequence[CheckPage]
    ) -> Iterator[CheckResult]:
        """What each check finds on each path.

        Args:
            check: its algorithm is the best-known list of what the subject is.
            combinations: the paths, each in one dtype.
            pages: of the checks.

        Raises:
            SubjectEnded: the subject's process ended.
        """
        if not isinstance(self._subject, RemoteSubject):
            from ..checks.runner import run_pages

            yield from run_pages(check, combinations, pages)
            return
        if self._begun is not None and not self._begun[0].same(check, combinations):
            self.end()
        if self._begun is None:
            self.begin(check, combinations, pages)
        work = self._begun[0] if self._begun else Work(check, combinations, pages)
        work.take_turns(self._subject.supervised)
        if self._begun is not None:
            self._begun[1].result()
        yield from work.results()

    def end(self) -> None:
        """Leave what was begun, once the check is done that is being run."""
        if self._begun is not None:
            work, running = self._begun
            work.queue.clear()
            running.result()
            self._begun = None

    def close(self) -> None:
        """End the second process."""
        if self._begun is not None and self._twin is not None:
            self._begun[0].queue.clear()
            self._twin.interrupt()
        self._stack.close()


@contextmanager
def quick_turns() -> Iterator[None]:
    """Have this process's threads take turns a hundred times as often as usual.

    One answers a subject's process while another computes; with the usual turns each answer takes some 7 ms,
    which are 5 s in the default profile (measured on `torch.optim:Adam`).
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 100)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


@contextmanager
def checking(check: Check) -> Iterator[Checking]:
    """The checks of a subject, as long as the block lasts."""
    held = Checking(check)
    try:
        yield held
    finally:
        held.close()


def elsewhere(source: Source, data: bytes) -> object:
    """What a fresh process makes of a saved state; see `checks.fresh`."""
    with lent(source) as lender:
        return lender.supervised.call("go_on", data)  # type: ignore[union-attr]
