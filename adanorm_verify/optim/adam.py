"""AdamNorm: Adam whose first moment averages the norm-corrected gradient."""

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from . import _moments as moments
from ._constructors import with_arguments
from ._optimizer import MomentOptimizer, Update
from ._options import Guard, Options
from ._tensors import Tensors


def _single_tensor_adam(t: Tensors[Tensor], options: Options) -> None:
    moments.update_exp_avg(t, options)
    moments.update_exp_avg_sq(t.exp_avg_sq, t.grad, options.beta2)
    step_size, eps = moments.scalars(moments.adam_scalars, t, options)
    denom = moments.denominator(moments.largest_exp_avg_sq(t), eps, options)
    moments.descend(t.param, t.exp_avg, denom, step_size)


def _multi_tensor_adam(t: Tensors[list[Tensor]], options: Options) -> None:
    moments.update_exp_avgs(t, options)
    moments.update_exp_avg_sqs(t.exp_avg_sq, t.grad, options.beta2)
    step_sizes, eps = moments.scalar_lists(moments.adam_scalars, t, options)
    denoms = moments.denominators(moments.largest_exp_avg_sqs(t), eps, options)
    moments.descend_all(t.param, t.exp_avg, denoms, step_sizes)


@with_arguments
class AdamNorm(MomentOptimizer):
    """Adam with the gradient norm correction in its first moment (AdaNorm paper, eqs. 3-9, Algorithm 2).

    With g the gradient and s the corrected gradient of `adanorm_verify.optim.norm_correction`::

        m = beta1 * m + (1 - beta1) * s
        v = beta2 * v + (1 - beta2) * g**2
        theta -= lr * m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)

    `amsgrad` (keyword, default False) puts the largest v so far in the place of v in theta, as `torch.optim.Adam`
    does (Reddi et al., arXiv:1904.09237). It stands in the state as `max_exp_avg_sq`.
    """

    _keeps_grad_norm = True
    _offers_amsgrad = True
    _update = Update("adam", _single_tensor_adam, _multi_tensor_adam)

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float | Tensor = 1e-8,
        gamma: float | Tensor = 0.95,
        weight_decay: float | Tensor = 0.0,
        *,
        amsgrad: bool = False,
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
            amsgrad=amsgrad,
            guard=guard,
            decoupled_weight_decay=decoupled_weight_decay,
            state_dtype=state_dtype,
            maximize=maximize,
            foreach=foreach,
            fused=fused,
            capturable=capturable,
            differentiable=differentiable,
        )
