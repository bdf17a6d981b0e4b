"""What a rank does in the tests of sharded training: unusual gradients, failures, other sharding, checkpoints."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from sharded_jobs import counted, laid_out, mesh_of, numbers
from torch import Tensor
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

from adanorm_verify import optim
from adanorm_verify.cases import Case
from adanorm_verify.interface import Snapshot
from adanorm_verify.subject import as_array

# Gradients that are missing or laid out otherwise, and what is refused.


def gradients_of_all_kinds(rank: int, count: int) -> dict[str, Any]:
    """What becomes of unusual gradients; True where it is what it should be."""
    mesh = mesh_of(count, 1)
    found: dict[str, Any] = {}

    def fresh(build: Any = optim.AdamNorm, **own: Any) -> tuple[list[Any], Any]:
        start = [numbers(i, s, torch.float64) for i, s in enumerate([(5, 3), (4, 2), (1,)])]
        parts = [torch.nn.Parameter(laid_out(x, mesh, [Shard(0)])) for x in start]
        return parts, build(parts, lr=0.1, **own)

    def give(parts: Sequence[Any], step: int) -> None:
        for i, p in enumerate(parts):
            p.grad = laid_out(numbers(10 * step + i, p.shape, torch.float64), mesh, [Shard(0)])

    def state(parts: Sequence[Any], optimizer: Any) -> list[Any]:
        return [
            (p.full_tensor().tolist(), float(optimizer.state[p]["exp_grad_norm"]), float(optimizer.state[p]["step"]))
            for p in parts
        ]

    for foreach in (False, True):
        # A gradient that one rank lacks is zero there, for all; one that none has is none.
        results = []
        for lacking in (False, True):
            parts, optimizer = fresh(foreach=foreach, weight_decay=0.1)
            for step in range(3):
                give(parts, step)
                parts[1].grad = None if step == 1 else parts[1].grad
                if rank == count - 1 and step:
                    for p in parts:
                        if p.grad is not None:
                            p.grad = None if lacking else torch.zeros_like(p.grad)
                optimizer.step()
            results.append(state(parts, optimizer))
        found[f"lacking, foreach={foreach}"] = results[0] == results[1] and results[0][1][2] == 2.0

    parts, optimizer = fresh()
    optimizer.step()  # nobody has any
    found["none at all"] = not optimizer.state

    # A partial sum, and a whole gradient, are brought into the parameter's layout.
    results = []
    for kind in ("shard", "partial", "whole"):
        parts, optimizer = fresh()
        for step in range(2):
            give(parts, step)
            for p in parts:
                whole = p.grad.full_tensor()
                if kind == "partial":  # powers of two, so that the sum is exact
                    p.grad = DTensor.from_local(whole / count, mesh, [Partial()], run_check=False)
                elif kind == "whole":
                    p.grad = DTensor.from_local(whole, mesh, [Replicate()], run_check=False)
            optimizer.step()
        results.append(state(parts, optimizer))
    found["other layouts"] = results[0] == results[1] == results[2]

    def refused(kind: type[Exception], does: Any) -> str:
        try:
            does()
        except kind as error:
            return str(error)
        return ""

    parts, optimizer = fresh()
    give(parts, 0)
    version = parts[0]._version
    optimizer.step()
    found["autograd is told"] = parts[0]._version > version

    other = mesh_of(count, 2)
    on_other = laid_out(numbers(0, (5, 3), torch.float64), other, [Shard(0), Replicate()])
    parts[0].grad = None
    found["grad of another mesh"] = refused(
        RuntimeError, lambda: setattr(parts[0], "grad", on_other) or optimizer.step()
    )
    partial = DTensor.from_local(torch.ones(3), mesh, [Partial()], run_check=False)
    found["partial parameter"] = refused(ValueError, lambda: optim.AdamNorm([torch.nn.Parameter(partial)]))
    found["differentiable"] = refused(ValueError, lambda: fresh(differentiable=True))
    found["fused"] = refused(ValueError, lambda: fresh(fused=True))
    flat = torch.nn.Parameter(torch.ones(3))
    flat._is_flat_param = True
    found["flat parameter"] = refused(ValueError, lambda: optim.AdamNorm([flat]))
    late = optim.AdamNorm([torch.nn.Parameter(torch.ones(2))])
    refused(ValueError, lambda: late.add_param_group({"params": [flat]}))
    found["refused group is gone"] = len(late.param_groups) == 1

    whole = torch.nn.Parameter(torch.ones(5, 3, dtype=torch.float64))
    whole.grad = torch.ones_like(whole)
    saved = optim.AdamNorm([whole])
    saved.step()
    parts, _ = fresh()
    loaded = optim.AdamNorm(parts[:1])
    loaded.load_state_dict(saved.state_dict())
    give(parts[:1], 0)
    found["state of a whole tensor"] = refused(RuntimeError, loaded.step)
    return found


# ZeroRedundancyOptimizer: whole parameters, each stepped by one rank.


def zero_redundancy(rank: int, count: int) -> list[bool]:
    """Whether each parameter has the bits of an optimizer of its own."""
    from torch.distributed.optim import ZeroRedundancyOptimizer

    shapes = [(5, 3), (7,), (2, 2), (1,), (30,)]
    alike = []
    for foreach in (False, True):
        whole, parts = ([torch.nn.Parameter(numbers(i, s, torch.float32)) for i, s in enumerate(shapes)] for _ in "ab")
        one = optim.AdamNorm(whole, lr=0.1, foreach=foreach)
        spread = ZeroRedundancyOptimizer(parts, optim.AdamNorm, lr=0.1, foreach=foreach)
        for step in range(4):
            for i, (p, q) in enumerate(zip(whole, parts, strict=True)):
                p.grad = numbers(10 * step + i, p.shape, torch.float32) * 0.5**step
                q.grad = p.grad.clone()
            one.step()
            spread.step()
        alike += [torch.equal(p, q) for p, q in zip(whole, parts, strict=True)]
    return alike


# Ranks that fail.


def failing(rank: int, count: int, how: str) -> str:
    """What the step of the first rank says when the second does not take part."""
    parts = [torch.nn.Parameter(laid_out(torch.ones(4, 2), mesh_of(count, 1), [Shard(0)]))]
    optimizer = optim.AdamNorm(parts)
    for step in range(2):
        parts[0].grad = laid_out(torch.ones(4, 2), mesh_of(count, 1), [Shard(0)])
        if rank == 1 and step == 1 and how == "dies":
            os._exit(3)
        if rank == 1 and step == 1 and how == "stops":
            return ""
        if step == 1:
            try:
                optimizer.step()
            except RuntimeError as error:
                return str(error)
            return "nothing was raised"
        optimizer.step()
    return ""


# fully_shard, and torch.distributed.checkpoint.


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(5, 7, dtype=torch.float64)
        self.second = torch.nn.Linear(7, 3, dtype=torch.float64)
        self.scale = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * self.second(torch.tanh(self.first(x)))


def net(count: int) -> Any:
    from torch.distributed.fsdp import fully_shard

    model = Net()
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(numbers(i, p.shape, torch.float64))
    mesh = mesh_of(count, 1)
    fully_shard(model.first, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


def snapshots(model: Any, optimizer: Any) -> list[Snapshot]:
    return [
        {"theta": as_array(p.full_tensor()), "exp_grad_norm": as_array(optimizer.state[p]["exp_grad_norm"])}
        for p in model.parameters()
    ]


def trained(rank: int, count: int, foreach: bool) -> tuple[list[Any], list[list[Any]], list[list[Snapshot]], int]:
    """Start, gradients and snapshots of a model that `fully_shard` shards, and the collectives of its last step."""
    model = net(count)
    start = [as_array(p.full_tensor()) for p in model.parameters()]
    optimizer = optim.AdamNorm(model.parameters(), lr=0.1, foreach=foreach)
    gradients, seen = [], []
    for step in range(5):
        optimizer.zero_grad()
        model(numbers(step, (4, 5), torch.float64) * 0.5**step).square().sum().backward()
        gradients.append([as_array(p.grad.full_tensor()) for p in model.parameters()])
        with counted() as collectives:
            optimizer.step()
        seen.append(snapshots(model, optimizer))
    return start, gradients, seen, len(collectives)


def stepped(model: Any, optimizer: Any, case: Case, steps: range) -> list[list[Snapshot]]:
    seen = []
    for step in steps:
        for p, g in zip(model.parameters(), case.steps[step], strict=True):
            p.grad = laid_out(torch.tensor(g), p.device_mesh, p.placements)
        optimizer.step()
        seen.append(snapshots(model, optimizer))
    return seen


def start_of(count: int, case: Case) -> tuple[Any, Any]:
    model = net(count)
    with torch.no_grad():
        for p, theta in zip(model.parameters(), case.theta, strict=True):
            p.copy_(laid_out(torch.tensor(theta), p.device_mesh, p.placements))
    return model, optim.AdamNorm(model.parameters(), lr=1e-3)


def save(rank: int, count: int, case: Case, steps: int, folder: Path) -> list[list[Snapshot]]:
    """Take some steps, and save."""
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.state_dict import get_state_dict

    model, optimizer = start_of(count, case)
    seen = stepped(model, optimizer, case, range(steps))
    kept, state = get_state_dict(model, optimizer)
    dcp.save({"model": kept, "optimizer": state}, checkpoint_id=folder)
    return seen


def resume(rank: int, count: int, case: Case, steps: int, folder: Path, forgets: bool = False) -> list[list[Snapshot]]:
    """Load, and take the other steps."""
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict

    model, optimizer = start_of(count, case)
    kept, state = get_state_dict(model, optimizer)
    dcp.load({"model": kept, "optimizer": state}, checkpoint_id=folder)
    set_state_dict(model, optimizer, model_state_dict=kept, optim_state_dict=state)
    if forgets:
        for p in model.parameters():
            optimizer.state[p]["exp_grad_norm"].zero_()
    return stepped(model, optimizer, case, range(steps, len(case.steps)))


def full_state(rank: int, count: int, case: Case) -> dict[str, Any]:
    """The whole optimizer state that a model of shards gives out, as for a file of one process."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_optimizer_state_dict

    model, optimizer = start_of(count, case)
    stepped(model, optimizer, case, range(2))
    state = get_optimizer_state_dict(model, optimizer, options=StateDictOptions(full_state_dict=True))
    return {} if rank else {k: {n: as_array(v) for n, v in own.items()} for k, own in state["state"].items()}
