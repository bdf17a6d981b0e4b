"""Every check fails on something wrong, and says so by its name."""

from __future__ import annotations

import pytest
from test_checks_faithful import contract

from adanorm_verify import check_optimizer, shelf
from adanorm_verify.checks import CHECKS
from adanorm_verify.shelf.wrong_long import WRONG_VERY_LONG

CAUGHT = {
    "zero-gamma": "GammaPointNineFive",
    "corrected-norm": "L1Norm",
    "gradient-scale": "NoRoot",
    "coordinate-order": "NormOfFirstRow",
    "parameter-order": "CountPerTensor",
    "sign-flip": "FrictionWithoutAbsolute",
    "tensors-apart": "NormOfGroup",
    "zero-lr": "RateFloor",
    "parameters-set-back": "ShadowParameters",
    "state-in-a-fresh-instance": "CountOutsideState",
    "state-in-a-fresh-process": "AverageInClass",
    "options-in-state": "LoadingKeepsOptions",
    "deepcopy": "CopySharesState",
    "pickling": "PickleForgets",
    "added-group": "AddingForgets",
    "state-in-another-dtype": "OtherDtypeForgets",
    "state-before-the-first-step": "EmptyStateKeyed",
    "state-into-a-used-instance": "LoadsOnTop",
    "state-without-an-option": "GammaFilledWrong",
    "state-without-a-key": "IncompleteForAll",
    "state-in-other-formats": "ListsOfDefaults",
    "state-loaded-twice": "LoadEmpties",
    "two-optimizers": "LatestOwnsAverages",
    "zero-gradients": "ZeroByZero",
    "missing-gradients": "NothingRaises",
    "late-gradient": "SharedStepCount",
    "magnitudes": "NoEps",
    "half-precision": "HalfRefusedLate",
    "not-finite": "SkipsAllForOne",
    "empty-tensor": "EmptyRaises",
    "scalar-parameter": "ScalarsRaise",
    "strided-parameter": "WritesFlatCopy",
    "strided-gradient": "ReadsGradientMemory",
    "sparse-gradient": "SparseLazily",
    "complex-parameter": "ComplexSquared",
    "weight-decay": "DecayIgnored",
    "maximize": "MaximizeIgnored",
    "tensor-lr": "TensorRateFrozen",
    "scheduler": "RateOfFirstStep",
    "group-options": "GroupDecayIgnored",
    "gradients-untouched": "DecayIntoGradient",
    "gradients-kept": "PreviousAliased",
    "zero-grad": "ZerosNothing",
    "in-place": "ParameterRebound",
    "state-memory": "MomentInGradient",
    "repeats": "NoisyLastBit",
    "closure": "ClosureTwice",
    "generator": "CountsParameters",
    "paths-agree": "TwoPaths",
    "changed-options": "EpsOfFirstStep",
    "changed-switches": "MaximizeOfFirstStep",
    "option-pairs": "CoupledDecayLost",
    "exchanged-memory": "DetachedOnce",
    "shared-gradient": "SharedGradientOnce",
    "gradient-views": "BufferFromStart",
    "frozen-meanwhile": "ForgetsFrozen",
    "resized-parameter": "FitsState",
    "surroundings": "WritesEnvironment",
    "meta-parameter": "MetaForgotten",
    "compiled-step": "WrongWhenCompiling",
    "compiled-paths": "ForeachWrongWhenCompiling",
    "grad-scaler": "ClaimsScaling",
    "step-hooks": "StepOfInstance",
    "state-hooks": "SavesWithoutHooks",
    "named-parameters": "NamesSlowDown",
    "differentiable": "RootDetached",
    "duplicates": "DuplicatesTaken",
    "validation": "BetaOneTaken",
    "swallowed-options": "SwallowsEverything",
    "large-counts": "CountIsCapped",
    "large-counts-in-half-precision": "CountCastByLoading",
    "long-run": "WarmUpOfCalls",
    "long-tensor": "TailOfChunkDropped",
    "large-tensor": "SecondBlockLost",
    "many-tensors": "EmptyInLastSlot",
    "mixed-dtypes": "ScratchOfFirstParameter",
    "added-group-of-another-dtype": "AddedGroupTakesFirstDtype",
    "gradients-of-another-dtype": "SquaresInGradientDtype",
    "default-dtype": "CorrectionInDefaultDtype",
    "norm-in-half-precision": "NormOverflows",
}
"""Check to the subject of the shelf on which it must fail."""
ALONE = {
    "zero-lr": "RateFloor",
    "parameters-set-back": "ShadowParameters",
    "options-in-state": "LoadingKeepsOptions",
    "deepcopy": "CopySharesState",
    "pickling": "PickleForgets",
    "added-group": "AddingForgets",
    "state-in-another-dtype": "OtherDtypeForgets",
    "state-before-the-first-step": "EmptyStateAhead",
    "state-into-a-used-instance": "EmptyStateIgnored",
    "state-without-an-option": "EpsFilledWrong",
    "state-without-a-key": "IncompleteStandsStill",
    "state-in-other-formats": "NumbersBeginAnew",
    "state-loaded-twice": "CountInList",
    "missing-gradients": "NothingFirstRaises",
    "late-gradient": "LateRaises",
    "half-precision": "HalfRefusedLate",
    "not-finite": "SkipsAllForOne",
    "empty-tensor": "EmptyRaises",
    "scalar-parameter": "ScalarsRaise",
    "strided-parameter": "WritesFlatCopy",
    "strided-gradient": "ReadsGradientMemory",
    "sparse-gradient": "SparseLazily",
    "complex-parameter": "ComplexSquared",
    "weight-decay": "DecayIgnored",
    "maximize": "MaximizeIgnored",
    "tensor-lr": "TensorRateFrozen",
    "scheduler": "NumberOfFirstStep",
    "group-options": "GroupDecayIgnored",
    "repeats": "NoisyLastBit",
    "closure": "ClosureTwice",
    "generator": "CountsParameters",
    "gradients-untouched": "DecayIntoGradient",
    "zero-grad": "ZerosNothing",
    "in-place": "ReboundWhereContiguous",
    "changed-options": "EpsOfFirstStep",
    "changed-switches": "MaximizeOfFirstStep",
    "option-pairs": "CoupledDecayLost",
    "exchanged-memory": "DetachedOnce",
    "shared-gradient": "SharedGradientOnce",
    "gradient-views": "BufferFromStart",
    "frozen-meanwhile": "ForgetsFrozen",
    "resized-parameter": "FitsState",
    "surroundings": "WritesEnvironment",
    "meta-parameter": "MetaForgotten",
    "compiled-step": "WrongWhenCompiling",
    "grad-scaler": "SkipsAndCounts",
    "step-hooks": "SaysHooked",
    "state-hooks": "LoadsWithoutHooks",
    "named-parameters": "NamesNotSaved",
    "differentiable": "MomentDetached",
    "duplicates": "SecondGroupTaken",
    "validation": "NegativeRateTaken",
    "swallowed-options": "SwallowsMaximize",
    "large-counts": "CountIsCapped",
    "large-counts-in-half-precision": "CountCastByLoading",
    "long-tensor": "TailOfChunkDropped",
    "large-tensor": "SecondBlockLost",
    "many-tensors": "EmptyInLastSlot",
    "mixed-dtypes": "ScratchOfFirstParameter",
    "added-group-of-another-dtype": "AddedGroupTakesFirstDtype",
    "gradients-of-another-dtype": "SquaresInGradientDtype",
    "default-dtype": "CorrectionInDefaultDtype",
    "norm-in-half-precision": "NormOverflows",
}
"""Check to the subject of the shelf that would live without it."""
NOTES_ONLY = {"switches"}
SUBJECTS = {subject.__name__: subject for subject in (*shelf.WRONG, *shelf.INTERFACE, *WRONG_VERY_LONG)}


ALREADY = {*CAUGHT.values(), *ALONE.values()}
"""Subjects of which these tests say the check that catches them."""


def failed(subject, profile: str = "quick", only: set[str] | None = None) -> dict[str, str]:
    results = contract(subject, subject.algorithm, profile, only=only)
    return {result.name: result.message for result in results if result.outcome == "failed"}


def smallest_profile(check: str) -> str:
    return next(page.profiles[0] for page in CHECKS if page.name == check)


def test_every_check_has_a_subject_on_which_it_must_fail():
    assert set(CAUGHT) | NOTES_ONLY == {page.name for page in CHECKS if page.function is not None}


def test_every_check_has_a_subject_of_its_own_or_a_reason_to_stay():
    for page in CHECKS:
        assert page.why or page.name in ALONE or page.name == "trajectory", f"{page.name} could go"


@pytest.mark.parametrize(("check", "name"), ALONE.items(), ids=ALONE)
def test_without_the_check_a_wrong_optimizer_would_live(check, name):
    """In the smallest profile that has it; `adanorm-verify sharpness` says the same of the default one."""
    assert set(failed(SUBJECTS[name], smallest_profile(check))) == {check}


@pytest.mark.parametrize(("check", "name"), CAUGHT.items(), ids=CAUGHT)
def test_check_fails_on_something_wrong(check, name):
    found = failed(SUBJECTS[name], smallest_profile(check), {check})
    assert check in found
    assert 1 <= len(found[check].splitlines()) <= 2


@pytest.mark.parametrize("subject", shelf.INTERFACE, ids=lambda subject: subject.__name__)
def test_wrong_contract_of_right_formulas_is_caught_by_a_check_alone(subject):
    options = {"profile": "quick", "dtypes": ["float32"], "explain": False, "contract": False}
    verdict = check_optimizer(subject, subject.algorithm, **options)
    assert verdict.conforms, verdict.summary()
    if subject.__name__ not in ALREADY:
        assert failed(subject) or failed(subject, "default")


def test_shelf_of_wrong_contracts_is_large_and_says_what_is_wrong():
    assert len(shelf.INTERFACE) >= 40
    assert all(subject.__doc__.endswith(".") for subject in shelf.INTERFACE)
    assert {subject.algorithm for subject in shelf.INTERFACE} == set(shelf.ALGORITHMS)
