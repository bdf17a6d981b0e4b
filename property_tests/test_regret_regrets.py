"""Regret as an enclosure: by hand, at every prefix, in rationals, negative where it is; and the kind of a sweep."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from adanorm_verify.regret.methods import method_of
from adanorm_verify.regret.playing import Game, dyadic
from adanorm_verify.regret.problems import Problem, periodic, table
from adanorm_verify.regret.regrets import check, measure, regret_of, running
from adanorm_verify.regret.sets import Feasible
from adanorm_verify.regret.zoo import problem

STILL = {"name": "sgd", "lr": 0.0}


@pytest.mark.parametrize("horizon", [1, 2, 3, 4, 5, 6, 300, 301])
def test_a_player_that_stays_at_one_on_reddis_sequence_by_hand(horizon):
    game = Game(method_of(STILL), problem({"name": "reddi", "C": 4}), start=1.0)
    found = regret_of(game.play(horizon), game.problem)
    total = sum(4 if t % 3 == 1 else -1 for t in range(1, horizon + 1))
    assert found.low[0] <= total + abs(total) <= found.high[0]
    assert found.high[0] - found.low[0] < 1e-9
    assert found.best.points[0, 0] == -1


def test_each_prefix_has_its_own_best_point():
    """Gradients 1, -1, -1: the best point of one round is -1, of two is any, of three is 1."""
    game = Game(method_of(STILL), periodic([1, -1, -1]), start=0.0)
    found = [regret for _, regret in running(game, [1, 2, 3, 4, 5])]
    middles = [float((one.low[0] + one.high[0]) / 2) for one in found]
    assert middles == pytest.approx([1, 0, 1, 0, 1], abs=1e-12)
    assert (found[0].best.points[0, 0], found[2].best.points[0, 0]) == (-1, 1)


def test_regret_below_zero_is_kept():
    """A player who stays with the leader of the last rounds beats every fixed point when gradients turn slowly."""
    turning = problem({"name": "drift", "period": 100})
    game = Game(method_of({"name": "sgd", "lr": 1.0, "steps": "constant"}), turning)
    found = regret_of(game.play(4096), turning)
    assert found.high[0] < -100
    record = measure({"problem": {"name": "drift", "period": 100}, "optimizer": {"name": "sgd", "lr": 1.0,
                      "steps": "constant"}, "runs": 2, "first": 4096, "last": 4096})  # fmt: skip
    assert record["mean_high"][0] < -100


def rational_regret(rows, labels, weights, link, points, horizon) -> Fraction:
    """Of points that were played on cyclic rows, in rationals; the best point on [-1, 1] among kinks and ends."""
    a, y, w = ([Fraction(float(x)) for x in part] for part in (rows, labels, weights))
    losses = {"absolute": lambda z, label: abs(z - label), "hinge": lambda z, label: max(0, 1 - label * z),
              "linear": lambda z, label: z, "squares": lambda z, label: (z - label) ** 2 / 2}  # fmt: skip
    loss = losses[link]
    met = [t % len(a) for t in range(horizon)]
    played = sum(w[k] * loss(a[k] * Fraction(float(x)), y[k]) for k, x in zip(met, points, strict=True))
    kinks = [label / row if link == "absolute" else 1 / (row * label or 1) for row, label in zip(a, y, strict=True)]
    if link == "squares":
        moment = sum(w[k] * a[k] * y[k] for k in met)
        kinks = [moment / sum(w[k] * a[k] ** 2 for k in met)]
    counts = {k: met.count(k) for k in set(met)}
    sums = [
        sum(n * w[k] * loss(a[k] * min(max(x, Fraction(-1)), Fraction(1)), y[k]) for k, n in counts.items())
        for x in [*kinks, Fraction(-1), Fraction(1)]
    ]
    return played - min(sums)


@pytest.mark.parametrize("link", ["linear", "absolute", "hinge", "squares"])
def test_the_enclosure_holds_in_rational_arithmetic(link):
    rng = np.random.default_rng(5)
    a, w = rng.uniform(0.3, 1.2, 5), rng.uniform(0.1, 2, 5)
    y = np.sign(rng.normal(0, 1, 5)) if link == "hinge" else rng.normal(0, 0.7, 5)
    one = Problem("rational", link, Feasible("box", 1), "cyclic", *table(a[:, None], y, w))
    method = method_of({"name": "adamnorm", "lr": 0.3})
    game, points = Game(method, one, start=0.1), [0.1]
    for horizon in range(1, 1500):
        checkpoint = game.play(horizon)
        points.append(float(checkpoint.theta[0, 0]))
        if horizon in (1, 7, 1100, 1499):
            found = regret_of(checkpoint, one)
            exact = rational_regret(a, y, w, link, points[:-1], horizon)
            assert Fraction(float(found.low[0])) <= exact <= Fraction(float(found.high[0]))
            assert found.high[0] - found.low[0] < 1e-9


@pytest.mark.parametrize("name", ["signs-ball", "heavy-box", "drift-simplex"])
def test_made_up_rows_leave_a_narrow_enclosure(name):
    game = Game(method_of({"name": "sgd"}), problem(name), runs=3, measured=True)
    checkpoint = game.play(2000)
    found = regret_of(checkpoint, game.problem)
    size = np.maximum(1, checkpoint.measures["G_inf"])
    assert np.all(found.high > found.low)
    assert np.all(found.high - found.low < 1e-7 * size)


def test_a_game_tells_when_it_was_not_measured():
    for name, what in (("heavy", "gradients"), ("counterexample", "points")):
        game = Game(method_of({"name": "sgd"}), problem(name))
        with pytest.raises(ValueError, match=f"{what} without a bound"):
            regret_of(game.play(5), game.problem)


def test_tables_of_runs_have_regrets_of_their_own():
    rows = np.array([[[3.0], [-1], [-1]], [[-3.0], [1], [1]]])
    game = Game(method_of(STILL), periodic([3, -1, -1]), runs=2, start=1.0,
                tables=(rows, np.zeros((2, 3)), np.ones((2, 3))))  # fmt: skip
    found = regret_of(game.play(30), game.problem, (rows, np.zeros((2, 3)), np.ones((2, 3))))
    assert (found.low + found.high) / 2 == pytest.approx([20, 0], abs=1e-10)


def test_batches_lose_the_mean_of_their_rows():
    one = problem({"name": "squares", "batch": 8})
    game = Game(method_of({"name": "sgd", "lr": 0.5}), one)
    found = regret_of(game.play(1000), one)
    q = game.checkpoint().counts * one.w / 8
    z = found.best.points @ one.a.T
    assert found.best.high == pytest.approx(np.sum(q * (z - one.y) ** 2 / 2, axis=1))
    assert np.all(found.low > 0)
    assert np.all(found.high < 100)


SETTINGS = {"problem": "reddi", "optimizer": {"name": "adamnorm", "decay": 0.99}, "runs": 3,
            "seed": 4, "first": 64, "last": 1000}  # fmt: skip


def test_a_record_is_plain_and_the_same_again():
    record = measure(SETTINGS)
    text = json.dumps(record, allow_nan=False)
    assert text == json.dumps(measure(SETTINGS), allow_nan=False)
    assert record["horizons"] == dyadic(64, 1000)
    shape = (len(record["horizons"]), 3)
    assert np.shape(record["low"]) == np.shape(record["high"]) == shape
    assert np.mean(record["low"], axis=1).tolist() == record["mean_low"]
    assert np.all(np.array(record["low"]) < record["high"])
    assert len(record["claimed"]) == shape[0]
    assert record["claimed_why"] is None
    assert record["constants"]["G"] == 3
    assert record["growth"].keys() == {"exponent", "low", "high", "kind", "reason", "sign"}


def test_a_record_without_a_claim_says_why():
    record = measure({**SETTINGS, "optimizer": {"name": "sgd"}})
    assert record["claimed"] is None
    assert "AdamNorm" in record["claimed_why"]
    assert record["first_violation"] is None


def test_runs_of_a_record_do_not_depend_on_how_many_there_are():
    few, many = (
        measure({**SETTINGS, "problem": "two-point", "optimizer": {"name": "sgd"}, "runs": runs}) for runs in (2, 5)
    )
    assert [row[:2] for row in many["low"]] == few["low"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"problem": "nothing"}, "unknown problem 'nothing'"),
        ({"optimizer": {"name": "nobody"}}, "unknown optimizer 'nobody'"),
        ({"optimizer": {"name": "adamnorm", "gamma": 1}}, "gamma"),
        ({"optimizer": "adamnorm"}, "optimizer"),
        ({"optimizer": {"name": "sgd", "steps": "inverse"}, "steps": "constant"}, "one of them"),
        ({"runs": 0}, "runs = 0"),
        ({"runs": 2.0}, "runs = 2.0"),
        ({"last": 0}, "last = 0"),
        ({"last": 10}, "last = 10 is below first = 64"),
        ({"seed": -1}, "seed = -1"),
        ({"horizon": 5}, "unknown key 'horizon'"),
        ({"problem": {"name": "reddi", "C": 1}}, "C = 1"),
    ],
)
def test_wrong_settings_are_refused_before_anything_runs(changes, told):
    with pytest.raises(ValueError, match=told):
        check({**SETTINGS, **changes})
    check(SETTINGS)


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match="problem is missing"):
        check({"optimizer": {"name": "sgd"}})
