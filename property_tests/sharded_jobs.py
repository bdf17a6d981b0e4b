"""What a rank does in the tests of sharded optimizers: functions that `Ranks.call` runs in every process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributed.tensor import DeviceMesh, DTensor, Placement, Shard

SHAPES = ((5, 3), (1,), (2, 2, 2), (7,), (3, 4), (0,))
"""Uneven over 2 and 4 ranks; some ranks hold nothing of the second."""
STEPS = 5


def data(seed: int, shape: Sequence[int], dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(size=shape), dtype=dtype)


def gradients(step: int, shapes: Sequence[Sequence[int]] = SHAPES, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Norms that fall and rise, so that the correction takes part."""
    size = (4.0, 0.25, 0.5, 0.125, 2.0)[step % 5]
    return [size * data(100 * step + i + 1000, shape, dtype) for i, shape in enumerate(shapes)]


def on_mesh(whole: Tensor, mesh: DeviceMesh, placements: Sequence[Placement]) -> DTensor:
    """The tensor laid out over the mesh; every rank has all of it, so nothing is sent."""
    part = whole.clone()
    for dim, placement in enumerate(placements):
        if isinstance(placement, Shard):
            pieces = list(torch.chunk(part, mesh.size(dim), placement.dim))
            empty = part.narrow(placement.dim, 0, 0)
            pieces += [empty] * (mesh.size(dim) - len(pieces))
            part = pieces[mesh.get_local_rank(dim)].contiguous()
    return DTensor.from_local(part, mesh, placements, run_check=False, shape=whole.shape, stride=whole.stride())


@contextmanager
def counted() -> Iterator[list[str]]:
    """The collectives that this process enters."""
    from torch.utils._python_dispatch import TorchDispatchMode

    seen: list[str] = []

    class Counting(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if any(t is DTensor for t in types):  # look at what it does with its parts
                return NotImplemented
            if function.namespace in ("c10d", "_c10d_functional", "c10d_functional"):
                seen.append(str(function))
            return function(*args, **(kwargs or {}))

    with Counting():
        yield seen


def run(
    make: Callable[[list[Any]], torch.optim.Optimizer],
    parameters: Sequence[Tensor],
    laid: Callable[[int, Tensor], Tensor],
    steps: range = range(STEPS),
    dtype: torch.dtype = torch.float64,
) -> tuple[torch.optim.Optimizer, list[list[str]]]:
    """Steps of an optimizer whose gradients `laid` lays out; the collectives of each."""
    optimizer = make(list(parameters))
    seen = []
    for step in steps:
        for i, (p, g) in enumerate(zip(parameters, gradients(step, [p.shape for p in parameters], dtype), strict=True)):
            p.grad = laid(i, g)
        with counted() as collectives:
            optimizer.step()
        seen.append(list(collectives))
    return optimizer, seen
