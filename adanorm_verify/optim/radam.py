"""RAdamNorm: RAdam whose first moment averages the norm-corrected gradient."""

import torch
from torch import Tensor

from . import _moments as moments
from ._constructors import NormCorrectedOptimizer, with_arguments
from ._optimizer import Update
from ._options import Options, Scalar
from ._tensors import Tensors, like

_RECTIFIABLE = 5.0


def radam_scalars(step: Scalar, lr: Scalar, options: Options) -> tuple[Scalar, Scalar]:
    """Step size, and whether v is trusted (rho_t >= 5) and divides the step."""
    plain = lr / moments.bias_correction(options.beta1, step)
    rho_inf = 2.0 / (1.0 - options.beta2) - 1.0
    if not isinstance(rho_inf, Tensor) and rho_inf < _RECTIFIABLE:
        return plain, False
    correction2 = moments.bias_correction(options.beta2, step)
    rho = rho_inf - 2.0 * step * (1.0 - correction2) / correction2
    trusted = rho >= _RECTIFIABLE
    if isinstance(trusted, Tensor):
        # Limits, so that what is not chosen is no NaN, which autograd would spread.
        limit = rho_inf.clamp(min=_RECTIFIABLE) if isinstance(rho_inf, Tensor) else rho_inf
        rectified = plain * _rectification(rho.clamp(min=_RECTIFIABLE), limit, correction2)
        return torch.where(trusted, rectified, plain), trusted
    return (plain * _rectification(rho, rho_inf, correction2) if trusted else plain), trusted


def _rectification(rho: Scalar, rho_inf: Scalar, correction2: Scalar) -> Scalar:
    ratio = (rho - 4.0) * (rho - 2.0) * rho_inf / ((rho_inf - 4.0) * (rho_inf - 2.0) * rho)
    return (correction2 * ratio) ** 0.5


def _single_tensor_radam(t: Tensors[Tensor], options: Options) -> None:
    moments.update_exp_avg(t, options)
    moments.update_exp_avg_sq(t.exp_avg_sq, t.grad, options.beta2)
    step_size, trusted = moments.scalars(radam_scalars, t, options)
    eps = like(t.exp_avg_sq, options.eps)
    denom = None
    if isinstance(trusted, Tensor):
        denom = torch.where(trusted, moments.denominator(t.exp_avg_sq, eps, options), 1.0)
    elif trusted:
        denom = moments.denominator(t.exp_avg_sq, eps, options)
    moments.descend(t.param, t.exp_avg, denom, step_size)


def _multi_tensor_radam(t: Tensors[list[Tensor]], options: Options) -> None:
    moments.update_exp_avgs(t, options)
    moments.update_exp_avg_sqs(t.exp_avg_sq, t.grad, options.beta2)
    step_sizes, trusted = moments.scalar_lists(radam_scalars, t, options)
    eps = [like(t.exp_avg_sq[0], options.eps)] * len(t.exp_avg_sq)
    if isinstance(trusted[0], Tensor):
        denoms = moments.denominators(t.exp_avg_sq, eps, options)
        denoms = [torch.where(use, denom, 1.0) for use, denom in zip(trusted, denoms, strict=True)]
        moments.descend_all(t.param, t.exp_avg, denoms, step_sizes)
        return
    for branch in set(trusted):
        chosen = [i for i, value in enumerate(trusted) if value is branch]
        moments.descend_all(
            [t.param[i] for i in chosen],
            [t.exp_avg[i] for i in chosen],
            moments.denominators([t.exp_avg_sq[i] for i in chosen], eps[: len(chosen)], options) if branch else None,
            [step_sizes[i] for i in chosen],
        )


@with_arguments
class RAdamNorm(NormCorrectedOptimizer):
    """RAdam with the gradient norm correction in its first moment (AdaNorm paper, Algorithm 6).

    With g the gradient and s the corrected gradient of `adanorm_verify.optim.norm_correction`::

        m = beta1 * m + (1 - beta1) * s
        v = beta2 * v + (1 - beta2) * g**2
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        if rho >= 5:
            r = sqrt((1 - beta2**t) * (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            theta -= lr * r * m / (1 - beta1**t) / (sqrt(v) + eps)
        else:
            theta -= lr * m / (1 - beta1**t)

    eps is added to sqrt(v) before any bias correction, as printed.
    """

    _update = Update("radam", _single_tensor_radam, _multi_tensor_radam)
