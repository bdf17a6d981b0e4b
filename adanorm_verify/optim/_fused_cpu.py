"""The fused step on a CPU: every tensor in one pass for the norms and one for the update.

The loops are numba's: torch's own fused kernels cannot average a corrected gradient, and torch's compiler wants a
C++ compiler, a compilation a list of shapes, and a kernel a tensor. Threads are Python's, as many as torch uses:
numba's own cannot be forked, or cannot be entered twice. Sums do not depend on their number.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from . import _fused_loops as loops
from ._moments import adam_scalars
from ._options import Options, compute_dtype
from ._tensors import STORED, Tensors, cut
from .norm_correction import factors_of_norms, guard_cap
from .radam import radam_scalars

_TASK = 2**17  # elements: half a megabyte of each tensor, long beside a call and short beside a step
_COPIED = 2**22  # elements that are copied at once, where copies are needed


@torch.compiler.disable  # addresses mean nothing to it: a compiled step calls this as it is
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
    torch._foreach_add_(steps, torch.ones(()), alpha=1.0)
    addresses = np.array(where, dtype=np.int64)
    offsets = np.cumsum([0, *(one.param.numel() for one in tensors)], dtype=np.int64)
    counts = [step.item() for step in steps]
    numbers = _numbers(counts, rule, options, scale, tensors[0].param.dtype)
    tasks = range(-(-int(offsets[-1]) // _TASK))
    if options.gamma is not None and tensors[0].exp_grad_norm is not None:
        sums = np.zeros(len(tasks) + len(tensors) + 1)
        _share(tasks, offsets, lambda *task: loops.add_squares(*task, addresses, offsets, numbers, sums))
        firsts = offsets[:-1] // _TASK + np.arange(len(tensors))  # of each tensor's sums, which lie side by side
        norms = np.sqrt(np.add.reduceat(sums, firsts)).astype(numbers.dtype)
        numbers[:, loops.FACTOR] = _factors(norms, addresses, counts, options)
    index = loops.RULES.index(_with_options(rule, options))
    # Backwards: the gradients that the norms read last are still in the cache.
    _share(tasks[::-1], offsets, lambda *task: loops.update(*task, index, addresses, offsets, numbers))


def _with_options(rule: str, options: Options) -> str:
    if rule == "adabelief":
        return f"{rule} {options.belief}"
    return "amsgrad" if rule == "adam" and options.amsgrad else rule


def _numbers(counts: list[float], rule: str, options: Options, scale: float, dtype: torch.dtype) -> np.ndarray:
    """The scalars of every tensor's loops, with a factor of 1."""
    lr = options.lr.item() if isinstance(options.lr, Tensor) else options.lr
    coupled = 0.0 if options.decoupled_weight_decay else options.weight_decay
    shared = {
        "sign": -1.0 if options.maximize else 1.0,
        "scale": scale,
        "weight_decay": coupled,
        "keep": 1.0 - lr * (options.weight_decay - coupled),
        "beta1": options.beta1,
        "weight1": 1.0 - options.beta1,
        "beta2": options.beta2,
        "weight2": 1.0 - options.beta2,
        "factor": 1.0,
    }

    def row(count: float) -> list[float]:
        if rule == "radam":
            step_size, trusted = radam_scalars(count, lr, options)
            own = {"step_size": step_size, "eps": options.eps, "trusted": trusted}
        else:
            step_size, eps = adam_scalars(count, lr, options)
            own = {"step_size": step_size, "eps": eps, "trusted": True}
        return [(shared | own)[name] for name in loops.NUMBERS]

    rows = {count: row(count) for count in set(counts)}
    return np.array([rows[count] for count in counts]).astype(np.float32 if dtype == torch.float32 else np.float64)


def _factors(norms: np.ndarray, addresses: np.ndarray, counts: list[float], options: Options) -> np.ndarray:
    averages = np.empty_like(norms)
    loops.read_averages(addresses, averages)
    caps = None
    if options.guard == "decaying":
        caps = torch.from_numpy(np.array([guard_cap(count)[0] for count in counts], dtype=norms.dtype))
    assert options.gamma is not None
    factors = factors_of_norms(torch.from_numpy(norms), torch.from_numpy(averages), options.gamma, caps)
    loops.write_averages(addresses, averages)
    return factors.numpy()


def _share(tasks: range, offsets: np.ndarray, loop: Callable[[int, int, int], None]) -> None:
    """Call `loop(first, last, task)` for every task, on as many threads as torch uses, this one among them."""
    total = int(offsets[-1])
    waiting = iter(tasks)

    def work() -> None:
        for task in waiting:
            loop(task * _TASK, min(total, (task + 1) * _TASK), task)

    helpers = [_threads().submit(work) for _ in range(min(len(tasks), torch.get_num_threads()) - 1)]
    try:
        work()
    finally:
        for helper in helpers:
            if not helper.cancel():
                helper.result()


_pool: ThreadPoolExecutor | None = None


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="adanorm-fused")
    return _pool


def _forget_threads() -> None:
    global _pool
    _pool = None  # a forked process has none of them


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
