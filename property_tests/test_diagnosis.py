"""What a wrong optimizer is said to be instead: the smallest set of deviations, or none."""

from __future__ import annotations

import json

import pytest
import torch

from adanorm_verify import check_optimizer
from adanorm_verify.identity import identify
from adanorm_verify.shelf import WRONG

SUBJECTS = {subject.__name__: subject for subject in WRONG}
INSTEAD = {
    "NoEps": {"eps-missing-unguarded"},
    "BetasExchanged": {"betas-exchanged"},
    "AverageNeverWritten": {"e-restarts"},
    "AverageOfCorrectedNorm": {"e-of-corrected-norm"},
    "NormOfGroup": {"norm-over-group"},
    "ZeroByZero": {"zero-norm-always-divides"},
    "MaximumKept": {"v-maximum-kept"},
    "MissingIsZero": {"missing-is-zero"},
    "StateInSingle": {"computed-in-float32"},
    "SharedStepCount": {"step-of-group"},
    "BiasCorrectionsExchanged": {"first-bias-with-beta2", "second-bias-with-beta1"},
}


@pytest.mark.parametrize("name", INSTEAD)
def test_wrong_optimizer_is_named(name):
    verdict = check_optimizer(SUBJECTS[name], SUBJECTS[name].algorithm, profile="quick")
    assert {found.name for found in verdict.deviations} == INSTEAD[name], verdict.explanation
    assert verdict.outcome == "differs"


def test_what_no_deviation_explains_is_said_to_be_so():
    verdict = check_optimizer(SUBJECTS["UpdateClipped"], SUBJECTS["UpdateClipped"].algorithm, profile="quick")
    assert verdict.deviations == ()
    assert verdict.explanation.startswith("no known deviation explains it; first difference: theta")


class HalfGamma(SUBJECTS["NormOfGroup"].__mro__[1]):
    """AdamNorm whose gamma is 0.97 whatever it is set to."""

    def average_norm(self, now):
        return 0.97 * now.e + (1 - 0.97) * now.n


def test_hard_coded_number_is_found():
    verdict = check_optimizer(HalfGamma, "adamnorm", profile="quick")
    [found] = verdict.deviations
    assert found.name == "gamma-hard-coded"
    assert "gamma = 0.96999" in found.meaning or "gamma = 0.97" in found.meaning


def test_identify_ranks_the_exact_match_first():
    first, *others = identify(torch.optim.Adam)
    assert (first.algorithm, first.deviations) == ("adam", ())
    assert all(other.deviations for other in others)


def test_identify_finds_nothing_in_another_algorithm():
    assert identify(torch.optim.SGD, arguments={"momentum": 0.5, "nesterov": True}) == ()


def test_dead_correction_of_a_released_package_is_adam(command):
    done = command("check", "pytorch_optimizer:AdaNorm", "-a", "adamnorm", packages=["pytorch_optimizer==3.9.0"])
    assert done.returncode == 1
    assert "the correction never takes part (`e-never-updated`)" in done.stdout
    assert done.stdout.splitlines()[1].startswith("is Adam up to")


def test_dialect_of_a_released_package_is_accepted_by_name(command, tmp_path):
    arguments = ["pytorch_optimizer:AdaNorm", "-a", "adamnorm", "--rename", "gamma=r", "--profile", "quick"]
    newest = ["pytorch_optimizer==4.1.0"]
    strict = command("check", *arguments, "--json", str(tmp_path / "a.json"), packages=newest)
    assert strict.returncode == 1
    names = json.loads((tmp_path / "a.json").read_text())["deviations"]
    assert {"eps-scaled", "eps-padded-root", "step-of-group"} <= set(names)
    allowed = [word for name in names for word in ("--allow", name)]
    done = command("check", *arguments, *allowed, "--json", str(tmp_path / "b.json"), packages=newest)
    assert done.returncode == 0, done.stdout
    assert json.loads((tmp_path / "b.json").read_text())["verdict"] == "conforms-with-deviations"
