"""Dtypes that meet: in a group, between groups, of gradients, the default one, and norms that leave float16."""

from __future__ import annotations

import pytest
import torch
from single_checks import failing, fault, looked_at, trials

from adanorm_verify.checks.dtypes import NAMES, case_in
from adanorm_verify.shelf._base import Adam, AdamNorm
from adanorm_verify.shelf.wrong_dtypes import WRONG_DTYPES

MIXED = (
    "mixed-dtypes",
    "added-group-of-another-dtype",
    "gradients-of-another-dtype",
    "default-dtype",
    "norm-in-half-precision",
)
FOUND = {
    "ScratchOfFirstParameter": ("mixed-dtypes", "in one group, the float64 one does not move"),
    "ScratchOfFirstGroup": ("mixed-dtypes", "with groups of"),
    "AddedGroupTakesFirstDtype": ("added-group-of-another-dtype", "the float64 one does not move"),
    "SquaresInGradientDtype": ("gradients-of-another-dtype", "float16 gradients do not count as the same numbers"),
    "NormInGradientDtype": ("gradients-of-another-dtype", "float16 gradients do not count as the same numbers"),
    "BeliefInGradientDtype": ("gradients-of-another-dtype", "float16 gradients do not count as the same numbers"),
    "CorrectionInDefaultDtype": ("default-dtype", "under the default dtype bfloat16 it leaves the equations"),
    "MomentsInDefaultDtype": ("default-dtype", "under the default dtype bfloat16 it leaves the equations"),
    "CountInDefaultDtype": (
        "default-dtype",
        "under the default dtype bfloat16 its count ['state'][0]['step'] does not",
    ),
    "NormOverflows": ("norm-in-half-precision", "float16 gradients of norm 800 give what is not finite"),
    "SquaredNormOverflows": ("norm-in-half-precision", "float16 gradients of norm 800 give what is not finite"),
}
has_grad_dtype = pytest.mark.skipif(not hasattr(torch.Tensor, "grad_dtype"), reason="this torch has no grad_dtype")


@pytest.mark.parametrize("subject", WRONG_DTYPES, ids=lambda subject: subject.__name__)
def test_dtypes_mixed_up_are_found_once_and_named(subject):
    check, words = FOUND[subject.__name__]
    if check == "gradients-of-another-dtype" and not hasattr(torch.Tensor, "grad_dtype"):
        pytest.skip("this torch has no grad_dtype")
    found = failing(looked_at(subject, subject.algorithm, MIXED))
    assert set(found) == {check}
    assert words in found[check]


@pytest.mark.parametrize(
    ("file", "name", "failed"),
    [
        ("35_square_in_gradient_dtype", "Wrong", "gradients-of-another-dtype"),
        ("35_square_in_gradient_dtype", "Right", ""),
        ("51_added_group_other_dtype", "Wrong", "mixed-dtypes"),
        ("49_stochastic_rounding", "Right", ""),
        ("58b_master_weights", "Right", ""),
        ("59_kahan", "Right", ""),
    ],
)
def test_real_faults_of_dtypes_and_right_code_that_looks_odd(file, name, failed):
    if failed == "gradients-of-another-dtype" and not hasattr(torch.Tensor, "grad_dtype"):
        pytest.skip("this torch has no grad_dtype")
    assert set(failing(looked_at(fault(file, name), "adam", MIXED))) == ({failed} if failed else set())


@pytest.mark.parametrize(("subject", "name"), [(torch.optim.Adam, "adam"), (torch.optim.RAdam, "radam")])
def test_torch_keeps_dtypes_apart_on_every_path(subject, name):
    results = looked_at(subject, name, MIXED)
    assert failing(results) == {}
    mixed = [result.message for result in results if result.name == "mixed-dtypes"]
    assert set(mixed) == {"mixed bfloat16, float16, float32, float64"}


def refusing(error: Exception, after: int = 0, moves: bool = False):
    """An Adam that takes one dtype in a group only."""

    class Refusing(Adam):
        steps = 0

        def step_group(self, group):
            self.steps += 1
            if len({param.dtype for param in group["params"]}) > 1 and self.steps > after:
                if moves:
                    group["params"][0].add_(1)
                raise error
            super().step_group(group)

    return Refusing


@pytest.mark.parametrize(
    ("subject", "outcome", "words"),
    [
        (refusing(ValueError("one dtype in a group")), "not-applicable", "in one group are refused: ValueError"),
        (refusing(RuntimeError("expected dtype float")), "warned", "in one group are refused: RuntimeError"),
        (refusing(ValueError("too late"), after=1), "failed", "with the work half done: step 2 raised ValueError"),
        (refusing(ValueError("too late"), moves=True), "failed", "with the work half done: step 1 raised ValueError"),
    ],
    ids=["meant", "does not fit", "late", "half done"],
)
def test_a_refusal_counts_only_before_anything_has_changed(subject, outcome, words):
    (result,) = looked_at(subject, "adam", ["mixed-dtypes"])
    assert result.outcome == outcome
    assert words in result.message


def test_one_dtype_alone_cannot_be_mixed():
    class Single(Adam):
        def __init__(self, params, *arguments, **named):
            super().__init__(params, *arguments, **named)
            if any(param.dtype is not torch.float32 for group in self.param_groups for param in group["params"]):
                raise TypeError("float32 only")

    results = looked_at(Single, "adam", ["mixed-dtypes", "added-group-of-another-dtype"])
    assert {result.message for result in results} == {"it is the algorithm in no two dtypes, but in float32"}


@has_grad_dtype
def test_gradients_refused_with_the_work_half_done_fail():
    class Half(Adam):
        def step_tensor(self, param, grad, group):
            if grad.dtype != param.dtype:
                param.add_(1)
                raise ValueError("a gradient of another dtype")
            super().step_tensor(param, grad, group)

    found = failing(looked_at(Half, "adam", ["gradients-of-another-dtype"]))
    assert "refused with the work half done" in found["gradients-of-another-dtype"]


@has_grad_dtype
def test_gradients_refused_are_not_applicable():
    (result,) = [
        r for r in looked_at(torch.optim.Adam, "adam", ["gradients-of-another-dtype"], foreach=False, fused=False)
    ]
    assert result.outcome == "not-applicable"
    assert result.message.startswith("refuses gradients of another dtype")


def test_the_default_dtype_is_put_back_whatever_happens():
    class Raises(AdamNorm):
        def step_group(self, group):
            if torch.get_default_dtype() is torch.float64:
                raise RuntimeError("found a default dtype that it does not know")
            super().step_group(group)

    before = torch.get_default_dtype()
    (result,) = looked_at(Raises, "adamnorm", ["default-dtype"])
    assert (result.outcome, torch.get_default_dtype()) == ("warned", before)
    assert "under the default dtype float64 step 1 raised" in result.message


def test_an_average_of_norms_that_is_not_finite_fails_though_parameters_are():
    class Average(AdamNorm):
        """The average is infinite in float16, and a guard keeps that from the parameters."""

        def step_tensor(self, param, grad, group):
            self.dtype = param.dtype
            super().step_tensor(param, grad, group)

        def norm(self, g):
            return (g.to(self.dtype) ** 2).sum().sqrt().to(g.dtype)

        def scale(self, now):
            return super().scale(now).nan_to_num(1.0)

    found = failing(looked_at(Average, "adamnorm", ["norm-in-half-precision"]))
    assert found["norm-in-half-precision"].endswith("state exp_grad_norm after step 1")


def test_the_correction_acts_on_the_tensor_of_each_dtype():
    (trial,) = trials(AdamNorm, "adamnorm")
    for dtype in NAMES:
        own = trial.within(dtype)
        quantities = own.quantities(case_in(trial, dtype))
        assert any((known["e"].value > 1.2 * known["g_norm"].value).all() for (known,) in quantities)


def test_without_a_norm_none_overflows():
    (result,) = looked_at(Adam, "adam", ["norm-in-half-precision"])
    assert (result.outcome, result.message) == ("not-applicable", "its equations have no norm")
