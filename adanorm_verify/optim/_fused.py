"""`fused=True`: which parameters it supports, and the module that does the step on each device.

Such a module offers `fused_step` with the arguments of `FusedStep`: the name of the update rule, the tensors of
one device as they are stored (any of the dtypes below, side by side), the options, and the scale and the mark of
`torch.amp.GradScaler` or None. It does the whole step in place: count, `maximize`, weight decay, norm correction
where `options.gamma` is not None, moments and update. Gradients are divided by the scale, and stay as they are;
where the mark is not 0 nothing changes.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from ._options import Options
from ._tensors import Tensors

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)

# By device: the module, and the library that compiles its loops. Both are imported for the first group that fuses.
_MODULES = {"cpu": ("_fused_cpu", "numba"), "cuda": ("_fused_cuda", "triton")}


class FusedStep(Protocol):
    """A step of all tensors of one device, in place."""

    def __call__(
        self,
        rule: str,
        tensors: Tensors[list[Tensor]],
        options: Options,
        grad_scale: Tensor | None,
        found_inf: Tensor | None,
    ) -> None: ...


def check_fused(group: Mapping[str, Any]) -> None:
    """Raise ValueError for a group with `fused=True` and a parameter that no fused step supports; load the others'."""
    if not group["fused"]:
        return
    for other in ("foreach", "differentiable"):  # a checkpoint may bring them
        if group[other]:
            raise ValueError(f"fused=True and {other}={group[other]!r} exclude each other")
    for p in group["params"]:
        if reason := _unsupported(p):
            raise ValueError(_refusal(p, reason))
        if not p.is_meta:
            fused_step(p.device)


def check_devices(params: Iterable[Tensor]) -> None:
    """Raise RuntimeError for a parameter that is not where a fused step can be done: on meta, or moved since."""
    for p in params:
        if reason := _missing(p.device.type):
            raise RuntimeError(_refusal(p, reason))


def _refusal(p: Tensor, reason: str) -> str:
    return f"fused=True does not support this parameter of shape {tuple(p.shape)}: {reason}"


def _unsupported(p: Tensor) -> str:
    if p.dtype not in DTYPES:
        return f"its dtype must be one of {', '.join(map(str, DTYPES))}, got {p.dtype}"
    if is_traceable_wrapper_subclass(p):
        return f"it must have memory of its own, got {type(p).__name__}"
    return "" if p.is_meta else _missing(p.device.type)  # it may have memory by the first step


@cache
def _missing(device: str) -> str:
    if device not in _MODULES:
        return f"its device must be one of {', '.join(_MODULES)}, got {device}"
    library = _MODULES[device][1]
    if find_spec(library) is None:
        return f"on {device} it needs {library}, which is not installed"
    return ""


_steps: dict[str, FusedStep] = {}


def fused_step(device: torch.device) -> FusedStep:
    """The function that does the step on a device."""
    if device.type not in _steps:
        _steps[device.type] = import_module(f".{_MODULES[device.type][0]}", __package__).fused_step
    return _steps[device.type]
