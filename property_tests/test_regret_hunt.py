"""The hunt finds what fails and nothing else: each part of its criterion is seen to matter."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from click.testing import CliRunner

from adanorm_verify.cli import main
from adanorm_verify.ledger import folder
from adanorm_verify.regret import candidates, configuration, distributions, sequences
from adanorm_verify.regret.candidates import Budget, Ended, Judge, nearest, random, short, shrunk
from adanorm_verify.regret.confirming import confirm, regret
from adanorm_verify.regret.hunting import HUNTED, check, hunt, measure, natural, trophy
from adanorm_verify.regret.methods import method_of
from adanorm_verify.regret.playing import Game
from adanorm_verify.regret.problems import periodic
from adanorm_verify.regret.sequences import Range, all_of, canonical, shown, simplicity
from adanorm_verify.regret.sets import Feasible
from adanorm_verify.regret.settled import SURE, settle

SIMPLEST = (3, -1, -1)
CORRECTED = ("adamnorm", "diffgradnorm", "radamnorm", "adabeliefnorm", "amsgradnorm", "sgdnorm", "adagradnorm")
THEOREMS = ("sgd", "adagrad", "amsgrad")
PLAYED = 1_000_000
"""Rounds of the second horizon here: enough for a rise to be seen, not for the wrong end to be reached."""


def columns(*rows):
    return np.array(rows, dtype=np.int64).T


# What is found ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CORRECTED)
def test_every_corrected_optimizer_fails_at_its_defaults(name):
    found = hunt(natural(name), natural("sgd"), "all", Budget(effort=1000), longest=PLAYED)
    assert found["found"]
    assert found["sequence"] == list(SIMPLEST)
    assert found["stage"] == "short sequences"
    assert found["average_regret"] > found["control_average"] > 0
    assert folder.checker().check(found["certificate"])


def test_the_failure_of_adam_is_found_without_being_told():
    """Theorem 1 of Reddi, Kale and Kumar (2018): C, -1, -1 at beta1 = 0, beta2 = 1/(1 + C^2), here C = 3."""
    judge = Judge(natural("adam"), natural("sgd"))
    stage, settings, sequence = next(candidates.elsewhere(judge, Budget()))
    assert (settings["beta1"], settings["beta2"], sequence) == (0.0, 0.1, SIMPLEST)
    found = trophy((stage, settings, sequence), natural("sgd"), PLAYED, 1)
    assert found["certificate_verdict"] == "proved"
    assert folder.checker().check(found["certificate"])


def test_adam_fails_at_its_defaults_on_long_periods_of_small_integers():
    judge = Judge(natural("adam"), natural("sgd"))
    at = {P: judge.fails((P, *[-1] * (P - 1))) for P in (60, 73, 74, 80)}
    assert at == {60: False, 73: False, 74: True, 80: True}


@pytest.mark.parametrize("control", THEOREMS)
def test_a_control_may_be_any_that_learns(control):
    found = hunt(natural("adamnorm"), natural(control), "periodic-linear", Budget(effort=1000), longest=PLAYED)
    assert found["sequence"] == list(SIMPLEST)


# What is not found -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "seed"), list(product(THEOREMS, range(5))))
def test_nothing_is_found_where_there_is_a_theorem(name, seed):
    judge = Judge(natural(name), natural("sgd"))
    with pytest.raises(Ended):
        next(random(judge, Budget(effort=20_000), seed))


@pytest.mark.parametrize("name", THEOREMS)
def test_no_short_sequence_is_a_candidate_where_there_is_a_theorem(name):
    judge = Judge(natural(name), natural("sgd"))
    with pytest.raises(Ended):
        next(short(judge, Budget(effort=60_000)))


@pytest.mark.parametrize("name", ["amsgrad", "adagrad"])
def test_no_distribution_is_found_where_there_is_a_theorem(name):
    methods = {"optimizer": method_of(natural(name)), "control": method_of(natural("sgd"))}
    assert distributions.trophy(distributions.Law(3, 3), natural(name), methods, 0, PLAYED, 1) is None


def test_a_control_that_fails_as_well_makes_no_trophy():
    judge = Judge(natural("adamnorm"), natural("amsgradnorm"))
    assert judge.margins(np.array([SIMPLEST]))[0] > SURE
    assert not judge.fails(SIMPLEST)


# Each part of the criterion --------------------------------------------------------------------------------------


def test_a_threshold_at_one_horizon_gives_false_alarms():
    """Gradient descent after 10^4 rounds of steps 0.001/sqrt(t) has not moved enough; confirmation is not misled."""
    sgd = method_of(natural("sgd"))
    problem = periodic(SIMPLEST)
    average, _ = regret(Game(sgd, problem).play(9999), problem)
    assert average[0] > 0.3
    assert not confirm({"optimizer": sgd, "control": sgd}, problem, 999).fails


def test_without_the_control_steps_that_are_too_large_give_false_alarms():
    """Gradient descent that still jumps from end to end has an average regret of 4/3, which does not fall as yet."""
    jumping = method_of({"name": "sgd", "lr": 1000})
    alarm = confirm({"optimizer": jumping, "control": jumping}, periodic(SIMPLEST), 999)
    assert alarm.fails
    assert not alarm.holds


def test_play_alone_gives_false_alarms_which_the_proof_does_not():
    """The same, beside a control with small steps: a trophy by play, but its settled cycle leads to the best end."""
    settings = {"name": "sgd", "lr": 1000}
    methods = {"optimizer": method_of(settings), "control": method_of(natural("sgd"))}
    assert confirm(methods, periodic(SIMPLEST), 999).holds
    assert not Judge(settings, natural("sgd")).fails(SIMPLEST)
    assert trophy(("", settings, SIMPLEST), natural("sgd"), 9990, 1) == "not proved"


def test_a_drift_alone_gives_false_alarms():
    """Gradients that sum to zero: Adam drifts, and it costs nothing; such sequences never reach the judge."""
    sequence = (2, -1, -1)
    assert settle(method_of(natural("adam")), columns(sequence)).margin[0] > SURE
    methods = {"optimizer": method_of(natural("adam")), "control": method_of(natural("sgd"))}
    assert not confirm(methods, periodic(sequence), 30_000).holds
    assert not any((all_of(which).sum(axis=1) <= 0).any() for which in sequences.RANGES[:45])


def test_a_candidate_that_is_not_confirmed_is_no_trophy():
    """Adam's failure at its defaults is proved, and far too slow for a short play to show."""
    candidate = ("rare large gradients", natural("adam"), (142, *[-3] * 47))
    assert Judge(natural("adam"), natural("sgd")).fails(candidate[2])
    assert trophy(candidate, natural("sgd"), 100_000, 1).startswith("not confirmed")


def test_a_candidate_that_is_not_proved_is_no_trophy(monkeypatch):
    monkeypatch.setattr("adanorm_verify.regret.hunting.certificate", lambda *_: None)
    assert trophy(("", natural("adamnorm"), SIMPLEST), natural("sgd"), PLAYED, 1) == "not proved"


# The settled cycle -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in HUNTED if "adagrad" not in name])
def test_the_cycle_is_where_play_settles(name):
    method = method_of({"name": name, "steps": "constant", "lr": 1.0})
    cycle = settle(method, columns(SIMPLEST))
    wide = periodic(SIMPLEST, Feasible("box", 1, -1e9, 1e9))
    game = Game(method, wide)  # far from the ends
    points = [game.play(T).theta[0, 0] for T in range(120_000, 120_004)]
    # Points of some 20,000, whose last digit is 4e-12, and moves of about 1 (observed: 3e-11).
    assert np.diff(points) == pytest.approx(cycle.moves[:, 0], rel=1e-10)
    for quantity in set(cycle.memories):
        found = np.ravel(game.state(quantity))[0]
        assert found == pytest.approx(float(cycle.quantities[quantity][-1, 0]), rel=1e-9)


def test_how_each_quantity_remembers():
    def memories(name, **more):
        return dict(settle(method_of({**natural(name), **more}), columns(SIMPLEST)).memories)

    assert memories("amsgradnorm") == {"e": "average", "m": "average", "v": "average", "v_max": "maximum"}
    assert memories("adagrad") == {"v": "sum"}
    # without momentum the belief is zero: an average of zeros, no maximum
    assert memories("adabelief", beta1=0.0) == {"m": "average", "v": "average"}


def test_a_list_that_jumps_does_not_settle():
    with pytest.raises(ValueError, match="not finite"):
        settle(method_of({"name": "leader"}), columns(SIMPLEST))


# Sequences -------------------------------------------------------------------------------------------------------


def test_a_range_holds_every_sequence_once_up_to_symmetry():
    which = Range(4, 2)
    every = [one for one in product(range(-2, 3), repeat=4) if max(map(abs, one)) == 2 and sum(one)]
    wanted = {canonical(one) for one in every if len(canonical(one)) == 4}
    assert sorted(map(tuple, all_of(which).tolist())) == sorted(wanted)
    assert [simplicity(row) for row in all_of(which).tolist()] == sorted(map(simplicity, all_of(which).tolist()))


def test_what_is_found_is_shrunk():
    judge = Judge(natural("adamnorm"), natural("sgd"))
    assert shrunk(judge, canonical((-9, 3, 3, 4, -9, 3, 3, 3))) == SIMPLEST


def test_the_nearest_hyperparameters_come_first():
    first = nearest(natural("adamnorm"))
    assert first[0] in ({**natural("adamnorm"), key: value} for key, value in
                        (("beta1", 0.5), ("beta2", 0.99), ("gamma", 0.99)))  # fmt: skip
    assert "gamma" not in nearest(natural("adam"))[-1]
    assert nearest(natural("sgd")) == []


def test_long_sequences_are_written_short():
    assert shown(SIMPLEST) == "3, -1, -1"
    assert shown((75, *[-1] * 74)) == "75, 74 times -1"


# Cells and the command -------------------------------------------------------------------------------------------

CELL = {
    "optimizer": {"name": "adamnorm"},
    "control": {"name": "sgd"},
    "class": "periodic-linear",
    "effort": 1000,
    "seed": 0,
    "longest": 30_000,
}


def test_a_cell_is_the_same_whenever_it_is_measured_and_whatever_the_threads():
    check(CELL)
    first, second = (json.dumps(measure(CELL), allow_nan=False) for _ in range(2))
    assert first == second
    parts = (CELL["optimizer"], CELL["control"], CELL["class"])
    assert json.dumps(hunt(*parts, Budget(effort=1000), 0, threads=2, longest=30_000)) == first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class": "cubic"}, "class must be one of"),
        ({"effort": 0}, "effort must be"),
        ({"optimizer": {"name": "nope"}}, "unknown optimizer"),
        ({"optimizer": {"name": "adam", "lr": 0}}, "lr must be positive"),
        ({"control": {"name": "leader"}}, "no step that settles"),
        ({"depth": 1}, "unknown setting"),
    ],
)
def test_a_wrong_cell_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        check({**CELL, **change})


def test_a_sweep_may_hold_hunts_and_phase_diagrams():
    text = """
    [[hunt]]
    optimizer = ["adamnorm", "sgd"]
    control = { name = "adagrad", steps = "constant" }
    class = "periodic-linear"
    effort = 1000

    [[phase]]
    optimizer = ["sgdnorm", "adamnorm"]
    gamma = [0.9, 0.95]
    periods = [3, 5]
    ratios = [1.05, 9, 41]
    """
    assert [cell.kind for cell in configuration.cells(text, "here")] == ["hunt"] * 2 + ["phase"] * 4


def test_the_command_writes_what_the_checker_accepts(tmp_path, monkeypatch):
    monkeypatch.setattr("adanorm_verify.regret.hunting.LONGEST_PLAY", PLAYED)
    file = tmp_path / "found.json"
    ran = CliRunner().invoke(main, ["hunt", "--optimizer", "sgdnorm", "--jobs", "1", "--json", str(file)])
    assert ran.exit_code == 0, ran.output
    assert "SGDNorm fails on gradients 3, -1, -1 in turn" in ran.output
    found = json.loads(file.read_text())
    wanted = {"optimizer", "control", "found", "sequence", "average_regret", "horizon", "certificate", "command"}
    assert wanted <= found.keys()
    assert folder.checker().main([found["certificate"]]) == 0


def test_a_hunt_that_finds_nothing_ends_well(tmp_path):
    arguments = ["hunt", "--optimizer", "sgd", "--class", "periodic-linear", "--budget", "0.3", "--jobs", "1"]
    ran = CliRunner().invoke(main, [*arguments, "--json", str(tmp_path / "none.json")])
    assert ran.exit_code == 0, ran.output
    assert "Nothing found" in ran.output
    found = json.loads((tmp_path / "none.json").read_text())
    assert (found["found"], found["sequence"], found["certificate"]) == (False, None, None)
    assert not (tmp_path / "none.certificate.json").exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--optimizer", "nope"], "unknown optimizer 'nope'"),
        (["--optimizer", "adam", "--control", "nope"], "unknown optimizer 'nope'"),
        (["--optimizer", "adam", "--class", "nope"], "--class must be one of"),
        (["--optimizer", "adam", "--budget", "0"], "--budget must be a positive number"),
        (["--optimizer", "adam", "--budget", "nan"], "--budget must be a positive number"),
        (["--optimizer", "leader"], "has no step that settles"),
        ([], "Missing option '--optimizer'"),
    ],
)
def test_a_hunt_that_cannot_run_exits_with_2_and_says_why(wrong, words):
    ran = CliRunner().invoke(main, ["hunt", *wrong])
    assert ran.exit_code == 2
    assert words in ran.output
