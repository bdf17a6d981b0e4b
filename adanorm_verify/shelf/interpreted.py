"""An optimizer that interprets a list of equations: wrong where the list is, faithful where the list is the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..paper import PREVIOUS, Algorithm, Equation
from ..paper.equations import FIRST
from ..paper.hyperparameters import kept
from ._base import Adam, Corrected, working_dtype

USUAL_KEYS = {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq", "e": "exp_grad_norm", "g": "previous_grad"}
"""The paper's symbol to the state key that torch or the public implementations use."""


class Interpreted(Adam):
    """Every quantity is computed in float64 and rounded to the format of the state, equation by equation."""

    listed: Algorithm

    def step_group(self, group: dict[str, Any]) -> None:
        filled = self.convention("missing_gradient") == "zero"
        gradients = {p: torch.zeros_like(p) if p.grad is None and filled else p.grad for p in group["params"]}
        present = {p: gradient for p, gradient in gradients.items() if gradient is not None}
        for p, gradient in present.items():
            if p.is_complex() or gradient.layout is not torch.strided:
                raise RuntimeError(f"{type(self).__name__} takes dense real gradients only")
        vector = joined(list(present.values())) if present else np.zeros(0)
        self.turns = dict(zip(present, self.counted(group, list(present)), strict=True))
        for p, gradient in present.items():
            self.step_one(p, gradient, vector, group)
        if self.convention("norm_scope") == "vector" and present:
            average = self.state[next(iter(present))]["exp_grad_norm"]
            for p in gradients.keys() - present.keys():
                self.state[p]["exp_grad_norm"] = average.clone()

    def counted(self, group: dict[str, Any], present: Sequence[Tensor]) -> Sequence[int]:
        """The step t of each tensor with a gradient, as the list counts it."""
        own = [self.state.get(p, {}).get("step", 0) + 1 for p in present]
        group["calls"] = group.get("calls", 0) + 1
        counter = self.param_groups[0] if self.convention("step_count") == "all tensors" else group
        before = counter.get("tensors", 0)
        counter["tensors"] = before + len(present)
        going_on = range(before + 1, before + len(present) + 1)
        return {
            "group": [group["calls"]] * len(present),
            "tensors": going_on,
            "all tensors": going_on,
            "first tensor": own[:1] * len(own),
            "last tensor": own[-1:] * len(own),
        }.get(self.convention("step_count") or "", own)

    def convention(self, key: str) -> str | None:
        return self.listed.conventions.get(key)

    def step_one(self, p: Tensor, gradient: Tensor, vector: np.ndarray, group: dict[str, Any]) -> None:
        """One step of one tensor; `vector` are the gradients of its whole group."""
        state = self.state[p]
        state["step"] = state.get("step", 0) + 1
        kept = np.float64 if p.dtype == torch.float64 else np.float32

        def rounded(equation: Equation, value: Any, known: Mapping[str, Any]) -> Any:
            return value if equation.extent == "step" else np.asarray(value).astype(kept).astype(np.float64)

        given = {
            **{name: np.float64(value) for name, value in self.numbers(group).items()},
            "t": self.turns[p],
            "g": joined([gradient]).reshape(p.shape),
            "axes": tuple(range(-p.ndim, 0)),
            "g_vector": vector.reshape(-1, *[1] * (p.ndim - 1)),
            "vector_axes": tuple(range(-max(p.ndim, 1), 0)),
            **{name + PREVIOUS: reshaped(self.remembered(name, p), p) for name in self.listed.state},
        }
        with np.errstate(all="ignore"):  # 0/0 stands in branches that np.where does not take
            known = self.listed.evaluate(given, rounded)
        for name in self.listed.state:
            part = self.shaped(name, known[name], p)
            if name == "theta":
                p.copy_(part.reshape(p.shape))
            else:
                state[USUAL_KEYS.get(name, name)] = part

    def numbers(self, group: Mapping[str, Any]) -> dict[str, float]:
        """What the equations of a group read, from the group or, where the list says so, from the constructor."""
        own, first = spelled_out(group), spelled_out(self.defaults)
        shared = {name: first[name] for name in own if self.convention(f"{name}_of") == "constructor"}
        of_first = {name + FIRST: value for name, value in spelled_out(self.param_groups[0]).items()}
        chosen = kept({**own, **shared, **of_first}, self.listed.conventions)
        return {**chosen, **self.listed.constants}

    def remembered(self, name: str, p: Tensor) -> np.ndarray:
        """A quantity of the step before; zero before the first."""
        if name == "theta":
            return joined([p])
        zero = torch.zeros(1 if self.listed.extent(name) == "tensor" else p.shape)
        return joined([self.state[p].get(USUAL_KEYS.get(name, name), zero)])

    def shaped(self, name: str, value: np.ndarray, p: Tensor) -> Tensor:
        """A quantity in the format of the state, and in the parameter's shape where it is one value an element."""
        whole = torch.from_numpy(np.array(value, dtype=np.float64))
        if self.listed.extent(name) == "tensor":
            part = whole.flatten()
        else:
            part = whole.reshape(p.shape if whole.numel() == p.numel() else ()).broadcast_to(p.shape)
        return part.to(p.device, working_dtype(p.dtype), copy=True)


def spelled_out(group: Mapping[str, Any]) -> dict[str, float]:
    beta1, beta2 = group["betas"]
    return {"lr": group["lr"], "eps": group["eps"], "gamma": group.get("gamma", 0.95), "beta1": beta1, "beta2": beta2}


class InterpretedNorm(Interpreted, Corrected):
    """The same for a list that has the norm correction, and so a `gamma`."""


def reshaped(flat: np.ndarray, p: Tensor) -> np.ndarray:
    """A quantity with as many axes as the parameter, whose norms and means may be over some of them."""
    return flat.reshape(p.shape if flat.size == p.numel() else [1] * p.ndim)


def joined(tensors: Sequence[Tensor]) -> np.ndarray:
    """Tensors end to end, as a float64 vector."""
    return torch.cat([tensor.detach().cpu().double().flatten() for tensor in tensors]).numpy()
