"""`torch.compile(optimizer.step)`: one graph, not compiled again as steps go by, inside the envelope."""

from __future__ import annotations

import pytest
import torch

from adanorm_verify import optim
from gpu_tests.bodies import compiled

NAMES = optim.__all__
STATE_MADE = 2
"""The first step makes the state, which the second finds: both are traced."""


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield
    torch._dynamo.reset()


def parameters():
    generator = torch.Generator().manual_seed(0)
    made = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in [(3,), (2, 3), ()]]
    for p in made:
        p.grad = torch.randn(p.shape, generator=generator)
    return made


PATHS = {
    "single": {"foreach": False},
    "foreach": {"foreach": True},
    "capturable": {"foreach": False, "capturable": True},
    "capturable-foreach": {"foreach": True, "capturable": True},
    "fused": {"fused": True},
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", NAMES)
def test_the_graph_is_whole_and_compiled_once(name, path):
    params = parameters()
    options = PATHS[path]
    optimizer = getattr(optim, name)(params, weight_decay=0.1, **options)
    step = torch.compile(optimizer.step, fullgraph=True, backend="eager")
    for _ in range(STATE_MADE):
        step()
    with torch._dynamo.config.patch(error_on_recompile=True):
        for count in range(6):  # RAdam changes its branch at the sixth
            for p in params:
                p.grad = torch.full_like(p, float(count))
            step()
    assert not torch._dynamo.utils.counters["graph_break"]
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == STATE_MADE


def test_a_compiled_fused_step_does_not_lose_the_scale_of_the_gradients():
    params = parameters()
    optimizer = optim.AdamNorm(params, fused=True)
    optimizer.found_inf = torch.ones(1)
    before = [p.detach().clone() for p in params]
    with pytest.raises(torch._dynamo.exc.Unsupported, match="takes no scale"):
        torch.compile(optimizer.step, fullgraph=True, backend="eager")()
    torch.compile(optimizer.step, backend="eager")()  # breaks the graph, and runs the fused step
    assert all(torch.equal(p, q) for p, q in zip(params, before, strict=True))


def test_compiling_again_is_noticed():
    params = parameters()
    optimizer = optim.AdamNorm(params)
    step = torch.compile(optimizer.step, fullgraph=True, backend="eager")
    for _ in range(STATE_MADE):
        step()
    optimizer.param_groups[0]["eps"] = 0.5
    with torch._dynamo.config.patch(error_on_recompile=True), pytest.raises(torch._dynamo.exc.RecompileError):
        step()


@pytest.mark.parametrize("name", ["AdamNorm", "RAdamNorm"])
def test_a_tensor_rate_under_a_scheduler_is_followed_without_compiling_again(name):
    compiled, plain = parameters(), parameters()
    moves = []
    for params in (compiled, plain):
        optimizer = getattr(optim, name)(params, lr=torch.tensor(0.5, dtype=torch.float64), foreach=False)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
        # Not the whole graph: torch's scheduler wraps the step in a function that its compiler will not look into.
        step = torch.compile(optimizer.step, backend="eager") if params is compiled else optimizer.step
        for _ in range(STATE_MADE):
            step()
            scheduler.step()
        with torch._dynamo.config.patch(error_on_recompile=True):
            for _ in range(5):
                step()
                scheduler.step()
        moves.append([p.detach() for p in params])
    for a, b in zip(*moves, strict=True):
        # One more rounding of a scalar at each of 7 steps: beside numbers the graph has tensors.
        torch.testing.assert_close(a, b, rtol=7 * 2.0**-24, atol=7 * 2.0**-24)


@pytest.mark.parametrize(
    ("name", "backend", "options"),
    [("RAdamNorm", "inductor", {"foreach": True}), ("AdamNorm", "eager", {"fused": True})],
    ids=["foreach", "fused"],
)
def test_what_torchs_compiler_makes_of_it_stays_inside_the_envelope(name, backend, options):
    """Of a fused step, which the compiler cannot look into, it makes one of its own."""
    failure, compared = compiled(name, "cpu", backend, **options)
    assert not failure
    assert compared > 0
