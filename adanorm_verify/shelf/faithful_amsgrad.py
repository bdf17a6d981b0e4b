"""Faithful rewrites of AMSGrad and of the guarded correction."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from . import _amsgrad
from ._amsgrad import AMSGrad, AMSGradNorm, GuardedAdamNorm
from ._base import Now, subjects_of


class MaximumOfRoots(AMSGradNorm):
    """The state holds the root of the maximum; a root does not change which one is larger."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = super().fresh_state(g, group)
        del state["max_exp_avg_sq"]
        return {**state, "max_root": torch.zeros_like(g)}

    def remember(self, now: Now) -> None:
        super(AMSGrad, self).remember(now)
        torch.maximum(now.state["max_root"], now.v.sqrt(), out=now.state["max_root"])

    def denominator(self, now: Now) -> Tensor:
        return now.state["max_root"] / math.sqrt(self.bc2(now)) + now.eps


class GuardOnLength(GuardedAdamNorm):
    """The gradient is brought to the length `min(max(n, e), n + n/sqrt(t))`."""

    def scaled(self, now: Now) -> Tensor:
        length = torch.minimum(torch.maximum(now.n, now.e), now.n + now.n / math.sqrt(now.t))
        return torch.where(now.n > 0, length / now.n, 0) * now.g


FAITHFUL_AMSGRAD = _amsgrad.AS_DECIDED + subjects_of(globals())
