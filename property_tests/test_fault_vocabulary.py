"""Faults whose mechanism is in the vocabulary are named, with their numbers; of the others what is known is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from adanorm_verify import check_optimizer
from adanorm_verify.deviations import DEVIATIONS
from adanorm_verify.paper import algorithm
from adanorm_verify.shelf import GENERATED
from adanorm_verify.shelf.generated import changed
from adanorm_verify.shelf.interpreted import InterpretedNorm
from adanorm_verify.shelf.wrong import WRONG_BEYOND
from adanorm_verify.summary import accepting
from adanorm_verify.verdict import Verdict

FAULTS = Path(__file__).parents[2] / "shared" / "faults"
OWN_BETAS = {"beta1": "beta_1", "beta2": "beta_2"}
NAMED = {
    "wild_constructor_options.py:Inside": {"eps-inside"},
    "wild_constructor_options.py:InsideBetas": {"eps-inside", "betas-of-constructor"},
    "wild_constructor_options.py:InsideBetasEps": {"eps-inside", "betas-of-constructor", "eps-of-constructor"},
    "wild_constructor_options.py:BetasEps": {"betas-of-constructor", "eps-of-constructor"},
    "wild_clipped.py:ClippedByValue": {"g-clipped-by-value"},
    "wild_clipped.py:ClippedByNorm": {"g-clipped-by-padded-norm"},
    "wild_clipped.py:Centralised": {"g-centralised"},
    "18_clips_each_parameter.py:Wrong": {"g-clipped-by-padded-norm"},
    "03_step_per_parameter.py:Wrong": {"step-counts-tensors"},
    "13_amsgrad_root_in_place.py:Wrong": {"v-maximum-rooted-in-place"},
}
NUMBERS = {
    "wild_clipped.py:ClippedByValue": "(value_bound = 10)",
    "wild_clipped.py:ClippedByNorm": "(norm_bound = 1)",
    "18_clips_each_parameter.py:Wrong": "(norm_bound = 1)",
}


def checked(subject, algorithm="adam", **options):
    return check_optimizer(subject, algorithm, profile="quick", dtypes=["float64"], **options)


@pytest.mark.parametrize("name", NAMED)
def test_reported_fault_is_named(name):
    if not FAULTS.is_dir():
        pytest.skip("the folder of reported faults, ../shared/faults beside the checkout, is not there")
    claimed = "amsgrad" if "amsgrad" in name else "adam"
    verdict = checked(f"{FAULTS}/{name}", claimed, rename=OWN_BETAS if "constructor" in name else None)
    assert verdict.outcome == "differs"
    assert {found.name for found in verdict.deviations} == NAMED[name], verdict.explanation
    assert all(found.meaning.endswith(NUMBERS.get(name, "")) for found in verdict.deviations)


@pytest.mark.parametrize("options", ["lr betas gamma eps", "betas eps", "lr gamma"])
def test_several_options_of_the_constructor_are_found_at_once(options):
    names = {f"{option}-of-constructor" for option in options.split()}
    paper = algorithm("adamnorm")
    listed = changed(paper, *(deviation for deviation in DEVIATIONS if deviation.name in names))
    verdict = checked(type("Listed", (InterpretedNorm,), {"algorithm": "adamnorm", "listed": listed}), "adamnorm")
    assert {found.name for found in verdict.deviations} == names, verdict.explanation


BEGINNINGS = ("g-", "step-counts", "step-of-", "lr-warmup", "first-step", "v-unused", "v-maximum-with")
ENDS = ("-in-place", "-after")
MUTANTS = {
    deviation.name: next(subject for subject in GENERATED if deviation.name in subject.deviations)
    for deviation in DEVIATIONS
    if deviation.name.startswith(BEGINNINGS) or deviation.name.endswith(ENDS)
}


@pytest.mark.parametrize("name", MUTANTS)
def test_generated_mutant_is_named(name):
    verdict = checked(MUTANTS[name], MUTANTS[name].algorithm)
    assert [found.name for found in verdict.deviations] == [name], verdict.explanation


PARTS = {
    "LargeSaturates": (("eps-scaled",), "with gradients above"),
    "PauseHalves": (("first-bias-uncorrected",), "once a tensor's own gradient was missing after others"),
    "LaterSmaller": (("v-with-beta1",), "with a tensor's gradient number 4"),
    "ZeroForgets": ((), "once a gradient is zero"),
    "MatricesScaled": (("second-bias-uncorrected",), "with tensors of more than one axis"),
}


@pytest.mark.parametrize("subject", WRONG_BEYOND, ids=lambda subject: subject.__name__)
def test_what_is_known_is_said_and_makes_nothing_conform(subject):
    names, begins = PARTS[subject.__name__]
    verdict = checked(subject, allow=names)
    said = verdict.explanation
    assert said.startswith("no known deviation explains it; first difference: "), said
    assert set(verdict.explained_in_part) == set(names), said
    assert all(f"`{name}`" in said for name in names), said
    assert f"the rest begins {begins}" in said, said
    assert said in verdict.summary()
    assert (verdict.outcome, verdict.exit_code, verdict.deviations) == ("differs", 1, ())
    assert not list(accepting(verdict))
    assert Verdict.from_json(verdict.to_json()).explained_in_part == verdict.explained_in_part


def test_what_is_explained_is_not_explained_in_part():
    assert checked(torch.optim.Adam).explained_in_part == ()
    assert checked(MUTANTS["g-centralised"], MUTANTS["g-centralised"].algorithm).explained_in_part == ()
