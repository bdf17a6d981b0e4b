"""What a training loop asks of a step on CUDA: gradients that a scaler scaled, no waiting, few launches, streams."""

from __future__ import annotations

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from adanorm_verify import optim
from adanorm_verify.bench import RESNET50_SHAPES
from adanorm_verify.targets import load
from gpu_tests.bodies import EACH, FUSED, NAMES, PATHS, everything, fall, parameters, plain, same, scaled, stepped


@pytest.mark.parametrize("options", [{}, {"maximize": True, "weight_decay": 0.1}], ids=["plain", "decayed"])
@pytest.mark.parametrize("name", NAMES)
def test_a_scaler_scales_exactly_and_skips_what_overflowed(name, options):
    assert same(scaled(name, "cuda", FUSED | options), plain(name, "cuda", 3, FUSED | options))


@pytest.mark.parametrize("name", NAMES)
def test_no_step_waits_even_where_gradients_lie_elsewhere_each_time(name):
    params = parameters("cuda")
    optimizer = stepped(params, name, 2, **FUSED)
    kept = []
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            kept += [p.grad for p in params]
            for p in params:
                p.grad = p.grad.clone()
            optimizer.step()
            fall(params)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert same(everything(optimizer), plain(name, "cuda", 7, FUSED))


@pytest.mark.parametrize("path", PATHS)
@EACH
def test_default_step_does_not_synchronise_with_the_host(shipped, path):
    """The step count lives on the host, the norms on the device: nothing is copied between them."""
    parameters = [torch.nn.Parameter(torch.randn(64, 8, device="cuda")) for _ in range(3)]
    optimizer = load(shipped.target)(parameters, **PATHS[path], **shipped.arguments)
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        optimizer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("path", PATHS)
@EACH
def test_capturable_step_does_not_synchronise_with_the_host(shipped, path):
    parameters = [torch.nn.Parameter(torch.randn(64, 8, device="cuda")) for _ in range(3)]
    optimizer = load(shipped.target)(parameters, capturable=True, **PATHS[path], **shipped.arguments)
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(8):
            optimizer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(torch.isfinite(parameter).all() for parameter in parameters)


LAUNCHES = [("AdamNorm", ["scalars", "square_sums", "update"]), ("DiffGrad", ["scalars", "update"])]


@pytest.mark.parametrize(("name", "launches"), LAUNCHES)
def test_a_step_of_161_tensors_is_a_few_launches(name, launches):
    optimizer = stepped(parameters("cuda", shapes=RESNET50_SHAPES), name, 2, **FUSED)
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as seen:
        optimizer.step()
        torch.cuda.synchronize()
    on_device = [event for event in seen.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    # `Optimizer.step` itself is there too, as an annotation of what the device does for it.
    assert sorted(event.name for event in on_device if not event.is_user_annotation) == launches


@pytest.mark.parametrize("name", NAMES)
def test_two_streams_at_once_and_in_turn(name):
    wanted = plain(name, "cuda", 6, FUSED)
    streams = [torch.cuda.Stream() for _ in range(2)]
    optimizers = [getattr(optim, name)(parameters("cuda"), lr=0.1, **FUSED) for _ in streams]
    torch.cuda.synchronize()
    for _ in range(6):
        for stream, optimizer in zip(streams, optimizers, strict=True):
            with torch.cuda.stream(stream):
                optimizer.step()
                fall(optimizer.param_groups[0]["params"])
    torch.cuda.synchronize()
    assert all(same(everything(optimizer), wanted) for optimizer in optimizers)

    optimizer = getattr(optim, name)(parameters("cuda"), lr=0.1, **FUSED)
    torch.cuda.synchronize()
    for step in range(6):
        streams[step % 2].wait_stream(streams[1 - step % 2])
        with torch.cuda.stream(streams[step % 2]):
            optimizer.step()
            fall(optimizer.param_groups[0]["params"])
    torch.cuda.synchronize()
    assert same(everything(optimizer), wanted)
