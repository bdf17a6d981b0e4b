"""A subject in a process of its own: what it is asked, that process is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..cases import Case
from ..interface import Argument, Holdings, Snapshot, SubjectInterface, SubjectRaised
from .supervisor import Lost, SubjectEnded, Supervised


@dataclass(frozen=True)
class RemoteSubject(SubjectInterface):
    """See `SubjectInterface`.

    Args:
        supervised: the process.
        target: how it was named, for reports.
        arguments: fixed constructor arguments.
        rename: paper's hyperparameter to the constructor's argument.
        read: the hyperparameters of the algorithm.
        signature: the constructor's parameters.
    """

    supervised: Supervised = field(compare=False)
    target: str
    arguments: Mapping[str, Any]
    rename: Mapping[str, str]
    read: tuple[str, ...]
    signature: tuple[Argument, ...]

    @property
    def called(self) -> Any:
        """How the process knows this subject from others of the same class."""
        return tuple(self.rename.items()), self.read

    def holdings(self, case: Case, path: Mapping[str, Any], dtype: str, device: str) -> Holdings:
        """See `SubjectInterface.holdings`."""
        return self.supervised.call("holdings", self.called, case, dict(path), dtype, device, at=f"({dtype})")

    def unread(self, case: Case, path: str, dtype: str, device: str) -> str:
        """See `SubjectInterface.unread`."""
        return self.supervised.call("unread", self.called, case, path, dtype, device, at=f"({path}, {dtype})")

    def drive(
        self,
        case: Case,
        path: Mapping[str, Any],
        dtype: str,
        device: str,
        grouped: frozenset[str],
        keys: frozenset[str] | None = None,
    ) -> Iterator[list[Snapshot]]:
        """See `SubjectInterface.drive`. The process begins at once, and its answer is waited for when it is read.

        Raises:
            SubjectEnded: the process ended; what it did before is told first.
        """
        request = (self.called, case, dict(path), dtype, device, grouped, keys)
        return self._read(request, self._post(request))

    def _post(self, request: tuple[Any, ...]) -> int:
        _, case, path, dtype, *_ = request
        flags = "".join(f", {name}=True" for name, value in path.items() if value is True)
        return self.supervised.post("drive", *request, at=f"of the case {case.name!r} ({dtype}{flags})")

    def _read(self, request: tuple[Any, ...], ticket: int) -> Iterator[list[Snapshot]]:
        called, case, *rest = request
        ended = None
        try:
            steps, raised = self._collect(request, ticket)
        except SubjectEnded as error:
            ended, raised = error, None
            steps = self._before((called, case.first(error.step - 1), *rest)) if error.step > 1 else []
        yield from steps
        if ended is not None:
            raise ended
        if raised is not None:
            raise SubjectRaised(*raised)

    def _collect(self, request: tuple[Any, ...], ticket: int) -> Any:
        try:
            return self.supervised.collect(ticket)
        except Lost:  # the process ended on another request that was posted before
            return self.supervised.collect(self._post(request))

    def _before(self, request: tuple[Any, ...]) -> Any:
        """The snapshots of the steps before the one in which the process ended; none where it ends again."""
        with suppress(SubjectEnded):
            return self.supervised.collect(self._post(request))[0]
        return []
