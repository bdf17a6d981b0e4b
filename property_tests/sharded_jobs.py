"""What a rank does in the tests of sharded optimizers: functions that `Ranks.call` runs in every process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributed.tensor import DeviceMesh, DTensor, Placement, Replicate, Shard, init_device_mesh
from torch.utils._python_dispatch import TorchDispatchMode

from adanorm_verify import optim
from adanorm_verify.cases import Case
from adanorm_verify.interface import Snapshot
from adanorm_verify.optim import _sharded
from adanorm_verify.sharding.worker import OnRank
from adanorm_verify.subject import DTYPES, as_array

HYPER = ("lr", "beta1", "beta2", "gamma", "eps")


def laid_out(whole: Tensor, mesh: DeviceMesh, placements: Sequence[Placement]) -> DTensor:
    """The tensor over the mesh; every rank has all of it, so nothing is sent."""
    part = whole.clone()
    for dim, placement in enumerate(placements):
        if isinstance(placement, Shard):
            pieces = list(torch.chunk(part, mesh.size(dim), placement.dim))
            pieces += [part.narrow(placement.dim, 0, 0)] * (mesh.size(dim) - len(pieces))
            part = pieces[mesh.get_local_rank(dim)].contiguous()
    return DTensor.from_local(part, mesh, placements, run_check=False, shape=whole.shape, stride=whole.stride())


def fitting(placements: Sequence[Placement], shape: Sequence[int]) -> list[Placement]:
    """The placements that a tensor can have: it is replicated over a mesh dimension for whose rows it has no axis."""
    return [Replicate() if isinstance(p, Shard) and p.dim >= len(shape) else p for p in placements]


LAYOUTS: Mapping[str, tuple[int, Sequence[Placement]]] = {
    "rows": (1, [Shard(0)]),
    "columns": (1, [Shard(1)]),
    "whole": (1, [Replicate()]),
    "copies of rows": (2, [Replicate(), Shard(0)]),
    "rows and columns": (2, [Shard(0), Shard(1)]),
    "rows of rows": (2, [Shard(0), Shard(0)]),
}
"""Dimensions of the mesh, and placements."""


def mesh_of(count: int, dimensions: int) -> DeviceMesh:
    return init_device_mesh("cpu", (count,) if dimensions == 1 else (2, count // 2))


@contextmanager
def counted() -> Iterator[list[str]]:
    """The collectives that this process enters."""
    seen: list[str] = []

    class Counting(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if any(t is DTensor for t in types):  # look at what it does with its parts
                return NotImplemented
            if function.namespace in ("c10d", "_c10d_functional"):
                seen.append(str(function))
            return function(*args, **(kwargs or {}))

    with Counting():
        yield seen


@dataclass(frozen=True)
class LaidOut(OnRank):
    """A subject in any layout, whose whole tensors are gathered; it counts the collectives of its steps."""

    placements: Sequence[Placement] = ()
    collectives: set[int] = field(default_factory=set)

    def placed(self, array: np.ndarray, dtype: str, device: str) -> Tensor:
        whole = torch.tensor(array, dtype=DTYPES[dtype])
        return laid_out(whole, self.mesh, fitting(self.placements, whole.shape))

    def seen(self, optimizer: Any, parameter: Any, keys: frozenset[str] | None) -> Snapshot:
        state = optimizer.state.get(parameter, {})
        kept = {name: as_array(state[name]) for name in ("exp_grad_norm",) if name in state}
        return {"theta": as_array(parameter.full_tensor()), **kept}

    def build(self, *arguments: Any) -> Any:
        optimizer, parameters = super().build(*arguments)
        step = optimizer.step

        def counting() -> None:
            with counted() as seen:
                step()
            self.collectives.add(len(seen))

        optimizer.step = counting
        return optimizer, parameters


@dataclass(frozen=True)
class Ran:
    """What one run did: snapshots by step and tensor, and the numbers of collectives that its steps took."""

    steps: list[list[Snapshot]]
    collectives: frozenset[int]


Plan = tuple[str, bool, str, str, Case]
"""Optimizer, foreach, dtype, layout, case."""


def run_all(rank: int, count: int, plans: Sequence[Plan], mutant: str = "") -> list[Ran]:
    """Run every plan."""
    with mutated(mutant):
        return [run_one(count, plan) for plan in plans]


def run_one(count: int, plan: Plan) -> Ran:
    name, foreach, dtype, layout, case = plan
    dimensions, placements = LAYOUTS[layout]
    mesh = mesh_of(count, dimensions)
    subject = LaidOut(getattr(optim, name), name, {}, {}, HYPER, mesh, placements)
    grouped = frozenset(subject.spelling)
    steps = list(subject.drive(case, {"foreach": foreach}, dtype, "cpu", grouped))
    return Ran(steps, frozenset(subject.collectives))


@contextmanager
def mutated(mutant: str) -> Iterator[None]:
    """Ours with a fault: what the tests must notice."""
    patched = {name: getattr(_sharded, name) for name in ("_groups_of", "_with_norms", "_seen")}
    if mutant == "norm of the shard":
        _sharded._groups_of = lambda param: {}
    elif mutant == "the norm without the decay":
        _sharded._seen = lambda param, grad, group: torch.view_as_real(grad) if grad.is_complex() else grad
    elif mutant == "a collective a tensor":
        one = _sharded._with_norms
        _sharded._with_norms = lambda sharded, grads: {
            p: part for (p, group), g in zip(sharded, grads, strict=True) for p, part in one([(p, group)], [g]).items()
        }
    elif mutant:
        raise ValueError(mutant)
    try:
        yield
    finally:
        for name, function in patched.items():
            setattr(_sharded, name, function)


# Options: with a tensor all of whose rows one rank has, every option must give the bits of the whole run.

OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("AdamNorm", {"weight_decay": 0.1, "amsgrad": True}),
    ("AdamNorm", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("AdamNorm", {"guard": "decaying", "capturable": True}),
    ("DiffGradNorm", {"weight_decay": 0.1, "maximize": True}),
    ("RAdamNorm", {"guard": "decaying", "eps": 0.0}),
    ("AdaBeliefNorm", {"belief": "g", "weight_decay": 0.5}),
    ("DiffGrad", {"weight_decay": 0.1}),
    ("AdaBelief", {}),
)


def numbers(seed: int, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(size=tuple(shape)), dtype=torch.float64).to(dtype)


def options_apart(rank: int, count: int, mutant: str = "") -> list[str]:
    """The options under which a sharded run has other bits than a whole one."""
    mesh = mesh_of(count, 1)
    apart = []
    with mutated(mutant):
        for name, own in OPTIONS[:1] if mutant else OPTIONS:
            for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.complex64):
                for foreach in (False, True):
                    shapes = [(1, 5), (1, 3, 2)]
                    # the last one is plain, beside DTensors
                    whole = [torch.nn.Parameter(numbers(i, s, dtype)) for i, s in enumerate([*shapes, (4,)])]
                    parts = [torch.nn.Parameter(laid_out(p.detach(), mesh, [Shard(0)])) for p in whole[:2]]
                    parts.append(torch.nn.Parameter(whole[2].detach().clone()))
                    build = getattr(optim, name)
                    optimizers = [build(ps, lr=0.1, foreach=foreach, **own) for ps in (whole, parts)]
                    for step in range(4):
                        for i, (p, q) in enumerate(zip(whole, parts, strict=True)):
                            p.grad = numbers(10 * step + i, p.shape, dtype) * (1.0, 0.1, 0.2, 0.05)[step]
                            q.grad = laid_out(p.grad, mesh, [Shard(0)]) if i < 2 else p.grad.clone()
                        for optimizer in optimizers:
                            optimizer.step()
                    alike = [
                        torch.equal(p, q.full_tensor() if isinstance(q, DTensor) else q)
                        for p, q in zip(whole, parts, strict=True)
                    ]
                    if not all(alike):
                        apart.append(f"{name} {own} {dtype} foreach={foreach} {alike}")
    return apart
