"""Faithful rewrites that are odd where values change, memory is exchanged, or weight is to decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from ._base import AdaBelief, AdaBeliefNorm, Adam, AdamNorm, DiffGrad, Now, RAdamNorm, subjects_of
from ._options import AmsgradOption, DecayOption, MaximizeOption


class UnbiasedAverages(Adam):
    """The state holds both averages with their bias corrected."""

    rounding_heavy = True  # the correction is multiplied out and in at every step

    def first_moment(self, now: Now) -> Tensor:
        return self.unbiased(now.m, now.s, now.b1, now.t)

    def second_moment(self, now: Now) -> Tensor:
        return self.unbiased(now.v, now.g**2, now.b2, now.t)

    def unbiased(self, past: Tensor, new: Tensor, beta: float, t: int) -> Tensor:
        share = (1 - beta) / (1 - beta**t)
        return (1 - share) * past + share * new

    def bc1(self, now: Now) -> float:
        return 1.0

    def bc2(self, now: Now) -> float:
        return 1.0


class LateAmsgradRefused(AmsgradOption, Adam):
    """amsgrad may be switched off in mid-run; switched on after the first step it is refused."""

    def step_group(self, group: dict[str, Any]) -> None:
        states = [self.state[param] for param in group["params"] if self.state.get(param)]
        if group["amsgrad"] and not all("max_exp_avg_sq" in state for state in states):
            raise ValueError("amsgrad=True needs a maximum from the first step on")
        super().step_group(group)


class StepSizeRemembered(RAdamNorm):
    """What is made of the betas and eps is remembered, and made again when a group says otherwise."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        said = (group["betas"], group["eps"], group["gamma"])
        made = self.__dict__.setdefault("made", {})
        if made.get("said") != said:
            made.update(said=said, options={"betas": said[0], "eps": said[1], "gamma": said[2]})
        return super().look({**group, **made["options"]}, state, g)


class ResizedAnew(AdaBelief):
    """A parameter of another shape than its state gets a new state."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if self.state[param] and self.state[param]["exp_avg"].shape != param.shape:
            self.state[param].clear()
        super().step_tensor(param, grad, group)


class DetachedEachStep(DiffGrad):
    """The parameter is detached at every step."""

    def move(self, param: Tensor, update: Tensor) -> None:
        super().move(param.detach(), update)


class DecayEitherWay(DecayOption, MaximizeOption, AdamNorm):
    """Weight decay is an L2 penalty or shrinks the parameter, as a switch says, and a negative one is refused."""

    def __init__(
        self, params: Iterable[Any], *arguments: Any, weight_decay: float = 0.0, decoupled: bool = True, **named: Any
    ) -> None:
        if weight_decay < 0:
            raise ValueError(f"weight_decay must not be negative, got {weight_decay}")
        super().__init__(params, *arguments, weight_decay=weight_decay, **named, decoupled=decoupled)

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        self.coupled = not group["decoupled"]
        super().step_tensor(param, grad, group)


class PenaltyOfNegatives(DecayOption, AdaBeliefNorm):
    """Weight decay is an L2 penalty, and a negative one is taken as it is."""


FAITHFUL_CHANGING = subjects_of(globals())
