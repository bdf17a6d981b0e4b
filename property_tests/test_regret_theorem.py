"""The right-hand side of Theorem 1 along a run: against loops, against the ledger's formulas, and when it is silent."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from adanorm_verify.paper import Hyperparameters
from adanorm_verify.regret.methods import Method, method_of
from adanorm_verify.regret.playing import Checkpoint, Game
from adanorm_verify.regret.problems import periodic
from adanorm_verify.regret.regrets import compared, regret_of, running
from adanorm_verify.regret.theorem import Claim, claim, right_hand_side, why_not
from adanorm_verify.regret.zoo import problem
from theory.theorem2 import terms

SETTINGS = {"name": "adamnorm", "lr": 0.1, "beta1": 0.9, "beta2": 0.99, "gamma": 0.9, "decay": 0.5}


def replayed(gradients: list[float], horizon: int, alpha=0.1, beta1=0.9, beta2=0.99, gamma=0.9, lam=0.5, start=0.0):
    """AdamNorm on [-1, 1] by loops of plain numbers, momentum as the theorem has it: points, v_T, losses."""
    x, m, v, e, points, losses = start, 0.0, 0.0, 0.0, [], 0.0
    for t in range(1, horizon + 1):
        g = gradients[(t - 1) % len(gradients)]
        points.append(x)
        losses += g * x
        e = gamma * e + (1 - gamma) * abs(g)
        s = e / abs(g) * g if e > abs(g) else g
        beta = beta1 * lam ** (t - 1)
        m = beta * m + (1 - beta) * s
        v = beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        x = min(max(x - alpha / sqrt(t) * m_hat / (sqrt(v_hat) + 1e-8), -1), 1)
    return points, v, losses


def by_loops(T, v_hat, norms, G, G_inf, D, D_inf, alpha, beta1, beta2, gamma, lam) -> list[float]:
    """One run, lists of d numbers."""
    first = second = third = 0.0
    for i in range(len(v_hat)):
        first += D**2 / (2 * alpha * (1 - beta1)) * sqrt(T * v_hat[i])
        second += alpha * (1 + beta1) * G_inf**3 / ((1 - beta1) * sqrt(1 - beta2) * (1 - gamma) ** 2 * G**2) * norms[i]
        third += D_inf**2 * G_inf * sqrt(1 - beta2) / (2 * alpha * (1 - beta1) * (1 - lam) ** 2)
    return [first, second, third]


@pytest.fixture(scope="module")
def played() -> Checkpoint:
    return Game(method_of(SETTINGS), periodic([3, -1, -1]), measured=True).play(3)


def test_against_loops_in_several_dimensions():
    rng = np.random.default_rng(0)
    runs, d, hyperparameters = 4, 3, {"alpha": 0.02, "beta1": 0.8, "beta2": 0.97, "gamma": 0.9, "lam": 0.99}
    v_hat, norms = rng.uniform(0, 2, (2, runs, d))
    G, G_inf, D, D_inf = rng.uniform(1, 2, (4, runs))
    found = right_hand_side(50, v_hat, norms, G, G_inf, D, D_inf, **hyperparameters)
    for run in range(runs):
        mine = by_loops(50, v_hat[run], norms[run], G[run], G_inf[run], D[run], D_inf[run], **hyperparameters)
        assert found[:, run].tolist() == pytest.approx(mine, rel=1e-14)


@pytest.mark.parametrize("horizon", [1, 2, 37])
def test_a_run_against_the_formulas_of_the_ledger(horizon):
    gradients = [3.0, -1.0, -1.0]
    game = Game(method_of(SETTINGS), periodic(gradients), measured=True)
    checkpoint = game.play(horizon)
    regret = regret_of(checkpoint, game.problem)
    found = claim(game.method, checkpoint, regret.best.points)
    points, v, losses = replayed(gradients, horizon)
    star = regret.best.points[0, 0]
    D = max(*points, star) - min(*points, star)
    met = [gradients[t % 3] for t in range(horizon)]
    names = {"T": horizon, "D": D, "D_inf": D, "G": 3, "G_inf": 3, "alpha": 0.1, "beta1": 0.9, "beta2": 0.99,
             "gamma": 0.9, "lam": 0.5, "sqrt": sqrt, "sum": sum, "range": range, "g": [None, *met],
             "v_hat": {horizon: v / (1 - 0.99**horizon)}}  # fmt: skip
    ledger = [eval(text, dict(names)) for _, text in terms("gamma", horizon)]
    assert found.terms[:, 0].tolist() == pytest.approx(ledger, rel=1e-12)
    # the ledger writes D^2 in the third term where the theorem has D_inf^2: in one dimension they are equal
    assert (found.G[0], found.G_inf[0], found.D[0]) == (3, 3, pytest.approx(D, rel=1e-14))
    assert found.bound[0] >= sum(ledger)
    best = -abs(sum(met))
    assert regret.low[0] <= losses - best + 1e-12
    assert regret.high[0] >= losses - best - 1e-12


def test_distances_include_the_best_fixed_point_and_more_than_one_coordinate():
    game = Game(method_of({"name": "adamnorm", "decay": 0.5}), problem("turns-box", dimension=4, seed=3), runs=3,
                measured=True)  # fmt: skip
    checkpoint = game.play(100)
    points = regret_of(checkpoint, game.problem).best.points
    found = claim(game.method, checkpoint, points)
    far = np.max(np.abs(points - checkpoint.theta), axis=1)
    assert np.all(found.D_inf >= far - 0.1)
    assert np.all(found.D_inf <= found.D)
    assert np.all(2 * found.D_inf + 1e-12 >= found.D)  # sqrt(4) coordinates
    assert np.all(found.G_inf <= found.G)


def test_adam_is_the_theorem_at_gamma_zero():
    game = Game(method_of({**SETTINGS, "name": "adam"}), periodic([3, -1, -1]), measured=True)
    checkpoint = game.play(50)
    adam = claim(game.method, checkpoint, np.array([[-1.0]]))
    game = Game(method_of({**SETTINGS, "gamma": 0.0}), periodic([3, -1, -1]), measured=True)
    norm = claim(game.method, game.play(50), np.array([[-1.0]]))
    assert adam.terms == pytest.approx(norm.terms, rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"steps": "constant"}, "steps"),
        ({"decay": None}, "lambda"),
        ({"decay": 1.0}, "lambda"),
        ({"beta1": 0.99, "beta2": 0.5}, "beta1"),
        ({"lr": 0.0}, "alpha"),
        ({"name": "diffgradnorm"}, "diffgradnorm"),
        ({"name": "sgd"}, "sgd"),
        ({"guard": "decaying"}, "guard"),
    ],
)
def test_where_a_condition_fails_there_is_a_reason_and_no_number(changes, reason, played):
    method = method_of({**SETTINGS, **changes})
    assert reason in str(why_not(method))
    with pytest.raises(ValueError, match=reason):
        claim(method, played, np.zeros((1, 1)))
    assert why_not(method_of(SETTINGS)) is None


def test_nothing_is_said_without_measures(played):
    with pytest.raises(ValueError, match="measured"):
        claim(method_of(SETTINGS), replace(played, measures={}), np.zeros((1, 1)))


def test_the_violation_of_the_ledger_is_found():
    """A loss of 1e-4 x met near its best point: terms of second order against a regret of first (entry thm1)."""
    small = periodic([1e-4])
    method = method_of({**SETTINGS, "lr": 0.1, "gamma": 0.5, "beta1": 0.0, "beta2": 0.5})
    # start a little above the best point -1
    game = Game(method, small, start=-1 + 0.01, measured=True)
    found, claims = [], []
    for checkpoint, regret in running(game, [1, 2, 4]):
        found.append(regret)
        claims.append(claim(method, checkpoint, regret.best.points))
    low = np.stack([one.low for one in found])
    record = compared(low, claims)
    assert low[0, 0] == pytest.approx(1e-6)
    assert record["first_violation"] == 1
    assert record["claimed"][0] < 1e-6
    # a correct run is not one: regret below what is claimed
    assert compared(low * 0, claims)["first_violation"] is None


def test_meeting_is_where_the_bound_and_the_trivial_one_cross():
    one = np.ones(1)
    found = Claim(100, np.array([[30.0], [20.0], [7.0]]), one, one, 2 * one, one)
    T = found.meeting[0]
    assert 5 * sqrt(T) + 7 == pytest.approx(2 * T)
    record = compared(np.zeros((1, 1)), [found])
    assert record["first_informative"] == 100  # 57 < 200
    late = Claim(100, np.array([[3000.0], [0.0], [0.0]]), one, one, 2 * one, one)
    record = compared(np.zeros((1, 1)), [late])
    assert record["first_informative"] is None
    assert record["informative_from"] == pytest.approx(150**2)
    assert compared(np.zeros((1, 1)), []) == dict.fromkeys(record)


def test_no_gradients_at_all_claim_nothing_infinite():
    found = right_hand_side(5, *np.zeros((2, 1, 2)), *np.zeros((4, 1)), alpha=1, beta1=0, beta2=0.5, gamma=0, lam=0.5)
    assert found.tolist() == [[0], [0], [0]]


def test_steps_of_the_theorem_are_the_default():
    assert Method("adamnorm", Hyperparameters(), decay=0.9).steps == "inverse-root"
