"""The subject's process: it loads the subject, runs it as it is told, and answers with numbers."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

import torch

from .. import heartbeat, legacy
from ..calling import place_of, spelled
from ..cases import Case
from ..checks import all_checks, fresh
from ..checks.judge import Outline
from ..checks.pages import CheckPage, registered
from ..checks.runner import run_one
from ..checks.surroundings import Remembered
from ..checks.trial import Trial
from ..errors import CannotCheck
from ..interface import Argument, Holdings, Snapshot, SubjectRaised
from ..paper import Hyperparameters
from ..runs import Combination
from ..subject import Subject, undisturbed
from ..targets import load, module_of
from ..texts import cut, said
from ..verdict import CheckResult
from .channel import Port
from .remote_judge import RemoteJudge
from .source import Source
from .surroundings import enclose


class Host:
    """What a subject's process can be asked; each public method is one request.

    Args:
        source: of the subject.
        port: to the process that judges.
    """

    def __init__(self, source: Source, port: Port) -> None:
        self.source = source
        self.port = port
        self.lent = ExitStack()
        self.translated: Mapping[str, int] | None = self.lent.enter_context(legacy.shim()) if source.legacy else None
        self.trials: list[Trial] = []
        self.remembered = Remembered()
        self.subject = cache(self._subject)

    @property
    def factory(self) -> Callable[..., Any]:
        return self.source.factory or loaded(self.source.target, self.source.folder)

    def _subject(self, rename: tuple[tuple[str, str], ...], read: tuple[str, ...]) -> Subject:
        source = self.source
        given = dict(source.arguments), dict(rename), read
        return Subject(self.factory, source.target, *given, decay=source.decay)

    def signature(self) -> tuple[Argument, ...]:
        """The constructor's parameters."""
        return Subject(self.factory, self.source.target).signature

    def about(self) -> dict[str, Any]:
        """What is known of the subject and of its surroundings."""
        cuda = self.source.device == "cuda"
        if cuda and not torch.cuda.is_available():
            raise CannotCheck("device 'cuda': torch finds no CUDA device; use --device cpu")
        factory = self.factory
        self.remembered = Remembered()  # again, since an import may replace what it needs
        file, line = place_of(factory, self.source.target, self.source.folder)
        return {
            "name": cut(spelled(factory)),
            "file": file,
            "line": line,
            "torch": str(torch.__version__),
            "device": torch.cuda.get_device_name() if cuda else "cpu",
        }

    def names_in(self, place: str) -> list[str]:
        """Names that a module or file has; it is imported."""
        return sorted(cut(name) for name in vars(imported(place, self.source.folder)))

    def used(self) -> dict[str, int]:
        """What the shim for old code has translated so far."""
        return dict(self.translated or {})

    def holdings(self, called: Any, case: Case, path: Mapping[str, Any], dtype: str, device: str) -> Holdings:
        """See `SubjectInterface.holdings`."""
        return self.subject(*called).holdings(case, path, dtype, device)

    def restore(self) -> None:
        """Undo what the subject did to the functions of other libraries and to its process."""
        self.remembered.restore()

    def unread(self, called: Any, case: Case, path: str, dtype: str, device: str) -> str:
        """See `SubjectInterface.unread`."""
        return self.subject(*called).unread(case, path, dtype, device)

    def drive(self, called: Any, *arguments: Any) -> tuple[list[list[Snapshot]], tuple[int, str] | None]:
        """The snapshots of `SubjectInterface.drive`, and the step and the text of what was raised."""
        self.restore()
        steps: list[list[Snapshot]] = []
        try:
            for snapshots in self.subject(*called).drive(*arguments):
                steps.append(snapshots)
        except SubjectRaised as error:
            return steps, (error.step, str(error))
        return steps, None

    def pages(self) -> tuple[CheckPage, ...]:
        """The pages of the checks, without their functions."""
        return tuple(replace(page, function=None) for page in all_checks())

    def begin_checks(
        self,
        called: Any,
        outline: Outline,
        base: Hyperparameters,
        combinations: Sequence[tuple[str, str, frozenset[str], dict[str, str]]],
    ) -> None:
        """Make a trial of each path, dtype, set of group options, and mapping of state."""
        known: dict[Any, Any] = {}
        judge: Any = RemoteJudge(self.port)
        self.trials = [
            Trial(
                self.subject(*called),
                outline,
                self.source.device,
                judge,
                Combination(path, dtype, grouped, mapping),
                base,
                known=known,
                elsewhere=self.elsewhere,
            )
            for path, dtype, grouped, mapping in combinations
        ]

    def elsewhere(self, data: bytes) -> Any:
        """Go on from a saved state in a process that never saw the optimizer at work."""
        return self.port.ask("elsewhere", data)

    def check(self, number: int, name: str) -> CheckResult:
        """What one check finds in one trial."""
        self.restore()
        page = next(page for page in registered() if page.name == name)
        with torch.random.fork_rng(devices=[]):
            return run_one(page, self.trials[number])

    def go_on(self, data: bytes) -> Any:
        """See `checks.fresh`: the parameters after each step, or what was raised."""
        with undisturbed():
            return fresh.go_on(self.factory, dict(self.source.arguments), data)


all_checks()  # imported before any subject is


@cache
def loaded(target: str, folder: str) -> Callable[..., Any]:
    """The class or factory of a name, loaded once."""
    heartbeat.beat(heartbeat.IMPORT)
    return load(target, folder)


@cache
def imported(place: str, folder: str) -> Any:
    return module_of(place, folder)


def serve(connection: Connection, source: Source, private: str, memory: float | None, threaded: bool) -> None:
    """What the process does: put itself into its surroundings, and serve requests until there are no more.

    Args:
        connection: to the process that judges.
        source: of the subject.
        private: see `surroundings.enclose`.
        memory: likewise.
        threaded: work in a thread. A process forked from one in which OpenMP was at work would wait for threads that
            it has not got; a new thread gets new ones.
    """
    gc.freeze()  # what is there now stays, and need not be looked through
    gc.enable()
    heartbeat.listen(enclose(private, memory))
    port = Port(connection)
    if threaded:
        worker = threading.Thread(target=answer_all, args=(source, port))
        worker.start()
        worker.join()
    else:
        answer_all(source, port)
    os._exit(0)


def answer_all(source: Source, port: Port) -> None:
    try:
        host = Host(source, port)
        while True:
            _, ticket, name, arguments = port.next_request()
            port.send("answer", ticket, *answer(getattr(host, name), arguments))
    except (EOFError, OSError):
        return


def answer(function: Callable[..., Any], arguments: Any) -> tuple[str, Any]:
    """What a request returns or raises, as data."""
    try:
        return "returned", function(*arguments)
    except CannotCheck as error:
        return "cannot-check", str(error)
    except SubjectRaised as error:
        return "raised", (error.step, str(error))
    except MemoryError:
        return "failed", "its memory is at an end"
    except BaseException as error:  # whatever the subject's process has come to
        return "failed", said(error)
