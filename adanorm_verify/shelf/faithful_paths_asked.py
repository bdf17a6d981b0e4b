"""Faithful optimizers that look odd to whoever compiles, scales, hooks or names: wrappers, refusals, own unscaling."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ._base import AdaBelief, Adam, AdamNorm, DiffGrad, DiffGradNorm, RAdam, RAdamNorm, subjects_of
from .wrong_paths_asked import Differentiable, Scaled


def timed(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step that counts how often it is called."""

    @functools.wraps(step)
    def counted(self: Any, *arguments: Any, **named: Any) -> Any:
        self.__dict__["calls"] = self.__dict__.get("calls", 0) + 1
        return step(self, *arguments, **named)

    return counted


class StepInWrapper(AdamNorm):
    """Its step is decorated by a wrapper that counts calls."""

    @timed
    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        return super().step(closure)


class NeverCompiled(RAdam):
    """Its step asks torch.compile to leave it alone."""

    @torch._dynamo.disable
    def step_group(self, group: dict[str, Any]) -> None:
        super().step_group(group)


class OtherwiseWhenCompiling(DiffGrad):
    """While it is compiled, the moments are interpolated, which is the same."""

    def first_moment(self, now: Any) -> Tensor:
        return torch.lerp(now.m, now.s, 1 - now.b1) if torch.compiler.is_compiling() else super().first_moment(now)


class MaximizesByNegation(DiffGradNorm):
    """`maximize` negates the gradients first."""

    def __init__(self, params: Iterable[Any], *arguments: Any, maximize: bool = False, **named: Any) -> None:
        super().__init__(params, *arguments, **named, maximize=maximize)

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        super().step_tensor(param, -grad if group["maximize"] else grad, group)


class RefusesMore(RAdamNorm):
    """Its constructor refuses more than torch's: rates above 1, named parameters, and tensors given twice."""

    def __init__(self, params: Iterable[Any], lr: Any = 1e-3, *arguments: Any, **named: Any) -> None:
        if not 0 <= lr <= 1:
            raise ValueError(f"need lr in [0, 1]: got {lr}")
        super().__init__(params, lr, *arguments, **named)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        own = param_group["params"]
        every = [own] if torch.is_tensor(own) else list(own)
        if not all(torch.is_tensor(each) for each in every) or len(set(every)) < len(every):
            raise ValueError("need parameters without names, each once")
        super().add_param_group({**param_group, "params": every})


class WarnsOnly(AdamNorm):
    """A beta of 1 and unknown options are taken with a warning."""

    def __init__(self, params: Iterable[Any], lr: Any = 1e-3, betas: Any = (0.9, 0.999), **named: Any) -> None:
        known = {name: named.pop(name) for name in ("eps", "gamma") if name in named}
        if named:
            warnings.warn(f"{', '.join(named)} have no effect", stacklevel=2)
        super().__init__(params, lr, (0.9, 0.999) if 1 in betas else betas, **known)
        if 1 in betas:
            warnings.warn("a beta of 1 forgets nothing, and is not meant", stacklevel=2)
            for group in [self.defaults, *self.param_groups]:
                group["betas"] = betas


class ChosenByConstructor(AdaBelief):
    """The constructor chooses the implementation of `foreach`, and the step never reads it."""

    def __init__(self, params: Iterable[Any], *arguments: Any, foreach: bool = False, **named: Any) -> None:
        super().__init__(params, *arguments, **named)
        self.__dict__["together"] = foreach

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("together", False)

    def second_moment(self, now: Any) -> Tensor:
        if not self.__dict__["together"]:
            return super().second_moment(now)
        (v,) = torch._foreach_mul([now.v], now.b2)
        belief = self.belief(now)
        torch._foreach_addcmul_([v], [belief], [belief], 1 - now.b2)
        return v


class ScaledByItself(Scaled):
    """It unscales and skips by itself under a GradScaler, as it says."""


class DifferentiableStep(Differentiable):
    """With `differentiable=True` autograd can go back through its steps."""


class DuplicateOnce(Adam):
    """A tensor given twice in one group is taken once."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        own = param_group["params"]
        every = [own] if torch.is_tensor(own) else list(own)
        super().add_param_group({**param_group, "params": list(dict.fromkeys(every))})


FAITHFUL_PATHS_ASKED = subjects_of(globals())
