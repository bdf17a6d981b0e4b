"""Steps that a CUDA graph captured, beside the same steps without one."""

from __future__ import annotations

import pytest
import torch

from adanorm_verify import optim
from gpu_tests.bodies import FUSED, NAMES, PATHS, everything, fall, parameters, plain, same, stepped


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


def test_a_fused_step_without_capturable_is_not_captured():
    optimizer = stepped(parameters("cuda"), "AdamNorm", 2, **FUSED)
    graph = torch.cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="capturable"), torch.cuda.graph(graph):
        optimizer.step()
