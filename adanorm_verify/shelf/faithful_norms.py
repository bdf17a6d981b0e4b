"""Faithful rewrites of the norm, its average and the correction (Equation 3)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ._base import AdaBeliefNorm, AdamNorm, DiffGradNorm, Now, RAdamNorm, subjects_of


class NormByMethod(AdamNorm):
    """The norm is `Tensor.norm`."""

    def norm(self, g: Tensor) -> Tensor:
        return g.norm()


class NormByRoot(DiffGradNorm):
    """The norm is the root of the sum of squares."""

    def norm(self, g: Tensor) -> Tensor:
        return (g * g).sum().sqrt()


class NormReversed(RAdamNorm):
    """The squares are summed one by one from the last element to the first."""

    def norm(self, g: Tensor) -> Tensor:
        squares = (g * g).flatten().flip(0)
        return torch.cat([squares.new_zeros(1), squares]).cumsum(0)[-1].sqrt()


class NormByDot(AdaBeliefNorm):
    """The norm is the root of a dot product."""

    def norm(self, g: Tensor) -> Tensor:
        return torch.dot(g.flatten(), g.flatten()).sqrt()


class NormByHypot(AdamNorm):
    """The norm is `math.hypot` of the elements."""

    def norm(self, g: Tensor) -> Tensor:
        return g.new_tensor(math.hypot(*g.flatten().tolist()))


class NormOfScaled(DiffGradNorm):
    """The elements are divided by the largest before they are squared."""

    def norm(self, g: Tensor) -> Tensor:
        largest = torch.cat([g.abs().flatten(), g.new_zeros(1)]).max()
        return largest * torch.linalg.vector_norm(g / torch.where(largest > 0, largest, 1))


class RootMeanSquare(RAdamNorm):
    """The norm is a root mean square: `e` differs by a constant of the tensor, and `e / n` does not."""

    def norm(self, g: Tensor) -> Tensor:
        return torch.linalg.vector_norm(g) / math.sqrt(max(g.numel(), 1))


class HostAverage(AdaBeliefNorm):
    """The norm and its average are Python floats."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "exp_grad_norm": 0.0}

    def correct(self, now: Now) -> Tensor:
        n = torch.linalg.vector_norm(now.g, dtype=torch.float64).item()
        e = now.state["exp_grad_norm"] = now.gamma * now.state["exp_grad_norm"] + (1 - now.gamma) * n
        return now.g * (e / n) if e > n > 0 else now.g


class DoubleAverage(AdamNorm):
    """The norm and its average are float64 whatever the parameter is."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "exp_grad_norm": g.new_zeros((), dtype=torch.float64)}

    def state_dtype(self, key: str, value: Tensor, param: Tensor) -> torch.dtype:
        return torch.float64 if key == "exp_grad_norm" else super().state_dtype(key, value, param)

    def norm(self, g: Tensor) -> Tensor:
        return torch.linalg.vector_norm(g, dtype=torch.float64)


class LerpAverage(DiffGradNorm):
    """The average is interpolated by `lerp`."""

    def average_norm(self, now: Now) -> Tensor:
        return torch.lerp(now.e, now.n, 1 - now.gamma)


class UnnormalisedAverage(AdamNorm):
    """The state holds `e / (1 - gamma)`, rescaled where it is compared."""

    def average_norm(self, now: Now) -> Tensor:
        return now.gamma * now.e + now.n

    def ratio(self, now: Now) -> Tensor:
        return (1 - now.gamma) * super().ratio(now)


class AverageOfShapeOne(RAdamNorm):
    """The average is a tensor of shape (1,), as old programs keep their scalars."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "exp_grad_norm": g.new_zeros(1)}

    def scale(self, now: Now) -> Tensor:
        return super().scale(now).reshape(())


class ScaleByBranch(RAdamNorm):
    """The correction is an `if`."""

    def scaled(self, now: Now) -> Tensor:
        return now.g * now.e / now.n if now.e > now.n > 0 else now.g


class ScaleByWhere(DiffGradNorm):
    """The correction is a `where` between the two gradients."""

    def scaled(self, now: Now) -> Tensor:
        return torch.where((now.e > now.n) & (now.n > 0), now.g * (now.e / now.n), now.g)


class UnitTimesLength(AdaBeliefNorm):
    """The corrected gradient is a unit vector times the larger of its norm and the average."""

    def scaled(self, now: Now) -> Tensor:
        unit = torch.where(now.n > 0, now.g / now.n, now.g)
        return unit * torch.maximum(now.n, now.e)


class ScaleByMaximum(AdamNorm):
    """The factor is the larger of norm and average, divided by the norm."""

    def scale(self, now: Now) -> Tensor:
        return torch.where(now.n > 0, torch.maximum(now.n, now.e) / now.n, 1)


class ScaledMoment(AdamNorm):
    """The factor is folded into the coefficient with which the gradient enters the first moment."""

    def scaled(self, now: Now) -> Tensor:
        now.state["factor"] = float(self.scale(now))
        return now.g

    def first_moment(self, now: Now) -> Tensor:
        return torch.add(now.m * now.b1, now.g, alpha=(1 - now.b1) * now.state["factor"])


class ExcessAdded(DiffGradNorm):
    """The corrected gradient is the gradient plus its missing length."""

    def scaled(self, now: Now) -> Tensor:
        return now.g + (self.scale(now) - 1) * now.g


FAITHFUL_NORMS = subjects_of(globals())
