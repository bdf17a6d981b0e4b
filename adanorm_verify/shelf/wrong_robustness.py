"""Optimizers of right formulas that only hold for the tensors that everybody tries first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ._base import AdaBelief, AdaBeliefNorm, Adam, AdamNorm, DiffGrad, DiffGradNorm, Now, RAdam, RAdamNorm, subjects_of


class SkipsAllForOne(DiffGradNorm):
    """A gradient that is not finite anywhere makes the whole step be passed over, for all tensors."""

    def step_group(self, group: dict[str, Any]) -> None:
        grads = [param.grad for param in group["params"] if param.grad is not None]
        if all(grad.isfinite().all() for grad in grads):
            super().step_group(group)


class EmptyRaises(AdaBeliefNorm):
    """The norm is scaled by the largest element, which an empty tensor does not have."""

    def norm(self, g: Tensor) -> Tensor:
        largest = g.abs().max()
        return torch.where(largest > 0, largest * torch.linalg.vector_norm(g / largest), 0)


class ScalarsRaise(RAdam):
    """The first moment is interpolated row by row, and a parameter without dimensions has no rows."""

    def first_moment(self, now: Now) -> Tensor:
        rows = [torch.lerp(m, s, 1 - now.b1) for m, s in zip(now.m, now.s, strict=True)]
        return torch.stack(rows) if rows else now.m


class WritesFlatCopy(Adam):
    """The parameter is updated through reshape(-1), which is a copy where its memory is not contiguous."""

    def move(self, param: Tensor, update: Tensor) -> None:
        param.reshape(-1).sub_(update.to(param.dtype).reshape(-1))


class ReadsGradientMemory(DiffGrad):
    """The gradient is read in the order of the parameter's memory, whatever its own strides are."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        self.refuse_unmeant(param, grad)
        if param.is_contiguous() and grad.storage_offset() == 0:
            grad = torch.as_strided(grad, param.shape, param.stride())
        super().step_tensor(param, grad, group)


class SparseLazily(AdaBelief):
    """Of a sparse gradient only the coordinates that it names are stepped; the moments of others stand still."""

    def refuse_unmeant(self, param: Tensor, grad: Tensor) -> None:
        if param.is_complex():
            raise RuntimeError("complex parameters are not supported")

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if not grad.is_sparse:
            super().step_tensor(param, grad, group)
            return
        dense = grad.to_dense()
        kept = param.clone()
        super().step_tensor(param, dense, group)
        param.copy_(torch.where(dense == 0, kept, param))


class ComplexSquared(Adam):
    """The second moment of a complex gradient is of its square, which is no square of a length."""

    def refuse_unmeant(self, param: Tensor, grad: Tensor) -> None:
        if grad.is_sparse:
            raise RuntimeError("sparse gradients are not supported")


class HalfRefusedLate(AdamNorm):
    """Half-precision parameters are refused at their second step."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        if state["step"] > 0 and any(param.dtype.itemsize < 4 for param in group["params"]):
            raise RuntimeError("half precision is not supported")
        return super().look(group, state, g)


class HalfOverflows(RAdamNorm):
    """The update of float16 parameters passes through a scale that float16 does not hold."""

    def move(self, param: Tensor, update: Tensor) -> None:
        if param.dtype is torch.float16:
            update = (update * torch.finfo(torch.float16).max ** 2).to(param.dtype)
        param.copy_(param.to(update.dtype) - update)


class NothingRaises(DiffGrad):
    """A step at which no tensor has a gradient raises."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        if closure is None and all(p.grad is None for group in self.param_groups for p in group["params"]):
            raise ValueError("no gradients")
        return super().step(closure)


class NothingFirstRaises(AdaBelief):
    """A first step at which no tensor has a gradient raises, and a later one does not."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        if closure is None and not self.state and all(p.grad is None for g in self.param_groups for p in g["params"]):
            raise ValueError("no gradients")
        return super().step(closure)


class LateRaises(RAdamNorm):
    """State is made at the first step that has gradients, and a tensor whose first one comes later raises."""

    def step_group(self, group: dict[str, Any]) -> None:
        present = [p for p in group["params"] if p.grad is not None]
        if group.get("begun") and any(p not in self.state for p in present):
            raise KeyError("exp_avg")
        group["begun"] = bool(present) or group.get("begun", False)
        super().step_group(group)


class ManyTensorsOneNaN(AdamNorm):
    """The norms of a group are normalised together, so that one that is NaN makes all of them NaN."""

    def step_group(self, group: dict[str, Any]) -> None:
        norms = [torch.linalg.vector_norm(p.grad) for p in group["params"] if p.grad is not None]
        self.spread = torch.stack(norms).mean() * 0 if norms else 0
        super().step_group(group)

    def norm(self, g: Tensor) -> Tensor:
        return super().norm(g) + self.spread


WRONG_ROBUSTNESS = subjects_of(globals())
