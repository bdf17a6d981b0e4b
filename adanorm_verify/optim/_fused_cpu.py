"""The fused step on a CPU: every tensor in one pass for its norm and one for its update.

The loops are numba's: torch's own fused kernels cannot average a corrected gradient, and torch's compiler wants a
C++ compiler, a compilation a list of shapes, and a kernel a tensor. Threads are as many as torch uses, and its own
where that can be (`_threads`): numba's cannot be forked, or cannot be entered twice. Sums do not depend on them.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from . import _fused_loops as loops
from . import _threads
from ._moments import adam_scalars
from ._options import Options, compute_dtype
from ._tensors import STORED, Tensors, cut
from .norm_correction import guard_cap
from .radam import radam_scalars

_TASK = 2**16  # elements: a quarter of a megabyte of each tensor, long beside a call and short beside a step
_WINDOW = 2**20  # elements: four megabytes of gradients
_ONE = torch.ones(())  # a number would be made one for each tensor
_LARGEST = {dtype: torch.finfo(dtype).max for dtype in (torch.float32, torch.float64)}
_COPIED = 2**22  # elements that are copied at once, where copies are needed


def fused_step(
    rule: str, tensors: list[Tensors[Tensor]], options: Options, grad_scale: Tensor | None, found_inf: Tensor | None
) -> None:
    """The whole step in place, as `_fused.FusedStep` says. The first one of a dtype compiles for some seconds."""
    if found_inf is not None and found_inf.item() != 0:
        return
    scale = 1.0 if grad_scale is None else grad_scale.item()
    for dtype in dict.fromkeys(compute_dtype(one.param.dtype) for one in tensors):
        found = [(one, _addresses(one, dtype)) for one in tensors if compute_dtype(one.param.dtype) == dtype]
        if in_place := [(one, where) for one, where in found if where]:
            _step([one for one, _ in in_place], [where for _, where in in_place], rule, options, scale)
        for raw in cut([one for one, where in found if not where], _COPIED):
            working = [_copied(one, dtype) for one in raw]
            _step(working, [_addresses(one, dtype) for one in working], rule, options, scale)
            for one, copy in zip(raw, working, strict=True):
                _store(copy, one)
    torch.autograd.graph.increment_version([one.param for one in tensors if not one.param.is_inference()])


def _addresses(tensors: Tensors[Tensor], dtype: torch.dtype) -> list[int]:
    """Where the tensors of `loops.POINTERS` begin, 0 for none; empty if the loops cannot walk them side by side."""
    t = tensors
    elementwise = [t.param, t.grad, t.exp_avg, t.exp_avg_sq, t.max_exp_avg_sq, t.previous_grad]
    found, contiguous = [], True
    for each in (*elementwise, t.exp_grad_norm):
        if each is None:
            found.append(0)
        elif each.dtype is dtype and not each.is_neg():
            contiguous = contiguous and each.is_contiguous()
            found.append(each.data_ptr())
        else:
            return []
    if contiguous:
        return found
    order = sorted(range(t.param.dim()), key=t.param.stride, reverse=True)
    dense = t.param.permute(order).is_contiguous()
    alike = all(each is None or each.stride() == t.param.stride() for each in elementwise)
    return found if dense and alike else []


def _copied(tensors: Tensors[Tensor], dtype: torch.dtype) -> Tensors[Tensor]:
    present = {name: t for name in loops.POINTERS if (t := getattr(tensors, name)) is not None}
    copies = {
        name: torch.empty_like(t, dtype=dtype, memory_format=torch.contiguous_format).copy_(t)
        for name, t in present.items()
    }
    return replace(tensors, **copies)


def _store(working: Tensors[Tensor], raw: Tensors[Tensor]) -> None:
    for name in STORED:
        target, source = getattr(raw, name), getattr(working, name)
        if target is not source:
            target.copy_(source)


def _step(
    tensors: Sequence[Tensors[Tensor]], where: list[list[int]], rule: str, options: Options, scale: float
) -> None:
    steps = [one.step for one in tensors]
    torch._foreach_add_(steps, _ONE, alpha=1.0)
    counts = [step.item() for step in steps]
    numbers = _numbers(counts, rule, options, scale, tensors[0].param.dtype)
    offsets, first_tensors, first_tasks = _windows(tuple(one.param.numel() for one in tensors), _WINDOW, _TASK)
    tasks = int(first_tasks[-1])
    threads = min(tasks, torch.get_num_threads())
    table, done = np.array(where, dtype=np.int64), np.zeros(len(first_tasks) - 1, dtype=np.int64)
    sums, rows = np.empty(tasks + len(tensors)), np.empty((threads, loops.ROW), numbers.dtype)
    corrects = options.gamma is not None and tensors[0].exp_grad_norm is not None
    counts_of_job = (0, 0, 0, 0, tasks if corrects else 0, tasks)
    sizes = (_TASK, loops.RULES.index(_with_options(rule, options)), len(tensors), len(done))
    arrays = (table, offsets, numbers, first_tensors, first_tasks, done, sums, rows)
    job = np.array(
        (*counts_of_job, *sizes, *(array.ctypes.data for array in arrays), 0), loops.job_dtype(numbers.dtype)
    )
    while job["claimed_updates"] < tasks:  # twice where threads had to wait for each other's norms
        job["entered"] = job["waiting"] = 0
        _threads.run(loops.step(numbers.dtype), job.ctypes.data, threads)


@lru_cache(maxsize=16)
def _windows(numels: tuple[int, ...], window: int, task: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`offsets`, `first_tensors` and `first_tasks` of `loops.job_dtype`."""
    offsets = np.cumsum([0, *numels], dtype=np.int64)
    starts = [0]
    for tensor in range(1, len(numels)):
        if offsets[tensor + 1] - offsets[starts[-1]] > window:
            starts.append(tensor)
    first_tensors = np.array([*starts, len(numels)], dtype=np.int64)
    tasks = np.maximum(1, -(-np.diff(offsets[first_tensors]) // task))  # one for norms of nothing, which count too
    return offsets, first_tensors, np.cumsum([0, *tasks], dtype=np.int64)


def _with_options(rule: str, options: Options) -> str:
    if rule == "adabelief":
        return f"{rule} {options.belief}"
    return "amsgrad" if rule == "adam" and options.amsgrad else rule


def _numbers(counts: list[float], rule: str, options: Options, scale: float, dtype: torch.dtype) -> np.ndarray:
    """The scalars of every tensor's loops, with a factor of 1."""
    lr = options.lr.item() if isinstance(options.lr, Tensor) else options.lr
    coupled = 0.0 if options.decoupled_weight_decay else options.weight_decay
    keep = 1.0 - lr * (options.weight_decay - coupled)
    of_gradient = (-1.0 if options.maximize else 1.0, scale, coupled, keep)
    of_moments = (options.beta1, 1.0 - options.beta1, options.beta2, 1.0 - options.beta2)
    of_norm = (0.0, 0.0) if options.gamma is None else (options.gamma, 1.0 - options.gamma)

    def row(count: float) -> tuple[float, ...]:
        cap = guard_cap(count)[0] if options.guard == "decaying" else _LARGEST[dtype]
        if rule == "radam":
            step_size, trusted = radam_scalars(count, lr, options)
            return *of_gradient, *of_moments, *of_norm, cap, 1.0, step_size, options.eps, trusted
        step_size, eps = adam_scalars(count, lr, options)
        return *of_gradient, *of_moments, *of_norm, cap, 1.0, step_size, eps, True

    rows = {count: row(count) for count in set(counts)}
    return np.array([rows[count] for count in counts], dtype=np.float32 if dtype == torch.float32 else np.float64)
