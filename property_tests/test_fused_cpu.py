"""The fused step on a CPU: what it takes and refuses, against the unfused step, and as users meet it."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from fused_steps import SHAPES, gradients, moved, ones, python, starts
from numba.core.ccallback import CFunc
from torch.testing._internal.two_tensor import TwoTensor

from adanorm_verify import check_optimizer, optim
from adanorm_verify.optim import _fused_cpu
from adanorm_verify.optim import _fused_loops as loops

NAMES = optim.__all__


REFUSED = [
    ({}, {"foreach": True}, "fused=True and foreach=True exclude each other"),
    ({}, {"differentiable": True}, "fused=True and differentiable=True exclude each other"),
    ({"dtype": torch.complex64}, {}, "its dtype must be one of torch.float32, "),
    ({"dtype": torch.complex64}, {}, "got torch.complex64"),
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


DECIDED = ("guard", "belief")
"""Options that are decisions of the paper, by the same words."""


def check(name, own, **options):
    """The verdict on the fused path alone."""
    return check_optimizer(
        f"adanorm_verify.optim:{name}",
        "amsgradnorm" if own.get("amsgrad") else name.lower(),
        arguments={"foreach": None, "fused": True, "capturable": False, **own},
        decisions={key: value for key, value in own.items() if key in DECIDED},
        **{"profile": "quick", "dtypes": ["float64", "float32"]} | options,
    )


@EACH
def test_the_fused_step_conforms(name, own):
    verdict = check(name, own)
    assert verdict.conforms, verdict.summary()
    assert all(run.cases for run in verdict.runs)


@pytest.mark.parametrize("name", ["AdamNorm", "AdaBelief"])
def test_the_fused_step_conforms_in_half_precision(name):
    verdict = check(name, {}, dtypes=["bfloat16", "float16"])
    assert verdict.conforms, verdict.summary()


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("Norm")])
def test_the_fused_step_conforms_where_tasks_end_within_tensors(name, monkeypatch):
    monkeypatch.setattr(_fused_cpu, "_TASK", 3)
    monkeypatch.setattr(_fused_cpu, "_WINDOW", 5)
    monkeypatch.setattr(_fused_cpu, "_COPIED", 4)
    verdict = check(name, {}, dtypes=["float32"])
    assert verdict.conforms, verdict.summary()


NUMBERS, RULE = _fused_cpu._numbers, _fused_cpu._with_options


def other_rule(taken, instead):
    """The update of one rule done by another."""
    return "_with_options", lambda *arguments: instead if RULE(*arguments) == taken else RULE(*arguments)


def other_number(column, change):
    def mutated(*arguments):
        numbers = NUMBERS(*arguments)
        numbers[:, column] = change(numbers[:, column])
        return numbers

    return "_numbers", mutated


MUTANTS = {
    "amsgrad is Adam": ("AdamNorm", {"amsgrad": True}, *other_rule("amsgrad", "adam")),
    "diffgrad is Adam": ("DiffGrad", {}, *other_rule("diffgrad", "adam")),
    "v of g": ("AdaBeliefNorm", {"belief": "s"}, *other_rule("adabelief s", "adabelief g")),
    "v of s": ("AdaBeliefNorm", {"belief": "g"}, *other_rule("adabelief g", "adabelief s")),
    "v is trusted at once": ("RAdamNorm", {}, *other_rule("radam", "adam")),
    "eps is doubled": ("AdamNorm", {}, *other_number(loops.EPS, lambda eps: 2 * eps)),
    "weight of v is 1": ("AdaBelief", {}, *other_number(loops.WEIGHT2, lambda weight: 1.0)),
    "averages stay": ("AdamNorm", {}, *other_number(loops.WEIGHT_GAMMA, lambda weight: 0.0)),
    "nothing is lifted": ("AdamNorm", {}, *other_number(loops.CAP, lambda cap: 1.0)),
    "no guard": ("AdamNorm", {"guard": "decaying"}, *other_number(loops.CAP, lambda cap: 9.0)),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_of_the_fused_step_is_caught(mutant, monkeypatch):
    name, own, attribute, instead = MUTANTS[mutant]
    monkeypatch.setattr(_fused_cpu, attribute, instead)
    assert check(name, own, dtypes=["float32"], explain=False).outcome == "differs"


def loops_with(old, new):
    """The compiled step of a source with one change."""
    source = Path(loops.__file__).read_text()
    assert source.count(old) == 1
    names = {"__name__": loops.__name__, "__file__": loops.__file__}
    exec(compile(source.replace(old, new).replace("cache=True", "cache=False"), "mutant", "exec"), names)
    return names["step"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("AdamNorm", "np.sqrt(square) + n[EPS]", "np.sqrt(square + n[EPS])"),
        ("AdamNorm", "(n[WEIGHT1] * n[FACTOR]) * x", "n[WEIGHT1] * x"),
        ("DiffGrad", "one / (one + _exp_of_negative", "one / (one + one + _exp_of_negative"),
        ("AdaBelief", "(s if of_s else g[i]) - m[i]", "g[i]"),
        ("AdamNorm", "_add_squares(first, last, norm", "_add_squares(first, last - 1, norm"),
        ("AdamNorm", "(n.dtype.type(np.inf) if norm == 0 else norm)", "average[0]"),
    ],
)
def test_a_mutant_of_the_loops_is_caught(name, old, new, monkeypatch):
    monkeypatch.setattr(loops, "step", loops_with(old, new))
    assert check(name, {}, dtypes=["float32"], explain=False).outcome == "differs"


@pytest.mark.parametrize(
    "options",
    [
        {"weight_decay": 0.5},
        {"weight_decay": 0.5, "maximize": True},
        {"weight_decay": 0.5, "decoupled_weight_decay": True},
        {"maximize": True},
        {"eps": 0.0},
        {"betas": (0.0, 0.0), "eps": 0.0},
        {"lr": torch.tensor(0.25)},
    ],
    ids=str,
)
@EACH
def test_fused_and_unfused_agree(name, own, options):
    """In float64, and to within half of its digits: what is wrong is wrong in the first ones."""
    shapes = SHAPES
    steps = gradients(shapes, dtype=torch.float64)
    steps[3][0].zero_()
    steps[4][4] *= 0.01
    results = []
    for fused in (False, True):
        params = [torch.nn.Parameter(start) for start in starts(shapes, torch.float64)]
        optimizer = getattr(optim, name)(params, fused=fused, **{"lr": 0.25} | own | options)
        results.append([*moved(optimizer, params, steps), *(v for p in params for v in optimizer.state[p].values())])
    half = 2.0**-26
    for unfused, fused in zip(*results, strict=True):
        torch.testing.assert_close(fused, unfused, rtol=half, atol=half)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 1e15, 1e-30])
@EACH
def test_what_is_not_finite_spreads_as_without_fusing(name, own, value):
    steps = gradients([(5,)], steps=4)
    steps[1][0][2] = value
    found = []
    for fused in (False, True):
        params = [torch.nn.Parameter(torch.ones(5))]
        moved(getattr(optim, name)(params, fused=fused, **own), params, steps)
        found.append(params[0].detach().isfinite())
    assert torch.equal(*found)


def test_numba_is_imported_for_the_first_group_that_fuses_and_not_before():
    python(
        "import sys, torch; from adanorm_verify.optim import AdamNorm\n"
        "p = torch.ones(2, requires_grad=True); p.grad = torch.ones(2); AdamNorm([p]).step()\n"
        "assert 'numba' not in sys.modules\n"
        "m = torch.nn.Linear(2, 1, device='meta'); AdamNorm(m.parameters(), fused=True)\n"
        "assert 'numba' not in sys.modules\n"
        "with torch.device('meta'): optimizer = AdamNorm([p], fused=True)\n"
        "assert 'numba' in sys.modules; optimizer.step(); assert optimizer.state[p]['step'] == 1"
    )


@pytest.mark.parametrize("name", ["exp_avg", "exp_avg_sq", "exp_grad_norm"])
def test_state_of_another_size_is_refused(name):
    params = [torch.nn.Parameter(start) for start in starts([(5,)])]
    optimizer = optim.AdamNorm(params, fused=True)
    moved(optimizer, params, gradients([(5,)], 1))
    optimizer.state[params[0]][name] = torch.zeros(4)
    with pytest.raises(RuntimeError, match=f"{name} must have as many elements as its parameter asks for, ., got 4"):
        moved(optimizer, params, gradients([(5,)], 1))


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch):
    def refuse(self):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(CFunc, "enable_caching", refuse)
    assert loops.step.__wrapped__(np.dtype(np.float32)).address


def test_a_second_process_compiles_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    code = (
        "import torch; from adanorm_verify.optim import AdamNorm, _fused_loops as loops\n"
        "p = torch.ones(2, requires_grad=True); p.grad = torch.ones(2); AdamNorm([p], fused=True).step()\n"
        "import numpy; print(loops.step(numpy.dtype('float32'))._cache_hits, len(loops._update.overloads))"
    )
    assert python(code).split() == ["0", "1"]
    assert python(code).split() == ["1", "0"]


LAYOUTS = {
    "transposed parameter": (lambda x: x.t().contiguous().t(), lambda g: g),
    "strided parameter": (lambda x: torch.stack([x, x], -1)[..., 0], lambda g: g),
    "transposed gradient": (lambda x: x, lambda g: g.t().contiguous().t()),
    "sliced gradient": (lambda x: x, lambda g: torch.stack([g, g], -1)[..., 0]),
    "expanded gradient": (lambda x: x, lambda g: g[:1].expand_as(g)),
    "both transposed": (lambda x: x.t().contiguous().t(), lambda g: g.t().contiguous().t()),
    "negated lazily": (lambda x: x, lambda g: torch.complex(g, g).conj().imag),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("layout", LAYOUTS)
@EACH
def test_the_layout_of_memory_does_not_matter(name, own, layout, dtype):
    """Elements are whole numbers over one power of two: norms do not depend on the order of summation."""
    arrange, arrange_gradient = LAYOUTS[layout]
    if layout == "negated lazily" and dtype == torch.bfloat16:
        pytest.skip("there are no complex numbers of bfloat16")
    start = torch.arange(12.0).reshape(3, 4).to(dtype)
    params = [torch.nn.Parameter(arrange(start.clone())), torch.nn.Parameter(start.clone())]
    steps = [[((5 * g).round() / 32**i).to(dtype)] for i, [g] in enumerate(gradients([(3, 4)], 4))]  # they are lifted
    for p in params:
        optimizer = getattr(optim, name)([p], lr=0.1, fused=True, **own)
        for [g] in steps:
            arranged = arrange_gradient(g)
            p.grad = arranged if p is params[0] else arranged.clone(memory_format=torch.contiguous_format)
            optimizer.step()
    assert torch.equal(*params)


def test_the_memory_around_a_parameter_is_left_alone():
    around = torch.arange(40.0)
    p = torch.nn.Parameter(around[10:30])
    moved(optim.AdamNorm([p], fused=True, lr=0.1), [p], gradients([(20,)]))
    assert torch.equal(around[:10], torch.arange(10.0))
    assert torch.equal(around[30:], torch.arange(30.0, 40.0))
    assert not torch.equal(around[10:30], torch.arange(10.0, 30.0))


def test_autograd_sees_that_a_parameter_was_moved():
    p = torch.ones(3, requires_grad=True)
    loss = (p * p).sum()
    p.grad = torch.ones(3)
    optim.AdamNorm([p], fused=True).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_parameter_without_memory_of_its_own_is_refused():
    two = TwoTensor(torch.ones(2), torch.ones(2)).requires_grad_()
    with pytest.raises(ValueError, match="it must have memory of its own, got TwoTensor"):
        optim.AdamNorm([two], fused=True)


def test_a_norm_of_millions_is_right_to_the_last_bit():
    g = torch.randn(2_400_000, generator=torch.Generator().manual_seed(0))
    p = torch.nn.Parameter(torch.zeros_like(g))
    p.grad = g
    optimizer = optim.AdamNorm([p], fused=True, gamma=0.0)
    optimizer.step()
    exact = math.sqrt(math.fsum((g.double() ** 2).tolist()))
    assert optimizer.state[p]["exp_grad_norm"].item() == torch.tensor(exact, dtype=torch.float32).item()


def test_a_norm_whose_square_is_beyond_float32_is_a_number():
    p = torch.nn.Parameter(torch.zeros(2))
    p.grad = torch.tensor([3e30, 4e30])
    optimizer = optim.AdamNorm([p], fused=True, gamma=0.0)
    optimizer.step()
    assert optimizer.state[p]["exp_grad_norm"] == torch.tensor(5e30)


@EACH
def test_a_checkpoint_goes_on_on_the_other_path(name, own):
    steps = gradients(SHAPES, 6, torch.float64)
    found = []
    for before, after in ((False, False), (False, True), (True, False)):
        params = [torch.nn.Parameter(start) for start in starts(SHAPES, torch.float64)]
        first, second = (getattr(optim, name)(params, fused=fused, lr=0.1, **own) for fused in (before, after))
        moved(first, params, steps[:3])
        checkpoint = first.state_dict()
        checkpoint["param_groups"][0]["fused"] = after
        second.load_state_dict(checkpoint)
        found.append(moved(second, params, steps[3:]))
    for other in found[1:]:
        # Other orders of the same few roundings; observed: below one unit. What a step moves is 0.1.
        torch.testing.assert_close(other, found[0], rtol=8 * 2.0**-52, atol=8 * 2.0**-52)


@pytest.mark.parametrize("bad", [False, True])
@EACH
def test_a_scaler_leaves_its_scale_to_the_step(name, own, bad):
    [first, second] = gradients([(6,)], 2)
    found = []
    for fused in (False, True):
        p = torch.nn.Parameter(torch.ones(6))
        optimizer = getattr(optim, name)([p], lr=0.1, fused=fused, **own)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        scaler.scale(torch.zeros(()))  # it makes the scale when it is first used
        for g in (first[0], second[0]):
            p.grad = g * 1024
            if bad and g is second[0]:
                p.grad[1] = float("inf")
            kept = p.grad.clone()
            scaler.step(optimizer)
            scaler.update()
            if fused:
                assert torch.equal(p.grad, kept), "the gradient is left as it was"
        assert optimizer.state[p]["step"] == (1 if bad else 2)
        assert scaler.get_scale() == (512 if bad else 1024)
        found.append(p.detach())
    # Scales are powers of two; observed: the same bits. Left: the roundings of two steps in another order.
    torch.testing.assert_close(*found, rtol=8 * 2.0**-23, atol=8 * 2.0**-23)


def test_a_scaler_may_have_divided_already():
    p = torch.nn.Parameter(torch.ones(6))
    q = torch.nn.Parameter(torch.ones(6))
    optimizer, plain = optim.AdamNorm([p], fused=True), optim.AdamNorm([q], fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    scaler.scale(torch.zeros(()))
    q.grad = torch.arange(6.0)
    p.grad = q.grad * 1024
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    plain.step()
    assert torch.equal(p, q)
