"""Optimizers of right formulas whose states are lost, bent or shared when they are saved, old, incomplete or loaded."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from ._base import AdaBelief, Adam, AdamNorm, DiffGrad, DiffGradNorm, Now, RAdam, RAdamNorm, subjects_of


def pairs(optimizer: torch.optim.Optimizer, state_dict: dict[str, Any]) -> list[tuple[Tensor, int]]:
    """Every parameter with its index in a saved state."""
    groups = zip(optimizer.param_groups, state_dict["param_groups"], strict=True)
    return [pair for own, saved in groups for pair in zip(own["params"], saved["params"], strict=True)]


class EmptyStateKeyed(Adam):
    """After a load a state is looked up and no longer made, so that one saved before the first step has none."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param].setdefault("step", 0)


class EmptyStateAhead(RAdam):
    """A state saved before the first step counts as one of a step that was taken."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.ahead = not state_dict["state"]

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "step": int(getattr(self, "ahead", False))}


class EmptyStateIgnored(AdamNorm):
    """A state saved before the first step is not loaded into an instance that has taken some."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict["state"]:
            super().load_state_dict(state_dict)


class LoadsOnTop(DiffGrad):
    """A load keeps the first moments of an instance that has some."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        made = {param: state["exp_avg"] for param, state in self.state.items() if state}
        super().load_state_dict(state_dict)
        for param, moment in made.items():
            if self.state.get(param):
                self.state[param]["exp_avg"] = moment


class EpsFilledWrong(Adam):
    """An older state without `eps` is given another one than the default."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group.setdefault("eps", 1e-3)


class GammaFilledWrong(AdamNorm):
    """An older state without `gamma` switches the correction off."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group.setdefault("gamma", 0.0)


class RateFilledWrong(RAdamNorm):
    """An older state without `lr` goes on with a rate of zero."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group.setdefault("lr", 0.0)


class IncompleteStandsStill(DiffGradNorm):
    """A tensor whose state lacks something is passed over."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        sizes = {id(param): len(state_dict["state"].get(index, ())) for param, index in pairs(self, state_dict)}
        self.incomplete = {place for place, size in sizes.items() if size < max(sizes.values())}

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if id(param) not in getattr(self, "incomplete", ()):
            super().step_tensor(param, grad, group)


class IncompleteForAll(AdaBelief):
    """Where the state of one tensor lacks something, all tensors begin anew."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        if len({len(state) for state in state_dict["state"].values()}) > 1:
            self.state.clear()


class ListsOfDefaults(Adam):
    """Betas count where they are a tuple, and a list of them is taken for the defaults."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        betas = group["betas"] if isinstance(group["betas"], tuple) else (0.9, 0.99)
        return super().look({**group, "betas": betas}, state, g)


class NumbersBeginAnew(RAdam):
    """The count is a tensor, and a saved number in its place is taken for a new one."""

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        if not isinstance(state["step"], Tensor):
            state["step"] = torch.tensor(0.0, dtype=torch.float32)
        return super().look(group, state, g)

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "step": torch.tensor(0.0, dtype=torch.float32)}


class LoadTakesOver(AdamNorm):
    """A load takes over the caller's dicts themselves, whose counts then go on with the steps."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for param, index in pairs(self, state_dict):
            if index in state_dict["state"]:
                state_dict["state"][index].update(self.state[param])
                self.state[param] = state_dict["state"][index]


class LoadEmpties(DiffGrad):
    """A load takes the entries out of the caller's dict, which has none left for a second instance."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        state_dict["state"] = {}


class LoadConverts(RAdamNorm):
    """A load writes counts as tensors into the caller's dict."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for state in state_dict["state"].values():
            state["step"] = torch.tensor(state["step"])


class CountInList(AdaBelief):
    """The count stands in a list, and a load takes over the caller's list itself."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "count": [0]}

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        state["count"][0] += 1
        now = super().look(group, state, g)
        now.t = state["count"][0]
        return now


class LoadedShareState(DiffGradNorm):
    """Two instances that load a state without a step between them go on with one and the same moment."""

    loaded: ClassVar[dict[int, Tensor]] = {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for param, index in pairs(self, state_dict):
            own = self.state.get(param)
            if own:
                own["exp_avg"] = self.loaded.setdefault(index, own["exp_avg"])

    def step_group(self, group: dict[str, Any]) -> None:
        self.loaded.clear()
        super().step_group(group)


WRONG_SAVING = subjects_of(globals())
