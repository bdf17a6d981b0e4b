"""Gradient norms of a small network under Adam and AdamNorm."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from adanorm_verify.optim import AdamNorm
from adanorm_verify.regret import norms
from adanorm_verify.regret.norms import check, examples, measure, network, train

SETTINGS = {"data": "made-up", "steps": 60, "seeds": 2, "windows": 6}
FULL = {**norms.DEFAULTS, **SETTINGS}


@pytest.fixture(scope="module")
def record():
    return measure(SETTINGS)


def test_s_is_never_shorter_than_g_and_is_as_long_without_memory():
    run = train("adamnorm", FULL, 0)
    assert np.all(run["corrected"] >= run["raw"])
    assert 0 < run["lifted"] < 1
    without = train("adamnorm", {**FULL, "gamma": 0.0}, 0)
    assert np.array_equal(without["corrected"], without["raw"])
    assert without["lifted"] == 0


def test_the_averages_are_the_optimizers(monkeypatch):
    """Its own e, after as many steps, to float32's roundoff over 60 averages."""
    made = []

    class Kept(AdamNorm):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, **more)
            made.append(self)

    monkeypatch.setattr(norms, "AdamNorm", Kept)
    run = train("adamnorm", FULL, 0)
    (optimizer,) = made
    own = [float(state["exp_grad_norm"]) for state in optimizer.state.values()]
    average = np.zeros(6)
    for row in run["raw"]:
        average = 0.95 * average + 0.05 * row
    assert own == pytest.approx(average, rel=60 * 2**-24 * 4)


def test_the_sentence_is_judged_by_the_norms(record):
    assert record["ratios"]["corrected"]["low"] > 1
    assert record["verdict"] in ("holds", "of s only")
    assert "over Adam's mean norm of g" in record["why"]
    same = measure({**SETTINGS, "gamma": 0.0})
    assert same["verdict"] == "fails"  # there is nothing that is greater


def test_a_difference_within_the_error_is_not_called_one(record):
    assert "cannot be told apart" in record["accuracies"]
    far = {"adam": {"mean": 0.5, "tested": 450}, "adamnorm": {"mean": 0.9, "tested": 450}}
    assert "they differ" in norms._accuracies(far)


def test_without_correction_both_train_alike():
    """torch's Adam and AdamNorm at gamma = 0 are one algorithm; roundings grow along a training."""
    one, other = (train(name, {**FULL, "gamma": 0.0}, 1)["raw"] for name in ("adam", "adamnorm"))
    assert np.allclose(one, other, rtol=1e-3)
    corrected = train("adamnorm", FULL, 1)["raw"]
    assert not np.allclose(one, corrected, rtol=1e-3)


def test_windows_are_means_over_the_steps(record):
    assert len(record["step"]) == 6
    assert record["step"][0] == pytest.approx(5.5)
    curve = record["curves"]["adam"]["raw"]
    assert all(low <= mean <= high for low, mean, high in zip(curve["low"], curve["mean"], curve["high"], strict=True))
    assert record["curves"]["adam"]["corrected"] == curve


def test_examples_are_held_out():
    x, y, test_x, test_y = examples("made-up", 0)
    assert len(x) == len(y) == 1350
    assert len(test_x) == len(test_y) == 450
    assert not torch.equal(x[:450], test_x)


def test_digits_are_scikit_learns():
    pytest.importorskip("sklearn")
    x, _, test_x, _ = examples("digits", 0)
    assert len(x) + len(test_x) == 1797


def test_the_network_is_small_and_leaves_the_callers_randomness_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    assert sum(one.numel() for one in network(0).parameters()) == 6090
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_same_settings_give_the_same_record(record):
    threads = torch.get_num_threads()
    assert json.dumps(measure(SETTINGS)) == json.dumps(record)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"steps": 0}, "steps must be"),
        ({"seeds": 1}, "seeds must be"),
        ({"data": "cifar"}, "data must be one of digits, made-up, got 'cifar'"),
        ({"windows": 100}, "windows must be at most steps, 60"),
        ({"lr": 0}, "lr must be > 0"),
        ({"gamma": 1.0}, "gamma must be in"),
        ({"depth": 3}, "unknown setting 'depth'"),
    ],
)
def test_wrong_settings_are_refused(changed, said):
    with pytest.raises(ValueError, match=said):
        check(SETTINGS | changed)
