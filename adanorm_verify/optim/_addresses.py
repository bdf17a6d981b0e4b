"""Where the tensors of a fused step lie: a table of addresses that stays on the device while they stay the same.

A table is never written twice, so that a captured graph, or another stream, that still reads an older one reads what
it was launched with; who launches sees to it that its memory is kept until then. When gradients come to lie elsewhere,
as after `zero_grad(set_to_none=True)`, their row alone is sent again, from pinned memory and asynchronously.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from ._options import compute_dtype

_STATE = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "previous_grad")
ELEMENTWISE = ("param", *_STATE)
POINTERS = (*ELEMENTWISE, "step", "exp_grad_norm")
_VECTOR = 16  # bytes
_UNPREPARED = (
    "a fused step that is captured must find its tensors where the last step outside of a capture found them, "
    "except for gradients: take such a step before each capture; parameters that do not fill their memory are copied "
    "at every step and cannot be captured"
)

Columns = dict[str, list[Tensor]]
Addresses = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
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
    plan: Plan
    captured: list[Any] = field(default_factory=list)
    """What graphs read at every replay."""


_entries = WeakIdKeyDictionary()  # by the first step count of a list, which lives as long as its state


def plan_of(columns: Columns) -> Plan:
    """The plan of these tensors: the last one, the last one with other gradients, or a new one."""
    key = columns["step"][0]
    addresses = {name: tuple(map(Tensor.data_ptr, columns[name])) for name in POINTERS if name in columns}
    grad_addresses = tuple(map(Tensor.data_ptr, columns["grad"]))
    numels = tuple(map(Tensor.numel, columns["param"]))
    entry = _entries.get(key)
    if entry is None or entry.plan.addresses != addresses or entry.plan.numels != numels:
        _check(columns)
        if _capturing(key.device):
            raise RuntimeError(_UNPREPARED)
        plan = _new_plan(addresses, numels, grad_addresses, columns["param"][0])
        if entry is None:
            entry = _entries[key] = _Entry(plan)
        entry.plan = plan
        return plan
    plan = entry.plan
    if plan.grad_addresses != grad_addresses:
        plan = _with_gradients(entry, grad_addresses, key.device)
    if not _capturing(key.device):
        if plan.spare is None:
            plan = replace(plan, spare=_spare(len(numels), key.device))
        entry.plan = plan
        return plan
    entry.captured.append(plan)
    if plan is not entry.plan:  # what it reads has its values from the graph's first replay on: no other step may
        entry.plan = replace(entry.plan, spare=None)
    return plan


def _new_plan(addresses: Addresses, numels: tuple[int, ...], grad_addresses: tuple[int, ...], param: Tensor) -> Plan:
    from . import _kernels as kernels

    device, count = param.device, len(numels)
    sizes = torch.tensor(numels, dtype=torch.int64)
    chunks = (sizes + (kernels.BLOCK - 1)) // kernels.BLOCK
    rows = [torch.tensor(addresses.get(name, (0,) * count), dtype=torch.int64) for name in kernels.ROWS[:-2]]
    table = torch.cat([*rows, sizes, chunks.cumsum(0) - chunks])
    owners = torch.repeat_interleave(torch.arange(count), chunks)
    return Plan(
        addresses=addresses,
        numels=numels,
        table=_sent(table, device),
        owners=_sent(owners, device),
        partial=torch.empty(owners.numel(), dtype=compute_dtype(param.dtype), device=device),
        scalars=torch.empty((count, len(kernels.SCALARS)), dtype=compute_dtype(param.dtype), device=device),
        grad_addresses=grad_addresses,
        aligned=(
            all(_aligned(addresses[name]) for name in ELEMENTWISE if name in addresses),
            _aligned(grad_addresses),
        ),
        grads=_sent(torch.tensor(grad_addresses, dtype=torch.int64), device),
        spare=_spare(count, device),
    )


def _with_gradients(entry: _Entry, grad_addresses: tuple[int, ...], device: torch.device) -> Plan:
    plan = entry.plan
    row = torch.tensor(grad_addresses, dtype=torch.int64)
    if not _capturing(device):
        grads, spare = _sent(row, device), _spare(len(row), device) if plan.spare is None else plan.spare
    elif plan.spare is None:
        raise RuntimeError(_UNPREPARED)
    else:
        plan.spare.copy_(row)
        entry.captured.append(plan.spare)  # the graph copies from it at every replay
        grads, spare = plan.spare.to(device, non_blocking=True), None
    aligned = plan.aligned[0], _aligned(grad_addresses)
    return replace(plan, grad_addresses=grad_addresses, aligned=aligned, grads=grads, spare=spare)


def _spare(count: int, device: torch.device) -> Tensor | None:
    return torch.empty(count, dtype=torch.int64, pin_memory=True) if device.type == "cuda" else None


def _sent(values: Tensor, device: torch.device) -> Tensor:
    """`values` on the device: from pinned memory, which its allocator keeps until the copy is done."""
    if device.type != "cuda" or not values.numel():
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


def _capturing(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def _aligned(addresses: tuple[int, ...]) -> bool:
    return all(address % _VECTOR == 0 for address in addresses)


def _check(columns: Columns) -> None:
    param = columns["param"][0]
    for name in ("step", "exp_grad_norm", *_STATE):
        moments = columns["exp_avg"][0].dtype
        wanted = {"step": torch.float32, "exp_grad_norm": compute_dtype(param.dtype)}.get(name, moments)
        for own, tensor in zip(columns["param"], columns.get(name, ()), strict=False):
            if name in _STATE and tensor.numel() != own.numel():
                raise RuntimeError(f"fused=True needs {name} with {own.numel()} elements, got {tensor.numel()}")
            if tensor.device != param.device or tensor.dtype != wanted:
                raise RuntimeError(
                    f"fused=True needs {name} as {wanted} on {param.device}, got {tensor.dtype} on {tensor.device}"
                )
