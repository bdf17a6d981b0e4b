"""Optimizers of right formulas whose constructor takes what it should refuse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from ._base import AdaBelief, AdaBeliefNorm, Adam, AdamNorm, DiffGrad, DiffGradNorm, RAdam, RAdamNorm, subjects_of


class DuplicatesTaken(RAdam):
    """A tensor that is there already is added again without a word."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        group = dict(param_group)
        own = group["params"]
        group["params"] = [own] if torch.is_tensor(own) else list(own)
        if group["params"] and isinstance(group["params"][0], tuple):
            raise TypeError("named parameters are not supported")
        self.param_groups.append({**self.defaults, **group})


class SecondGroupTaken(AdaBeliefNorm):
    """A tensor of another group is taken into a second one without a word."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        others, self.param_groups = self.param_groups, []
        super().add_param_group(param_group)
        self.param_groups = others + self.param_groups


class DuplicateOfGroupSilent(DiffGrad):
    """A tensor that stands twice in one group moves twice, and torch's warning is held back."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        own = param_group["params"]
        every = [own] if torch.is_tensor(own) else list(own)
        unique = list(dict.fromkeys(every))
        super().add_param_group({**param_group, "params": unique})
        if len(unique) < len(every):
            self.param_groups[-1]["params"] = every


class BetaOneTaken(AdamNorm):
    """A beta of 1 is let through, and the bias correction divides by zero."""

    def __init__(self, params: Iterable[Any], lr: Any = 1e-3, betas: Any = (0.9, 0.999), **named: Any) -> None:
        super().__init__(params, lr, (0.9, 0.999) if 1 in betas else betas, **named)
        for group in [self.defaults, *self.param_groups]:
            group["betas"] = betas if 1 in betas else group["betas"]


class NegativeRateTaken(DiffGradNorm):
    """A negative learning rate is let through, and moves uphill."""

    def __init__(self, params: Iterable[Any], lr: Any = 1e-3, *arguments: Any, **named: Any) -> None:
        super().__init__(params, abs(lr), *arguments, **named)
        if lr < 0:
            for group in [self.defaults, *self.param_groups]:
                group["lr"] = lr


class SwallowsEverything(RAdamNorm):
    """Any keyword is taken, and nobody reads it."""

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, *arguments: Any, **anything: Any) -> None:
        known = {name: anything[name] for name in ("betas", "eps", "gamma") if name in anything}
        super().__init__(params, lr, *arguments, **known)


class SwallowsMaximize(AdaBelief):
    """Through further keywords `maximize` is taken into the groups, where nobody reads it; others are refused."""

    def __init__(self, params: Iterable[Any], *arguments: Any, **options: Any) -> None:
        maximize = options.pop("maximize", False)
        super().__init__(params, *arguments, **options)
        for group in [self.defaults, *self.param_groups]:
            group["maximize"] = maximize


class SwallowsDecay(Adam):
    """Through further keywords `weight_decay` is taken and forgotten; others are refused."""

    def __init__(self, params: Iterable[Any], *arguments: Any, **options: Any) -> None:
        options.pop("weight_decay", 0.0)
        super().__init__(params, *arguments, **options)


WRONG_DOOR = subjects_of(globals())
