"""The loops of the fused step on a CPU, compiled by numba at their first call: norms, and the update.

All tensors stand one after another in a range of elements that is cut into tasks; a task works on `[first, last)`
of it and leaves Python's lock alone, so that threads share the tasks. `addresses` has a row a tensor with the columns
of `POINTERS`, `offsets` says where each tensor begins (and the last one ends), `numbers` has a row of scalars a tensor
with the columns of `NUMBERS`, in the dtype of the tensors.
"""

import math
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

POINTERS = ("param", "grad", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "previous_grad", "exp_grad_norm")
NUMBERS = (
    *("sign", "scale", "weight_decay", "keep", "beta1", "weight1", "beta2", "weight2"),
    *("factor", "step_size", "eps", "trusted"),
)
RULES = ("adam", "amsgrad", "diffgrad", "radam", "adabelief s", "adabelief g")

PARAM, GRAD, EXP_AVG, EXP_AVG_SQ, MAX_EXP_AVG_SQ, PREVIOUS_GRAD, EXP_GRAD_NORM = range(len(POINTERS))
SIGN, SCALE, WEIGHT_DECAY, KEEP, BETA1, WEIGHT1, BETA2, WEIGHT2 = range(8)
FACTOR, STEP_SIZE, EPS, TRUSTED = range(8, len(NUMBERS))
ADAM, AMSGRAD, DIFFGRAD, RADAM, ADABELIEF_S, ADABELIEF_G = range(len(RULES))

_ROW = 2048  # elements whose altered gradients stay in the first cache


def _compiled(function: Any = None, **options: Any) -> Any:
    if function is None:
        return lambda f: _compiled(f, **options)
    dispatcher = numba.njit(nogil=True, error_model="numpy", **options)(function)
    try:
        dispatcher.enable_caching()
    except RuntimeError:  # no folder for it can be written: every process compiles anew
        return dispatcher
    return dispatcher


@intrinsic
def _pointer(context, address):
    def generate(_context, builder, _signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@intrinsic
def _bits_as_float32(context, bits):
    def generate(context, builder, _signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.int32), generate


def _exp_of_negative(x: Any) -> Any:
    """exp(x) for x <= 0, where 1 is added to it."""
    raise NotImplementedError  # compiled only


@overload(_exp_of_negative)
def _exp(x):
    if x is not types.float32:
        return lambda x: math.exp(x)

    log2e, high, low = np.float32(1.4426950408889634), np.float32(0.693359375), np.float32(-2.12194440e-4)
    floor, half, one, bias = np.float32(-87.0), np.float32(0.5), np.float32(1.0), np.int32(127)
    c3, c4, c5, c6, c7 = (np.float32(1 / math.factorial(n)) for n in range(3, 8))

    def exp(x):
        # The C library's exp is no vector code. exp(x) = 2**n * exp(r), |r| <= log(2) / 2: Taylor's rest is
        # 5e-9; below the floor it vanishes beside 1.
        x = max(x, floor)
        n = np.floor(x * log2e + half)
        r = (x - n * high) - n * low
        tail = half + r * (c3 + r * (c4 + r * (c5 + r * (c6 + r * c7))))
        return (one + (r + (r * r) * tail)) * _bits_as_float32((np.int32(n) + bias) << np.int32(23))  # type: ignore[call-arg]

    return exp


@_compiled
def _memory(address, size, like):
    return numba.carray(_pointer(address), (size,), like.dtype)  # type: ignore[call-arg]


@_compiled
def _array(addresses, tensor, column, offsets, numbers):
    return _memory(addresses[tensor, column], offsets[tensor + 1] - offsets[tensor], numbers)


@_compiled
def read_averages(addresses, values):
    """Set `values` to the average norms of all tensors."""
    for tensor in range(values.size):
        values[tensor] = _memory(addresses[tensor, EXP_GRAD_NORM], 1, values)[0]


@_compiled
def write_averages(addresses, values):
    """Set the average norms of all tensors to `values`."""
    for tensor in range(values.size):
        _memory(addresses[tensor, EXP_GRAD_NORM], 1, values)[0] = values[tensor]


@_compiled
def _altered(row, g, p, numbers):
    """The g of the formulas: unscaled, negated to ascend, with the coupled decay; `g` itself if that is nothing."""
    sign, scale, decay = numbers[SIGN], numbers[SCALE], numbers[WEIGHT_DECAY]
    if sign == 1 and scale == 1 and decay == 0:
        return g
    own = row[: g.size]
    for i in range(g.size):
        own[i] = sign * (g[i] / scale)
    if decay != 0:
        for i in range(g.size):
            own[i] += decay * p[i]
    return own


# Squares of float32 cannot leave float64's range, and 2**29 of them lose no more than one rounding to float32.
# Two halves at once, because memory answers two streams faster than one.
@_compiled(fastmath={"reassoc", "nsz", "contract"})
def _sum_of_squares(g):
    half = g.size // 2
    first, second = g[:half], g[half : 2 * half]
    one, other = 0.0, 0.0
    for i in range(half):
        x, y = np.float64(first[i]), np.float64(second[i])
        one += x * x
        other += y * y
    if g.size % 2:
        one += np.float64(g[-1]) * np.float64(g[-1])
    return one + other


@_compiled
def add_squares(first, last, task, addresses, offsets, numbers, sums):
    """Set `sums[task + tensor]` to the sum of squares of the part of each tensor that lies in `[first, last)`."""
    row = np.empty(_ROW, numbers.dtype)
    tensor = np.searchsorted(offsets, first, side="right") - 1
    while first < last:
        while offsets[tensor + 1] <= first:
            tensor += 1
        end = min(last, offsets[tensor + 1])
        start, stop = first - offsets[tensor], end - offsets[tensor]
        p = _array(addresses, tensor, PARAM, offsets, numbers)
        g = _array(addresses, tensor, GRAD, offsets, numbers)
        total = 0.0
        if numbers[tensor, SCALE] == 1 and numbers[tensor, WEIGHT_DECAY] == 0:  # a sign makes no difference
            total = _sum_of_squares(g[start:stop])
        else:
            for a in range(start, stop, _ROW):
                b = min(a + _ROW, stop)
                total += _sum_of_squares(_altered(row, g[a:b], p[a:b], numbers[tensor]))
        sums[task + tensor] = total
        first = end


@_compiled
def _averages(x, m, v, n):
    """The new first and second moment of an element whose gradient is x."""
    return n[BETA1] * m + (n[WEIGHT1] * n[FACTOR]) * x, n[BETA2] * v + (n[WEIGHT2] * x) * x


@_compiled
def _moved(p, direction, square, n):
    """The parameter after its step; it stays where the denominator would be zero."""
    denominator = np.sqrt(square) + n[EPS]
    if denominator == 0:
        denominator = n.dtype.type(np.inf)
    return n[KEEP] * p - n[STEP_SIZE] * direction / denominator


@_compiled
def _adam(p, g, m, v, n):
    for i in range(p.size):
        m[i], v[i] = _averages(g[i], m[i], v[i], n)
        p[i] = _moved(p[i], m[i], v[i], n)


@_compiled
def _amsgrad(p, g, m, v, largest, n):
    for i in range(p.size):
        m[i], v[i] = _averages(g[i], m[i], v[i], n)
        largest[i] = largest[i] if largest[i] >= v[i] else v[i]
        p[i] = _moved(p[i], m[i], largest[i], n)


@_compiled
def _diffgrad(p, g, m, v, previous, n):
    one = n.dtype.type(1)
    for i in range(p.size):
        friction = one / (one + _exp_of_negative(-abs(previous[i] - g[i])))
        previous[i] = g[i]
        m[i], v[i] = _averages(g[i], m[i], v[i], n)
        p[i] = _moved(p[i], friction * m[i], v[i], n)


@_compiled
def _untrusted(p, g, m, v, n):
    """RAdam's step before it trusts v."""
    for i in range(p.size):
        m[i], v[i] = _averages(g[i], m[i], v[i], n)
        p[i] = n[KEEP] * p[i] - n[STEP_SIZE] * m[i]


@_compiled
def _adabelief(p, g, m, v, of_s, n):
    # The average as a step from m, or from s where that is nearer: the spread of s = m is exactly zero.
    from_m = n[WEIGHT1] < 0.5
    for i in range(p.size):
        s = n[FACTOR] * g[i]
        away = s - m[i]
        m[i] = m[i] + n[WEIGHT1] * away if from_m else s - n[BETA1] * away
        spread = (s if of_s else g[i]) - m[i]
        v[i] = n[BETA2] * v[i] + (n[WEIGHT2] * spread) * spread
        p[i] = _moved(p[i], m[i], v[i], n)


@_compiled
def update(first, last, task, rule, addresses, offsets, numbers):
    """Move what lies in `[first, last)`; `rule` is an index of `RULES`, and `task` is not used."""
    row = np.empty(_ROW, numbers.dtype)
    tensor = np.searchsorted(offsets, first, side="right") - 1
    while first < last:
        while offsets[tensor + 1] <= first:
            tensor += 1
        end = min(last, offsets[tensor + 1])
        p = _array(addresses, tensor, PARAM, offsets, numbers)
        g = _array(addresses, tensor, GRAD, offsets, numbers)
        m = _array(addresses, tensor, EXP_AVG, offsets, numbers)
        v = _array(addresses, tensor, EXP_AVG_SQ, offsets, numbers)
        largest = _array(addresses, tensor, MAX_EXP_AVG_SQ, offsets, numbers)
        previous = _array(addresses, tensor, PREVIOUS_GRAD, offsets, numbers)
        n = numbers[tensor]
        for a in range(first - offsets[tensor], end - offsets[tensor], _ROW):
            b = min(a + _ROW, end - offsets[tensor])
            x = _altered(row, g[a:b], p[a:b], n)
            if rule == AMSGRAD:
                _amsgrad(p[a:b], x, m[a:b], v[a:b], largest[a:b], n)
            elif rule == DIFFGRAD:
                _diffgrad(p[a:b], x, m[a:b], v[a:b], previous[a:b], n)
            elif rule in (ADABELIEF_S, ADABELIEF_G):
                _adabelief(p[a:b], x, m[a:b], v[a:b], rule == ADABELIEF_S, n)
            elif rule == RADAM and n[TRUSTED] == 0:
                _untrusted(p[a:b], x, m[a:b], v[a:b], n)
            else:
                _adam(p[a:b], x, m[a:b], v[a:b], n)
        first = end
