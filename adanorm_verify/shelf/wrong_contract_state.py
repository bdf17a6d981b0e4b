"""Optimizers of right formulas that lose state, share it, or keep it where nothing saves it."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor

from ._base import AdaBelief, AdaBeliefNorm, Adam, AdamNorm, DiffGrad, DiffGradNorm, Now, RAdamNorm, subjects_of


class AverageInClass(AdamNorm):
    """The averages stand in the class by the parameter's shape, where a new process does not find them."""

    averages: ClassVar[dict[Any, Tensor]] = {}

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        now = super().look(group, state, g)
        if now.t == 1:
            self.averages[g.shape] = g.new_zeros(())
        average = self.averages.get(g.shape, g.new_zeros(()))
        now.state = {**state, "exp_grad_norm": self.averages.setdefault(g.shape, average)}
        return now


class LatestOwnsAverages(DiffGradNorm):
    """The averages stand in the class, and each constructor empties them for every optimizer that there is."""

    averages: ClassVar[dict[Any, Tensor]] = {}

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.averages.clear()

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        now = super().look(group, state, g)
        now.state = {**state, "exp_grad_norm": self.averages.setdefault(g.shape, g.new_zeros(()))}
        return now


class PreviousOutsideState(DiffGrad):
    """The previous gradient is kept on the optimizer, so that a saved and loaded one starts again from zero."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        kept = self.__dict__.setdefault("kept", {})
        now = super().look(group, state, g)
        previous = kept.setdefault(id(state["exp_avg"]), torch.zeros_like(g))
        now.state = {**state, "previous_grad": previous}
        return now


class LoadingResetsCount(RAdamNorm):
    """Loading a state starts its step count again."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for state in self.state.values():
            state["step"] = 0


class LoadingKeepsOptions(AdaBelief):
    """Loading a state keeps the learning rate of the constructor instead of the saved one."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        rates = [group["lr"] for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, lr in zip(self.param_groups, rates, strict=True):
            group["lr"] = lr


class CopySharesState(Adam):
    """A deep copy has parameters of its own and the state tensors of the original."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        groups = copy.deepcopy(self.param_groups, memo)
        other = type(self)(groups)
        old = [param for group in self.param_groups for param in group["params"]]
        new = [param for group in groups for param in group["params"]]
        for before, after in zip(old, new, strict=True):
            other.state[after] = dict(self.state[before])
        return other


class PickleForgets(AdaBeliefNorm):
    """A pickled copy has the options and none of the state."""

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "state": type(self.state)(dict)}

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        other = type(self)(copy.deepcopy(self.param_groups, memo))
        other.load_state_dict(self.state_dict())
        return other


class AddingForgets(AdamNorm):
    """Adding a group of parameters throws away the state of those that are there."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        self.state.clear()


class OtherDtypeForgets(DiffGradNorm):
    """Loading a state of another dtype than the parameters' drops it."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        saved = [value.dtype for state in state_dict["state"].values() for value in state.values() if value_is(value)]
        params = [param for group in self.param_groups for param in group["params"]]
        if any(dtype != param.dtype for dtype in saved for param in params):
            self.state.clear()


def value_is(value: Any) -> bool:
    return torch.is_tensor(value) and value.ndim > 0


class OtherDtypeRaises(Adam):
    """A loaded state keeps its dtype, with which the step cannot compute."""

    def state_dtype(self, key: str, value: Tensor, param: Tensor) -> torch.dtype:
        return value.dtype

    def first_moment(self, now: Now) -> Tensor:
        return torch.lerp(now.m, now.s, 1 - now.b1)


WRONG_CONTRACT_STATE = subjects_of(globals())
