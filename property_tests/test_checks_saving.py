"""Saved states: empty, old, incomplete, in other formats, loaded twice; and one cause is one finding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_checks_faithful import contract, failures

from adanorm_verify import check_optimizer
from adanorm_verify.checks.trial import deliberate
from adanorm_verify.reports.html import check_rows
from adanorm_verify.shelf import _base
from adanorm_verify.shelf.faithful_saving import NoOptimizerOfTorch, SealedGroups, StateOfGroup
from adanorm_verify.shelf.wrong_saving import WRONG_SAVING
from adanorm_verify.summary import by_cause
from adanorm_verify.targets import load
from adanorm_verify.verdict import CheckResult, Verdict

FAULTS = Path(__file__).parents[2] / "shared" / "faults"
SAVING = {
    "state-before-the-first-step",
    "state-into-a-used-instance",
    "state-without-an-option",
    "state-without-a-key",
    "state-in-other-formats",
    "state-loaded-twice",
}
CAUSES = {
    "EmptyStateKeyed": "a state saved before the first step is loaded, and the next step raises KeyError: 'exp_avg'",
    "EmptyStateAhead": "a state saved before the first step, loaded into a fresh instance, does not begin again",
    "EmptyStateIgnored": "a state saved before the first step, loaded into an instance that has taken steps, does not",
    "LoadsOnTop": "state exp_avg comes back from a load with other numbers",
    "EpsFilledWrong": "a state without eps goes on otherwise than with its default 1e-08",
    "GammaFilledWrong": "a state without gamma goes on otherwise than with its default 0.95",
    "RateFilledWrong": "a state without lr goes on otherwise than with its default 0.001",
    "CountMadeAnew": "a state without step of tensor 0 is half used: its count begins anew beside averages of 4 steps",
    "IncompleteStandsStill": "a state without step of tensor 0 leaves that tensor where it is",
    "IncompleteForAll": "a state without step of tensor 0 changes another tensor",
    "ListsOfDefaults": "a state whose tuples have become lists goes on otherwise",
    "NumbersBeginAnew": "a state whose counts are plain numbers goes on otherwise",
    "LoadTakesOver": "two instances loaded from one dict share the state of tensor 0",
    "LoadEmpties": "a load changes the caller's dict: state.0.step is gone",
    "LoadConverts": "a load changes the caller's dict: state.0.step was 4 int, and is 4 torch.int64",
    "CountInList": "a step after a load changes the caller's dict: state.0.count[0] was 4 int, and is 5 int",
    "LoadedShareState": "two instances that have loaded the same state disturb each other",
}


def of(results, outcome: str) -> dict[str, str]:
    return {result.name: result.message for result in results if result.outcome == outcome}


@pytest.mark.parametrize("subject", WRONG_SAVING, ids=lambda subject: subject.__name__)
def test_wrong_saving_is_caught_here_alone_and_its_cause_comes_first(subject):
    results = contract(subject, subject.algorithm, "quick")
    failed = of(results, "failed")
    assert set(failed) <= SAVING
    assert any(message.startswith(CAUSES[subject.__name__]) for message in failed.values())
    assert all(r.cause == r.message.splitlines()[0] for r in results if r.outcome == "failed")


@pytest.mark.parametrize(
    ("subject", "name"), [(torch.optim.Adam, "adam"), (torch.optim.RAdam, "radam"), (torch.optim.NAdam, "adam")]
)
def test_torch_saves_and_loads_as_it_should_on_all_paths(subject, name):
    results = [result for result in contract(subject, name, "quick") if result.name in SAVING]
    assert {result.outcome for result in results} == {"passed"}
    notes = {result.message for result in results if result.name == "state-without-an-option"}
    assert all(note.startswith("a state must hold lr, betas, eps, weight_decay") for note in notes)


class LateSwitch(_base.Adam):
    """A switch is read from every group."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, mirrored=False):
        super().__init__(params, lr, betas, eps, mirrored=mirrored)

    def move(self, param, update):
        super().move(param, -update if self.param_groups[0]["mirrored"] else update)


def test_a_state_without_a_switch_that_raises_is_warned_of():
    warned = of(contract(LateSwitch, "adam", "quick"), "warned")
    assert warned["state-without-an-option"] == (
        "a state of a version without mirrored cannot be continued (KeyError: 'mirrored')"
    )


class Note:
    """Something of its own in a state."""


class KeepsNote(_base.Adam):
    """The state holds an object of a class of its own."""

    def fresh_state(self, g, group):
        return {**super().fresh_state(g, group), "note": Note()}


class RemakesMoment(_base.Adam):
    """A moment that is missing is made anew."""

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for param, state in self.state.items():
            state.setdefault("exp_avg", torch.zeros_like(param))


class TakesNumbersForTensors(_base.Adam):
    """The count is a tensor, and nothing else is taken."""

    def fresh_state(self, g, group):
        return {**super().fresh_state(g, group), "step": torch.tensor(0.0)}

    def look(self, group, state, g):
        state["step"].add_(1)
        return _base.Now(group, state, g, int(state["step"]))


@pytest.mark.parametrize(
    ("subject", "check", "text"),
    [
        (
            KeepsNote,
            "state-in-other-formats",
            "a saved state needs torch.load(weights_only=False): it holds state.0.note",
        ),
        (RemakesMoment, "state-without-a-key", "a state without exp_avg of one tensor goes on with what else is there"),
        (
            TakesNumbersForTensors,
            "state-in-other-formats",
            "a state whose counts are plain numbers cannot be continued",
        ),
    ],
)
def test_what_a_user_should_know_is_a_warning(subject, check, text):
    results = contract(subject, "adam", "quick")
    assert of(results, "warned")[check].startswith(text)
    assert failures(results) == []


def test_what_is_not_offered_is_not_applicable_with_the_reason():
    assert (
        "groups cannot be added after construction"
        in of(contract(SealedGroups, "adam", "quick"), "not-applicable")["added-group"]
    )
    foreign = of(contract(NoOptimizerOfTorch, "adam", "quick"), "not-applicable")
    assert {foreign[name] for name in ("tensor-lr", "scheduler", "options-in-state", "deepcopy", "pickling")} == {
        "param_groups are not dicts"
    }
    of_group = of(contract(StateOfGroup, "radam", "quick"), "not-applicable")
    assert of_group["state-without-a-key"] == "its saved state has no entries of the same keys for all parameters"


class CrashesOnLateGroups(_base.Adam):
    """An operation of add_param_group fails."""

    def add_param_group(self, param_group):
        if self.__dict__.get("ready"):
            param_group + 1
        super().add_param_group(param_group)

    def step_group(self, group):
        self.ready = True
        super().step_group(group)


def test_a_crash_is_no_refusal():
    failed = of(contract(CrashesOnLateGroups, "adam", "quick"), "failed")
    assert failed["added-group"].startswith("raised TypeError: unsupported operand")


def test_a_refusal_is_told_from_a_failing_operation():
    def raised(action) -> BaseException:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - each of another kind
            action()
        return caught.value

    def refusing():
        raise RuntimeError("not offered")

    def asserting():
        assert not refusing

    assert deliberate(raised(refusing))
    assert not deliberate(raised(asserting))
    assert not deliberate(raised(lambda: {}["key"]))
    assert not deliberate(raised(lambda: torch.zeros(2) + torch.zeros(3)))
    assert not deliberate(raised(lambda: torch.optim.SGD([])))


# One cause is one finding.


def result(name: str, message: str, path: str = "default", **values: str) -> CheckResult:
    return CheckResult(name, "state", "failed", path, "float32", message, **values)


def test_results_of_one_cause_are_one_line_and_one_row():
    results = (
        result("one", "lost\nhere", cause="lost"),
        result("two", "lost\nthere", cause="lost"),
        result("one", "lost\nhere", path="foreach", cause="lost"),
        result("two", "other", cause="other"),
    )
    assert [[r.name for r in same] for same in by_cause(results)] == [["one", "two", "one"], ["two"]]
    verdict = Verdict("differs", "X", "adam", checks=results)
    lines = [line for line in verdict.summary().splitlines() if "failed" in line]
    assert lines == [
        "checks: 4 failed of 2 causes",
        "  failed: one, two, default, foreach: lost; here",
        "  failed: two, default: other",
    ]
    rows = check_rows(results)
    assert [(row.name, row.message, row.where) for row in rows] == [
        ("one, two", "lost; here", "default, float32; foreach, float32"),
        ("two", "other", "default, float32"),
    ]
    assert verdict.failed_checks == ("one", "two")
    assert Verdict.from_json(verdict.to_json()).checks == results


def test_an_exception_of_one_kind_and_text_is_one_cause_whatever_the_step():
    class LosesMembers(_base.Adam):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **named)
            self.members = [1]

        def step_group(self, group):
            assert self.members
            super().step_group(group)

    results = contract(LosesMembers, "adam", "quick")
    assert set(of(results, "failed")) == {"deepcopy"}  # a local class cannot be pickled
    [same] = by_cause([r for r in results if r.outcome == "failed"])
    assert same[0].cause == "attribute members of the optimizer is neither saved nor copied"


# Files of faults.


def verdict_on(name: str) -> Verdict:
    if not FAULTS.is_dir():
        pytest.skip(f"{FAULTS} is not there")
    return check_optimizer(f"{FAULTS}/{name}", "adam", profile="quick")


@pytest.mark.parametrize(
    ("target", "causes"),
    [
        (
            "26_group_without_constructor_key.py:Wrong",
            [
                "attribute members of the optimizer is neither saved nor copied",
                "a group added after step 4 never moves",
            ],
        ),
        (
            "27_empty_state_loaded.py:Wrong",
            ["a state saved before the first step is loaded, and the next step raises KeyError: 'exp_avg'"],
        ),
        ("30_state_by_tensor_key.py:Wrong", ["state _counts is kept under id(parameter), which a load cannot map"]),
        ("wild_int_step.py:IntStep", ["state step comes back from a load as a float32 tensor, and was an int"]),
    ],
)
def test_a_fault_is_found_with_its_cause_and_nothing_else(target, causes):
    verdict = verdict_on(target)
    assert verdict.exit_code == 1
    found = by_cause(check for check in verdict.checks if check.outcome == "failed")
    assert [same[0].cause for same in found] == causes
    lines = [line for line in verdict.summary().splitlines() if line.startswith("  failed: ")]
    assert len(lines) == len(causes)
    assert all(cause in line for cause, line in zip(causes, lines, strict=True))


@pytest.mark.parametrize(
    "target",
    [
        "26_group_without_constructor_key.py:Right",
        "49_stochastic_rounding.py:Right",
        "55_refuses_late_groups.py:Right",
        "58b_master_weights.py:Right",
        "59_kahan.py:Right",
        "wild_foreign.py:ForeignAdam",
    ],
)
def test_right_code_that_looks_odd_conforms(target):
    verdict = verdict_on(target)
    assert verdict.outcome == "conforms", verdict.summary()


def test_complex_parameters_are_warned_of_where_only_an_inherited_constructor_speaks_of_them():
    assert "complex-parameter" in of(verdict_on("wild_int_step.py:IntStep").checks, "warned")
    assert of(contract(load("torch.optim:Adam"), "adam", "quick"), "passed")["complex-parameter"]
