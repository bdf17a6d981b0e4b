"""Hyperparameters that the constructor does not take are read back; those that slip are the cause of a difference."""

from __future__ import annotations

import pytest
import torch

from adanorm_verify import check_optimizer
from adanorm_verify.paper import algorithm
from adanorm_verify.reading import read_back
from adanorm_verify.shelf import _base
from adanorm_verify.shelf.faithful_saving import OneConfiguration, OptionsOfClass, Settings
from adanorm_verify.subject import Subject


def reading(factory, name="adam", **arguments):
    paper = algorithm(name)
    return read_back(Subject(factory, "subject", arguments, {}, paper.hyperparameters), "cpu")


def checked(factory, **arguments):
    return check_optimizer(factory, "adam", profile="quick", arguments=arguments)


def test_what_can_be_set_is_not_read():
    found = reading(torch.optim.Adam)
    assert (found.read, found.unknown, found.slipped, found.missing) == ({}, (), (), "")


def test_values_are_read_from_the_groups():
    assert reading(OptionsOfClass).read == {"lr": 0.0078125, "beta1": 0.75, "beta2": 0.9375, "eps": 1e-6}
    assert float(reading(OptionsOfClass).base.lr) == 0.0078125


@pytest.mark.parametrize("settings", [None, Settings(lr=0.25, betas=(0.25, 0.5))])
def test_a_configuration_object_is_compared_at_its_own_values(settings):
    verdict = checked(OneConfiguration, **({} if settings is None else {"settings": settings}))
    rate = (settings or Settings()).lr
    assert verdict.outcome == "conforms", verdict.summary()
    assert any(f"lr = {rate:g}, " in note and "read from its param_groups" in note for note in verdict.notes)


class Attributes(_base.Adam):
    """The rate is an attribute."""

    def __init__(self, params):
        self.lr = 0.0625
        super().__init__(params, self.lr)

    def add_param_group(self, param_group):
        super().add_param_group(param_group)
        self.param_groups[-1]["rate"] = self.param_groups[-1].pop("lr", self.lr)
        self.defaults.pop("lr", None)

    def look(self, group, state, g):
        return super().look({**group, "lr": group["rate"]}, state, g)


def test_values_are_read_from_attributes_where_groups_hold_none():
    assert reading(Attributes).read["lr"] == 0.0625
    assert checked(Attributes).outcome == "conforms"


class Hidden(_base.Adam):
    """The rate is nowhere to be seen."""

    def __init__(self, params, config=None):
        super().__init__(params)
        for group in (*self.param_groups, self.defaults):
            del group["lr"]
        self._rate = [config or 0.5]

    def look(self, group, state, g):
        return super().look({**group, "lr": self._rate[0]}, state, g)


def test_a_rate_that_can_be_neither_set_nor_read_is_not_compared_at_another():
    verdict = checked(Hidden)
    assert verdict.exit_code == 2
    assert verdict.reason.startswith("lr can be neither set nor read back")
    assert "--arg NAME=VALUE" in verdict.reason
    same = checked(Hidden, config=1e-3)  # it conforms at the paper's value, so it has that
    assert {run.outcome for run in same.runs} == {"conforms"}


class Slipped(_base.Adam):
    """Arguments have slipped by one."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, betas[0], (eps, betas[1]), lr)


def test_arguments_that_slip_are_named_as_the_cause():
    verdict = checked(Slipped)
    assert verdict.exit_code == 1
    assert verdict.explanation.startswith("lr was set to 0.001, and its groups hold 0.9; beta1 was set to 0.9, and its")


def test_a_pinned_value_is_the_one_that_is_compared():
    assert checked(OptionsOfClass).outcome == "conforms"
    assert checked(torch.optim.Adam, lr=0.5, foreach=False, fused=False).outcome == "conforms"


def test_a_pinned_correction_that_is_read_back_as_none_leaves_none_to_see():
    class NoCorrection(_base.AdamNorm):
        def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
            super().__init__(params, lr, betas, eps, 0.0)

    assert reading(NoCorrection, "adamnorm").read == {"gamma": 0.0}
