"""The calibration: it passes on what is proved, and fails for estimators that are wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest

from adanorm_verify.regret import calibration
from adanorm_verify.regret.calibration import ENTRIES, KNOWN, check, measure
from adanorm_verify.regret.growth import Growth, grow
from adanorm_verify.regret.playing import Game
from adanorm_verify.regret.regrets import regret_of

SMALL = {"repetitions": 20, "runs": 64, "first": 4, "last": 2**11, "seed": 1}


def played(name: str, horizon: int, runs: int = 3):
    entry = KNOWN[name]
    return entry.problem, Game(entry.method, entry.problem, runs, seed=2).play(horizon)


@pytest.mark.parametrize("name", KNOWN)
def test_a_small_calibration_passes(name):
    found = measure({"name": name, **SMALL})
    assert found["passes"], found
    assert found["covered"] == round(found["coverage"] * 20)
    assert found["right"] + found["wrong"] + found["undecided"] == 20
    json.dumps(found, allow_nan=False)


def test_every_class_is_calibrated():
    assert {entry.kind for entry in ENTRIES} == {"bounded", "log T", "sqrt(T)", "T^p", "linear"}


def narrow(horizons, low, high) -> Growth:
    """A third of the interval."""
    found = grow(horizons, low, high)
    if found.low is None or found.high is None:
        return found
    p = found.exponent
    return replace(found, low=p + (found.low - p) / 3, high=p + (found.high - p) / 3)


def totals(horizons, low, high) -> Growth:
    """Regret in the place of its increments."""
    return grow(horizons, np.cumsum(low, axis=0), np.cumsum(high, axis=0))


def silent(horizons, low, high) -> Growth:
    return replace(grow(horizons, low, high), kind="cannot tell")


def positive(horizons, low, high) -> Growth:
    """Negative regret clipped."""
    return grow(horizons, np.maximum(low, 0), np.maximum(high, 0))


@pytest.mark.parametrize(
    ("name", "judge"),
    [
        ("square root", narrow),
        ("logarithmic", totals),
        ("bounded, one minimiser", totals),
        ("square root", silent),
        ("falling", positive),
    ],
)
def test_a_wrong_estimator_fails(name, judge):
    settings = {"name": name, **SMALL, "repetitions": 100 if judge is narrow else 20}
    assert not measure(settings, judge)["passes"]


def test_wrong_classes_fail_whatever_the_coverage():
    entry = KNOWN["square root"]
    good = Growth(0.5, 0.4, 0.6, "sqrt(T)", "", 1)
    assert calibration.record(entry, [good] * 20)["passes"]
    assert not calibration.record(entry, [good] * 18 + [replace(good, kind="linear")] * 2)["passes"]
    assert not calibration.record(entry, [replace(good, low=0.51)] * 20)["passes"]
    assert not calibration.record(entry, [replace(good, sign=-1)] * 20)["passes"]


@pytest.mark.parametrize(
    ("name", "horizon", "regret"),
    [
        ("square root, alternating", 1000, sum((2 * j - 1) ** -0.5 for j in range(1, 501))),
        ("three quarters", 1000, sum((2 * j - 1) ** -0.25 for j in range(1, 501))),
        ("linear, leader", 999, 4 * 333 - 1),  # the first round, at 0, costs nothing instead of 1
        ("falling", 996, -2 * 166 - 1),  # the first round costs 0 instead of 1
    ],
)
def test_deterministic_games_have_the_regret_that_is_proved(name, horizon, regret):
    problem, checkpoint = played(name, horizon)
    found = regret_of(checkpoint, problem)
    low, high = found.low, found.high
    slack = horizon * 2.0**-53 * abs(regret)  # of the sum by hand
    assert np.all((low - slack <= regret) & (regret <= high + slack))
    assert np.all(high - low <= 1e-9 * abs(regret)), "and the enclosure says something"


@pytest.mark.parametrize(
    ("name", "a_round", "power"),
    [
        ("logarithmic", 0.5 * np.log(2), 0),
        ("linear, constant steps", 1 / 6, 1),
        ("square root", np.sqrt(2 / np.pi), 0.5),
    ],
)
def test_random_games_have_the_mean_regret_that_is_proved(name, a_round, power):
    """Over one octave from T = 1024: within four standard errors and the proof's lower order."""
    entry = KNOWN[name]
    game = Game(entry.method, entry.problem, 4000, seed=3)
    first, second = (regret_of(game.play(t), entry.problem) for t in (1024, 2048))
    rise = (second.low + second.high - first.low - first.high) / 2
    expected = a_round * (2048**power - 1024**power) if power else a_round
    slack = np.log(2) if power == 1 else 0.001 * expected + 1e-3
    assert abs(rise.mean() - expected) < 4 * rise.std() / np.sqrt(4000) + slack


def test_a_record_repeats_and_follows_its_seed():
    settings = {"name": "square root", **SMALL}
    assert measure(settings) == measure(dict(settings))
    assert measure(settings) != measure({**settings, "seed": 2})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ("name", "None")),
        ({"name": "cubic"}, ("'cubic'", "square root")),
        ({"name": "square root", "runs": 1}, ("runs", "1", ">= 2")),
        ({"name": "square root", "repetitions": 0}, ("repetitions", "0")),
        ({"name": "square root", "first": 16, "last": 256}, ("last", "32 times", "256")),
        ({"name": "square root", "seed": True}, ("seed", "True")),
        ({"name": "square root", "horizon": 3}, ("'horizon'", "repetitions")),
        ({"name": "square root", "kind": "regret"}, ("kind",)),
    ],
)
def test_settings_that_cannot_be_measured_are_refused(settings, words):
    for call in (check, measure):
        with pytest.raises(ValueError) as refused:  # noqa: PT011
            call(settings)
        assert all(word in str(refused.value) for word in words)
