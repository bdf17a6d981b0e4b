"""The constructors: what a person passes, with or without the norm correction."""

from typing import TypeVar

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from ._optimizer import MomentOptimizer
from ._options import Guard

_Class = TypeVar("_Class", bound=type[MomentOptimizer])

_GAMMA_ARGUMENT = """
        gamma: how much of the past the average of gradient norms keeps, in [0, 1); 0 corrects nothing."""
_GUARD_ARGUMENT = """
        guard: "decaying" lengthens no gradient of step t by more than 1 + 1 / sqrt(t), which is not in the paper;
            "none" by any factor."""

_ARGUMENTS = """

    Args:
        params: iterable of parameters, of (name, parameter) pairs, or of dicts that define parameter groups.
        lr: learning rate, >= 0; a number, or a tensor of one element as the other numbers may be too. With
            `foreach=True` tensors as `lr` or `betas` need `capturable=True`; with `fused=True`, or where neither
            `capturable` nor `differentiable` is asked for, tensors other than `lr` are read back at each step.
        betas: decay rates of the first and second moment, each in [0, 1); two numbers or two tensors.
        eps: added to the denominator, >= 0. Where the denominator is 0 nevertheless, nothing moves.{gamma}
        weight_decay: >= 0, added to the gradient as `weight_decay * theta` before everything else.{guard}
        decoupled_weight_decay: multiply theta by `1 - lr * weight_decay` before the update instead.
        state_dtype: torch.float32 keeps the moments of float16 and bfloat16 parameters in float32, on every path and
            through checkpoints; None in the parameter's dtype.
        maximize: ascend.
        foreach: use the functions over lists of tensors; None does so if all are on an accelerator.
        fused: do the whole step in compiled loops, each tensor once for its norm and once for its update; None does
            not. For real parameters of float32, float64, float16 or bfloat16, without `foreach` and
            `differentiable`; takes the scale of `torch.amp.GradScaler` into the step, and leaves gradients scaled.
        capturable: keep the step counts on the device and never wait for it, as a captured graph requires.
        differentiable: let autograd record the step, also the way to tensors among the options.

    float16 and bfloat16 parameters are updated in float32 and rounded once, and so are their moments unless
    `state_dtype` says otherwise. In float16 an `exp_avg_sq` below 3e-8 is rounded to 0, and steps become many times too
    long; in bfloat16 it stands still where a step would change it by less than one part in 256. Complex parameters
    count as pairs of reals.

    State begins at 0, at the first step of each parameter. A state of `torch.optim.Adam` can be loaded in the middle of
    training, and ours into `torch.optim.Adam`: what Adam does not keep begins at 0 ({more}), as
    at the first step. `torch.distributed.checkpoint.load` needs `DefaultLoadPlanner(allow_partial_load=True)` for
    either, since it asks for every key.

    Raises:
        ValueError: for an option outside its range, a parameter given twice, or parameters that `fused=True` does not
            support, also in a dict of `params`, in `add_param_group` or in `load_state_dict`.
        RuntimeError: from `step`, for a sparse gradient or an integer parameter, and with `fused=True` for state of
            another size, or a parameter that is still on the meta device.

    Warns:
        UserWarning: for float16 parameters without `state_dtype`.
    """


def with_arguments(cls: _Class) -> _Class:
    """Append to the class's docstring the arguments that all these classes share."""
    gamma = _GAMMA_ARGUMENT if cls._keeps_grad_norm else ""
    guard = _GUARD_ARGUMENT if cls._keeps_grad_norm else ""
    kept = {"exp_grad_norm": cls._keeps_grad_norm, "previous_grad": cls._keeps_previous_grad}
    more = " and ".join(f"`{name}`" for name, keeps in kept.items() if keeps) or "nothing here"
    cls.__doc__ = (cls.__doc__ or "").rstrip() + _ARGUMENTS.format(gamma=gamma, guard=guard, more=more)
    return cls


class PlainOptimizer(MomentOptimizer):
    """The constructor of the optimizers without the correction."""

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float | Tensor = 1e-8,
        weight_decay: float | Tensor = 0.0,
        *,
        decoupled_weight_decay: bool = False,
        state_dtype: torch.dtype | None = None,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            state_dtype=state_dtype,
            maximize=maximize,
            foreach=foreach,
            fused=fused,
            capturable=capturable,
            differentiable=differentiable,
        )


class NormCorrectedOptimizer(MomentOptimizer):
    """The constructor of the optimizers with the correction."""

    _keeps_grad_norm = True

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float | Tensor = 1e-8,
        gamma: float | Tensor = 0.95,
        weight_decay: float | Tensor = 0.0,
        *,
        guard: Guard = "none",
        decoupled_weight_decay: bool = False,
        state_dtype: torch.dtype | None = None,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            gamma=gamma,
            weight_decay=weight_decay,
            guard=guard,
            decoupled_weight_decay=decoupled_weight_decay,
            state_dtype=state_dtype,
            maximize=maximize,
            foreach=foreach,
            fused=fused,
            capturable=capturable,
            differentiable=differentiable,
        )
