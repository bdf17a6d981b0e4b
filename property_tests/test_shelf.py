"""How sharp the check is: every wrong optimizer of the shelf is caught, every faithful rewriting passes."""

from __future__ import annotations

import inspect

import pytest
import torch

from adanorm_verify import check_optimizer
from adanorm_verify.deviations import DEVIATIONS
from adanorm_verify.paper import algorithm
from adanorm_verify.runs import Check, probe, run_case
from adanorm_verify.shelf import ALGORITHMS, FAITHFUL, GENERATED, GENERATED_FAITHFUL, GENERATED_PAIRS, WRONG
from adanorm_verify.streams import designed
from adanorm_verify.subject import Subject


def name(subject: type) -> str:
    return subject.__name__


def test_the_shelf_is_large_and_covers_every_algorithm():
    assert len(WRONG) >= 60
    assert len(FAITHFUL) >= 15
    for claimed in ALGORITHMS:
        assert sum(subject.algorithm == claimed for subject in WRONG) >= 3
        assert any(subject.algorithm == claimed for subject in FAITHFUL)


@pytest.mark.parametrize("subject", WRONG, ids=name)
def test_wrong_optimizer_is_caught(subject):
    verdict = check_optimizer(subject, subject.algorithm, decisions=subject.decisions, explain=False)
    assert verdict.outcome == "differs", verdict.summary()
    caught = {run.dtype for run in verdict.runs if run.outcome == "differs"}
    assert caught == ({"float64"} if subject.wrong_in_double_only else {"float64", "float32"})


def test_every_deviation_has_a_generated_optimizer_and_every_algorithm_some():
    assert {deviation for subject in GENERATED for deviation in subject.deviations} == {d.name for d in DEVIATIONS}
    for claimed in ALGORITHMS:
        assert sum(subject.algorithm == claimed for subject in GENERATED) >= 20
        assert sum(subject.algorithm == claimed for subject in GENERATED_PAIRS) == 60
    assert [subject.algorithm for subject in GENERATED_FAITHFUL] == [*ALGORITHMS, "adamnorm"]  # the last one guarded


def one_each():
    """An optimizer for every deviation, in turn of each algorithm that can have it."""
    by_deviation = {d.name: [subject for subject in GENERATED if d.name in subject.deviations] for d in DEVIATIONS}
    return [subjects[i % len(subjects)] for i, subjects in enumerate(by_deviation.values())]


@pytest.mark.parametrize("subject", one_each(), ids=name)
def test_generated_optimizer_with_a_deviation_is_caught(subject):
    """In float32, where the envelope is wider; `adanorm-verify sharpness` has both, and all of them."""
    verdict = check_optimizer(
        subject, subject.algorithm, decisions=subject.decisions, profile="quick", dtypes=["float32"], explain=False
    )
    assert verdict.outcome == "differs", verdict.summary()


@pytest.mark.parametrize("subject", GENERATED_PAIRS[::10], ids=name)
def test_generated_optimizer_with_two_deviations_is_caught(subject):
    verdict = check_optimizer(subject, subject.algorithm, profile="quick", explain=False)
    assert {run.outcome for run in verdict.runs} == {"differs"}, verdict.summary()


@pytest.mark.parametrize("subject", GENERATED[::60], ids=name)
def test_generated_optimizer_is_its_own_list_and_not_wrong_otherwise(subject):
    """Two interpreters of the same list, in torch and in error bounds, agree to within rounding."""
    asked = Subject(subject, name(subject), {}, {}, algorithm(subject.algorithm).hyperparameters)
    check = Check(asked, subject.listed, asked.base, "cpu")
    combination = probe(check, "default", "float64")
    for case in designed("float64"):
        assert run_case(check, case, [combination]) is None, case.name
    assert combination.cases == len(designed("float64"))
    assert combination.moved


LARGEST = {"float64": 0.40, "float32": 0.52, "bfloat16": 0.42, "float16": 0.47}
"""Error/bound of theta as it was seen, rounded up: the evidence for the roundings that `rounding` charges."""


@pytest.mark.parametrize("subject", FAITHFUL + GENERATED_FAITHFUL, ids=name)
def test_faithful_rewriting_passes_in_every_dtype(subject):
    dtypes = ["float64", "float32", "bfloat16", "float16"]
    verdict = check_optimizer(subject, subject.algorithm, decisions=subject.decisions, profile="quick", dtypes=dtypes)
    assert verdict.conforms, verdict.summary()
    assert all(run.outcome == "conforms" for run in verdict.runs)
    moved = [record for record in verdict.records if record.quantity == "theta"]
    assert {record.dtype for record in moved} == set(dtypes)
    passed = {check.name for check in verdict.checks if check.outcome == "passed"}
    assert len(passed) > 35
    if issubclass(subject, torch.optim.Optimizer) and "lr" in inspect.signature(subject).parameters:
        assert {"long-tensor", "step-hooks", "changed-options"} <= passed
    limits = {**LARGEST, "bfloat16": 1.0} if subject.rounds_at_random else LARGEST
    assert all(record.ratio <= limits[record.dtype] for record in moved)
