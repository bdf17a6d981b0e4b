"""The tensors that one update reads and writes, and the precision it sees them in."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeAlias, TypeVar

import torch
from torch import Tensor

from ._options import compute_dtype

T = TypeVar("T", Tensor, list[Tensor])
TensorList: TypeAlias = list[Tensor] | tuple[Tensor, ...]

_MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "previous_grad")
ELEMENTWISE = ("param", "grad", *_MOMENTS)
STORED = ("param", "exp_grad_norm", *_MOMENTS)

# The foreach functions hold one temporary list or more. On a CPU they are loops, and what is short is still in
# the cache for the next of them: lists are cut into buckets, and large tensors into chunks. On an accelerator
# long lists are better, and only the float32 copies of half precision need a limit.
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


def as_real(tensor: Tensor) -> Tensor:
    """A complex tensor as the pairs of reals it is stored as; any other tensor itself."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def working_copy(raw: Tensors[Tensor], differentiable: bool) -> Tensors[Tensor]:
    """`raw` itself where a step may compute in place, else copies in the dtype of the computation.

    Autograd needs copies too: what it saved at one step must not be overwritten by the next.
    """
    dtype = compute_dtype(raw.param.dtype)
    if dtype == raw.param.dtype and not differentiable:
        return raw
    stored = {name: getattr(raw, name) for name in STORED}
    copies = {name: t.to(dtype, copy=True) for name, t in stored.items() if t is not None}
    return replace(raw, grad=raw.grad.to(dtype), **copies)


def store(working: Tensors[Tensor], raw: Tensors[Tensor]) -> None:
    """Write the result of a step back, rounding once."""
    if working is raw:
        return
    for name in STORED:
        target = getattr(raw, name)
        if target is not None:
            target.copy_(getattr(working, name))


def working_copies(raw: Tensors[list[Tensor]]) -> Tensors[list[Tensor]]:
    """`working_copy` of the foreach functions, for tensors of one device and dtype."""
    dtype = compute_dtype(raw.param[0].dtype)
    if dtype == raw.param[0].dtype:
        return raw
    names = ("grad", "param", *_MOMENTS)
    lists = {name: getattr(raw, name) for name in names}
    return replace(raw, **{name: _cast(ts, dtype) for name, ts in lists.items() if ts is not None})


def store_all(working: Tensors[list[Tensor]], raw: Tensors[list[Tensor]]) -> None:
    """`store` of the foreach functions."""
    for name in STORED:
        target, source = getattr(raw, name), getattr(working, name)
        if target is not source:
            torch._foreach_copy_(target, source)


def buckets(tensors: Sequence[Tensors[Tensor]]) -> Iterator[Tensors[list[Tensor]]]:
    """Lists of one device and dtype, no longer than helps (a larger tensor is a bucket of its own)."""
    alike: defaultdict[tuple[torch.device, torch.dtype], list[Tensors[Tensor]]] = defaultdict(list)
    for one in tensors:
        alike[one.param.device, one.param.dtype].append(one)
    for (device, dtype), members in alike.items():
        if device.type == "cpu":
            yield from map(_side_by_side, cut(members, _BUCKET_NUMEL_CPU))
        elif dtype != compute_dtype(dtype):
            yield from map(_side_by_side, cut(members, _BUCKET_NUMEL_HALF))
        else:
            yield _side_by_side(members)


def chunks(tensors: Tensors[list[Tensor]]) -> Iterator[Tensors[list[Tensor]]]:
    """On a CPU, views of at most a chunk's length of dense tensors; what is elementwise may work on those."""
    if not tensors.param[0].is_cpu or not any(p.numel() > _CHUNK_NUMEL_CPU for p in tensors.param):
        yield tensors
        return
    columns = {f.name: getattr(tensors, f.name) for f in fields(tensors)}
    absent: dict[str, Any] = {name: None for name, column in columns.items() if column is None}
    present = {name: column for name, column in columns.items() if column is not None}
    for row in zip(*present.values(), strict=True):
        member = dict(zip(present, row, strict=True))
        large = [t for name, t in member.items() if name in ELEMENTWISE]
        if not all(t.is_contiguous() for t in large):
            yield Tensors(**absent, **{name: [t] for name, t in member.items()})
            continue
        pieces = {n: t.view(-1).split(_CHUNK_NUMEL_CPU) if n in ELEMENTWISE else None for n, t in member.items()}
        for i in range(len(pieces["param"] or ())):
            one = {name: [member[name] if part is None else part[i]] for name, part in pieces.items()}
            yield Tensors(**absent, **one)


def cut(members: Sequence[Tensors[Tensor]], limit: int) -> Iterator[list[Tensors[Tensor]]]:
    """Parts of at most `limit` elements, in order; a larger tensor is a part of its own."""
    part: list[Tensors[Tensor]] = []
    total = 0
    for one in members:
        if part and total + one.param.numel() > limit:
            yield part
            part, total = [], 0
        part.append(one)
        total += one.param.numel()
    if part:
        yield part


def _side_by_side(members: Sequence[Tensors[Tensor]]) -> Tensors[list[Tensor]]:
    largest = [one.max_exp_avg_sq for one in members if one.max_exp_avg_sq is not None]
    norms = [one.exp_grad_norm for one in members if one.exp_grad_norm is not None]
    previous = [one.previous_grad for one in members if one.previous_grad is not None]
    return Tensors(
        param=[one.param for one in members],
        grad=[one.grad for one in members],
        step=[one.step for one in members],
        exp_avg=[one.exp_avg for one in members],
        exp_avg_sq=[one.exp_avg_sq for one in members],
        max_exp_avg_sq=largest or None,
        exp_grad_norm=norms or None,
        previous_grad=previous or None,
        norm=[one.norm for one in members] if any(one.norm is not None for one in members) else None,
    )


def _cast(tensors: TensorList, dtype: torch.dtype) -> list[Tensor]:
    copies = [torch.empty_like(t, dtype=dtype) for t in tensors]
    torch._foreach_copy_(copies, tensors)
    return copies
