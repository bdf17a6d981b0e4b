"""AdaNorm's gradient norm correction, eqs. 4-6: where it is written.

Compiled loops cannot call it and write it once more, for one number: `_fused_loops.correct`, `_kernels.scalars`.

With g the gradient of one tensor, n its L2 norm and e the exponential average of the norms,

    e = gamma * e + (1 - gamma) * n
    s = max(1, e / n) * g

so that s is never shorter than the average of the past. The functions return the factor max(1, e / n) and not
s: a first moment can take factor and gradient in one operation without storing s. A gradient without length
stays as it is: its factor is 1. Nothing here reads a value back to the host.

With `guard="decaying"`, which is not in the paper, the factor of step t is at most 1 + 1 / sqrt(t).
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ._options import Scalar
from ._tensors import TensorList, like

# A CPU adds all squares in a few accumulators, and float32 loses: the norm of 2.4 million normal deviates
# came out 665 units roundoff too small. Norms of rows, and then of those, have the error of a short row.
_ROW = 4096


def guard_cap(step: Any, *_: Any) -> tuple[Any]:
    """The largest factor that the decaying guard allows at a step, a number or a tensor."""
    return (1.0 + step**-0.5,)


def correction_factor(
    grad: Tensor, exp_grad_norm: Tensor, gamma: Scalar, cap: Any = None, norm: Tensor | None = None
) -> Tensor:
    """Update `exp_grad_norm` (0-d, real) in place by `grad` (real) and return the 0-d factor of eqs. 5-6.

    `cap` is the guard's limit on it, a number or a 0-d tensor; None without a guard. `norm` is that of the whole
    tensor where `grad` is a shard.
    """
    norm = gradient_norm(grad) if norm is None else norm
    exp_grad_norm.lerp_(norm, like(norm, 1.0 - gamma))
    factor = _factor(exp_grad_norm, norm)
    return factor if cap is None else factor.clamp(max=cap)


def correction_factors(
    grads: TensorList,
    exp_grad_norms: TensorList,
    gamma: Scalar,
    caps: list[Any] | None = None,
    wholes: Sequence[Tensor | None] | None = None,
) -> list[Tensor]:
    """`correction_factor` of every tensor of lists of one device and dtype, each with its own cap.

    `wholes` are the norms of whole tensors, None where `grads` has all of one.
    """
    if wholes is None or all(whole is None for whole in wholes):
        norms = gradient_norms(grads)
    else:
        norms = torch.stack([gradient_norm(g) if w is None else w for g, w in zip(grads, wholes, strict=True)])
    averages = torch.stack(exp_grad_norms).lerp_(norms, like(norms, 1.0 - gamma))
    factors = list(_factor(averages, norms).unbind())
    torch._foreach_copy_(exp_grad_norms, averages.unbind())
    return factors if caps is None else list(torch._foreach_clamp_max(factors, caps))


def gradient_norms(grads: TensorList) -> Tensor:
    """`gradient_norm` of every tensor of a list of one device, as one tensor."""
    return torch.stack([gradient_norm(g) for g in grads] if grads[0].is_cpu else list(torch._foreach_norm(grads)))


def gradient_norm(grad: Tensor) -> Tensor:
    """The L2 norm of a real tensor as a 0-d tensor of its dtype."""
    if not grad.is_cpu or grad.numel() < 2 * _ROW:
        return torch.linalg.vector_norm(grad)
    # Dimensions in the order of memory, so that a dense tensor of any layout is flattened without a copy.
    order = sorted(range(grad.dim()), key=grad.stride, reverse=True)
    flat = grad.permute(order).reshape(-1)
    whole = flat.numel() - flat.numel() % _ROW
    rows = torch.linalg.vector_norm(flat[:whole].view(-1, _ROW), dim=1)
    rest = torch.linalg.vector_norm(flat[whole:], keepdim=True)
    return torch.linalg.vector_norm(torch.cat([rows, rest]))


def _factor(average: Tensor, norm: Tensor) -> Tensor:
    # A norm of zero counts as infinite: 0 / 0 never arises, forward or backward, and the factor is 1. The
    # upper limit keeps an e / n beyond the dtype from turning a zero coordinate into infinity times zero.
    ratio = average / torch.threshold(norm, 0.0, math.inf)
    return ratio.clamp(1.0, torch.finfo(ratio.dtype).max)
