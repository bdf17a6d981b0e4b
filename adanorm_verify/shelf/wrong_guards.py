"""Wrong optimizers with a guard that the formulas do not have: a cap, a clip, a threshold, a kinder first step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._base import AdaBelief, AdaBeliefNorm, Adam, AdamNorm, DiffGrad, DiffGradNorm, Now, RAdam, RAdamNorm, subjects_of


class ScaleCappedAtTen(AdamNorm):
    """A gradient is lifted tenfold at most."""

    def scale(self, now: Now) -> Tensor:
        return super().scale(now).clamp(max=10)


class ScaleCappedAtHundred(DiffGradNorm):
    """A gradient is lifted a hundredfold at most."""

    def scale(self, now: Now) -> Tensor:
        return super().scale(now).clamp(max=100)


class TinyNormIgnored(RAdamNorm):
    """A gradient of a norm up to 1e-12 counts as zero, and is not lifted."""

    def scale(self, now: Now) -> Tensor:
        return torch.where(now.n > 1e-12, super().scale(now), 1)


class RatioClippedAtTwo(Adam):
    """No element moves further than twice the learning rate."""

    def direction(self, now: Now) -> Tensor:
        return super().direction(now).clamp(-2, 2)


class RatioClippedAtTen(DiffGrad):
    """No element moves further than ten times the learning rate."""

    def direction(self, now: Now) -> Tensor:
        return super().direction(now).clamp(-10, 10)


class CountCapped(RAdam):
    """The bias corrections count a hundred steps at most."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        now = super().look(group, state, g)
        now.t = min(now.t, 100)
        return now


class GradientClippedByNorm(AdaBelief):
    """Gradients are clipped to a norm of 5."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        super().step_tensor(param, grad * torch.clamp(5 / (grad.norm() + 1e-6), max=1), group)


class GradientClippedByValue(AdaBeliefNorm):
    """The elements of a gradient are clipped to the interval from -1 to 1."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        super().step_tensor(param, grad.clamp(-1, 1), group)


class GradientCentralised(Adam):
    """The mean of each gradient is taken off it."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        super().step_tensor(param, grad - grad.mean(), group)


class Cautious(AdamNorm):
    """An element whose gradient points against its direction does not move."""

    def direction(self, now: Now) -> Tensor:
        direction = super().direction(now)
        return torch.where(direction * now.g > 0, direction, 0)


class AveragesFromFirst(DiffGrad):
    """The averages start at the first gradient and at its square, not at zero."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "exp_avg": g.clone(), "exp_avg_sq": g**2}


class AverageNormFromOne(AdaBeliefNorm):
    """The norm average starts at one, not at zero."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "exp_grad_norm": g.new_ones(())}


WRONG_GUARDS = subjects_of(globals())
