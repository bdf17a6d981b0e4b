"""The fused step on CUDA: bits that must agree, graphs, streams, mixed precision, launches, and very long tensors.

That it stays inside the envelope is what `test_cuda.py` asks of every path. Determinism: sums have an order that
depends on sizes, dtypes and whether all addresses of a list are multiples of 16 bytes, so that runs agree bit for bit
on one kind of device, with one version of Triton and of the CUDA toolkit that it ships; between kinds they agree inside
the envelope only.

Step times are not tested here, since they are not a matter of right and wrong; what was measured is kept as

    adanorm-verify bench --device cuda --json gpu_tests/evidence/FILE.json

wrote it.
"""

from __future__ import annotations

import gc

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from adanorm_verify import optim
from adanorm_verify.bench import RESNET50_SHAPES
from adanorm_verify.gate import SHIPPED
from gpu_tests.bodies import compiled, embedded, everything, fall, parameters, plain, same, scaled

EACH = pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: "-".join([shipped.name, *shipped.arguments]))
NAMES = optim.__all__
FUSED = {"fused": True}
PATHS = {"single-tensor": {"foreach": False}, "foreach": {"foreach": True}, "fused": FUSED}


def stepped(params, name, steps, **options):
    optimizer = getattr(optim, name)(params, lr=0.1, **options)
    for _ in range(steps):
        optimizer.step()
        fall(params)
    return optimizer


def room(*bytes_wanted: int) -> None:
    gc.collect()
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    if sum(bytes_wanted) > free:
        pytest.skip(f"needs {sum(bytes_wanted):,} bytes of GPU memory, {free:,} are free")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@EACH
def test_a_hundred_million_elements(shipped, dtype):
    numel = 10**8
    room(6 * numel * 4)
    worst, compared = embedded(shipped, "cuda", dtype, numel)
    assert worst <= 1
    assert compared > 0


@EACH
def test_more_elements_than_an_int32_counts(shipped):
    numel = 2**31 + 2**20 + 3
    room(7 * numel * 2)  # one more for the search of those that moved
    worst, compared = embedded(shipped, "cuda", "bfloat16", numel)
    assert worst <= 1
    assert compared > 0


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_leave_the_same_bits(name):
    runs = [everything(stepped(parameters("cuda", shapes=[(10**7,), (777,)]), name, 5, **FUSED)) for _ in range(2)]
    assert same(*runs)


@pytest.mark.parametrize("name", NAMES)
def test_a_long_list_is_as_its_tensors_alone(name):
    params, alone = parameters("cuda", shapes=RESNET50_SHAPES), parameters("cuda", shapes=RESNET50_SHAPES)
    together = everything(stepped(params, name, 3, **FUSED))
    single = [tensor for p in alone for tensor in everything(stepped([p], name, 3, **FUSED))]
    assert same(together, single)


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


@pytest.mark.parametrize("options", [{}, {"maximize": True, "weight_decay": 0.1}], ids=["plain", "decayed"])
@pytest.mark.parametrize("name", NAMES)
def test_a_scaler_scales_exactly_and_skips_what_overflowed(name, options):
    assert same(scaled(name, "cuda", FUSED | options), plain(name, "cuda", 3, FUSED | options))


@pytest.mark.parametrize("channels_last", ["parameter", "gradient", "both"])
@pytest.mark.parametrize("name", NAMES)
def test_channels_last_is_as_contiguous(name, channels_last):
    """Only the order of a sum differs, in the norm: 7,680 terms (Higham, 4.2), and m may cancel to a tenth."""
    [p], [q] = parameters("cuda", shapes=[(8, 16, 6, 10)]), parameters("cuda", shapes=[(8, 16, 6, 10)])
    if channels_last != "gradient":
        grad = p.grad
        p = torch.nn.Parameter(p.detach().to(memory_format=torch.channels_last))
        p.grad = grad
    if channels_last != "parameter":
        p.grad = p.grad.to(memory_format=torch.channels_last)
    for x in (p, q):
        stepped([x], name, 3, **FUSED)
    torch.testing.assert_close(p, q, rtol=7680 * 10 * 2.0**-23, atol=7680 * 10 * 2.0**-23)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", NAMES)
def test_a_captured_step_replays_as_it_runs(name, path):
    options = PATHS[path] | {"capturable": True}
    params = parameters("cuda")
    optimizer = getattr(optim, name)(params, lr=torch.tensor(0.1, device="cuda", dtype=torch.float64), **options)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # as torch asks: nothing may be set up while a graph is captured
        for _ in range(2):
            optimizer.step()
            fall(params)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        optimizer.step()
    for _ in range(6):  # RAdam changes its branch
        graph.replay()
        fall(params)
    assert same(everything(optimizer), plain(name, "cuda", 8, options))


@pytest.mark.parametrize("path", PATHS)
def test_a_graph_that_makes_its_own_gradients_outlives_other_steps(path):
    """The addresses that were captured are those of the graph's own gradients, and stay so."""
    options = PATHS[path] | {"capturable": True}

    def training(params, optimizer):
        optimizer.zero_grad(set_to_none=True)
        sum((p**2).sum() for p in params).backward()
        optimizer.step()

    results = []
    for captured in (True, False):
        params = parameters("cuda")
        optimizer = optim.AdamNorm(params, lr=0.1, **options)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                training(params, optimizer)
        torch.cuda.current_stream().wait_stream(side)
        if captured:
            graph = torch.cuda.CUDAGraph()
            optimizer.zero_grad(set_to_none=True)
            with torch.cuda.graph(graph):
                training(params, optimizer)
            graph.replay()
            training(params, optimizer)  # without the graph, with gradients elsewhere
            with torch.cuda.stream(side):  # over memory that was given back: each stream has its own, and the host
                junk = [torch.full((n,), 7, device="cuda") for n in (8, 64, 1024) for _ in range(64)]
            junk += [torch.full((len(params),), 7, dtype=torch.int64).pin_memory() for _ in range(64)]
            torch.cuda.current_stream().wait_stream(side)
            graph.replay()
            del junk
        else:
            for _ in range(3):
                training(params, optimizer)
        results.append(everything(optimizer))
    assert same(*results)


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


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", NAMES)
def test_what_torchs_compiler_makes_of_a_step_stays_inside_the_envelope(name, path):
    """Of a fused step, which the compiler cannot look into, it makes one of its own."""
    torch._dynamo.reset()
    failure, compared = compiled(name, "cuda", **PATHS[path])
    assert not failure
    assert compared > 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_compiled_once(name, path):
    torch._dynamo.reset()
    optimizer = getattr(optim, name)(parameters("cuda"), capturable=True, lr=torch.tensor(0.1), **PATHS[path])
    step = torch.compile(optimizer.step, fullgraph=True)
    for _ in range(2):  # the first makes the state, which the second finds
        step()
    with torch._dynamo.config.patch(error_on_recompile=True):
        for _ in range(6):
            step()
            optimizer.param_groups[0]["lr"].mul_(0.5)


def test_a_fused_step_without_capturable_is_not_captured():
    optimizer = stepped(parameters("cuda"), "AdamNorm", 2, **FUSED)
    graph = torch.cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="capturable"), torch.cuda.graph(graph):
        optimizer.step()
