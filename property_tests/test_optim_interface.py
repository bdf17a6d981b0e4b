"""What a user meets: options and their errors, layouts, closures, schedulers, autograd, graph capture."""

import inspect
import re
import weakref
from itertools import pairwise

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from adanorm_verify import optim
from adanorm_verify.optim import _optimizer, _tensors

NAMES = optim.__all__
NORM = [name for name in NAMES if name.endswith("Norm")]
OPTIONAL = [*((name, {"guard": "decaying"}) for name in NORM), ("AdamNorm", {"amsgrad": True})]
"""Options that change what is computed."""
NAN, INF = float("nan"), float("inf")
BAD_OPTIONS = [
    ({"lr": -1.0}, "lr must be a finite number >= 0, got -1.0"),
    ({"lr": NAN}, "lr must be a finite number >= 0, got nan"),
    ({"lr": INF}, "lr must be a finite number >= 0, got inf"),
    ({"lr": "0.1"}, "lr must be a finite number >= 0, got '0.1'"),
    ({"lr": torch.ones(2)}, "a Tensor lr must have a single element, got shape (2,)"),
    ({"lr": torch.tensor(-2.0)}, "lr must be a finite number >= 0, got -2.0"),
    ({"lr": torch.tensor(0.1), "foreach": True}, "lr as a Tensor is not supported for capturable=False"),
    ({"betas": (1.0, 0.9)}, "betas[0] must be a number in [0, 1), got 1.0"),
    ({"betas": (0.9, -0.5)}, "betas[1] must be a number in [0, 1), got -0.5"),
    ({"betas": (0.9, NAN)}, "betas[1] must be a number in [0, 1), got nan"),
    ({"betas": 0.9}, "betas must be a pair of numbers, got 0.9"),
    ({"betas": (0.9,)}, "betas must be a pair of numbers, got (0.9,)"),
    ({"eps": -1e-8}, "eps must be a finite number >= 0, got -1e-08"),
    ({"eps": INF}, "eps must be a finite number >= 0, got inf"),
    ({"weight_decay": -0.1}, "weight_decay must be a finite number >= 0, got -0.1"),
    ({"weight_decay": NAN}, "weight_decay must be a finite number >= 0, got nan"),
    ({"foreach": True, "differentiable": True}, "foreach=True and differentiable=True"),
]
BAD_GAMMA = [({"gamma": g}, f"gamma must be a number in [0, 1), got {g!r}") for g in (1.0, -0.1, NAN, INF)]
BAD_GUARD = [({"guard": x}, f'guard must be "none" or "decaying", got {x!r}') for x in ("decay", None, True, 1.0)]
BAD_BELIEF = [({"belief": "x"}, 'belief must be "s" or "g", got \'x\'')]
REFUSED = (
    [(name, *bad) for name in NAMES for bad in BAD_OPTIONS]
    + [(name, *bad) for name in NORM for bad in BAD_GAMMA]
    + [(name, *bad) for name in NORM for bad in BAD_GUARD]
    + [("AdaBeliefNorm", *bad) for bad in BAD_BELIEF]
)


def ones(*shape, **options):
    return torch.ones(*shape, **{"requires_grad": True} | options)


@pytest.mark.parametrize(("name", "options", "message"), REFUSED)
def test_an_option_out_of_range_is_refused_with_its_value(name, options, message):
    cls = getattr(optim, name)
    matching = re.escape(message)
    with pytest.raises(ValueError, match=matching):
        cls([ones(1)], **options)
    with pytest.raises(ValueError, match=matching):
        cls([{"params": [ones(1)], **options}])
    optimizer = cls([ones(1)])
    with pytest.raises(ValueError, match=matching):
        optimizer.add_param_group({"params": [ones(1)], **options})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_limits_of_every_range_are_accepted(name):
    gamma = {"gamma": 0.0} if name in NORM else {}
    for lr in (0, 0.0, torch.tensor(0.1), torch.tensor([0.1])):
        p = ones(2)
        optimizer = getattr(optim, name)([p], lr=lr, betas=(0.0, 0.0), eps=0, weight_decay=0, **gamma)
        p.grad = torch.ones(2)
        optimizer.step()
        assert torch.isfinite(p).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_signature_says_what_is_accepted(name):
    cls = getattr(optim, name)
    parameters = inspect.signature(cls).parameters
    wanted = ["params", "lr", "betas", "eps", *(["gamma"] if name in NORM else []), "weight_decay"]
    positional = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == wanted
    defaults = {p.name: p.default for p in parameters.values() if p.name != "params"}
    assert cls([ones(1)]).defaults == defaults
    assert all(f"        {option}: " in cls.__doc__ or f"`{option}`" in cls.__doc__ for option in parameters)
    with pytest.raises(TypeError, match="gama"):
        cls([ones(1)], gama=0.9)


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_sparse_gradient_is_refused_before_anything_moves(name, foreach):
    embedding = torch.nn.Embedding(4, 2, sparse=True)
    dense = ones(2)
    dense.grad = torch.ones(2)
    optimizer = getattr(optim, name)([{"params": [dense]}, {"params": embedding.parameters()}], foreach=foreach)
    embedding(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match=f"{name} does not support sparse gradients"):
        optimizer.step()
    assert torch.equal(dense, torch.ones(2))


LAYOUTS = {
    "transposed parameter": (lambda: torch.arange(6.0).reshape(2, 3).t(), lambda g: g),
    "strided parameter": (lambda: torch.arange(12.0).reshape(3, 4)[:, ::2], lambda g: g),
    "transposed gradient": (lambda: torch.arange(6.0).reshape(3, 2), lambda g: g.t().contiguous().t()),
    "expanded gradient": (lambda: torch.arange(6.0).reshape(3, 2), lambda g: g[:1].expand(3, 2)),
    "scalar gradient": (lambda: torch.arange(6.0).reshape(3, 2), lambda g: g[0, 0].expand(3, 2)),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_the_layout_of_memory_does_not_matter(name, layout, foreach, dtype):
    make, arrange = LAYOUTS[layout]
    p = torch.nn.Parameter(make().to(dtype))
    q = torch.nn.Parameter(make().to(dtype).contiguous().clone())
    both = [getattr(optim, name)([x], lr=0.1, foreach=foreach) for x in (p, q)]
    generator = torch.Generator().manual_seed(0)
    for _ in range(7):
        g = torch.randn(p.shape, generator=generator).to(dtype)
        p.grad = arrange(g)
        q.grad = p.grad.clone(memory_format=torch.contiguous_format)
        for optimizer in both:
            optimizer.step()
    # Another order of summation, in the norm: 6 terms, 7 steps, and m may cancel to a tenth of its terms.
    tolerance = 6 * 7 * 10 * torch.finfo(dtype).eps
    torch.testing.assert_close(p, q, rtol=tolerance, atol=tolerance)


def test_one_group_may_mix_dtypes_and_kinds():
    torch.manual_seed(0)
    kinds = [torch.float32, torch.bfloat16, torch.float64, torch.complex64, torch.float16]
    params = [torch.randn(3, dtype=dtype, requires_grad=True) for dtype in kinds * 2]
    alone = [p.detach().clone().requires_grad_() for p in params]
    together = optim.DiffGradNorm(params, foreach=True)
    each = [optim.DiffGradNorm([p], foreach=True) for p in alone]
    for _ in range(3):
        for p, q in zip(params, alone, strict=True):
            p.grad = torch.randn_like(p)
            q.grad = p.grad.clone()
        for optimizer in (together, *each):
            optimizer.step()
    for p, q in zip(params, alone, strict=True):
        assert p.dtype == q.dtype
        assert torch.equal(p, q)


def test_long_lists_are_cut_and_none_is_lost(monkeypatch):
    monkeypatch.setattr(_tensors, "_BUCKET_NUMEL_CPU", 10)
    params = [ones(n) for n in (4, 4, 4, 25, 0, 1, 10)]
    for p in params:
        p.grad = torch.ones_like(p)
    optimizer = optim.AdamNorm(params, foreach=True)
    _, _, gathered = optimizer._gather(optimizer.param_groups[0])
    cuts = [[p.numel() for p in bucket.param] for bucket in _tensors.buckets(gathered)]
    assert cuts == [[4, 4], [4], [25], [0, 1], [10]]
    optimizer.step()
    assert all(optimizer.state[p]["step"] == 1 for p in params)


def test_what_a_group_needs_for_its_step_is_given_back_before_the_next(monkeypatch):
    prepare_all, decayed, most = _optimizer.prepare_all, [], []

    def prepare(tensors, options):
        prepare_all(tensors, options)
        decayed.extend(map(weakref.ref, tensors.grad))
        most.append(sum(each() is not None for each in decayed))

    monkeypatch.setattr(_optimizer, "prepare_all", prepare)
    params = [ones(4) for _ in range(5)]
    for p in params:
        p.grad = torch.ones_like(p)
    optim.AdamNorm([{"params": [p]} for p in params], foreach=True, weight_decay=0.1).step()
    assert most == [1] * 5


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_closure_runs_with_gradients_and_its_loss_comes_back(name, foreach):
    p = ones(3)
    optimizer = getattr(optim, name)([p], lr=0.01, foreach=foreach)

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        losses = [optimizer.step(closure).item() for _ in range(5)]
    assert losses[0] == 3.0
    assert all(later < earlier for earlier, later in pairwise(losses))
    assert optimizer.step() is None


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_scheduler_sets_the_length_of_the_step(name, as_tensor):
    moves = []
    for scheduled in (False, True):
        p = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        lr = torch.tensor(0.5, dtype=torch.float64) if as_tensor else 0.5
        optimizer = getattr(optim, name)([p], lr=lr)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
        for _ in range(2):
            before = p.detach().clone()
            p.grad = torch.tensor([1.0, -2.0], dtype=torch.float64)
            optimizer.step()
            if scheduled:
                scheduler.step()
        moves.append(p.detach() - before)
    torch.testing.assert_close(moves[1], moves[0] / 2, rtol=4 * 2.0**-52, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_cycle_of_momentum_reaches_the_first_beta(name):
    p = ones(2)
    optimizer = getattr(optim, name)([p])
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=4, base_momentum=0.5)
    for _ in range(3):
        p.grad = torch.ones(2)
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["betas"] != (0.9, 0.999)
    assert torch.isfinite(p).all()


DIFFERENTIABLE = [
    *((name, {}) for name in NAMES),
    ("AdaBeliefNorm", {"belief": "g"}),
    ("AdamNorm", {"amsgrad": True}),
    ("AdamNorm", {"guard": "decaying"}),
]


def run(name, options, param, lr, *gradients):
    """A differentiable function: parameter and state after one step for each gradient."""
    param = param.clone()
    optimizer = getattr(optim, name)([param], lr=lr, differentiable=True, **options)
    for gradient in gradients:
        param.grad = gradient
        optimizer.step()
    state = optimizer.state[param]
    return param, *(value for key, value in state.items() if key != "step")


@pytest.mark.parametrize("capturable", [False, True])
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize(("name", "own"), DIFFERENTIABLE)
def test_autograd_goes_through_several_steps(name, own, decoupled, capturable):
    torch.manual_seed(0)
    options = own | {"weight_decay": 0.1, "decoupled_weight_decay": decoupled, "capturable": capturable}
    # A low second beta, so that RAdam rectifies within the run; the second gradient is lengthened.
    options |= {"betas": (0.9, 0.8 if name == "RAdamNorm" else 0.999)}
    steps = 6 if name == "RAdamNorm" else 3
    inputs = [torch.randn(3, dtype=torch.float64, requires_grad=True) for _ in range(steps + 1)]
    inputs.insert(1, torch.tensor(0.1, dtype=torch.float64, requires_grad=True))
    with torch.no_grad():
        inputs[3] *= 0.01
    assert torch.autograd.gradcheck(lambda *args: run(name, options, *args), inputs)


@pytest.mark.parametrize(("name", "own"), DIFFERENTIABLE)
def test_the_derivative_at_a_zero_gradient_is_finite(name, own):
    param = torch.ones(3, dtype=torch.float64, requires_grad=True)
    lr = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    gradients = [torch.zeros(3, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    results = run(name, own, param, lr, *gradients)
    total = sum(r.sum() for r in results)
    for derivative in torch.autograd.grad(total, [param, lr, *gradients], allow_unused=True):
        assert derivative is None or torch.isfinite(derivative).all()


class NoReadBack(TorchDispatchMode):
    """Fails where a tensor's value is read back to the host, other than those allowed."""

    def __init__(self, allowed):
        super().__init__()
        self.allowed = {tensor.data_ptr() for tensor in allowed}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        reads = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
        if func in reads and args[0].data_ptr() not in self.allowed:
            raise AssertionError(f"{func} reads a value back")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64])
@pytest.mark.parametrize("capturable", [False, True])
@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize(("name", "own"), [*((name, {}) for name in NAMES), *OPTIONAL])
def test_no_step_waits_for_the_device(name, own, foreach, capturable, dtype):
    params = [torch.ones(shape, dtype=dtype, requires_grad=True) for shape in [(), (3,), (3, 3000)]]
    lr = torch.tensor(0.1) if capturable else 0.1
    options = own | {"foreach": foreach, "capturable": capturable, "weight_decay": 0.1, "maximize": True}
    optimizer = getattr(optim, name)(params, lr=lr, eps=0.0, **options)
    for p in params:
        p.grad = torch.ones_like(p)
    optimizer.step()
    # Without `capturable` the step counts stand on the host, and only they are read.
    allowed = [] if capturable else [optimizer.state[p]["step"] for p in params]
    with NoReadBack(allowed):
        for _ in range(6):
            optimizer.step()


def test_reading_back_is_noticed():
    with NoReadBack([]), pytest.raises(AssertionError, match="reads a value back"):
        float(torch.ones(()))


def test_the_foreach_functions_are_the_default_only_on_accelerators(monkeypatch):
    p = ones(2)
    p.grad = torch.ones(2)
    optimizer = optim.AdamNorm([p])
    monkeypatch.setattr(optimizer, "_step_foreach", lambda *_: pytest.fail("used foreach"))
    optimizer.step()
    optimizer.param_groups[0]["foreach"] = True
    with pytest.raises(pytest.fail.Exception, match="used foreach"):
        optimizer.step()


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_scaler_skips_a_step_that_overflowed(name):
    p = ones(2)
    optimizer = getattr(optim, name)([p], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    p.grad = torch.tensor([float("inf"), 1.0])
    scaler.scale(torch.ones(()))
    scaler.step(optimizer)
    scaler.update()
    assert torch.equal(p, torch.ones(2))
    assert not optimizer.state
