"""Optimizers whose scalars are coarse, wrong in double only; and averages that are left behind by their count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._base import AdaBelief, Adam, AdamNorm, Now, RAdamNorm, subjects_of
from .faithful_representations import DebiasedAverages


class Single(Adam):
    """A step count in a float32 tensor, to be mixed in: what is made of it is float32."""

    wrong_in_double_only = True

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "step": torch.zeros((), dtype=torch.float32)}

    def bc1(self, now: Now) -> Any:
        return 1 - now.b1 ** now.state["step"]

    def bc2(self, now: Now) -> Any:
        return 1 - now.b2 ** now.state["step"]


class SingleStepTensor(Single):
    """The bias corrections, their root and the step size are computed on a float32 step tensor."""

    def update(self, now: Now) -> Tensor:
        return now.lr / self.bc1(now) * (now.m / (now.v.sqrt() / self.bc2(now).sqrt() + now.eps))


class SingleStepTensorNorm(Single, AdamNorm):
    """The bias corrections are computed on a float32 step tensor."""


class RectifiedInSingle(Single, RAdamNorm):
    """The rectification is computed on a float32 step tensor from its first operation on."""

    def rho(self, now: Now) -> Any:
        step = now.state["step"]
        return self.rho_inf(now) - 2 * step * now.b2**step / self.bc2(now)

    def rectification(self, now: Now) -> Any:
        far, near = self.rho_inf(now), self.rho(now)
        return torch.sqrt((near - 4) * (near - 2) * far / ((far - 4) * (far - 2) * near))

    def rectified(self, now: Now) -> Tensor:
        return self.rectification(now) * self.bc2(now).sqrt() / self.bc1(now) * now.m / self.denominator(now)


class RunningPowersInSingle(Adam):
    """The powers of the betas are running products in float32."""

    wrong_in_double_only = True

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "beta_powers": torch.ones(2, dtype=torch.float32)}

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        state["beta_powers"] *= torch.tensor(group["betas"], dtype=torch.float32)
        return super().look(group, state, g)

    def state_dtype(self, key: str, value: Tensor, param: Tensor) -> torch.dtype:
        return value.dtype if key == "beta_powers" else super().state_dtype(key, value, param)

    def bc1(self, now: Now) -> float:
        return float(1 - now.state["beta_powers"][0])

    def bc2(self, now: Now) -> float:
        return float(1 - now.state["beta_powers"][1])


class BetasInSingle(AdaBelief):
    """The betas go through a float32 before they are used."""

    wrong_in_double_only = True

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        single = tuple(float(np.float32(beta)) for beta in group["betas"])
        return super().look({**group, "betas": single}, state, g)


class DebiasedByCalls(DebiasedAverages):
    """The averages are kept debiased, and their count is that of the calls."""

    calls: int = 0

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        self.calls += 1
        return super().step(closure)

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        return Now(group, state, g, self.calls)


WRONG_SCALARS = tuple(subject for subject in subjects_of(globals()) if subject is not Single)
