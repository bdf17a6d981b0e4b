"""Ways to take the same steps, as functions that the interpreting process calls by name (see `interpreted`)."""

from __future__ import annotations

import gc
from dataclasses import replace

import torch

from adanorm_verify import optim
from adanorm_verify.gate import SHIPPED
from adanorm_verify.optim import _addresses
from gpu_tests import bodies
from gpu_tests.bodies import everything, fall, parameters


def differing(name: str, options, ways) -> list[str]:
    """Which of `ways` (functions of this module by name) leave other bits than a plain run of three steps."""
    wanted = plain(name, options)
    return [
        way
        for way in ways
        if not all(torch.equal(a, b) for a, b in zip(wanted, globals()[way](name, options), strict=True))
    ]


SHAPES = ((), (1,), (0,), (5, 13), (64,), (200,), (3, 2, 4))


def made(name: str, options, shapes=SHAPES):
    params = parameters("cpu", shapes=shapes)
    return params, getattr(optim, name)(params, lr=0.1, fused=True, **options)


def plain(name: str, options):
    params, optimizer = made(name, options)
    for _ in range(3):
        optimizer.step()
        fall(params)
    return everything(optimizer)


def new_gradients(name: str, options):
    """Gradients that lie elsewhere at every step."""
    params, optimizer = made(name, options)
    kept = []
    for _ in range(3):
        kept += [p.grad for p in params]
        for p in params:
            p.grad = p.grad.clone()
        optimizer.step()
        fall(params)
    return everything(optimizer)


def scaled_gradients(name: str, options):
    """A scale that is a power of two, which divides without rounding; a step that overflowed comes between."""
    params, optimizer = made(name, options)
    scale, clean, overflow = torch.tensor(1024.0), torch.zeros(1), torch.ones(1)
    for step, found_inf in enumerate((clean, overflow, clean, clean)):
        grads = [p.grad for p in params]
        for p in params:
            p.grad = p.grad * (scale if not found_inf else float("nan"))
        before = everything(optimizer) if step else None
        given = [p.grad.clone() for p in params]
        optimizer.grad_scale, optimizer.found_inf = scale, found_inf
        optimizer.step()
        assert all(torch.equal(p.grad, g) or found_inf for p, g in zip(params, given, strict=True))
        if found_inf:
            assert all(torch.equal(a, b) for a, b in zip(before, everything(optimizer), strict=True))
        for p, g in zip(params, grads, strict=True):
            p.grad = g
        if not found_inf:
            fall(params)
    return everything(optimizer)


def one_by_one(name: str, options):
    """Lists of one tensor, with a rate on the device, its bits those of the number."""
    params = parameters("cpu", shapes=SHAPES)
    optimizers = [
        getattr(optim, name)([p], lr=torch.tensor(0.1, dtype=torch.float64), fused=True, **options) for p in params
    ]
    for _ in range(3):
        for optimizer in optimizers:
            optimizer.step()
        fall(params)
    return [tensor for optimizer in optimizers for tensor in everything(optimizer)]


def loaded(name: str, options):
    """A checkpoint between the steps, loaded where another list has been stepped before."""
    _, optimizer = made(name, options)
    optimizer.step()
    params, other = made(name, options)
    other.step()
    fall(params)
    for p, q in zip(params, optimizer.param_groups[0]["params"], strict=True):
        p.data.copy_(q)
    other.load_state_dict(optimizer.state_dict())
    for _ in range(2):
        other.step()
        fall(params)
    return everything(other)


LAYOUTS = {
    "transposed parameter": lambda p: (torch.nn.Parameter(p.detach().t().contiguous().t()), p.grad),
    "transposed gradient": lambda p: (p, p.grad.t().contiguous().t()),
    "gradient negated lazily": lambda p: (p, torch._neg_view(-p.grad)),
    "expanded gradient": lambda p: (p, p.grad[:1].expand(p.shape)),
    "strided parameter": lambda p: (torch.nn.Parameter(p.detach().repeat(1, 2)[:, ::2]), p.grad),
    "unaligned parameter": lambda p: (
        torch.nn.Parameter(torch.cat([torch.zeros(1), p.detach().ravel()])[1:].view(p.shape)),
        p.grad,
    ),
}


def wrong_layouts(name: str, options) -> list[str]:
    """In which of `LAYOUTS` three steps move a parameter otherwise than in one contiguous piece.

    Only the order of a sum may differ, in the norm: 84 terms (Higham, 4.2), and m may cancel to a tenth of them.
    """
    wrong = []
    for layout, arrange in LAYOUTS.items():
        [p] = parameters("cpu", shapes=[(7, 12)])
        p, p.grad = arrange(p)
        q = torch.nn.Parameter(p.detach().clone(memory_format=torch.contiguous_format))
        q.grad = p.grad.clone(memory_format=torch.contiguous_format)
        for x in (p, q):
            optimizer = getattr(optim, name)([x], lr=0.1, fused=True, **options)
            arranged, x.grad = x.grad, 32 * q.grad  # a longer one first, so that these are lifted
            for gradient in (x.grad, *[arranged] * 3):
                x.grad = gradient
                optimizer.step()
        tolerance = 84 * 10 * torch.finfo(p.dtype).eps
        if not torch.allclose(p, q, rtol=tolerance, atol=tolerance):
            wrong.append(layout)
    return wrong


def still() -> list[str]:
    """Optimizers that move a coordinate without a gradient, though eps is 0."""
    moved = []
    for name in optim.__all__:
        [p] = parameters("cpu", shapes=[(5,)])
        p.grad = torch.tensor([0.0, 1.0, 0.0, -1.0, 0.0])
        before = p.detach().clone()
        getattr(optim, name)([p], betas=(0.0, 0.999), eps=0.0, fused=True).step()
        if not torch.equal(p[::2], before[::2]) or not torch.isfinite(p).all():
            moved.append(name)
    return moved


def long_list() -> bool:
    """Whether 161 tensors come out as they do one by one."""
    shapes = [(1 + i % 70,) for i in range(161)]
    params, alone = parameters("cpu", shapes=shapes), parameters("cpu", shapes=shapes)
    for group in (params, *([p] for p in alone[::20])):
        optimizer = optim.AdamNorm(group, lr=0.1, fused=True)
        for _ in range(2):
            optimizer.step()
            fall(group)
    return all(torch.equal(p, q) for p, q in zip(params[::20], alone[::20], strict=True))


def reused() -> list[bool]:
    """Whether the table of addresses was the same at a second step, with other gradients, and in a new list."""
    params, optimizer = made("AdamNorm", {})

    def tables(state):
        plan = _addresses._entries[state["step"]].plan
        return plan.table, plan.grads

    optimizer.step()
    first = tables(optimizer.state[params[0]])
    optimizer.step()
    second = tables(optimizer.state[params[0]])
    kept = [p.grad for p in params]
    for p in params:
        p.grad = p.grad.clone()
    optimizer.step()
    third = tables(optimizer.state[params[0]])
    del kept
    params[0].data = params[0].data.clone()
    optimizer.step()
    fourth = tables(optimizer.state[params[0]])
    entries = len(_addresses._entries)
    del params, optimizer
    gc.collect()
    return [
        all(a is b for a, b in zip(first, second, strict=True)),
        third[0] is second[0] and third[1] is not second[1],
        fourth[0] is not third[0],
        len(_addresses._entries) < entries,
    ]


def for_gpus(name: str, options) -> tuple[bool, float, int]:
    """What `gpu_tests` do: whether a scaler changes no bit, and a short tensor spread over a long one."""
    shipped = next(s for s in SHIPPED if s.name == name)
    same = bodies.same(bodies.scaled(name, "cpu", options), bodies.plain(name, "cpu", 3, options))
    return same, *bodies.embedded(shipped, "cpu", "float32", 1500)


def captures() -> list[str]:
    """What happens where a graph is said to be captured: nothing new, gradients elsewhere, them twice, a new list."""
    params, optimizer = made("AdamNorm", {})
    optimizer.step()
    entry = _addresses._entries[optimizer.state[params[0]]["step"]]
    entry.plan = replace(entry.plan, spare=torch.empty(len(params), dtype=torch.int64))
    capturing, _addresses._capturing = _addresses._capturing, lambda _: True
    happened = []
    try:
        for elsewhere in (False, True, True):
            if elsewhere:
                for p in params:
                    p.grad = p.grad.clone()
            kept = len(entry.captured)
            happened.append(outcome(optimizer) or f"{len(entry.captured) - kept} kept")
        happened.append(outcome(made("AdamNorm", {})[1]))
    finally:
        _addresses._capturing = capturing
    return happened


def outcome(optimizer: torch.optim.Optimizer) -> str:
    try:
        optimizer.step()
    except RuntimeError as error:
        return str(error)
    return ""


def state_of_another_size() -> str:
    params, optimizer = made("AdamNorm", {})
    optimizer.step()
    optimizer.state[params[4]]["exp_avg"] = torch.zeros(63)
    return outcome(optimizer)


def moments_in_float32(name: str, options) -> float:
    """How far moments of half-precision parameters, kept in float32, and norms are from the unfused step's, relatively.

    With a rate of 0, so that parameters are the same.
    """
    found = []
    for fused in (False, True):
        params = parameters("cpu", torch.bfloat16, shapes=SHAPES)
        optimizer = getattr(optim, name)(params, lr=0.0, fused=fused, state_dtype=torch.float32, **options)
        for _ in range(3):
            optimizer.step()
            fall(params)
        found.append([optimizer.state[p] for p in params])
    worst = 0.0
    for unfused, fused in zip(*found, strict=True):
        for key, value in unfused.items():
            assert fused[key].dtype == value.dtype == torch.float32
            if value.numel():
                worst = max(worst, ((fused[key] - value).abs().max() / value.abs().max()).item())
    return worst
