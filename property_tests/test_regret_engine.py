"""The compiled loop is the list of equations: checked as any optimizer is, and over long runs against the reference."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from adanorm_verify import check_optimizer
from adanorm_verify.deviations import DEVIATIONS
from adanorm_verify.paper import ALGORITHMS, HYPERPARAMETERS, Algorithm, Hyperparameters, algorithm
from adanorm_verify.paper.controls import CONTROLS
from adanorm_verify.reference import State, initial_state, step
from adanorm_verify.regret.compiling import Kernel, heavy, kernel
from adanorm_verify.regret.links import LINKS
from adanorm_verify.regret.methods import Method
from adanorm_verify.regret.playing import Game, dyadic
from adanorm_verify.regret.problems import TABLES, Problem, key_of, periodic, table, uniform, word
from adanorm_verify.regret.sets import Feasible
from adanorm_verify.regret.tasks import BLOCK, LAYOUTS, Task
from adanorm_verify.regret.text import FLUSH
from adanorm_verify.runs import Check, Combination, probe, run_case
from adanorm_verify.shelf.generated import changed
from adanorm_verify.shelf.interpreted import USUAL_KEYS, Interpreted, InterpretedNorm, joined
from adanorm_verify.streams import designed
from adanorm_verify.subject import Subject

LANE = 5
"""The run of a block whose state is looked at; the other runs are given other gradients."""


def one_round(listed: Algorithm, layout: str) -> Kernel:
    """A round of linear losses on the whole line, without a projection."""
    return kernel(Task(listed, LINKS["linear"], "cyclic", "line", LAYOUTS[layout], batched=False, measured=False))


class Played(Interpreted):
    """A step of a tensor is one round of the compiled loop, whose row is the gradient: in every layout, bit for bit."""

    compiled: dict[str, Kernel]

    def step_one(self, p: Tensor, gradient: Tensor, vector: np.ndarray, group: dict[str, Any]) -> None:
        state = self.state[p]
        t = state["step"] = state.get("step", 0) + 1
        layouts = ["single", "blocks", *(["scalar"] if p.numel() == 1 else [])]
        found = [self.played(layout, t, p, joined([gradient]), group) for layout in layouts]
        for quantity, value in found[0].items():
            assert all(np.array_equal(value, other[quantity], equal_nan=True) for other in found[1:]), quantity
            part = self.shaped(quantity, value, p)
            if quantity == "theta":
                p.copy_(part.reshape(p.shape))
            else:
                state[USUAL_KEYS.get(quantity, quantity)] = part

    def played(self, layout: str, t: int, p: Tensor, g: np.ndarray, group: dict[str, Any]) -> dict[str, np.ndarray]:
        """The state after round t, which begins with what the optimizer remembers."""
        if layout not in self.compiled:
            self.compiled[layout] = one_round(self.listed, layout)
        kept = self.compiled[layout]
        width, lane = (BLOCK, LANE) if layout == "blocks" else (1, 0)
        elements = np.zeros((len(kept.elements), 1, g.size, width))
        tensors = np.zeros((len(kept.tensors), 1, width))
        states = [(elements, kept.elements), (tensors, kept.tensors)]
        for array, names in states:
            for n, quantity in enumerate(names):
                array[n, 0] = self.remembered(quantity, p)[..., None]
        known = self.numbers(group)
        numbers = tuple(float(known[one]) for one in (*HYPERPARAMETERS, *self.listed.constants))
        rows = (np.arange(width) - lane + 1.0)[:, None] * g  # the lane's own has the factor 1
        ones, each, runs = np.ones(width), np.zeros((3, 1, g.size, width)), np.zeros((3, 1, width))
        kept.play(
            *(t, t, 0, g.size, elements, tensors, numbers, rows, ones, ones, ones, 1, 1, 1.0),
            *(np.arange(width), np.zeros(width, np.uint64), 0.0, 0.0, 0.0),
            *(runs, np.zeros(1, np.int64), each[0], runs, each),
        )
        return {name: array[n, 0, ..., lane].reshape(-1) for array, names in states for n, name in enumerate(names)}


class PlayedNorm(Played, InterpretedNorm):
    """The same with a `gamma`."""


def optimizer(listed: Algorithm) -> type[Played]:
    base = PlayedNorm if "s" in listed else Played
    return type(f"Played{listed.title}", (base,), {"listed": listed, "compiled": {}})


def compared(listed: Algorithm, paper: Algorithm) -> Combination:
    """The compiled `listed` against the envelope of `paper`, along the designed cases until one fails."""
    own = Subject(optimizer(listed), listed.title, {}, {}, paper.hyperparameters)
    check = Check(own, paper, own.base, "cpu")
    combination = probe(check, "default", "float64")
    for case in designed("float64"):
        if run_case(check, case, [combination]):
            break
    return combination


LISTS = {name: algorithm(name) for name in ALGORITHMS} | {"guarded": algorithm("adamnorm", {"guard": "decaying"})}
ALTERED = [("adamnorm", "s"), ("adamnorm", "e"), ("radam", "rho"), ("adabelief", "v"), ("diffgrad", "xi")]
"""Algorithms and an equation of which a deviation must be caught."""


@pytest.mark.parametrize("name", LISTS)
def test_round_of_the_compiled_list_is_a_step_of_the_paper_in_every_layout(name):
    found = compared(LISTS[name], LISTS[name])
    assert found.failure is None
    assert found.refused == 0
    assert found.cases == len(designed("float64"))
    assert found.moved
    assert found.tallies["theta"].compared > 2000


def test_compiled_optimizer_passes_the_whole_check():
    made = optimizer(algorithm("adam"))
    verdict = check_optimizer(made, "adam", profile="quick", dtypes=["float64"], explain=False)
    assert verdict.conforms, verdict.summary()


@pytest.mark.parametrize(("name", "equation"), ALTERED)
def test_compiled_list_with_one_equation_altered_is_caught(name, equation):
    paper = algorithm(name)
    deviation = next(d for d in DEVIATIONS if d.equation == equation and d.concerns(paper))
    assert compared(changed(paper, deviation), paper).failure is not None, deviation.name


def test_list_whose_quantity_has_a_name_of_the_loop_is_refused():
    sum_of_squares = replace(CONTROLS["adagrad"]["v"], name="rows", reads={"v_prev": "rows_prev"})
    with pytest.raises(ValueError, match="rows is a name of the loop's own"):
        one_round(CONTROLS["sgd"].inserting(sum_of_squares, before="theta"), "scalar")


def test_list_that_needs_a_sum_in_an_element_is_refused():
    listed = changed(algorithm("adam"), next(d for d in DEVIATIONS if d.name == "v-of-tensor"))
    with pytest.raises(ValueError, match="v sums over a tensor"):
        one_round(listed, "single")


# Long runs against the reference, with projections ----------------------------------------------------------------


def rows_of(problem: Problem, key: np.uint64, t: int) -> list[int]:
    """The rows of round t."""
    if problem.sampling == "cyclic":
        return [(t - 1) % len(problem.y)]
    counters = [t] if problem.batch == 1 else [t * problem.batch + j for j in range(problem.batch)]
    cumulative = np.cumsum(problem.probabilities)
    return [int(np.searchsorted(cumulative, uniform(key, counter), side="right")) for counter in counters]


def made_up_row(problem: Problem, key: np.uint64, t: int) -> np.ndarray:
    d = problem.dimension
    if problem.sampling == "signs":
        return np.array([1.0 - 2.0 * (int(word(key, t)) >> i & 1) for i in range(d)])
    if problem.sampling == "heavy":
        return np.array([heavy(key, t * d + i, problem.scale) for i in range(d)])
    return np.cos(2 * np.pi * np.sqrt(t) / problem.scale + np.arange(d))


def interpreted(method: Method, problem: Problem, rounds: int, seed: int) -> tuple[float, State, np.ndarray]:
    """The loss, the state and the gradients of a run in which every round is a step of the reference."""
    listed, key, link = method.listed, key_of(seed, 0), problem.law
    state = initial_state(listed, problem.feasible.middle)
    total, gradients = 0.0, []
    for t in range(1, rounds + 1):
        theta, g = state.values["theta"], np.zeros(problem.dimension)
        if problem.sampling in TABLES:
            drawn = [(problem.a[row], problem.y[row], problem.w[row]) for row in rows_of(problem, key, t)]
        else:
            drawn = [(made_up_row(problem, key, t), 0.0, 1.0)]
        for a, y, w in drawn:
            known = {"z": np.sum(a * theta), "y": y, "w": w}
            total += link.loss(known) / problem.batch
            g += link.slope(known) * a / problem.batch
        state, quantities = step(listed, state, g, method.hyperparameters)
        weights = np.broadcast_to(quantities.get("metric", 1.0), theta.shape)
        state = State(state.t, {**state.values, "theta": problem.feasible.project(state.values["theta"], weights)})
        gradients.append(g)
    return total, state, np.array(gradients)


RNG = np.random.default_rng(5)
A, Y, NO = RNG.normal(size=(23, 3)), RNG.normal(size=23), np.zeros(0)
LINE, BOX, BALL, SIMPLEX = (Feasible(kind, 3) for kind in ("line", "box", "ball", "simplex"))
PROBLEMS = {
    "periodic": periodic([3, -1, -1]),
    "signs": Problem("signs", "linear", Feasible("box", 4), "signs", np.zeros((0, 4)), NO, NO),
    "heavy": Problem("heavy", "linear", BALL, "heavy", np.zeros((0, 3)), NO, NO, None, 1, 1.5),
    "drift": Problem("drift", "linear", SIMPLEX, "drift", np.zeros((0, 3)), NO, NO, None, 1, 50.0),
    "squares": Problem("squares", "squares", LINE, "cyclic", *table(A, Y)),
    "absolute": Problem("absolute", "absolute", BALL, "iid", *table(A, Y)),
    "hinge": Problem("hinge", "hinge", BOX, "iid", *table(A, np.sign(Y))),
    "batches": Problem("batches", "logistic", BOX, "iid", *table(A, np.arange(23) % 2, np.abs(Y)), None, 4),
    "experts": Problem("experts", "linear", SIMPLEX, "cyclic", *table(A)),
}
HIGH = Hyperparameters(lr=0.3)
RUNS = [
    ("adamnorm", "periodic", {}),
    ("adamnorm", "signs", {"steps": "constant", "decay": 0.999}),
    ("amsgrad", "heavy", {}),
    ("adabeliefnorm", "drift", {}),
    ("sgd", "squares", {"steps": "inverse", "hyperparameters": Hyperparameters(lr=0.1)}),
    ("radamnorm", "absolute", {}),
    ("diffgradnorm", "hinge", {"steps": "inverse-fourth-root"}),
    ("adamnorm", "batches", {"decisions": (("guard", "decaying"),)}),
    ("adagrad", "experts", {}),
    ("sgdnorm", "signs", {}),
    ("adagradnorm", "periodic", {}),
    ("leader", "signs", {}),
]
ROUNDS = 3000
SLACK = ROUNDS * 2.0**-53
"""A roundoff of the size of a quantity a round, as a sum of ROUNDS terms may be off."""


@pytest.mark.parametrize(("name", "problem", "changes"), RUNS, ids=[f"{name}-{problem}" for name, problem, _ in RUNS])
def test_long_run_is_that_of_the_reference(name, problem, changes):
    method, played = Method(name, **{"hyperparameters": HIGH, **changes}), PROBLEMS[problem]
    loss, state, gradients = interpreted(method, played, ROUNDS, seed=2)
    game = Game(method, played, seed=2, measured=True)
    end = game.play(ROUNDS)
    for quantity, value in state.values.items():
        scale = max(1.0, float(np.max(np.abs(value))))
        assert np.max(np.abs(np.ravel(game.state(quantity)) - np.ravel(value))) <= SLACK * scale, quantity
    assert abs(end.loss[0] - loss) <= SLACK * float(np.sum(np.abs(gradients)))
    assert end.measures["G"][0] == pytest.approx(np.max(np.linalg.norm(gradients, axis=1)), rel=SLACK)
    assert end.measures["G_inf"][0] == pytest.approx(np.max(np.abs(gradients)), rel=SLACK)
    assert end.measures["squares"][0] == pytest.approx(np.sum(gradients**2, axis=0), rel=SLACK)
    if end.sums is not None:
        assert np.allclose(end.sums[0], np.sum(gradients, axis=0), atol=SLACK * np.sum(np.abs(gradients)))


# Layouts, pieces and threads --------------------------------------------------------------------------------------

MANY = [("adamnorm", "periodic"), ("adamnorm", "signs"), ("amsgradnorm", "experts"), ("adamnorm", "batches")]


def same(one, other, run: int) -> None:
    """The only run of `one` is run `run` of `other`, to the last bit."""
    for name in ("loss", "rounding", "theta", "counts", "sums"):
        value = getattr(one, name)
        assert value is None or np.array_equal(value[0], getattr(other, name)[run]), name
    for name, value in one.measures.items():
        assert np.array_equal(value[0], other.measures[name][run]), name


@pytest.mark.parametrize(("name", "problem"), MANY)
def test_run_alone_in_pieces_or_among_many_on_threads_has_the_same_bits(name, problem):
    method, played = Method(name, HIGH), PROBLEMS[problem]
    many = Game(method, played, runs=BLOCK + 8, seed=4, measured=True).play(1500)
    pieces = Game(method, played, runs=BLOCK + 8, seed=4, measured=True, threads=2)
    for horizon in (137, 1024):
        pieces.play(horizon)
    again = pieces.play(1500)
    assert np.array_equal(again.theta, many.theta)
    assert np.all(np.abs(again.loss - many.loss) <= again.rounding + many.rounding)
    for run in (0, BLOCK - 1, BLOCK, BLOCK + 7):
        same(Game(method, played, seed=4, first_run=run, measured=True).play(1500), many, run)
    if played.sampling != "cyclic":
        assert len(np.unique(many.theta, axis=0)) > BLOCK  # runs differ


def test_stated_rounding_bounds_the_error_of_the_sum():
    """One tenth is no float: equal losses add up to what exact arithmetic says, to within what is stated."""
    problem = Problem("p", "linear", Feasible("box", 1), "cyclic", *table([[0.1]]))
    still = Method("sgd", Hyperparameters(lr=0.0))
    for horizon in (10, 1024, 300_000):
        end = Game(still, problem, start=0.7).play(horizon)
        error = abs(Fraction(float(end.loss[0])) - Fraction(0.1 * 0.7) * horizon)  # each loss is that float
        assert error <= Fraction(float(end.rounding[0]))
        assert end.rounding[0] <= (FLUSH + 3) * 2.0**-53 * abs(end.loss[0])


def test_memory_does_not_grow_with_the_horizon():
    method, problem = Method("adamnorm"), periodic([3, -1, -1])
    Game(method, problem).play(10)  # compiled
    peaks = []
    for horizon in (10_000, 1_000_000):
        tracemalloc.start()
        Game(method, problem).play(horizon)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= peaks[0] + 1024  # a list of the rounds would be millions


def test_tables_of_each_run_are_its_own():
    gradients = np.array([[3.0, -1.0, -1.0], [-3.0, 1.0, 1.0], [2.0, 2.0, -5.0]])
    tables = gradients[..., None], np.zeros((3, 3)), np.ones((3, 3))
    together = Game(Method("adamnorm"), periodic([0, 0, 0]), runs=3, tables=tables).play(500)
    for run, own in enumerate(gradients):
        same(Game(Method("adamnorm"), periodic(own)).play(500), together, run)


@pytest.mark.parametrize(
    ("method", "problem", "arguments", "message"),
    [
        (Method("leader"), "squares", {}, "leader steps to infinity"),
        (Method("leader"), "experts", {}, "leader steps to infinity"),
        (Method("adam", Hyperparameters(eps=0.0)), "experts", {}, r"eps must be above 0 on a simplex, got 0\.0"),
        (Method("adam"), "periodic", {"start": 1.5}, r"the start \[1\.5\] lies outside the set"),
        (Method("adam"), "periodic", {"runs": 0}, "runs must be at least 1, got 0"),
    ],
)
def test_game_that_cannot_be_played_is_refused(method, problem, arguments, message):
    with pytest.raises(ValueError, match=message):
        Game(method, PROBLEMS[problem], **arguments)


def test_horizon_that_lies_behind_is_refused():
    game = Game(Method("adamnorm"), periodic([3, -1, -1]))
    game.play(10)
    with pytest.raises(ValueError, match="above 10, got 10"):
        game.play(10)


def test_dyadic_checkpoints_end_at_the_last():
    assert dyadic(10, 45) == [10, 20, 40, 45]
    assert dyadic(10, 40) == [10, 20, 40]
