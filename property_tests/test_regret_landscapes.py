"""The scenarios of section 3.1: the sentences' verdicts, and that they change with what they are about."""

from __future__ import annotations

import json

import numpy as np
import pytest

from adanorm_verify.regret.landscapes import MAIN, Place, check, inside, listed, measure, picture, play, slope
from adanorm_verify.regret.sentences import (
    SENTENCES,
    Run,
    adams_update_becomes_small,
    becomes_small,
    converges,
    momentum_at_least,
    momentum_stays_large,
    updates_stay_large,
)


@pytest.fixture(scope="module")
def records():
    return {scenario: measure({"scenario": scenario}) for scenario in SENTENCES}


def verdicts(record):
    return [one["verdict"] for one in record["sentences"]]


def test_the_verdicts(records):
    assert verdicts(records["S1"]) == ["fails", "fails", "holds"]
    assert verdicts(records["S2"])[0] == "depends"
    assert verdicts(records["S3"])[:2] == ["depends", "depends"]


def test_the_flat_region_is_remembered_for_about_as_long_as_the_average(records):
    """e falls by gamma = 0.95 a step: half of it is gone after 14, and m follows ten steps later."""
    assert 14 <= records["S1"]["sentences"][0]["failed_at"] <= 24
    assert records["S1"]["variations"] == {"held": 0, "failed": 54}


def test_a_longer_memory_holds_longer_and_none_makes_adam(records):
    figures = [
        measure({"scenario": "S1", "gamma": gamma})["sentences"][0]["figure"] for gamma in (0.0, 0.9, 0.95, 0.99)
    ]
    assert figures[0] < figures[1] < figures[2] < figures[3]
    assert figures[3] > 60  # log(1/2)/log(0.99) is 69, less what e has not reached in 300 steps
    without = measure({"scenario": "S1", "gamma": 0.0})
    assert without["update"]["adam"] == without["update"]["adamnorm"]


def test_momentum_is_as_large_as_adams_unless_a_notch_opposes_it(records):
    held = records["S2"]["sentences"][0]["held_by"]["notch"]
    assert held["0"][0] == held["0"][1] > 0
    assert held["10"][0] < held["10"][1]


def test_a_valley_much_narrower_than_the_step_is_never_settled_in(records):
    held = records["S3"]["sentences"][1]["held_by"]["share"]
    assert held["0.04"][0] == 0
    assert held["5"][0] == held["5"][1] > 0


def test_the_bias_correction_does_not_decide(records):
    for scenario, record in records.items():
        assert verdicts(measure({"scenario": scenario, "bias_correction": False})) == verdicts(record)


def run(g, m=None, update=None, entered=50):
    g = np.asarray(g, dtype=float)
    m = g if m is None else np.asarray(m, dtype=float)
    return Run(np.cumsum(g), g, m, m if update is None else np.asarray(update, dtype=float), entered)


def test_every_test_of_a_sentence_can_say_both():
    """A quantity that stays and one that vanishes, each given to the tests as AdamNorm's."""
    steady = run(np.ones(300))
    vanishing = run(np.r_[np.ones(50), 0.9 ** np.arange(1, 251)])
    for test, of_steady in ((momentum_stays_large, True), (updates_stay_large, True), (becomes_small, False)):
        assert test(steady, steady).holds is of_steady
        assert test(vanishing, vanishing).holds is not of_steady
    assert converges(steady, vanishing).holds
    assert not converges(steady, steady).holds
    assert adams_update_becomes_small(vanishing, steady).holds
    assert not adams_update_becomes_small(steady, steady).holds
    assert momentum_stays_large(steady, vanishing).failed_at == 6  # 0.9^7 is the first below a half
    assert not momentum_at_least(steady, run(np.ones(300), m=np.zeros(300))).holds


def test_the_list_without_bias_corrections_is_the_paper_s_otherwise():
    numbers = {"lr": np.array([1e-3]), "steps": 3, "gamma": 0.95}
    plain = play([MAIN["S1"]], "adam", numbers["lr"], 3, 0.95, False)[0]
    assert plain.m[0] == pytest.approx(-0.1)
    assert plain.update[0] == pytest.approx(0.1 / np.sqrt(0.001), rel=1e-6)  # m/(sqrt(v) + eps)
    assert play([MAIN["S1"]], "adam", numbers["lr"], 3, 0.95, True)[0].update[0] == pytest.approx(1)
    assert listed("adam", True).names == listed("adam", False).names


@pytest.mark.parametrize("scenario", SENTENCES)
def test_the_picture_has_the_landscapes_slope(scenario, records):
    drawn = records[scenario]["loss"]
    x, f = np.array(drawn["x"]), np.array(drawn["f"])
    middle = (x[1:] + x[:-1]) / 2
    place = MAIN[scenario]
    assert np.allclose(np.diff(f) / np.diff(x), slope(scenario, middle, place.share, place.notch))
    assert f.min() == 0
    assert picture(place, [run(np.ones(60))])["f"][0] >= 0


def test_regions_are_where_the_slopes_change():
    assert not inside("S1", np.array(0.299))
    assert inside("S1", np.array(0.3))
    assert slope("S1", np.array(0.299), 0.01, 0) == -1
    assert slope("S1", np.array(0.3), 0.01, 0) == -0.01
    assert slope("S2", np.array(0.331), 0.01, 2.0) == 0.01  # the notch rises
    assert slope("S3", np.array(0.0), 5.0, 0) == 0
    assert Place("S3", 0.1, 5.0).notch == 0


def test_the_same_settings_give_the_same_record(records):
    assert json.dumps(measure({"scenario": "S3"})) == json.dumps(records["S3"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"scenario": "S4"}, "scenario must be one of S1, S2, S3, got 'S4'"),
        ({}, "scenario must be"),
        ({"scenario": "S1", "steps": 10}, "steps must be"),
        ({"scenario": "S1", "lr": 1.0}, "lr must be in"),
        ({"scenario": "S1", "gamma": 1.0}, "gamma must be"),
        ({"scenario": "S1", "bias_correction": 1}, "bias_correction must be"),
        ({"scenario": "S1", "depth": 2}, "unknown setting 'depth'"),
    ],
)
def test_wrong_settings_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        check(settings)


def test_a_region_that_is_not_reached_is_no_verdict():
    with pytest.raises(ValueError, match="do not lead through the region"):
        measure({"scenario": "S1", "lr": 1e-4})
