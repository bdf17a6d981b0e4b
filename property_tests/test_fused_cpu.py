"""The fused step on a CPU: what it takes and refuses, against the unfused step, and as users meet it."""

from __future__ import annotations

import re

import pytest
import torch

from adanorm_verify import optim

NAMES = optim.__all__


def ones(**options):
    return torch.ones(2, **{"requires_grad": True} | options)


REFUSED = [
    ({}, {"foreach": True}, "fused=True and foreach=True exclude each other"),
    ({}, {"differentiable": True}, "fused=True and differentiable=True exclude each other"),
    ({"dtype": torch.complex64}, {}, "its dtype must be one of torch.float32, "),
    ({"dtype": torch.complex64}, {}, "got torch.complex64"),
    ({"device": "meta"}, {}, "its device must be one of cpu, cuda, got meta"),
]


@pytest.mark.parametrize(("parameter", "options", "message"), REFUSED)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_supported_is_refused_with_its_value(name, parameter, options, message):
    cls = getattr(optim, name)
    matching = re.escape(message)
    with pytest.raises(ValueError, match=matching):
        cls([ones(**parameter)], fused=True, **options)
    optimizer = cls([ones()])
    with pytest.raises(ValueError, match=matching):
        optimizer.add_param_group({"params": [ones(**parameter)], "fused": True, **options})
    assert len(optimizer.param_groups) == 1

    other = cls([ones(**parameter)])
    checkpoint = other.state_dict()
    checkpoint["param_groups"][0] |= {"fused": True, **options}
    with pytest.raises(ValueError, match=matching):
        other.load_state_dict(checkpoint)
    assert not other.param_groups[0]["fused"]
    pickled = other.__getstate__()
    pickled["param_groups"][0] |= {"fused": True, **options}
    with pytest.raises(ValueError, match=matching):
        cls.__new__(cls).__setstate__(pickled)


@pytest.mark.parametrize("name", NAMES)
def test_fused_is_a_truth_value(name):
    with pytest.raises(ValueError, match="fused must be True, False or None, got 'yes'"):
        getattr(optim, name)([ones()], fused="yes")


@pytest.mark.parametrize("name", NAMES)
def test_the_scale_is_left_to_the_step_only_if_all_groups_fuse(name):
    optimizer = getattr(optim, name)([ones()], fused=True)
    assert optimizer._step_supports_amp_scaling
    optimizer.add_param_group({"params": [ones()], "fused": False})
    assert not optimizer._step_supports_amp_scaling
    assert not getattr(optim, name)([ones()])._step_supports_amp_scaling


VARIANTS = [
    *((name, {}) for name in NAMES),
    *((name, {"guard": "decaying"}) for name in NAMES if name.endswith("Norm")),
    ("AdamNorm", {"amsgrad": True}),
    ("AdaBeliefNorm", {"belief": "g"}),
]
EACH = pytest.mark.parametrize(("name", "own"), VARIANTS, ids=str)
ALONE = {"foreach": None, "fused": True, "capturable": False}
"""Of all paths only this one is run."""


def shipped(name, own):
    decisions = {key: value for key, value in own.items() if key in ("guard", "belief")}
    algorithm = "amsgradnorm" if own.get("amsgrad") else name.lower()
    return algorithm, decisions


def check(name, own, **options):
    algorithm, decisions = shipped(name, own)
    if "belief" in decisions:
        decisions = {"adabelief_v": decisions.pop("belief"), **decisions}
    options = {"profile": "quick", "dtypes": ["float64", "float32"]} | options
    return check_optimizer(
        f"adanorm_verify.optim:{name}", algorithm, arguments=ALONE | own, decisions=decisions, **options
    )
