"""What one rank does: build the subject on its shards, drive it, and tell what its parts look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.distributed.tensor import DTensor, Replicate, Shard, init_device_mesh

from ..cases import Case
from ..interface import SubjectRaised
from ..subject import DTYPES, Subject, as_array, groups_of, numeric
from ..targets import load
from .parts import Part, RankSnapshot


@dataclass(frozen=True)
class Called:
    """How a subject is called, as data that another process can have.

    Args:
        target: its name, which is loaded where there is no factory.
        factory: an importable class or function.
        arguments: fixed constructor arguments.
        rename: paper's hyperparameter to the constructor's argument.
        read: the hyperparameters of the algorithm.
    """

    target: str
    factory: Callable[..., torch.optim.Optimizer] | None
    arguments: Mapping[str, Any]
    rename: Mapping[str, str]
    read: tuple[str, ...]


class Stopped(Exception):
    """The subject raised; `details` are the step (0 for the constructor) and what was seen of the steps before."""

    def __init__(self, step: int, steps: list[list[RankSnapshot]], text: str) -> None:
        super().__init__(text)
        self.details = step, steps


@dataclass(frozen=True)
class OnRank(Subject):
    """A subject whose parameters and gradients are DTensors, their rows spread over the ranks as `fully_shard` does."""

    mesh: Any = field(default=None, compare=False)

    def placed(self, array: np.ndarray, dtype: str, device: str) -> torch.Tensor:
        """This rank's part; a tensor without rows is the same on all of them."""
        whole = torch.tensor(array, dtype=DTYPES[dtype], device=device)
        if not whole.dim():
            return DTensor.from_local(whole, self.mesh, [Replicate()], run_check=False)
        pieces = torch.chunk(whole, self.mesh.size(), 0)
        rank = self.mesh.get_local_rank()
        own = pieces[rank].clone() if rank < len(pieces) else whole[:0].clone()
        return DTensor.from_local(own, self.mesh, [Shard(0)], run_check=False, shape=whole.shape, stride=whole.stride())

    def seen(self, optimizer: Any, parameter: torch.Tensor, keys: frozenset[str] | None) -> RankSnapshot:  # type: ignore[override]
        """The parts of the parameter and of its numeric state."""
        assert isinstance(parameter, DTensor)
        own = parameter.to_local()
        states = getattr(optimizer, "state", None)
        state = states.get(parameter) if isinstance(states, Mapping) else None
        parts = {"theta": part_of(parameter.detach(), own.shape)}
        for key, value in state.items() if isinstance(state, Mapping) else ():
            if isinstance(key, str) and key != "theta" and (keys is None or key in keys):
                parts[key] = part_of(value, own.shape)
        return {key: part for key, part in parts.items() if part is not None}


def part_of(value: Any, local_shape: torch.Size) -> Part | None:
    """A value of the state as what it is a part of; None for what is no number."""
    if isinstance(value, DTensor):
        if value.layout is not torch.strided or value.is_complex():
            return None
        placed = tuple(value.placements)
        if placed not in ((Shard(0),), (Replicate(),)):  # such as a partial sum: every rank asks for the whole of it
            return Part("whole", as_array(value.full_tensor()))
        return Part("shard" if placed == (Shard(0),) else "whole", as_array(value.to_local()))
    array = numeric(value)
    if array is None:
        return None
    if array.ndim and array.shape == tuple(local_shape):
        return Part("shard", array)
    return Part("rank", array) if array.size == 1 else None


@cache
def loaded(target: str) -> Callable[..., torch.optim.Optimizer]:
    return load(target)


@cache
def mesh_of(count: int) -> Any:
    return init_device_mesh("cpu", (count,))


def on_rank(called: Called, count: int) -> OnRank:
    factory = called.factory or loaded(called.target)
    mesh = mesh_of(count)
    return OnRank(factory, called.target, dict(called.arguments), dict(called.rename), called.read, mesh)


def options(rank: int, count: int, called: Called, case: Case, path: Mapping[str, Any], dtype: str) -> list[str]:
    """The options of the optimizer's first group.

    Raises:
        Stopped: the constructor refused.
    """
    try:
        optimizer, _ = on_rank(called, count).build(case, path, dtype, "cpu", frozenset())
    except SubjectRaised as error:
        raise Stopped(error.step, [], str(error)) from error
    groups = groups_of(optimizer) or [{}]
    return [name for name in groups[0] if isinstance(name, str)]


def drive(
    rank: int,
    count: int,
    called: Called,
    case: Case,
    path: Mapping[str, Any],
    dtype: str,
    grouped: frozenset[str],
    keys: frozenset[str] | None,
) -> list[list[RankSnapshot]]:
    """The parts of every tensor, step by step.

    Raises:
        Stopped: the constructor or a step raised.
    """
    steps: list[list[RankSnapshot]] = []
    try:
        for tensors in on_rank(called, count).drive(case, path, dtype, "cpu", grouped, keys):
            steps.append(tensors)  # type: ignore[arg-type]  # parts, see `seen`
    except SubjectRaised as error:
        raise Stopped(error.step, steps, str(error)) from error
    return steps
