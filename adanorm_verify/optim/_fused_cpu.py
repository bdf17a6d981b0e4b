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
from ._tensors import STORED, Tensors, cut, part
from .norm_correction import guard_cap
from .radam import radam_scalars

# In elements. A quarter of a megabyte of each tensor; with 2**15 to 2**19 a step of 1.6e7 elements, or of ResNet-50's
# tensors, takes the same time to within 3 %.
_TASK = 2**16
_WINDOW = 2**20  # four megabytes of gradients, which a cache of the last level holds beside what is moved
_LARGEST = {dtype: torch.finfo(dtype).max for dtype in (torch.float32, torch.float64)}
_COPIED = 2**22  # what is copied at once, where copies are needed


@torch.compiler.disable  # addresses mean nothing to torch's compiler
def fused_step(
    rule: str, tensors: Tensors[list[Tensor]], options: Options, grad_scale: Tensor | None, found_inf: Tensor | None
) -> None:
    """The whole step in place, as `_fused.FusedStep` says. The first one of a dtype compiles for some seconds."""
    if found_inf is not None and found_inf.item() != 0:
        return
    _check(tensors)
    scale = 1.0 if grad_scale is None else grad_scale.item()
    dtypes = [compute_dtype(param.dtype) for param in tensors.param]
    for dtype in dict.fromkeys(dtypes):
        alike = part(tensors, [i for i, own in enumerate(dtypes) if own is dtype])
        copied = _not_side_by_side(alike, dtype)
        if in_place := [i for i in range(len(alike.param)) if i not in copied]:
            _step(part(alike, in_place), dtype, rule, options, scale)
        for raw in cut(alike, sorted(copied), _COPIED):
            working = _copies(raw, dtype)
            _step(working, dtype, rule, options, scale)
            _store(working, raw)
    torch.autograd.graph.increment_version([param for param in tensors.param if not param.is_inference()])


def _check(tensors: Tensors[list[Tensor]]) -> None:
    """Raise RuntimeError for state of another size than its parameter's, which the loops would run over."""
    numels = list(map(Tensor.numel, tensors.param))
    for name, column in _columns(tensors).items():
        sizes = list(map(Tensor.numel, column))
        if sizes != (wanted := [1] * len(numels) if name == "exp_grad_norm" else numels):
            size, expected = next(pair for pair in zip(sizes, wanted, strict=True) if pair[0] != pair[1])
            raise RuntimeError(f"{name} must have as many elements as its parameter asks for, {expected}, got {size}")


def _columns(tensors: Tensors[list[Tensor]]) -> dict[str, list[Tensor]]:
    """By `loops.POINTERS`, those that there are."""
    columns = {name: getattr(tensors, name) for name in loops.POINTERS}
    return {name: column for name, column in columns.items() if column is not None}


def _not_side_by_side(tensors: Tensors[list[Tensor]], dtype: torch.dtype) -> set[int]:
    """The parameters whose tensors the loops cannot walk as they lie."""
    columns = _columns(tensors)
    right = all(
        {tensor.dtype for tensor in column} == {dtype}
        and all(map(Tensor.is_contiguous, column))
        and not any(map(Tensor.is_neg, column))
        for column in columns.values()
    )
    return set() if right else {i for i, row in enumerate(zip(*columns.values(), strict=True)) if not _fit(row, dtype)}


def _fit(row: Sequence[Tensor], dtype: torch.dtype) -> bool:
    if any(tensor.dtype is not dtype or tensor.is_neg() for tensor in row):
        return False
    if all(tensor.is_contiguous() for tensor in row):
        return True
    param = row[0]
    dense = param.permute(sorted(range(param.dim()), key=param.stride, reverse=True)).is_contiguous()
    return dense and all(tensor.stride() == param.stride() for tensor in row if tensor.dim())  # a norm has none


def _copies(tensors: Tensors[list[Tensor]], dtype: torch.dtype) -> Tensors[list[Tensor]]:
    def copy(tensor: Tensor) -> Tensor:
        if tensor.dtype is dtype and tensor.is_contiguous() and not tensor.is_neg():
            return tensor
        return torch.empty_like(tensor, dtype=dtype, memory_format=torch.contiguous_format).copy_(tensor)

    return replace(tensors, **{name: list(map(copy, column)) for name, column in _columns(tensors).items()})


def _store(working: Tensors[list[Tensor]], raw: Tensors[list[Tensor]]) -> None:
    for name in STORED:
        for target, source in zip(getattr(raw, name) or (), getattr(working, name) or (), strict=True):
            if target is not source:
                target.copy_(source)


def _step(tensors: Tensors[list[Tensor]], dtype: torch.dtype, rule: str, options: Options, scale: float) -> None:
    torch._foreach_add_(tensors.step, torch.ones((), device="cpu"), alpha=1.0)  # a number would be made one for each
    counts = [step.item() for step in tensors.step]
    numbers = _numbers(counts, rule, options, scale, dtype)
    offsets, first_tensors, first_tasks = _windows(tuple(map(Tensor.numel, tensors.param)), _WINDOW, _TASK)
    tasks = int(first_tasks[-1])
    threads = torch.get_num_threads()
    table = np.zeros((len(counts), len(loops.POINTERS)), np.int64)
    for name, column in _columns(tensors).items():
        table[:, loops.POINTERS.index(name)] = list(map(Tensor.data_ptr, column))
    arrays = {
        "addresses": table,
        "offsets": offsets,
        "numbers": numbers,
        "first_tensors": first_tensors,
        "first_tasks": first_tasks,
        "done": np.zeros(len(first_tasks) - 1, np.int64),
        "sums": np.empty(tasks + len(counts)),
        "rows": np.empty((threads, loops.ROW), numbers.dtype),
    }
    corrects = options.gamma is not None and tensors.exp_grad_norm is not None
    values = {name: array.ctypes.data for name, array in arrays.items()} | {
        "norms": tasks if corrects else 0,
        "updates": tasks,
        "task_size": _TASK,
        "rule": loops.RULES.index(_with_options(rule, options)),
        "tensors": len(counts),
        "windows": len(first_tasks) - 1,
    }
    dtype_of_job = loops.job_dtype(numbers.dtype)
    job = np.array(tuple(values.get(name, 0) for name in dtype_of_job.names or ()), dtype_of_job)
    while job["claimed_updates"] < tasks:  # twice where threads had to wait for each other's norms
        job["entered"] = job["waiting"] = 0
        _threads.run(loops.step(numbers.dtype), job.ctypes.data, threads, tasks, keep=(job, arrays, tensors))


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
