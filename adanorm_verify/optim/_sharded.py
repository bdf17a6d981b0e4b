"""Parameters that are DTensors: a step works on this rank's part of each, with the norm of the whole tensor.

The norms of a step travel together: one `all_reduce` for each process group over which parameters are sharded, however
many there are (one for a one-dimensional mesh, two for two dimensions). Where norms are kept, every rank enters it at
every step, whatever gradients it has, so that none waits for another in vain. All else is elementwise and runs on the
local tensors, where no operation can bring in a collective of its own.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ._moments import decayed
from ._options import compute_dtype
from .norm_correction import gradient_norms


@dataclass(frozen=True, slots=True)
class Part:
    """A rank's part of a gradient, and the norm of the whole (0-d); None where the part is all of it."""

    grad: Tensor
    norm: Tensor | None


def distributed(tensor: Tensor) -> Any:
    """The tensor as a DTensor if it is one, else None; without importing what makes them, which takes long."""
    module = sys.modules.get("torch.distributed.tensor")
    return tensor if module is not None and isinstance(tensor, module.DTensor) else None


def local(tensor: Tensor) -> Tensor:
    """This rank's part of a DTensor, sharing its memory; any other tensor itself."""
    return tensor if (d := distributed(tensor)) is None else d.to_local()


def local_state(value: Tensor, param: Tensor, name: str) -> Tensor:
    """This rank's part of a state tensor.

    Raises:
        RuntimeError: it is not laid out as the parameter, as after loading a whole tensor's state into a shard's.
    """
    if layout(value) != layout(param):
        raise RuntimeError(
            f"the state {name!r} is laid out as {shown(value)}, and its parameter as {shown(param)}; load it with "
            "torch.distributed.checkpoint.state_dict.set_optimizer_state_dict"
        )
    return local(value)


def layout(tensor: Tensor) -> Any:
    """Mesh and placements; None for a tensor that is not distributed."""
    return None if (d := distributed(tensor)) is None else (d.device_mesh, tuple(d.placements))


def shown(tensor: Tensor) -> str:
    return "a plain tensor" if (d := distributed(tensor)) is None else f"a DTensor of {tuple(d.placements)}"


def refuse_unsupported(group: Mapping[str, Any]) -> None:
    """Raise ValueError for parameters whose step would be another one than the whole tensors'."""
    for p in group["params"]:
        if getattr(p, "_is_flat_param", False):
            raise ValueError(
                "a FlatParameter of FullyShardedDataParallel is a piece of many tensors, whose norms cannot be had "
                "from it; use torch.distributed.fsdp.fully_shard"
            )
        if (d := distributed(p)) is None:
            continue
        if any(placement.is_partial() for placement in d.placements):
            raise ValueError(f"a parameter must not be a partial sum, got a DTensor of {tuple(d.placements)}")
        for option in ("differentiable", "fused"):
            if group.get(option):
                raise ValueError(f"{option}=True does not support DTensors, got one of {tuple(d.placements)}")


def parts(groups: Sequence[Mapping[str, Any]], keeps_grad_norm: bool) -> dict[Tensor, Part]:
    """Of every DTensor in the groups that has a gradient, this rank's part of it.

    Where norms are kept, a gradient that only other ranks have counts as zero here, so that what all ranks keep alike
    stays alike. A gradient of another layout, a partial sum for instance, is first brought into its parameter's, which
    takes a collective of its own, and all ranks must have it.

    Raises:
        RuntimeError: a gradient that cannot be brought into the parameter's layout; or the collective failed, since
            another rank ended, or did not step within the process group's timeout.
    """
    module = sys.modules.get("torch.distributed.tensor")
    if module is None:
        return {}
    sharded = [(p, group) for group in groups for p in group["params"] if isinstance(p, module.DTensor)]
    grads = [local_grad(p) for p, _ in sharded]
    if not keeps_grad_norm or not sharded:
        return {p: Part(g, None) for (p, _), g in zip(sharded, grads, strict=True) if g is not None}
    found: dict[Tensor, Part] = {}
    for device in dict.fromkeys(p.device for p, _ in sharded):
        here = [i for i, (p, _) in enumerate(sharded) if p.device == device]
        found |= _with_norms([sharded[i] for i in here], [grads[i] for i in here])
    return found


def written(params: Iterable[Tensor]) -> None:
    """Tell autograd that DTensors were changed: it does not see what happens to their local tensors."""
    for p in params:
        if not p.is_inference():
            torch.autograd.graph.increment_version(p)


def local_grad(param: Tensor) -> Tensor | None:
    """This rank's part of the gradient, in the parameter's layout."""
    grad = param.grad
    if grad is None:
        return None
    own, d = distributed(grad), distributed(param)
    if own is None or own.device_mesh != d.device_mesh:
        raise RuntimeError(f"the gradient of {shown(param)} must be one of the same mesh, got {shown(grad)}")
    if own.placements != d.placements:
        own = own.redistribute(placements=d.placements)
    return own.to_local()


def _with_norms(
    sharded: Sequence[tuple[Tensor, Mapping[str, Any]]], grads: Sequence[Tensor | None]
) -> dict[Tensor, Part]:
    own = [torch.zeros_like(local(p)) if g is None else g for (p, _), g in zip(sharded, grads, strict=True)]
    norms = gradient_norms([_seen(p, g, group) for (p, group), g in zip(sharded, own, strict=True)])
    # In float64 the squares cannot leave the range of the dtypes that people train in, and rounding adds little.
    squares = norms.to(torch.float64).square()
    absent = [i for i, g in enumerate(grads) if g is None]
    present = torch.tensor([g is not None for g in grads]) if absent else torch.ones(len(grads), device=norms.device)
    columns = list(torch.stack([squares, present.to(squares)]).unbind(1))
    over = [_groups_of(p) for p, _ in sharded]
    for ranks, group in {ranks: group for groups in over for ranks, group in groups.items()}.items():
        members = [i for i, groups in enumerate(over) if ranks in groups]
        reduced = _reduced(torch.stack([columns[i] for i in members], 1), group, ranks)
        for i, column in zip(members, reduced.unbind(1), strict=True):
            columns[i] = column
    roots, counts = torch.stack(columns, 1).unbind()
    roots = roots.sqrt()
    wholes = {dtype: roots.to(dtype).unbind() for dtype in {compute_dtype(p.dtype) for p, _ in sharded}}
    # Read back only where this rank lacks a gradient: with all of them, nothing waits for the device.
    nowhere = {i for i in absent if counts[i] == 0}
    return {
        p: Part(own[i], wholes[compute_dtype(p.dtype)][i] if over[i] else None)
        for i, (p, _) in enumerate(sharded)
        if i not in nowhere
    }


def _seen(param: Tensor, grad: Tensor, group: Mapping[str, Any]) -> Tensor:
    """The part of the gradient whose norm counts, as `_moments.prepare` makes it, but for the sign."""
    dtype = compute_dtype(param.dtype)
    grad = (torch.view_as_real(grad.resolve_conj()) if grad.is_complex() else grad).to(dtype)
    weight_decay = group["weight_decay"]
    if group["decoupled_weight_decay"] or (not isinstance(weight_decay, Tensor) and weight_decay == 0):
        return grad
    own = local(param)
    own = torch.view_as_real(own.resolve_conj()) if own.is_complex() else own
    return decayed(grad, own.to(dtype), weight_decay)


def _groups_of(param: Tensor) -> dict[tuple[int, ...], Any]:
    """The process groups of more than one rank over which a parameter is sharded, by their ranks.

    Meshes made one after another have groups of their own for the same ranks; one of them will do.
    """
    import torch.distributed as dist

    d = distributed(param)
    mesh = d.device_mesh
    sharded = [i for i, placement in enumerate(d.placements) if not placement.is_replicate() and mesh.size(i) > 1]
    groups = [mesh.get_group(i) for i in sharded]
    return {tuple(dist.get_process_group_ranks(group)): group for group in groups}


def _reduced(values: Tensor, group: Any, ranks: Sequence[int]) -> Tensor:
    import torch.distributed as dist

    try:
        dist.all_reduce(values, group=group)
    except RuntimeError as error:
        raise RuntimeError(
            f"the norms of {values.shape[1]} sharded tensors could not be added up over the ranks {list(ranks)}: one "
            f"of them failed, or did not call step() in time ({error})"
        ) from error
    return values
