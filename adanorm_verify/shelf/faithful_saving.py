"""Right formulas whose states are made, kept, saved and loaded in ways that look odd."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ._base import AdaBelief, Adam, AdamNorm, DiffGrad, Now, RAdam, RAdamNorm, subjects_of


class SealedGroups(Adam):
    """Groups cannot be added once it is built, and it says so."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.sealed = False
        super().__init__(*arguments, **named)
        self.sealed = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.sealed = True

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        if getattr(self, "sealed", False):
            raise NotImplementedError("groups cannot be added after construction")
        super().add_param_group(param_group)


class CountsConverted(AdamNorm):
    """The count is a whole number that comes back from a load as a tensor, and is made a number where it is read."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for state in self.state.values():
            state["step"] = torch.tensor(float(state["step"]), dtype=torch.float32)

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        state["step"] = int(state["step"])
        return super().look(group, state, g)


class StateOfGroup(RAdam):
    """The state of all tensors of a group stands in lists under one key, which is the group's first tensor."""

    def step_group(self, group: dict[str, Any]) -> None:
        for param in group["params"]:
            if param.grad is not None:
                self.refuse_unmeant(param, param.grad)
        first = self.state[group["params"][0]]
        kept = first.setdefault("tensors", [{} for _ in group["params"]])
        for param, state in zip(group["params"], kept, strict=True):
            if param.grad is not None:
                self.step_with(param, param.grad, group, state)

    def step_with(self, param: Tensor, grad: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        g = grad.to(torch.promote_types(param.dtype, torch.float32))
        if not state:
            state.update(self.fresh_state(g, group))
        now = self.look(group, state, g)
        now.s = self.correct(now)
        self.remember(now)
        self.move(param, self.update(now))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        Optimizer.load_state_dict(self, copy.deepcopy(state_dict))
        for own, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
            kept = state_dict["state"].get(saved["params"][0], {}).get("tensors")
            if kept is None:
                continue
            self.state[own["params"][0]]["tensors"] = [
                {key: self.placed(key, value, param) for key, value in state.items()}
                for param, state in zip(own["params"], kept, strict=True)
            ]

    def placed(self, key: str, value: Any, param: Tensor) -> Any:
        """A loaded value, as it goes on with a parameter."""
        return value.to(self.state_dtype(key, value, param), copy=True) if torch.is_tensor(value) else value


class MadeAtTheSecondStep(DiffGrad):
    """The previous gradient is kept from the first step, and made as a state of its own at the second."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = super().fresh_state(g, group)
        del state["previous_grad"]
        return state

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        now = super().look(group, state, g)
        now.state = {"previous_grad": torch.zeros_like(g), **state}
        return now

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        super().step_tensor(param, grad, group)
        self.state[param]["previous_grad"] = grad.to(self.state[param]["exp_avg"].dtype, copy=True)


class DefaultsFilled(AdaBelief):
    """An older state without an option is given that of the instance, and one without a state is refused in words."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        sizes = {len(state) for state in state_dict["state"].values()}
        if len(sizes) > 1:
            raise ValueError("the states of the saved parameters do not hold the same things")
        options = [{key: value for key, value in group.items() if key != "params"} for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, own in zip(self.param_groups, options, strict=True):
            for key, value in own.items():
                group.setdefault(key, value)


class BeginsAnewWhereIncomplete(RAdamNorm):
    """A tensor whose saved state lacks something begins anew as a whole."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        needed = {"step", "exp_avg", "exp_avg_sq", "exp_grad_norm"}
        for param in [param for param, state in self.state.items() if needed - set(state)]:
            del self.state[param]


class FlatMoments(Adam):
    """The moments are views of one flat buffer for each tensor, saved as one."""

    def fresh_state(self, g: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "moments": g.new_zeros(2 * g.numel())}

    def look(self, group: dict[str, Any], state: dict[str, Any], g: Tensor) -> Now:
        state["step"] += 1
        first, second = state["moments"].view(2, *g.shape)
        return Now(group, {**state, "exp_avg": first, "exp_avg_sq": second}, g, state["step"])


class OptionsOfClass(Adam):
    """The hyperparameters are the class's own, and the constructor takes none; the groups hold them."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, lr=0.0078125, betas=(0.75, 0.9375), eps=1e-6)


class Settings:
    """The hyperparameters as one object."""

    def __init__(self, lr: float = 0.015625, betas: tuple[float, float] = (0.5, 0.875), eps: float = 1e-5) -> None:
        self.lr, self.betas, self.eps = lr, betas, eps


class OneConfiguration(Adam):
    """The hyperparameters come in one object."""

    def __init__(self, params: Any, settings: Settings | None = None) -> None:
        super().__init__(params, **vars(settings or Settings()))


class NoOptimizerOfTorch:
    """Adam in a class of its own, whose param_groups are tuples and whose state is its own."""

    algorithm = "adam"
    decisions: Mapping[str, str] = MappingProxyType({})
    rounding_heavy = False
    rounds_at_random = False
    wrong_in_double_only = False

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        self.param_groups = [tuple(params)]
        if any(not isinstance(param, Tensor) or param.is_complex() for param in self.param_groups[0]):
            raise TypeError("real tensors are wanted, and no groups")
        self.lr, self.betas, self.eps = lr, betas, eps
        self.own: dict[int, tuple[int, Tensor, Tensor]] = {}

    def state_dict(self) -> dict[int, Any]:
        return dict(self.own)

    def load_state_dict(self, state: dict[int, Any]) -> None:
        parameters = self.param_groups[0]
        wide = [torch.promote_types(param.dtype, torch.float32) for param in parameters]
        self.own = {i: (t, m.to(wide[i], copy=True), v.to(wide[i], copy=True)) for i, (t, m, v) in state.items()}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if any(p.grad is not None and p.grad.layout is not torch.strided for p in self.param_groups[0]):
            raise RuntimeError("sparse gradients are not supported")
        for index, param in enumerate(self.param_groups[0]):
            if param.grad is not None:
                self.step_tensor(index, param, param.grad.to(torch.promote_types(param.dtype, torch.float32)))
        return loss

    def step_tensor(self, index: int, param: Tensor, g: Tensor) -> None:
        beta1, beta2 = self.betas
        t, m, v = self.own.get(index, (0, torch.zeros_like(g), torch.zeros_like(g)))
        t, m, v = t + 1, beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        self.own[index] = t, m, v
        denominator = (v / (1 - beta2**t)).sqrt() + self.eps
        param.copy_(param - self.lr * (m / (1 - beta1**t)) / denominator)


FAITHFUL_SAVING = (*subjects_of(globals()), NoOptimizerOfTorch)
