"""Faithful optimizers that keep their state in odd forms: what rounding lost, masters, flat memory, other counts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._base import (
    AdaBelief,
    AdaBeliefNorm,
    Adam,
    AdamNorm,
    DiffGrad,
    DiffGradNorm,
    Now,
    RAdam,
    RAdamNorm,
    subjects_of,
    working_dtype,
)


class KahanSum(Adam):
    """What rounding loses of a step is kept, and added to the next."""

    def move(self, param: Tensor, update: Tensor) -> None:
        lost = self.state[param].setdefault("lost", torch.zeros_like(param))
        lost.sub_(update)
        before = param.clone()
        param.add_(lost)
        lost.add_(before.sub_(param))


class StochasticRounding(AdamNorm):
    """Parameters in bfloat16 are rounded up or down at random, more often to what is nearer."""

    rounds_at_random = True

    def move(self, param: Tensor, update: Tensor) -> None:
        if param.dtype is not torch.bfloat16:
            return super().move(param, update)
        exact = (param.to(update.dtype) - update).contiguous()
        bits = exact.view(torch.int32) + torch.randint_like(exact, 1 << 16, dtype=torch.int32)
        param.copy_((bits & -65536).view(torch.float32))


class MasterWeights(DiffGrad):
    """Half parameters are copies of float32 ones in the state, which follow where the caller changes a parameter."""

    def move(self, param: Tensor, update: Tensor) -> None:
        state = self.state[param]
        if param.dtype == working_dtype(param.dtype):
            return super().move(param, update)
        master = state.setdefault("master", param.to(update.dtype))
        master.copy_(torch.where(master.to(param.dtype) == param, master, param.to(master.dtype)))
        param.copy_(master.sub_(update))


class FlatMoments(AdamNorm):
    """Both moments are parts of one flat tensor."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        first, second = g.new_zeros(2, g.numel())
        state = super().fresh_state(g, group)
        return {**state, "exp_avg": first.view(g.shape), "exp_avg_sq": second.view(g.shape)}


class LateAverage(DiffGradNorm):
    """The average of the norms comes into being at the first gradient that is not zero."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = super().fresh_state(g, group)
        del state["exp_grad_norm"]
        return state

    def correct(self, now: Now) -> Tensor:
        if "exp_grad_norm" not in now.state:
            if not now.g.any():
                return now.g
            now.state["exp_grad_norm"] = now.g.new_zeros(())
        return super().correct(now)


class CountsInGroup(RAdam):
    """The step counts of a group's parameters are a list in the group."""

    def step_group(self, group: dict[str, Any]) -> None:
        counts = group.setdefault("steps", [0] * len(group["params"]))
        for number, param in enumerate(group["params"]):
            if param.grad is not None:
                self.number = number
                self.step_tensor(param, param.grad, group)
        group["steps"] = counts

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in super().fresh_state(g, group).items() if key != "step"}

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        group["steps"][self.number] += 1
        return Now(group, state, g, group["steps"][self.number])


class CountAsInteger(RAdamNorm):
    """The step count is a tensor of int64."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "step": torch.zeros((), dtype=torch.int64)}


class CountOfNextStep(AdaBeliefNorm):
    """The count is that of the step to come."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = super().fresh_state(g, group)
        del state["step"]
        return {**state, "next": 1}

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        state["next"] += 1
        return Now(group, state, g, state["next"] - 1)


class PowersForCounts(AdaBelief):
    """There is no step count: the state holds one minus the powers of both betas."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = super().fresh_state(g, group)
        del state["step"]
        return {**state, "correction1": 0.0, "correction2": 0.0}

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        for key, beta in zip(("correction1", "correction2"), group["betas"], strict=True):
            state[key] = 1 - beta + beta * state[key]
        return Now(group, state, g, 0)

    def bc1(self, now: Now) -> float:
        return now.state["correction1"]

    def bc2(self, now: Now) -> float:
        return now.state["correction2"]


class DebiasedMoments(Adam):
    """Both moments are kept debiased, as averages whose weights sum up to one."""

    def remember(self, now: Now) -> None:
        for kept, beta, new in ((now.m, now.b1, now.s), (now.v, now.b2, now.g**2)):
            kept.copy_(kept + (1 - beta) / (1 - beta**now.t) * (new - kept))

    def numerator(self, now: Now) -> Tensor:
        return now.m

    def denominator(self, now: Now) -> Tensor:
        return now.v.sqrt() + now.eps


FAITHFUL_STATES = subjects_of(globals())
