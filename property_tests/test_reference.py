"""The NumPy reference is the printed algorithm, for one run or for thousands, and does what the decisions say."""

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transcriptions import transcribed

from adanorm_verify import streams
from adanorm_verify.envelope import envelope
from adanorm_verify.paper import ALGORITHMS, HYPERPARAMETERS, Hyperparameters, algorithm
from adanorm_verify.reference import initial_state, step, step_tensors
from adanorm_verify.rounding import PRECISIONS

ALL = sorted(ALGORITHMS)
NORMS = [name for name in ALL if "s" in algorithm(name)]
EVERY = frozenset(HYPERPARAMETERS)
GENERATED = streams.cases(dtype="float64", settable=EVERY, grouped=EVERY, max_steps=8)
SETTINGS = settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
MP = mpmath.MPContext()
MP.dps = 60
OPTIONS = [(name, {}) for name in ALL] + [
    ("radam", {"rectification": "printed"}),
    ("radamnorm", {"rectification": "printed"}),
    ("adabeliefnorm", {"belief": "g"}),
    *((name, {"guard": "decaying"}) for name in NORMS),
]
TOLD_BY = {"rectification": "rho", "belief": "v", "guard": "s"}
"""Decision to the quantity that shows which answer was taken."""


def referenced(list_of_equations, case):
    """Step by step, the reference's quantities of every tensor; None for a tensor without a gradient."""
    states = [initial_state(list_of_equations, theta) for theta in case.theta]
    for gradients in case.steps:
        quantities = []
        for i, gradient in enumerate(gradients):
            known = None
            if gradient is not None:
                own = case.hyperparameters[case.groups[i]]
                states[i], known = step(list_of_equations, states[i], gradient, own)
            quantities.append(known)
        yield quantities


def departures(name, case, options):
    """(step, tensor, quantity) where the reference leaves half of the float64 bound around the transcription.

    The bound is derived, operation by operation, for the errors of a subject and of the reference together.
    """
    own = algorithm(name, options)
    truths = transcribed(name, MP, case, **options)
    found = []
    for t, (tensors, bounds) in enumerate(
        zip(referenced(own, case), envelope(own, case, PRECISIONS["float64"]), strict=True)
    ):
        for i, known in enumerate(tensors):
            if known is None:
                continue
            for quantity, truth in truths[i][t].items():
                value = np.ravel(known[quantity]).tolist()
                bound = np.ravel(np.broadcast_to(bounds[i][quantity].bound, np.shape(known[quantity]))).tolist()
                truth = truth if isinstance(truth, list) else [truth]
                assert len(value) == len(truth)
                if not all(abs(MP.mpf(x) - y) <= MP.mpf(b) / 2 for x, y, b in zip(value, truth, bound, strict=True)):
                    found.append((t + 1, i, quantity))
    return found


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_reference_is_the_transcription_on_designed_cases(name, options):
    for case in streams.designed("float64"):
        assert departures(name, case, options) == [], case.name


@SETTINGS
@given(data=st.data())
@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_reference_is_the_transcription(name, options, data):
    assert departures(name, data.draw(GENERATED), options) == []


DEFAULT = {name: algorithm(name) for name in ALL}


@pytest.mark.parametrize(("name", "options"), [pair for pair in OPTIONS if pair[1]])
def test_the_transcription_tells_the_options_apart(name, options, monkeypatch):
    """The comparison itself would notice a reference that ignores a decision."""
    monkeypatch.setattr(f"{__name__}.algorithm", lambda name, options: DEFAULT[name])
    found = {quantity for case in streams.designed("float64") for _, _, quantity in departures(name, case, options)}
    assert {TOLD_BY[key] for key in options} <= found


@pytest.mark.parametrize("name", ALL)
def test_the_transcription_names_every_quantity_that_the_paper_names(name):
    named = set()
    for tensors in transcribed(name, MP, streams.case("both branches", [(2,)], [1.0] * 8)):
        named |= {quantity for known in tensors for quantity in known}
    assert set(algorithm(name).names) - named == {"root", "denominator", "ratio"}
    assert named - set(algorithm(name).names) == {"g"}


@pytest.mark.parametrize("name", ALL)
def test_the_envelope_carries_the_references_values(name):
    own = algorithm(name)
    for case in streams.designed("float64"):
        for tensors, bounds in zip(referenced(own, case), envelope(own, case, PRECISIONS["float64"]), strict=True):
            for known, bounded in zip(tensors, bounds, strict=True):
                for quantity in own.names if known is not None else ():
                    value = np.broadcast_to(bounded[quantity].value, np.shape(known[quantity]))
                    np.testing.assert_array_equal(value, known[quantity], f"{case.name}: {quantity}")


def batch(runs, shape, steps, seed=0):
    generator = np.random.default_rng(seed)
    sizes = 10.0 ** generator.integers(-3, 3, (steps, runs, *[1] * len(shape)))
    return generator.normal(size=(runs, *shape)), sizes * generator.normal(size=(steps, runs, *shape))


def varied(runs, ndim, seed=1):
    """Hyperparameters that differ from run to run, broadcast against the batch axis."""
    generator = np.random.default_rng(seed)
    column = (runs, *[1] * ndim)
    return {name: generator.choice(streams.VARIANTS[name], size=column) for name in HYPERPARAMETERS}


def assert_same_bits(batched, alone, run, size):
    for quantity, value in alone.items():
        whole = np.asarray(batched[quantity])
        part = whole[run] if whole.ndim and whole.shape[0] == size else whole
        np.testing.assert_array_equal(np.ravel(part), np.ravel(value), quantity)


@pytest.mark.parametrize("hyperparameters", ["shared", "varied"])
@pytest.mark.parametrize("shape", [(3,), (2, 5), (130,)])
@pytest.mark.parametrize("name", ALL)
def test_a_batch_is_bit_for_bit_its_runs(name, shape, hyperparameters):
    runs, steps, own, ndim = 2000, 7, algorithm(name), len(shape)
    theta, gradients = batch(runs, shape, steps)
    values = varied(runs, ndim) if hyperparameters == "varied" else {}
    state, along = initial_state(own, theta, parameter_ndim=ndim), []
    for gradient in gradients:
        state, known = step(own, state, gradient, Hyperparameters(**values), parameter_ndim=ndim)
        along.append({quantity: known[quantity] for quantity in own.names})
    for run in (0, 1, 2, 3, 17, 1024, runs - 1):
        alone = Hyperparameters(**{key: value[run].item() for key, value in values.items()})
        single = initial_state(own, theta[run])
        for t in range(steps):
            single, known = step(own, single, gradients[t, run], alone)
            assert_same_bits(along[t], {quantity: known[quantity] for quantity in own.names}, run, runs)


@pytest.mark.parametrize("name", ALL)
def test_every_run_of_thousands_is_the_run_alone(name):
    runs, own = 2000, algorithm(name)
    theta, gradients = batch(runs, (3,), 2)
    batched = initial_state(own, theta, parameter_ndim=1)
    for gradient in gradients:
        batched, _ = step(own, batched, gradient, parameter_ndim=1)
    for run in range(runs):
        single = initial_state(own, theta[run])
        for gradient in gradients[:, run]:
            single, _ = step(own, single, gradient)
        for quantity, value in single.values.items():
            assert np.array_equal(np.ravel(value), np.ravel(batched.values[quantity][run])), (run, quantity)


@pytest.mark.parametrize("name", NORMS)
def test_the_norm_is_over_the_parameter_axes_alone(name):
    gradient = np.array([[3.0, 4.0], [5.0, 12.0]])
    own = algorithm(name)
    for ndim, expected in ((1, [[5.0], [13.0]]), (0, gradient), (2, [[np.sqrt(194.0)]])):
        known = step(own, initial_state(own, 0 * gradient, parameter_ndim=ndim), gradient, parameter_ndim=ndim)[1]
        np.testing.assert_array_equal(known["g_norm"], expected)


@pytest.mark.parametrize("value", [-0.25, 1.0, np.nan, np.inf, "much", [0.5, -0.125]])
@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_hyperparameters_outside_their_domain_are_refused_with_the_value(name, value):
    if value == 1.0 and name in ("lr", "eps"):
        assert getattr(Hyperparameters(**{name: value}), name) == value
        return
    with pytest.raises(ValueError, match=rf"^{name} must be ") as refusal:
        Hyperparameters(**{name: value})
    assert repr(value) in str(refusal.value)


def test_a_gradient_of_another_shape_is_refused_with_both_shapes():
    own = algorithm("adam")
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        step(own, initial_state(own, np.zeros(3)), np.ones(2))


@pytest.mark.parametrize("name", ALL)
def test_a_step_changes_none_of_its_inputs(name):
    own = algorithm(name)
    theta, gradient = np.arange(3.0), np.array([1.0, -2.0, 0.0])
    state = step(own, initial_state(own, theta), gradient)[0]
    before = {quantity: value.copy() for quantity, value in state.values.items()}
    again = [step(own, state, gradient)[1]["theta"] for _ in range(2)]
    assert state.t == 1
    np.testing.assert_array_equal(again[0], again[1])
    np.testing.assert_array_equal(gradient, [1.0, -2.0, 0.0])
    np.testing.assert_array_equal(theta, np.arange(3.0))
    for quantity, value in state.values.items():
        np.testing.assert_array_equal(value, before[quantity], quantity)


@pytest.mark.parametrize("name", ALL)
def test_a_state_does_not_follow_the_callers_arrays(name):
    """A gradient buffer that the caller fills anew, or parameters updated in place, must not reach back."""
    own = algorithm(name)
    theta, gradient = np.arange(3.0), np.array([1.0, -2.0, 0.5])
    state = step(own, initial_state(own, theta), gradient)[0]
    before = {quantity: value.copy() for quantity, value in state.values.items()}
    theta += 1
    gradient *= -3
    for quantity, value in state.values.items():
        np.testing.assert_array_equal(value, before[quantity], quantity)


@pytest.mark.parametrize("shapes", [[(3,), (2, 2)], [(1,), (), (5,)], [(2,)], [(0,), (3,)], [(1,), (0,)]])
@pytest.mark.parametrize("name", NORMS)
def test_vector_scope_is_the_concatenated_vector(name, shapes):
    own = algorithm(name, {"norm_scope": "vector"})
    generator = np.random.default_rng(3)
    states = [initial_state(own, generator.normal(size=shape)) for shape in shapes]
    joined = initial_state(own, np.concatenate([state.values["theta"].ravel() for state in states]))
    for size in (1.0, 0.125, 2.0, 0.25, 0.125, 0.5):
        gradients = [size * generator.normal(size=shape) for shape in shapes]
        joined, whole = step(own, joined, np.concatenate([g.ravel() for g in gradients]))
        stepped = step_tensors(own, states, gradients)
        states = [state for state, _ in stepped]
        for quantity in ("g", "s", "m", "v", "theta"):
            for (_, known), shape in zip(stepped, shapes, strict=True):
                assert known[quantity].shape == shape, quantity
            parts = np.concatenate([known[quantity].ravel() for _, known in stepped])
            np.testing.assert_array_equal(parts, whole[quantity], quantity)
        for _, known in stepped:
            np.testing.assert_array_equal(np.ravel(known["e"]), whole["e"])


def along(name, magnitudes, answers=None, *, kind=3, **hyperparameters):
    """The reference's quantities of one tensor, step by step."""
    case = streams.case("decided", [(3,)], magnitudes, kind=kind, hyperparameters=[Hyperparameters(**hyperparameters)])
    return [known for [known] in referenced(algorithm(name, answers), case)]


@pytest.mark.parametrize("name", NORMS)
def test_zero_gradient_is_zero_or_the_printed_nan_that_stays(name):
    magnitudes = [1.0, 0.0, 1.0, 1.0]
    assert not along(name, magnitudes)[1]["s"].any()
    printed = along(name, magnitudes, {"zero_gradient": "printed"})
    assert [np.isnan(known["s"]).all() for known in printed] == [False, True, False, False]
    assert [np.isnan(known["m"]).all() for known in printed] == [False, True, True, True]


@pytest.mark.parametrize("name", NORMS)
def test_the_guard_cuts_the_lift_and_nothing_else(name):
    magnitudes = [8.0, 0.25, 0.0, 0.125, 4.0, 1.75, 0.25]
    happened = []
    for t, known in enumerate(along(name, magnitudes, {"guard": "decaying"}, kind=0, gamma=0.5), 1):
        lift = np.max(known["e"] / known["g_norm"], initial=1) if known["g_norm"] else 1.0
        np.testing.assert_array_equal(known["s"], min(lift, 1 + 1 / np.sqrt(t)) * known["g"])
        happened.append("cut" if lift > 1 + 1 / np.sqrt(t) else "lifted" if lift > 1 else "left")
    assert happened == ["left", "cut", "left", "cut", "left", "lifted", "cut"]


def test_a_guard_settles_what_a_zero_gradient_is():
    with pytest.raises(ValueError, match=r"zero_gradient does not concern adamnorm with guard=decaying; .* norm_scope"):
        algorithm("adamnorm", {"guard": "decaying", "zero_gradient": "printed"})


@pytest.mark.parametrize("name", ["amsgrad", "amsgradnorm"])
def test_amsgrad_never_divides_by_less_than_before(name):
    """In the end by the largest v of all, where Adam has forgotten it."""
    magnitudes = [8.0, *[0.25] * 6]
    known = along(name, magnitudes, beta2=0.5)
    adam = along(name.replace("amsgrad", "adam"), magnitudes, beta2=0.5)
    largest = np.max([q["v"] for q in known], axis=0)
    for quantity in ("m", "v"):
        np.testing.assert_array_equal(known[-1][quantity], adam[-1][quantity])
    np.testing.assert_array_equal(known[-1]["v_max"], largest)
    np.testing.assert_array_equal(known[-1]["v_hat"], largest / (1 - 0.5**7))
    assert (adam[-1]["v_hat"] < largest / 16).all()


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("answer", ["first", "second", "both"])
def test_corrected_moments_average_what_they_say(name, answer):
    m_from, v_from = {"first": "sg", "second": "gs", "both": "ss"}[answer]
    m, v, answers = 0.0, 0.0, {"corrected_moments": answer}
    if name == "adabeliefnorm":
        answers["belief"] = v_from
    for known in along(name, [8.0, 0.25, 0.125], answers, gamma=0.5):
        m = known["beta1"] * m + (1 - known["beta1"]) * known[m_from]
        from_mean = m if name == "adabeliefnorm" else 0.0
        v = known["beta2"] * v + (1 - known["beta2"]) * (known[v_from] - from_mean) ** 2
        np.testing.assert_array_equal(known["m"], m)
        np.testing.assert_array_equal(known["v"], v)
    assert np.all(known["s"] != known["g"])


@pytest.mark.parametrize("name", ["diffgrad", "diffgradnorm"])
def test_previous_gradient_is_zero_or_the_first(name):
    zero, first = (along(name, [1.0, 0.5], {"previous_gradient": answer}) for answer in ("zero", "first"))
    np.testing.assert_array_equal(first[0]["xi"], 0.5)
    np.testing.assert_array_equal(zero[0]["xi"], 1 / (1 + np.exp(-np.abs(zero[0]["g"]))))
    np.testing.assert_array_equal(first[1]["xi"], zero[1]["xi"])


@pytest.mark.parametrize("name", ["radam", "radamnorm"])
def test_unrectifiable_decays_take_plain_steps_or_are_refused(name):
    for beta2 in (0.0, 0.5, 0.6):
        for known in along(name, [1.0] * 12, beta2=beta2):
            assert known["rho_t"] < 5
            assert np.isfinite(known["theta"]).all()
        with pytest.raises(ValueError, match=rf"{beta2}.*unrectifiable=refuse"):
            along(name, [1.0], {"unrectifiable": "refuse"}, beta2=beta2)
    along(name, [1.0] * 12, {"unrectifiable": "refuse"}, beta2=0.9)


@pytest.mark.parametrize("name", ALL)
def test_a_zero_denominator_stays_or_divides(name):
    zeros = {"eps": 0.0, "beta2": 0.9}
    stay, printed = (along(name, [0.0] * 6, {"zero_denominator": a}, **zeros)[-1] for a in ("stay", "printed"))
    assert not stay["theta"].any()
    assert np.isnan(printed["theta"]).all()
    for with_eps in zip(along(name, [1.0, 0.0]), along(name, [1.0, 0.0], {"zero_denominator": "printed"}), strict=True):
        np.testing.assert_array_equal(*(known["theta"] for known in with_eps))


@pytest.mark.parametrize("name", [name for name in ALL if "v_hat" in algorithm(name)])
def test_eps_stands_where_the_decision_says(name):
    for answer in ("outside", "inside", "scaled"):
        for t, known in enumerate(along(name, [1.0, 0.25, 0.5], {"eps_placement": answer}, eps=0.125), 1):
            v = known["v_max"] if "v_max" in known else known["v"]
            v_hat, eps, beta2 = (known[key] for key in ("v_hat", "eps", "beta2"))
            root = np.sqrt(1 - beta2**t)
            expected = {"outside": np.sqrt(v_hat) + eps, "inside": np.sqrt(v_hat + eps)}
            expected["scaled"] = (np.sqrt(v) + eps) / root
            np.testing.assert_array_max_ulp(known["denominator"], expected[answer], 4)
            others = [value for key, value in expected.items() if key != answer]
            assert all(np.all(abs(known["denominator"] - value) > 1e-6) for value in others)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ALL)
def test_non_finite_gradients_reach_their_tensor_or_are_refused(name, value):
    bad, good = np.array([1.0, value, 2.0]), np.ones(2)
    own, refusing = algorithm(name), algorithm(name, {"non_finite": "refuse"})
    states = [initial_state(own, np.zeros(3)), initial_state(own, np.zeros(2))]
    (_, touched), (_, other) = step_tensors(own, states, [bad, good])
    assert np.isfinite(touched["m"]).tolist() == [True, False, True]
    if name in NORMS:
        assert not np.isfinite(touched["e"]).any()
    assert np.isfinite(other["theta"]).all()
    with pytest.raises(ValueError, match="non_finite=refuse"):
        step(refusing, states[0], bad)


def test_decisions_that_are_not_there_are_refused_by_name():
    for name, answers, said in (
        ("adan", {}, "adan.*adamnorm"),
        ("adam", {"epsilon": "inside"}, "epsilon.*eps_placement"),
        ("adam", {"eps_placement": "under"}, "under.*inside"),
        ("adam", {"norm_scope": "vector"}, "norm_scope.*adam"),
    ):
        with pytest.raises(ValueError, match=said):
            algorithm(name, answers)


def test_a_decay_in_an_array_is_the_decay_alone():
    """Powers by array and by number must round alike, or runs in a batch are not the runs alone."""
    decays = np.random.default_rng(0).uniform(0, 1, (4000, 1))
    own, theta = algorithm("adam"), np.zeros((4000, 1))
    batched = initial_state(own, theta, parameter_ndim=1)
    for _ in range(2):
        batched, known = step(own, batched, theta + 1.0, Hyperparameters(beta2=decays), parameter_ndim=1)
    for run, decay in enumerate(decays[:, 0].tolist()):
        single = initial_state(own, theta[run])
        for _ in range(2):
            single, alone = step(own, single, np.ones(1), Hyperparameters(beta2=decay))
        assert alone["v_hat"] == known["v_hat"][run], decay
