"""States that others made: older versions, other packages, torch's Adam, distributed checkpoints."""

import copy
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict

from adanorm_verify import optim

NAMES = optim.__all__
NORM = [name for name in NAMES if name.endswith("Norm")]
PATHS = [{"foreach": False}, {"foreach": True}, {"fused": True}, {"capturable": True, "foreach": True}]


def parameters(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in [(), (5,), (2, 3)]]


def train(optimizer, steps, seed=1):
    generator = torch.Generator().manual_seed(seed)
    params = [p for group in optimizer.param_groups for p in group["params"]]
    for _ in range(steps):
        for p in params:
            scale = 10.0 ** torch.randint(-2, 1, (), generator=generator).item()
            p.grad = (torch.randn(p.shape, generator=generator) * scale).to(p.dtype)
        optimizer.step()
    return params


def made(name, steps=3, dtype=torch.float32, **options):
    optimizer = getattr(optim, name)(parameters(dtype), lr=0.1, **options)
    train(optimizer, steps)
    return optimizer


def everything(optimizer):
    params = [p for group in optimizer.param_groups for p in group["params"]]
    return [*params, *(optimizer.state[p][name] for p in params for name in sorted(optimizer.state[p]))]


def assert_same(first, second):
    for a, b in zip(everything(first), everything(second), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert torch.equal(a, b)


NUMBERS = {
    "int": int,
    "float": float,
    "NumPy's float32": np.float32,
    "fraction": Fraction,
    "int64 tensor": lambda count: torch.tensor(int(count)),
    "tensor of shape (1,)": lambda count: torch.tensor([count]),
    "bfloat16 tensor": lambda count: torch.tensor(count, dtype=torch.bfloat16),
}


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("path", PATHS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_a_count_may_be_any_number(name, path, number):
    plain, other = made(name, **path), made(name, **path)
    state = copy.deepcopy(other.state_dict())
    for entry in state["state"].values():
        entry["step"] = NUMBERS[number](entry["step"].item())
    other.load_state_dict(state)
    assert {(s["step"].dtype, s["step"].dim()) for s in other.state.values()} == {(torch.float32, 0)}
    for optimizer in (plain, other):
        train(optimizer, 2, seed=2)
    assert_same(plain, other)


@pytest.mark.parametrize("form", [lambda e: e.reshape(1), lambda e: e.reshape(1, 1), float, lambda e: e.double()])
@pytest.mark.parametrize("path", PATHS, ids=str)
@pytest.mark.parametrize("name", NORM)
def test_an_average_of_norms_may_be_a_number_or_a_tensor_of_one_element(name, path, form):
    plain, other = made(name, **path), made(name, **path)
    state = copy.deepcopy(other.state_dict())
    for entry in state["state"].values():
        entry["exp_grad_norm"] = form(entry["exp_grad_norm"])
    other.load_state_dict(state)
    for optimizer in (plain, other):
        train(optimizer, 2, seed=2)
    assert_same(plain, other)


@pytest.mark.parametrize("name", NORM)
def test_an_old_pickle_may_have_numbers(name):
    plain, old = made(name), made(name)
    state = copy.deepcopy(old.__getstate__())
    for entry in state["state"].values():
        entry |= {"step": entry["step"].item(), "exp_grad_norm": entry["exp_grad_norm"].reshape(1)}
    other = getattr(optim, name).__new__(getattr(optim, name))
    other.__setstate__(state)
    for optimizer in (plain, other):
        train(optimizer, 2, seed=2)
    assert_same(plain, other)


BAD = [
    ("exp_avg", torch.zeros(4), r"exp_avg must be a tensor of its parameter's shape \(5,\), got shape \(4,\)"),
    ("exp_avg_sq", torch.zeros(5, 1), r"shape \(5,\), got shape \(5, 1\)"),
    ("exp_avg_sq", 0.0, r"exp_avg_sq must be a tensor of its parameter's shape \(5,\), got 0\.0"),
    ("exp_grad_norm", torch.zeros(2), r"exp_grad_norm must be a number or a tensor of one element, got shape \(2,\)"),
    ("step", torch.zeros(0), r"step must be a number or a tensor of one element, got shape \(0,\)"),
    ("step", "3", "step must be a number or a tensor of one element, got '3'"),
    ("step", None, "step must be a number or a tensor of one element, got None"),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD)
@pytest.mark.parametrize("name", NORM)
def test_what_does_not_fit_is_refused_and_changes_nothing(name, key, value, message):
    optimizer, untouched = made(name), made(name)
    state = copy.deepcopy(optimizer.state_dict())
    state["param_groups"][0]["lr"] = 7.0
    state["state"][1][key] = value
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert_same(optimizer, untouched)


@pytest.mark.parametrize("name", NAMES)
def test_a_count_of_the_group_counts_for_its_tensors_and_none_is_refused(name):
    plain, other = made(name), made(name)
    state = copy.deepcopy(other.state_dict())
    for entry in state["state"].values():
        del entry["step"]
    with pytest.raises(ValueError, match="must also have its count of steps, 'step'"):
        other.load_state_dict(state)
    state["param_groups"][0]["step"] = 3
    other.load_state_dict(state)
    for optimizer in (plain, other):
        train(optimizer, 2, seed=2)
    assert_same(plain, other)


def test_the_state_of_another_kind_of_optimizer_is_a_fresh_start():
    params = parameters()
    sgd = torch.optim.SGD(params, lr=0.1, momentum=0.9)
    train(sgd, 2)
    optimizer = optim.AdamNorm(params)
    optimizer.load_state_dict(sgd.state_dict() | {"param_groups": optimizer.state_dict()["param_groups"]})
    train(optimizer, 1)
    assert all(optimizer.state[p]["step"] == 1 for p in params)


@pytest.mark.parametrize("path", PATHS[:3], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_training_goes_over_from_adam_and_back(name, path):
    params = parameters()
    adam = torch.optim.Adam(params, lr=0.1, **path)
    train(adam, 3)
    ours = getattr(optim, name)(params, lr=0.1, **path)
    ours.load_state_dict(adam.state_dict())
    for p in params:
        assert all(torch.equal(adam.state[p][key], ours.state[p][key]) for key in ("exp_avg", "exp_avg_sq"))
    train(ours, 1, seed=2)
    for p in params:
        assert ours.state[p]["step"] == 4
        if name in NORM:  # from 0, as the paper begins it: (1 - gamma) times the norm
            wanted = 0.05 * torch.linalg.vector_norm(p.grad)
            torch.testing.assert_close(ours.state[p]["exp_grad_norm"], wanted, rtol=8 * 2.0**-24, atol=0)
    back = torch.optim.Adam(params, lr=0.1, **path)
    back.load_state_dict(ours.state_dict())
    train(back, 1, seed=3)
    assert all(back.state[p]["step"] == 5 for p in params)
    assert all(torch.isfinite(p).all() for p in params)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))


def stepped(cls, steps):
    model = Model()
    optimizer = cls(model.parameters(), lr=0.1)
    train(optimizer, steps)
    return model, optimizer


@pytest.mark.filterwarnings("ignore")  # torch's own, of a process that is not one of many
@pytest.mark.parametrize("name", NAMES)
def test_a_distributed_checkpoint_of_adam_is_continued_and_ours_by_adam(name, tmp_path):
    model, adam = stepped(torch.optim.Adam, 3)
    dcp.save({"optim": get_optimizer_state_dict(model, adam)}, checkpoint_id=tmp_path / "adam")
    model, ours = stepped(getattr(optim, name), 0)
    state = {"optim": get_optimizer_state_dict(model, ours)}
    dcp.load(state, checkpoint_id=tmp_path / "adam", planner=DefaultLoadPlanner(allow_partial_load=True))
    set_optimizer_state_dict(model, ours, state["optim"])
    for p, q in zip(*(o.param_groups[0]["params"] for o in (ours, adam)), strict=True):
        assert ours.state[p]["step"] == 3
        for key in ("exp_avg", "exp_avg_sq"):
            assert torch.equal(ours.state[p][key], adam.state[q][key])
        assert all(not ours.state[p][key].any() for key in ("exp_grad_norm", "previous_grad") if key in ours.state[p])
    train(ours, 1)

    dcp.save({"optim": get_optimizer_state_dict(model, ours)}, checkpoint_id=tmp_path / "ours")
    other, back = stepped(torch.optim.Adam, 0)
    state = {"optim": get_optimizer_state_dict(other, back)}
    dcp.load(state, checkpoint_id=tmp_path / "ours", planner=DefaultLoadPlanner(allow_partial_load=True))
    set_optimizer_state_dict(other, back, state["optim"])
    for p, q in zip(*(o.param_groups[0]["params"] for o in (back, ours)), strict=True):
        assert back.state[p]["step"] == 4
        assert torch.equal(back.state[p]["exp_avg"], ours.state[q]["exp_avg"])


def test_the_documented_way_is_needed():
    assert "allow_partial_load=True" in optim.AdamNorm.__doc__
    assert "(`exp_grad_norm`)" in optim.AdamNorm.__doc__
    assert "(`exp_grad_norm` and `previous_grad`)" in optim.DiffGradNorm.__doc__
