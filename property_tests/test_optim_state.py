"""What the optimizers remember: checkpoints, copies, groups, dtypes, and whose memory it is."""

import copy
import pickle

import pytest
import torch

from adanorm_verify import optim

NAMES = optim.__all__
VARIANTS = [*((name, {}) for name in NAMES), ("AdamNorm", {"amsgrad": True}), ("AdamNorm", {"guard": "decaying"})]
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.complex64]


def parameters(dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in [(), (5,), (2, 3), (0,)]]


def train(optimizer, params, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for p in params:
            scale = 10.0 ** torch.randint(-3, 2, (), generator=generator).item()
            p.grad = (torch.randn(p.shape, generator=generator) * scale).to(p.dtype)
        optimizer.step()


def tensors(optimizer, params):
    return [*params, *(optimizer.state[p][key] for p in params for key in sorted(optimizer.state[p]))]


def assert_same(first, second):
    for a, b in zip(first, second, strict=True):
        assert a.dtype == b.dtype
        assert torch.equal(a, b)


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "own"), VARIANTS)
def test_a_loaded_checkpoint_goes_on_bit_for_bit(name, own, dtype, foreach, tmp_path):
    params = parameters(dtype)
    optimizer = getattr(optim, name)(params, lr=0.1, foreach=foreach, **own)
    train(optimizer, params, 7, seed=1)
    torch.save([optimizer.state_dict(), params], tmp_path / "checkpoint")
    state, restored = torch.load(tmp_path / "checkpoint")
    other = getattr(optim, name)(restored)
    other.load_state_dict(state)
    for one, own in ((optimizer, params), (other, restored)):
        train(one, own, 3, seed=2)
    assert_same(tensors(optimizer, params), tensors(other, restored))


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize(("name", "own"), VARIANTS)
def test_copies_go_on_bit_for_bit_and_apart(name, own, clone):
    params = parameters(torch.bfloat16)
    optimizer = getattr(optim, name)(params, lr=0.1, **own)
    train(optimizer, params, 3, seed=1)
    twin_params, twin = clone((params, optimizer))
    train(twin, twin_params, 3, seed=2)
    train(optimizer, params, 3, seed=2)
    assert_same(tensors(optimizer, params), tensors(twin, twin_params))


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_state_shares_no_tensor_with_its_source(name):
    params, other_params = parameters(), parameters()
    optimizer, other = (getattr(optim, name)(p, lr=0.1) for p in (params, other_params))
    train(optimizer, params, 2, seed=1)
    state = optimizer.state_dict()
    before = copy.deepcopy(state)
    other.load_state_dict(state)
    train(other, other_params, 1, seed=2)
    for index, entry in before["state"].items():
        assert_same(entry.values(), state["state"][index].values())


@pytest.mark.parametrize("target", DTYPES[:4])
@pytest.mark.parametrize("source", DTYPES[:4])
def test_loading_into_another_dtype_keeps_the_norm_as_precise_as_it_can_be(source, target):
    params, other_params = parameters(source), parameters(target)
    optimizer, other = optim.DiffGradNorm(params), optim.DiffGradNorm(other_params)
    train(optimizer, params, 3, seed=1)
    other.load_state_dict(optimizer.state_dict())
    scalar = torch.float64 if target == torch.float64 else torch.float32
    for p, q in zip(params, other_params, strict=True):
        state = other.state[q]
        assert state["exp_grad_norm"].dtype == scalar
        assert torch.equal(state["exp_grad_norm"], optimizer.state[p]["exp_grad_norm"].to(scalar))
        assert {state[key].dtype for key in ("exp_avg", "exp_avg_sq", "previous_grad")} == {target}
    train(other, other_params, 1, seed=2)


def test_complex_state_follows_its_parameter_into_another_dtype():
    params, other_params = parameters(torch.complex128), parameters(torch.complex64)
    optimizer, other = optim.AdamNorm(params), optim.AdamNorm(other_params)
    train(optimizer, params, 2, seed=1)
    other.load_state_dict(optimizer.state_dict())
    train(other, other_params, 1, seed=2)
    assert {other.state[q]["exp_avg"].dtype for q in other_params} == {torch.complex64}
    assert {other.state[q]["exp_grad_norm"].dtype for q in other_params} == {torch.float32}


def test_a_load_hook_that_reorders_parameters_is_honoured():
    params = [torch.ones(1, dtype=torch.bfloat16, requires_grad=True) for _ in range(2)]
    optimizer = optim.AdamNorm(params)
    for p, size in zip(params, (1.001, 2.002), strict=True):
        p.grad = torch.full_like(p, size)
    optimizer.step()
    other = optim.AdamNorm(params)

    def swap(_, state):
        return state | {"state": {0: state["state"][1], 1: state["state"][0]}}

    other.register_load_state_dict_pre_hook(swap)
    other.load_state_dict(optimizer.state_dict())
    for p, q in zip(params, reversed(params), strict=True):
        assert torch.equal(other.state[p]["exp_grad_norm"], optimizer.state[q]["exp_grad_norm"])
    assert len(other._optimizer_load_state_dict_pre_hooks) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_group_added_later_starts_from_its_own_first_step(name):
    params = parameters()
    optimizer = getattr(optim, name)(params[:2], lr=0.1)
    train(optimizer, params[:2], 3, seed=1)
    optimizer.add_param_group({"params": params[2:], "lr": 0.5})
    start = [p.detach().clone().requires_grad_() for p in params[2:]]
    fresh = getattr(optim, name)(start, lr=0.5)
    for p, q in zip(params[2:], start, strict=True):
        p.grad = torch.ones_like(p)
        q.grad = p.grad.clone()
    optimizer.step()
    fresh.step()
    assert_same(tensors(optimizer, params[2:]), tensors(fresh, start))
    assert [optimizer.state[p]["step"].item() for p in params] == [4, 4, 1, 1]


@pytest.mark.parametrize("foreach", [False, True])
def test_a_tensor_without_gradient_is_left_alone(foreach):
    used, unused = (torch.ones(2, requires_grad=True) for _ in range(2))
    optimizer = optim.RAdamNorm([unused, used], foreach=foreach)
    for step in range(8):  # one tensor past RAdam's first branch, the other still in it
        used.grad = torch.ones(2)
        unused.grad = torch.ones(2) if step == 7 else None
        optimizer.step()
    assert optimizer.state[used]["step"] == 8
    assert optimizer.state[unused]["step"] == 1
    alone = torch.ones(2, requires_grad=True)
    alone.grad = torch.ones(2)
    optim.RAdamNorm([alone]).step()
    assert torch.equal(unused, alone)


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_of_adam_can_be_continued(name, amsgrad):
    params = parameters()
    adam = torch.optim.Adam(params, amsgrad=amsgrad)
    train(adam, params, 2, seed=1)
    optimizer = getattr(optim, name)(params)
    optimizer.load_state_dict(adam.state_dict())
    train(optimizer, params, 1, seed=2)
    assert all(optimizer.state[p]["step"] == 3 for p in params)
    assert all(torch.isfinite(t).all() for t in tensors(optimizer, params))
    assert all(("max_exp_avg_sq" in optimizer.state[p]) == amsgrad for p in params)


def test_a_checkpoint_without_a_maximum_starts_it_from_there():
    params = parameters()
    plain, optimizer = optim.AdamNorm(params), optim.AdamNorm(params)
    train(plain, params, 2, seed=1)
    optimizer.load_state_dict(plain.state_dict())
    optimizer.param_groups[0]["amsgrad"] = True  # torch, too, takes the options from the checkpoint
    train(optimizer, params, 1, seed=2)
    assert all(torch.equal(optimizer.state[p]["max_exp_avg_sq"], optimizer.state[p]["exp_avg_sq"]) for p in params)


def test_groups_choose_amsgrad_and_guard_for_themselves():
    params, others = parameters(), parameters()
    own = [{}, {"amsgrad": True}, {"guard": "decaying"}, {"amsgrad": True, "guard": "decaying"}]
    together = optim.AdamNorm([{"params": [p], **options} for p, options in zip(params, own, strict=True)], lr=0.1)
    alone = [optim.AdamNorm([p], lr=0.1, **options) for p, options in zip(others, own, strict=True)]
    for step in range(4):
        for p, q in zip(params, others, strict=True):
            p.grad = torch.full_like(p, 0.01 if step else 1.0)
            q.grad = p.grad.clone()
        for optimizer in (together, *alone):
            optimizer.step()
    assert_same(params, others)
    assert ["max_exp_avg_sq" in together.state[p] for p in params] == [False, True, False, True]


@pytest.mark.parametrize("name", NAMES)
def test_an_old_pickle_without_newer_options_still_steps(name):
    params = parameters()
    optimizer = getattr(optim, name)(params)
    train(optimizer, params, 1, seed=1)
    old = optimizer.__getstate__()
    for options in (old["defaults"], *old["param_groups"]):
        for key in (
            "maximize",
            "foreach",
            "fused",
            "capturable",
            "differentiable",
            "decoupled_weight_decay",
            "belief",
            "guard",
            "amsgrad",
        ):
            options.pop(key, None)
    twin = getattr(optim, name).__new__(getattr(optim, name))
    twin.__setstate__(old)
    train(twin, params, 1, seed=2)
    assert all(twin.state[p]["step"] == 2 for p in params)


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "own"), VARIANTS)
def test_the_state_is_adams_plus_one_scalar(name, own, dtype, foreach):
    params = [torch.ones(40, 5, dtype=dtype, requires_grad=True)]
    optimizer = getattr(optim, name)(params, foreach=foreach, **own)
    train(optimizer, params, 2, seed=1)
    state = dict(optimizer.state[params[0]])
    assert state.pop("step").dtype == torch.float32
    if name.endswith("Norm"):
        norm = state.pop("exp_grad_norm")
        assert norm.shape == ()
        assert norm.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    full = {"exp_avg", "exp_avg_sq"} | ({"previous_grad"} if name.startswith("DiffGrad") else set())
    full |= {"max_exp_avg_sq"} if own.get("amsgrad") else set()
    assert state.keys() == full
    for value in state.values():
        assert value.dtype == dtype
        assert value.untyped_storage().nbytes() == params[0].untyped_storage().nbytes()


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"maximize": True}, {"differentiable": True}])
@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_neither_changed_nor_kept(name, dtype, foreach, options):
    if options.get("differentiable") and foreach:
        return
    param = torch.ones(4, dtype=dtype, requires_grad=not options.get("differentiable"))
    optimizer = getattr(optim, name)([param], lr=0.1, foreach=foreach, **options)
    for _ in range(2):
        param.grad = torch.arange(4.0).to(dtype)
        before = param.grad.clone()
        optimizer.step()
        assert torch.equal(param.grad, before)
        kept = {value.untyped_storage().data_ptr() for value in optimizer.state[param].values()}
        assert param.grad.untyped_storage().data_ptr() not in kept


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.5}, {"maximize": True, "weight_decay": 0.5}])
@pytest.mark.parametrize("name", ["DiffGrad", "DiffGradNorm"])
def test_the_previous_gradient_is_the_one_of_the_formula(name, options):
    param = torch.full((2,), 2.0, requires_grad=True)
    optimizer = getattr(optim, name)([param], **options)
    param.grad = torch.tensor([1.0, 3.0])
    sign = -1 if options.get("maximize") else 1
    wanted = sign * param.grad + options.get("weight_decay", 0.0) * param.detach()
    optimizer.step()
    assert torch.equal(optimizer.state[param]["previous_grad"], wanted)
