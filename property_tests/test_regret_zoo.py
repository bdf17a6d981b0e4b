"""Problems by name: they can be played and compared, are what their sentences say, and refuse what they cannot be."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from adanorm_verify.regret.methods import method_of
from adanorm_verify.regret.playing import Game
from adanorm_verify.regret.regrets import regret_of
from adanorm_verify.regret.zoo import PROBLEMS, REAL, SENTENCES, bundled, problem

STEPS = {"name": "sgd", "lr": 0.1}


PLAYED = ("two-point", "absolute", "hinge-ball", "counterexample", "experts", "diabetes-squares", "cancer-logistic")
"""One of each set, sampling and loss; the rows that are made up are played in `test_regret_regrets.py`."""


@pytest.mark.parametrize("name", PLAYED)
def test_every_kind_of_problem_can_be_played_and_compared(name):
    if name in REAL:
        pytest.importorskip("sklearn")
    one = problem(name)
    found = regret_of(Game(method_of(STEPS), one, runs=2, measured=True).play(500), one)
    assert np.all(found.low <= found.high)
    assert np.all(np.isfinite(found.high))


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_has_a_sentence_and_a_set_that_it_names(name):
    if name in REAL:
        pytest.importorskip("sklearn")
    one = problem(name)
    assert one.name.startswith(SENTENCES[name])
    if "ball" in name or "simplex" in name:
        assert one.feasible.kind == name.rsplit("-", 1)[1]
    if one.link == "hinge":
        assert set(one.y) == {-1, 1}
    if one.link == "logistic":
        assert set(one.y) == {0, 1}


def test_tables_follow_the_seed():
    for name in ("turns-box", "squares", "logistic-ball", "experts"):
        assert np.array_equal(problem(name, seed=1).a, problem({"name": name, "seed": 1}).a)
        assert not np.array_equal(problem(name, seed=1).a, problem(name, seed=2).a)
        assert problem({"name": name, "seed": 1}, seed=2).a.tolist() == problem(name, seed=1).a.tolist()


def test_the_published_sequences():
    assert problem("reddi").a.tolist() == [[3], [-1], [-1]]
    once = problem("reddi-experiment")
    assert once.a[:, 0].tolist() == [1010] + [-10] * 100
    rare = problem("reddi-experiment-random")
    assert rare.probabilities @ rare.a[:, 0] == pytest.approx(0.01 * 1010 - 0.99 * 10)
    chance = problem({"name": "reddi-random", "C": 10, "delta": 0.5})
    # the mean gradient is delta: the best point is -1
    assert chance.probabilities @ chance.a[:, 0] == pytest.approx(0.5)


def test_the_counterexample_is_the_ledgers():
    one = problem("counterexample")
    x = np.linspace(-2, 2, 9)
    losses = [one.law.loss({"z": x, "y": y, "w": w}) for y, w in zip(one.y, one.w, strict=True)]
    assert np.allclose(losses, [3 * abs(x + 1), abs(x - 1), abs(x - 1)])
    assert one.feasible.kind == "line"


def test_experts_lose_between_nothing_and_one_and_the_first_is_best():
    one = problem("experts", dimension=8)
    assert one.a.min() >= 0
    assert one.a.max() <= 1
    means = one.a.mean(axis=0)
    assert means[0] == pytest.approx(1 / 3, abs=0.06)
    assert means[-1] > means[0] + 0.15
    rotating = problem("experts-rotating", dimension=4)
    assert rotating.a.sum(axis=0).tolist() == rotating.a.sum(axis=1).tolist() == [1] * 4


def test_no_coordinates_of_a_two_point_direction_agree():
    one = problem("two-point-simplex", dimension=7)
    assert len(np.unique(np.round(one.a[0], 6))) == 7


@pytest.mark.parametrize("name", REAL)
def test_real_rows_are_bounded_and_end_in_a_constant(name):
    pytest.importorskip("sklearn")
    one = problem(name)
    assert np.sqrt(np.sum(one.a**2, axis=1)).max() <= 1 + 1e-12
    assert len(np.unique(one.a[:, -1])) == 1
    assert np.abs(one.y).max() <= 1
    assert len(one.y) == {"diabetes": 442, "cancer": 569}[name.split("-")[0]]


def test_real_data_without_scikit_learn_say_what_to_install(monkeypatch):
    bundled.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ValueError, match=r"adanorm-verify\[data\]"):
        problem("diabetes-squares")
    bundled.cache_clear()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("riddle", "unknown problem 'riddle'; the problems are signs"),
        ({"dimension": 3}, "unknown problem None"),
        ({"name": "signs-box", "rows": 3}, "unknown key 'rows'; the keys are name, dimension, seed, batch"),
        ({"name": "signs", "dimension": 3}, "unknown key 'dimension'"),
        ({"name": "signs-box", "dimension": 65}, "at most 64"),
        ({"name": "signs-ball", "dimension": 1}, "dimension = 1"),
        ({"name": "signs-box", "dimension": 0}, "dimension = 0"),
        ({"name": "signs-box", "dimension": True}, "dimension = True"),
        ({"name": "heavy", "index": 1}, "index = 1"),
        ({"name": "drift", "period": 0}, "period = 0"),
        ({"name": "two-point", "chance": 1}, "chance = 1"),
        ({"name": "periodic", "gradients": []}, "gradients = "),
        ({"name": "periodic", "gradients": "abc"}, "gradients = 'abc'"),
        ({"name": "squares", "batch": 0}, "batch = 0"),
        ({"name": "reddi", "batch": 2}, "batch 2"),
        ({"name": "squares", "seed": -1}, "seed = -1"),
    ],
)
def test_what_is_not_a_problem_is_refused_with_what_is_allowed(given, told):
    with pytest.raises(ValueError, match=told):
        problem(given)


def test_a_dimension_where_there_is_none_to_choose():
    with pytest.raises(ValueError, match="it has its own"):
        problem("reddi", dimension=3)
    assert problem("signs-box", dimension=1).dimension == 1
