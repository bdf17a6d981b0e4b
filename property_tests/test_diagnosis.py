"""What a wrong optimizer is said to be instead: the smallest set of deviations, or none."""

from __future__ import annotations

import json

import pytest
import torch

from adanorm_verify import check_optimizer, identity, streams
from adanorm_verify.deviations import DEVIATIONS, NAMES
from adanorm_verify.identity import identify
from adanorm_verify.paper import algorithm
from adanorm_verify.shelf import WRONG
from adanorm_verify.shelf.generated import changed
from adanorm_verify.shelf.interpreted import Interpreted, InterpretedNorm
from adanorm_verify.stages import missing
from adanorm_verify.summary import accepting

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


def listed(name, *deviations):
    """An optimizer that interprets the paper's list with the deviations in it."""
    paper = algorithm(name)
    chosen = [next(d for d in DEVIATIONS if d.name == one and d.concerns(paper)) for one in deviations]
    kind = InterpretedNorm if "s" in paper else Interpreted
    return type("Listed", (kind,), {"algorithm": name, "listed": changed(paper, *chosen)})


@pytest.mark.parametrize(
    ("name", "deviations"),
    [
        ("radam", ["rectified-as-first-group"]),
        ("radam", ["rectified-as-first-group", "plain-step-skipped"]),
        ("adabelief", ["eps-accumulated", "eps-twice-scaled", "eps-of-constructor", "step-of-group"]),
        ("diffgradnorm", ["e-stale", "s-in-second-moment", "eps-twice", "second-bias-uncorrected", "friction-unused",
                          "step-of-group"]),
    ],
    ids=["table", "table and skipped", "two that only groups and missing gradients show", "six"],
)  # fmt: skip
def test_sets_are_found_whose_parts_show_on_different_cases(name, deviations):
    verdict = check_optimizer(listed(name, *deviations), name, profile="quick")
    assert {found.name for found in verdict.deviations} == set(deviations), verdict.explanation


class LateGradientRefused(listed("adamnorm", "step-of-group")):
    """State is made at the first step alone, so that every designed case with a late gradient is refused."""

    def step_one(self, p, gradient, vector, group):
        if group["calls"] > 1 and p not in self.state:
            raise KeyError("exp_avg")
        super().step_one(p, gradient, vector, group)


def test_what_only_shows_after_a_missing_gradient_is_found_in_one_that_refuses_late_ones():
    verdict = check_optimizer(LateGradientRefused, "adamnorm", profile="quick")
    assert [found.name for found in verdict.deviations] == ["step-of-group"], verdict.explanation
    assert "missing-gradients" in {check.name for check in verdict.checks if check.outcome == "failed"}


def test_explanation_that_a_generated_case_refutes_is_looked_for_again(monkeypatch):
    without = {dtype: [c for c in streams.designed(dtype) if not missing(c)] for dtype in ("float64", "float32")}
    monkeypatch.setattr(streams, "designed", without.__getitem__)
    subject = listed("adam", "first-bias-uncorrected", "step-of-group")
    verdict = check_optimizer(subject, "adam", profile="default", dtypes=["float64"])
    assert {found.name for found in verdict.deviations} == {"first-bias-uncorrected", "step-of-group"}


@pytest.mark.parametrize(
    ("release", "target", "name", "arguments", "expected"),
    [
        ("2.6.1", "RAdam", "radam", [], {"plain-step-skipped", "rectified-as-first-group"}),
        ("2.7.0", "AdaNorm", "adamnorm", ["--rename", "gamma=r"],
         {"zero-norm-divides", "s-in-second-moment", "eps-twice-scaled", "eps-of-constructor", "step-of-group"}),
        ("3.8.2", "RAdam", "radamnorm", ["--arg", "adanorm=true", "--rename", "gamma=adanorm_r"],
         {"e-never-updated", "plain-step-skipped", "step-of-group"}),
    ],
)  # fmt: skip
def test_releases_are_named(command, tmp_path, release, target, name, arguments, expected):
    called = ["check", f"pytorch_optimizer:{target}", "-a", name, *arguments, "--profile", "quick"]
    done = command(*called, "--json", str(tmp_path / "v.json"), packages=[f"pytorch_optimizer=={release}"])
    assert done.returncode == 1, done.stdout
    names = json.loads((tmp_path / "v.json").read_text())["deviations"]
    assert set(names) & set(NAMES) == expected  # beside checks that fail


def only(monkeypatch, *keys):
    """Each algorithm that is excluded takes ten seconds."""
    monkeypatch.setattr(identity, "ALGORITHMS", {key: identity.ALGORITHMS[key] for key in keys})


def test_identify_ranks_the_exact_match_first(monkeypatch):
    only(monkeypatch, "radam", "adamnorm", "adam")
    first, *others = identify(torch.optim.Adam)
    assert (first.algorithm, first.deviations) == ("adam", ())
    assert [other.algorithm for other in others] == ["adamnorm"]
    assert all(other.deviations for other in others)


def test_identify_finds_nothing_in_another_algorithm(monkeypatch):
    only(monkeypatch, "radamnorm")
    assert identify(torch.optim.SGD, arguments={"momentum": 0.5, "nesterov": True}) == ()


def test_dialect_of_a_released_package_is_accepted_by_name(command, tmp_path):
    arguments = ["pytorch_optimizer:AdaNorm", "-a", "adamnorm", "--rename", "gamma=r", "--profile", "quick"]
    newest = ["pytorch_optimizer==4.1.0"]
    strict = command("check", *arguments, "--json", str(tmp_path / "a.json"), packages=newest)
    assert strict.returncode == 1
    assert "takes no gamma" not in strict.stdout
    assert "first difference: theta at step 1" in strict.stdout  # its eps stands elsewhere
    names = json.loads((tmp_path / "a.json").read_text())["deviations"]
    assert {"eps-scaled", "eps-padded-root", "step-of-group"} <= set(names)
    allowed = [word for name in names for word in ("--allow", name)]
    assert f"to accept what was found: {' '.join(allowed)}" in strict.stdout.splitlines()
    done = command("check", *arguments, *allowed, "--json", str(tmp_path / "b.json"), packages=newest)
    assert done.returncode == 0, done.stdout
    assert json.loads((tmp_path / "b.json").read_text())["verdict"] == "conforms-with-deviations"


def test_what_would_be_accepted_is_told_and_nothing_else():
    explained = check_optimizer(SUBJECTS["NoEps"], SUBJECTS["NoEps"].algorithm, profile="quick")
    [said] = accepting(explained)
    assert said.startswith("to accept what was found: --allow eps-missing-unguarded")
    assert said in explained.summary().splitlines()
    allowed = said.removeprefix("to accept what was found: ").replace("--allow ", "").split()
    accepted = check_optimizer(SUBJECTS["NoEps"], SUBJECTS["NoEps"].algorithm, profile="quick", allow=allowed)
    assert accepted.conforms
    assert not list(accepting(accepted))
    clipped = check_optimizer(SUBJECTS["UpdateClipped"], SUBJECTS["UpdateClipped"].algorithm, profile="quick")
    assert not list(accepting(clipped)), "nothing can be allowed where nothing was explained"
