"""Wrong optimizers whose fault lies in precision, groups, step counts or missing gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ._base import AdaBelief, AdaBeliefNorm, Adam, AdamNorm, DiffGradNorm, Now, RAdam, RAdamNorm, subjects_of


class UpdateInSingle(Adam):
    """The update is rounded to float32, which is wrong for float64 parameters only."""

    wrong_in_double_only = True

    def move(self, param: Tensor, update: Tensor) -> None:
        super().move(param, update.float().to(update.dtype))


class StateInSingle(AdamNorm):
    """The state is float32, which is wrong for float64 parameters only."""

    wrong_in_double_only = True

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return super().fresh_state(g.float(), group)


class FirstGroupsRate(AdamNorm):
    """Every group moves at the learning rate of the first."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "lr": self.param_groups[0]["lr"]}, state, g)


class RateOfConstructor(AdaBelief):
    """The learning rate is the constructor's, so that neither groups nor schedulers change it."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "lr": self.defaults["lr"]}, state, g)


class BetasOfConstructor(RAdamNorm):
    """A group's own betas are ignored for the constructor's."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "betas": self.defaults["betas"]}, state, g)


class EpsOfConstructor(RAdam):
    """A group's own eps is ignored for the constructor's."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "eps": self.defaults["eps"]}, state, g)


class GammaOfConstructor(AdaBeliefNorm):
    """A group's own gamma is ignored for the constructor's."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "gamma": self.defaults["gamma"]}, state, g)


class SharedStepCount(Adam):
    """All tensors share a count of the calls, wrong for a tensor whose gradient was missing once."""

    calls: int = 0

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        self.calls += 1
        return super().step(closure)

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return Now(group, state, g, self.calls)


class CountPerTensor(RAdam):
    """One count for all tensors rises with every tensor, right for a single one only."""

    count: int = 0

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        self.count += 1
        return Now(group, state, g, self.count)


class MissingIsZero(DiffGradNorm):
    """A missing gradient is taken for a zero one."""

    def step_group(self, group: dict[str, Any]) -> None:
        super().step_group(group)
        for param in group["params"]:
            if param.grad is None:
                self.step_tensor(param, torch.zeros_like(param), group)


class MissingEndsGroup(AdamNorm):
    """The tensors that follow a missing gradient in their group are not stepped."""

    def step_group(self, group: dict[str, Any]) -> None:
        for param in group["params"]:
            if param.grad is None:
                return
            self.step_tensor(param, param.grad, group)


class MissingForgets(RAdamNorm):
    """A missing gradient throws the state of its tensor away."""

    def step_group(self, group: dict[str, Any]) -> None:
        super().step_group(group)
        for param in group["params"]:
            if param.grad is None:
                self.state[param].clear()


class ZeroIsMissing(AdaBeliefNorm):
    """A gradient of zeros is passed over as if it were missing."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if grad.any():
            super().step_tensor(param, grad, group)


class FirstGroupOnly(DiffGradNorm):
    """Only the first group is stepped."""

    def step_group(self, group: dict[str, Any]) -> None:
        if group is self.param_groups[0]:
            super().step_group(group)


class FirstStepOnlyCounts(Adam):
    """The step count is never written back, so that every step is corrected as the first."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return Now(group, state, g, 1)


class GradientBefore(AdaBelief):
    """Each step applies the gradient of the step before."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        waiting = self.__dict__.setdefault("waiting", {})
        previous, waiting[id(param)] = waiting.get(id(param), torch.zeros_like(grad)), grad.clone()
        super().step_tensor(param, previous, group)


WRONG_STATE = subjects_of(globals())
