"""Optimizers of right formulas that go wrong where a step is compiled, scaled, hooked into or differentiated."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ._base import AdaBelief, AdaBeliefNorm, Adam, AdamNorm, DiffGrad, DiffGradNorm, Now, RAdam, RAdamNorm, subjects_of


class WrongWhenCompiling(Adam):
    """While torch.compile traces it, the second bias correction is left out."""

    def bc2(self, now: Now) -> float:
        return 1.0 if torch.compiler.is_compiling() else super().bc2(now)


class CountStuckWhenCompiling(RAdam):
    """While torch.compile traces it, the step is not counted after the first."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        if torch.compiler.is_compiling() and state["step"]:
            state["step"] -= 1
        return super().look(group, state, g)


class ForeachWrongWhenCompiling(DiffGrad):
    """Where foreach is asked for and torch.compile traces it, friction is left out."""

    def __init__(self, params: Iterable[Any], *arguments: Any, foreach: bool = False, **named: Any) -> None:
        super().__init__(params, *arguments, **named, foreach=foreach)

    def friction(self, now: Now) -> Tensor:
        friction = super().friction(now)
        left_out = now.group["foreach"] and torch.compiler.is_dynamo_compiling()
        return torch.ones_like(friction) if left_out else friction + 0 if now.group["foreach"] else friction


class AverageLostWhenCompiling(AdamNorm):
    """While torch.compile traces it, the norm average of the step before is not read."""

    def average_norm(self, now: Now) -> Tensor:
        average = super().average_norm(now)
        return average - now.gamma * now.old_e if torch.compiler.is_compiling() else average


class ClaimsScaling(DiffGrad):
    """It says that it takes care of a GradScaler's scale and of overflows, and does neither."""

    _step_supports_amp_scaling = True


class UnscalesOnly(AdamNorm):
    """It says that it takes care of a GradScaler, divides by its scale, and takes steps whose gradients overflow."""

    _step_supports_amp_scaling = True

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        scale = getattr(self, "grad_scale", None)
        super().step_tensor(param, grad if scale is None else grad / scale, group)


class SkipsOnly(AdaBelief):
    """It says that it takes care of a GradScaler, skips steps that overflow, and leaves the scale in the gradients."""

    _step_supports_amp_scaling = True

    def step_group(self, group: dict[str, Any]) -> None:
        if not getattr(self, "found_inf", None):
            super().step_group(group)


class Scaled(Adam):
    """It takes care of a GradScaler's scale and of overflows, as it says."""

    _step_supports_amp_scaling = True

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        scale = getattr(self, "grad_scale", None)
        if getattr(self, "found_inf", None):
            self.skip(param)
        else:
            super().step_tensor(param, grad if scale is None else grad / scale, group)

    def skip(self, param: Tensor) -> None:
        """What is done to a parameter whose step is skipped: nothing."""


class SkipsAndCounts(Scaled):
    """A step that is skipped for its overflow is counted all the same."""

    def skip(self, param: Tensor) -> None:
        if self.state[param]:
            self.state[param]["step"] += 1


class SkipsAndDecays(Scaled):
    """A step that is skipped for its overflow shrinks the first moment all the same."""

    def skip(self, param: Tensor) -> None:
        if self.state[param]:
            self.state[param]["exp_avg"].mul_(self.param_groups[0]["betas"][0])


class SkipsForEver(Scaled):
    """After one step that overflows, every step of the same scaler is skipped."""

    def step_group(self, group: dict[str, Any]) -> None:
        if getattr(self, "found_inf", None):
            self.__dict__["overflowed"] = True
        if not (self.__dict__.get("overflowed") and hasattr(self, "found_inf")):
            super().step_group(group)


class StepOfInstance(AdamNorm):
    """The constructor puts another step on the instance, which torch's hooks are not around."""

    def __init__(self, params: Iterable[Any], *arguments: Any, **named: Any) -> None:
        super().__init__(params, *arguments, **named)
        self.step = self.unhooked  # type: ignore[method-assign]

    @torch.no_grad()
    def unhooked(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self.step_group(group)
        return loss


class SaysHooked(DiffGradNorm):
    """Its step says that torch has put hooks around it, which torch then does not."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        with torch.no_grad():
            return inspect.unwrap(Adam.step)(self, closure)

    step.hooked = True  # type: ignore[attr-defined]


class HooksTwice(AdaBelief):
    """Its step calls the hooks that torch has called already."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for hook in self._optimizer_step_pre_hooks.values():
            hook(self, (self, closure), {})
        return super().step(closure)


class PostHooksFirst(RAdamNorm):
    """Hooks that are to follow a step are called before it."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        hooks, self._optimizer_step_post_hooks = self._optimizer_step_post_hooks, OrderedDict()
        for hook in hooks.values():
            hook(self, (), {})
        try:
            return super().step(closure)
        finally:
            self.__dict__["held_back"] = hooks


class HookArgumentsDropped(AdamNorm):
    """Its step calls its hooks itself, and goes on with the arguments that it had before."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for hook in self._optimizer_step_pre_hooks.values():
            hook(self, (self, closure), {})
        with torch.no_grad():
            loss = inspect.unwrap(Adam.step)(self, closure)
        for hook in self._optimizer_step_post_hooks.values():
            hook(self, (self, closure), {})
        return loss

    step.hooked = True  # type: ignore[attr-defined]


class SavesWithoutHooks(RAdamNorm):
    """`state_dict` is written anew, and calls none of the hooks that are registered for it."""

    def state_dict(self) -> dict[str, Any]:
        own = ("_optimizer_state_dict_pre_hooks", "_optimizer_state_dict_post_hooks")
        kept = {name: getattr(self, name) for name in own}
        self.__dict__.update({name: OrderedDict() for name in own})
        try:
            return super().state_dict()
        finally:
            self.__dict__.update(kept)


class LoadsWithoutHooks(AdaBeliefNorm):
    """`load_state_dict` calls none of the hooks that are registered for what follows it."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        hooks, self._optimizer_load_state_dict_post_hooks = self._optimizer_load_state_dict_post_hooks, OrderedDict()
        super().load_state_dict(state_dict)
        self._optimizer_load_state_dict_post_hooks = hooks


class NamesNotSaved(DiffGrad):
    """The names of parameters are kept in the groups and are not saved."""

    def state_dict(self) -> dict[str, Any]:
        saved = super().state_dict()
        groups = [{k: x for k, x in group.items() if k != "param_names"} for group in saved["param_groups"]]
        return {**saved, "param_groups": groups}


class NamesSlowDown(AdamNorm):
    """A group of parameters that have names moves at half its learning rate."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "lr": group["lr"] / 2} if "param_names" in group else group, state, g)


class Differentiable(Adam):
    """With `differentiable=True` a step leaves its graph to autograd."""

    def __init__(self, params: Iterable[Any], *arguments: Any, differentiable: bool = False, **named: Any) -> None:
        super().__init__(params, *arguments, **named, differentiable=differentiable)

    def step_group(self, group: dict[str, Any]) -> None:
        with torch.set_grad_enabled(group["differentiable"]):
            super().step_group(group)

    def remember(self, now: Now) -> None:
        now.old_m = now.m
        now.state["exp_avg"], now.state["exp_avg_sq"] = self.first_moment(now), self.second_moment_after(now)

    def second_moment_after(self, now: Now) -> Tensor:
        return self.second_moment(now)


class GradientDetached(Differentiable):
    """With `differentiable=True` the gradients are cut off from their graph."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        super().step_tensor(param, grad.detach(), group)


class RootDetached(Differentiable):
    """With `differentiable=True` the second moment is cut off from its graph."""

    def denominator(self, now: Now) -> Tensor:
        return super().denominator(now).detach()


class MomentDetached(Differentiable):
    """With `differentiable=True` the first moment of the step before is cut off from its graph."""

    def first_moment(self, now: Now) -> Tensor:
        return now.b1 * now.m.detach() + (1 - now.b1) * now.s


WRONG_PATHS_ASKED = tuple(s for s in subjects_of(globals()) if s not in (Scaled, Differentiable))
RIGHT_BASES = (Scaled, Differentiable)
"""Right by themselves: what the wrong ones are made of."""
