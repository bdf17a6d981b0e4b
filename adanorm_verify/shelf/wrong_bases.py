"""Wrong optimizers whose fault lies in what sets diffGrad, RAdam and AdaBelief apart from Adam."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._base import AdaBelief, AdaBeliefNorm, DiffGrad, DiffGradNorm, Now, RAdam, RAdamNorm, subjects_of


class FrictionUnused(DiffGradNorm):
    """The friction is left out, which makes it AdamNorm."""

    def friction(self, now: Now) -> Tensor:
        return torch.ones_like(now.g)


class FrictionOfCorrected(DiffGradNorm):
    """The friction compares corrected gradients in place of gradients."""

    def change(self, now: Now) -> Tensor:
        return now.s - now.state["previous_grad"]

    def keep_gradient(self, now: Now) -> None:
        now.state["previous_grad"].copy_(now.s)


class FrictionSign(DiffGrad):
    """The exponential of the friction has the wrong sign."""

    def friction(self, now: Now) -> Tensor:
        return 1 / (1 + torch.exp(self.change(now).abs()))


class FrictionWithoutAbsolute(DiffGrad):
    """The friction takes the signed change of the gradient."""

    def friction(self, now: Now) -> Tensor:
        return 1 / (1 + torch.exp(-self.change(now)))


class PreviousNeverKept(DiffGrad):
    """The previous gradient stays zero."""

    def keep_gradient(self, now: Now) -> None:
        pass


class PreviousIsFirst(DiffGradNorm):
    """The friction compares every gradient with the first one."""

    def keep_gradient(self, now: Now) -> None:
        if now.t == 1:
            super().keep_gradient(now)


class PreviousKeptTooSoon(DiffGrad):
    """The previous gradient is overwritten before it is compared, so that the friction is always one half."""

    def friction(self, now: Now) -> Tensor:
        self.keep_gradient(now)
        return super().friction(now)


class PreviousOnlyIfNonzero(DiffGradNorm):
    """A zero gradient is not kept as the previous one."""

    def keep_gradient(self, now: Now) -> None:
        if now.n > 0:
            super().keep_gradient(now)


class FrictionInMoment(DiffGrad):
    """The friction multiplies the gradient that enters the first moment, not the update."""

    def first_moment(self, now: Now) -> Tensor:
        return now.b1 * now.m + (1 - now.b1) * super().friction(now) * now.s

    def friction(self, now: Now) -> Tensor:
        return torch.ones_like(now.g)


class FrictionOfTensor(DiffGradNorm):
    """The friction is one number for the tensor, from the norm of the change."""

    def change(self, now: Now) -> Tensor:
        return torch.linalg.vector_norm(super().change(now))


class ThresholdFour(RAdam):
    """The rectified branch begins at `rho = 4`."""

    threshold = 4


class ThresholdSix(RAdamNorm):
    """The rectified branch begins at `rho = 6`."""

    threshold = 6


class PlainWithoutCorrection(RAdam):
    """The plain branch moves by `lr m`, without the first bias correction."""

    def plain(self, now: Now) -> Tensor:
        return now.m


class PlainSkipped(RAdamNorm):
    """Where the variance is not tractable, the parameter does not move."""

    def plain(self, now: Now) -> Tensor:
        return torch.zeros_like(now.m)


class PlainByGradient(RAdam):
    """The plain branch follows the gradient, not the first moment."""

    def plain(self, now: Now) -> Tensor:
        return now.s


class NoPlainBranch(RAdamNorm):
    """Where the variance is not tractable, the step is Adam's."""

    def plain(self, now: Now) -> Tensor:
        return math.sqrt(self.bc2(now)) / self.bc1(now) * now.m / self.denominator(now)


class Unrectified(RAdam):
    """The rectification is left out of the adaptive branch."""

    def rectification(self, now: Now) -> float:
        return 1.0


class RectificationSquared(RAdamNorm):
    """The rectification lacks its root."""

    def rectification(self, now: Now) -> float:
        return super().rectification(now) ** 2


class PowerMissing(RAdam):
    """The root of the rectification has `1 - beta2` where `1 - beta2^t` belongs."""

    def bc2(self, now: Now) -> float:
        return 1 - now.b2


class PowerMissingNorm(RAdamNorm):
    """The root of the rectification has `1 - beta2` where `1 - beta2^t` belongs."""

    def bc2(self, now: Now) -> float:
        return 1 - now.b2


class RhoInfByOne(RAdam):
    """`rho_inf` is `2 / (1 - beta2)`, too large by one."""

    def rho_inf(self, now: Now) -> float:
        return super().rho_inf(now) + 1


class RhoLate(RAdamNorm):
    """`rho` counts one step fewer than were taken."""

    def rho(self, now: Now) -> float:
        power = now.b2 ** max(now.t - 1, 1)
        return self.rho_inf(now) - 2 * (now.t - 1) * power / (1 - power)


class EpsOnCorrectedRoot(RAdam):
    """`eps` is added to the root of the bias-corrected second moment, as in Adam."""

    def denominator(self, now: Now) -> Tensor:
        return now.v.sqrt() + now.eps * math.sqrt(self.bc2(now))


class BeliefInOldMoment(AdaBelief):
    """The belief is the distance from the first moment of the step before."""

    def belief(self, now: Now) -> Tensor:
        return now.s - now.old_m


class BeliefInOldMomentNorm(AdaBeliefNorm):
    """The belief is the distance from the first moment of the step before."""

    def belief(self, now: Now) -> Tensor:
        return now.s - now.old_m


class BeliefIsGradient(AdaBelief):
    """The second moment squares the gradient and not its distance from the first moment."""

    def belief(self, now: Now) -> Tensor:
        return now.g


class BeliefIsGradientNorm(AdaBeliefNorm):
    """The second moment squares the gradient and not its distance from the first moment."""

    def belief(self, now: Now) -> Tensor:
        return now.g


class BeliefOfAbsolutes(AdaBeliefNorm):
    """The belief is the distance between absolute values."""

    def belief(self, now: Now) -> Tensor:
        return now.s.abs() - now.m.abs()


class BeliefNotSquared(AdaBelief):
    """The second moment averages the absolute belief."""

    def second_moment(self, now: Now) -> Tensor:
        return now.b2 * now.v + (1 - now.b2) * self.belief(now).abs()


class BeliefInCorrectedMoment(AdaBelief):
    """The belief is the distance from the bias-corrected first moment."""

    def belief(self, now: Now) -> Tensor:
        return now.s - now.m / self.bc1(now)


WRONG_BASES = subjects_of(globals())
