"""Optimizers of right formulas that miss what changes in mid-run, or what a weight decay means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from ._base import (
    AdaBelief,
    AdaBeliefNorm,
    Adam,
    AdamNorm,
    DiffGrad,
    DiffGradNorm,
    Now,
    RAdam,
    RAdamNorm,
    subjects_of,
)
from ._options import AmsgradOption, DecayOption, MaximizeOption


class BetasOfFirstStep(Adam):
    """The betas of a tensor's first step are used for ever."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "betas": state.setdefault("betas", group["betas"])}, state, g)


class EpsOfFirstStep(AdaBelief):
    """The eps of a tensor's first step is used for ever."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "eps": state.setdefault("eps", group["eps"])}, state, g)


class GammaOfFirstStep(DiffGradNorm):
    """The gamma of a tensor's first step is used for ever."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "gamma": state.setdefault("gamma", group["gamma"])}, state, g)


class BetaAloneAtSecondGroup(RAdamNorm):
    """A beta1 that changes in a later group is taken for the first group too."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        started = self.__dict__.setdefault("started", [own["betas"] for own in self.param_groups])
        changed = [own["betas"] for own, old in zip(self.param_groups, started, strict=False) if own["betas"] != old]
        return super().look({**group, "betas": changed[0]} if changed else group, state, g)


class ZeroRateReturns(RAdam):
    """A step at a learning rate of zero returns before the moments and the count go on."""

    def step_group(self, group: dict[str, Any]) -> None:
        if group["lr"]:
            super().step_group(group)


class ZeroRateWaits(AdamNorm):
    """At a learning rate of zero nothing is begun: a warm-up from zero loses its first step."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if group["lr"] or self.state[param]:
            super().step_tensor(param, grad, group)


class ZeroRateUncounted(DiffGrad):
    """At a learning rate of zero the moments go on and the count does not."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        if not group["lr"] and state["step"]:
            state["step"] -= 1
        return super().look(group, state, g)


class InitialRate(AdaBeliefNorm):
    """A group that a scheduler has touched is stepped at the rate that it began with."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return super().look({**group, "lr": group.get("initial_lr", group["lr"])}, state, g)


class DecayOfFirstStep(DecayOption, Adam):
    """The weight decay of a tensor's first step is used for ever."""

    def decay(self, group: dict[str, Any], state: dict[str, Any]) -> float:
        return state.setdefault("decay", group["weight_decay"])


class DecayOnceOff(DecayOption, DiffGrad):
    """A weight decay that was zero at some step is taken for switched off, for all that follow."""

    def decay(self, group: dict[str, Any], state: dict[str, Any]) -> float:
        state["off"] = state.get("off", False) or not group["weight_decay"]
        return 0.0 if state["off"] else group["weight_decay"]


class MaximizeOfFirstStep(MaximizeOption, RAdam):
    """Whether to maximize is asked at a tensor's first step alone."""

    def turned(self, group: dict[str, Any], state: dict[str, Any]) -> bool:
        return state.setdefault("turned", group["maximize"])


class AmsgradStays(AmsgradOption, Adam):
    """Once there is a maximum it is divided by, whatever the group says later."""

    def largest(self, now: Now) -> Tensor | None:
        return now.state.get("max_exp_avg_sq")


class AmsgradOnlyEarly(AmsgradOption, Adam):
    """amsgrad switched on after the first step is accepted, and has no effect."""

    def begin_late(self, now: Now) -> None:
        pass


class LoadingKeepsDecay(DecayOption, AdaBelief):
    """Loading a state keeps the weight decay of the constructor instead of the saved one."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["weight_decay"] = self.defaults["weight_decay"]


class LoadingKeepsBetas(RAdamNorm):
    """Loading a state computes the betas again from the constructor's."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["betas"] = self.defaults["betas"]


class RateWrittenInto(AdaBelief):
    """The step size is made of a tensor learning rate in place, which is the caller's."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        now = super().look(group, state, g)
        if torch.is_tensor(group["lr"]):
            group["lr"].mul_(1 - 2.0**-20)
        return now


class TensorRateAsFloat16(RAdam):
    """A learning rate given as a tensor is read in half precision."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        rate = group["lr"]
        coarse = rate.mul(1 + 2.0**-9).half().float() if torch.is_tensor(rate) else rate
        return super().look({**group, "lr": coarse}, state, g)


class ScalarsRaiseCorrected(AdamNorm):
    """A parameter without dimensions takes a dimension as soon as its norm is corrected, and cannot be written."""

    def scaled(self, now: Now) -> Tensor:
        scale = self.scale(now)
        return now.g.reshape(-1) * scale if not now.g.ndim and scale > 1 else now.g * scale


class NegativeDecaySize(DecayOption, RAdam):
    """A negative weight decay counts with its size, as a positive one."""

    def decay(self, group: dict[str, Any], state: dict[str, Any]) -> float:
        return abs(group["weight_decay"])


class ClaimsPenalty(DecayOption, Adam):
    """Weight decay (L2 penalty), which shrinks the parameter in place of being a penalty."""

    coupled = False


class PenaltyW(DecayOption, AdaBeliefNorm):
    """Its name ends as that of AdamW, and the weight decay goes into the gradient and through the moments."""


class DecayTurned(DecayOption, MaximizeOption, DiffGrad):
    """With maximize the weight decay has the other sign, and makes parameters grow."""

    def penalised(self, g: Tensor, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
        sign = -1 if group["maximize"] else 1
        return g + sign * self.decay(group, state) * param


class CoupledDecayLost(DecayOption, RAdam):
    """With decoupled=False the weight decay is forgotten."""

    coupled = False

    def __init__(self, params: Iterable[Any], *arguments: Any, decoupled: bool = True, **named: Any) -> None:
        super().__init__(params, *arguments, **named, decoupled=decoupled)

    def decay(self, group: dict[str, Any], state: dict[str, Any]) -> float:
        return group["weight_decay"] if group["decoupled"] else 0.0


class MaximizeLost(AmsgradOption, MaximizeOption, Adam):
    """With amsgrad=True maximize is forgotten."""

    def turned(self, group: dict[str, Any], state: dict[str, Any]) -> bool:
        return group["maximize"] and not group["amsgrad"]


WRONG_CHANGING = subjects_of(globals())
