"""Optimizers of right formulas whose options, paths or calls do not do what they say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from ._base import AdaBelief, AdaBeliefNorm, Adam, AdamNorm, DiffGrad, DiffGradNorm, Now, RAdam, RAdamNorm, subjects_of


class DecayIgnored(AdamNorm):
    """A weight decay is accepted and has no effect."""

    def __init__(self, params: Iterable[Any], *arguments: Any, weight_decay: float = 0.0, **named: Any) -> None:
        super().__init__(params, *arguments, **named, weight_decay=weight_decay)


class DecayedTwice(AdaBelief):
    """The weight decay is added to the gradient and also taken from the parameter."""

    def __init__(self, params: Iterable[Any], *arguments: Any, weight_decay: float = 0.0, **named: Any) -> None:
        super().__init__(params, *arguments, **named, weight_decay=weight_decay)

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        grad = grad + group["weight_decay"] * param
        param.mul_(1 - group["lr"] * group["weight_decay"])
        super().step_tensor(param, grad, group)


class DecayIntoGradient(DiffGrad):
    """The weight decay is added to the caller's gradient in place."""

    def __init__(self, params: Iterable[Any], *arguments: Any, weight_decay: float = 0.0, **named: Any) -> None:
        super().__init__(params, *arguments, **named, weight_decay=weight_decay)

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if group["weight_decay"]:
            grad.add_(param, alpha=group["weight_decay"])
        super().step_tensor(param, grad, group)


class MaximizeIgnored(RAdam):
    """`maximize` is accepted and has no effect."""

    def __init__(self, params: Iterable[Any], *arguments: Any, maximize: bool = False, **named: Any) -> None:
        super().__init__(params, *arguments, **named, maximize=maximize)


class MaximizeByUpdate(DiffGradNorm):
    """`maximize` turns the update and forgets the gradient that friction compares, which had the other sign."""

    def __init__(self, params: Iterable[Any], *arguments: Any, maximize: bool = False, **named: Any) -> None:
        super().__init__(params, *arguments, **named, maximize=maximize)

    def update(self, now: Now) -> Tensor:
        update = super().update(now)
        if now.group["maximize"]:
            now.state["previous_grad"].neg_()
        return -update if now.group["maximize"] else update


class TensorRateFrozen(AdamNorm):
    """A tensor learning rate is read once, by the constructor."""

    def __init__(self, params: Iterable[Any], lr: Any = 1e-3, *arguments: Any, **named: Any) -> None:
        super().__init__(params, float(lr), *arguments, **named)


class RateOfFirstStep(Adam):
    """The learning rate of the first step is used for ever, whatever a scheduler does."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "lr": state.setdefault("lr", group["lr"])}, state, g)


class NumberOfFirstStep(DiffGrad):
    """The learning rate of the first step is used for ever where it is a number; a tensor is read at every step."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        rate = group["lr"]
        return super().look({**group, "lr": rate if torch.is_tensor(rate) else state.setdefault("lr", rate)}, state, g)


class ReboundWhereContiguous(AdaBelief):
    """The storage of a contiguous parameter is replaced, which leaves its views behind."""

    def move(self, param: Tensor, update: Tensor) -> None:
        if param.is_contiguous():
            param.data = (param.to(update.dtype) - update).to(param.dtype)
        else:
            super().move(param, update)


class RateFloor(AdaBeliefNorm):
    """A learning rate of zero is taken for the smallest that was thought useful."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "lr": max(group["lr"], 1e-6)}, state, g)


class ShadowParameters(AdamNorm):
    """Parameters are kept in a copy and written over the caller's, so that what the caller sets is lost."""

    def move(self, param: Tensor, update: Tensor) -> None:
        state = self.state[param]
        shadow = state.setdefault("shadow", param.to(update.dtype, copy=True))
        shadow.sub_(update)
        param.copy_(shadow)


class MomentInGradient(Adam):
    """The first moment is kept in the memory of the gradient."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        grad = grad.clone() if param.grad is None else param.grad
        super().step_tensor(param, grad, group)
        grad.copy_(self.state[param]["exp_avg"])
        self.state[param]["exp_avg"] = grad


class ZerosNothing(RAdamNorm):
    """`zero_grad(set_to_none=False)` leaves the gradients as they are."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        if set_to_none:
            super().zero_grad(set_to_none=True)


class CountsParameters(DiffGradNorm):
    """The constructor counts the parameters first, which empties a generator."""

    def __init__(self, params: Iterable[Any], *arguments: Any, **named: Any) -> None:
        self.count = sum(1 for _ in params)
        super().__init__(params, *arguments, **named)


class NoisyLastBit(AdaBelief):
    """A random last bit is added from a generator that nobody can seed."""

    noise: ClassVar[torch.Generator] = torch.Generator().manual_seed(1)

    def update(self, now: Now) -> Tensor:
        update = super().update(now)
        bits = torch.rand(update.shape, generator=self.noise, dtype=torch.float64).to(update)
        return update * (1 + bits * torch.finfo(update.dtype).eps)


class ClosureTwice(RAdam):
    """The closure is called once to look at the loss and once more for the gradients."""

    def step(self, closure: Any = None) -> Any:
        if closure is not None:
            with torch.enable_grad():
                closure()
        return super().step(closure)


class GradLeftOff(AdaBeliefNorm):
    """Gradients stay switched off after a step."""

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        torch.set_grad_enabled(False)
        return loss


class GroupDecayIgnored(DiffGrad):
    """A group's own weight decay is ignored for the constructor's."""

    def __init__(self, params: Iterable[Any], *arguments: Any, weight_decay: float = 0.0, **named: Any) -> None:
        super().__init__(params, *arguments, **named, weight_decay=weight_decay)

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        super().step_tensor(param, grad + self.defaults["weight_decay"] * param, group)


WRONG_INTERFACE = subjects_of(globals())
