"""The checks of the CPU suite, on CUDA."""

from __future__ import annotations

import pytest

from adanorm_verify import check_optimizer
from adanorm_verify.gate import check_shipped
from adanorm_verify.subject import DTYPES
from gpu_tests.bodies import EACH


@pytest.fixture
def profile(request):
    return request.config.getoption("--conformance-profile")


def test_wrong_optimizer_is_caught_on_cuda():
    assert check_optimizer("torch.optim:Adam", "adamnorm", profile="quick", device="cuda").outcome == "differs"


@EACH
def test_shipped_optimizer_conforms_on_cuda(shipped, profile):
    verdict = check_shipped(shipped, profile, "cuda", seed=0)
    assert verdict.conforms, verdict.summary()
    for path in ("single-tensor", "foreach", "fused", "capturable"):
        assert {run.dtype for run in verdict.runs if run.path == path and run.outcome == "conforms"} == set(DTYPES)
    assert not [check.name for check in verdict.checks if check.outcome in ("failed", "warned")]


@pytest.mark.parametrize(("name", "claim"), [("Adam", "adam"), ("RAdam", "radam")])
def test_torch_optimizer_conforms_on_cuda(name, claim, profile):
    verdict = check_optimizer(f"torch.optim:{name}", claim, profile=profile, device="cuda")
    assert verdict.conforms, verdict.summary()
