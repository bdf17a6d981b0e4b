"""Optimizers of right formulas that hold on to memory which the caller exchanges, shares or resizes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from ._base import AdaBelief, AdaBeliefNorm, Adam, AdamNorm, DiffGrad, Now, RAdam, RAdamNorm, subjects_of


class DetachedOnce(Adam):
    """Each parameter is detached once, and that view is written into for ever, also where p.data is another."""

    def move(self, param: Tensor, update: Tensor) -> None:
        views = self.__dict__.setdefault("views", {})
        view = views.setdefault(param, param.detach())
        super().move(view if view.shape == param.shape else param, update)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "views"}


class MemoryIsNew(AdamNorm):
    """A parameter in another memory is taken for another parameter, whose moments start again."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        places = self.__dict__.setdefault("places", {})
        if places.setdefault(param, param.data_ptr()) != param.data_ptr() and self.state[param]:
            self.state[param].update(self.fresh_state(grad.to(self.state[param]["exp_avg"].dtype), group))
        places[param] = param.data_ptr()
        super().step_tensor(param, grad, group)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "places"}


class SharedGradientOnce(RAdamNorm):
    """A gradient that was seen in this step already is passed over, and the second parameter with it."""

    def step_group(self, group: dict[str, Any]) -> None:
        seen: set[int] = set()
        for param in group["params"]:
            if param.grad is not None and id(param.grad) not in seen:
                seen.add(id(param.grad))
                self.step_tensor(param, param.grad, group)


class BufferFromStart(DiffGrad):
    """A contiguous gradient is read from the start of its memory."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if grad.layout is torch.strided and grad.is_contiguous():
            grad = torch.as_strided(grad, grad.shape, grad.stride(), 0)
        super().step_tensor(param, grad, group)


class PadsGradient(AdaBelief):
    """The element behind a contiguous gradient is set to zero, as padding for a wide loop."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        end = grad.storage_offset() + grad.numel() if grad.layout is torch.strided and grad.is_contiguous() else 0
        if end and end < grad.untyped_storage().nbytes() // grad.itemsize:
            torch.as_strided(grad, (1,), (1,), end).zero_()
        super().step_tensor(param, grad, group)


class ForgetsFrozen(AdaBeliefNorm):
    """The state of a parameter that requires no gradient is dropped."""

    def step_group(self, group: dict[str, Any]) -> None:
        for param in group["params"]:
            if not param.requires_grad:
                self.state.pop(param, None)
        super().step_group(group)


class MovesFrozen(RAdam):
    """A parameter that requires no gradient goes on by its moments."""

    def step_group(self, group: dict[str, Any]) -> None:
        super().step_group(group)
        for param in group["params"]:
            if not param.requires_grad and param.grad is None and self.state[param]:
                self.step_tensor(param, torch.zeros_like(param), group)


class FitsState(Adam):
    """State of another shape than the gradient's is cut, or filled up with zeros, without a word."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        for key in ("exp_avg", "exp_avg_sq"):
            kept = state[key].flatten()[: g.numel()]
            state[key] = torch.cat([kept, kept.new_zeros(g.numel() - kept.numel())]).reshape(g.shape)
        return super().look(group, state, g)


class MetaForgotten(AdamNorm):
    """Parameters on the meta device are left out by the constructor, and are never stepped."""

    def __init__(self, params: Iterable[Any], *arguments: Any, **named: Any) -> None:
        super().__init__(params, *arguments, **named)
        for group in self.param_groups:
            group["late"] = [not param.is_meta for param in group["params"]]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        self.param_groups[-1]["late"] = [True for _ in self.param_groups[-1]["params"]]

    def step_group(self, group: dict[str, Any]) -> None:
        kept = [param for param, there in zip(group["params"], group["late"], strict=True) if there]
        super().step_group({**group, "params": kept})


WRONG_EXCHANGE = subjects_of(globals())
