"""What the update rules share: bias corrections, moments, denominators and the move itself.

Names in the singular work on one parameter's tensors, their plurals on the lists of the foreach path. Scalars
are numbers on the host, or 0-d tensors where the host must not wait (`capturable`) or where autograd may look
(tensors as hyperparameters).
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ._options import Options, Scalar
from ._tensors import TensorList, Tensors, like
from .norm_correction import correction_factor, correction_factors, guard_cap

Formula: TypeAlias = Callable[[Scalar, Scalar, Options], tuple[Scalar, ...]]

# A smaller eps can be lost in the dtype of the computation, and then a denominator can be exactly zero.
_EPS_MAY_VANISH = 1e-30
_LEAST = torch.finfo(torch.float64).tiny  # its powers are zero beside 1, and its logarithm is finite


def bias_correction(beta: Scalar, step: Scalar) -> Scalar:
    """1 - beta**step, without the cancellation that this form has for beta near 1."""
    if isinstance(beta, Tensor):
        return -torch.expm1(step * beta.clamp(min=_LEAST).log())
    if beta == 0.0:
        return 1.0
    exponent = step * math.log(beta)
    return -torch.expm1(exponent) if isinstance(exponent, Tensor) else -math.expm1(exponent)


def adam_scalars(step: Scalar, lr: Scalar, options: Options) -> tuple[Scalar, Scalar]:
    """Step size and eps of lr * (m / bc1) / (sqrt(v / bc2) + eps), both times sqrt(bc2).

    Scaled so, the denominator is sqrt(v) + eps and v needs no pass for its bias correction.
    """
    root = bias_correction(options.beta2, step) ** 0.5
    return lr * root / bias_correction(options.beta1, step), options.eps * root


def scalars(formula: Formula, tensors: Tensors[Tensor], options: Options) -> tuple[Scalar, ...]:
    """`formula` of one parameter's step count, as numbers or as 0-d tensors of the computation's dtype."""
    lr, options = _beside_parameters(options, tensors.param.device)
    if options.capturable or torch.compiler.is_compiling():
        values = formula(_float64(tensors.step, tensors.param.device), lr, options)
    else:
        values = formula(tensors.step.item(), lr, options)
    return tuple([_rounded(value, tensors.param.dtype) for value in values])


def scalar_lists(formula: Formula, tensors: Tensors[list[Tensor]], options: Options) -> list[list[Scalar]]:
    """`scalars` of every tensor of the lists: one list for each value of `formula`."""
    first = tensors.param[0]
    lr, options = _beside_parameters(options, first.device)
    if options.capturable or torch.compiler.is_compiling():
        steps = _float64(torch.stack(tensors.step), first.device)
        values = [_rounded(value, first.dtype) for value in formula(steps, lr, options)]
        return [list(v.expand_as(steps)) if isinstance(v, Tensor) else [v] * len(steps) for v in values]
    counts = [step.item() for step in tensors.step]
    by_count = {count: formula(count, lr, options) for count in set(counts)}
    return [list(column) for column in zip(*(by_count[count] for count in counts), strict=True)]


def _lr(options: Options, device: torch.device) -> Scalar:
    return _float64(options.lr.reshape(()), device) if isinstance(options.lr, Tensor) else options.lr


def _beside_parameters(options: Options, device: torch.device) -> tuple[Scalar, Options]:
    """The learning rate, and the options, with all tensors on the device."""
    names = ("beta1", "beta2", "eps")
    values = {name: value for name in names if isinstance(value := getattr(options, name), Tensor)}
    moved: dict[str, Any] = {name: _float64(value, device) for name, value in values.items()}
    return _lr(options, device), replace(options, **moved) if moved else options


def _float64(scalar: Tensor, device: torch.device) -> Tensor:
    return scalar.to(device=device, dtype=torch.float64, non_blocking=True)


def _rounded(value: Scalar, dtype: torch.dtype) -> Scalar:
    # Without this a 0-d parameter would be promoted by its own step size.
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def prepare(tensors: Tensors[Tensor], options: Options) -> None:
    """Count the step; apply `maximize` and `weight_decay`, so that `grad` is the g of the formulas; correct it."""
    tensors.step.add_(1)
    if options.maximize:
        tensors.grad = -tensors.grad
    if options.decays and options.decoupled_weight_decay:
        tensors.param.mul_(_decay(options, tensors.param))
    elif options.decays:
        tensors.grad = decayed(tensors.grad, tensors.param, options.weight_decay)
    if options.gamma is not None and tensors.exp_grad_norm is not None:
        [cap] = scalars(guard_cap, tensors, options) if options.guard == "decaying" else [None]
        tensors.factor = correction_factor(tensors.grad, tensors.exp_grad_norm, options.gamma, cap, tensors.norm)


def prepare_all(tensors: Tensors[list[Tensor]], options: Options) -> None:
    """`prepare` for lists of tensors."""
    # Each addition on the CPU would wrap a number into a tensor again, so it is wrapped here, once.
    torch._foreach_add_(tensors.step, torch.ones((), device=tensors.step[0].device), alpha=1.0)
    if options.maximize:
        tensors.grad = list(torch._foreach_neg(tensors.grad))
    if options.decays and options.decoupled_weight_decay:
        torch._foreach_mul_(tensors.param, _decay(options, tensors.param[0]))
    elif options.decays:
        tensors.grad = _decayed_all(tensors.grad, tensors.param, options.weight_decay)
    if options.gamma is not None and tensors.exp_grad_norm is not None:
        [caps] = scalar_lists(guard_cap, tensors, options) if options.guard == "decaying" else [None]
        tensors.factor = correction_factors(tensors.grad, tensors.exp_grad_norm, options.gamma, caps, tensors.norm)


def _decay(options: Options, param: Tensor) -> Scalar:
    return like(param, 1.0 - _lr(options, param.device) * options.weight_decay)


def decayed(grad: Tensor, param: Tensor, weight_decay: Scalar) -> Tensor:
    """The gradient with the coupled decay, as a new tensor."""
    if isinstance(weight_decay, Tensor):
        # Autograd saves what a tensor multiplies, and the parameter is about to change.
        return grad.addcmul(param.clone() if weight_decay.requires_grad else param, like(param, weight_decay))
    return grad.add(param, alpha=weight_decay)


def _decayed_all(grads: TensorList, params: TensorList, weight_decay: Scalar) -> list[Tensor]:
    if isinstance(weight_decay, Tensor):
        return list(torch._foreach_add(torch._foreach_mul(params, like(params[0], weight_decay)), grads))
    return list(torch._foreach_add(grads, params, alpha=weight_decay))


def average(averages: Tensor, x: Tensor, beta: Scalar) -> None:
    """beta * average + (1 - beta) * x in place."""
    averages.lerp_(x, like(averages, 1.0 - beta))


def average_all(averages: TensorList, xs: TensorList, beta: Scalar) -> None:
    """`average` for lists of tensors."""
    weight = like(averages[0], 1.0 - beta)
    torch._foreach_lerp_(averages, xs, [weight] * len(xs) if isinstance(weight, Tensor) else weight)


def update_exp_avg(tensors: Tensors[Tensor], options: Options) -> None:
    """m = beta1 * m + (1 - beta1) * s in place, s being g without the correction."""
    if tensors.factor is None:
        average(tensors.exp_avg, tensors.grad, options.beta1)
        return
    _average(tensors.exp_avg, tensors.grad, tensors.factor, options.beta1)


def update_exp_avgs(tensors: Tensors[list[Tensor]], options: Options) -> None:
    """`update_exp_avg` for lists of tensors."""
    if tensors.factor is None:
        average_all(tensors.exp_avg, tensors.grad, options.beta1)
        return
    if tensors.param[0].is_cpu:  # where the foreach functions are loops too
        for exp_avg, grad, factor in zip(tensors.exp_avg, tensors.grad, tensors.factor, strict=True):
            _average(exp_avg, grad, factor, options.beta1)
        return
    if isinstance(options.beta1, Tensor):
        average_all(tensors.exp_avg, torch._foreach_mul(tensors.grad, tensors.factor), options.beta1)
        return
    torch._foreach_mul_(tensors.exp_avg, options.beta1)
    torch._foreach_addcmul_(tensors.exp_avg, tensors.grad, tensors.factor, value=1.0 - options.beta1)


def _average(exp_avg: Tensor, grad: Tensor, factor: Tensor, beta: Scalar) -> None:
    if isinstance(beta, Tensor):
        average(exp_avg, grad * factor, beta)
        return
    if exp_avg.is_cpu and exp_avg.is_contiguous() and grad.is_contiguous():
        # An outer product with one number: the only operation of torch that does all of it in one pass.
        row = exp_avg.view(1, exp_avg.numel())
        row.addr_(factor.view(1), grad.view(grad.numel()), beta=beta, alpha=1.0 - beta)
        return
    exp_avg.mul_(beta).addcmul_(grad, factor, value=1.0 - beta)


def corrected_grad(tensors: Tensors[Tensor], options: Options) -> Tensor:
    """s, which without the correction is g itself and not a copy."""
    return tensors.grad if tensors.factor is None else tensors.grad * tensors.factor


def corrected_grads(tensors: Tensors[list[Tensor]], options: Options) -> TensorList:
    """`corrected_grad` for lists of tensors."""
    return tensors.grad if tensors.factor is None else torch._foreach_mul(tensors.grad, tensors.factor)


def update_exp_avg_sq(exp_avg_sq: Tensor, x: Tensor, beta2: Scalar) -> None:
    """v = beta2 * v + (1 - beta2) * x**2 in place."""
    if isinstance(beta2, Tensor):
        exp_avg_sq.mul_(like(x, beta2)).addcmul_(x, x * like(x, 1.0 - beta2))
        return
    exp_avg_sq.mul_(beta2).addcmul_(x, x, value=1.0 - beta2)


def update_exp_avg_sqs(exp_avg_sqs: TensorList, xs: TensorList, beta2: Scalar) -> None:
    """`update_exp_avg_sq` for lists of tensors."""
    if isinstance(beta2, Tensor):
        torch._foreach_mul_(exp_avg_sqs, like(xs[0], beta2))
        torch._foreach_addcmul_(exp_avg_sqs, xs, torch._foreach_mul(xs, like(xs[0], 1.0 - beta2)))
        return
    torch._foreach_mul_(exp_avg_sqs, beta2)
    torch._foreach_addcmul_(exp_avg_sqs, xs, xs, value=1.0 - beta2)


def largest_exp_avg_sq(tensors: Tensors[Tensor]) -> Tensor:
    """v itself, or with `amsgrad` the largest v so far, brought up to date in place."""
    if tensors.max_exp_avg_sq is None:
        return tensors.exp_avg_sq
    return tensors.max_exp_avg_sq.clamp_(min=tensors.exp_avg_sq)


def largest_exp_avg_sqs(tensors: Tensors[list[Tensor]]) -> list[Tensor]:
    """`largest_exp_avg_sq` for lists of tensors."""
    if tensors.max_exp_avg_sq is None:
        return tensors.exp_avg_sq
    torch._foreach_maximum_(tensors.max_exp_avg_sq, tensors.exp_avg_sq)
    return tensors.max_exp_avg_sq


def denominator(exp_avg_sq: Tensor, eps: Scalar, options: Options) -> Tensor:
    """sqrt(v) + eps as a new tensor; infinite where it would be zero, so that the coordinate stays."""
    if options.differentiable:
        # The derivative of sqrt at 0 is infinite and would make NaN of the zero that it multiplies.
        zero = exp_avg_sq == 0
        denom = exp_avg_sq.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0) + eps
    else:
        denom = exp_avg_sq.sqrt().add_(eps)
    return denom.masked_fill(denom == 0, math.inf) if _may_vanish(options.eps) else denom


def denominators(exp_avg_sqs: TensorList, eps: list[Scalar], options: Options) -> list[Tensor]:
    """`denominator` for lists of tensors."""
    denoms = list(torch._foreach_sqrt(exp_avg_sqs))
    torch._foreach_add_(denoms, eps)
    if _may_vanish(options.eps):
        for denom in denoms:
            denom.masked_fill_(denom == 0, math.inf)
    return denoms


def _may_vanish(eps: Scalar) -> bool:
    return isinstance(eps, Tensor) or eps < _EPS_MAY_VANISH


def descend(param: Tensor, direction: Tensor, denom: Tensor | None, step_size: Scalar) -> None:
    """theta -= step_size * direction / denom in place; None is a denominator of 1."""
    if isinstance(step_size, Tensor):
        param.addcmul_(direction if denom is None else direction / denom, step_size, value=-1.0)
    elif denom is None:
        param.add_(direction, alpha=-step_size)
    else:
        param.addcdiv_(direction, denom, value=-step_size)


def descend_all(
    params: TensorList,
    directions: TensorList,
    denoms: TensorList | None,
    step_sizes: list[Scalar],
) -> None:
    """`descend` for lists of tensors, each with its own step size."""
    if denoms is not None and not isinstance(step_sizes[0], Tensor):
        torch._foreach_addcdiv_(params, directions, denoms, [-size for size in step_sizes])
        return
    if denoms is not None:
        directions = torch._foreach_div(directions, denoms)
    torch._foreach_sub_(params, torch._foreach_mul(directions, step_sizes))
