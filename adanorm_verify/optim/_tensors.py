"""The tensors that one update reads and writes, and the precision it sees them in."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeAlias, TypeVar

import torch
from torch import Tensor

from ._options import Scalar, compute_dtype

T = TypeVar("T", Tensor, list[Tensor])
TensorList: TypeAlias = list[Tensor] | tuple[Tensor, ...]

MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "previous_grad")
ELEMENTWISE = ("param", "grad", *MOMENTS)
STORED = ("param", "exp_grad_norm", *MOMENTS)

# The foreach functions hold one temporary list or more. On a CPU they are loops, and what is short is still in
# the cache for the next of them: lists are cut into buckets, and large tensors into chunks where one thread works on
# them. With more, every operation on a chunk would be a parallel region that waits for its slowest thread: a step of
# 1.6e7 elements took two threads on busy cores 1.9 times as long as torch's Adam, and as long as that without chunks.
# On an accelerator long lists are better, and only the float32 copies of half precision need a limit.
_BUCKET_NUMEL_CPU = 2**20
_CHUNK_NUMEL_CPU = 2**19
_BUCKET_NUMEL_HALF = 2**24


@dataclass(slots=True)
class Tensors(Generic[T]):
    """What an update works on: of one parameter (T is Tensor) or side by side of many (T is a list).

    `norm` is that of the whole gradient where `grad` is a shard of it, else None. `factor` is that of the norm
    correction, of the whole tensor; None without one.
    """

    param: T
    grad: T
    step: T
    exp_avg: T
    exp_avg_sq: T
    max_exp_avg_sq: T | None = None
    exp_grad_norm: T | None = None
    previous_grad: T | None = None
    norm: Any = None
    factor: T | None = None


def rows(tensors: Tensors[list[Tensor]]) -> Iterator[Tensors[Tensor]]:
    """One after another what lies side by side."""
    t, absent = tensors, [None] * len(tensors.param)
    columns = (
        *(t.param, t.grad, t.step, t.exp_avg, t.exp_avg_sq, t.max_exp_avg_sq),
        *(t.exp_grad_norm, t.previous_grad, t.norm, t.factor),
    )
    for row in zip(*(absent if column is None else column for column in columns), strict=True):
        yield Tensors(*row)


def part(tensors: Tensors[list[Tensor]], indices: Sequence[int]) -> Tensors[list[Tensor]]:
    """Those at `indices`; `tensors` itself if these are all."""
    if len(indices) == len(tensors.param):
        return tensors
    columns = {f.name: getattr(tensors, f.name) for f in fields(tensors)}
    return Tensors(**{name: column and [column[i] for i in indices] for name, column in columns.items()})


def like(tensor: Tensor, value: Scalar) -> Scalar:
    """A 0-d tensor in the dtype and on the device of another; a number as it is."""
    if isinstance(value, Tensor):
        return value.to(device=tensor.device, dtype=tensor.dtype, non_blocking=True)
    return value


def as_real(tensor: Tensor) -> Tensor:
    """A complex tensor as the pairs of reals it is stored as; any other tensor itself."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def working_copy(raw: Tensors[Tensor], differentiable: bool) -> Tensors[Tensor]:
    """`raw` itself where a step may compute in place, else copies in the dtype of the computation.

    Autograd needs copies too: what it saved at one step must not be overwritten by the next.
    """
    dtype = compute_dtype(raw.param.dtype)
    present = {name: t for name in ("grad", *STORED) if (t := getattr(raw, name)) is not None}
    if not differentiable and all(t.dtype is dtype for t in present.values()):
        return raw
    return replace(raw, **{n: t.to(dtype, copy=differentiable and n != "grad") for n, t in present.items()})


def store(working: Tensors[Tensor], raw: Tensors[Tensor]) -> None:
    """Write the result of a step back, rounding once."""
    if working is raw:
        return
    for name in STORED:
        target, source = getattr(raw, name), getattr(working, name)
        if target is not source:
            target.copy_(source)


def working_copies(raw: Tensors[list[Tensor]]) -> Tensors[list[Tensor]]:
    """`working_copy` of the foreach functions, for tensors of one device and dtype."""
    dtype = compute_dtype(raw.param[0].dtype)
    lists = {name: getattr(raw, name) for name in ELEMENTWISE}
    other = {name: ts for name, ts in lists.items() if ts is not None and any(t.dtype is not dtype for t in ts)}
    # A new object in any case: what a step sets on it goes with it.
    return replace(raw, **{name: _cast(ts, dtype) for name, ts in other.items()})


def store_all(working: Tensors[list[Tensor]], raw: Tensors[list[Tensor]]) -> None:
    """`store` of the foreach functions."""
    for name in STORED:
        target, source = getattr(raw, name), getattr(working, name)
        if target is not source:
            torch._foreach_copy_(target, source)


def by_device(tensors: Tensors[list[Tensor]]) -> dict[torch.device, Tensors[list[Tensor]]]:
    """The tensors of each device, in order."""
    alike: defaultdict[torch.device, list[int]] = defaultdict(list)
    for i, param in enumerate(tensors.param):
        alike[param.device].append(i)
    return {device: part(tensors, indices) for device, indices in alike.items()}


def buckets(tensors: Tensors[list[Tensor]]) -> Iterator[Tensors[list[Tensor]]]:
    """Lists of one device and dtype, no longer than helps (a larger tensor is a bucket of its own)."""
    alike: defaultdict[tuple[torch.device, torch.dtype], list[int]] = defaultdict(list)
    for i, param in enumerate(tensors.param):
        alike[param.device, param.dtype].append(i)
    for (device, dtype), indices in alike.items():
        if device.type == "cpu":
            yield from cut(tensors, indices, _BUCKET_NUMEL_CPU)
        elif dtype != compute_dtype(dtype):
            yield from cut(tensors, indices, _BUCKET_NUMEL_HALF)
        else:
            yield part(tensors, indices)


def chunks(tensors: Tensors[list[Tensor]]) -> Iterator[Tensors[list[Tensor]]]:
    """On one thread of a CPU, views of at most a chunk's length of dense tensors, for what is elementwise."""
    large = tensors.param[0].is_cpu and any(p.numel() > _CHUNK_NUMEL_CPU for p in tensors.param)
    if not large or torch.get_num_threads() > 1:
        yield tensors
        return
    columns = {f.name: getattr(tensors, f.name) for f in fields(tensors)}
    absent: dict[str, Any] = {name: None for name, column in columns.items() if column is None}
    present = {name: column for name, column in columns.items() if column is not None}
    for row in zip(*present.values(), strict=True):
        member = dict(zip(present, row, strict=True))
        if not all(t.is_contiguous() for name, t in member.items() if name in ELEMENTWISE):
            yield Tensors(**absent, **{name: [t] for name, t in member.items()})
            continue
        pieces = {n: t.view(-1).split(_CHUNK_NUMEL_CPU) if n in ELEMENTWISE else None for n, t in member.items()}
        for i in range(len(pieces["param"] or ())):
            one = {name: [member[name] if part is None else part[i]] for name, part in pieces.items()}
            yield Tensors(**absent, **one)


def cut(tensors: Tensors[list[Tensor]], indices: Iterable[int], limit: int) -> Iterator[Tensors[list[Tensor]]]:
    """Parts of at most `limit` elements of those at `indices`, in order; a larger tensor is a part of its own."""
    some: list[int] = []
    total = 0
    for i in indices:
        numel = tensors.param[i].numel()
        if some and total + numel > limit:
            yield part(tensors, some)
            some, total = [], 0
        some.append(i)
        total += numel
    if some:
        yield part(tensors, some)


def _cast(tensors: TensorList, dtype: torch.dtype) -> list[Tensor]:
    copies = [torch.empty_like(t, dtype=dtype) for t in tensors]
    torch._foreach_copy_(copies, tensors)
    return copies
