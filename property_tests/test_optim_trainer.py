"""What a trainer does with the optimizers, and what torch's own tests ask of its optimizers."""

import copy
import weakref

import pytest
import torch
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel
from torch.utils._python_dispatch import TorchDispatchMode

from adanorm_verify import optim

NAMES = optim.__all__
VARIANTS = [*((name, {}) for name in NAMES), ("AdamNorm", {"amsgrad": True}), ("AdamNorm", {"guard": "decaying"})]
EACH = pytest.mark.parametrize(("name", "own"), VARIANTS, ids=str)
PATHS = {
    "single": {"foreach": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
    "capturable": {"foreach": True, "capturable": True},
}
ON = pytest.mark.parametrize("path", PATHS)
HALF_OF_DIGITS = 2.0**-26


def parameters(shapes=((), (4,), (0,), (2, 3)), dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in shapes]


def give_gradients(params, step, seed=1):
    generator = torch.Generator().manual_seed(1000 * seed + step)
    for p in params:
        scale = 10.0 ** -torch.randint(0, 3, (), generator=generator).item()  # so that some are lifted
        p.grad = (torch.randn(p.shape, generator=generator) * scale).to(p.dtype)


def train(optimizer, steps, first=0):
    params = [p for group in optimizer.param_groups for p in group["params"]]
    for step in range(first, first + steps):
        give_gradients(params, step)
        optimizer.step()
    return params


def everything(optimizer):
    params = [p for group in optimizer.param_groups for p in group["params"]]
    return [*params, *(optimizer.state[p][key] for p in params for key in sorted(optimizer.state[p]))]


def assert_same(one, other):
    for a, b in zip(everything(one), everything(other), strict=True):
        assert a.dtype == b.dtype
        assert torch.equal(a, b)


def assert_agree(one, other):
    """To half of their digits: what is wrong is wrong in the first ones."""
    for a, b in zip(everything(one), everything(other), strict=True):
        torch.testing.assert_close(a, b, rtol=HALF_OF_DIGITS, atol=HALF_OF_DIGITS)


def make(name, path, own, params, **options):
    return getattr(optim, name)(params, **{"lr": 0.1} | PATHS[path] | own | options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.01},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"maximize": True},
        {"maximize": True, "weight_decay": 0.1},
        {"betas": (0.5, 0.9)},
    ],
    ids=str,
)
@ON
@EACH
def test_losses_go_in_the_right_direction(name, own, path, options):
    weight, bias = parameters([(10, 5), (10,)])
    optimizer = make(name, path, own, [{"params": [weight]}, {"params": [bias], "lr": 1e-2}], **options)
    [x] = parameters([(5,)], seed=2)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = (weight @ x.detach() + bias).pow(2).sum() * (-1 if options.get("maximize") else 1)
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    rises = losses[-1] > losses[0]
    assert rises == bool(options.get("maximize"))


@ON
@EACH
def test_maximizing_is_minimizing_the_negative(name, own, path):
    one, other = (make(name, path, own, parameters(), maximize=m, weight_decay=0.1) for m in (False, True))
    for step in range(5):
        for optimizer, sign in ((one, 1), (other, -1)):
            params = optimizer.param_groups[0]["params"]
            give_gradients(params, step)
            for p in params:
                p.grad = sign * p.grad
            optimizer.step()
    assert_same(one, other)


@ON
@EACH
def test_without_gradients_nothing_happens(name, own, path):
    params = parameters()
    optimizer = make(name, path, own, params, weight_decay=0.1)
    before = [p.detach().clone() for p in params]
    optimizer.step()
    assert not any(optimizer.state.values())
    assert all(torch.equal(p, b) for p, b in zip(params, before, strict=True))


@ON
@EACH
def test_gradients_of_zero_move_nothing_at_first(name, own, path):
    params = parameters()
    optimizer = make(name, path, own, params)
    before = [p.detach().clone() for p in params]
    for _ in range(3):
        for p in params:
            p.grad = torch.zeros_like(p)
        optimizer.step()
    assert all(torch.equal(p, b) for p, b in zip(params, before, strict=True))


@ON
@EACH
def test_a_rate_of_zero_moves_nothing_and_the_moments_go_on(name, own, path):
    one, other = (make(name, path, own, parameters()) for _ in range(2))
    start = [p.detach().clone() for p in train(one, 2)]
    train(other, 2)
    one.param_groups[0]["lr"] = 0.0
    train(one, 2, first=2)
    params = one.param_groups[0]["params"]
    assert all(torch.equal(p, s) for p, s in zip(params, start, strict=True))
    other_params = other.param_groups[0]["params"]
    for step in (2, 3):  # the same gradients
        give_gradients(other_params, step)
        other.step()
    for p, q in zip(params, other_params, strict=True):
        assert all(torch.equal(value, other.state[q][key]) for key, value in one.state[p].items())
    one.param_groups[0]["lr"] = 0.1
    train(one, 1, first=4)
    assert not any(torch.equal(p, s) for p, s in zip(params, start, strict=True) if p.numel())


CHANGES = {
    "lr": 0.01,
    "betas": (0.5, 0.7),
    "eps": 0.1,
    "weight_decay": 0.3,
    "decoupled_weight_decay": True,
    "maximize": True,
    "gamma": 0.5,
    "guard": "decaying",
}


@pytest.mark.parametrize("key", CHANGES)
@ON
@EACH
def test_a_value_changed_in_mid_run_holds_from_the_next_step(name, own, path, key):
    one, unchanged = (make(name, path, own, parameters(), weight_decay=0.1) for _ in range(2))
    if key not in one.defaults or key in own:
        return
    for optimizer in (one, unchanged):
        train(optimizer, 6)  # RAdam divides from here on
    params = [p.detach().clone().requires_grad_() for p in one.param_groups[0]["params"]]
    other = make(name, path, own, params, weight_decay=0.1)
    state = copy.deepcopy(one.state_dict())
    state["param_groups"][0][key] = CHANGES[key]
    other.load_state_dict(state)
    one.param_groups[0][key] = CHANGES[key]
    for optimizer in (one, other, unchanged):
        if "decay" not in key:
            optimizer.param_groups[0]["weight_decay"] = 0.0  # which would keep gradients long
        for step in (6, 7):
            held = optimizer.param_groups[0]["params"]
            give_gradients(held, step)
            for p in held:
                p.grad = p.grad / 1000  # lifted by more than the guard allows
            optimizer.step()
    assert_same(one, other)
    assert any(not torch.equal(a, b) for a, b in zip(everything(one), everything(unchanged), strict=True))


@pytest.mark.parametrize("grouped", [False, True])
@ON
@EACH
def test_a_state_dict_goes_around(name, own, path, grouped):
    def groups(params):
        return [{"params": params[:2], "lr": 0.05}, {"params": params[2:]}] if grouped else params

    one = make(name, path, own, groups(parameters()))
    params = train(one, 3)
    other = make(name, path, own, groups([p.detach().clone().requires_grad_() for p in params]))
    other.load_state_dict(one.state_dict())
    other.load_state_dict(copy.deepcopy(other.state_dict()))
    for optimizer in (one, other):
        train(optimizer, 3, first=3)
    assert_same(one, other)


@EACH
def test_a_state_saved_before_the_first_step_is_one(name, own):
    one, other = (make(name, "single", own, parameters()) for _ in range(2))
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    assert not any(other.state.values())
    for optimizer in (one, other):
        train(optimizer, 3)
    assert_same(one, other)


@ON
@EACH
def test_a_state_of_an_older_version_lacks_options(name, own, path):
    """Whatever option is missing takes the constructor's value."""
    one = make(name, path, own, parameters(), weight_decay=0.1)
    train(one, 3)
    for key in [key for key in one.defaults if key not in ("lr", "betas")]:
        state = copy.deepcopy(one.state_dict())
        del state["param_groups"][0][key]
        params = [p.detach().clone().requires_grad_() for p in one.param_groups[0]["params"]]
        other = make(name, path, own, params, weight_decay=0.1)
        other.load_state_dict(state)
        assert other.param_groups[0][key] == one.defaults[key]
        train(other, 1, first=3)


@EACH
def test_a_state_without_averages_of_norms_begins_them(name, own):
    one = make(name, "single", own, parameters())
    train(one, 3)
    state = copy.deepcopy(one.state_dict())
    for entry in state["state"].values():
        entry.pop("exp_grad_norm", None)
    one.load_state_dict(state)
    train(one, 1, first=3)
    assert all(("exp_grad_norm" in s) == name.endswith("Norm") for s in one.state.values())


@EACH
def test_hooks_of_loading_and_stepping_are_called_in_order(name, own):
    optimizer = make(name, "single", own, parameters())
    seen = []
    optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    optimizer.register_load_state_dict_pre_hook(lambda o, s: seen.append("loading"))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append(("loaded", len(o.state))))
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("saving"))
    optimizer.register_state_dict_post_hook(lambda o, s, *_: seen.append("saved"))
    train(optimizer, 1)
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen == ["before", "after", "saving", "saved", "loading", ("loaded", 4)]


@pytest.mark.parametrize("path", ["single", "foreach", "capturable"])
@EACH
def test_a_complex_parameter_is_a_pair_of_reals(name, own, path):
    """Also of two dimensions; the norm is that of all its parts."""
    [z] = parameters([(2, 3)], torch.complex128)
    pairs = torch.nn.Parameter(torch.view_as_real(z.detach()).clone())
    one, other = (make(name, path, own, [p], weight_decay=0.1) for p in (z, pairs))
    generator = torch.Generator().manual_seed(0)
    for step in range(7):
        pairs.grad = torch.randn(pairs.shape, generator=generator, dtype=torch.float64) * 0.3**step
        z.grad = torch.view_as_complex(pairs.grad)
        one.step()
        other.step()
    assert torch.equal(torch.view_as_real(z), pairs)
    for key, value in other.state[pairs].items():
        own_value = one.state[z][key]
        assert torch.equal(torch.view_as_real(own_value) if own_value.is_complex() else own_value, value)


BAD = [
    ({"params": []}, "empty parameter list"),
    ({"lr": -1e-2}, "lr must be"),
    ({"betas": (1.0, 0.9)}, "betas"),
    ({"betas": (0.9, 1.0)}, "betas"),
    ({"eps": float("nan")}, "eps must be"),
    ({"weight_decay": -1.0}, "weight_decay must be"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_the_door(name, options, message):
    [p] = parameters([(2,)])
    with pytest.raises(ValueError, match=message):
        getattr(optim, name)(**{"params": [p], **options})


@pytest.mark.filterwarnings("ignore:optimizer contains a parameter group with duplicate")  # torch's, before we refuse
@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_given_twice_is_refused(name):
    p, q = parameters([(2,), (3,)])
    with pytest.raises(ValueError, match=r"each parameter once, got one of shape \(2,\) twice"):
        getattr(optim, name)([p, p])
    optimizer = getattr(optim, name)([q])
    with pytest.raises(ValueError, match=r"each parameter once, got one of shape \(2,\) twice"):
        optimizer.add_param_group({"params": [p, p]})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_in_two_groups_and_what_is_no_leaf_are_refused(name):
    p, q = parameters([(2,), (3,)])
    cls = getattr(optim, name)
    with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
        cls([{"params": [p]}, {"params": [p, q]}])
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        cls([p * 2])
    with pytest.raises(TypeError):
        cls(p)
    with pytest.raises(TypeError, match="gamma_"):
        cls([p], gamma_=0.9)


@pytest.mark.parametrize("path", ["single", "foreach", "fused"])
@pytest.mark.parametrize("name", NAMES)
def test_an_integer_parameter_may_stand_still_and_not_move(name, path):
    frozen = torch.nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False)
    [p] = parameters([(2,)])
    if path == "fused":
        with pytest.raises(ValueError, match=r"its dtype must be one of .*, got torch\.int64"):
            make(name, path, {}, [p, frozen])
        return
    optimizer = make(name, path, {}, [p, frozen])
    give_gradients([p], 0)
    optimizer.step()
    frozen.grad = torch.ones_like(frozen)
    with pytest.raises(RuntimeError, match=r"must be of floating point or complex, got torch\.int64"):
        optimizer.step()


SCHEDULES = {
    "step": lambda o: lr_scheduler.StepLR(o, 2, 0.5),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 5),
    "warm-up from 0": lambda o: lr_scheduler.LambdaLR(o, lambda step: step / 4),
    "plateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0),
    "one cycle": lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.2, total_steps=20),
    "cyclic": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.2, step_size_up=3, cycle_momentum=True),
}


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
@ON
@pytest.mark.parametrize("name", NAMES)
def test_a_schedule_is_followed_step_by_step(name, path, schedule, as_tensor):
    """As by a run whose group is set by hand to what the schedule says."""
    if as_tensor and path == "foreach":
        return
    one = make(name, path, {}, parameters(), lr=torch.tensor(0.1, dtype=torch.float64) if as_tensor else 0.1)
    other = make(name, path, {}, parameters())
    scheduler = SCHEDULES[schedule](one)
    for step in range(8):
        group = one.param_groups[0]
        other.param_groups[0].update(lr=float(group["lr"]), betas=tuple(map(float, group["betas"])))
        for optimizer in (one, other):
            train(optimizer, 1, first=step)
        scheduler.step(*([1.0] if schedule == "plateau" else []))
    assert_agree(one, other)
    assert float(one.param_groups[0]["lr"]) != 0.1


@ON
@EACH
def test_averaged_weights_may_be_exchanged_under_the_optimizer(name, own, path):
    """`AveragedModel`, its weights put in place for an evaluation, and the trained ones put back."""
    models = [torch.nn.Linear(3, 2, dtype=torch.float64) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    one, other = (make(name, path, own, model.parameters()) for model in models)
    averaged = AveragedModel(models[0])
    for step in range(5):
        for optimizer in (one, other):
            train(optimizer, 1, first=step)
        averaged.update_parameters(models[0])
        kept = [p.data for p in models[0].parameters()]
        for p, a in zip(models[0].parameters(), averaged.module.parameters(), strict=True):
            p.data = a.detach().clone()
        for p, k in zip(models[0].parameters(), kept, strict=True):
            p.data = k
    assert_same(one, other)


@ON
@EACH
def test_memory_exchanged_under_the_optimizer_is_what_moves(name, own, path):
    one, other = (make(name, path, own, parameters()) for _ in range(2))
    for step in range(4):
        for optimizer in (one, other):
            train(optimizer, 1, first=step)
        for p in one.param_groups[0]["params"]:
            p.data = p.data.clone()
    assert_same(one, other)


@ON
@EACH
def test_gradients_switched_off_and_on(name, own, path):
    params = parameters()
    optimizer = make(name, path, own, params)
    train(optimizer, 2)
    params[1].requires_grad_(False)
    params[1].grad = None
    before, count = params[1].detach().clone(), optimizer.state[params[1]]["step"].item()
    give_gradients([params[0]], 2)
    optimizer.step()
    assert torch.equal(params[1], before)
    params[1].requires_grad_()
    train(optimizer, 1, first=3)
    assert optimizer.state[params[1]]["step"].item() == count + 1


OF_PARAMETER_AND_GRADIENT = [
    (torch.float32, torch.bfloat16),
    (torch.float32, torch.float64),
    (torch.bfloat16, torch.float32),
    (torch.float64, torch.float32),
]


@pytest.mark.skipif(not hasattr(torch.Tensor, "grad_dtype"), reason="this torch has gradients of one dtype only")
@pytest.mark.parametrize("dtypes", OF_PARAMETER_AND_GRADIENT, ids=str)
@ON
@EACH
def test_a_gradient_may_be_of_another_dtype_than_its_parameter(name, own, path, dtypes):
    """It counts as what it is in the dtype of the computation."""
    dtype, of_grad = dtypes
    found = []
    for same in (False, True):
        [p] = parameters([(5,)], dtype)
        q = torch.nn.Parameter(torch.ones(3, dtype=dtype))
        computed = torch.float32 if dtype is torch.bfloat16 else dtype
        for each in (p, q):
            each.grad_dtype = computed if same and computed is not dtype else None if same else of_grad
        optimizer = make(name, path, own, [p, q], weight_decay=0.1)
        generator = torch.Generator().manual_seed(0)
        for step in range(7):
            for each in (p, q):
                grad = (torch.randn(each.shape, generator=generator) * 0.3**step).to(of_grad)
                each.grad = grad.to(computed) if same else grad
            optimizer.step()
        found.append(optimizer)
    assert_same(*found)


@ON
@EACH
def test_a_group_added_later_may_have_another_dtype(name, own, path):
    first, second = parameters([(3,)], torch.float32), parameters([(4,)], torch.float64)
    optimizer = make(name, path, own, first)
    train(optimizer, 2)
    optimizer.add_param_group({"params": second, "lr": 0.01})
    train(optimizer, 2, first=2)
    assert optimizer.state[second[0]]["exp_avg"].dtype == torch.float64
    assert [optimizer.state[p]["step"].item() for p in (*first, *second)] == [4, 2]


@pytest.mark.parametrize("shapes", [[(70_001,), (4_097,)], [(7,), (0,)] * 65], ids=["large", "130 with empty ones"])
@pytest.mark.parametrize("path", ["foreach", "fused", "capturable"])
@EACH
def test_large_and_many_tensors_move_as_one_by_one(name, own, path, shapes):
    one, other = (make(name, p, own, parameters(shapes), weight_decay=0.1) for p in ("single", path))
    for optimizer in (one, other):
        train(optimizer, 4)
    assert_agree(one, other)


@pytest.mark.parametrize("threads", [1, 2])
@EACH
def test_a_tensor_of_several_chunks_moves_as_one(name, own, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        shapes = [(2**20 + 3,), (5,)]
        one, other = (make(name, path, own, parameters(shapes)) for path in ("single", "foreach"))
        for optimizer in (one, other):
            train(optimizer, 2)
    finally:
        torch.set_num_threads(before)
    assert_agree(one, other)


@EACH
def test_the_fused_step_takes_scale_and_mark(name, own):
    one, other = (make(name, "fused", own, parameters()) for _ in range(2))
    for step, (scale, found_inf) in enumerate([(1024.0, 0.0), (1024.0, 1.0), (512.0, 0.0)]):
        params = one.param_groups[0]["params"]
        give_gradients(params, step)
        for p in params:
            p.grad = p.grad * (scale if not found_inf else float("inf"))
        one.grad_scale, one.found_inf = torch.tensor(scale), torch.tensor(found_inf)
        one.step()
        if not found_inf:
            train(other, 1, first=step)
    assert_same(one, other)


@pytest.mark.parametrize("path", ["single", "foreach", "fused"])
@EACH
def test_a_scaler_with_an_infinite_gradient_among_others(name, own, path):
    one, other = (make(name, path, own, parameters()) for _ in range(2))
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    scaler.scale(torch.zeros(()))
    for step in range(3):
        params = one.param_groups[0]["params"]
        give_gradients(params, step)
        for p in params:
            p.grad = p.grad * scaler.get_scale()
        if step == 1:
            params[1].grad[0] = float("inf")
        else:
            train(other, 1, first=step)
        scaler.step(one)
        scaler.update()
    assert_same(one, other)


@pytest.mark.parametrize("path", ["single", "foreach"])
@pytest.mark.parametrize("name", NAMES)
def test_a_step_under_an_eager_backend_of_the_compiler(name, path):
    torch.compiler.reset()
    one, other = (make(name, path, {}, parameters(), weight_decay=0.1) for _ in range(2))
    step = torch.compile(other.step, backend="eager")
    for i in range(3):
        train(one, 1, first=i)
        give_gradients(other.param_groups[0]["params"], i)
        step()
    assert_agree(one, other)


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_fused_parameters_may_get_their_memory_later(name, swap):
    """With `swap`, torch keeps the identity of a parameter that is given memory."""
    before = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(swap)
    try:
        model = torch.nn.Linear(3, 2, device="meta")
        optimizer = getattr(optim, name)(model.parameters(), fused=True)
        group = {"params": [torch.nn.Parameter(torch.ones(2, device="meta"))], "fused": True}
        optimizer.add_param_group(group)
        optimizer.load_state_dict(optimizer.state_dict())
        model.to_empty(device="cpu")
    finally:
        torch.__future__.set_swap_module_params_on_conversion(before)
    for p in model.parameters():
        torch.nn.init.ones_(p)
        p.grad = torch.ones_like(p)
    optimizer.step()
    moved = [not torch.equal(p, torch.ones_like(p)) for p in model.parameters()]
    assert moved == [swap, swap]


@pytest.mark.parametrize("name", NAMES)
def test_a_fused_step_on_meta_is_refused_before_anything_moves(name):
    here, nowhere = parameters([(2,)])[0], torch.nn.Parameter(torch.ones(3, device="meta"))
    optimizer = getattr(optim, name)([{"params": [here]}, {"params": [nowhere]}], fused=True)
    for p in (here, nowhere):
        p.grad = torch.ones_like(p)
    before = here.detach().clone()
    with pytest.raises(RuntimeError, match=r"shape \(3,\): its device must be one of cpu, cuda, got meta"):
        optimizer.step()
    assert torch.equal(here, before)


@EACH
def test_foreach_holds_no_more_than_a_bucket_at_once(name, own):
    """On many tensors of two dtypes; what a step makes is counted as it is made and given back."""

    class Peak(TorchDispatchMode):
        live = most = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            for made in result if isinstance(result, (list, tuple)) else [result]:
                if isinstance(made, torch.Tensor) and not any(made is a for a in args) and not made._is_view():
                    size = made.numel() * made.element_size()
                    Peak.live += size
                    Peak.most = max(Peak.most, Peak.live)
                    weakref.finalize(made, Peak.give_back, size)
            return result

        @classmethod
        def give_back(cls, size):
            cls.live -= size

    shapes = [(2**18,)] * 12  # three buckets of four
    params = parameters(shapes, torch.float32) + parameters(shapes, torch.bfloat16)
    optimizer = make(name, "foreach", own, params)
    train(optimizer, 1)
    give_gradients(params, 1)
    with Peak():
        optimizer.step()
    # A bucket of halves has a float32 copy of each of its tensors, and up to three lists of what is between.
    copies = 2 + sum(value.dim() > 0 for value in optimizer.state[params[0]].values())
    small = 2**10  # norms and factors
    assert Peak.most <= (copies + 3) * 2**20 * 4 + small
