"""A subject whose parameters are shards: what it is asked, the ranks are asked, and their parts are put together."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from ..cases import Case
from ..errors import CannotCheck
from ..interface import Argument, Holdings, Snapshot, SubjectInterface, SubjectRaised
from ..texts import cut
from . import worker
from .parts import assembled
from .ranks import Answer, Ranks, why


@contextmanager
def in_ranks(
    factory: Callable[..., torch.optim.Optimizer] | None, whole: SubjectInterface, count: int
) -> Iterator[SubjectInterface]:
    """A subject with its parameters' rows spread over ranks, whose processes are ended with the block.

    Args:
        factory: the class or function, where the target does not name it.
        whole: the subject with whole parameters.
        count: of the ranks.

    Raises:
        CannotCheck: other processes cannot have it.
    """
    given = dict(whole.arguments), dict(whole.rename), whole.read
    called = worker.Called(whole.target, factory, *given)
    refuse_unpicklable(called)
    with Ranks(count) as ranks:
        yield ShardedSubject(whole.target, *given, whole.signature, ranks, called)


def refuse_unpicklable(called: worker.Called) -> None:
    if getattr(called.factory, "__module__", "") == "__main__":
        raise CannotCheck(f"{called.target} belongs to the running script; name it as path/to/file.py:Class")
    try:
        pickle.dumps(called)
    except Exception as error:  # whatever a class's own reduction raises
        why_not = f"{called.target} cannot be given to other processes ({type(error).__name__}: {error})"
        raise CannotCheck(f"{why_not}; name it as package.module:Class or path/to/file.py:Class") from error


class RankRaised(Exception):
    """The subject raised on a rank."""


@dataclass(frozen=True)
class ShardedSubject(SubjectInterface):
    """An optimizer whose every parameter's rows are spread over ranks, as `fully_shard` does it.

    Args:
        target: how it was named, for reports.
        arguments: fixed constructor arguments.
        rename: paper's hyperparameter to the constructor's argument.
        read: the hyperparameters of the algorithm.
        signature: the constructor's parameters.
        ranks: the processes.
        called: how it is called there.
    """

    target: str
    arguments: Mapping[str, Any]
    rename: Mapping[str, str]
    read: tuple[str, ...]
    signature: tuple[Argument, ...]
    ranks: Ranks = field(compare=False)
    called: worker.Called = field(compare=False)

    @cached_property
    def paths(self) -> dict[str, dict[str, Any]]:
        """As of the whole subject, with the number of ranks in their names."""
        return {f"{name}, sharded {self.ranks.count}": flags for name, flags in super().paths.items()}

    def holdings(self, case: Case, path: Mapping[str, Any], dtype: str, device: str) -> Holdings:
        """The options of the first group, without their values."""
        answers = self.ranks.call(worker.options, self.called, case, path, dtype)
        self._refuse(answers, case)
        return Holdings(dict.fromkeys(answers[0].value))

    def drive(
        self,
        case: Case,
        path: Mapping[str, Any],
        dtype: str,
        device: str,
        grouped: frozenset[str],
        keys: frozenset[str] | None = None,
    ) -> Iterator[list[Snapshot]]:
        """As of the whole subject.

        Raises:
            SubjectRaised: it raised on a rank.
            CannotCheck: a rank's process ended, or ranks wait for ever.
        """
        answers = self.ranks.call(worker.drive, self.called, case, path, dtype, grouped, keys)
        known = [answer.value if answer.state == "returned" else (answer.value or (0, []))[1] for answer in answers]
        for tensors in zip(*known, strict=False):  # as many steps as all ranks have told of
            yield [
                assembled(parts, shape) for parts, shape in zip(zip(*tensors, strict=True), case.shapes, strict=True)
            ]
        self._refuse(answers, case)

    def _refuse(self, answers: list[Answer], case: Case) -> None:
        raised = [answer for answer in answers if answer.state == "raised"]
        if raised:  # others may wait for this rank: that is no fault of theirs
            first = min(raised, key=lambda answer: answer.value[0] if answer.value else 0)
            step = first.value[0] if first.value else 0
            raise SubjectRaised(step, RankRaised(f"rank {first.rank}: {cut(str(first.error))}"))
        if any(answer.state == "ended" for answer in answers):
            raise CannotCheck(f"{self.target}, {case.name}: {why(answers)}")
        if any(answer.state == "silent" for answer in answers):
            waited = f"within {self.ranks.patience:g} s, so it waits for what never comes"
            raise CannotCheck(f"{self.target}, {case.name}: {why(answers)} {waited}")
