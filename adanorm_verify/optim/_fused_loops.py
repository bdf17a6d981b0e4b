"""The loops of the fused step on a CPU, compiled by numba at their first call: norms, factors, and the update.

All tensors stand one after another in a range of elements. It is cut into windows, each of whole tensors, and these
into tasks, which threads share. A window's update begins when all of its norms are there, and while its gradients,
unless they are too many, are still in the cache. All is in one file, because numba's cache asks whether the file of a
function has changed, and not those of the functions that it calls.
"""

import math
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

POINTERS = ("param", "grad", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "previous_grad", "exp_grad_norm")
NUMBERS = (
    *("sign", "scale", "weight_decay", "keep", "beta1", "weight1", "beta2", "weight2"),
    *("gamma", "weight_gamma", "cap", "factor", "step_size", "eps", "trusted"),
)
RULES = ("adam", "amsgrad", "diffgrad", "radam", "adabelief s", "adabelief g")

PARAM, GRAD, EXP_AVG, EXP_AVG_SQ, MAX_EXP_AVG_SQ, PREVIOUS_GRAD, EXP_GRAD_NORM = range(len(POINTERS))
SIGN, SCALE, WEIGHT_DECAY, KEEP, BETA1, WEIGHT1, BETA2, WEIGHT2 = range(8)
GAMMA, WEIGHT_GAMMA, CAP, FACTOR, STEP_SIZE, EPS, TRUSTED = range(8, len(NUMBERS))
ADAM, AMSGRAD, DIFFGRAD, RADAM, ADABELIEF_S, ADABELIEF_G = range(len(RULES))

ROW = 2048  # elements whose altered gradients stay in the first cache

_COUNTS = ("entered", "waiting", "claimed_norms", "claimed_updates", "norms", "updates")
_SIZES = ("task_size", "rule", "tensors", "windows")
_ARRAYS = ("addresses", "offsets", "numbers", "first_tensors", "first_tasks", "done", "sums", "rows")


@cache
def job_dtype(dtype: np.dtype) -> np.dtype:
    """What `step(dtype)` is given the address of: counts, and the addresses of arrays.

    Threads count, from 0, those of them that `entered` and those that are `waiting`, and the tasks that they claimed,
    of `norms` (0 without a correction) and of `updates`. `rule` is an index of `RULES`. Of the arrays,

        addresses      has a row a tensor, the columns those of `POINTERS`; int64, as all that follow but for `numbers`
        offsets        where each tensor begins, and the last one ends
        numbers        has a row of scalars a tensor, the columns those of `NUMBERS`; `dtype`
        first_tensors  of each window, and one more; `first_tasks` likewise, every window having one or more
        done           of each window, the tasks whose norms are there, and 1 when the factors are; 0 at first
        sums           as in `_add_squares`; float64
        rows           of ROW elements, one a thread; `dtype`

    and `like` is there for its dtype.
    """
    return np.dtype([*((name, np.int64) for name in (*_COUNTS, *_SIZES, *_ARRAYS)), ("like", dtype, (1,))])


def _compiled(function: Any = None, **options: Any) -> Any:
    if function is None:
        return lambda f: _compiled(f, **options)
    return numba.njit(nogil=True, error_model="numpy", **options)(function)


@intrinsic
def _add_one(context, address):
    """The number at an address, to which 1 is then added; no other thread sees it in between."""

    def generate(context, builder, _signature, arguments):
        pointer = builder.inttoptr(arguments[0], context.get_value_type(types.int64).as_pointer())
        return builder.atomic_rmw("add", pointer, context.get_constant(types.int64, 1), "acq_rel")

    return types.int64(types.int64), generate


@intrinsic
def _now(context, address):
    """The number at an address; what another thread wrote before it wrote that is then seen too."""

    def generate(context, builder, _signature, arguments):
        pointer = builder.inttoptr(arguments[0], context.get_value_type(types.int64).as_pointer())
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def _replace(context, address, old, new):
    """Whether the number at an address was `old`, and has been replaced."""

    def generate(_context, builder, _signature, arguments):
        pointer = builder.inttoptr(arguments[0], arguments[1].type.as_pointer())
        return builder.extract_value(builder.cmpxchg(pointer, arguments[1], arguments[2], "acq_rel", "acquire"), 1)

    return types.boolean(types.int64, types.int64, types.int64), generate


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
def _add_squares(first, last, task, addresses, offsets, numbers, sums, row):
    """Set `sums[task + tensor]` to the sum of squares of the part of each tensor that lies in `[first, last)`."""
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
            for a in range(start, stop, ROW):
                b = min(a + ROW, stop)
                total += _sum_of_squares(_altered(row, g[a:b], p[a:b], numbers[tensor]))
        sums[task + tensor] = total
        first = end


@_compiled
def correct(tensor, norm, addresses, numbers):
    """Average the norm of a tensor in, and set its factor: `norm_correction` once more, for one number."""
    n = numbers[tensor]
    average = _memory(addresses[tensor, EXP_GRAD_NORM], 1, numbers)
    away = norm - average[0]
    average[0] = average[0] + n[WEIGHT_GAMMA] * away if n[WEIGHT_GAMMA] < 0.5 else norm - n[GAMMA] * away
    ratio = average[0] / (n.dtype.type(np.inf) if norm == 0 else norm)
    ratio = n.dtype.type(1) if ratio < 1 else ratio
    n[FACTOR] = n[CAP] if ratio > n[CAP] else ratio


@_compiled
def _correct_window(tensors, task, task_size, addresses, offsets, numbers, sums):
    """Correct the tensors of a window whose first task is `task`."""
    begin = offsets[tensors[0]]
    for tensor in range(tensors[0], tensors[1]):
        total = 0.0
        if offsets[tensor] < offsets[tensor + 1]:
            first = task + (offsets[tensor] - begin) // task_size
            last = task + (offsets[tensor + 1] - 1 - begin) // task_size
            for part in range(first, last + 1):
                total += sums[part + tensor]
        correct(tensor, numbers.dtype.type(np.sqrt(total)), addresses, numbers)


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
def _update(first, last, rule, addresses, offsets, numbers, row):
    """Move what lies in `[first, last)`."""
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
        for a in range(first - offsets[tensor], end - offsets[tensor], ROW):
            b = min(a + ROW, end - offsets[tensor])
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


@cache
def step(dtype: np.dtype) -> Any:
    """A compiled function of the address of a job, in which every thread that calls it takes part.

    A thread that would have to wait for norms returns, and all others after it: waiting is left to who called them.
    Calling it again, with nobody waiting and nobody entered, completes the step.
    """

    def work(pointer):
        whole = numba.carray(pointer, 1)
        job = whole[0]
        waiting = whole["waiting"].ctypes.data
        claimed_norms, claimed_updates = whole["claimed_norms"].ctypes.data, whole["claimed_updates"].ctypes.data
        addresses = numba.carray(_pointer(job.addresses), (job.tensors, len(POINTERS)), np.int64)  # type: ignore[call-arg]
        offsets = numba.carray(_pointer(job.offsets), job.tensors + 1, np.int64)
        numbers = numba.carray(_pointer(job.numbers), (job.tensors, len(NUMBERS)), job.like.dtype)
        first_tensors = numba.carray(_pointer(job.first_tensors), job.windows + 1, np.int64)
        first_tasks = numba.carray(_pointer(job.first_tasks), job.windows + 1, np.int64)
        sums = numba.carray(_pointer(job.sums), job.updates + job.tensors, np.float64)
        thread = _add_one(whole["entered"].ctypes.data)
        row = _memory(job.rows + thread * ROW * job.like.itemsize, ROW, job.like)

        above = here = 0  # the windows of the last norm and of the next update
        while _now(waiting) == 0:
            update = _now(claimed_updates)
            if update == job.updates:
                return
            while first_tasks[here + 1] <= update:
                here += 1
            if job.norms == 0 or _now(job.done + 8 * here) > first_tasks[here + 1] - first_tasks[here]:
                if _replace(claimed_updates, update, update + 1):
                    # From the window's end: there the gradients are still in the cache, even of large tensors.
                    first = offsets[first_tensors[here]] + (first_tasks[here + 1] - 1 - update) * job.task_size
                    last = min(first + job.task_size, offsets[first_tensors[here + 1]])
                    _update(first, last, job.rule, addresses, offsets, numbers, row)
                continue
            norm = _add_one(claimed_norms)
            if norm >= job.norms:
                _add_one(waiting)
                return
            while first_tasks[above + 1] <= norm:
                above += 1
            tensors = first_tensors[above : above + 2]
            first = offsets[tensors[0]] + (norm - first_tasks[above]) * job.task_size
            last = min(first + job.task_size, offsets[tensors[1]])
            _add_squares(first, last, norm, addresses, offsets, numbers, sums, row)
            if _add_one(job.done + 8 * above) + 1 == first_tasks[above + 1] - first_tasks[above]:
                _correct_window(tensors, first_tasks[above], job.task_size, addresses, offsets, numbers, sums)
                _add_one(job.done + 8 * above)

    pointer = types.CPointer(numba.from_dtype(job_dtype(dtype)))
    try:
        return numba.cfunc(types.void(pointer), cache=True, error_model="numpy")(work)  # what it calls is kept with it
    except RuntimeError:  # no folder for it can be written: every process compiles anew
        return numba.cfunc(types.void(pointer), error_model="numpy")(work)
