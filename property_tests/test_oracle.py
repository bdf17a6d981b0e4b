"""The oracle's balls hold the printed algorithms, and the reference stays inside its half of the float64 envelope."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_reference import GENERATED, referenced
from transcriptions import TRANSCRIPTIONS, transcribed

from adanorm_verify.cases import Case
from adanorm_verify.envelope import envelope
from adanorm_verify.oracle import BITS, balls, distance, oracle
from adanorm_verify.paper import ALGORITHMS, Hyperparameters, algorithm
from adanorm_verify.rounding import PRECISIONS
from adanorm_verify.streams import PROBE, case, designed

ALL = sorted(ALGORITHMS)
READINGS = [*((name, {}) for name in ALL), ("amsgradnorm", {"guard": "decaying"}), ("radamnorm", {"guard": "decaying"})]
SETTINGS = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
FLOAT64 = PRECISIONS["float64"]
MP = mpmath.MPContext()
MP.prec = 2 * BITS  # what is exact in the oracle is exact here, and all else is far finer than its radii

SUBJECT_AND_REFERENCE = 2
"""The float64 bound charges the roundoff of a float64 subject and that of the reference, which are equal."""


def outside(ball_quantities, truth):
    """Quantities of one tensor and step whose balls do not contain the transcription."""
    wrong = []
    for name, value in truth.items():
        exact = [arb(x) for x in (value if isinstance(value, list) else [value])]
        held = np.ravel(np.asarray(ball_quantities[name], dtype=object))
        if len(held) != len(exact) or not all(ball.contains(x) for ball, x in zip(held, exact, strict=True)):
            wrong.append(name)
    return wrong


def escaped(name, drive, options):
    """(step, tensor, quantity) outside the oracle's balls along a case."""
    truths = transcribed(name, MP, drive, **options)
    found = []
    for t, tensors in enumerate(oracle(algorithm(name, options), drive)):
        for i, known in enumerate(tensors):
            if known is not None:
                found += [(t + 1, i, quantity) for quantity in outside(known, truths[i][t])]
    return found


@pytest.mark.parametrize(("name", "options"), READINGS)
def test_balls_contain_the_printed_algorithm_on_designed_cases(name, options):
    for drive in designed("float64"):
        assert escaped(name, drive, options) == [], drive.name


@SETTINGS
@given(data=st.data())
@pytest.mark.parametrize(("name", "options"), READINGS)
def test_balls_contain_the_printed_algorithm(name, options, data):
    assert escaped(name, data.draw(GENERATED), options) == []


def test_balls_are_finer_than_float64_by_far():
    """Radii small against float64's roundoff, or the comparison with the reference would judge the oracle."""
    for name in ALL:
        for tensors in oracle(algorithm(name), PROBE):
            for known in tensors:
                for quantity in ("m", "v", "theta"):
                    for ball in np.ravel(known[quantity]):
                        assert float(ball.rad()) <= 2.0 ** (-BITS // 2) * float(abs(ball.mid()))


def test_containment_notices_a_transcription_of_another_algorithm(monkeypatch):
    monkeypatch.setitem(TRANSCRIPTIONS, "adamnorm", TRANSCRIPTIONS["adam"])
    assert "m" in {quantity for _, _, quantity in escaped("adamnorm", PROBE, {})}


def test_containment_notices_a_transcription_without_a_maximum_or_a_guard(monkeypatch):
    plain = TRANSCRIPTIONS["adamnorm"]
    monkeypatch.setitem(TRANSCRIPTIONS, "amsgradnorm", plain)
    assert "v_hat" in {quantity for _, _, quantity in escaped("amsgradnorm", PROBE, {})}
    monkeypatch.setitem(TRANSCRIPTIONS, "adamnorm", lambda *arguments, guard, **named: plain(*arguments, **named))
    assert "s" in {quantity for _, _, quantity in escaped("adamnorm", PROBE, {"guard": "decaying"})}


def shares(algorithm_, drive: Case, subject=None):
    """Quantity to the largest error of the reference over its half of the bound, and to the elements not judged."""
    largest, unjudged = {}, {}
    runs = zip(
        envelope(algorithm_, drive, FLOAT64),
        referenced(subject or algorithm_, drive),
        oracle(algorithm_, drive),
        strict=True,
    )
    for bounds, values, truths in runs:
        for bounded, known, truth in zip(bounds, values, truths, strict=True):
            if truth is None:
                continue
            for name in algorithm_.names:
                value = np.asarray(known[name])
                bound = np.broadcast_to(bounded[name].bound, value.shape).ravel() / SUBJECT_AND_REFERENCE
                error = distance(truth[name], value)
                judged = np.isfinite(bound) & np.isfinite(np.ravel(value))
                with np.errstate(all="ignore"):
                    share = np.where(error == 0, 0.0, error / bound)[judged]
                largest[name] = max(largest.get(name, 0.0), share.max(initial=0.0))
                unjudged[name] = unjudged.get(name, 0) + np.count_nonzero(~judged)
    return largest, unjudged


def exceeded(algorithm_, drive, subject=None):
    return {name: share for name, share in shares(algorithm_, drive, subject)[0].items() if not share <= 1}


@pytest.mark.parametrize(("name", "options"), READINGS)
def test_reference_is_within_its_half_of_the_bound_on_designed_cases(name, options):
    for drive in designed("float64"):
        assert exceeded(algorithm(name, options), drive) == {}, drive.name


@SETTINGS
@given(data=st.data())
@pytest.mark.parametrize(("name", "options"), READINGS)
def test_reference_is_within_its_half_of_the_bound(name, options, data):
    assert exceeded(algorithm(name, options), data.draw(GENERATED)) == {}


@pytest.mark.parametrize("name", ["adabelief", "adabeliefnorm"])
@pytest.mark.parametrize("beta1", [1e-9, 1e-5, 1e-2])
def test_reference_is_within_its_half_of_the_bound_where_belief_cancels(name, beta1):
    """With little memory s - m is a difference of nearly equal numbers, and v inherits its relative error."""
    own = Hyperparameters(beta1=beta1, beta2=0.5, eps=1e-12)
    drive = case("belief cancels", [(3,)], [0.3, 0.1, 0.2, 0.1, 0.15], kind=3, hyperparameters=[own])
    assert exceeded(algorithm(name), drive) == {}


@pytest.mark.parametrize(("name", "options"), READINGS)
def test_every_quantity_that_the_branch_uses_is_judged(name, options):
    """An infinite bound would pass anything: only RAdam's root of a negative number, in a branch not taken, may be."""
    for drive in designed("float64"):
        _, unjudged = shares(algorithm(name, options), drive)
        assert {quantity for quantity, count in unjudged.items() if count} <= {"rho", "alpha1"}, drive.name


def altered(name, quantity, function):
    right = algorithm(name)
    return right.replacing(replace(right[quantity], function=function))


WRONG = {
    "m forgets 1 - beta1": ("adam", "m", lambda beta1, m_prev, g: beta1 * m_prev + g),
    "v uses |g|": ("adamnorm", "v", lambda beta2, v_prev, g: beta2 * v_prev + (1 - beta2) * np.abs(g)),
    "s lowers too": ("diffgradnorm", "s", lambda g, e, g_norm: np.where(g_norm > 0, e / g_norm * g, g)),
    "xi without the modulus": ("diffgrad", "xi", lambda g, g_prev: 1 / (1 + np.exp(-(g - g_prev)))),
    "rho_d one sign": ("radam", "rho_d", lambda rho_t, rho_inf: (rho_inf - 4) * (rho_inf + 2) * rho_t),
    "theta adds": ("radamnorm", "theta", lambda theta_prev, alpha2, m: theta_prev + alpha2 * m),
    "e off by 16 roundoffs": (
        "adabeliefnorm",
        "e",
        lambda gamma, e_prev, g_norm: (gamma * e_prev + (1 - gamma) * g_norm) * (1 + 2.0**-48),
    ),
    "no maximum": ("amsgrad", "v_max", lambda v: v),
    "eps squared": ("adabelief", "denominator", lambda root, eps: root + eps**2),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_reference_with_one_wrong_equation_is_noticed_there(mistake):
    name, quantity, function = WRONG[mistake]
    found = {}
    for drive in designed("float64"):
        found |= exceeded(algorithm(name), drive, subject=altered(name, quantity, function))
        if found:
            break
    assert quantity in found
    own = algorithm(name).names
    assert all(own.index(other) >= own.index(quantity) for other in found), "noticed before the mistake"


def test_precision_of_the_arithmetic_is_restored():
    before = ctx.prec
    list(oracle(algorithm("adam"), PROBE))
    assert ctx.prec == before


def test_two_oracles_in_step_keep_their_own_precision():
    before, radii = ctx.prec, []
    fine, coarse = oracle(algorithm("adam"), PROBE), oracle(algorithm("adam"), PROBE, bits=64)
    for [known, _], _ in zip(fine, coarse, strict=True):
        radii += [float(ball.rad()) for ball in np.ravel(known["theta"])]
        assert ctx.prec == before, "the caller's own arithmetic has changed"
    assert max(radii) <= 2.0 ** (-BITS // 2)


def test_distance_is_rigorous_after_the_run():
    """A ball read at the precision of the caller still gives an upper bound."""
    third = balls(np.array([1.0]))[0] / 3
    error = distance(np.array([third], dtype=object), np.array([1 / 3]))[0]
    exact = abs(MP.mpf(1) / 3 - MP.mpf(1 / 3))
    assert MP.mpf(error) >= exact


def test_tensors_without_elements_or_gradient_have_no_balls():
    drive = case("absent", [(0,), (2,)], [1.0, 0.5], missing=[(1, 1)])
    assert [[known is None for known in tensors] for tensors in oracle(algorithm("adamnorm"), drive)] == [
        [True, False],
        [True, True],
    ]
