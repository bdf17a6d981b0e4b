"""What tests of several devices do, with the device as an argument: without a GPU they run on a CPU."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from adanorm_verify import optim, streams
from adanorm_verify.comparison import errors, tally
from adanorm_verify.envelope import envelope
from adanorm_verify.formats import representable
from adanorm_verify.gate import SHIPPED, Shipped
from adanorm_verify.paper import algorithm
from adanorm_verify.rounding import PRECISIONS
from adanorm_verify.runs import Check, probe, run_case
from adanorm_verify.subject import DTYPES, Subject
from adanorm_verify.targets import load

EACH = pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: "-".join([shipped.name, *shipped.arguments]))
NAMES = optim.__all__
FUSED = {"fused": True}
PATHS = {"single-tensor": {"foreach": False}, "foreach": {"foreach": True}, "fused": FUSED}
SHAPES = ((), (1,), (0,), (5, 13), (64,), (4099,), (3, 2, 4))


def embedded(shipped: Shipped, device: str, dtype: str, numel: int) -> tuple[float, int]:
    """The largest error over bound, and how many elements were compared, of a short tensor spread over a long one.

    All other gradients are zero: they add nothing to the norm, so that the envelope is that of the short tensor,
    and their parameters must stay.
    """
    subject = Subject(load(shipped.target), shipped.name, {**shipped.arguments, "fused": True})
    # In half precision the bound on a sum of 300 squares is no bound at all. Norms that fall, so that they are lifted.
    shape, kind = ((300,), 17) if dtype in ("float32", "float64") else ((3,), 15)
    case = streams.case("spread", [shape], [8.0, 0.125, 0.125, 4.0, 0.125], kind=kind)
    case = representable(subject.fitted(case, subject.base, subject.settable), dtype)
    options = subject.options(case.hyperparameters[0], subject.settable)
    place = torch.linspace(0, numel - 1, case.theta[0].size, dtype=torch.float64).long().to(device)
    assert len(place.unique()) == len(place)
    parameter = torch.nn.Parameter(torch.zeros(numel, dtype=DTYPES[dtype], device=device))
    parameter.grad = torch.zeros_like(parameter)
    with torch.no_grad():
        parameter[place] = torch.tensor(case.theta[0], dtype=DTYPES[dtype], device=device)
    optimizer = load(shipped.target)([parameter], fused=True, **options, **shipped.arguments)
    worst, compared = 0.0, 0
    e, gamma = 0.0, case.hyperparameters[0].gamma
    steps = envelope(algorithm(shipped.algorithm, shipped.decisions), case, PRECISIONS[dtype])
    for [gradient], [known] in zip(case.steps, steps, strict=True):
        parameter.grad[place] = torch.tensor(gradient, dtype=DTYPES[dtype], device=device)
        optimizer.step()
        e = gamma * e + (1 - gamma) * float(np.linalg.norm(gradient))
        kept = optimizer.state[parameter].get("exp_grad_norm")
        # e is rounded once a step, a norm of sums in float32 about as often: 10 units are allowed, 1.15 were observed.
        # Without the tensor's last element it is off by 18,000 of them.
        assert kept is None or abs(kept.item() - e) <= 2 * len(case.steps) * 2.0**-24 * e
        found = parameter.detach()[place].double().cpu().numpy()
        bound = np.broadcast_to(known["theta"].bound, found.shape)
        counted = tally(*errors(known["theta"].value.ravel(), bound.ravel(), found))
        worst, compared = max(worst, counted.worst), compared + counted.compared
    with torch.no_grad():
        parameter[place] = 0.0
    assert not parameter.any(), "an element without gradient moved"
    return worst, compared


def parameters(device: str, dtype: torch.dtype = torch.float32, shapes=SHAPES) -> list[torch.nn.Parameter]:
    """Normal deviates, with gradients that are normal deviates too."""
    generator = torch.Generator().manual_seed(0)
    made = []
    for shape in shapes:
        p, g = (torch.randn(shape, generator=generator).to(device=device, dtype=dtype) for _ in range(2))
        made.append(torch.nn.Parameter(p))
        made[-1].grad = g
    return made


def fall(params: Iterable[torch.nn.Parameter]) -> None:
    """Divide gradients by 32, exactly and in place: from the second step on the average norm is above the norm."""
    for p in params:
        p.grad.mul_(2.0**-5)


def everything(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """Parameters and state, as copies."""
    found = []
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state[parameter]
            found += [parameter.detach().clone(), *(state[key].clone() for key in sorted(state))]
    return found


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def stepped(params: list[torch.nn.Parameter], name: str, steps: int, **options: Any) -> torch.optim.Optimizer:
    """The optimizer after some steps with gradients that fall."""
    optimizer = getattr(optim, name)(params, lr=0.1, **options)
    for _ in range(steps):
        optimizer.step()
        fall(params)
    return optimizer


def plain(name: str, device: str, steps: int, options: Mapping[str, Any]) -> list[torch.Tensor]:
    """What some steps leave behind."""
    return everything(stepped(parameters(device), name, steps, **options))


def scaled(name: str, device: str, options: Mapping[str, Any]) -> list[torch.Tensor]:
    """As `plain` with three steps, under a GradScaler, and with an overflow that changes nothing in between."""
    params = parameters(device)
    optimizer = getattr(optim, name)(params, lr=0.1, **options)
    scaler = torch.amp.GradScaler(device, init_scale=2.0**16, growth_interval=10**6)
    gradients = [p.grad for p in params]
    for overflow in (False, True, False, False):
        scale = scaler.scale(torch.ones((), device=device))
        for p, g in zip(params, gradients, strict=True):
            p.grad = g * scale if not overflow else torch.full_like(g, torch.inf)
        before = everything(optimizer) if overflow else None
        scaler.step(optimizer)
        scaler.update()
        assert before is None or same(before, everything(optimizer))
        if not overflow:
            for g in gradients:
                g.mul_(2.0**-5)  # as `fall` does
    assert scaler.get_scale() == 2.0**15
    return everything(optimizer)


def compiled(name: str, device: str, backend: str = "inductor", **options: Any) -> tuple[str, int]:
    """What failed, and how many parameters were compared, of a step that torch's compiler made, on one case."""

    def factory(params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        optimizer = getattr(optim, name)(params, lr, betas, eps, **options)
        optimizer.step = torch.compile(optimizer.step, fullgraph=True, backend=backend)
        return optimizer

    subject = Subject(factory, name)
    check = Check(subject, algorithm(name.lower(), {}), subject.base, device)
    combination = probe(check, "default", "float32")
    [case] = [case for case in streams.designed("float32") if case.name == "norm drops"]
    run_case(check, case, [combination])
    failure = combination.note or combination.refusal or str(combination.failure or "")
    return failure, combination.tallies["theta"].compared if combination.tallies else 0
