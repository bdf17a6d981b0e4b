"""AdamNorm: Adam whose first moment averages the norm-corrected gradient."""

from torch import Tensor

from . import _moments as moments
from ._constructors import NormCorrectedOptimizer, with_arguments
from ._optimizer import Update
from ._options import Options
from ._tensors import Tensors


def _single_tensor_adam(t: Tensors[Tensor], options: Options) -> None:
    moments.update_exp_avg(t, options)
    moments.update_exp_avg_sq(t.exp_avg_sq, t.grad, options.beta2)
    step_size, eps = moments.scalars(moments.adam_scalars, t, options)
    denom = moments.denominator(t.exp_avg_sq, eps, options)
    moments.descend(t.param, t.exp_avg, denom, step_size)


def _multi_tensor_adam(t: Tensors[list[Tensor]], options: Options) -> None:
    moments.update_exp_avgs(t, options)
    moments.update_exp_avg_sqs(t.exp_avg_sq, t.grad, options.beta2)
    step_sizes, eps = moments.scalar_lists(moments.adam_scalars, t, options)
    denoms = moments.denominators(t.exp_avg_sq, eps, options)
    moments.descend_all(t.param, t.exp_avg, denoms, step_sizes)


@with_arguments
class AdamNorm(NormCorrectedOptimizer):
    """Adam with the gradient norm correction in its first moment (AdaNorm paper, eqs. 3-9, Algorithm 2).

    With g the gradient and s the corrected gradient of `adanorm_verify.optim.norm_correction`::

        m = beta1 * m + (1 - beta1) * s
        v = beta2 * v + (1 - beta2) * g**2
        theta -= lr * m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)
    """

    _update = Update(_single_tensor_adam, _multi_tensor_adam)
