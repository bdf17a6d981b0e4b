"""The closed forms and bounds that the ledger exports hold on runs, and are no larger than they must be."""

from __future__ import annotations

from fractions import Fraction
from importlib import import_module

import numpy as np
import pytest

from adanorm_verify.ledger import folder
from adanorm_verify.paper import Hyperparameters, algorithm
from adanorm_verify.reference import initial_state, step

folder.entries()
noise, lemma, pathwise = (import_module(f"theory.{name}") for name in ("noise_formulas", "repaired_lemma", "pathwise"))


def lemma_sum(gradients, name="adamnorm"):
    """sum m_hat^2/sqrt(t v_hat) at every T in one dimension, and the largest correction ratio."""
    listed, total, sums, ratio = algorithm(name), 0.0, [], 1.0
    state = initial_state(listed, np.zeros(1))
    for t, g in enumerate(gradients, 1):
        state, known = step(listed, state, np.array([g]), Hyperparameters(eps=0.0))
        total += float(known["m_hat"][0] ** 2 / np.sqrt(t * known["v_hat"][0]))
        ratio = max(ratio, abs(float(known["s"][0]) / g)) if "s" in known else 1.0
        sums.append(total)
    return np.array(sums), ratio


@pytest.mark.parametrize("seed", range(8))
def test_the_corrected_lemma_bounds_random_runs(seed):
    random = np.random.default_rng(seed)
    gradients = random.standard_normal(200) * np.exp(random.standard_normal(200)) + 1e-3
    sums, ratio = lemma_sum(gradients)
    assert ratio > 1
    assert np.all(sums <= lemma.bound(gradients, ratio))


def test_the_corrected_lemma_is_within_a_factor_of_two():
    gradients = 1 / np.sqrt(np.arange(1, 1001))
    sums, ratio = lemma_sum(gradients, "adam")
    assert sums[-1] < lemma.bound(gradients, ratio)[-1] < 2 * sums[-1]


def test_the_corrected_lemma_needs_its_hypothesis():
    with pytest.raises(ValueError, match=r"beta1 = 0\.99, beta2 = 0\.9"):
        lemma.bound([1.0], beta1=0.99, beta2=0.9)


def test_the_pathwise_bound_is_attained():
    """Constant gradients from the end of the box, and steps that reach the other end at the last round (path.tight)."""
    rounds, side = 25, 2.0
    preconditioner = rounds / side
    points = side - np.arange(rounds) * (side / rounds)
    bound = pathwise.pathwise_bound(
        np.ones((rounds, 1)), np.full((rounds, 1), preconditioner), np.array([side]), beta1=0.0
    )
    assert bound[-1] == pytest.approx(np.sum(points - 0), rel=rounds * np.finfo(float).eps)


@pytest.mark.parametrize("seed", range(5))
def test_the_pathwise_bound_holds_for_any_ratios(seed):
    random = np.random.default_rng(seed)
    x, m, beta1, moments, preconditioners, paid = 0.5, 0.0, 0.9, [], [], []
    for _ in range(60):
        g, c, a = random.choice([-3.0, 1.0]), 1 + random.exponential(), 1 + random.exponential()
        paid.append(c * g * np.array([x - 1, x + 1]))
        m = beta1 * m + (1 - beta1) * c * g
        x = float(np.clip(x - m / a, -1, 1))
        moments.append([m])
        preconditioners.append([a])
    bound = pathwise.pathwise_bound(np.array(moments), np.array(preconditioners), np.array([2.0]), beta1)
    assert np.all(np.cumsum(paid, axis=0).max(axis=1) <= bound)


@pytest.mark.parametrize("gamma", [Fraction(0), Fraction(1, 2), Fraction(19, 20)])
@pytest.mark.parametrize("rate", [Fraction(1, 100), Fraction(1, 5), Fraction(1, 2)])
def test_the_stationary_rate_is_the_zero_of_the_mean_step(rate, gamma):
    learned = noise.logistic_stationary(rate, gamma)
    assert noise.logistic_mean(learned, rate, gamma) == 0
    assert (learned == rate) == (gamma == 0 or rate == Fraction(1, 2))


@pytest.mark.parametrize("tau", [0.5, 0.9, 0.99])
def test_the_learned_quantile_is_the_zero_of_the_mean_step(tau):
    found = noise.pinball_stationary(tau, 0.95)
    assert abs(noise.pinball_mean(found, tau, 0.95)) < 16 * np.finfo(float).eps
    assert (found < tau) == (tau > 0.5)


def test_the_mean_step_of_two_point_gradients_is_that_of_a_long_run():
    """Independent of the proof: the average of s over a seeded run of the reference, in standard errors of blocks."""
    p, large, small, gamma = 0.3, 3.0, 1.0, 0.95
    draws = np.random.default_rng(1).random(40_000) < p
    norms = np.where(draws, large, small)
    e, total = 0.0, []
    for big, n in zip(draws, norms, strict=True):
        e = gamma * e + (1 - gamma) * n
        total.append((1 if big else -1) * max(n, e))
    blocks = np.array(total[1000:]).reshape(-1, 1000).mean(axis=1)
    error = blocks.std(ddof=1) / np.sqrt(len(blocks))
    assert abs(blocks.mean() - noise.two_point_mean(p, large, small, gamma)) < 4 * error
    assert abs(blocks.mean() - noise.two_point_mean(p, large, small, 0.0)) > 20 * error
