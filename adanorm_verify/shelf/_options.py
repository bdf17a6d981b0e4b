"""Options that many optimizers have, right as they stand, to be mixed into the algorithms of `_base`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from ._base import Adam, Now, working_dtype


class DecayOption(Adam):
    """Weight decay: coupled, or by `coupled = False` decoupled."""

    coupled = True

    def __init__(self, params: Iterable[Any], *arguments: Any, weight_decay: float = 0.0, **named: Any) -> None:
        super().__init__(params, *arguments, **named, weight_decay=weight_decay)

    def step_tensor(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        self.refuse_unmeant(param, grad)
        state = self.state[param]
        if not state:
            state.update(self.fresh_state(grad.to(working_dtype(param.dtype)), group))
        if self.coupled:
            grad = self.penalised(grad, param, group, state)
        elif self.decay(group, state):
            param.mul_(1 - group["lr"] * self.decay(group, state))
        super().step_tensor(param, grad, group)

    def penalised(self, g: Tensor, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
        return g + self.decay(group, state) * param if self.decay(group, state) else g

    def decay(self, group: dict[str, Any], state: dict[str, Any]) -> float:
        return group["weight_decay"]


class MaximizeOption(Adam):
    """`maximize`: the negated gradient."""

    def __init__(self, params: Iterable[Any], *arguments: Any, maximize: bool = False, **named: Any) -> None:
        super().__init__(params, *arguments, **named, maximize=maximize)

    def step_group(self, group: dict[str, Any]) -> None:
        for param in group["params"]:
            if param.grad is not None:
                self.refuse_unmeant(param, param.grad)
                state = self.state[param]
                if not state:
                    state.update(self.fresh_state(param.grad.to(working_dtype(param.dtype)), group))
                grad = -param.grad if self.turned(group, state) else param.grad
                self.step_tensor(param, grad, group)

    def turned(self, group: dict[str, Any], state: dict[str, Any]) -> bool:
        return group["maximize"]


class AmsgradOption(Adam):
    """`amsgrad`: the largest second moment since it was switched on."""

    def __init__(self, params: Iterable[Any], *arguments: Any, amsgrad: bool = False, **named: Any) -> None:
        super().__init__(params, *arguments, **named, amsgrad=amsgrad)

    def remember(self, now: Now) -> None:
        super().remember(now)
        if now.group["amsgrad"] and "max_exp_avg_sq" not in now.state:
            self.begin_late(now) if now.t > 1 else self.begin(now)
        if "max_exp_avg_sq" in now.state:
            now.state["max_exp_avg_sq"].copy_(torch.maximum(now.state["max_exp_avg_sq"], now.v))

    def begin(self, now: Now) -> None:
        now.state["max_exp_avg_sq"] = torch.zeros_like(now.v)

    def begin_late(self, now: Now) -> None:
        self.begin(now)

    def largest(self, now: Now) -> Tensor | None:
        """What is divided by in the place of v; None for v."""
        return now.state.get("max_exp_avg_sq") if now.group["amsgrad"] else None

    def denominator(self, now: Now) -> Tensor:
        largest = self.largest(now)
        return super().denominator(now) if largest is None else (largest / self.bc2(now)).sqrt() + now.eps
