"""The options of a parameter group: what they may be, and one step's view of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

Belief = Literal["s", "g"]
Guard = Literal["none", "decaying"]

_BELOW_ONE = "a number in [0, 1)"
_NOT_NEGATIVE = "a finite number >= 0"


@dataclass(frozen=True, slots=True)
class Options:
    """The hyperparameters that one step of one group runs with; `gamma` is None without the correction."""

    lr: float | Tensor
    beta1: float
    beta2: float
    eps: float
    gamma: float | None
    weight_decay: float
    decoupled_weight_decay: bool
    maximize: bool
    fused: bool
    capturable: bool
    differentiable: bool
    belief: Belief
    guard: Guard
    amsgrad: bool

    @classmethod
    def of(cls, group: Mapping[str, Any]) -> "Options":
        beta1, beta2 = group["betas"]
        return cls(
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            gamma=group.get("gamma"),
            weight_decay=group["weight_decay"],
            decoupled_weight_decay=group["decoupled_weight_decay"],
            maximize=group["maximize"],
            fused=bool(group["fused"]),
            capturable=group["capturable"],
            differentiable=group["differentiable"],
            belief=group.get("belief", "g"),
            guard=group.get("guard", "none"),
            amsgrad=group.get("amsgrad", False),
        )


def validate(group: Mapping[str, Any]) -> None:
    """Raise ValueError, with the value in the message, unless every option of `group` is in its range."""
    _check_lr(group["lr"])
    betas = group["betas"]
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ValueError(f"betas must be a pair of numbers, got {betas!r}")
    for index, beta in enumerate(betas):
        _check_number(f"betas[{index}]", beta, below=1.0)
    _check_number("eps", group["eps"])
    _check_number("weight_decay", group["weight_decay"])
    if "gamma" in group:
        _check_number("gamma", group["gamma"], below=1.0)
    if group.get("belief", "s") not in ("s", "g"):
        raise ValueError(f'belief must be "s" or "g", got {group["belief"]!r}')
    if group.get("guard", "none") not in ("none", "decaying"):
        raise ValueError(f'guard must be "none" or "decaying", got {group["guard"]!r}')
    if group["foreach"] and group["differentiable"]:
        raise ValueError("foreach=True and differentiable=True exclude each other: foreach has no autograd")
    if not isinstance(group["fused"], bool | None):
        raise ValueError(f"fused must be True, False or None, got {group['fused']!r}")
    check_tensor_lr(group)


def check_tensor_lr(group: Mapping[str, Any]) -> None:
    """Raise ValueError for a tensor lr that the foreach functions would have to read back to the host."""
    if isinstance(group["lr"], Tensor) and group["foreach"] and not group["capturable"]:
        raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")


def _check_lr(lr: object) -> None:
    if not isinstance(lr, Tensor):
        _check_number("lr", lr)
    elif lr.numel() != 1:
        raise ValueError(f"a Tensor lr must have a single element, got shape {tuple(lr.shape)}")
    else:
        _check_number("lr", float(lr.detach()))


def _check_number(name: str, value: object, below: float = math.inf) -> None:
    # NaN fails the comparison, infinity fails `< inf`; numpy's float64 is a float.
    if not isinstance(value, (int, float)) or not 0.0 <= value < below:
        wanted = _NOT_NEGATIVE if below == math.inf else _BELOW_ONE
        raise ValueError(f"{name} must be {wanted}, got {value!r}")


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """The real dtype that a step computes in: float32 for half precision, else the parameter's own.

    In float16 itself eps = 1e-8 would be zero and a norm above 65504 infinite.
    """
    real = dtype.to_real()
    return torch.float32 if real in (torch.float16, torch.bfloat16) else real
