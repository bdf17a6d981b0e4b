"""The rules of `Bounded`: whatever a real format computes from inputs inside their bounds stays inside the bound.

Each rule is run against torch in the format itself, on inputs moved anywhere inside their bounds, and each has a test
that the run notices when the rule is weakened. Distances are compared exactly, as fractions.
"""

import itertools
import operator
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adanorm_verify import rounding
from adanorm_verify.rounding import DEVICE_SCALARS, HOST, PRECISIONS, Bounded, DeviceStep, Step, Truth, lift

DTYPES = {name: getattr(torch, name) for name in PRECISIONS}
FORMATS = sorted(DTYPES)
BINARY = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
CHOOSING = {
    "max": lambda a, b: torch.maximum(a, b) if isinstance(a, torch.Tensor) else np.maximum(a, b),
    "min": lambda a, b: torch.minimum(a, b) if isinstance(a, torch.Tensor) else np.minimum(a, b),
}
OF_TWO = BINARY | CHOOSING
UNARY = {
    "sqrt": (np.sqrt, torch.sqrt),
    "exp": (np.exp, torch.exp),
    "abs": (np.abs, torch.abs),
    "square": (lambda x: x**2, lambda x: x * x),
    "negative": (np.negative, torch.neg),
    "friction": (lambda x: 1 / (1 + np.exp(-np.abs(x))), lambda x: torch.sigmoid(torch.abs(x))),
}
OPERATIONS = [*OF_TWO, *UNARY]
WOBBLES = (0.0, 2.0**-6, 0.5, 8.0)
"""How far inputs are moved, relative to their size: not at all, by roundings, by half, beyond a change of sign."""
SIZE = 200
SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)


def rounded(array, name):
    """To the format and back to float64."""
    return torch.as_tensor(np.asarray(array, dtype=np.float64)).to(DTYPES[name])


def operand(generator, name, exponents, wobble, positive=False):
    """Values of a format with bounds, and representable values inside those bounds, many of them at an end."""
    low, high = exponents
    signs = 1.0 if positive else generator.choice([-1.0, 1.0], SIZE)
    mantissas = np.where(generator.random(SIZE) < 0.3, 1.0, generator.uniform(1, 2, SIZE))
    value = rounded(signs * mantissas * 2.0 ** generator.uniform(low, high, SIZE).round(), name).double().numpy()
    moved = rounded(value * (1 + wobble * generator.uniform(-1, 1, SIZE)), name)
    moved = torch.abs(moved) if positive else moved
    reach = np.abs(moved.double().numpy() - value)
    reach = np.where(reach > 0, np.nextafter(reach, np.inf), 0.0)  # the difference itself may have been rounded
    return Bounded(value, reach * generator.choice([1.0, 1.5], SIZE), PRECISIONS[name]), moved


def outside(bounded, got):
    """Indices at which a computed value is not inside its bound; an infinite or NaN bound judges nothing."""
    got = got.detach().double().numpy() if isinstance(got, torch.Tensor) else np.asarray(got, dtype=np.float64)
    value, bound, got = (np.ravel(x) for x in np.broadcast_arrays(bounded.value, bounded.bound, got))
    with np.errstate(all="ignore"):
        suspects = np.flatnonzero(np.isfinite(bound) & ~(np.abs(got - value) <= bound * (1 - 2.0**-40)))

    def within(i):
        finite = np.isfinite(got[i]) and np.isfinite(value[i])
        return finite and abs(Fraction(got[i]) - Fraction(value[i])) <= Fraction(bound[i])

    return [int(i) for i in suspects if not within(i)]


def normal_range(name, operation):
    """Exponents for which no result of the operation leaves the normal numbers."""
    half = int(np.log2(torch.finfo(DTYPES[name]).max)) // 2 - 2
    return (-4, 1) if operation in ("exp", "friction") else (-min(half, 60), min(half, 60))


def run(operation, name, seed, wobble, exponents=None):
    """The bound of an operation on random operands, and what the format computes from moved ones."""
    generator = np.random.default_rng(seed)
    low, high = exponents or normal_range(name, operation)
    start = generator.uniform(low, high)
    span = (start, min(high, start + generator.choice([0.5, 3, 40])))  # close exponents, so that sums cancel
    with np.errstate(all="ignore"):
        if operation in OF_TWO:
            (a, x), (b, y) = (operand(generator, name, span, wobble) for _ in range(2))
            return OF_TWO[operation](a, b), OF_TWO[operation](x, y)
        a, x = operand(generator, name, span, wobble, positive=operation == "sqrt")
        ours, theirs = UNARY[operation]
        return ours(a), theirs(x)


@SETTINGS
@given(seed=SEEDS)
@pytest.mark.parametrize("wobble", WOBBLES)
@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_computes_is_inside_the_bound(name, wobble, seed):
    for operation in OPERATIONS:
        assert outside(*run(operation, name, seed, wobble)) == [], operation


@SETTINGS
@given(seed=SEEDS)
@pytest.mark.parametrize("name", FORMATS)
def test_underflow_and_subnormal_numbers_are_inside_the_bound(name, seed):
    smallest = int(np.log2(PRECISIONS[name].tiny))
    for operation in ("+", "-", "*", "/", "sqrt", "abs", "square"):
        for exponents in ((smallest, smallest + 12), (smallest // 2 - 8, smallest // 2 + 8)):
            for wobble in (0.0, 0.5)[: 1 if name == "float64" else 2]:  # bounds are float64 themselves
                assert outside(*run(operation, name, seed, wobble, exponents)) == [], (operation, exponents, wobble)


@pytest.mark.parametrize("wobble", [0.0, 8.0])
@pytest.mark.parametrize("operation", ["+", "-", "*", "/", "square", "exp"])
@pytest.mark.parametrize("name", FORMATS)
def test_overflow_has_no_finite_bound(name, operation, wobble):
    highest = int(np.log2(torch.finfo(DTYPES[name]).max))
    ranges = {"exp": (np.log2(highest) - 2, np.log2(highest) + 1), "/": (-highest + 2, highest)}
    for seed in range(8):
        for exponents in (ranges.get(operation, (highest - 1, highest)), (highest // 2 - 1, highest // 2)):
            assert outside(*run(operation, name, seed, wobble, exponents)) == [], exponents


@pytest.mark.parametrize("name", ["float16", "float32", "bfloat16"])
def test_a_host_scalar_beyond_the_format_has_no_finite_bound(name):
    scalar = 2.0 * torch.finfo(DTYPES[name]).max
    one = Bounded(np.ones(1), np.zeros(1), PRECISIONS[name])
    assert outside(one + lift(scalar), torch.ones(1, dtype=DTYPES[name]) + rounded([scalar], name)) == []


def test_a_root_of_nothing_but_its_bound_covers_its_own_rounding():
    x = Bounded(np.zeros(1), np.array([5.0]), PRECISIONS["float32"])
    assert outside(np.sqrt(x), torch.sqrt(torch.tensor([5.0]))) == []


def folded(terms, order, combine=operator.add):
    """A sum in one of several orders, rounded after every addition."""
    terms = {"backward": terms[::-1]}.get(order, list(terms))
    if order == "pairwise":
        while len(terms) > 1:
            pairs = [combine(a, b) for a, b in zip(terms[::2], terms[1::2], strict=False)]
            terms = pairs + ([terms[-1]] if len(terms) % 2 else [])
        return terms[0]
    result = terms[0]
    for term in terms[1:]:
        result = combine(result, term)
    return result


def sums(name, seed, count):
    """The bound of a sum of squares and of its root, and both in several orders of summation."""
    generator = np.random.default_rng(seed)
    size = 2.0 ** generator.integers(-3, 3)
    tensor = rounded(size * generator.normal(size=count), name)
    squares = list(tensor * tensor)
    x = Bounded(tensor.double().numpy(), np.zeros(count), PRECISIONS[name])
    total = np.sum(x**2, axis=(-1,), keepdims=True)
    for order in ("forward", "backward", "pairwise"):
        computed = folded(squares, order)
        yield total, computed
        yield np.sqrt(total), torch.sqrt(computed)
    yield total, torch.sum(tensor * tensor)
    yield np.sqrt(total), torch.linalg.vector_norm(tensor)
    if name in ("float32", "float64"):
        yield np.sqrt(total), folded(list(torch.abs(tensor)), "forward", torch.hypot)


@settings(SETTINGS, max_examples=10)
@given(seed=SEEDS, count=st.sampled_from([1, 2, 3, 17, 150]))
@pytest.mark.parametrize("name", FORMATS)
def test_a_sum_of_squares_is_inside_the_bound_in_any_order(name, seed, count):
    for bounded, computed in sums(name, seed, count):
        assert outside(bounded, computed) == []


def test_a_sum_adds_the_bounds_of_all_its_terms():
    """A bound that broadcasts with its value counts once for each term."""
    x = Bounded(np.ones(3), np.full(1, 0.125), PRECISIONS["float32"])
    assert outside(np.sum(x, axis=(-1,), keepdims=True), torch.full((1,), 3.375)) == []


@SETTINGS
@given(seed=SEEDS, wobble=st.sampled_from(WOBBLES))
@pytest.mark.parametrize("name", FORMATS)
def test_a_branch_that_rounding_can_turn_spans_both(name, seed, wobble):
    generator = np.random.default_rng(seed)
    (a, x), (b, y), (c, z), (d, w) = (operand(generator, name, (-1, 1), wobble) for _ in range(4))
    for compare in (operator.gt, operator.ge, operator.eq):
        chosen = np.where(compare(a, b), c, d)
        assert outside(chosen, torch.where(compare(x, y), z, w)) == []
        both = np.where(compare(a, b) & (a > 0), c, d)
        assert outside(both, torch.where(compare(x, y) & (x > 0), z, w)) == []


def test_a_branch_that_rounding_cannot_turn_is_only_itself():
    half = Bounded(np.array([1.0]), np.array([0.5]), PRECISIONS["float32"])
    kept = np.where(half > 0.25, half, 100.0)
    assert (kept.value, kept.bound) == (1.0, 0.5)
    assert np.where(half > 0.75, half, 100.0).bound == 99.5


def test_what_is_sure_not_to_be_chosen_leaves_its_bound_behind():
    """A huge ratio has a huge bound, and what cuts it has not."""
    p = PRECISIONS["float32"]
    cap, ratio = (Bounded(np.full(1, value), np.full(1, bound), p) for value, bound in ((1.5, 0.25), (1e20, 1e6)))
    for chosen in (np.minimum(cap, ratio), np.minimum(ratio, cap), -np.maximum(-cap, -ratio)):
        assert (chosen.value, chosen.bound) == (1.5, 0.25)
    near = Bounded(np.full(1, 2.0), np.full(1, 0.5), p)
    for unsure in (np.maximum(cap, near), np.maximum(near, cap)):
        assert (unsure.value, unsure.bound) == (2.0, 0.5)
    assert np.isinf(np.minimum(cap, Bounded(np.full(1, 1e20), np.full(1, np.inf), p)).bound)


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32"])
def test_a_host_scalar_is_rounded_before_it_is_chosen(name):
    third = np.minimum(Bounded(np.ones(1), np.zeros(1), PRECISIONS[name]), lift(1 / 3))
    assert outside(third, torch.minimum(torch.ones(1, dtype=DTYPES[name]), rounded([1 / 3], name))) == []
    assert outside(Bounded(third.value, 0.0, third.precision), rounded([1 / 3], name)) == [0]


def test_a_comparison_is_not_a_truth_value():
    """`if`, `and`, `not` would take the comparison for true without asking how certain it is."""
    with pytest.raises(TypeError):
        bool(lift(1.0) > lift(2.0))


@pytest.mark.parametrize("operation", BINARY)
def test_plain_python_floats_are_bounded_like_arrays(operation):
    plain = BINARY[operation](Bounded(3.0), Bounded(0.1))
    array = BINARY[operation](Bounded(np.float64(3.0)), Bounded(np.float64(0.1)))
    assert (plain.value, plain.bound) == (array.value, array.bound)
    assert plain.bound > 0


@pytest.mark.parametrize("name", FORMATS)
def test_exact_zeros_stay_exact(name):
    p = PRECISIONS[name]
    zero, x = Bounded(np.zeros(1), np.zeros(1), p), Bounded(np.full(1, 3.0), np.full(1, 0.5), p)
    for product in (zero * x, x * zero, zero / x, zero**2, np.sqrt(zero), np.abs(zero), -zero, zero + zero):
        assert (product.value, product.bound) == (0, 0)
    for same in (x + zero, zero + x, x - zero):
        assert (same.value, same.bound) == (3.0, 0.5)
    assert not np.isfinite((x / zero).bound)
    with np.errstate(invalid="ignore"):
        assert not np.isfinite((zero / zero).bound)


DECAYS = st.sampled_from([0.0, 0.5, 0.7, 0.9, 0.95, 0.99, 0.999, 0.9999, 1 - 2.0**-30])


def corrections(beta, t):
    """1 - beta^t in float64, by power, by a running product and by way of logarithms."""
    product = 1.0
    for _ in range(t):
        product *= beta
    yield 1 - beta**t
    yield 1 - product
    yield -np.expm1(t * np.log(beta)) if beta else 1.0


@settings(SETTINGS, max_examples=100)
@given(beta=DECAYS, t=st.integers(1, 3000))
def test_bias_corrections_cancel_inside_the_bound(beta, t):
    bounded = 1 - Bounded(np.float64(beta), 0.0, HOST) ** t
    for got in corrections(beta, t):
        assert outside(bounded, got) == []
    with mpmath.workprec(2000):  # a power that underflows is off by less than the smallest float64
        error = abs(1 - mpmath.mpf(beta) ** t - mpmath.mpf(float(bounded.value)))
        assert error <= mpmath.mpf(float(bounded.bound)) + mpmath.mpf(HOST.tiny)
    # The power is charged t roundings of its own size, the difference a printed operation on 1.
    assert bounded.bound <= (t * beta**t + rounding.REWRITING) * HOST.roundoff * (1 + t * HOST.roundoff) ** 4


@settings(SETTINGS, max_examples=100)
@given(beta=DECAYS.filter(lambda beta: beta < 1 - 2.0**-24), t=st.integers(1, 3000))
def test_bias_corrections_on_the_device_cancel_inside_the_bound(beta, t):
    bounded = 1 - Bounded(np.float64(beta), 0.0, DEVICE_SCALARS) ** t
    for got in (1 - beta ** torch.tensor(float(t)), 1 - torch.tensor(beta) ** torch.tensor(float(t))):
        assert outside(bounded, got) == []


@settings(SETTINGS, max_examples=100)
@given(t=st.integers(1, 2**24))
def test_the_root_of_a_step_count_is_inside_the_bound(t):
    """As a host scalar and, where the count is kept on the device, as a float32 number."""
    for count, dtype in ((Step, torch.float64), (DeviceStep, torch.float32)):
        step = torch.tensor(float(t), dtype=dtype)
        for got in (1 + 1 / torch.sqrt(step), 1 + torch.rsqrt(step), 1 + step**-0.5):
            assert outside(1 + 1 / np.sqrt(count(t)), got) == []
    assert (Step(t) + 1, type(Step(t) + 1), type(DeviceStep(t) - 1)) == (t + 1, Step, DeviceStep)


def test_the_root_of_a_step_count_on_the_device_is_not_that_of_the_host():
    got = [1 + 1 / torch.sqrt(torch.tensor(float(t))) for t in range(2, 100)]
    assert any(outside(1 + 1 / np.sqrt(Step(t)), value) for t, value in enumerate(got, 2))


@pytest.mark.parametrize("function", [np.fmax, np.power, np.log, np.min, np.mean, np.prod, np.cumsum, np.clip])
def test_numpy_without_a_rule_is_refused(function):
    x = Bounded(np.ones(2), np.zeros(2), PRECISIONS["float32"])
    arguments = {np.fmax: (x, x), np.power: (x, 3), np.clip: (x, 0, 1)}.get(function, (x,))
    with pytest.raises(TypeError):
        function(*arguments)
    with pytest.raises(ValueError, match="3"):
        x**3
    with pytest.raises(TypeError):
        np.sqrt(x, out=np.zeros(2))


CHARGES = {**dict.fromkeys(("+", "-", "*", "/", "sqrt", "square"), "REWRITING"), "exp": "ULPS_EXP"}
"""Operation to the constant of `rounding` that says how many roundings it is charged."""


@pytest.mark.parametrize("operation", [*CHARGES, *CHOOSING, "abs", "negative"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_single_operation_is_bounded_by_few_roundoffs(name, operation):
    """Half an ulp is the error of one rounding; a rule may charge REWRITING of them (an exponential ULPS_EXP).

    A sum is charged at the size of its operands, which for operands of one sign is at most that of the result.
    """
    p, generator = PRECISIONS[name], np.random.default_rng(5)
    (a, _), (b, _) = (operand(generator, name, (-2, 2), 0.0, positive=True) for _ in range(2))
    b = -b if operation == "-" else b
    result = OF_TWO[operation](a, b) if operation in OF_TWO else UNARY[operation][0](a)
    charged = getattr(rounding, CHARGES[operation]) if operation in CHARGES else 0
    allowed = charged * (p.roundoff * np.abs(result.value) + p.tiny)
    assert np.all(result.bound <= allowed * (1 + HOST.roundoff) ** 4)
    slip = result.value + 2 * allowed + p.roundoff * np.abs(result.value)
    assert len(outside(result, slip)) == SIZE, "an error of twice the roundings is not noticed"


@pytest.mark.parametrize("operation", CHARGES)
@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32"])
def test_an_operation_without_its_rounding_is_noticed(name, operation, monkeypatch):
    monkeypatch.setattr(rounding, CHARGES[operation], 0)
    assert any(outside(*run(operation, name, seed, 0.0)) for seed in range(5))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_that_drops_the_bounds_of_its_inputs_is_noticed(operation):
    bounded, got = run(operation, "float32", 0, 0.5)
    roundings = 2 * rounding.ULPS_EXP * bounded.precision.roundoff * abs(bounded.value)
    assert outside(Bounded(bounded.value, roundings, bounded.precision), got)


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_a_sum_without_its_roundings_is_noticed(name, monkeypatch):
    monkeypatch.setattr(rounding, "SUMMATION", 0)
    monkeypatch.setattr(rounding, "REWRITING", 1)
    assert any(outside(bounded, computed) for seed in range(5) for bounded, computed in sums(name, seed, 150))


@pytest.mark.parametrize(("field", "value", "exponents"), [("tiny", 0.0, (-13, -9)), ("huge", np.inf, (14, 15))])
def test_a_format_without_its_limits_is_noticed(field, value, exponents, monkeypatch):
    monkeypatch.setitem(PRECISIONS, "float16", replace(PRECISIONS["float16"], **{field: value}))
    assert any(outside(*run("*", "float16", seed, 0.0, exponents)) for seed in range(5))


def test_a_comparison_taken_for_certain_is_noticed(monkeypatch):
    monkeypatch.setattr(Bounded, "_order", lambda self, other, value: Truth(value, np.ones_like(value)))
    generator = np.random.default_rng(0)
    (a, x), (b, y), (c, z), (d, w) = (operand(generator, "float32", (-1, 1), 0.5) for _ in range(4))
    assert outside(np.where(a > b, c, d), torch.where(x > y, z, w))


def test_a_power_without_its_roundings_is_noticed():
    power, *others = (1 - got for got in corrections(0.999, 1000))
    assert outside(Bounded(np.float64(power), 0.0, replace(HOST, roundoff=0.0)) ** 1, others)


NUMBERS = [0.0, 1.0, -1.0, 3.0, 1e-320, -1e308, 1.7e308, np.inf, np.nan]


@pytest.mark.parametrize("first", NUMBERS)
@pytest.mark.parametrize("second", NUMBERS)
def test_a_sum_of_scalars_is_that_of_arrays_of_one_element(first, second):
    """The same to the last bit, value and bound; scalars have code of their own, which is faster."""
    arrays = replace(HOST, scalar=False)
    for one, two in itertools.product([0.0, 1e-300, 0.5, np.inf], repeat=2):
        with np.errstate(all="ignore"):
            numbers = [(np.float64(first), one), (np.float64(second), two)]
            scalar = Bounded(*numbers[0], HOST) + Bounded(*numbers[1], HOST)
            array = np.add(*(Bounded(np.array([x]), np.array([b]), arrays) for x, b in numbers))
        assert np.array_equal([scalar.value], array.value, equal_nan=True)
        assert np.array_equal([scalar.bound], array.bound, equal_nan=True)
