"""diffGrad, with and without the norm correction: Adam braked where the gradient stands still."""

import torch
from torch import Tensor

from . import _moments as moments
from ._constructors import NormCorrectedOptimizer, PlainOptimizer, with_arguments
from ._optimizer import Update
from ._options import Options
from ._tensors import Tensors


def _single_tensor_diffgrad(t: Tensors[Tensor], options: Options) -> None:
    assert t.previous_grad is not None
    moments.update_exp_avg(t, options)
    moments.update_exp_avg_sq(t.exp_avg_sq, t.grad, options.beta2)
    step_size, eps = moments.scalars(moments.adam_scalars, t, options)
    denom = moments.denominator(t.exp_avg_sq, eps, options)
    if options.differentiable:
        direction = (t.previous_grad - t.grad).abs().sigmoid() * t.exp_avg
    else:
        # The previous gradient is about to be replaced: its memory is the scratch space.
        direction = t.previous_grad.sub_(t.grad).abs_().sigmoid_().mul_(t.exp_avg)
    moments.descend(t.param, direction, denom, step_size)
    t.previous_grad.copy_(t.grad)


def _multi_tensor_diffgrad(t: Tensors[list[Tensor]], options: Options) -> None:
    assert t.previous_grad is not None
    moments.update_exp_avgs(t, options)
    moments.update_exp_avg_sqs(t.exp_avg_sq, t.grad, options.beta2)
    step_sizes, eps = moments.scalar_lists(moments.adam_scalars, t, options)
    denoms = moments.denominators(t.exp_avg_sq, eps, options)
    directions = t.previous_grad
    torch._foreach_sub_(directions, t.grad)
    torch._foreach_abs_(directions)
    torch._foreach_sigmoid_(directions)
    torch._foreach_mul_(directions, t.exp_avg)
    moments.descend_all(t.param, directions, denoms, step_sizes)
    torch._foreach_copy_(t.previous_grad, t.grad)


@with_arguments
class DiffGrad(PlainOptimizer):
    """diffGrad (AdaNorm paper, Algorithm 3; Dubey et al., arXiv:1909.11015).

    With g the gradient and g' the previous one, zero at the first step::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        xi = 1 / (1 + exp(-|g - g'|))
        theta -= lr * xi * m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)
    """

    _keeps_previous_grad = True
    _update = Update("diffgrad", _single_tensor_diffgrad, _multi_tensor_diffgrad)


@with_arguments
class DiffGradNorm(NormCorrectedOptimizer):
    """diffGrad with the gradient norm correction in its first moment (AdaNorm paper, Algorithm 4).

    As `DiffGrad`, but m averages the corrected gradient of `adanorm_verify.optim.norm_correction`; v and xi
    take the gradient itself.
    """

    _keeps_previous_grad = True
    _update = Update("diffgrad", _single_tensor_diffgrad, _multi_tensor_diffgrad)
