"""What torch's compiler makes of a step on CUDA."""

from __future__ import annotations

import pytest
import torch

from adanorm_verify import optim
from gpu_tests.bodies import NAMES, PATHS, compiled, parameters


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
