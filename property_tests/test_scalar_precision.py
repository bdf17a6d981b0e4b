"""Coarse scalars: what is right in float32 and a convention in float64, what is named, and what does not hide there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from faults import fault
from test_deviations import CASES, along, changed

from adanorm_verify import check_optimizer
from adanorm_verify.deviations import DEVIATIONS, ROUNDED_TO_SINGLE, SCALARS
from adanorm_verify.envelope import envelope
from adanorm_verify.paper import algorithm
from adanorm_verify.paper.hyperparameters import rounded
from adanorm_verify.rounding import PRECISIONS, DeviceStep
from adanorm_verify.runs import Check, probe, run_case
from adanorm_verify.scalar_steps import CONVENTION, COUNTS, running_product
from adanorm_verify.scalars import multiplies, outlying
from adanorm_verify.shelf import GENERATED, WRONG
from adanorm_verify.shelf._base import Adam
from adanorm_verify.streams import designed
from adanorm_verify.subject import Subject

SHELF = {subject.__name__: subject for subject in WRONG}
COARSE = {
    "SingleStepTensor": {"scalars-in-float32"},
    "SingleStepTensorNorm": {"scalars-in-float32"},
    "RunningPowersInSingle": {"powers-in-float32"},
    "BetasInSingle": {"betas-in-float32"},
}


def names(verdict, dtype):
    return {name for run in verdict.runs if run.dtype == dtype for name in run.deviations}


def outcomes(verdict):
    return {(run.path, run.dtype): run.outcome for run in verdict.runs if run.outcome != "not-offered"}


@pytest.mark.parametrize("name", COARSE)
def test_coarse_scalars_are_named_in_float64_and_conform_in_float32(name):
    verdict = check_optimizer(SHELF[name], SHELF[name].algorithm, profile="quick")
    assert names(verdict, "float64") == COARSE[name], verdict.summary()
    assert outcomes(verdict) == {("default", "float64"): "differs", ("default", "float32"): "conforms"}
    assert "default in float64 equals" in verdict.explanation


def test_coarse_scalars_can_be_allowed():
    verdict = check_optimizer(SHELF["SingleStepTensor"], "adam", profile="quick", allow=["scalars-in-float32"])
    assert verdict.outcome == "conforms-with-deviations", verdict.summary()


def test_float32_alone_conforms_whether_or_not_it_is_explained():
    for explain in (False, True):
        verdict = check_optimizer(
            SHELF["SingleStepTensor"], "adam", profile="quick", dtypes=["float32"], explain=explain
        )
        assert verdict.outcome == "conforms", verdict.summary()
        assert any("scalars" in note for note in verdict.notes)


class RootInSingle(Adam):
    """Each element of the root is rounded to float32, which is no scalar."""

    def denominator(self, now):
        return (now.v / self.bc2(now)).float().sqrt().to(now.v.dtype) + now.eps


class UpdateOffByElement(Adam):
    """Every other element moves by a millionth too much: less than coarse scalars might."""

    def update(self, now):
        update = super().update(now).flatten()
        return torch.where(torch.arange(update.numel()) % 2 == 1, update * (1 + 1e-6), update).reshape(now.m.shape)


class ScalarsInSingleScaledEps(SHELF["SingleStepTensor"]):
    """Coarse scalars, and eps before the bias correction."""

    def update(self, now):
        return now.lr / self.bc1(now) * (now.m / ((now.v.sqrt() + now.eps) / self.bc2(now).sqrt()))


@pytest.mark.parametrize("subject", [RootInSingle, UpdateOffByElement, SHELF["UpdateInSingle"]])
def test_what_differs_between_elements_is_no_scalar(subject):
    verdict = check_optimizer(subject, "adam", profile="quick", dtypes=["float64"])
    assert verdict.outcome == "differs"
    assert not {"scalars-in-float32", "powers-in-float32"} & {found.name for found in verdict.deviations}


def test_an_error_below_that_of_coarse_scalars_is_caught_in_float32():
    verdict = check_optimizer(UpdateOffByElement, "adam", profile="quick", explain=False)
    assert set(outcomes(verdict).values()) == {"differs"}, verdict.summary()


def test_coarse_scalars_beside_another_deviation_are_both_named():
    verdict = check_optimizer(ScalarsInSingleScaledEps, "adam", profile="quick")
    assert names(verdict, "float64") == {"scalars-in-float32", "eps-scaled"}, verdict.summary()


@pytest.mark.parametrize("name", ["adam", "radamnorm"])
def test_no_deviation_hides_in_the_bounds_of_coarse_scalars(name):
    paper = algorithm(name)
    bounds = [
        np.concatenate([np.ravel(known["theta"].bound) for known in quantities if known is not None])
        for case in CASES
        for quantities in envelope(paper, case, PRECISIONS["float64"], DeviceStep)
    ]
    plain = list(along(paper))
    for deviation in DEVIATIONS:
        if deviation.concerns(paper):
            pairs = zip(along(changed(deviation, paper)), plain, bounds, strict=True)
            with np.errstate(invalid="ignore"):
                outside = sum(int(np.sum(~(abs(theta - own) <= bound))) for theta, own, bound in pairs)
            assert outside or told_by_factors(name, deviation), f"{deviation.name} is within coarse scalars of {name}"


def told_by_factors(name, deviation):
    """Whether an optimizer with the deviation moves the elements of a tensor by different factors."""
    paper = algorithm(name)
    subject = next(s for s in GENERATED if s.algorithm == name and s.deviations == (deviation.name,))
    asked = Subject(subject, name, {}, {}, paper.hyperparameters)
    check = Check(asked, SCALARS[-1].change(paper), asked.base, "cpu")
    combination = probe(check, "default", "float64")
    return any(run_case(check, case, [combination]) is not None for case in designed("float64"))


def test_readings_are_sharp_enough_to_be_told_apart():
    """A running product in float32 is not `pow` in float32, and the other way round."""
    paper = algorithm("adam")
    for name, inside in (("RunningPowersInSingle", [True, False, True]), ("SingleStepTensor", [False, False, True])):
        asked = Subject(SHELF[name], name, {}, {}, paper.hyperparameters)
        found = []
        for deviation in SCALARS:
            check = Check(asked, deviation.change(paper), asked.base, "cpu")
            combination = probe(check, "default", "float64")
            found.append(all(run_case(check, case, [combination]) is None for case in designed("float64")))
        assert found == inside, name


def test_factors_are_compared_only_where_the_count_enters_by_factors():
    assert multiplies(algorithm("adam"))
    assert multiplies(algorithm("radamnorm"))
    assert not multiplies(algorithm("adamnorm", {"guard": "decaying"}))  # the count is in s, and so in m
    nadam = next(d for d in DEVIATIONS if d.name == "nadam" and d.concerns(algorithm("adam")))
    assert not multiplies(nadam.change(algorithm("adam")))


def test_an_element_with_another_factor_is_found():
    expected = np.array([1.0, 2.0, -4.0])
    slack, turned, settled = np.full(3, 1e-12), np.zeros(3), np.ones(3, dtype=bool)
    assert outlying(expected, expected * 1.001, slack, turned, settled) is None
    assert outlying(expected, expected * np.array([1.001, 1.001, 1.002]), slack, turned, settled) == 2
    assert outlying(expected, expected * np.array([1.001, 1.001, 1.002]), slack, np.full(3, 1e-2), settled) is None


def test_products_round_as_float32_tensors_do():
    power = torch.ones((), dtype=torch.float32)
    for count in range(1, 200):
        power *= torch.tensor(0.999, dtype=torch.float32)
        assert running_product(float(np.float32(0.999)), count) == float(power)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("value", [0.9, 0.999, 1e-8, 1e-12, 0.0, 1.0, 0.98046875, 3e-3])
def test_numbers_are_rounded_as_torch_rounds_them(dtype, value):
    assert rounded(value, dtype) == float(torch.tensor(value, dtype=torch.float64).to(getattr(torch, dtype)))


def test_every_format_of_scalars_has_a_count_and_a_meaning():
    paper = algorithm("adam")
    assert {deviation.change(paper).conventions[CONVENTION] for deviation in SCALARS} == set(COUNTS)
    for deviation in ROUNDED_TO_SINGLE[:1]:
        listed = deviation.change(paper)
        assert replace(listed, conventions=paper.conventions) == paper


PATHS = {"CapturableUncorrected": "capturable", "FusedUncorrected": "fused"}


@pytest.mark.parametrize("name", PATHS)
def test_a_fault_of_one_path_is_named_with_it(name):
    verdict = check_optimizer(SHELF[name], "adam", profile="quick")
    assert verdict.explanation == f"{PATHS[name]} equals Adam up to `second-bias-uncorrected`; default conforms"
    assert {run.path for run in verdict.runs if run.deviations} == {PATHS[name]}
    assert {outcome for (path, _), outcome in outcomes(verdict).items() if path == "default"} == {"conforms"}


FAULTS = {
    "50_tensor_bias_float32.py:Right": ("scalars-in-float32", "default in float32 conforms"),
    "08_powers_float32.py:Wrong": ("powers-in-float32", "default in float64 equals Adam up to `powers-in-float32`"),
    "54_capturable_wrong.py:Wrong": ("second-bias-uncorrected", "capturable equals Adam"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_reported_faults_are_named(name):
    verdict = check_optimizer(fault(name), "adam")
    expected, text = FAULTS[name]
    assert [found.name for found in verdict.deviations] == [expected], verdict.summary()
    assert text in verdict.explanation


def test_running_products_in_double_conform():
    assert check_optimizer(fault("08_powers_float32.py:Right"), "adam").outcome == "conforms"
