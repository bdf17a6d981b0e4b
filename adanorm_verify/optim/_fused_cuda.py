"""The fused step on CUDA, host side: which tensors, in which layout, and what is launched.

Nothing waits for the device. The first step of a list compiles and loads kernels.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from ._addresses import ELEMENTWISE, POINTERS, Columns, plan_of
from ._options import Options, compute_dtype
from ._tensors import Tensors, part


@torch.compiler.disable  # addresses mean nothing to torch's compiler
def fused_step(
    rule: str, tensors: Tensors[list[Tensor]], options: Options, grad_scale: Tensor | None, found_inf: Tensor | None
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
    device = tensors.param[0].device
    scaling = _beside(grad_scale, device), _beside(found_inf, device)
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        for alike in _alike(tensors):
            columns = _columns(alike)
            laid_out, written_back = _in_one_layout(columns)
            _launch(rule, laid_out, options, *scaling)
            for original, copy in written_back:
                original.copy_(copy)
            increment_version([param for param in columns["param"] if not param.is_inference()])


def _alike(tensors: Tensors[list[Tensor]]) -> Iterable[Tensors[list[Tensor]]]:
    """The tensors by their dtypes, those of their gradients, and those of their moments."""
    columns = (tensors.param, tensors.grad, tensors.exp_avg)
    groups: defaultdict[Any, list[int]] = defaultdict(list)
    for i, row in enumerate(zip(*columns, strict=True)):
        groups[tuple([tensor.dtype for tensor in row])].append(i)
    return [part(tensors, indices) for indices in groups.values()]


def _beside(scalar: Tensor | None, device: torch.device) -> Tensor | None:
    return None if scalar is None else scalar.to(device=device, non_blocking=True)


def _columns(tensors: Tensors[list[Tensor]]) -> Columns:
    """What the tensors keep, and the gradients, by name."""
    columns = {name: getattr(tensors, name) for name in ("grad", *POINTERS)}
    if any(map(Tensor.is_neg, tensors.grad)):  # an address tells nothing of a sign that is yet to be applied
        columns["grad"] = [grad.resolve_neg() for grad in tensors.grad]
    return {name: column for name, column in columns.items() if column is not None}


def _in_one_layout(columns: Columns) -> tuple[Columns, list[tuple[Tensor, Tensor]]]:
    """The tensors of each parameter in one dense layout; and the copies to write back."""
    written_back: list[tuple[Tensor, Tensor]] = []
    elementwise = [name for name in ("grad", *ELEMENTWISE) if name in columns]
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


def _launch(rule: str, columns: Columns, options: Options, grad_scale: Tensor | None, found_inf: Tensor | None) -> None:
    from . import _kernels as kernels  # Triton only where it is asked for

    param = columns["param"][0]
    plan = plan_of(columns)
    if param.is_cuda and not torch.cuda.is_current_stream_capturing():
        for memory in (plan.table, plan.owners, plan.partial, plan.scalars, plan.grads):
            memory.record_stream(torch.cuda.current_stream(param.device))  # it may have been made on another one
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
            STATE=kernels.TYPES[columns["exp_avg"][0].dtype],
            DECOUPLED=options.weight_decay != 0 and options.decoupled_weight_decay,
            FOUND=found_inf is not None,
            **flags,
        )
