"""Optimizers of right formulas that mix up dtypes: of a group, of a gradient, of numbers made without one."""

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


class ScratchOfFirstParameter(Adam):
    """The denominator is computed in memory of the dtype of the group's first parameter."""

    def step_group(self, group: dict[str, Any]) -> None:
        self.scratch = working_dtype(group["params"][0].dtype)
        super().step_group(group)

    def denominator(self, now: Now) -> Tensor:
        return super().denominator(now).to(self.scratch).to(now.g.dtype)


class ScratchOfFirstGroup(RAdamNorm):
    """Where there are several groups, corrected gradients pass through memory of the first group's dtype."""

    def scaled(self, now: Now) -> Tensor:
        several = len(self.param_groups) > 1
        first = working_dtype(self.param_groups[0]["params"][0].dtype) if several else now.g.dtype
        return super().scaled(now).to(first).to(now.g.dtype)


class AddedGroupTakesFirstDtype(DiffGrad):
    """A group that is added later has its update computed in the dtype of the group that was there first."""

    ready: bool = False

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.ready = True

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        if self.ready:
            self.late = [id(param) for param in self.param_groups[-1]["params"]]

    def move(self, param: Tensor, update: Tensor) -> None:
        if self.ready and id(param) in getattr(self, "late", ()):
            update = update.to(self.param_groups[0]["params"][0].dtype).to(update.dtype)
        super().move(param, update)


class SquaresInGradientDtype(Adam):
    """The gradient is squared in its own dtype, where half of its digits are lost, or all of them."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        self.square = (grad * grad).to(working_dtype(param.dtype)) if param.dtype.itemsize >= 4 else None
        super().step_tensor(param, grad, group)

    def second_moment(self, now: Now) -> Tensor:
        square = now.g**2 if self.square is None else self.square
        return now.b2 * now.v + (1 - now.b2) * square


class NormInGradientDtype(AdamNorm):
    """The norm of a gradient is rounded to the gradient's own dtype where parameters are float32 or finer."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        self.dtype = grad.dtype if param.dtype.itemsize >= 4 else torch.float32
        super().step_tensor(param, grad, group)

    def norm(self, g: Tensor) -> Tensor:
        return super().norm(g).to(self.dtype).to(g.dtype)


class BeliefInGradientDtype(AdaBelief):
    """The belief is rounded to the gradient's own dtype where parameters are float32 or finer."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        self.dtype = grad.dtype if param.dtype.itemsize >= 4 else torch.float32
        super().step_tensor(param, grad, group)

    def belief(self, now: Now) -> Tensor:
        return super().belief(now).to(self.dtype).to(now.g.dtype)


class CorrectionInDefaultDtype(DiffGradNorm):
    """The bias correction is made a tensor without a dtype where the parameters are not float64."""

    def bc1(self, now: Now) -> float:
        exact = super().bc1(now)
        return exact if now.g.dtype is torch.float64 else float(torch.tensor(exact))


class MomentsInDefaultDtype(RAdam):
    """The first moment is rounded to the default dtype where that is a half format."""

    def remember(self, now: Now) -> None:
        super().remember(now)
        default = torch.get_default_dtype()
        if default.itemsize < 4:
            now.m.copy_(now.m.to(default))


class CountInDefaultDtype(RAdamNorm):
    """The step count is a tensor made without a dtype, which stands still early where the default is a half format."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "step": torch.zeros(())}


class NormOverflows(AdamNorm):
    """The squares of the norm are summed up in the parameter's dtype: in float16, beyond 65,504 they are infinite."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        self.dtype = param.dtype
        super().step_tensor(param, grad, group)

    def norm(self, g: Tensor) -> Tensor:
        return (g.to(self.dtype) ** 2).sum().sqrt().to(g.dtype)


class SquaredNormOverflows(AdaBeliefNorm):
    """The sum of squares is computed in float32, and put down in the parameter's dtype before its root is taken."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        self.dtype = param.dtype
        super().step_tensor(param, grad, group)

    def norm(self, g: Tensor) -> Tensor:
        return (g**2).sum().to(self.dtype).to(g.dtype).sqrt()


WRONG_DTYPES = subjects_of(globals())
