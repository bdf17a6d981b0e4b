"""The judging side of a subject's process: it is started, asked, watched over, and ended with all that it started."""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .. import heartbeat
from ..errors import CannotCheck
from ..interface import SubjectRaised
from ..processes import without_main
from .channel import LARGEST, Unreadable, read_data
from .entry import serve
from .source import Limits, Source
from .surroundings import BEATS, FAULT, PROGRESS, descendants
from .ways import prepare_to_fork, warm, way

POSTED = 1 << 15
"""Bytes of requests that may wait for an answer: far below what a pipe holds, so that neither side waits to write while
the other does too."""
FAREWELL = 5.0
"""Seconds that the kernel may take to say how a process ended whose end of the pipe is closed."""
Judging = Mapping[str, Callable[..., Any]]
"""What a subject's process may ask while it works, by name."""


class SubjectEnded(CannotCheck):
    """The subject's process came to an end, or had to be ended, before it answered; the message says how and where.

    Args:
        text: a sentence.
        step: that was being taken; 0 is a constructor or the import.
    """

    def __init__(self, text: str, step: int = 0) -> None:
        super().__init__(text)
        self.step = step


class Lost(CannotCheck):
    """A request went with the process that ended while another answer was waited for."""


class Supervised:
    """A subject's process. It is started with the first request, and again with the next one after it has ended.

    Args:
        source: of the subject.
        limits: what it may take.
    """

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self._process: Any = None
        self._pipe: Connection | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._memory: mmap.mmap | None = None
        self._tickets = 0
        self._posted: dict[int, tuple[int, str]] = {}
        self._answers: dict[int, tuple[str, Any]] = {}
        self._seen = (0, 0)

    def __enter__(self) -> Supervised:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def call(self, name: str, *arguments: Any, at: str = "", judging: Judging | None = None) -> Any:
        """The answer to one request; see `post` and `collect`."""
        return self.collect(self.post(name, *arguments, at=at), judging)

    def post(self, name: str, *arguments: Any, at: str = "") -> int:
        """Ask for something and go on; returns the ticket with which the answer is collected.

        Args:
            name: a method of `host.Host`.
            arguments: of it.
            at: where that is, for a sentence about an end there: "in case 'x'".
        """
        if self._process is None:
            self._start()
        self._tickets += 1
        ticket = self._tickets
        message = pickle.dumps(("call", ticket, name, arguments), protocol=pickle.HIGHEST_PROTOCOL)
        while self._posted and sum(size for size, _ in self._posted.values()) + len(message) > POSTED:
            self._receive(None)
        self._posted[ticket] = len(message), at
        assert self._pipe is not None  # it was started
        with suppress(OSError):  # it ended: that is found out where the answer is collected
            self._pipe.send_bytes(message)
        return ticket

    def collect(self, ticket: int, judging: Judging | None = None) -> Any:
        """The answer to a request.

        Args:
            ticket: of `post`.
            judging: answers what the process asks meanwhile.

        Raises:
            SubjectEnded: there will be none.
            Lost: the process ended on another request.
            SubjectRaised: the subject's own code raised.
            CannotCheck: what was asked for cannot be had.
        """
        while ticket not in self._answers:
            if ticket not in self._posted:
                raise Lost(f"{self.source.target}: its process ended before it was asked this")
            self._receive(judging)
        kind, value = self._answers.pop(ticket)
        if kind == "raised":
            raise SubjectRaised(*value)
        if kind == "cannot-check":
            raise CannotCheck(value)
        if kind == "failed":
            raise CannotCheck(f"{self.source.target}: its process failed: {value}")
        return value

    def end(self) -> None:
        """End the process, with all that it started in its group, and forget what it was asked."""
        if self._process is None:
            return
        self._kill()
        self._process.join(FAREWELL)
        self._forget()
        self._answers.clear()

    def interrupt(self) -> None:
        """End the process from another thread; who waits for its answer is told that it ended."""
        if self._process is not None:
            self._kill()

    # How it is begun and ended.

    def _start(self) -> None:
        method = way(self.source.device)
        if method == "forkserver":
            warm()
        if method == "fork":
            prepare_to_fork()
        self._folder = tempfile.TemporaryDirectory(prefix="adanorm-verify-", ignore_cleanup_errors=True)
        progress = Path(self._folder.name, PROGRESS)
        progress.write_bytes(bytes(BEATS.size))
        with progress.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), BEATS.size)
        self._seen = (0, 0)
        context: Any = get_context(method)
        self._pipe, theirs = context.Pipe()
        memory = None if self.source.device == "cuda" else self.limits.memory  # CUDA reserves all addresses
        given = (theirs, self.source, self._folder.name, memory, method == "fork")
        self._process = context.Process(target=serve, args=given, daemon=True)
        try:
            with without_main():
                self._process.start()
        except Exception as error:  # what a class's own pickling raises
            self._process = None
            self._forget()
            raise CannotCheck(
                f"{self.source.target} cannot be given to another process ({type(error).__name__}: {error}); "
                "name it as package.module:Class or path/to/file.py:Class, or check it in this process (--in-process)"
            ) from error
        theirs.close()

    def _kill(self) -> None:
        for process in descendants(self._process.pid):  # also those in sessions of their own
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)  # a group of its own, unless it ended before it made one
        self._process.kill()

    def _forget(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._memory is not None:
            self._memory.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._process = self._pipe = self._memory = self._folder = None
        self._posted.clear()

    # How it is listened to.

    def _receive(self, judging: Judging | None) -> None:
        """Take one message, and answer it where it is a question."""
        self._wait()
        assert self._pipe is not None  # it was started
        try:
            kind, *content = read_data(self._pipe.recv_bytes(LARGEST))
            if kind == "answer":
                ticket, how, value = content
                del self._posted[ticket]
                self._answers[ticket] = how, value
            else:
                method, arguments = content
                self._pipe.send_bytes(pickle.dumps(replied(judging or {}, method, arguments)))
        except (EOFError, OSError) as error:
            raise self._ended() from error
        except (Unreadable, KeyError, ValueError, TypeError) as error:
            raise self._stopped(f"sent what is no answer ({error})") from error

    def _wait(self) -> None:
        """Wait for a message as long as there are signs of life.

        Of the time between two looks, what is much longer than it was to be does not count: this process was stopped
        then, or had no processor, and so perhaps had the subject's.
        """
        assert self._pipe is not None  # it was started
        left, looked = self.limits.timeout, time.monotonic()
        while not self._pipe.poll(min(max(left, 0.0), LOOK)):
            before, looked = looked, time.monotonic()
            left -= min(looked - before, 2 * LOOK)
            now = self._progress()
            if now != self._seen:
                self._seen = now
                left = self.limits.timeout
            elif left <= 0:
                limit = f"{self.limits.timeout:g} s"
                raise self._stopped(f"gave no sign of life for {limit} (--timeout), and was ended")

    def _progress(self) -> tuple[int, int]:
        return BEATS.unpack_from(self._memory, 0) if self._memory is not None else (0, 0)

    def _ended(self) -> SubjectEnded:
        """It ended by itself."""
        self._process.join(FAREWELL)
        code = self._process.exitcode
        if code is None:
            return self._stopped("closed its connection, and was ended")
        if code < 0:
            return self._stopped(f"was ended by {signal_name(-code)}{self._crash()}")
        return self._stopped(f"ended itself with exit code {code}")

    def _stopped(self, how: str) -> SubjectEnded:
        """It is ended, where it has not ended."""
        beats, step = self._progress()
        at = next((place for _, place in self._posted.values()), "")
        imported = beats and step != heartbeat.IMPORT
        where = f"in step {step}" if step > 0 else "in its constructor" if imported else "while it was imported"
        text = f"{self.source.target}: its process {how}, {where}{f' {at}' if at else ''}"
        self._kill()
        self._process.join(FAREWELL)
        self._forget()
        return SubjectEnded(text, step)

    def _crash(self) -> str:
        """Where Python was at a crash, as its own fault handler wrote it."""
        assert self._folder is not None  # it was started
        with suppress(OSError, UnicodeDecodeError):
            for line in Path(self._folder.name, FAULT).read_text().splitlines():
                if line.startswith('  File "') and "adanorm_verify" not in line:
                    return f" ({line.strip()[:200]})"
        return ""


LOOK = 0.25
"""Seconds between two looks for signs of life."""


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def replied(judging: Judging, method: str, arguments: tuple[Any, ...]) -> tuple[str, Any]:
    """The reply to a question; a question that cannot be answered is one, too."""
    try:
        return "reply", judging[method](*arguments)
    except Exception as error:  # a subject's process must not bring down the one that judges
        return "no-reply", f"{type(error).__name__}: {error}"
