"""A subject to be checked: in a supervised process of its own, in this process for a debugger, or in shards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..interface import Argument, SubjectInterface
from .remote import RemoteSubject
from .source import Limits, Source
from .supervisor import Supervised
from .ways import takes_time


@dataclass(frozen=True)
class Remote:
    """Somebody's class or factory in a process of its own.

    Args:
        source: where it comes from.
        supervised: the process.
    """

    source: Source
    supervised: Supervised

    @cached_property
    def about(self) -> dict[str, Any]:
        """Its name, file and line, and the torch that runs it.

        Raises:
            CannotCheck: it cannot be had.
        """
        return self.supervised.call("about")

    @cached_property
    def signature(self) -> tuple[Argument, ...]:
        """The constructor's parameters."""
        return self.supervised.call("signature")

    def subject(self, rename: Mapping[str, str], read: tuple[str, ...]) -> SubjectInterface:
        """It, as an algorithm that reads some hyperparameters."""
        given = self.source.target, dict(self.source.arguments), dict(rename), read
        return RemoteSubject(self.supervised, *given, self.signature)

    def names_in(self, place: str) -> list[str]:
        """Names that a module or file has."""
        return self.supervised.call("names_in", place)

    @property
    def translated(self) -> dict[str, int]:
        """What the shim for old code has translated."""
        return self.supervised.call("used")


@dataclass(frozen=True)
class Local:
    """Somebody's class or factory in this process.

    Args:
        source: where it comes from.
        used: what the shim for old code has translated so far, where it is open.
    """

    source: Source
    used: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def _host(self) -> Any:
        from .host import Host

        return Host(self.source, port=None)  # type: ignore[arg-type]  # nobody is asked anything

    @cached_property
    def about(self) -> dict[str, Any]:
        return self._host.about()

    @cached_property
    def signature(self) -> tuple[Argument, ...]:
        return self._host.signature()

    def subject(self, rename: Mapping[str, str], read: tuple[str, ...]) -> SubjectInterface:
        return self._host.subject(tuple(rename.items()), read)

    def names_in(self, place: str) -> list[str]:
        return self._host.names_in(place)

    @property
    def translated(self) -> dict[str, int]:
        return self._host.used()


Lent = Remote | Local


@contextmanager
def at_work(lender: Lent, pieces: Iterable[None]) -> Iterator[None]:
    """Have a process started, and work until it is there."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lambda: lender.about)
        for _ in pieces:
            if asked.done():
                break
        wait([asked])
    yield


@contextmanager
def lent(source: Source, limits: Limits | None = None, in_process: bool = False) -> Iterator[Lent]:
    """A class or factory, as long as the block lasts.

    Args:
        source: where it comes from.
        limits: what its process may take.
        in_process: in this process, where nothing keeps it from ending or changing that.
    """
    if in_process:
        local = Local(source)
        try:
            yield local
        finally:
            local._host.lent.close()
        return
    with Supervised(source, limits or Limits()) as supervised:
        yield Remote(source, supervised)


@contextmanager
def subject_of(
    source: Source,
    rename: Mapping[str, str],
    read: tuple[str, ...],
    limits: Limits | None = None,
    in_process: bool = False,
    sharded: int = 0,
    meanwhile: Iterable[None] = (),
) -> Iterator[tuple[SubjectInterface, Lent]]:
    """A subject as an algorithm that reads some hyperparameters, and what lends it.

    Args:
        source: where it comes from.
        rename: paper's hyperparameter to the constructor's argument.
        read: the hyperparameters of the algorithm.
        limits: what its process may take.
        in_process: see `lent`.
        sharded: spread its parameters' rows over so many processes; 0 for whole ones.
        meanwhile: work that may be done while its process imports torch, piece by piece.

    Raises:
        CannotCheck: it cannot be had.
    """
    with ExitStack() as stack:
        lender = stack.enter_context(lent(source, limits, in_process))
        if not in_process and takes_time(source.device):
            stack.enter_context(at_work(lender, meanwhile))
        _ = lender.about  # found out here whether there is such a thing at all
        whole = lender.subject(rename, read)
        if not sharded:
            yield whole, lender
            return
        from ..sharding.subject import in_ranks

        yield stack.enter_context(in_ranks(source.factory, whole, sharded)), lender
