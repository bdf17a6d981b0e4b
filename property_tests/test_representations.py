"""State that is kept in another form: noted, and never taken for the quantity that its name says."""

from __future__ import annotations

import pytest
from faults import fault

from adanorm_verify import check_optimizer
from adanorm_verify.paper import algorithm
from adanorm_verify.representing import listed_forms
from adanorm_verify.runs import Check, probe
from adanorm_verify.shelf import FAITHFUL, WRONG
from adanorm_verify.shelf._base import Adam
from adanorm_verify.subject import Subject

SHELF = {subject.__name__: subject for subject in (*FAITHFUL, *WRONG)}
NOTES = {
    "DebiasedAverages": "state exp_avg is kept as m_hat, exp_avg_sq is kept as v_hat",
    "DebiasedRectified": "state exp_avg_sq is kept as v/(1 - beta2^t)",
    "DebiasedNorm": "state exp_grad_norm is kept as e/(1 - gamma^t)",
    "RootOfSecondMoment": "state exp_avg_sq is kept as sqrt(v)",
    "NegatedMoment": "state m is kept times a constant; the parameters are not affected",
}


@pytest.mark.parametrize("name", NOTES)
def test_other_forms_are_noted(name):
    verdict = check_optimizer(SHELF[name], SHELF[name].algorithm, profile="quick", explain=False)
    assert verdict.outcome == "conforms", verdict.summary()
    assert NOTES[name] in verdict.notes


class WithoutDampening(Adam):
    """The average adds whole gradients: another fault, and no other form of m."""

    def first_moment(self, now):
        return now.b1 * now.m + now.s


@pytest.mark.parametrize("subject", [WithoutDampening, Adam])
def test_a_state_that_follows_no_other_form_is_what_its_name_says(subject):
    paper = algorithm("adam")
    asked = Subject(subject, subject.__name__, {}, {}, paper.hyperparameters)
    combination = probe(Check(asked, paper, asked.base, "cpu"), "default", "float64")
    assert (combination.mapping["exp_avg"], combination.forms) == ("m", {})


def test_forms_of_a_quantity_are_made_of_it_alone():
    assert [name for name, _ in listed_forms(algorithm("adam"), "m")] == ["m_hat"]
    assert [name for name, _ in listed_forms(algorithm("adam"), "v")] == ["v_hat", "root", "denominator"]
    assert [name for name, _ in listed_forms(algorithm("adamnorm"), "e")] == []


def said(verdict):
    assert verdict.explanation == "equals Adam until a gradient is missing: `step-of-group-debiased`"
    assert verdict.first_divergence.quantity != "m"


def test_debiased_averages_with_the_count_of_calls_are_named():
    said(check_optimizer(SHELF["DebiasedByCalls"], "adam", profile="quick"))


def test_wild_debiased_averages():
    verdict = check_optimizer(fault("wild_debiased.py:DebiasedOwnStep"), "adam")
    assert verdict.outcome == "conforms"
    assert "state m is kept as m_hat, v is kept as v_hat" in verdict.notes
    said(check_optimizer(fault("wild_debiased.py:DebiasedGroupStep"), "adam"))
