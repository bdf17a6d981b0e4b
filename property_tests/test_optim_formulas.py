"""The optimizers against their printed formulas, one step at a time, within a running error bound."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adanorm_verify import optim
from adanorm_verify.optim import _moments, norm_correction

LONG = np.longdouble
GUARDED = {"guard": "decaying"}
SUBJECTS = [
    *((name, {}) for name in optim.__all__),
    *((name, GUARDED) for name in optim.__all__ if name.endswith("Norm")),
    ("AdaBeliefNorm", {"belief": "g"}),
    ("AdamNorm", {"amsgrad": True}),
    ("AdamNorm", {"amsgrad": True, **GUARDED}),
]
SUBJECT_IDS = ["-".join([name, *("amsgrad" if v is True else v for v in own.values())]) for name, own in SUBJECTS]
PATHS = {
    "single": {"foreach": False},
    "foreach": {"foreach": True},
    "capturable": {"foreach": False, "capturable": True},
    "capturable-foreach": {"foreach": True, "capturable": True},
    "differentiable": {"differentiable": True},
}
DTYPES = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}
if np.finfo(LONG).eps > 2.0**-60:  # this machine's longdouble is float64: nothing to hold float64 against
    del DTYPES[torch.float64]


@dataclass
class Bounded:
    """A value and how far the computed one may be from it."""

    value: np.ndarray
    bound: np.ndarray


def long(tensor):
    return tensor.detach().numpy().astype(LONG)


def correction(subject, before, g, t, u):
    """e and s of eqs. 4-6. A norm of n positive squares has a relative error below (n + 2) u."""
    norm = np.sqrt((g * g).sum())
    gamma = LONG(subject["gamma"])
    e = gamma * before["exp_grad_norm"] + (1 - gamma) * norm
    most = 1 + 1 / np.sqrt(LONG(t)) if subject["guard"] == "decaying" else LONG(np.inf)
    s = g * min(max(LONG(1), e / norm), most) if norm > 0 else g
    k = g.size + 8
    return Bounded(e, k * u * e), Bounded(s, (2 * k + 4) * u * np.abs(s))


def rectification(t, beta2):
    """r of Algorithm 5 (1 while rho_t < 5), whether it is used, and the roundings it may carry."""
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    if rho < 5:
        return LONG(1), False, 0
    ratio = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
    # rho is a difference of numbers of rho_inf's size, each with a handful of float64 roundings.
    return np.sqrt((1 - beta2**t) * ratio), True, 16 * rho_inf / (rho - 4) * LONG(2.0**-53)


def expected_step(name, subject, before, param, g, t, u):
    """All that one step must leave behind, from the actual state before it, each with its bound."""
    lr, eps = LONG(subject["lr"]), LONG(subject["eps"])
    beta1, beta2 = (LONG(b) for b in subject["betas"])
    wd = LONG(subject["weight_decay"])
    tiny = LONG(np.finfo(np.float32 if u == 2.0**-24 else np.float64).tiny)
    g = -g if subject["maximize"] else g
    param_bound, g_bound = np.zeros_like(param), np.zeros_like(g)
    if subject["decoupled_weight_decay"]:
        param = param * (1 - lr * wd)
        param_bound = 3 * u * np.abs(param)
    elif wd:
        g_bound = 2 * u * (np.abs(g) + np.abs(wd * param))
        g = g + wd * param
    after = {}
    s = Bounded(g, g_bound)
    if "gamma" in subject:
        after["exp_grad_norm"], s = correction(subject, before, g, t, u)
        # To first order the relative error of the norm is at most the norm of g's errors over that of g.
        carried = np.sqrt((g_bound**2).sum()) / max(np.sqrt((g * g).sum()), tiny)
        after["exp_grad_norm"].bound += after["exp_grad_norm"].value * carried
        stretch = max(LONG(1), np.abs(s.value).max() / max(np.abs(g).max(), tiny))
        s.bound += np.abs(s.value) * 2 * carried + g_bound * stretch
    m = beta1 * before["exp_avg"] + (1 - beta1) * s.value
    m_bound = 6 * u * (beta1 * np.abs(before["exp_avg"]) + (1 - beta1) * np.abs(s.value)) + (1 - beta1) * s.bound
    after["exp_avg"] = Bounded(m, m_bound)
    x, x_bound = g, g_bound
    if name.startswith("AdaBelief"):
        base = s if subject.get("belief") == "s" else Bounded(g, g_bound)
        x = base.value - m
        x_bound = m_bound + base.bound + 3 * u * np.abs(x)
    v = beta2 * before["exp_avg_sq"] + (1 - beta2) * x * x
    v_bound = 8 * u * v + (1 - beta2) * (2 * np.abs(x) * x_bound + x_bound**2)
    after["exp_avg_sq"] = Bounded(v, v_bound)
    if subject.get("amsgrad"):  # the state before may not know it yet
        v = np.maximum(before.get("max_exp_avg_sq", 0 * v), v)
        after["max_exp_avg_sq"] = Bounded(v, v_bound)
    direction, direction_bound = m, m_bound
    if "previous_grad" in before:
        xi = 1 / (1 + np.exp(-np.abs(g - before["previous_grad"])))
        direction, direction_bound = xi * m, xi * m_bound + 8 * u * np.abs(xi * m) + np.abs(m) * g_bound
        after["previous_grad"] = Bounded(g, g_bound)
    root_bound = np.minimum(v_bound / np.maximum(np.sqrt(v), tiny), np.sqrt(v_bound))
    if name == "RAdamNorm":
        r, used, r_bound = rectification(t, beta2)
        size = lr * r / (1 - beta1**t)
        denom = np.sqrt(v) + eps if used else np.ones_like(v)
        denom_bound = root_bound * used
    else:
        r_bound = LONG(0)
        size = lr / (1 - beta1**t)
        denom = np.sqrt(v / (1 - beta2**t)) + eps
        denom_bound = root_bound / np.sqrt(1 - beta2**t)
    moved = np.divide(direction, denom, out=np.zeros_like(direction), where=denom != 0)
    relative = np.divide(denom_bound, denom, out=np.zeros_like(denom), where=denom != 0)
    # The quotient of a denominator that is wrong by r is wrong by r / (1 - r).
    relative = np.where(relative < 0.5, relative / (1 - np.minimum(relative, 0.5)), np.inf)
    slack = np.divide(direction_bound, denom, out=np.zeros_like(denom), where=denom != 0)
    with np.errstate(invalid="ignore"):
        bound = size * (np.abs(moved) * (16 * u + r_bound + relative) + slack)
    target = param - size * moved
    after["param"] = Bounded(target, np.nan_to_num(bound, nan=0.0) + param_bound + 2 * u * np.abs(target))
    for one in after.values():
        one.bound = one.bound + 4 * tiny
    return after


def check_steps(name, options, path, dtype, shapes, gradients):
    """Drive the optimizer through `gradients` and hold every step against `expected_step`."""
    rng = np.random.default_rng(0)
    differentiable = PATHS[path].get("differentiable", False)
    params = [torch.tensor(rng.normal(size=shape), dtype=dtype).requires_grad_(not differentiable) for shape in shapes]
    optimizer = getattr(optim, name)(params, **options, **PATHS[path])
    group = optimizer.param_groups[0]
    for t, grads in enumerate(gradients, start=1):
        if any(p.numel() and p.detach().abs().max() > 1e15 for p in params):
            return  # AdaBelief divides by eps where s = m, and float32 overflows in the squares that follow
        befores = []
        for param, grad in zip(params, grads, strict=True):
            param.grad = torch.tensor(grad, dtype=dtype)
            state = {key: long(value) for key, value in optimizer.state[param].items()}
            for key in ("exp_avg", "exp_avg_sq", *(["previous_grad"] if name.startswith("Diff") else [])):
                state.setdefault(key, np.zeros(param.shape, LONG))
            state.setdefault("exp_grad_norm", LONG(0))
            befores.append((state, long(param)))
        optimizer.step()
        for (before, start), param in zip(befores, params, strict=True):
            wanted = expected_step(name, group, before, start, long(param.grad), t, DTYPES[dtype])
            found = {"param": param} | optimizer.state[param]
            for key, want in wanted.items():
                error = np.abs(long(found[key]) - want.value)
                assert np.all(error <= want.bound), (key, t, float(np.max(error - want.bound)))
            assert float(found["step"]) == t


@st.composite
def gradient_runs(draw, shapes, extent=12):
    """Lists of gradients: normal deviates of a drawn power of ten, sometimes all zero."""
    run = []
    for _ in range(draw(st.integers(1, 8))):
        scale = draw(st.sampled_from([None, *range(-extent, extent + 1)]))
        rng = np.random.default_rng(draw(st.integers(0, 5)))
        run.append([rng.normal(size=s) * (0.0 if scale is None else 10.0**scale) for s in shapes])
    return run


hyper = st.fixed_dictionaries(
    {
        "lr": st.sampled_from([1e-3, 1.0]),
        "betas": st.tuples(st.sampled_from([0.9, 0.0, 0.4, 0.99]), st.sampled_from([0.999, 0.9, 0.0, 0.5])),
        "eps": st.sampled_from([1e-8, 0.0, 1e-3]),
        "weight_decay": st.sampled_from([0.0, 0.1]),
        "decoupled_weight_decay": st.booleans(),
        "maximize": st.booleans(),
    }
)
SHAPES = [(), (3,), (2, 5)]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("name", "own"), SUBJECTS, ids=SUBJECT_IDS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_every_step_of_every_path_is_the_formula(name, own, path, data):
    dtype = data.draw(st.sampled_from(list(DTYPES)))
    options = data.draw(hyper) | own
    if name.endswith("Norm"):
        options["gamma"] = data.draw(st.sampled_from([0.95, 0.0, 0.5]))
    check_steps(name, options, path, dtype, SHAPES, data.draw(gradient_runs(SHAPES)))


RUN = [[np.array([1.0, -2.0, 3.0]) * scale] for scale in (1.0, 0.1, 0.01, 1.0, 2.0, 0.5, 0.1)]


@pytest.mark.parametrize("name", ["AdamNorm", "RAdamNorm", "DiffGradNorm", "AdaBeliefNorm"])
@pytest.mark.parametrize("slip", ["average-before-update", "never-corrects", "rate-off-by-one-in-a-million"])
def test_the_comparison_notices_a_slip(name, slip, monkeypatch):
    right = norm_correction.correction_factor

    def wrong(grad, exp_grad_norm, gamma, cap, norm):
        if slip == "never-corrects":
            right(grad, exp_grad_norm, gamma, cap)
            return torch.ones_like(exp_grad_norm)
        if slip == "rate-off-by-one-in-a-million":
            return right(grad, exp_grad_norm, gamma, cap) * (1 + 2e-6)
        stale = exp_grad_norm.clone()
        right(grad, exp_grad_norm, gamma, cap)
        return (stale / grad.norm()).clamp(min=1.0)

    monkeypatch.setattr(_moments, "correction_factor", wrong)
    options = {"gamma": 0.95, "lr": 0.1}
    with pytest.raises(AssertionError):
        check_steps(name, options, "single", torch.float32, [(3,)], RUN)
    monkeypatch.undo()
    check_steps(name, options, "single", torch.float32, [(3,)], RUN)


SLIPS = {
    "guard off by one in ten thousand": ("guard_cap", lambda step, *_: ((1 + step**-0.5) * (1 + 1e-4),)),
    "guard counts the next step": ("guard_cap", lambda step, *_: (1 + (step + 1) ** -0.5,)),
    "no maximum": ("largest_exp_avg_sq", lambda tensors: tensors.exp_avg_sq),
    "no maximum of lists": ("largest_exp_avg_sqs", lambda tensors: tensors.exp_avg_sq),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_the_comparison_notices_a_slip_of_guard_and_maximum(slip, monkeypatch):
    monkeypatch.setattr(_moments, *SLIPS[slip])
    path = "foreach" if "lists" in slip else "single"
    with pytest.raises(AssertionError):
        check_steps("AdamNorm", {"amsgrad": True, "lr": 0.1, **GUARDED}, path, torch.float32, [(3,)], RUN)


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("name", "own"), SUBJECTS, ids=SUBJECT_IDS)
def test_half_precision_is_the_float32_step_rounded_once(name, own, dtype, foreach):
    torch.manual_seed(0)
    options = own | {"lr": 0.01, "weight_decay": 0.1, "foreach": foreach}
    half = [torch.randn(shape).to(dtype).requires_grad_() for shape in [(), (7,), (3, 4)]]
    optimizer = getattr(optim, name)(half, **options)
    for scale in (1.0, 1e-3, 1e-6, 300.0, 1.0, 1.0, 1e-2):
        # float32 twins with the same state: casting up is exact
        twins = [p.detach().float().requires_grad_() for p in half]
        twin = getattr(optim, name)(twins, **options)
        twin.load_state_dict(optimizer.state_dict())
        for p, q in zip(half, twins, strict=True):
            p.grad = (torch.randn(p.shape) * scale).to(dtype)
            q.grad = p.grad.float()
        optimizer.step()
        twin.step()
        for p, q in zip(half, twins, strict=True):
            assert torch.equal(p, q.to(dtype))
            for key, value in optimizer.state[p].items():
                assert torch.equal(value, twin.state[q][key].to(value.dtype)), key


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("name", ["AdaBelief", "AdaBeliefNorm"])
def test_a_spread_that_is_zero_in_the_formula_is_zero(name, foreach):
    torch.manual_seed(0)
    param = torch.zeros(1000, requires_grad=True)
    optimizer = getattr(optim, name)([param], betas=(0.0, 0.9), eps=0.0, foreach=foreach)
    for scale in (1.0, 0.1, 0.01):  # m is s, so that s - m is zero and no coordinate moves
        param.grad = torch.randn(1000) * scale
        optimizer.step()
    assert torch.equal(param, torch.zeros(1000))


def test_a_float16_norm_beyond_its_range_stays_finite():
    param = torch.zeros(100, dtype=torch.float16, requires_grad=True)
    optimizer = optim.AdamNorm([param], lr=0.1)
    param.grad = torch.full_like(param, 60000.0)
    optimizer.step()
    # 0.05 * 600000, a weight and a product that are rounded (observed: 1.1); as float16 the norm would be infinite
    assert optimizer.state[param]["exp_grad_norm"].item() == pytest.approx(30000.0, rel=2 * 2.0**-24)
    assert torch.isfinite(param).all()


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize(("name", "own"), SUBJECTS, ids=SUBJECT_IDS)
def test_a_complex_parameter_is_a_pair_of_reals(name, own, dtype, foreach):
    torch.manual_seed(0)
    z = torch.randn(3, 2, dtype=dtype)
    x = torch.view_as_real(z.clone()).contiguous().requires_grad_()
    z.requires_grad_()
    both = [getattr(optim, name)([p], lr=0.1, weight_decay=0.01, foreach=foreach, **own) for p in (z, x)]
    for scale in (1.0, 0.1, 1.0, 1.0, 1.0, 1.0, 0.1):
        z.grad = torch.randn(3, 2, dtype=dtype).conj() * scale
        x.grad = torch.view_as_real(z.grad.resolve_conj()).clone()
        for optimizer in both:
            optimizer.step()
    assert torch.equal(torch.view_as_real(z.detach()), x)
    for key, value in both[0].state[z].items():
        value = torch.view_as_real(value) if value.is_complex() else value
        assert torch.equal(value, both[1].state[x][key]), key


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("eps", [1e-8, 0.0, 1e-44])
@pytest.mark.parametrize(("name", "own"), SUBJECTS, ids=SUBJECT_IDS)
def test_a_zero_gradient_never_makes_nan(name, own, eps, path, dtype):
    differentiable = path == "differentiable"
    params = [torch.ones(shape, dtype=dtype, requires_grad=not differentiable) for shape in [(), (2,), (0,)]]
    optimizer = getattr(optim, name)(params, eps=eps, **own, **PATHS[path])
    for gradient in (0.0, 0.0, 1.0, 0.0, 0.0, 0.0):
        for p in params:
            p.grad = torch.full_like(p, gradient)
        optimizer.step()
        if optimizer.state[params[0]]["step"] == 2:
            assert all(torch.equal(p, torch.ones_like(p)) for p in params)
    for p in params:
        assert torch.isfinite(p).all()
        assert all(torch.isfinite(value).all() for value in optimizer.state[p].values())


@pytest.mark.parametrize("size", [2 * 4096 - 1, 2 * 4096, 2 * 4096 + 1, 2**21 + 5])
@pytest.mark.parametrize("layout", ["flat", "channels-last", "strided"])
def test_a_long_norm_is_as_accurate_as_a_short_one(size, layout):
    torch.manual_seed(0)
    if layout == "flat":
        g = torch.randn(size)
    elif layout == "strided":
        g = torch.randn(size, 2)[:, 0]
    else:
        g = torch.randn(1, size // 8, 2, 4).to(memory_format=torch.channels_last)
    exact = torch.linalg.vector_norm(g, dtype=torch.float64)
    error = (norm_correction.gradient_norm(g).double() - exact).abs() / exact
    # The roundings of a sum of k terms grow as sqrt(k): a row of 4096 (8191 below the limit), then the rows.
    assert error < (8191**0.5 + (size / 4096) ** 0.5) * 2.0**-24


def test_a_ratio_beyond_the_dtype_leaves_zero_coordinates_at_zero():
    average, g = torch.tensor(1e25), torch.tensor([0.0, 1e-18])
    factor = norm_correction.correction_factor(g, average, 0.95)
    assert torch.isfinite(factor)
    assert (factor * g)[0] == 0
    assert (factor * g)[1] > 1e20


def test_a_norm_that_underflows_corrects_nothing():
    average, g = torch.tensor(1.0), torch.tensor([1e-30, 1e-30])
    assert norm_correction.correction_factor(g, average, 0.95) == 1.0


def test_only_gradients_shorter_than_the_average_are_lengthened():
    average = torch.tensor(0.0)
    assert norm_correction.correction_factor(torch.tensor([3.0, 4.0]), average, 0.5) == 1.0
    assert average == 2.5
    # e = 1.25 + 0.25, n = 0.5
    assert norm_correction.correction_factor(torch.tensor([0.5]), average, 0.5) == 3.0
    factors = norm_correction.correction_factors([torch.tensor([0.5])] * 2, [torch.tensor(2.5), average], 0.5)
    assert [f.item() for f in factors] == [3.0, 2.0]


def test_a_guard_limits_the_factor_of_each_tensor_by_its_own_cap():
    for cap in (1.5, torch.tensor(1.5)):
        assert norm_correction.correction_factor(torch.tensor([0.5]), torch.tensor(2.5), 0.5, cap) == 1.5
        assert norm_correction.correction_factor(torch.tensor([5.0]), torch.tensor(2.5), 0.5, cap) == 1.0
    for caps in ([1.5, 4.0], [torch.tensor(1.5), torch.tensor(4.0)]):
        averages = [torch.tensor(2.5), torch.tensor(2.5)]
        factors = norm_correction.correction_factors([torch.tensor([0.5])] * 2, averages, 0.5, caps)
        assert [f.item() for f in factors] == [1.5, 3.0]
        assert [e.item() for e in averages] == [1.5, 1.5]  # what is cut is the factor, not the average


def test_the_maximum_is_nan_where_a_gradient_was():
    """As torch.maximum has it, and as the equation says; the other coordinates go on."""
    for foreach in (False, True):
        param = torch.zeros(2, requires_grad=True)
        optimizer = optim.AdamNorm([param], amsgrad=True, foreach=foreach)
        for gradient in ([1.0, 1.0], [float("nan"), 0.5], [1.0, 0.5]):
            param.grad = torch.tensor(gradient)
            optimizer.step()
        assert optimizer.state[param]["max_exp_avg_sq"].isnan().tolist() == [True, False]


@pytest.mark.parametrize("foreach", [False, True])
def test_without_a_correction_amsgrad_is_torchs(foreach):
    torch.manual_seed(0)
    start = torch.randn(5, dtype=torch.float64)
    ours, theirs = (start.clone().requires_grad_() for _ in range(2))
    pair = [
        (ours, optim.AdamNorm([ours], lr=0.1, gamma=0.0, amsgrad=True, foreach=foreach)),
        (theirs, torch.optim.Adam([theirs], lr=0.1, amsgrad=True, foreach=foreach)),
    ]
    for scale in (1.0, 4.0, 0.1, 0.1, 0.1, 2.0):
        gradient = torch.randn(5, dtype=torch.float64) * scale
        for param, optimizer in pair:
            param.grad = gradient.clone()
            optimizer.step()
        largest = [optimizer.state[param]["max_exp_avg_sq"] for param, optimizer in pair]
        # v of torch is the same sum of the same products, m an interpolation: a few roundings a step.
        torch.testing.assert_close(*largest, rtol=8 * 2.0**-52, atol=0)
        # Observed over 30 seeds: 4.7; a few roundings at each of six steps of at most 0.1.
        torch.testing.assert_close(ours, theirs, rtol=8 * 2.0**-52, atol=8 * 2.0**-52)
