"""Wrong optimizers whose fault lies in the norm correction (Equation 3)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ._base import AdaBeliefNorm, AdamNorm, DiffGradNorm, Now, RAdamNorm, subjects_of


class AverageNeverWritten(RAdamNorm):
    """The average `e` is computed at every step from zero and never carried over."""

    def average_norm(self, now: Now) -> Tensor:
        return (1 - now.gamma) * now.n


class StaleAverage(AdamNorm):
    """The gradient is compared with, and scaled by, the average of the step before."""

    def ratio(self, now: Now) -> Tensor:
        return torch.where(now.n > 0, now.old_e / now.n, 1)


class AverageFromFirstNorm(AdamNorm):
    """The average starts at the first norm, not at zero."""

    def average_norm(self, now: Now) -> Tensor:
        return now.n if now.t == 1 else super().average_norm(now)


class DebiasedAverage(AdaBeliefNorm):
    """The average is divided by `1 - gamma^t` before it is compared."""

    def ratio(self, now: Now) -> Tensor:
        return super().ratio(now) / (1 - now.gamma**now.t)


class GammaPointNine(AdamNorm):
    """The decay of the average is 0.9 whatever `gamma` says."""

    def average_norm(self, now: Now) -> Tensor:
        return 0.9 * now.e + 0.1 * now.n


class GammaPointNineFive(DiffGradNorm):
    """The decay of the average is 0.95 whatever `gamma` says, right at the default only."""

    def average_norm(self, now: Now) -> Tensor:
        return 0.95 * now.e + 0.05 * now.n


class GammaExchanged(AdamNorm):
    """`gamma` and `1 - gamma` have changed places in the average."""

    def average_norm(self, now: Now) -> Tensor:
        return (1 - now.gamma) * now.e + now.gamma * now.n


class AverageWithoutDampening(RAdamNorm):
    """The average adds the whole norm, without its factor `1 - gamma`."""

    def average_norm(self, now: Now) -> Tensor:
        return now.gamma * now.e + now.n


class AverageOfCorrectedNorm(AdamNorm):
    """The average that is kept takes in the norm of the corrected gradient, so that it feeds itself."""

    def scaled(self, now: Now) -> Tensor:
        s = super().scaled(now)
        now.e.copy_(now.gamma * now.old_e + (1 - now.gamma) * self.norm(s))
        return s


class AverageSkipsZeros(AdaBeliefNorm):
    """A zero gradient leaves the average as it was."""

    def average_norm(self, now: Now) -> Tensor:
        return super().average_norm(now) if now.n > 0 else now.old_e


class L1Norm(AdamNorm):
    """The norm is the sum of absolute values."""

    def norm(self, g: Tensor) -> Tensor:
        return g.abs().sum()


class InfNorm(DiffGradNorm):
    """The norm is the largest absolute value."""

    def norm(self, g: Tensor) -> Tensor:
        return torch.cat([g.abs().flatten(), g.new_zeros(1)]).max()


class SquaredNorm(AdamNorm):
    """The norm is left squared."""

    def norm(self, g: Tensor) -> Tensor:
        return (g**2).sum()


class NormOfGroup(AdamNorm):
    """The norm is taken over all tensors of the group together."""

    def step_group(self, group: dict[str, Any]) -> None:
        grads = [param.grad.double().norm() for param in group["params"] if param.grad is not None]
        self.group_norm = math.hypot(*(float(norm) for norm in grads))
        super().step_group(group)

    def norm(self, g: Tensor) -> Tensor:
        return g.new_tensor(self.group_norm)


class SharedAverage(DiffGradNorm):
    """All tensors of a group share one average."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        held = [self.state[param]["exp_grad_norm"] for param in group["params"] if self.state.get(param)]
        return {**super().fresh_state(g, group), "exp_grad_norm": held[0] if held else g.new_zeros(())}


class ElementwiseAverage(RAdamNorm):
    """Each element has its own average of its absolute value in place of the tensor's norm."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "exp_grad_norm": torch.zeros_like(g)}

    def norm(self, g: Tensor) -> Tensor:
        return g.abs()


class MinForMax(AdamNorm):
    """The factor is `min(1, e / n)`: large gradients are shortened and small ones left alone."""

    def scale(self, now: Now) -> Tensor:
        return torch.clamp(self.ratio(now), max=1)


class AlwaysRescaled(RAdamNorm):
    """The factor is `e / n` always, so that large gradients are shortened too."""

    def scale(self, now: Now) -> Tensor:
        return self.ratio(now)


class MissingDivision(AdaBeliefNorm):
    """The corrected gradient is `e g`, not divided by the norm."""

    def scaled(self, now: Now) -> Tensor:
        return torch.where(now.e > now.n, now.e * now.g, now.g)


class InvertedRatio(DiffGradNorm):
    """Where the correction fires, the gradient is multiplied by `n / e`."""

    def scale(self, now: Now) -> Tensor:
        return 1 / super().scale(now)


class ClippedAtTwo(AdamNorm):
    """The factor is never more than 2."""

    def scale(self, now: Now) -> Tensor:
        return torch.clamp(self.ratio(now), min=1, max=2)


class CorrectionAfterTen(RAdamNorm):
    """Nothing is corrected in the first ten steps."""

    def scaled(self, now: Now) -> Tensor:
        return super().scaled(now) if now.t > 10 else now.g


class NeverCorrected(AdaBeliefNorm):
    """The corrected gradient is computed and then not used."""

    def scaled(self, now: Now) -> Tensor:
        return now.g


class EpsInRatio(DiffGradNorm):
    """The norm that divides has `eps` added to it."""

    def ratio(self, now: Now) -> Tensor:
        return now.e / (now.n + now.eps)


class ZeroByZero(AdamNorm):
    """A zero gradient after others is divided by its zero norm, and the parameter is lost."""

    def ratio(self, now: Now) -> Tensor:
        return now.e / now.n


class CorrectedInSecondMoment(AdamNorm):
    """The second moment takes the corrected gradient and the first takes the plain one."""

    def first_moment(self, now: Now) -> Tensor:
        return now.b1 * now.m + (1 - now.b1) * now.g

    def second_moment(self, now: Now) -> Tensor:
        return now.b2 * now.v + (1 - now.b2) * now.s**2


class CorrectedInBothMoments(RAdamNorm):
    """The second moment takes the corrected gradient as well as the first."""

    def second_moment(self, now: Now) -> Tensor:
        return now.b2 * now.v + (1 - now.b2) * now.s**2


class CorrectedInBothMomentsDiffGrad(DiffGradNorm):
    """The second moment takes the corrected gradient as well as the first."""

    def second_moment(self, now: Now) -> Tensor:
        return now.b2 * now.v + (1 - now.b2) * now.s**2


class MomentCorrected(AdamNorm):
    """The first moment is corrected in norm, in place of the gradient that enters it."""

    def first_moment(self, now: Now) -> Tensor:
        return now.b1 * now.m + (1 - now.b1) * now.g

    def numerator(self, now: Now) -> Tensor:
        return super().numerator(now) * self.scale(now)


WRONG_CORRECTION = subjects_of(globals())
