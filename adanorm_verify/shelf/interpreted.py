"""An optimizer that interprets a list of equations: wrong where the list is, faithful where the list is the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..paper import PREVIOUS, Algorithm, Equation
from ._base import Adam, Corrected, working_dtype

USUAL_KEYS = {"m": "exp_avg", "v": "exp_avg_sq", "e": "exp_grad_norm", "g": "previous_grad"}
"""The paper's symbol to the state key that torch or the public implementations use."""


class Interpreted(Adam):
    """Every quantity is computed in float64 and rounded to the format of the state, equation by equation."""

    listed: Algorithm

    def step_group(self, group: dict[str, Any]) -> None:
        if self.listed.conventions.get("step_count") == "group":
            group["calls"] = group.get("calls", 0) + 1
        present = [p for p in group["params"] if p.grad is not None]
        together = self.listed.conventions.get("norm_scope") == "vector"
        for tensors in [present] if together and present else [[p] for p in present]:
            self.step_vector(tensors, group)

    def step_vector(self, tensors: Sequence[Tensor], group: dict[str, Any]) -> None:
        """One step of tensors that are one vector of the list; a single one, but for `norm_scope=vector`."""
        for p in tensors:
            if p.is_complex() or p.grad is None or p.grad.layout is not torch.strided:
                raise RuntimeError(f"{type(self).__name__} takes dense real gradients only")
            self.state[p]["step"] = self.state[p].get("step", 0) + 1
        known = self.evaluated(tensors, group)
        for name in self.listed.state:
            for p, part in zip(tensors, self.parted(name, known[name], tensors), strict=True):
                if name == "theta":
                    p.copy_(part.reshape(p.shape))
                else:
                    self.state[p][USUAL_KEYS.get(name, name)] = part

    def evaluated(self, tensors: Sequence[Tensor], group: Mapping[str, Any]) -> Mapping[str, Any]:
        """All quantities of the step, as vectors."""
        numbers = {"lr": group["lr"], "eps": group["eps"], "gamma": group.get("gamma", 0.0)}
        numbers |= {**dict(zip(("beta1", "beta2"), group["betas"], strict=True)), **self.listed.constants}
        kept = np.float64 if tensors[0].dtype == torch.float64 else np.float32

        def rounded(equation: Equation, value: Any, known: Mapping[str, Any]) -> Any:
            return value if equation.extent == "step" else np.asarray(value).astype(kept).astype(np.float64)

        given = {
            **{name: np.float64(value) for name, value in numbers.items()},
            "t": group.get("calls") or self.state[tensors[0]]["step"],
            "g": joined([p.grad for p in tensors if p.grad is not None]),
            "axes": (-1,),
            **{name + PREVIOUS: self.remembered(name, tensors) for name in self.listed.state},
        }
        with np.errstate(all="ignore"):  # 0/0 stands in branches that np.where does not take
            return self.listed.evaluate(given, rounded)

    def remembered(self, name: str, tensors: Sequence[Tensor]) -> np.ndarray:
        """A quantity of the step before; zero before the first, and shared where it is one value a vector."""
        shared = self.listed.extent(name) == "tensor"
        key = USUAL_KEYS.get(name, name)
        absent = [torch.zeros(1) if shared else torch.zeros(p.shape) for p in tensors]
        old = [p if name == "theta" else self.state[p].get(key, zero) for p, zero in zip(tensors, absent, strict=True)]
        return joined(old[:1] if shared else old)

    def parted(self, name: str, vector: np.ndarray, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Undo `joined`, in the format of the state."""
        sizes = [p.numel() for p in tensors]
        whole = torch.from_numpy(np.array(vector, dtype=np.float64))
        if self.listed.extent(name) == "tensor":
            parts = [whole.clone() for _ in tensors]
        else:
            parts = list(whole.broadcast_to(sum(sizes)).split(sizes))
            parts = [part.reshape(p.shape) for p, part in zip(tensors, parts, strict=True)]
        return [part.to(p.device, working_dtype(p.dtype), copy=True) for p, part in zip(tensors, parts, strict=True)]


class InterpretedNorm(Interpreted, Corrected):
    """The same for a list that has the norm correction, and so a `gamma`."""


def joined(tensors: Sequence[Tensor]) -> np.ndarray:
    """Tensors end to end, as a float64 vector."""
    return torch.cat([tensor.detach().cpu().double().flatten() for tensor in tensors]).numpy()
