"""Real faults, and right code that looks odd, in small: each file of the fault table gets its right verdict.

The files lie beside the checkout, in `../shared/faults`, with a table that says of each what a right verdict is; the
kinds that they stand for have mutants of their own on the shelf.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from adanorm_verify import Verdict, check_optimizer

FOLDER = Path(__file__).parents[2] / "shared" / "faults"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the fault files are not there: {FOLDER}")

CAUGHT = [
    ("01_step_in_param_dtype:Wrong", "adam", "does not go on counting after 255 steps"),
    ("03_step_per_parameter:Wrong", "adam", "step-"),
    ("07_betas_frozen_at_first_step:Wrong", "adam", "beta"),
    ("08_powers_float32:Wrong", "adam", "powers-in-float32"),
    ("11_negative_decay_ignored:Wrong", "adam", "decay"),
    ("13_amsgrad_root_in_place:Wrong", "amsgrad", "root"),
    ("18_clips_each_parameter:Wrong", "adam", "clip"),
    ("20_overflowing_radam_warm:Wrong", "adam", "with its count set to 2,047"),
    ("23_tail_of_chunk_dropped:Wrong", "adam", "element"),
    ("24_36_slots_and_empty:Wrong", "adam", "tensor"),
    ("26_group_without_constructor_key:Wrong", "adam", "group"),
    ("27_empty_state_loaded:Wrong", "adam", "before the first step"),
    ("29_count_cast_on_load:Wrong", "adam", "does not go on counting after 255 steps"),
    ("30_state_by_tensor_key:Wrong", "adam", "load"),
    ("32_detached_once:Wrong", "adam", "data"),
    ("33_lr_zero_returns_early:Wrong", "adam", "lr"),
    ("34_claims_amp_scaling:Wrong", "adam", "scal"),
    ("35_square_in_gradient_dtype:Wrong", "adam", "gradient"),
    ("41_wrong_when_compiling:Wrong", "adam", "compile"),
    ("42_duplicates_taken:Wrong", "adam", "twice"),
    ("51_added_group_other_dtype:Wrong", "adam", "group"),
    ("54_capturable_wrong:Wrong", "adam", "second-bias-uncorrected"),
    ("60_two_in_a_file:Second", "adam", "pickl"),
    ("wild_constructor_options:BetasEps", "adam", "`betas-of-constructor`, `eps-of-constructor`"),
    ("wild_constructor_options:InsideBetasEps", "adam", "`betas-of-constructor`, `eps-inside`, `eps-of-constructor`"),
    ("wild_constructor_options:InsideBetas", "adam", "`betas-of-constructor`, `eps-inside`"),
    ("wild_constructor_options:Inside", "adam", "`eps-inside`"),
    ("wild_clipped:ClippedByValue", "adam", "= 10"),
    ("wild_clipped:ClippedByNorm", "adam", "= 1"),
    ("wild_clipped:Centralised", "adam", "mean"),
    ("wild_debiased:DebiasedGroupStep", "adam", "step-of-group"),
    ("wild_ignored_paths:Inherits", "adam", "maximize"),
    ("wild_ignored_paths:Swallows", "adam", "maximize"),
    ("wild_int_step:IntStep", "adam", "step comes back from a load as a float32 tensor"),
]
"""Target, claim, and a word of the summary that names the mechanism."""
RIGHT = [
    *[
        (f"{file}:Right", "adam")
        for file in (
            "01_step_in_param_dtype",
            "08_powers_float32",
            "11_negative_decay_ignored",
            "24_36_slots_and_empty",
            "26_group_without_constructor_key",
            "29_count_cast_on_load",
            "32_detached_once",
            "34_claims_amp_scaling",
            "35_square_in_gradient_dtype",
            "47_norm_over_dtensor_shard",
            "49_stochastic_rounding",
            "55_refuses_late_groups",
            "58b_master_weights",
            "59_kahan",
        )
    ],
    ("13_amsgrad_root_in_place:Right", "amsgrad"),
    ("60_two_in_a_file:First", "adam"),
    ("wild_debiased:DebiasedOwnStep", "adam"),
    ("wild_foreign:ForeignAdam", "adam"),
]


@cache
def verdict_on(name: str, claim: str) -> Verdict:
    file, _, cls = name.partition(":")
    return check_optimizer(f"{FOLDER}/{file}.py:{cls}", claim, profile="default")


def findings(verdict: Verdict) -> str:
    """What a reader is told besides what conforms."""
    return "\n".join(line for line in verdict.summary().splitlines() if not line.startswith("happened"))


@pytest.mark.parametrize(("name", "claim", "says"), CAUGHT, ids=[name for name, _, _ in CAUGHT])
def test_a_fault_is_caught_and_its_mechanism_named(name, claim, says):
    verdict = verdict_on(name, claim)
    assert verdict.exit_code == 1, verdict.summary()
    assert says in findings(verdict), verdict.summary()
    assert "no known deviation explains it" not in findings(verdict)


@pytest.mark.parametrize(("name", "claim"), RIGHT, ids=[name for name, _ in RIGHT])
def test_what_is_right_passes(name, claim):
    verdict = verdict_on(name, claim)
    assert verdict.exit_code == 0, verdict.summary()


def test_scalars_in_float32_conform_in_float32_and_are_a_convention_in_float64():
    verdict = verdict_on("50_tensor_bias_float32:Right", "adam")
    assert {run.outcome for run in verdict.runs if run.dtype == "float32"} == {"conforms"}
    assert [found.name for found in verdict.deviations] == ["scalars-in-float32"]
    assert {found.kind for found in verdict.deviations} == {"convention"}


def test_a_path_that_nothing_implements_does_not_conform():
    for cls in ("Inherits", "Swallows"):
        verdict = verdict_on(f"wild_ignored_paths:{cls}", "adam")
        assert {run.path for run in verdict.runs if run.outcome == "conforms"} <= {"single-tensor", "default"}


def test_only_the_path_that_is_wrong_is_said_to_be():
    verdict = verdict_on("54_capturable_wrong:Wrong", "adam")
    assert {run.path for run in verdict.runs if run.outcome == "differs"} == {"capturable"}
    assert "capturable" in verdict.explanation


def test_one_cause_is_one_finding():
    summary = verdict_on("wild_int_step:IntStep", "adam").summary()
    assert sum(line.startswith("  failed:") for line in summary.splitlines()) == 1


def test_a_foreign_optimizer_raises_nothing_of_the_verifiers():
    verdict = verdict_on("wild_foreign:ForeignAdam", "adam")
    assert not [check for check in verdict.checks if "TypeError" in check.message]
    assert any("param_groups are not dicts" in check.message for check in verdict.checks)


def test_state_of_the_global_shape_cannot_be_checked_in_shards():
    verdict = check_optimizer(
        f"{FOLDER}/47_norm_over_dtensor_shard.py:Wrong", "adamnorm", profile="quick", dtypes=["float32"], sharded=2
    )
    assert verdict.exit_code == 2, verdict.summary()
    assert "in 2 shards" in verdict.reason
