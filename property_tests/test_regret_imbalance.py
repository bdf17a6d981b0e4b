"""What logistic regression learns of rare positives, against the law for it; and that a wrong law is seen."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from adanorm_verify.ledger.folder import imported
from adanorm_verify.regret.advice import advice
from adanorm_verify.regret.imbalance import agreement, check, interval, measure
from adanorm_verify.regret.stationary import laws_of_average, mean_corrected, mean_update, variances, zero
from adanorm_verify.regret.straying import predicted

GAMMA = 0.95


def sgdnorm(**more):
    return {"name": "sgdnorm", "lr": 0.1, "steps": "constant", **more}


def adamnorm(**more):
    return {"name": "adamnorm", "steps": "constant", **more}


def cell(optimizer, rate=0.1, batch=1, **more):
    return {"optimizer": optimizer, "rate": rate, "batch": batch, "runs": 32, **more}


@pytest.fixture(scope="module")
def single():
    """Single labels of rate 0.1: the largest step size of the study, so that it is quick."""
    return measure(cell(sgdnorm()))


# the law ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.01, 0.005])
@pytest.mark.parametrize("gamma", [0.5, 0.95])
def test_the_zero_of_single_labels_is_the_ledgers(rate, gamma):
    formulas = imported("theory.noise_formulas")
    found = zero(rate, 1, gamma)
    assert found.low <= formulas.logistic_stationary(rate, gamma) <= found.high
    assert found.high - found.low < 1e-3 * found.high
    for q in (rate / 3, 0.7):
        low, high = mean_corrected(q, rate, 1, gamma)
        assert low <= formulas.logistic_mean(q, rate, gamma) <= high


@pytest.mark.parametrize("batch", [2, 8, 32, 64, 256])
def test_the_zero_of_a_batch_lies_in_the_ledgers_enclosure_and_is_closer(batch):
    low, high = map(float, imported("theory.noise_batches").ENCLOSED[batch])
    found = zero(0.01, batch, GAMMA)
    assert low <= found.low < found.high <= high
    assert found.high - found.low < high - low
    assert found.others == ()


@pytest.mark.parametrize(("rate", "batch"), [(0.1, 1), (0.1, 8), (0.01, 64), (0.005, 1024)])
def test_the_mean_gradient_changes_its_sign_at_the_zero(rate, batch):
    found = zero(rate, batch, GAMMA)
    assert mean_corrected(found.low, rate, batch, GAMMA)[1] < 0 < mean_corrected(found.high, rate, batch, GAMMA)[0]


@pytest.mark.parametrize(("q", "batch"), [(0.02, 1), (0.13, 8), (0.09, 32)])
def test_the_mean_gradient_is_that_of_a_simulation(q, batch):
    rate, chains, rounds = 0.1, 4000, 400
    random = np.random.default_rng(1)
    e, means = np.zeros(chains), []
    for t in range(rounds):
        g = q - random.binomial(batch, rate, chains) / batch
        n = np.abs(g)
        e = GAMMA * e + (1 - GAMMA) * n
        if t >= 300:  # 0.95^300 is 2e-7
            means.append(np.sign(g) * np.maximum(n, e))
    mean, low, high = interval(np.mean(means, axis=0))
    ends = mean_corrected(q, rate, batch, GAMMA)
    margin = 2 * (high - low)  # four standard errors
    assert ends[0] - margin < mean < ends[1] + margin
    plain = q - rate
    assert not plain - margin < mean < plain + margin


def test_the_two_laws_of_e_have_its_mean_and_enclose_its_moments():
    sizes, chances = np.array([0.1, 0.4, 0.9]), np.array([0.6, 0.3, 0.1])
    mean = float(sizes @ chances)
    variance = (1 - GAMMA) / (1 + GAMMA) * float(chances @ (sizes - mean) ** 2)
    gaps = []
    for cells in (16, 128):
        small, large = laws_of_average(sizes, chances, GAMMA, cells)
        moments = [float(p @ (x - mean) ** 2) for x, p in (small, large)]
        assert all(abs(float(x @ p) - mean) < 1e-12 for x, p in (small, large))
        assert moments[0] < variance < moments[1]
        gaps.append(moments[1] - moments[0])
    assert gaps[1] < gaps[0] / 20  # it falls with the square of the cells' width


def test_more_cells_enclose_more_closely():
    coarse, fine = (mean_corrected(0.012, 0.01, 64, GAMMA, cells) for cells in (64, 512))
    assert coarse[0] <= fine[0] <= fine[1] <= coarse[1]
    assert fine[1] - fine[0] < (coarse[1] - coarse[0]) / 4


def test_adams_moving_denominator_matters_less_as_beta2_grows():
    gaps = [
        abs(mean_update(0.02, 0.1, 1, GAMMA, beta2) - sum(mean_corrected(0.02, 0.1, 1, GAMMA)) / 2)
        for beta2 in (0.99, 0.999, 0.9999)
    ]
    assert gaps[1] == pytest.approx(gaps[0] / 10)
    assert gaps[2] == pytest.approx(gaps[0] / 100)
    # without the correction: the mean gradient less (1 - beta2)/2 times the covariance of g and g^2 over E g^2
    q, rate = 0.1, 0.1
    third, second = (1 - rate) * q**3 - rate * (1 - q) ** 3, (1 - rate) * q**2 + rate * (1 - q) ** 2
    assert mean_update(q, rate, 1, 0.0, 0.99) == pytest.approx(-0.005 * third / second, rel=1e-6)


# measurements ----------------------------------------------------------------------------------------------------


def test_a_corrected_optimizer_learns_what_the_law_says(single):
    assert single["matches"]
    assert single["matches_predicted"]
    assert abs(single["starts_apart"]) < 4
    assert single["high"] < 0.2 * 0.1  # and not the true rate


@pytest.mark.parametrize("wrong", [0.0, 0.9, 0.99])
def test_a_law_of_another_gamma_does_not_match(single, wrong):
    other = zero(0.1, 1, wrong)
    assert other.high < single["low"] or other.low > single["high"]


@pytest.mark.parametrize("optimizer", [sgdnorm(gamma=0.0), {**sgdnorm(), "name": "sgd"}])
def test_without_the_correction_the_rate_is_learned(optimizer):
    found = measure(cell(optimizer))
    assert found["matches"]
    assert found["closed_form"] == 0.1


def test_the_decaying_guard_lets_the_rate_be_learned():
    found = measure(cell(adamnorm(lr=0.01, guard="decaying"), rounds=60_000))
    assert found["closed_form"] == 0.1
    assert abs(found["learned"] - 0.1) < 0.01


def test_at_a_jump_the_law_for_the_step_size_matches_and_that_for_small_steps_does_not():
    """The mean gradient of batches of 8 jumps at 1/8, which is its zero: steps of a visible size stray to one side."""
    found = [measure(cell(adamnorm(lr=lr, beta2=0.9999), batch=8)) for lr in (1e-2, 1e-3)]
    assert all(abs(one["predicted_standard_errors"]) < 4 for one in found)
    assert all(abs(one["standard_errors"]) > 4 for one in found)
    gaps = [abs(one["learned"] - one["closed_form"]) for one in found]
    assert gaps[1] < gaps[0] / 2


def test_adamnorm_is_at_the_law_for_its_moving_denominator():
    found = measure(cell(adamnorm(lr=0.01), rate=0.05))
    assert abs(found["predicted_standard_errors"]) < 4
    assert found["predicted"] < found["closed_form"]


def test_runs_that_have_not_settled_are_seen_by_their_starts():
    found = measure(cell(sgdnorm(lr=0.001), rounds=1000))
    assert abs(found["starts_apart"]) > 10


def test_the_field_of_frozen_parameters_is_zero_at_the_law():
    found = measure(cell(sgdnorm(), field=True))["field"]
    law = zero(0.1, 1, GAMMA)
    assert found["low"] < law.high
    assert found["high"] > law.low
    assert found["high"] - found["low"] < 0.1 * law.high


def test_cells_are_judged_together():
    """The Student quantile of 32 runs: one of forty cells may be 2.5 standard errors away, none 4."""
    right = [{"runs": 32, "matches_predicted": z < 2, "predicted_standard_errors": z} for z in [0.3] * 39 + [2.5]]
    found = agreement(right)
    assert found["agrees"]
    assert (found["cells"], found["within"], found["largest"]) == (40, 39, 2.5)
    assert not agreement([*right, {"runs": 32, "matches_predicted": False, "predicted_standard_errors": -4.0}])[
        "agrees"
    ]
    with pytest.raises(ValueError, match="no record has a predicted"):
        agreement([{"runs": 32, "matches_predicted": None, "predicted_standard_errors": None}])


def test_features_do_not_remove_the_bias():
    size = {"features": 2, "rounds": 10_000, "runs": 8}
    plain = measure(cell({**sgdnorm(), "name": "sgd"}, **size))
    corrected = measure(cell(sgdnorm(), **size))
    assert plain["low"] < 0.1 < plain["high"]
    assert plain["slope_low"] - 0.1 < 1 < plain["slope_high"] + 0.1
    assert corrected["high"] < 0.07
    assert corrected["closed_form"] is None
    assert corrected["matches"] is None


def test_features_without_information_leave_the_law_as_it_is():
    found = measure(cell(sgdnorm(lr=0.03), features=2, informative=False, rounds=120_000))
    assert found["closed_form"] == imported("theory.noise_formulas").logistic_stationary(0.1, GAMMA)
    assert found["learned"] == pytest.approx(found["closed_form"], rel=0.1)


def test_the_same_settings_give_the_same_record():
    settings = cell(sgdnorm(), batch=4, rounds=2000)
    first, again = (json.dumps(measure(settings)) for _ in range(2))
    assert first == again
    assert json.dumps(measure({**settings, "seed": 1})) != first


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rate": 0}, "rate must be in (0, 1), got 0"),
        ({"rate": "0.1"}, "rate must be"),
        ({"batch": 0}, "batch must be"),
        ({"runs": 1}, "runs must be"),
        ({"rounds": 10}, "rounds must be"),
        ({"features": -1}, "features must be"),
        ({"informative": False}, "informative false needs features"),
        ({"colour": 1}, "unknown setting 'colour'"),
        ({"optimizer": {"name": "adam"}}, "rounds must be given with steps 'inverse-root'"),
        ({"optimizer": adamnorm(gamma=1.0)}, "gamma must be"),
        ({"optimizer": adamnorm(lr=0.0)}, "lr must be above 0"),
    ],
)
def test_wrong_settings_are_refused(changed, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        check(cell(sgdnorm()) | changed)


# advice ----------------------------------------------------------------------------------------------------------


def record(learned, rate=0.01, batch=1, gamma=GAMMA, guard=None, optimizer="AdamNorm", half=0.01, predicted=None):
    return {
        "optimizer": optimizer,
        "rate": rate,
        "batch": batch,
        "gamma": gamma,
        "guard": guard,
        "features": 0,
        "learned": learned,
        "low": learned * (1 - half),
        "high": learned * (1 + half),
        "predicted": predicted,
        "matches_predicted": predicted == learned,
    }


def test_advice_says_what_the_records_say():
    said = " ".join(
        advice(
            [
                record(0.001, predicted=0.001),
                record(0.0125, batch=64),
                record(0.0101, batch=1024),
                record(0.0099, gamma=0.0, optimizer="Adam"),
                record(0.0101, guard="decaying"),
            ]
        )
    )
    assert "learns 0.1 % (0.099 % to 0.101 %) in the place of 1 % with single examples: 10 times too small" in said
    assert "other sign: AdamNorm learns 1.25 %" in said
    assert "hold 10.2 examples of the rarer class or more" in said
    assert "gamma = 0" in said
    assert "guard `decaying`, or" in said
    assert "+2.31 for 1 % and single examples" in said  # logit(0.01) - logit(0.001)


def test_advice_says_nothing_that_no_record_supports():
    (only,) = advice([record(0.01, gamma=0.0, optimizer="Adam")])
    assert only.startswith("Without the correction")
    said = " ".join(advice([record(0.001), record(0.002, gamma=0.0, optimizer="Adam")]))
    assert "gamma = 0" not in said
    assert "guard" not in said
    with pytest.raises(ValueError, match="at least one record"):
        advice([])


def test_features_without_a_slope_are_advised_on_too():
    said = " ".join(advice([{**record(0.05), "features": 2, "slope": None}]))
    assert "Features do not remove the bias" in said
    assert "slope" not in said


def test_the_law_for_a_step_size_tends_to_the_zero():
    law = zero(0.1, 8, GAMMA).low
    gaps = [max(abs(end - law) for end in predicted(0.1, 8, GAMMA, lr, 0.9999, 15.0)) for lr in (1e-2, 1e-3, 1e-4)]
    assert gaps[0] > gaps[1] > gaps[2]


def test_the_variance_of_a_long_sum_is_that_of_a_simulation():
    """Of an average of 900 corrected gradients; edges of the sum add at most e's memory, 20 rounds, over its length."""
    q, rate, batch, chains, rounds = 0.004, 0.005, 256, 4000, 900
    random = np.random.default_rng(2)
    e, total = np.zeros(chains), np.zeros(chains)
    for t in range(300 + rounds):
        g = q - random.binomial(batch, rate, chains) / batch
        e = GAMMA * e + (1 - GAMMA) * np.abs(g)
        total += np.sign(g) * np.maximum(np.abs(g), e) if t >= 300 else 0
    single, long = variances(q, rate, batch, GAMMA)
    found = np.var(total) / rounds
    error = found * np.sqrt(2 / chains)
    assert abs(found - long) < 4 * error + 20 / rounds * single
    assert abs(found - single) > 4 * error + 20 / rounds * single
