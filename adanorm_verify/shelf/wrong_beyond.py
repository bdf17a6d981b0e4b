"""Wrong optimizers of which a part is in the vocabulary of deviations, and the rest is not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._base import Adam, Now, subjects_of


class LargeSaturates(Adam):
    """Gradients above 50 go through a softened step, and eps is added before the bias correction."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        super().step_tensor(param, torch.where(abs(grad) > 50, grad.sign() * abs(grad).sqrt(), grad), group)

    def denominator(self, now: Now) -> Tensor:
        return (now.v.sqrt() + now.eps) / self.bc2(now) ** 0.5


class PauseHalves(Adam):
    """A missing gradient halves the first moment, which is not bias-corrected."""

    def step_group(self, group: dict[str, Any]) -> None:
        for param in group["params"]:
            if param.grad is None and self.state.get(param):
                self.state[param]["exp_avg"].mul_(0.5)
        super().step_group(group)

    def bc1(self, now: Now) -> float:
        return 1.0


class LaterSmaller(Adam):
    """From its fourth gradient on a tensor moves by 0.7 of the step, and v decays with beta1."""

    def update(self, now: Now) -> Tensor:
        return super().update(now) * (1 if now.t < 4 else 0.7)

    def second_moment(self, now: Now) -> Tensor:
        return now.b1 * now.v + (1 - now.b1) * now.g**2


class ZeroForgets(Adam):
    """A zero gradient empties the first moment."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if grad.numel() and not grad.any() and self.state[param]:
            self.state[param]["exp_avg"].zero_()
        super().step_tensor(param, grad, group)


class MatricesScaled(Adam):
    """Gradients of more than one axis are scaled by their mean size, and v is not bias-corrected."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        super().step_tensor(param, grad if grad.ndim < 2 else grad * abs(grad).mean(), group)

    def bc2(self, now: Now) -> float:
        return 1.0


WRONG_BEYOND = subjects_of(globals())
