"""What two processes say to each other. What comes from the subject's process is read as data and never as code."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

LARGEST = 1 << 28
"""Bytes of a message from the subject's process: a hundred times those of the largest case."""
READABLE = {
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("builtins", "complex"),
    ("inspect", "_empty"),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("adanorm_verify.cases", "Case"),
    ("adanorm_verify.checks.judge", "Changed"),
    ("adanorm_verify.checks.pages", "CheckPage"),
    ("adanorm_verify.interface", "Argument"),
    ("adanorm_verify.interface", "Holdings"),
    ("adanorm_verify.interface", "Opaque"),
    ("adanorm_verify.paper.hyperparameters", "Hyperparameters"),
    ("adanorm_verify.verdict", "CheckResult"),
}
"""Classes that a message from there may hold, by module and name; nothing else is ever called."""


class Unreadable(Exception):
    """A message from the subject's process that is none."""


class DataUnpickler(pickle.Unpickler):
    """Reads numbers, words, arrays and the records of `READABLE`."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in READABLE:
            raise Unreadable(f"a message with a {module[:100]}.{name[:100]}")
        return super().find_class(module, name)


def read_data(message: bytes) -> Any:
    """The content of a message from the subject's process.

    Raises:
        Unreadable: it is no message.
    """
    try:
        return DataUnpickler(io.BytesIO(message)).load()
    except Unreadable:
        raise
    except Exception as error:  # whatever unpickling nonsense raises
        raise Unreadable(f"{type(error).__name__} while reading a message") from error


class Port:
    """The subject's end. A process that the subject forks must not speak for it, and ends where it tries.

    Args:
        connection: to the process that judges.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._owner = os.getpid()
        self._waiting: list[Any] = []
        self._exit: Callable[[int], Any] = os._exit
        self._getpid = os.getpid
        self._dumps, self._loads = pickle.dumps, pickle.loads

    def send(self, *message: Any) -> None:
        """Say something; what it holds must be readable there (`READABLE`)."""
        self._alone()
        self._connection.send_bytes(self._dumps(message, protocol=pickle.HIGHEST_PROTOCOL))

    def next_request(self) -> Any:
        """The request to be served next.

        Raises:
            EOFError: there are no more.
        """
        self._alone()
        return self._waiting.pop(0) if self._waiting else self._loads(self._connection.recv_bytes())

    def ask(self, method: str, *arguments: Any) -> Any:
        """Have the judging process answer a question; requests that come meanwhile wait.

        Raises:
            ValueError: it cannot answer.
        """
        self.send("ask", method, arguments)
        while True:
            self._alone()
            kind, *content = self._loads(self._connection.recv_bytes())
            if kind == "reply":
                return content[0]
            if kind == "no-reply":
                raise ValueError(content[0])
            self._waiting.append((kind, *content))

    def _alone(self) -> None:
        if self._getpid() != self._owner:
            self._exit(0)
