"""Faithful rewrites that keep their state, or their step count, in another form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._base import Adam, AdamNorm, DiffGrad, Now, RAdam, subjects_of


def moved(kept: Tensor, new: Tensor, beta: float, t: int) -> Tensor:
    """A debiased average after one more value."""
    weight = (1 - beta) / (1 - beta**t)
    return (1 - weight) * kept + weight * new


class DebiasedAverages(Adam):
    """Both averages are kept debiased."""

    def first_moment(self, now: Now) -> Tensor:
        return moved(now.m, now.s, now.b1, now.t)

    def second_moment(self, now: Now) -> Tensor:
        return moved(now.v, now.g**2, now.b2, now.t)

    def numerator(self, now: Now) -> Tensor:
        return now.m

    def denominator(self, now: Now) -> Tensor:
        return now.v.sqrt() + now.eps


class DebiasedRectified(RAdam):
    """The second average is kept debiased, which no line of RAdam's list is."""

    def second_moment(self, now: Now) -> Tensor:
        return moved(now.v, now.g**2, now.b2, now.t)

    def denominator(self, now: Now) -> Tensor:
        return (now.v * self.bc2(now)).sqrt() + now.eps


class DebiasedNorm(AdamNorm):
    """The average of the norm is kept debiased, and biased again where it is used."""

    def average_norm(self, now: Now) -> Tensor:
        return moved(now.e, now.n, now.gamma, now.t)

    def ratio(self, now: Now) -> Tensor:
        return super().ratio(now) * (1 - now.gamma**now.t)


class NegatedMoment(DiffGrad):
    """The first moment is kept with the other sign, and added."""

    def first_moment(self, now: Now) -> Tensor:
        return now.b1 * now.m - (1 - now.b1) * now.s

    def numerator(self, now: Now) -> Tensor:
        return -now.m / self.bc1(now)


class DoubleStepTensor(RAdam):
    """The bias corrections are computed on a step count that is a float64 tensor."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "step": torch.zeros((), dtype=torch.float64)}

    def bc1(self, now: Now) -> Any:
        return 1 - now.b1 ** now.state["step"]

    def bc2(self, now: Now) -> Any:
        return 1 - now.b2 ** now.state["step"]


FAITHFUL_REPRESENTATIONS = subjects_of(globals())
