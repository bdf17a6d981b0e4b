"""Bits of the fused step on CUDA that must agree: run with run, a long list with its tensors alone.

That it stays inside the envelope is what `test_conformance.py` asks of every path, and `test_agreement.py` of each
beside the others. Determinism: sums have an order that depends on sizes, dtypes and whether all addresses of a list are
multiples of 16 bytes, so that runs agree bit for bit on one kind of device, with one version of Triton and of the CUDA
toolkit that it ships; between kinds they agree inside the envelope only.
"""

from __future__ import annotations

import pytest
import torch

from adanorm_verify.bench import RESNET50_SHAPES
from gpu_tests.bodies import FUSED, NAMES, everything, parameters, same, stepped


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
