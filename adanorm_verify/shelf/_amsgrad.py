"""AMSGrad and the guarded correction, in the manner of `_base`: one method a formula, for the subjects to override."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from ._base import Adam, AdamNorm, Corrected, Now, subjects_of


class AMSGrad(Adam):
    """AMSGrad with Adam's bias corrections, as torch has it."""

    algorithm = "amsgrad"

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "max_exp_avg_sq": torch.zeros_like(g)}

    def remember(self, now: Now) -> None:
        super().remember(now)
        now.state["max_exp_avg_sq"].copy_(self.largest(now))

    def largest(self, now: Now) -> Tensor:
        return torch.maximum(now.state["max_exp_avg_sq"], now.v)

    def denominator(self, now: Now) -> Tensor:
        return (now.state["max_exp_avg_sq"] / self.bc2(now)).sqrt() + now.eps


class AMSGradNorm(Corrected, AMSGrad):
    """AMSGrad with the norm correction."""

    algorithm = "amsgradnorm"


class GuardedAdamNorm(AdamNorm):
    """Algorithm 2 whose factor is at most `1 + 1/sqrt(t)`."""

    decisions = MappingProxyType({"guard": "decaying"})

    def cap(self, now: Now) -> float:
        return 1 + 1 / math.sqrt(now.t)

    def scale(self, now: Now) -> Tensor:
        return super().scale(now).clamp(max=self.cap(now))


AS_DECIDED = subjects_of(globals())
