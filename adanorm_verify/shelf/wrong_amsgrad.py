"""Wrong optimizers whose fault lies in AMSGrad's maximum or in the guard on the correction."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ._amsgrad import AMSGrad, AMSGradNorm, GuardedAdamNorm
from ._base import Now, subjects_of


class NoMaximum(AMSGrad):
    """The maximum is kept and not used: the denominator has `v`."""

    def denominator(self, now: Now) -> Tensor:
        return (now.v / self.bc2(now)).sqrt() + now.eps


class MaximumOfCorrected(AMSGrad):
    """The maximum is of the bias-corrected `v_hat`, as some frameworks have it."""

    def largest(self, now: Now) -> Tensor:
        return torch.maximum(now.state["max_exp_avg_sq"], now.v / self.bc2(now))

    def denominator(self, now: Now) -> Tensor:
        return now.state["max_exp_avg_sq"].sqrt() + now.eps


class AsReddiPrints(AMSGrad):
    """There is no bias correction, as AMSGrad's own paper prints it."""

    def bc1(self, now: Now) -> float:
        return 1.0

    def bc2(self, now: Now) -> float:
        return 1.0


class MaximumOfTensor(AMSGrad):
    """The maximum is over the tensor as well, one number for all its elements."""

    def largest(self, now: Now) -> Tensor:
        flat = torch.cat([super().largest(now).flatten(), now.v.new_zeros(1)])
        return flat.max().expand_as(now.v)


class MaximumOfTwo(AMSGradNorm):
    """The maximum is of this second moment and the one before."""

    def remember(self, now: Now) -> None:
        now.state["max_exp_avg_sq"].copy_(now.v)
        super().remember(now)


class MaximumWrittenBack(AMSGradNorm):
    """The maximum is written into the second moment, which averages from it."""

    def remember(self, now: Now) -> None:
        super().remember(now)
        now.v.copy_(now.state["max_exp_avg_sq"])


class MaximumOfSquares(AMSGradNorm):
    """The maximum is of the squared gradients, not of their average."""

    def largest(self, now: Now) -> Tensor:
        return torch.maximum(now.state["max_exp_avg_sq"], now.g**2)


class MaximumOfFirstStep(AMSGradNorm):
    """The maximum is never written back, so that it is of the first second moment and the newest."""

    def remember(self, now: Now) -> None:
        first = now.state.setdefault("first", None)
        super().remember(now)
        if first is None:
            now.state["first"] = now.v.clone()
        now.state["max_exp_avg_sq"].copy_(torch.maximum(now.state["first"], now.v))


class GuardLeftOut(GuardedAdamNorm):
    """The guard has no effect."""

    def cap(self, now: Now) -> float:
        return math.inf


class GuardOverT(GuardedAdamNorm):
    """The guard is `1 + 1/t`."""

    def cap(self, now: Now) -> float:
        return 1 + 1 / now.t


class GuardOverFourthRoot(GuardedAdamNorm):
    """The guard is `1 + 1/t^(1/4)`."""

    def cap(self, now: Now) -> float:
        return 1 + 1 / math.sqrt(math.sqrt(now.t))


class GuardAtTwo(GuardedAdamNorm):
    """The guard is 2 at every step."""

    def cap(self, now: Now) -> float:
        return 2.0


class GuardCountsFromNext(GuardedAdamNorm):
    """The guard counts one step more than were taken."""

    def cap(self, now: Now) -> float:
        return 1 + 1 / math.sqrt(now.t + 1)


class GuardCountsCalls(GuardedAdamNorm):
    """The guard counts the calls of `step`, wrong for a tensor whose gradient was missing once."""

    def step_group(self, group: dict[str, Any]) -> None:
        group["calls"] = group.get("calls", 0) + 1
        super().step_group(group)

    def cap(self, now: Now) -> float:
        return 1 + 1 / math.sqrt(now.group["calls"])


class GuardOnAverage(GuardedAdamNorm):
    """The guard cuts the average, which is kept so."""

    def average_norm(self, now: Now) -> Tensor:
        return torch.minimum(super().average_norm(now), self.cap(now) * now.n)


class GuardGivesUp(GuardedAdamNorm):
    """A lift beyond the guard is left out, not cut."""

    def scale(self, now: Now) -> Tensor:
        ratio = torch.clamp(self.ratio(now), min=1)
        return torch.where(ratio < self.cap(now), ratio, 1)


class GuardShortens(GuardedAdamNorm):
    """The guard lacks its 1, so that gradients are shortened to `1/sqrt(t)` of themselves."""

    def cap(self, now: Now) -> float:
        return 1 / math.sqrt(now.t)


WRONG_AMSGRAD = subjects_of(globals())
