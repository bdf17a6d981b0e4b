"""The state of a parameter: its names and dtypes, how it begins, and how one that is loaded is put into that form."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from ._options import compute_dtype
from ._tensors import MOMENTS

_SCALARS = ("step", "exp_grad_norm")


def initial(name: str, p: Tensor, group: Mapping[str, Any]) -> Tensor:
    """What `name` is before the first step.

    Raises:
        RuntimeError: a parameter that is neither of floating point nor complex.
    """
    if not (p.is_floating_point() or p.is_complex()):
        raise RuntimeError(f"a parameter must be of floating point or complex, got {p.dtype}")
    if name in _SCALARS:
        return torch.zeros((), dtype=_scalar_dtype(name, p, group), device=_scalar_device(name, p, group))
    return torch.zeros_like(p, dtype=moment_dtype(p, group), memory_format=torch.preserve_format)


def moment_dtype(p: Tensor, group: Mapping[str, Any]) -> torch.dtype:
    """The dtype in which the moments of a parameter are kept: its own, or `state_dtype` if that is wider."""
    wanted = group.get("state_dtype")
    return p.dtype if wanted is None else torch.promote_types(p.dtype, wanted)


def check_loaded(saved: Mapping[str, Any], p: Tensor, group: Mapping[str, Any]) -> None:
    """Raise ValueError for a state that does not fit a parameter."""
    for name, value in saved.items():
        if name in _SCALARS:
            if not (value.numel() == 1 if isinstance(value, Tensor) else isinstance(value, Real)):
                raise ValueError(f"{name} must be a number or a tensor of one element, got {_shown(value)}")
        elif name in MOMENTS and not (isinstance(value, Tensor) and value.shape == p.shape):
            raise ValueError(f"{name} must be a tensor of its parameter's shape {tuple(p.shape)}, got {_shown(value)}")
    if "step" not in saved and "step" not in group and any(name in saved for name in MOMENTS):
        raise ValueError("a state with moments must also have its count of steps, 'step', got none")


def loaded(saved: Mapping[str, Any], state: Mapping[str, Any], p: Tensor, group: Mapping[str, Any]) -> dict[str, Any]:
    """A state of our form, that shares no memory, of one that was `saved`; `state` is what torch made of it.

    Torch casts to the parameter's dtype, which rounds a float32 norm, or moments of `state_dtype`, to half precision;
    it leaves complex state as it came; and it shares the tensors that needed no cast.
    """
    result: dict[str, Any] = {}
    for name, value in saved.items():
        if name in _SCALARS:
            result[name] = scalar(name, value, p, group)
        elif name in MOMENTS:
            result[name] = value.detach().to(device=p.device, dtype=moment_dtype(p, group), copy=True)
        else:
            shared = isinstance(value, Tensor) and state[name] is value
            result[name] = value.clone() if shared else state[name]
    if "step" not in saved and any(name in saved for name in MOMENTS):  # some packages count for the whole group
        result["step"] = scalar("step", group["step"], p, group)
    return result


def scalar(name: str, value: Any, p: Tensor, group: Mapping[str, Any]) -> Tensor:
    """A step count or an average of norms as the 0-d tensor that we keep, of a number or a tensor of one element."""
    dtype, device = _scalar_dtype(name, p, group), _scalar_device(name, p, group)
    if not isinstance(value, Tensor):
        return torch.tensor(float(value), dtype=dtype, device=device)
    if name == "step" and not _counts_on_device(group):  # torch, too, leaves it as it came
        dtype = value.dtype if value.dtype in (torch.float32, torch.float64) else dtype
        device = value.device
    return value.detach().reshape(()).to(device=device, dtype=dtype, copy=True)


def in_our_form(value: Any) -> bool:
    """Whether a step count or an average of norms is a 0-d tensor."""
    return isinstance(value, Tensor) and value.dim() == 0


def _scalar_dtype(name: str, p: Tensor, group: Mapping[str, Any]) -> torch.dtype:
    if name == "exp_grad_norm":
        return compute_dtype(p.dtype)
    counts_in_float64 = torch.get_default_dtype() is torch.float64 and not group["fused"]
    return torch.float64 if counts_in_float64 else torch.float32


def _scalar_device(name: str, p: Tensor, group: Mapping[str, Any]) -> torch.device:
    return p.device if name == "exp_grad_norm" or _counts_on_device(group) else torch.device("cpu")


def _counts_on_device(group: Mapping[str, Any]) -> bool:
    return bool(group["capturable"] or group["fused"])


def _shown(value: Any) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
