"""Optimizers of right formulas with a fault of interface, which a plain gradient stream does not show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ._amsgrad import AMSGrad, AMSGradNorm
from ._base import Adam, AdamNorm, DiffGrad, Now, RAdam, subjects_of
from .wrong_changing import WRONG_CHANGING
from .wrong_contract_state import WRONG_CONTRACT_STATE
from .wrong_door import WRONG_DOOR
from .wrong_dtypes import WRONG_DTYPES
from .wrong_exchange import WRONG_EXCHANGE
from .wrong_interface import WRONG_INTERFACE
from .wrong_large import WRONG_LARGE
from .wrong_long import WRONG_LONG
from .wrong_paths_asked import WRONG_PATHS_ASKED
from .wrong_robustness import WRONG_ROBUSTNESS
from .wrong_saving import WRONG_SAVING
from .wrong_surroundings import WRONG_SURROUNDINGS


class AverageOutsideState(AdamNorm):
    """The average is kept on the optimizer, so that a saved and loaded one starts again from zero."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return Adam.fresh_state(self, g, group)

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        averages = self.__dict__.setdefault("averages", {})
        now = super().look(group, state, g)
        now.state = {**state, "exp_grad_norm": averages.setdefault(id(state["exp_avg"]), g.new_zeros(()))}
        return now


class CountOutsideState(RAdam):
    """The step count is kept on the optimizer, so that a saved and loaded one starts again from zero."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        counts = self.__dict__.setdefault("counts", {})
        counts[id(state["exp_avg"])] = counts.get(id(state["exp_avg"]), 0) + 1
        return Now(group, state, g, counts[id(state["exp_avg"])])


class MaximumOutsideState(AMSGrad):
    """The maximum is kept on the optimizer, so that a saved and loaded one starts again from zero."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return Adam.fresh_state(self, g, group)

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        maxima = self.__dict__.setdefault("maxima", {})
        now = super().look(group, state, g)
        now.state = {**state, "max_exp_avg_sq": maxima.setdefault(id(state["exp_avg"]), torch.zeros_like(g))}
        return now


class MaximumNotSaved(AMSGradNorm):
    """The saved state lacks the maximum, and a loaded one starts it again from zero."""

    def state_dict(self) -> dict[str, Any]:
        saved = super().state_dict()
        kept = {i: {k: x for k, x in state.items() if k != "max_exp_avg_sq"} for i, state in saved["state"].items()}
        return {**saved, "state": kept}

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        state.setdefault("max_exp_avg_sq", torch.zeros_like(g))
        return super().look(group, state, g)


class GradientOverwritten(AdamNorm):
    """The correction is also written into the caller's gradient, after it was used."""

    def scale(self, now: Now) -> Tensor:
        self.last_scale = super().scale(now)
        return self.last_scale

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        super().step_tensor(param, grad, group)
        grad.mul_(self.last_scale)


class PreviousAliased(DiffGrad):
    """The previous gradient is the caller's tensor, and changes when gradients are written in place."""

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        super().step_tensor(param, grad, group)
        self.state[param]["previous_grad"] = grad

    def keep_gradient(self, now: Now) -> None:
        pass


class ParameterRebound(Adam):
    """The parameter's storage is replaced, which leaves its views behind."""

    def move(self, param: Tensor, update: Tensor) -> None:
        param.data = (param.to(update.dtype) - update).to(param.dtype)


class LossDropped(AdamNorm):
    """The closure is called and its loss is not returned."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        super().step(closure)


class ClosureWithoutGrad(DiffGrad):
    """The closure is called with gradients switched off."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else closure()
        super().step(None)
        return loss


INTERFACE = (
    *subjects_of(globals()),
    *WRONG_CONTRACT_STATE,
    *WRONG_ROBUSTNESS,
    *WRONG_INTERFACE,
    *WRONG_CHANGING,
    *WRONG_EXCHANGE,
    *WRONG_PATHS_ASKED,
    *WRONG_DOOR,
    *WRONG_SAVING,
    *WRONG_SURROUNDINGS,
    *WRONG_LONG,
    *WRONG_LARGE,
    *WRONG_DTYPES,
)
