"""Hyperparameters that are tensors or NumPy's numbers, and the dtypes of counts and moments."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from test_optim_interface import NoReadBack

from adanorm_verify import optim
from adanorm_verify.optim import _fused_cpu

NAMES = optim.__all__
NORM = [name for name in NAMES if name.endswith("Norm")]
VARIANTS = [*((name, {}) for name in NAMES), ("AdamNorm", {"amsgrad": True}), ("AdamNorm", {"guard": "decaying"})]
EACH = pytest.mark.parametrize(("name", "own"), VARIANTS, ids=str)
PATHS = {
    "single": {"foreach": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
    "capturable": {"foreach": False, "capturable": True},
    "capturable foreach": {"foreach": True, "capturable": True},
    "differentiable": {"differentiable": True},
}
ON = pytest.mark.parametrize("path", PATHS)
# A second beta that lets RAdam rectify within the run.
VALUES = {"lr": 0.1, "betas": (0.9, 0.8), "eps": 1e-3, "weight_decay": 0.25}


def values(name, form):
    """`VALUES`, and gamma where there is one, each number in a form."""
    all_of_them = VALUES | ({"gamma": 0.75} if name in NORM else {})
    return {k: tuple(map(form, v)) if isinstance(v, tuple) else form(v) for k, v in all_of_them.items()}


def moved(name, options, dtype=torch.float64, steps=8):
    """Parameters and state after steps in which gradients shrink, so that they are lifted."""
    generator = torch.Generator().manual_seed(0)
    params = [torch.randn(shape, generator=generator).to(dtype) for shape in ((), (4,), (2, 3))]
    if not options.get("differentiable"):
        params = [p.requires_grad_() for p in params]
    optimizer = getattr(optim, name)(params, **options)
    for step in range(steps):
        for p in params:
            p.grad = (torch.randn(p.shape, generator=generator) * 0.5**step).to(dtype)
        optimizer.step()
    return params, optimizer


def everything(params, optimizer):
    return [*(p.detach() for p in params), *(v.detach() for p in params for v in optimizer.state[p].values())]


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@ON
@EACH
def test_tensors_are_taken_as_the_numbers_that_they_hold(name, own, path, dtype, decoupled):
    if dtype is torch.float32:  # such numbers are held by both
        form = {"one": torch.tensor, "other": lambda x: float(torch.tensor(x))}
    else:
        form = {"one": lambda x: torch.tensor([x], dtype=torch.float64), "other": float}
    options = own | PATHS[path] | {"decoupled_weight_decay": decoupled}
    if path == "foreach":
        tensors = options | values(name, form["other"]) | {"eps": form["one"](1e-3), "weight_decay": form["one"](0.25)}
    else:
        tensors = options | values(name, form["one"])
    found = moved(name, tensors)
    wanted = moved(name, options | values(name, form["other"]))
    for a, b in zip(everything(*found), everything(*wanted), strict=True):
        assert a.dtype == b.dtype
        # Other orders of the same few roundings over eight steps; a wrong number is wrong in its first digits.
        torch.testing.assert_close(a, b, rtol=2.0**-40, atol=2.0**-40)


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("path", ["capturable", "capturable foreach"])
@EACH
def test_no_tensor_is_read_back_by_a_capturable_step(name, own, path, decoupled):
    options = own | PATHS[path] | values(name, torch.tensor) | {"decoupled_weight_decay": decoupled}
    params, optimizer = moved(name, options, steps=1)
    for p in params:
        p.grad = torch.ones_like(p)
    with NoReadBack([]):
        for _ in range(6):
            optimizer.step()


def after(name, own, decoupled, start, *numbers):
    """A differentiable function of the hyperparameters."""
    keys = ("lr", "beta1", "beta2", "eps", "weight_decay", "gamma")
    held = dict(zip(keys, numbers, strict=False))
    betas = held.pop("beta1"), held.pop("beta2")
    param = start.clone()
    optimizer = getattr(optim, name)(
        [param], betas=betas, differentiable=True, decoupled_weight_decay=decoupled, **held, **own
    )
    for step in range(8):
        param.grad = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64) * 0.5**step
        optimizer.step()
    return param, *(value for key, value in optimizer.state[param].items() if key != "step")


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize(("name", "own"), [*VARIANTS, ("AdaBeliefNorm", {"belief": "g"})], ids=str)
def test_autograd_reaches_every_number(name, own, decoupled):
    numbers = [0.1, 0.7, 0.8, 1e-2, 0.25, *([0.75] if name in NORM else [])]
    inputs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]
    inputs.insert(0, torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=True))
    assert torch.autograd.gradcheck(lambda *x: after(name, own, decoupled, *x), inputs)
    total = sum(result.sum() for result in after(name, own, decoupled, *inputs))
    assert all(g.abs().sum() > 0 for g in torch.autograd.grad(total, inputs))


REFUSED = [
    ({"betas": (torch.tensor(0.9), 0.99)}, "betas must be two numbers or two tensors"),
    ({"betas": (torch.tensor(0.9), torch.tensor([0.9, 0.9]))}, r"a Tensor betas\[1\] must have a single element"),
    ({"betas": (torch.tensor(0.9), torch.tensor(1.0))}, r"betas\[1\] must be a number in \[0, 1\), got 1.0"),
    ({"betas": (torch.tensor(0.9), torch.tensor(0.9)), "foreach": True}, r"betas\[0\] as a Tensor is not supported"),
    ({"eps": torch.tensor(float("nan"))}, "eps must be a finite number >= 0, got nan"),
    ({"weight_decay": torch.tensor(-1.0)}, "weight_decay must be a finite number >= 0, got -1.0"),
    ({"eps": torch.tensor(1j)}, r"eps must be a finite number >= 0, got 1j"),
    ({"lr": np.float32(-1)}, r"lr must be a finite number >= 0, got np.float32\(-1.0\)"),
    ({"lr": np.float32("nan")}, "lr must be a finite number >= 0"),
    ({"state_dtype": torch.float16}, "state_dtype must be None or torch.float32, got torch.float16"),
    ({"state_dtype": "float32"}, "state_dtype must be None or torch.float32, got 'float32'"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_out_of_range_is_refused_whatever_holds_it(name, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(optim, name)([torch.ones(1, requires_grad=True)], **options)


@pytest.mark.parametrize("number", [np.float32, np.float64, np.float16])
@ON
@EACH
def test_numbers_of_numpy_are_the_same_numbers(name, own, path, number):
    one, other = (moved(name, own | PATHS[path] | values(name, form)) for form in (number, lambda x: float(number(x))))
    assert all(torch.equal(a, b) for a, b in zip(everything(*one), everything(*other), strict=True))


def test_numbers_of_numpy_do_not_keep_a_checkpoint_from_being_loaded(tmp_path):
    _, optimizer = moved("AdamNorm", values("AdamNorm", np.float32))
    optimizer.add_param_group({"params": [torch.ones(1, requires_grad=True)], "lr": np.float32(0.5)})
    torch.save(optimizer.state_dict(), tmp_path / "checkpoint")
    assert torch.load(tmp_path / "checkpoint", weights_only=True)["param_groups"][1]["lr"] == 0.5


@ON
@EACH
def test_a_number_of_numpy_that_a_schedule_sets_is_the_same_number(name, own, path):
    found = []
    for form in (np.float32, lambda x: float(np.float32(x))):
        params, optimizer = moved(name, own | PATHS[path])
        optimizer.param_groups[0].update(values(name, form))
        for p in params:
            p.grad = torch.ones_like(p)
        optimizer.step()
        found.append(everything(params, optimizer))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.fixture
def default_float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("default_float64")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@ON
@EACH
def test_steps_are_counted_in_the_dtype_of_torchs_adam(name, own, path, dtype):
    params, optimizer = moved(name, own | PATHS[path], dtype)
    adam = torch.optim.Adam([torch.ones(1, requires_grad=True)], fused=PATHS[path].get("fused"))
    [q] = adam.param_groups[0]["params"]
    q.grad = torch.ones(1)
    adam.step()
    assert {optimizer.state[p]["step"].dtype for p in params} == {adam.state[q]["step"].dtype}
    assert {optimizer.state[p]["exp_avg"].dtype for p in params} == {dtype}
    state = copy.deepcopy(optimizer.state_dict())
    for entry in state["state"].values():
        entry["step"] = 8
    optimizer.load_state_dict(state)
    for p in params:
        p.grad = torch.ones_like(p)
    optimizer.step()
    assert all(optimizer.state[p]["step"] == 9 for p in params)


HALF = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
CLONES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
}


def moments(optimizer, p):
    return {key: value for key, value in optimizer.state[p].items() if key not in ("step", "exp_grad_norm")}


@HALF
@ON
@EACH
def test_moments_in_float32_are_those_of_float32_parameters(name, own, path, dtype):
    """With lr 0 the parameters stay where half precision has them, and the gradients are halves too."""
    options = own | PATHS[path] | {"lr": 0.0}
    params, half = moved(name, options | {"state_dtype": torch.float32}, dtype)
    generator = torch.Generator().manual_seed(0)
    twins = [torch.randn(shape, generator=generator).to(dtype).float() for shape in ((), (4,), (2, 3))]
    if path != "differentiable":
        twins = [q.requires_grad_() for q in twins]
    full = getattr(optim, name)(twins, **options)
    for step in range(8):
        for q in twins:
            q.grad = (torch.randn(q.shape, generator=generator) * 0.5**step).to(dtype).float()
        full.step()
    for p, q in zip(params, twins, strict=True):
        assert p.dtype == dtype
        for key, value in moments(half, p).items():
            assert value.dtype == torch.float32
            assert torch.equal(value, full.state[q][key])


@HALF
@ON
@EACH
def test_moments_in_float32_go_through_checkpoints_and_copies(name, own, path, dtype, tmp_path):
    options = own | PATHS[path] | {"lr": 0.1}
    params, optimizer = moved(name, options | {"state_dtype": torch.float32}, dtype)
    torch.save(optimizer.state_dict(), tmp_path / "checkpoint")
    twins = [p.detach().clone().requires_grad_(p.requires_grad) for p in params]
    loaded = getattr(optim, name)(twins, **PATHS[path], state_dtype=torch.float32)
    loaded.load_state_dict(torch.load(tmp_path / "checkpoint", weights_only=True))
    copies = [(twins, loaded)]
    if path != "differentiable":
        copies += [clone((params, optimizer)) for clone in CLONES.values()]
    for others, other in copies:
        for p, q in zip(params, others, strict=True):
            assert all(torch.equal(value, other.state[q][key]) for key, value in optimizer.state[p].items())
            assert {value.dtype for value in moments(other, q).values()} == {torch.float32}
    for others, other in [*copies, (params, optimizer)]:
        for p in others:
            p.grad = torch.full_like(p, 0.25)
        other.step()
    for others, _ in copies:
        assert all(torch.equal(p, q) for p, q in zip(params, others, strict=True))


@pytest.mark.parametrize("path", ["single", "foreach", "fused"])
@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_without_state_dtype_is_widened_by_the_constructors(name, path):
    params, old = moved(name, PATHS[path], torch.bfloat16)
    state = old.state_dict()
    del state["param_groups"][0]["state_dtype"]
    new = getattr(optim, name)(params, state_dtype=torch.float32)
    new.load_state_dict(state)
    for p in params:
        assert {value.dtype for value in moments(new, p).values()} == {torch.float32}
        assert all(torch.equal(value.bfloat16(), old.state[p][key]) for key, value in moments(new, p).items())
        p.grad = torch.ones_like(p)
    new.step()


@pytest.mark.parametrize("path", ["single", "foreach", "fused"])
def test_groups_choose_the_dtype_of_their_moments(path):
    params = [torch.ones(3, dtype=torch.bfloat16, requires_grad=True) for _ in range(2)]
    optimizer = optim.AdamNorm(
        [{"params": params[:1], "state_dtype": torch.float32}, {"params": params[1:]}], **PATHS[path]
    )
    for p in params:
        p.grad = torch.ones_like(p)
    optimizer.step()
    assert [optimizer.state[p]["exp_avg"].dtype for p in params] == [torch.float32, torch.bfloat16]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.complex128])
def test_parameters_that_are_no_halves_keep_the_dtype_of_their_moments(dtype):
    p = torch.ones(3, dtype=dtype, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = optim.AdamNorm([p], state_dtype=torch.float32)
    optimizer.step()
    assert optimizer.state[p]["exp_avg_sq"].dtype == dtype


@pytest.mark.parametrize("path", ["single", "foreach", "fused", "capturable"])
@pytest.mark.parametrize("name", ["AdamNorm", "DiffGrad", "DiffGradNorm"])
def test_small_gradients_of_float16_take_steps_of_lr(name, path):
    """The longest step of constant gradients is lr, or less with friction; where v is lost, longer ones are taken."""
    longest = {}
    for state_dtype in (None, torch.float32):
        p = torch.zeros(1, dtype=torch.float16, requires_grad=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer = getattr(optim, name)([p], lr=1e-3, **PATHS[path], state_dtype=state_dtype)
        for _ in range(20):
            before = p.item()
            p.grad = torch.full_like(p, 1e-4)
            optimizer.step()
            longest[state_dtype] = max(longest.get(state_dtype, 0), abs(p.item() - before))
    # Twenty steps end below 2**-5, where a float16 is 2**-16 from the next: two of its halves are rounded away.
    assert longest[torch.float32] <= 1e-3 + 2.0**-16
    assert longest[None] > 2 * longest[torch.float32]


@pytest.mark.parametrize("name", NAMES)
def test_moments_in_float16_are_warned_of_and_others_are_not(name):
    half, bfloat16 = (torch.ones(1, dtype=dtype, requires_grad=True) for dtype in (torch.float16, torch.bfloat16))
    with pytest.warns(UserWarning, match=f"{name} keeps exp_avg_sq in float16.*state_dtype=torch.float32"):
        getattr(optim, name)([half])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(optim, name)([half], state_dtype=torch.float32)
        getattr(optim, name)([bfloat16])


def test_what_fits_is_not_copied_by_the_fused_step(monkeypatch):
    copies, copy_all = [], _fused_cpu._copies
    monkeypatch.setattr(_fused_cpu, "_copies", lambda *a: copies.append((a[0], copy_all(*a))) or copies[-1][1])
    moved("AdamNorm", {"fused": True, "state_dtype": torch.float32}, torch.bfloat16, steps=1)
    [(raw, working)] = copies
    assert all(a is b for a, b in zip(raw.exp_avg_sq, working.exp_avg_sq, strict=True))
    assert not any(a is b for a, b in zip(raw.param, working.param, strict=True))
