"""Optimizers for the tests of `check --sharded`: each wrong, or hopeless, in one way."""

from __future__ import annotations

import os
import time
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor

from adanorm_verify.shelf import faithful_norms as shelf  # noqa: F401  (so that ranks import it once)
from adanorm_verify.shelf._base import Adam, AdamNorm


def process(rank: int, count: int) -> int:
    """The number of a rank's process."""
    return os.getpid()


class OnLocalTensors(AdamNorm):
    """AdamNorm on the local tensors, the norm of which is the shard's."""

    def step_tensor(self, param: Any, grad: Any, group: dict[str, Any]) -> None:
        state = self.state[param]
        g = grad.to_local()
        if not state:
            state.update(self.fresh_state(g, group))
        now = self.look(group, state, g)
        now.s = self.correct(now)
        self.remember(now)
        self.move(param.to_local(), self.update(now))


class OfWholeNorms(OnLocalTensors):
    """The same with the norm of the whole, by a collective a tensor: right, if slow."""

    def step_tensor(self, param: Any, grad: Any, group: dict[str, Any]) -> None:
        self.sharded = any(placement.is_shard() for placement in param.placements)
        super().step_tensor(param, grad, group)

    def norm(self, g: torch.Tensor) -> torch.Tensor:
        square = super().norm(g).square()
        if self.sharded:
            dist.all_reduce(square)
        return square.sqrt()


class ReplicasApart(OfWholeNorms):
    """Right where rows are shared out; what all ranks should have alike, each moves elsewhere."""

    def step_tensor(self, param: Any, grad: Any, group: dict[str, Any]) -> None:
        super().step_tensor(param, grad, group)
        if not self.sharded:
            param.to_local().add_(dist.get_rank() * 1e-3)


class PlainTensorsOnly(Adam):
    """It has no idea of DTensors."""

    def step_tensor(self, param: Any, grad: Any, group: dict[str, Any]) -> None:
        if isinstance(param, DTensor):
            raise TypeError("DTensor is not supported\nat all")
        super().step_tensor(param, grad, group)


class RaisesOnOne(OfWholeNorms):
    """Its second rank raises, while the first waits for it in a collective."""

    def norm(self, g: torch.Tensor) -> torch.Tensor:
        if dist.get_rank() == 1:
            raise ValueError("only here")
        return super().norm(g)


class WaitsInVain(OnLocalTensors):
    """A collective that only ranks with elements enter."""

    def norm(self, g: torch.Tensor) -> torch.Tensor:
        square = super().norm(g).square()
        if g.numel() > 2:
            dist.all_reduce(square)
        return square.sqrt()


class Sleeps(OnLocalTensors):
    def norm(self, g: torch.Tensor) -> torch.Tensor:
        time.sleep(600)
        return super().norm(g)


class Dies(OnLocalTensors):
    def norm(self, g: torch.Tensor) -> torch.Tensor:
        if dist.get_rank() == 1:
            os._exit(3)
        return super().norm(g)
