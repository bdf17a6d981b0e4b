"""Rows are drawn by the laws that are stated; losses are convex, with their slopes and conjugates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from adanorm_verify.regret.compiling import drawn, heavy
from adanorm_verify.regret.links import LINKS, Link
from adanorm_verify.regret.methods import Method, method_of
from adanorm_verify.regret.playing import Game
from adanorm_verify.regret.problems import Problem, key_of, periodic, table, uniform, word
from adanorm_verify.regret.sets import Feasible

LABELS = {
    "linear": [0.0],
    "squares": [-1.5, 0.3],
    "absolute": [-1.5, 0.3],
    "hinge": [-1.0, 1.0],
    "logistic": [0, 0.2, 1],
}
UNLIKELY = 1e-6
"""Probability that a test of a law fails on a right sampler; seeds are fixed, so it passes or fails for good."""


def made_up(sampling, d, scale=1.0):
    return Problem(
        sampling, "linear", Feasible("box", d), sampling, np.zeros((0, d)), np.zeros(0), np.zeros(0), None, 1, scale
    )


# Samplers ---------------------------------------------------------------------------------------------------------


def test_words_are_those_of_splitmix64():
    """The published outputs of splitmix64 with the seed 1234567 (Rosetta Code, "Pseudo-random numbers/Splitmix64")."""
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    assert [int(word(np.uint64(1234567), n)) for n in range(5)] == known


def test_word_of_another_constant_is_not_splitmix64():
    assert int(word(np.uint64(1234568), 0)) != 6457827717110365317


def test_uniform_numbers_are_uniform_and_open():
    sample = np.array([uniform(np.uint64(3), n) for n in range(20_000)])
    assert 0 < sample.min() < sample.max() < 1
    assert np.all((sample * 2.0**53) % 2 == 1)
    assert stats.kstest(sample, "uniform").pvalue > UNLIKELY
    assert stats.kstest(sample**1.1, "uniform").pvalue < UNLIKELY  # the test sees a wrong law


def test_neighbouring_keys_and_runs_are_independent():
    keys = [key_of(0, run) for run in range(200)]
    assert len(set(map(int, keys))) == 200
    assert int(key_of(0, 1)) != int(key_of(1, 0))
    samples = np.array([[uniform(key, n) for n in range(200)] for key in keys])
    # the largest of 19,900 correlations of 200 numbers each, by Fisher's z and Bonferroni
    correlations = np.corrcoef(samples)[np.triu_indices(200, 1)]
    assert np.max(np.abs(np.arctanh(correlations))) * np.sqrt(197) < stats.norm.isf(UNLIKELY / 2 / len(correlations))


def test_rows_come_with_their_chances():
    chances = np.array([0.5, 0.25, 0.2, 0.05, 0.0])
    cumulative = np.cumsum(chances)
    sample = [drawn(cumulative, 0, 5, uniform(np.uint64(5), n)) for n in range(20_000)]
    counts = np.bincount(sample, minlength=5)
    assert counts[4] == 0
    assert stats.chisquare(counts[:4], 20_000 * chances[:4]).pvalue > UNLIKELY
    assert stats.chisquare(counts[:4], 20_000 * np.array([0.47, 0.28, 0.2, 0.05])).pvalue < UNLIKELY


def test_row_is_the_first_whose_cumulative_chance_is_above():
    cumulative = np.array([9.0, 9.0, 0.25, 0.5, 1.0])  # two of another table in front
    assert [drawn(cumulative, 2, 3, u) for u in (0.0, 0.2499, 0.25, 0.4999, 0.5, 0.9999)] == [2, 2, 3, 3, 4, 4]


def test_rows_of_a_game_are_those_that_are_counted():
    a, y, w = table([[1.0], [-1.0], [2.0]])
    problem = Problem("p", "linear", Feasible("box", 1), "iid", a, y, w, np.array([0.2, 0.3, 0.5]))
    end = Game(Method("sgd"), problem, runs=40, seed=1).play(2000)
    assert end.counts.sum(axis=1).tolist() == [2000] * 40
    assert stats.chisquare(end.counts.sum(axis=0), 80_000 * np.array([0.2, 0.3, 0.5])).pvalue > UNLIKELY


@pytest.mark.parametrize("index", [1.5, 3.0])
def test_heavy_gradients_have_a_fair_sign_and_their_tail(index):
    sample = np.array([heavy(np.uint64(7), n, index) for n in range(20_000)])
    assert stats.binomtest(int(np.sum(sample > 0)), len(sample)).pvalue > UNLIKELY
    assert stats.kstest(np.abs(sample) + 1, stats.pareto(index).cdf).pvalue > UNLIKELY
    assert stats.kstest(np.abs(sample) + 1, stats.pareto(index + 0.2).cdf).pvalue < UNLIKELY
    positive, negative = np.abs(sample[sample > 0]), np.abs(sample[sample < 0])
    assert stats.ks_2samp(positive, negative).pvalue > UNLIKELY  # the sign tells nothing of the size


def test_signs_are_fair_and_coordinates_independent():
    d, rounds = 12, 2000
    game = Game(Method("sgd"), made_up("signs", d), seed=3, measured=True)
    steps, last = [], np.zeros(d)
    for t in range(1, rounds + 1):
        sums = game.play(t).sums[0]
        steps.append(sums - last)
        last = sums
    rows = np.array(steps)
    assert set(np.unique(rows)) == {-1.0, 1.0}
    limit = stats.norm.isf(UNLIKELY / 2 / d**2)
    assert np.all(np.abs(rows.sum(axis=0)) < limit * np.sqrt(rounds))
    assert np.all(np.abs((rows.T @ rows)[np.triu_indices(d, 1)]) < limit * np.sqrt(rounds))
    assert np.all(np.abs(np.sum(rows[1:] * rows[:-1], axis=0)) < limit * np.sqrt(rounds))


def test_drift_is_a_wave_in_the_root_of_the_round():
    game = Game(Method("sgd"), made_up("drift", 2, scale=30.0))
    last = np.zeros(2)
    for t in range(1, 60):
        sums = game.play(t).sums[0]
        wave = np.cos(2 * np.pi * np.sqrt(t) / 30 + np.arange(2))
        assert np.allclose(sums - last, wave, atol=1e-13)  # sums of 60 numbers of size 1
        last = sums


# Links ------------------------------------------------------------------------------------------------------------


def value(link: Link, z, y, w=1.0):
    return link.loss({"z": z, "y": y, "w": w})


def slope(link: Link, z, y, w=1.0):
    return np.broadcast_to(link.slope({"z": z, "y": y, "w": w}), np.shape(z))


CASES = [(link, y) for name, link in LINKS.items() for y in LABELS[name]]


@pytest.mark.parametrize(("link", "y"), CASES)
def test_slope_is_the_derivative(link, y):
    z = np.linspace(-3, 3, 61) + 0.0123  # no kink on the grid
    h = 1e-6
    by_difference = (value(link, z + h, y) - value(link, z - h, y)) / (2 * h)
    assert np.allclose(slope(link, z, y), by_difference, atol=1e-8)
    assert not np.allclose(slope(link, z, y) * 1.001 + 0.001, by_difference, atol=1e-8)


@pytest.mark.parametrize(("link", "y"), CASES)
def test_loss_is_convex_and_above_its_tangents_at_kinks_too(link, y):
    z = np.linspace(-3, 3, 61)
    at, other = np.meshgrid(z, z)
    tangent = value(link, at, y) + slope(link, at, y) * (other - at)
    assert np.all(value(link, other, y) >= tangent - 1e-14)  # some roundoffs of numbers below 20


@pytest.mark.parametrize(("link", "y"), CASES)
def test_conjugate_is_the_largest_difference_and_met_at_the_slope(link, y):
    z = np.linspace(-12, 12, 240_001)
    for s in np.unique(slope(link, np.array([-2.0, -0.7, 0.1, 1.9]), y)):
        low, high = link.domain(np.float64(y))
        assert low <= s <= high
        exact = link.conjugate(np.float64(s), np.float64(y))
        by_grid = np.max(s * z - value(link, z, y))
        assert exact == pytest.approx(by_grid, abs=1e-8)  # the grid misses its maximum by (1e-4)^2/2
    for z0 in (-2.0, -0.7, 0.1, 1.9):
        s = float(slope(link, np.array(z0), y))
        assert s * z0 - value(link, z0, y) == pytest.approx(
            float(link.conjugate(np.float64(s), np.float64(y))), abs=1e-14
        )


@pytest.mark.parametrize("name", ["absolute", "hinge", "logistic"])
def test_conjugate_is_infinite_outside_its_domain(name):
    y = LABELS[name][-1]
    low, high = LINKS[name].domain(np.float64(y))
    for s in (low - 0.1, high + 0.1):
        values = [np.max(s * z - value(LINKS[name], z, y)) for z in (np.linspace(-r, r, 101) for r in (10, 100, 1000))]
        assert values[2] > values[1] + 50  # it grows without an end


@pytest.mark.parametrize("z", [-800.0, -40.0, 40.0, 800.0])
def test_logistic_loss_neither_overflows_nor_loses_its_digits(z):
    with np.errstate(over="ignore"):
        found, steep = (
            value(LINKS["logistic"], np.float64(z), 0.25),
            float(slope(LINKS["logistic"], np.float64(z), 0.25)),
        )
    assert found == pytest.approx((0.75 * z if z > 0 else -0.25 * z), rel=1e-15)
    assert steep == pytest.approx(0.75 if z > 0 else -0.25)


# Problems ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"link": "cubes"}, "unknown loss 'cubes'"),
        ({"sampling": "sobol"}, "unknown sampling 'sobol'"),
        ({"feasible": Feasible("box", 2)}, "rows of 1 coordinates in a set of 2"),
        ({"w": np.array([-1.0])}, "weight >= 0"),
        ({"y": np.zeros(2)}, "one label"),
        ({"sampling": "signs"}, "sampling signs with 1 rows"),
        ({"batch": 2}, "batch 2"),
        ({"sampling": "iid", "chances": np.array([0.5, 0.5])}, "chances"),
        ({"sampling": "iid", "chances": np.array([0.5])}, "chances"),
        ({"a": np.array([[np.nan]])}, "finite"),
    ],
)
def test_problem_that_does_not_fit_together_is_refused(changes, message):
    given = {"name": "p", "link": "linear", "feasible": Feasible("box", 1), "sampling": "cyclic"}
    given |= {"a": np.ones((1, 1)), "y": np.zeros(1), "w": np.ones(1)}
    with pytest.raises(ValueError, match=message):
        Problem(**(given | changes))


def test_made_up_rows_refuse_what_they_cannot_be():
    with pytest.raises(ValueError, match="at most 64"):
        made_up("signs", 65)
    with pytest.raises(ValueError, match="tail index"):
        made_up("heavy", 1, 1.0)
    with pytest.raises(ValueError, match="period"):
        made_up("drift", 1, 0.0)


def test_settings_name_a_method_and_wrong_ones_are_refused():
    assert method_of({"name": "adamnorm"}) == Method("adamnorm")
    assert method_of({"name": "adamnorm", "guard": "decaying"}).decisions == (("guard", "decaying"),)
    wrong = [
        {"gamma": 1},
        {"lr": True},
        {"gama": 0.5},
        {"steps": "linear"},
        {"decay": 0},
        {"guard": "x"},
        {"name": "x"},
    ]
    messages = ["gamma .* got 1", "lr .* True", "'gama'.*gamma", "'linear'", "decay .* got 0", "guard .* 'x'", "'x'"]
    for settings, message in zip(wrong, messages, strict=True):
        with pytest.raises(ValueError, match=message):
            method_of({"name": "adamnorm", **settings})
    with pytest.raises(ValueError, match="needs a name"):
        method_of({})
    with pytest.raises(ValueError, match="guard does not concern sgd"):
        method_of({"name": "sgd", "guard": "decaying"})


def test_periodic_losses_are_named_after_their_gradients():
    assert periodic([3, -1, -1]).name == "linear 3, -1, -1"
