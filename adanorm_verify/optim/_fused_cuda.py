"""The fused step on CUDA, host side: which tensors, where they lie, what is launched.

Nothing waits for the device. Addresses go to it in a table, which stays there while they stay the same; a table
is never written twice, so that a captured graph, or another stream, that still reads an older one reads what it
was launched with. When gradients come to lie elsewhere, as after `zero_grad(set_to_none=True)`, their row alone is
sent again, from pinned memory and asynchronously. The first step of a list compiles and loads kernels.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.utils.weak import WeakIdKeyDictionary

from ._options import Options, compute_dtype
from ._tensors import Tensors

_STATE = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "previous_grad")
_ELEMENTWISE = ("param", *_STATE)
_POINTERS = (*_ELEMENTWISE, "step", "exp_grad_norm")
_GETTERS = {name: attrgetter(name) for name in ("grad", *_POINTERS)}
_VECTOR = 16  # bytes

Columns = dict[str, list[Tensor]]
Addresses = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What stays on the device between steps: addresses, sizes, which chunk is whose, and scratch memory."""

    addresses: Addresses
    numels: tuple[int, ...]
    table: Tensor  # int64: the rows of `_kernels.ROWS`
    owners: Tensor  # int64: the tensor of each chunk
    partial: Tensor
    scalars: Tensor
    grad_addresses: tuple[int, ...]
    aligned: tuple[bool, bool]  # all but gradients, and gradients: so that whole vectors can be moved
    grads: Tensor  # int64
    # Pinned memory for the next row of gradients: none can be asked for while a graph is captured.
    spare: Tensor | None


@dataclass(slots=True)
class _Entry:
    plan: _Plan
    captured: list[Any] = field(default_factory=list)
    """What graphs read at every replay."""


_entries = WeakIdKeyDictionary()  # by the first step count of a list, which lives as long as its state


@torch.compiler.disable  # addresses mean nothing to torch's compiler
def fused_step(
    rule: str, tensors: Sequence[Tensors[Tensor]], options: Options, grad_scale: Tensor | None, found_inf: Tensor | None
) -> None:
    """One step of `rule` ("adam", "diffgrad", "radam", "adabelief") for all `tensors`, in place.

    Args:
        rule: corrected where `options.gamma` is not None.
        tensors: real, float64, float32, bfloat16 or float16; step counts float32 on the parameter's device.
        options: of their group.
        grad_scale: one element; gradients count as divided by it. They are not written to.
        found_inf: one element; unless it is zero, nothing changes, step counts included.

    Raises:
        RuntimeError: for a step count that is not on its parameter's device, or state of another dtype.
    """
    if not tensors:
        return
    device = tensors[0].param.device
    scaling = _beside(grad_scale, device), _beside(found_inf, device)
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        for members in _alike(tensors):
            columns = _side_by_side(members)
            laid_out, written_back = _in_one_layout(columns)
            _launch(rule, laid_out, options, *scaling)
            for original, copy in written_back:
                original.copy_(copy)
            increment_version([param for param in columns["param"] if not param.is_inference()])


def _alike(tensors: Sequence[Tensors[Tensor]]) -> Iterable[Sequence[Tensors[Tensor]]]:
    """The tensors by their dtypes and those of their gradients."""
    if len({one.param.dtype for one in tensors}) == 1 == len({one.grad.dtype for one in tensors}):
        return [tensors]
    groups: defaultdict[Any, list[Tensors[Tensor]]] = defaultdict(list)
    for one in tensors:
        groups[one.param.dtype, one.grad.dtype].append(one)
    return groups.values()


def _beside(scalar: Tensor | None, device: torch.device) -> Tensor | None:
    return None if scalar is None else scalar.to(device=device, non_blocking=True)


def _side_by_side(members: Sequence[Tensors[Tensor]]) -> Columns:
    """What the tensors keep, which is the same for all of a group."""
    columns = {name: list(map(get, members)) for name, get in _GETTERS.items()}
    return {name: column for name, column in columns.items() if column[0] is not None}


def _in_one_layout(columns: Columns) -> tuple[Columns, list[tuple[Tensor, Tensor]]]:
    """The tensors of each parameter in one dense layout; and the copies to write back."""
    written_back: list[tuple[Tensor, Tensor]] = []
    elementwise = [name for name in ("grad", *_ELEMENTWISE) if name in columns]
    if all(all(map(Tensor.is_contiguous, columns[name])) for name in elementwise):
        return columns, written_back
    columns = {name: list(column) for name, column in columns.items()}
    for i, param in enumerate(columns["param"]):
        if _lie_alike([columns[name][i] for name in elementwise]):
            continue
        wanted = _dense_strides(param)
        for name in elementwise:
            tensor = columns[name][i]
            if _lies_as(tensor, wanted):
                continue
            columns[name][i] = torch.empty_strided(param.shape, wanted, dtype=tensor.dtype, device=param.device)
            columns[name][i].copy_(tensor)
            if name != "grad":
                written_back.append((tensor, columns[name][i]))
    return columns, written_back


def _lie_alike(tensors: list[Tensor]) -> bool:
    """Whether they do, densely, in one of the two usual layouts: for speed alone."""
    first = tensors[0]
    dense = first.is_contiguous() or (first.dim() == 4 and first.is_contiguous(memory_format=torch.channels_last))
    return dense and len({tensor.stride() for tensor in tensors}) == 1


def _dense_strides(param: Tensor) -> tuple[int, ...]:
    """The parameter's own strides where it fills its memory, else those of a contiguous tensor."""
    return torch.empty_like(param, device="meta", memory_format=torch.preserve_format).stride()


def _lies_as(tensor: Tensor, strides: tuple[int, ...]) -> bool:
    return all(
        size <= 1 or own == wanted for size, own, wanted in zip(tensor.shape, tensor.stride(), strides, strict=True)
    )


def _check(columns: Columns) -> None:
    param = columns["param"][0]
    for name in ("step", "exp_grad_norm", *_STATE):
        wanted = {"step": torch.float32, "exp_grad_norm": compute_dtype(param.dtype)}.get(name, param.dtype)
        for tensor in columns.get(name, ()):
            if tensor.device != param.device or tensor.dtype != wanted:
                raise RuntimeError(
                    f"fused=True needs {name} as {wanted} on {param.device}, got {tensor.dtype} on {tensor.device}"
                )


def _launch(rule: str, columns: Columns, options: Options, grad_scale: Tensor | None, found_inf: Tensor | None) -> None:
    from . import _kernels as kernels  # Triton only where it is asked for

    param = columns["param"][0]
    plan = _plan(columns)
    count, chunks = len(columns["param"]), plan.owners.numel()
    compute = compute_dtype(param.dtype)
    corrected = options.gamma is not None and "exp_grad_norm" in columns
    coupled = options.weight_decay != 0 and not options.decoupled_weight_decay
    flags = {
        "COUPLED": coupled,
        "MAXIMIZE": options.maximize,
        "SCALED": grad_scale is not None,
        "COMPUTE": kernels.TYPES[compute],
        "ELEMENT": kernels.TYPES[param.dtype],
        "GRADIENT": kernels.TYPES[columns["grad"][0].dtype],
        "ALIGNED": all(plan.aligned),
        "BLOCK": kernels.BLOCK,
        # What is contracted to a fused multiply-add in one place and not in another would no longer cancel.
        "enable_fp_fusion": False,
        "num_warps": kernels.WARPS,
    }
    scale = plan.scalars if grad_scale is None else grad_scale  # not read where there is none
    found = plan.scalars if found_inf is None else found_inf
    weight_decay = float(options.weight_decay)
    if corrected and chunks:
        kernels.square_sums[(chunks,)](
            plan.table, plan.grads, plan.owners, plan.partial, scale, weight_decay, count, **flags
        )
    lr_on_device = isinstance(options.lr, Tensor) and options.lr.device == param.device
    kernels.scalars[(count,)](
        plan.table,
        plan.partial,
        plan.scalars,
        options.lr if lr_on_device else plan.scalars,
        found,
        0.0 if lr_on_device else float(options.lr),
        *(float(options.beta1), float(options.beta2)),
        *(math.log(beta) if beta else -math.inf for beta in (options.beta1, options.beta2)),
        float(options.eps),
        float(options.gamma or 0.0),
        weight_decay,
        torch.finfo(compute).max,
        2.0 / (1.0 - options.beta2) - 1.0,
        count,
        RULE=rule,
        CORRECTED=corrected,
        GUARDED=options.guard == "decaying",
        LR_IS_TENSOR=lr_on_device,
        FOUND=found_inf is not None,
        COMPUTE=kernels.TYPES[compute],
        BLOCK=kernels.BLOCK,
        LANES=kernels.LANES,
        enable_fp_fusion=False,
    )
    if chunks:
        kernels.update[(chunks,)](
            plan.table,
            plan.grads,
            plan.owners,
            plan.scalars,
            scale,
            found,
            count,
            RULE=rule,
            CORRECTED=corrected,
            BELIEF_S=options.belief == "s",
            AMSGRAD="max_exp_avg_sq" in columns,
            DECOUPLED=options.weight_decay != 0 and options.decoupled_weight_decay,
            FOUND=found_inf is not None,
            **flags,
        )


def _plan(columns: Columns) -> _Plan:
    """The plan of these tensors: the last one, the last one with other gradients, or a new one."""
    key = columns["step"][0]
    addresses = {name: tuple(map(Tensor.data_ptr, columns[name])) for name in _POINTERS if name in columns}
    grad_addresses = tuple(map(Tensor.data_ptr, columns["grad"]))
    numels = tuple(map(Tensor.numel, columns["param"]))
    entry = _entries.get(key)
    if entry is None or entry.plan.addresses != addresses or entry.plan.numels != numels:
        _check(columns)
        plan = _new_plan(addresses, numels, grad_addresses, columns["param"][0])
        if entry is None:
            entry = _entries[key] = _Entry(plan)
        entry.plan = plan
    elif entry.plan.grad_addresses != grad_addresses:
        entry.plan = _with_gradients(entry, grad_addresses, key.device)
    if _capturing(key.device):
        entry.captured.append(entry.plan)
    return entry.plan


def _new_plan(addresses: Addresses, numels: tuple[int, ...], grad_addresses: tuple[int, ...], param: Tensor) -> _Plan:
    from . import _kernels as kernels

    device, count = param.device, len(numels)
    sizes = torch.tensor(numels, dtype=torch.int64)
    chunks = (sizes + (kernels.BLOCK - 1)) // kernels.BLOCK
    rows = [torch.tensor(addresses.get(name, (0,) * count), dtype=torch.int64) for name in kernels.ROWS[:-2]]
    table = torch.cat([*rows, sizes, chunks.cumsum(0) - chunks])
    owners = torch.repeat_interleave(torch.arange(count), chunks)
    return _Plan(
        addresses=addresses,
        numels=numels,
        table=_sent(table, device),
        owners=_sent(owners, device),
        partial=torch.empty(owners.numel(), dtype=compute_dtype(param.dtype), device=device),
        scalars=torch.empty((count, len(kernels.SCALARS)), dtype=compute_dtype(param.dtype), device=device),
        grad_addresses=grad_addresses,
        aligned=(
            all(_aligned(addresses[name]) for name in _ELEMENTWISE if name in addresses),
            _aligned(grad_addresses),
        ),
        grads=_sent(torch.tensor(grad_addresses, dtype=torch.int64), device),
        spare=_spare(count, device),
    )


def _with_gradients(entry: _Entry, grad_addresses: tuple[int, ...], device: torch.device) -> _Plan:
    plan = entry.plan
    aligned = plan.aligned[0], _aligned(grad_addresses)
    row = torch.tensor(grad_addresses, dtype=torch.int64)
    if plan.spare is None or not _capturing(device):
        # Without a spare, two captures in a row: torch then decides whether a graph may ask for pinned memory.
        grads, spare = _sent(row, device), plan.spare
        if spare is None:
            spare = _spare(len(grad_addresses), device)
    else:
        plan.spare.copy_(row)
        entry.captured.append(plan.spare)  # the graph copies from it at every replay
        grads, spare = plan.spare.to(device, non_blocking=True), None
    return replace(plan, grad_addresses=grad_addresses, aligned=aligned, grads=grads, spare=spare)


def _spare(count: int, device: torch.device) -> Tensor | None:
    pinned = device.type == "cuda" and not _capturing(device)
    return torch.empty(count, dtype=torch.int64, pin_memory=True) if pinned else None


def _sent(values: Tensor, device: torch.device) -> Tensor:
    """`values` on the device: from pinned memory, which its allocator keeps until the copy is done."""
    if device.type != "cuda" or not values.numel():
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


def _capturing(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def _aligned(addresses: tuple[int, ...]) -> bool:
    return all(address % _VECTOR == 0 for address in addresses)
