"""Processes that form one process group of torch.distributed (gloo, on CPU), called side by side.

What a rank does may fail or hang: a call always comes back, and the processes end with the one that started them.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from ..errors import CannotCheck
from ..processes import begin, without_main

PATIENCE = 30.0
"""Seconds that a call may take. Cases take milliseconds; it is for what will never end."""
GRACE = 1.0
"""Seconds that the other ranks have to answer once one has raised: they may wait for it in vain."""
PRELOADED = ["torch.distributed.tensor", "adanorm_verify.sharding.worker"]
"""Imported once, by the process that ranks are forked from, where the platform can fork."""


@dataclass(frozen=True)
class Answer:
    """What became of a call on one rank.

    Args:
        rank: from 0.
        state: "returned", "raised", "ended" (the process died) or "silent" (it did not come back in time).
        value: what was returned, or the `details` of what was raised, where it has some.
        error: type and first line of what was raised; the line alone where it has details.
        trace: all of it.
    """

    rank: int
    state: str
    value: Any = None
    error: str = ""
    trace: str = ""


class Ranks:
    """A process group of `count` fresh processes; they are ended when the block is left.

    Args:
        count: of the ranks.
        patience: seconds that a call may take.
        collective: seconds after which a collective that another rank did not enter raises; by default never before
            the patience is at an end.
        grace: seconds that the other ranks have to answer once one has failed.
    """

    def __init__(
        self, count: int, patience: float | None = None, collective: float | None = None, grace: float = GRACE
    ) -> None:
        self.count = count
        self.patience = PATIENCE if patience is None else patience
        self.collective = 2 * self.patience if collective is None else collective
        self.grace = grace
        self._processes: list[Any] = []
        self._pipes: list[Connection] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Ranks:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def call(self, function: Callable[..., Any], *arguments: Any) -> list[Answer]:
        """`function(rank, count, *arguments)` on every rank; where one does not return, all are ended afterwards.

        The function and its arguments are pickled: it must be importable.
        """
        if not self._processes:
            self._start()
        call = pickle.dumps((function, arguments))
        for pipe in self._pipes:
            with suppress(OSError):  # it ended: that is its answer
                pipe.send_bytes(call)
        answers = self._collect()
        if any(answer.state != "returned" for answer in answers):
            self.end()
        return answers

    def end(self) -> None:
        """End all processes; the next call starts fresh ones."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()
        for pipe in self._pipes:
            pipe.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._processes, self._pipes, self._folder = [], [], None

    def _start(self) -> None:
        forks = "forkserver" in get_all_start_methods() and sys.platform == "linux"
        context: Any = get_context("forkserver" if forks else "spawn")
        if forks:
            context.set_forkserver_preload(PRELOADED)
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        store = (Path(self._folder.name) / "store").as_uri()  # of a file: the system gives the ports
        for rank in range(self.count):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=serve, args=(rank, self.count, store, self.collective, theirs), daemon=True
            )
            with without_main():
                process.start()
            theirs.close()
            self._processes.append(process)
            self._pipes.append(ours)
        answers = self._collect()
        if any(answer.state != "returned" for answer in answers):
            self.end()
            raise CannotCheck(f"{self.count} processes could not form a process group: {why(answers)}")

    def _collect(self) -> list[Answer]:
        answers: dict[int, Answer] = {}
        end = time.monotonic() + self.patience
        while len(answers) < self.count:
            waiting = {pipe: rank for rank, pipe in enumerate(self._pipes) if rank not in answers}
            ready = wait(list(waiting), timeout=max(0.0, end - time.monotonic()))
            if not ready:
                break
            for pipe in ready:
                rank = waiting[pipe]  # type: ignore[index]
                answers[rank] = received(rank, pipe)  # type: ignore[arg-type]
                if answers[rank].state != "returned":
                    end = min(end, time.monotonic() + self.grace)
        return [answers.get(rank, Answer(rank, "silent")) for rank in range(self.count)]


def received(rank: int, pipe: Connection) -> Answer:
    try:
        state, value, error, trace = pipe.recv()
    except (EOFError, OSError):
        return Answer(rank, "ended", error="its process ended")
    return Answer(rank, state, value, error, trace)


def why(answers: Sequence[Answer]) -> str:
    """What the ranks that did not return did."""
    said = {"silent": "gave no answer"}
    return "; ".join(f"rank {a.rank}: {said.get(a.state, a.error)}" for a in answers if a.state != "returned")


def serve(rank: int, count: int, store: str, collective: float, pipe: Connection) -> None:
    """What a rank's process does: join the group, and answer calls until there are no more."""
    begin()
    import torch
    import torch.distributed as dist

    def enter() -> None:
        torch.set_num_threads(1)
        dist.init_process_group(
            "gloo", init_method=store, rank=rank, world_size=count, timeout=timedelta(seconds=collective)
        )

    answer(pipe, enter)
    with suppress(EOFError, OSError):
        while True:
            answer(pipe, execute, pipe.recv_bytes(), rank, count)


def execute(call: bytes, rank: int, count: int) -> Any:
    """A pickled call; also unpickling may raise, where this process has no such module."""
    function, arguments = pickle.loads(call)
    return function(rank, count, *arguments)


def answer(pipe: Connection, function: Callable[..., Any], *arguments: Any) -> None:
    """Send what a function returns or raises."""
    try:
        value = function(*arguments)
    except BaseException as error:  # it is reported, whatever it is
        line = (str(error).strip().splitlines() or [""])[0]
        details = getattr(error, "details", None)
        named = line if details is not None else f"{type(error).__name__}: {line}"
        pipe.send(("raised", details, named, traceback.format_exc()))
    else:
        pipe.send(("returned", value, "", ""))
