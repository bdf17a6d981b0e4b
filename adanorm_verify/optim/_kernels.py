"""The kernels of the fused step on CUDA, in Triton; imported only where that is asked for.

Three launches for a list of tensors of one device and dtype, however long it is:

1. `square_sums`: a partial sum of g**2 for each chunk of `BLOCK` elements;
2. `scalars`: for each tensor its step count, norm, e, factor, bias corrections and step size;
3. `update`: reads p, g, m, v (and what else the rule keeps) and writes p, m, v, once for each chunk.

Without the correction the first one is not needed. Every sum has one order, which depends on sizes, dtypes, and whether
all addresses of the list are multiples of 16 bytes: within a chunk a tree, over a tensor's chunks in `LANES`
interleaved float64 sums and a tree. There are no atomics, so that equal inputs give equal bits on one kind of device
and one version of Triton.

`table` has a row of int64 for each name of `ROWS`, with a column for each tensor. `grads` is such a row by
itself. An absent tensor has the address 0, which is never read.

`COMPUTE` is the dtype of the arithmetic, `ELEMENT` that of parameters, `STATE` that of moments, `GRADIENT` that of
gradients.
"""

import torch
import triton
import triton.language as tl

from ._kernel_parts import divided, pointer_to, read, rooted, write

TYPES = {
    torch.float64: tl.float64,
    torch.float32: tl.float32,
    torch.bfloat16: tl.bfloat16,
    torch.float16: tl.float16,
}

BLOCK = 2048
WARPS = 8
LANES = 1024

ROWS = (
    "param",
    "exp_avg",
    "exp_avg_sq",
    "max_exp_avg_sq",
    "previous_grad",
    "step",
    "exp_grad_norm",
    "numel",
    "first_chunk",
)
_PARAM = tl.constexpr(ROWS.index("param"))
_EXP_AVG = tl.constexpr(ROWS.index("exp_avg"))
_EXP_AVG_SQ = tl.constexpr(ROWS.index("exp_avg_sq"))
_MAX_EXP_AVG_SQ = tl.constexpr(ROWS.index("max_exp_avg_sq"))
_PREVIOUS_GRAD = tl.constexpr(ROWS.index("previous_grad"))
_STEP = tl.constexpr(ROWS.index("step"))
_EXP_GRAD_NORM = tl.constexpr(ROWS.index("exp_grad_norm"))
_NUMEL = tl.constexpr(ROWS.index("numel"))
_FIRST_CHUNK = tl.constexpr(ROWS.index("first_chunk"))

SCALARS = ("factor", "step_size", "eps", "divides", "decay", "weight_decay", "beta1", "weight1", "beta2", "weight2")
"""What `scalars` leaves for `update`, one row of `COMPUTE` numbers for each tensor."""
_FACTOR = tl.constexpr(SCALARS.index("factor"))
_STEP_SIZE = tl.constexpr(SCALARS.index("step_size"))
_EPS = tl.constexpr(SCALARS.index("eps"))
_DIVIDES = tl.constexpr(SCALARS.index("divides"))
_DECAY = tl.constexpr(SCALARS.index("decay"))
_WEIGHT_DECAY = tl.constexpr(SCALARS.index("weight_decay"))
_BETA1 = tl.constexpr(SCALARS.index("beta1"))
_WEIGHT1 = tl.constexpr(SCALARS.index("weight1"))
_BETA2 = tl.constexpr(SCALARS.index("beta2"))
_WEIGHT2 = tl.constexpr(SCALARS.index("weight2"))
_WIDTH = tl.constexpr(len(SCALARS))

_RECTIFIABLE = tl.constexpr(5.0)  # rho from which RAdam trusts v


@triton.jit
def _gradient(g, p, grad_scale, weight_decay, COUPLED: tl.constexpr, MAXIMIZE: tl.constexpr, SCALED: tl.constexpr, COMPUTE: tl.constexpr):  # fmt: skip  # noqa: E501
    """The g of the formulas."""
    if SCALED:
        g = divided(g, tl.load(grad_scale).to(COMPUTE), COMPUTE)
    if MAXIMIZE:
        g = -g
    if COUPLED:
        g = g + weight_decay * p
    return g


@triton.jit
def _square_sum(
    param, grad, offsets, numel, grad_scale, weight_decay,
    COUPLED: tl.constexpr, MAXIMIZE: tl.constexpr, SCALED: tl.constexpr, COMPUTE: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    mask = offsets < numel
    g = read(grad, offsets, mask, COMPUTE, MASKED)
    p = g
    if COUPLED:
        p = read(param, offsets, mask, COMPUTE, MASKED)
    g = _gradient(g, p, grad_scale, weight_decay, COUPLED, MAXIMIZE, SCALED, COMPUTE)
    return tl.sum(g * g)


@triton.jit(do_not_specialize=["count"])
def square_sums(
    table, grads, owners, partial, grad_scale, weight_decay: tl.float64, count,
    COUPLED: tl.constexpr, MAXIMIZE: tl.constexpr, SCALED: tl.constexpr,
    COMPUTE: tl.constexpr, ELEMENT: tl.constexpr, GRADIENT: tl.constexpr, ALIGNED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """partial[c] = the sum of g**2 over chunk c, of the tensor owners[c]. Grid: the chunks."""
    chunk = tl.program_id(0)
    tensor = tl.load(owners + chunk)
    numel = tl.load(table + _NUMEL * count + tensor)
    start = (chunk - tl.load(table + _FIRST_CHUNK * count + tensor)) * BLOCK
    offsets = start + tl.arange(0, BLOCK)
    param = pointer_to(table + _PARAM * count, tensor, ELEMENT, ALIGNED)
    grad = pointer_to(grads, tensor, GRADIENT, ALIGNED)
    wd = tl.full((), weight_decay, COMPUTE)
    if start + BLOCK <= numel:
        total = _square_sum(param, grad, offsets, numel, grad_scale, wd, COUPLED, MAXIMIZE, SCALED, COMPUTE, False)
        tl.store(partial + chunk, total)
    else:
        total = _square_sum(param, grad, offsets, numel, grad_scale, wd, COUPLED, MAXIMIZE, SCALED, COMPUTE, True)
        tl.store(partial + chunk, total)


@triton.jit
def _bias_correction(t, log_beta):
    """1 - beta**t in float64 without cancellation: expm1 by Kahan's quotient, since Triton has none."""
    exponent = t * log_beta
    power = tl.exp(exponent)
    below = power - 1.0
    exact = tl.where(below == -1.0, 1.0, -below * exponent / tl.log(power))
    return tl.where(power == 1.0, -exponent, exact)


@triton.jit(do_not_specialize=["count"])
def scalars(
    table, partial, out, lr_tensor, found_inf,
    lr: tl.float64, beta1: tl.float64, beta2: tl.float64, log_beta1: tl.float64, log_beta2: tl.float64,
    eps: tl.float64, gamma: tl.float64, weight_decay: tl.float64, largest: tl.float64, rho_inf: tl.float64, count,
    RULE: tl.constexpr, CORRECTED: tl.constexpr, GUARDED: tl.constexpr, LR_IS_TENSOR: tl.constexpr,
    FOUND: tl.constexpr, COMPUTE: tl.constexpr, BLOCK: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """Count the step, update e, and leave a row of `SCALARS`. Grid: the tensors. All arithmetic is float64."""
    tensor = tl.program_id(0)
    goes = tl.load(found_inf) == 0.0 if FOUND else tensor >= 0
    step = pointer_to(table + _STEP * count, tensor, tl.float32, False)
    counted = tl.load(step) + 1.0
    tl.store(step, counted, mask=goes)
    t = counted.to(tl.float64)
    row = out + tensor * _WIDTH
    if CORRECTED:
        first = tl.load(table + _FIRST_CHUNK * count + tensor)
        chunks = tl.cdiv(tl.load(table + _NUMEL * count + tensor), BLOCK)
        sums = tl.zeros((LANES,), tl.float64)
        for begin in range(0, chunks, LANES):
            index = begin + tl.arange(0, LANES)
            sums += tl.load(partial + first + index, mask=index < chunks, other=0.0).to(tl.float64)
        norm = tl.sqrt(tl.sum(sums))
        average = pointer_to(table + _EXP_GRAD_NORM * count, tensor, COMPUTE, False)
        e = gamma * tl.load(average).to(tl.float64) + (1.0 - gamma) * norm
        tl.store(average, e.to(COMPUTE), mask=goes)
        # A norm of zero: the factor is 1. One of NaN: so is the factor.
        factor = e / tl.where(norm == 0.0, float("inf"), norm)
        factor = tl.where(factor < 1.0, 1.0, factor)
        factor = tl.where(factor > largest, largest, factor)
        if GUARDED:
            cap = 1.0 + 1.0 / tl.sqrt(t)
            factor = tl.where(factor > cap, cap, factor)
        tl.store(row + _FACTOR, factor.to(COMPUTE))
    rate = t * 0.0 + lr
    if LR_IS_TENSOR:
        rate = tl.load(lr_tensor).to(tl.float64)
    correction2 = _bias_correction(t, log_beta2)
    step_size = rate / _bias_correction(t, log_beta1)
    if RULE == "radam":
        rho = rho_inf - 2.0 * t * (1.0 - correction2) / correction2
        divides = (rho >= _RECTIFIABLE) & (t * 0.0 + rho_inf >= _RECTIFIABLE)
        safe = tl.where(divides, rho, rho_inf)
        ratio = (safe - 4.0) * (safe - 2.0) * rho_inf / ((rho_inf - 4.0) * (rho_inf - 2.0) * safe)
        step_size = tl.where(divides, step_size * tl.sqrt(correction2 * ratio), step_size)
        tl.store(row + _DIVIDES, divides.to(COMPUTE))
        tl.store(row + _EPS, tl.full((), eps, COMPUTE))
    else:
        root = tl.sqrt(correction2)
        step_size = step_size * root
        tl.store(row + _EPS, (root * eps).to(COMPUTE))
    tl.store(row + _STEP_SIZE, step_size.to(COMPUTE))
    tl.store(row + _DECAY, (1.0 - rate * weight_decay).to(COMPUTE))
    tl.store(row + _WEIGHT_DECAY, tl.full((), weight_decay, COMPUTE))
    tl.store(row + _BETA1, tl.full((), beta1, COMPUTE))
    tl.store(row + _WEIGHT1, tl.full((), 1.0 - beta1, COMPUTE))
    tl.store(row + _BETA2, tl.full((), beta2, COMPUTE))
    tl.store(row + _WEIGHT2, tl.full((), 1.0 - beta2, COMPUTE))


@triton.jit
def _update(
    table, grads, row, grad_scale, tensor, offsets, count,
    RULE: tl.constexpr, CORRECTED: tl.constexpr, BELIEF_S: tl.constexpr, AMSGRAD: tl.constexpr,
    COUPLED: tl.constexpr, DECOUPLED: tl.constexpr, MAXIMIZE: tl.constexpr, SCALED: tl.constexpr,
    COMPUTE: tl.constexpr, ELEMENT: tl.constexpr, STATE: tl.constexpr, GRADIENT: tl.constexpr, ALIGNED: tl.constexpr,
    MASKED: tl.constexpr,
):  # fmt: skip
    mask = offsets < tl.load(table + _NUMEL * count + tensor)
    param = pointer_to(table + _PARAM * count, tensor, ELEMENT, ALIGNED)
    exp_avg = pointer_to(table + _EXP_AVG * count, tensor, STATE, ALIGNED)
    exp_avg_sq = pointer_to(table + _EXP_AVG_SQ * count, tensor, STATE, ALIGNED)
    p = read(param, offsets, mask, COMPUTE, MASKED)
    m = read(exp_avg, offsets, mask, COMPUTE, MASKED)
    v = read(exp_avg_sq, offsets, mask, COMPUTE, MASKED)
    g = read(pointer_to(grads, tensor, GRADIENT, ALIGNED), offsets, mask, COMPUTE, MASKED)
    g = _gradient(g, p, grad_scale, tl.load(row + _WEIGHT_DECAY), COUPLED, MAXIMIZE, SCALED, COMPUTE)
    if DECOUPLED:
        p = p * tl.load(row + _DECAY)
    s = g
    if CORRECTED:
        s = g * tl.load(row + _FACTOR)
    beta1 = tl.load(row + _BETA1)
    weight1 = tl.load(row + _WEIGHT1)
    if RULE == "adabelief":
        # The interpolating form, which is exact where m = s or beta1 = 0: their difference is squared below.
        m = tl.where(weight1 < 0.5, m + weight1 * (s - m), s - beta1 * (s - m))
        x = s - m
        if not BELIEF_S:
            x = g - m
    else:
        m = beta1 * m + weight1 * s
        x = g
    v = tl.load(row + _BETA2) * v + tl.load(row + _WEIGHT2) * x * x
    write(exp_avg, offsets, m, mask, MASKED)
    write(exp_avg_sq, offsets, v, mask, MASKED)
    if AMSGRAD:
        max_exp_avg_sq = pointer_to(table + _MAX_EXP_AVG_SQ * count, tensor, STATE, ALIGNED)
        so_far = read(max_exp_avg_sq, offsets, mask, COMPUTE, MASKED)
        v = tl.where(v <= so_far, so_far, v)  # NaN on the left stays
        v = tl.where(so_far != so_far, so_far, v)
        write(max_exp_avg_sq, offsets, v, mask, MASKED)
    direction = m
    if RULE == "diffgrad":
        previous_grad = pointer_to(table + _PREVIOUS_GRAD * count, tensor, STATE, ALIGNED)
        change = tl.abs(read(previous_grad, offsets, mask, COMPUTE, MASKED) - g)
        direction = divided(m, 1.0 + tl.exp(-change), COMPUTE)
        write(previous_grad, offsets, g, mask, MASKED)
    denom = rooted(v, COMPUTE) + tl.load(row + _EPS)
    denom = tl.where(denom == 0.0, float("inf"), denom)  # such a coordinate stays
    if RULE == "radam":
        denom = tl.where(tl.load(row + _DIVIDES) == 0.0, 1.0, denom)
    p = p - tl.load(row + _STEP_SIZE) * divided(direction, denom, COMPUTE)
    write(param, offsets, p, mask, MASKED)


@triton.jit(do_not_specialize=["count"])
def update(
    table, grads, owners, rows, grad_scale, found_inf, count,
    RULE: tl.constexpr, CORRECTED: tl.constexpr, BELIEF_S: tl.constexpr, AMSGRAD: tl.constexpr,
    COUPLED: tl.constexpr, DECOUPLED: tl.constexpr, MAXIMIZE: tl.constexpr, SCALED: tl.constexpr, FOUND: tl.constexpr,
    COMPUTE: tl.constexpr, ELEMENT: tl.constexpr, STATE: tl.constexpr, GRADIENT: tl.constexpr, ALIGNED: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Move a chunk of parameters and their state. Grid: the chunks."""
    chunk = tl.program_id(0)
    tensor = tl.load(owners + chunk)
    numel = tl.load(table + _NUMEL * count + tensor)
    start = (chunk - tl.load(table + _FIRST_CHUNK * count + tensor)) * BLOCK
    offsets = start + tl.arange(0, BLOCK)
    row = rows + tensor * _WIDTH
    goes = tl.load(found_inf) == 0.0 if FOUND else chunk >= 0
    if goes:
        if start + BLOCK <= numel:
            _update(table, grads, row, grad_scale, tensor, offsets, count, RULE, CORRECTED, BELIEF_S, AMSGRAD,
                    COUPLED, DECOUPLED, MAXIMIZE, SCALED, COMPUTE, ELEMENT, STATE, GRADIENT, ALIGNED,
                    False)  # fmt: skip
        else:
            _update(table, grads, row, grad_scale, tensor, offsets, count, RULE, CORRECTED, BELIEF_S, AMSGRAD,
                    COUPLED, DECOUPLED, MAXIMIZE, SCALED, COMPUTE, ELEMENT, STATE, GRADIENT, ALIGNED,
                    True)  # fmt: skip
