"""CPU against GPU, and path against path, inside the derived envelope."""

from __future__ import annotations

import numpy as np
import pytest

from adanorm_verify import streams
from adanorm_verify.comparison import errors, tally
from adanorm_verify.envelope import envelope
from adanorm_verify.formats import representable
from adanorm_verify.paper import algorithm
from adanorm_verify.rounding import PRECISIONS
from adanorm_verify.subject import DTYPES, Subject
from adanorm_verify.targets import load
from gpu_tests.bodies import EACH


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("paths", [("fused", "foreach"), ("fused", "single-tensor"), ("foreach", "single-tensor")])
@EACH
def test_paths_agree_to_within_two_roundings_bounds(shipped, paths, dtype):
    assert apart(shipped, dtype, *((path, "cuda") for path in paths)) <= 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("path", ["single-tensor", "foreach", "fused"])
@EACH
def test_cpu_and_gpu_agree_to_within_two_roundings_bounds(shipped, path, dtype):
    """Each is within the bound of the reference, so they are within twice the bound of one another."""
    assert apart(shipped, dtype, (path, "cpu"), (path, "cuda")) <= 1


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
