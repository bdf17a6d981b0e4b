"""The options of a parameter group: what they may be, and one step's view of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

Belief = Literal["s", "g"]
Guard = Literal["none", "decaying"]
Scalar: TypeAlias = Any  # float | Tensor: arithmetic on either reads the same

# A table and not `dtype.to_real()`, into which torch's compiler cannot look.
_COMPUTED_IN = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.complex32: torch.float32,
    torch.complex64: torch.float32,
    torch.complex128: torch.float64,
}
_BELOW_ONE = "a number in [0, 1)"
_NOT_NEGATIVE = "a finite number >= 0"


@dataclass(frozen=True, slots=True)
class Options:
    """The hyperparameters that one step of one group runs with; `gamma` is None without the correction.

    All but `lr` are numbers, or 0-d tensors of float64 where the host must not wait or autograd may look.
    """

    lr: float | Tensor
    beta1: Scalar
    beta2: Scalar
    eps: Scalar
    gamma: Scalar | None
    weight_decay: Scalar
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
        on_device = group["capturable"] and not group["fused"]
        read = _tensor if on_device or group["differentiable"] or torch.compiler.is_compiling() else _number
        beta1, beta2 = group["betas"]
        gamma = group.get("gamma")
        return cls(
            lr=lr if isinstance(lr := group["lr"], Tensor) else _number(lr),
            beta1=read(beta1),
            beta2=read(beta2),
            eps=read(group["eps"]),
            gamma=None if gamma is None else read(gamma),
            weight_decay=read(group["weight_decay"]),
            decoupled_weight_decay=group["decoupled_weight_decay"],
            maximize=group["maximize"],
            fused=bool(group["fused"]),
            capturable=group["capturable"],
            differentiable=group["differentiable"],
            belief=group.get("belief", "g"),
            guard=group.get("guard", "none"),
            amsgrad=group.get("amsgrad", False),
        )

    @property
    def decays(self) -> bool:
        """Whether there is weight decay; a tensor is not asked for its value."""
        return isinstance(self.weight_decay, Tensor) or self.weight_decay != 0


def _number(value: Any) -> float:
    """A host number: NumPy's would bring their own precision into the formulas."""
    return value if type(value) is float else float(value)


def _tensor(value: Any) -> Scalar:
    return value.reshape(()).to(torch.float64) if isinstance(value, Tensor) else _number(value)


def with_numbers_of_python(group: Mapping[str, Any]) -> dict[str, Any]:
    """A group whose numbers may be NumPy's, with Python's: others cannot be loaded with `weights_only=True`."""

    def own(value: Any) -> Any:
        return float(value) if isinstance(value, Real) and not isinstance(value, int) else value

    betas = tuple(map(own, group["betas"]))
    return {name: own(value) for name, value in group.items()} | {"betas": betas}


def validate(group: Mapping[str, Any]) -> None:
    """Raise ValueError, with the value in the message, unless every option of `group` is in its range."""
    _check_number("lr", group["lr"])
    betas = group["betas"]
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ValueError(f"betas must be a pair of numbers, got {betas!r}")
    for index, beta in enumerate(betas):
        _check_number(f"betas[{index}]", beta, below=1.0)
    if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
        raise ValueError(f"betas must be two numbers or two tensors, got {betas!r}")
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
    if group["state_dtype"] not in (None, torch.float32):
        raise ValueError(f"state_dtype must be None or torch.float32, got {group['state_dtype']!r}")
    check_foreach(group)


def tensors_for_foreach(group: Mapping[str, Any]) -> list[str]:
    """Which of lr and betas are tensors that the foreach functions would have to read back to the host."""
    if group["capturable"]:
        return []
    betas = dict(zip(("betas[0]", "betas[1]"), group["betas"], strict=True))
    return [name for name, value in {"lr": group["lr"], **betas}.items() if isinstance(value, Tensor)]


def check_foreach(group: Mapping[str, Any]) -> None:
    """Raise ValueError for `foreach=True` with tensors that it would have to read back to the host."""
    if group["foreach"] and (names := tensors_for_foreach(group)):
        raise ValueError(f"{names[0]} as a Tensor is not supported for capturable=False and foreach=True")


def _check_number(name: str, value: Any, below: float = math.inf) -> None:
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(f"a Tensor {name} must have a single element, got shape {tuple(value.shape)}")
        value = value.detach().item()
    # NaN fails the comparison, infinity fails `< inf`.
    if not isinstance(value, Real) or not 0.0 <= value < below:  # type: ignore[operator]
        wanted = _NOT_NEGATIVE if below == math.inf else _BELOW_ONE
        raise ValueError(f"{name} must be {wanted}, got {value!r}")


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """The real dtype that a step computes in: float32 for half precision, else the parameter's own.

    In float16 itself eps = 1e-8 would be zero and a norm above 65504 infinite.
    """
    return _COMPUTED_IN.get(dtype, dtype)
