"""AdaBelief, with and without the norm correction: Adam that divides by the spread around its mean."""

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from . import _moments as moments
from ._constructors import PlainOptimizer, with_arguments
from ._optimizer import MomentOptimizer, Update
from ._options import Belief, Guard, Options
from ._tensors import Tensors

# Unlike the other rules this one forms s itself: the spread s - m is a difference that may vanish, as it does
# for beta1 = 0, and it must be one of the very s that went into m.


def _single_tensor_adabelief(t: Tensors[Tensor], options: Options) -> None:
    s = moments.corrected_grad(t, options)
    moments.average(t.exp_avg, s, options.beta1)
    # Autograd may have saved s.
    own = options.belief == "s" and s is not t.grad and not options.differentiable
    spread = s.sub_(t.exp_avg) if own else (s if options.belief == "s" else t.grad) - t.exp_avg
    moments.update_exp_avg_sq(t.exp_avg_sq, spread, options.beta2)
    del s, spread  # their memory is the denominator's
    step_size, eps = moments.scalars(moments.adam_scalars, t, options)
    denom = moments.denominator(t.exp_avg_sq, eps, options)
    moments.descend(t.param, t.exp_avg, denom, step_size)


def _multi_tensor_adabelief(t: Tensors[list[Tensor]], options: Options) -> None:
    s = moments.corrected_grads(t, options)
    moments.average_all(t.exp_avg, s, options.beta1)
    if options.belief == "s" and s is not t.grad:
        torch._foreach_sub_(s, t.exp_avg)
        spreads = s
    else:
        spreads = torch._foreach_sub(t.grad, t.exp_avg)
    moments.update_exp_avg_sqs(t.exp_avg_sq, spreads, options.beta2)
    del s, spreads
    step_sizes, eps = moments.scalar_lists(moments.adam_scalars, t, options)
    denoms = moments.denominators(t.exp_avg_sq, eps, options)
    moments.descend_all(t.param, t.exp_avg, denoms, step_sizes)


@with_arguments
class AdaBelief(PlainOptimizer):
    """AdaBelief as the AdaNorm paper prints it (Algorithm 7; Zhuang et al., arXiv:2010.07468).

    With g the gradient::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * (g - m)**2
        theta -= lr * m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)

    v stands in the state as `exp_avg_sq`. AdaBelief's own paper also adds eps to v; this one does not.
    """

    _update = Update("adabelief", _single_tensor_adabelief, _multi_tensor_adabelief)


@with_arguments
class AdaBeliefNorm(MomentOptimizer):
    """AdaBelief with the gradient norm correction in its first moment (AdaNorm paper, Algorithm 8).

    As `AdaBelief`, but m averages the corrected gradient s of `adanorm_verify.optim.norm_correction`.

    `belief` (keyword, default "s") chooses what v averages: "s" takes (s - m)**2, as the authors' released
    code does; "g" takes (g - m)**2, as Algorithm 8 prints.
    """

    _keeps_grad_norm = True
    _update = Update("adabelief", _single_tensor_adabelief, _multi_tensor_adabelief)

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float | Tensor = 1e-8,
        gamma: float | Tensor = 0.95,
        weight_decay: float | Tensor = 0.0,
        *,
        belief: Belief = "s",
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
            belief=belief,
            guard=guard,
            decoupled_weight_decay=decoupled_weight_decay,
            state_dtype=state_dtype,
            maximize=maximize,
            foreach=foreach,
            fused=fused,
            capturable=capturable,
            differentiable=differentiable,
        )
