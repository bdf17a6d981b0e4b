"""The checks of the CPU suite on CUDA, and CPU against GPU inside the derived envelope."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from adanorm_verify import check_optimizer, streams
from adanorm_verify.comparison import errors, tally
from adanorm_verify.envelope import envelope
from adanorm_verify.formats import representable
from adanorm_verify.gate import SHIPPED, check_shipped
from adanorm_verify.paper import algorithm
from adanorm_verify.rounding import PRECISIONS
from adanorm_verify.subject import DTYPES, Subject
from adanorm_verify.targets import load

EACH = pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: "-".join([shipped.name, *shipped.arguments]))


@EACH
def test_shipped_optimizer_conforms_on_cuda(shipped):
    verdict = check_shipped(shipped, "default", "cuda", seed=0)
    assert verdict.conforms, verdict.summary()
    for path in ("single-tensor", "foreach", "fused", "capturable"):
        assert {run.dtype for run in verdict.runs if run.path == path and run.outcome == "conforms"} == set(DTYPES)
    assert not [check.name for check in verdict.checks if check.outcome in ("failed", "warned")]


@pytest.mark.parametrize(("name", "claim"), [("Adam", "adam"), ("RAdam", "radam")])
def test_torch_optimizer_conforms_on_cuda(name, claim):
    verdict = check_optimizer(f"torch.optim:{name}", claim, device="cuda")
    assert verdict.conforms, verdict.summary()


def test_wrong_optimizer_is_caught_on_cuda():
    assert check_optimizer("torch.optim:Adam", "adamnorm", profile="quick", device="cuda").outcome == "differs"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("path", ["single-tensor", "foreach", "fused"])
@EACH
def test_cpu_and_gpu_agree_to_within_two_roundings_bounds(shipped, path, dtype):
    """Each is within the bound of the reference, so they are within twice the bound of one another."""
    assert apart(shipped, dtype, (path, "cpu"), (path, "cuda")) <= 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("paths", [("fused", "foreach"), ("fused", "single-tensor"), ("foreach", "single-tensor")])
@EACH
def test_paths_agree_to_within_two_roundings_bounds(shipped, paths, dtype):
    assert apart(shipped, dtype, *((path, "cuda") for path in paths)) <= 1


def apart(shipped, dtype, *runs):
    """How far two runs, each a path and a device, are from one another, over the sum of their bounds."""
    subject = Subject(load(shipped.target), shipped.name, shipped.arguments)
    paper = algorithm(shipped.algorithm, shipped.decisions)
    worst, compared = 0.0, 0
    for case in streams.designed(dtype):
        prepared = representable(subject.fitted(case, subject.base, subject.settable), dtype)
        steps = envelope(paper, prepared, PRECISIONS[dtype])
        drives = [
            subject.drive(prepared, subject.paths[path], dtype, device, subject.settable) for path, device in runs
        ]
        for quantities, one, other in zip(steps, *drives, strict=True):
            for known, a, b in zip(quantities, one, other, strict=True):
                if known is None or not a["theta"].size:
                    continue
                bound = 2 * np.broadcast_to(known["theta"].bound, a["theta"].shape).ravel()
                counted = tally(*errors(a["theta"].ravel(), bound, b["theta"].ravel()))
                worst = max(worst, counted.worst)
                compared += counted.compared
    assert compared > 0
    return worst


PATHS = {"single-tensor": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


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
