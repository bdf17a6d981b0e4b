"""`check_optimizer`: what it returns, and that it fails closed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch.optim import Optimizer

from adanorm_verify import check_optimizer
from adanorm_verify.cases import Case


class Still(Optimizer):
    """Never moves, with the paper's arguments."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    def step(self, closure=None):
        return None


class NaN(Still):
    """Fills the parameters with NaN."""

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.fill_(torch.nan)


class Refuses(torch.optim.Adam):
    """Raises at the second step."""

    def step(self, closure=None):
        if any(state["step"] >= 1 for state in self.state.values()):
            raise RuntimeError("no second step")
        return super().step(closure)


class RefusesScalars(torch.optim.Adam):
    """Refuses parameters without dimensions, as a few optimizers do."""

    def step(self, closure=None):
        if any(p.ndim == 0 for group in self.param_groups for p in group["params"]):
            raise ValueError("scalar parameters are not supported")
        return super().step(closure)


def test_conforming_verdict_has_its_evidence():
    verdict = check_optimizer(torch.optim.Adam, "adam", profile="quick")
    assert verdict.conforms
    assert verdict.exit_code == 0
    assert verdict.first_divergence is None
    assert {(run.path, run.dtype) for run in verdict.runs} >= {
        ("single-tensor", "float64"),
        ("foreach", "float32"),
    }
    theta = [record for record in verdict.records if record.quantity == "theta"]
    assert all(0 < record.ratio <= 1 for record in theta)
    assert all(record.compared > 1000 for record in theta)
    assert {record.quantity for record in verdict.records} == {"m", "v", "theta"}
    assert "conforms to adam" in verdict.summary()


def test_json_document_is_versioned_and_complete():
    document = json.loads(check_optimizer(torch.optim.SGD, "adam", profile="quick").to_json())
    assert document["schema"] == 2
    assert document["verdict"] == "differs"
    assert {"algorithm", "target", "first_divergence", "records", "versions", "seed", "runs"} <= set(document)
    case = Case.from_json(document["first_divergence"]["case"])
    assert case.to_json() == document["first_divergence"]["case"]


def test_counterexample_is_one_parameter_and_one_step():
    divergence = check_optimizer(torch.optim.SGD, "adam", profile="quick").first_divergence
    assert divergence is not None
    assert len(divergence.case.steps) == 1
    assert [float(x) for array in divergence.case.steps[0] for x in np.ravel(array)] == [1.0]


def test_same_seed_gives_the_same_verdict():
    first, second = (check_optimizer(torch.optim.Adam, "adam", profile="quick", seed=3) for _ in range(2))
    assert first.records == second.records


def test_an_optimizer_that_never_moves_differs():
    assert check_optimizer(Still, "adam", profile="quick").outcome == "differs"


def test_nan_differs():
    verdict = check_optimizer(NaN, "adam", profile="quick")
    assert verdict.outcome == "differs"
    assert verdict.first_divergence is not None
    assert verdict.first_divergence.error == np.inf


def test_reference_that_does_not_move_is_not_a_pass():
    # With lr = 0 everything agrees, and nothing has been shown.
    verdict = check_optimizer(Still, "adam", profile="quick", arguments={"lr": 0.0})
    assert verdict.outcome == "not-checked"
    assert "no parameter that moved" in verdict.reason


def test_mechanism_that_never_fires_is_not_a_pass(monkeypatch):
    from adanorm_verify import search, streams

    quiet = (streams.case("constant", [(2,)], [1.0] * 8),)
    monkeypatch.setattr(streams, "designed", lambda dtype: quiet)
    monkeypatch.setitem(search.PROFILES, "quick", search.Profile(0, 8, ("float64",), 0))
    verdict = check_optimizer(torch.optim.Adam, "adamnorm", profile="quick")
    assert verdict.outcome == "not-checked"
    assert "never happened in the cases that ran: correction" in verdict.reason


def test_subject_that_raises_could_not_be_checked():
    verdict = check_optimizer(Refuses, "adam", profile="quick")
    assert verdict.outcome == "not-checked"
    assert "step 2 raised RuntimeError: no second step" in verdict.reason


def test_refused_shapes_are_reported_and_do_not_hide_the_rest():
    verdict = check_optimizer(RefusesScalars, "adam", profile="quick")
    assert verdict.conforms
    assert any("refused by the optimizer" in note and "scalar parameters" in note for note in verdict.notes)


def test_factory_is_accepted():
    def factory(params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        return torch.optim.Adam(params, lr=lr, betas=betas, eps=eps)

    assert check_optimizer(factory, "adam", profile="quick").conforms


def test_pinned_argument_is_what_the_reference_uses():
    assert check_optimizer(torch.optim.Adam, "adam", profile="quick", arguments={"betas": (0.5, 0.9)}).conforms


def test_half_formats_are_checked_on_request():
    verdict = check_optimizer(torch.optim.Adam, "adam", profile="quick", dtypes=["bfloat16", "float16"])
    assert verdict.conforms
    assert {run.dtype for run in verdict.runs} == {"bfloat16", "float16"}


def test_equal_reading_of_the_paper_is_accepted_and_named():
    from adanorm_verify.shelf import AS_PRINTED

    printed = next(subject for subject in AS_PRINTED if subject.algorithm == "adabeliefnorm")
    verdict = check_optimizer(printed, "adabeliefnorm", profile="quick")
    assert verdict.conforms
    assert verdict.decisions == {"belief": "g"}
    strict = check_optimizer(printed, "adabeliefnorm", profile="quick", decisions={"belief": "s"})
    assert strict.outcome == "differs"


def test_misprinted_rectification_differs_and_is_named():
    from adanorm_verify.shelf import AS_PRINTED

    printed = next(subject for subject in AS_PRINTED if subject.algorithm == "radamnorm")
    verdict = check_optimizer(printed, "radamnorm", profile="quick")
    assert verdict.outcome == "differs"
    assert [found.name for found in verdict.deviations] == ["rectification-as-printed"]
    assert check_optimizer(printed, "radamnorm", profile="quick", decisions={"rectification": "printed"}).conforms


def test_allowed_deviation_is_accepted_and_named():
    from adanorm_verify.shelf import WRONG

    scaled = next(subject for subject in WRONG if subject.__name__ == "EpsScaledNorm")
    differs = check_optimizer(scaled, "adamnorm", profile="quick")
    assert differs.outcome == "differs"
    assert differs.explanation == "equals AdamNorm up to `eps-scaled`"
    verdict = check_optimizer(scaled, "adamnorm", profile="quick", allow=["eps-scaled"])
    assert verdict.outcome == "conforms-with-deviations"
    assert verdict.exit_code == 0
    assert json.loads(verdict.to_json())["deviations"] == ["eps-scaled"]
    other = check_optimizer(scaled, "adamnorm", profile="quick", allow=["eps-inside"])
    assert other.outcome == "differs"


@pytest.mark.parametrize("option", ["algorithm", "profile", "dtypes"])
def test_unknown_names_are_refused(option):
    wrong = {
        "algorithm": {"algorithm": "adamw"},
        "profile": {"profile": "slow"},
        "dtypes": {"dtypes": ["float8"]},
    }
    with pytest.raises(ValueError, match=r"unknown .* is one of|the algorithms are"):
        check_optimizer(torch.optim.Adam, **{"algorithm": "adam", **wrong[option]})
