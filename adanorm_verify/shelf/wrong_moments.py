"""Wrong optimizers whose fault lies in the moments, the bias corrections, eps or the step: the Adam part."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ._base import AdaBelief, AdaBeliefNorm, Adam, AdamNorm, DiffGrad, Now, RAdam, subjects_of


class NoFirstBiasCorrection(Adam):
    """The first moment is not divided by `1 - beta1^t`."""

    def bc1(self, now: Now) -> float:
        return 1.0


class NoSecondBiasCorrection(DiffGrad):
    """The second moment is not divided by `1 - beta2^t`."""

    def bc2(self, now: Now) -> float:
        return 1.0


class BiasCorrectionsExchanged(AdamNorm):
    """Each moment is divided by the bias correction of the other."""

    def bc1(self, now: Now) -> float:
        return super().bc2(now)

    def bc2(self, now: Now) -> float:
        return super().bc1(now)


class BiasCorrectionLate(Adam):
    """The bias corrections count one step fewer than were taken."""

    def bc1(self, now: Now) -> float:
        return 1 - now.b1 ** max(now.t - 1, 1)

    def bc2(self, now: Now) -> float:
        return 1 - now.b2 ** max(now.t - 1, 1)


class BiasCorrectionEarly(AdaBelief):
    """The bias corrections count one step more than were taken."""

    def bc1(self, now: Now) -> float:
        return 1 - now.b1 ** (now.t + 1)

    def bc2(self, now: Now) -> float:
        return 1 - now.b2 ** (now.t + 1)


class BiasCorrectionOfDenominator(AdamNorm):
    """The root of the second moment is divided by `1 - beta2^t`, not by its root."""

    def denominator(self, now: Now) -> Tensor:
        return now.v.sqrt() / self.bc2(now) + now.eps


class EpsInsideRoot(Adam):
    """`eps` stands under the root."""

    def denominator(self, now: Now) -> Tensor:
        return (now.v / self.bc2(now) + now.eps).sqrt()


class EpsScaled(DiffGrad):
    """`eps` is added before the second bias correction, which then scales it."""

    def denominator(self, now: Now) -> Tensor:
        return (now.v.sqrt() + now.eps) / math.sqrt(self.bc2(now))


class EpsScaledNorm(AdamNorm):
    """`eps` is added before the second bias correction, which then scales it."""

    def denominator(self, now: Now) -> Tensor:
        return (now.v.sqrt() + now.eps) / math.sqrt(self.bc2(now))


class EpsKeptInSecondMoment(AdaBelief):
    """`eps` is added into the stored second moment at every step, and stays there."""

    def second_moment(self, now: Now) -> Tensor:
        return super().second_moment(now) + now.eps


class NoEps(Adam):
    """The denominator has no `eps`."""

    def denominator(self, now: Now) -> Tensor:
        return (now.v / self.bc2(now)).sqrt()


class EpsAsFloor(AdamNorm):
    """The denominator is at least `eps` where `eps` should be added."""

    def denominator(self, now: Now) -> Tensor:
        return (now.v / self.bc2(now)).sqrt().clamp(min=now.eps)


class EpsHardCoded(AdaBeliefNorm):
    """The denominator has 1e-8 whatever `eps` says, right at the default only."""

    def denominator(self, now: Now) -> Tensor:
        return (now.v / self.bc2(now)).sqrt() + 1e-8


class BetasExchanged(AdamNorm):
    """The two decay rates have changed places."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "betas": group["betas"][::-1]}, state, g)


class MomentumWithoutDampening(Adam):
    """The first moment adds the whole gradient, without its factor `1 - beta1`."""

    def first_moment(self, now: Now) -> Tensor:
        return now.b1 * now.m + now.s


class SecondMomentOfAbsolute(DiffGrad):
    """The second moment averages `|g|`."""

    def second_moment(self, now: Now) -> Tensor:
        return now.b2 * now.v + (1 - now.b2) * now.g.abs()


class SecondMomentOfMomentum(AdamNorm):
    """The second moment averages the square of the first."""

    def second_moment(self, now: Now) -> Tensor:
        return now.b2 * now.v + (1 - now.b2) * now.m**2


class SecondMomentOfTensor(Adam):
    """The second moment averages the mean square over the tensor, one number for all its elements."""

    def second_moment(self, now: Now) -> Tensor:
        mean_square = (now.g**2).sum() / max(now.g.numel(), 1)
        return now.b2 * now.v + (1 - now.b2) * mean_square


class SecondMomentStale(AdaBeliefNorm):
    """The denominator is the second moment of the step before."""

    def remember(self, now: Now) -> None:
        now.state["stale"] = now.v.clone()
        super().remember(now)

    def denominator(self, now: Now) -> Tensor:
        return (now.state["stale"] / self.bc2(now)).sqrt() + now.eps


class NoRoot(Adam):
    """The denominator is the second moment itself, not its root."""

    def denominator(self, now: Now) -> Tensor:
        return now.v / self.bc2(now) + now.eps


class Nesterov(AdamNorm):
    """The step looks ahead: `beta1 m_hat + (1 - beta1) s` stands for `m_hat`."""

    def numerator(self, now: Now) -> Tensor:
        return now.b1 * super().numerator(now) + (1 - now.b1) * now.s


class MaximumKept(Adam):
    """The denominator is the largest second moment so far, as in AMSGrad."""

    def denominator(self, now: Now) -> Tensor:
        now.state["max_exp_avg_sq"] = torch.maximum(now.state.get("max_exp_avg_sq", now.v), now.v)
        return (now.state["max_exp_avg_sq"] / self.bc2(now)).sqrt() + now.eps


class DecayByDefault(AdamNorm):
    """A decoupled weight decay of 1e-2 is on unless it is turned off."""

    def __init__(self, params: Any, *args: Any, weight_decay: float = 1e-2, **kwargs: Any) -> None:
        super().__init__(params, *args, weight_decay=weight_decay, **kwargs)

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        param.mul_(1 - group["lr"] * group["weight_decay"])
        super().step_tensor(param, grad, group)


class HiddenDecay(RAdam):
    """A weight decay of 1e-2 enters the gradient, and no argument turns it off."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        super().step_tensor(param, grad + 1e-2 * param, group)


class LearningRateDecays(AdaBelief):
    """The learning rate is divided by `sqrt(t)`."""

    def update(self, now: Now) -> Tensor:
        return super().update(now) / math.sqrt(now.t)


class FirstStepAscends(AdamNorm):
    """The first step has the wrong sign."""

    def update(self, now: Now) -> Tensor:
        return -super().update(now) if now.t == 1 else super().update(now)


class FirstStepBySign(Adam):
    """The first step is `lr sign(g)`, which is Adam's only without `eps`."""

    def update(self, now: Now) -> Tensor:
        return now.lr * now.g.sign() if now.t == 1 else super().update(now)


class Ascends(DiffGrad):
    """The update is added to the parameter."""

    def move(self, param: Tensor, update: Tensor) -> None:
        super().move(param, -update)


class UpdateClipped(AdaBeliefNorm):
    """No element moves further than `lr` in one step."""

    def update(self, now: Now) -> Tensor:
        return super().update(now).clamp(-now.lr, now.lr)


WRONG_MOMENTS = subjects_of(globals())
