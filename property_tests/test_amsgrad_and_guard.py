"""What is checked beyond the paper: AMSGrad, and the guard on the correction, as a user meets them."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from click.testing import CliRunner

from adanorm_verify import check_optimizer, identity, shelf
from adanorm_verify.cli import main
from adanorm_verify.commands.gate import file_name, gate_line
from adanorm_verify.gate import GUARDED, SHIPPED, Shipped, check_shipped
from adanorm_verify.identity import identify
from adanorm_verify.paper import ALGORITHMS, algorithm
from adanorm_verify.reports.reproduction import reproduction

OURS = "adanorm_verify.optim:"
SUBJECTS = {subject.__name__: subject for subject in shelf.WRONG}
INSTEAD = {
    "NoMaximum": {"v-maximum-unused"},
    "MaximumOfCorrected": {"v-maximum-of-corrected"},
    "AsReddiPrints": {"first-bias-uncorrected", "second-bias-uncorrected"},
    "GuardOverT": {"guard-linear"},
    "GuardOnAverage": {"guard-in-average"},
}
PLAIN = {"foreach": False, "fused": False}
ALONE = {"foreach": False, "capturable": False}
"""One path: the others have the same to say."""


def quick(target, claimed: str, **options):
    return check_optimizer(target, claimed, profile="quick", dtypes=["float32"], **options)


def test_torch_adam_with_amsgrad_is_amsgrad_and_not_adam():
    verdict = quick("torch.optim:Adam", "amsgrad", arguments={"amsgrad": True})
    assert verdict.conforms, verdict.summary()
    assert {"single-tensor", "foreach"} <= {run.path for run in verdict.runs}
    assert "v_max" in {record.quantity for record in verdict.records}, "its max_exp_avg_sq was not compared"
    assert verdict.summary().startswith("torch.optim:Adam(amsgrad=True) conforms to amsgrad\n")
    other = quick("torch.optim:Adam", "adam", arguments={"amsgrad": True}, explain=False)
    assert {run.outcome for run in other.runs if run.cases} == {"differs"}


def test_torch_adam_without_amsgrad_is_not_amsgrad():
    verdict = quick("torch.optim:Adam", "amsgrad", arguments=PLAIN)
    assert (verdict.outcome, verdict.explanation) == ("differs", "equals AMSGrad up to `v-maximum-unused`")


def test_identify_says_amsgrad(monkeypatch):
    few = ("adam", "amsgrad")  # all of them take their time
    monkeypatch.setattr(identity, "ALGORITHMS", {name: ALGORITHMS[name] for name in few})
    first, other = identify(torch.optim.Adam, arguments={"amsgrad": True})
    assert (first.title, first.deviations, first.unfollowed) == ("AMSGrad", (), 0)
    assert [found.name for found in other.deviations] == ["v-maximum-kept"]


@pytest.mark.parametrize("name", INSTEAD)
def test_wrong_maximum_or_guard_is_named(name):
    subject = SUBJECTS[name]
    verdict = quick(subject, subject.algorithm, decisions=subject.decisions)
    assert {found.name for found in verdict.deviations} == INSTEAD[name], verdict.summary()
    assert verdict.outcome == "differs"


@pytest.mark.parametrize("shipped", [s for s in SHIPPED if s.decisions], ids=lambda s: f"{s.name}-{s.algorithm}")
def test_a_guarded_optimizer_is_the_papers_only_if_that_is_decided(shipped):
    """That it conforms where it is decided is what the gate checks."""
    undecided = quick(shipped.target, shipped.algorithm, arguments=shipped.arguments, explain=False)
    assert {run.outcome for run in undecided.runs} == {"differs"}


def test_an_undecided_guard_is_named_with_what_decides_it():
    verdict = quick(f"{OURS}AdamNorm", "adamnorm", arguments={**GUARDED, **ALONE})
    assert [found.name for found in verdict.deviations] == ["guard-decaying"]
    assert "--decide guard=decaying" in verdict.summary()


def test_an_unguarded_optimizer_is_not_the_guarded_one():
    verdict = quick(f"{OURS}AdamNorm", "adamnorm", decisions=GUARDED, explain=False)
    assert {run.outcome for run in verdict.runs} == {"differs"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["adamnorm", "--decide", "guard=decay"], "decision guard cannot be 'decay'; it is one of none, decaying"),
        (
            ["adam", "--decide", "guard=decaying"],
            "guard does not concern adam; its decisions are zero_denominator, eps_",
        ),
        (
            ["radamnorm", "--decide", "guard=decaying", "--decide", "eps_placement=inside"],
            "eps_placement does not concern radamnorm with guard=decaying; its decisions are guard, norm_scope",
        ),
        (["adamnorm", "--arg", "guard=decay"], 'guard must be "none" or "decaying", got \'decay\''),
    ],
)
def test_a_mistaken_guard_gets_one_line_that_helps(arguments, says):
    done = CliRunner().invoke(main, ["check", f"{OURS}AdamNorm", "--profile", "quick", "-a", *arguments])
    assert done.exit_code == 2, done.output
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


def test_a_counterexample_to_a_guarded_list_stands_alone(tmp_path):
    target, arguments = f"{OURS}AdamNorm", {"amsgrad": True, **ALONE}
    verdict = quick(target, "amsgradnorm", decisions=GUARDED, arguments=arguments, explain=False)
    script = tmp_path / "reproduce.py"
    script.write_text(reproduction(verdict, target, arguments, {}, "cpu", script.name))
    assert "np.maximum(v_max_prev, v)" in script.read_text()
    assert "1 + 1 / np.sqrt(t)" in script.read_text()
    alone = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert alone.returncode == 1, alone.stderr
    assert "theta differs from the paper" in alone.stdout


def test_the_gate_has_every_option_of_every_class():
    norms = {name for name in ALGORITHMS if "s" in algorithm(name)}
    assert {shipped.algorithm for shipped in SHIPPED if shipped.decisions == GUARDED} == norms
    assert {shipped.algorithm for shipped in SHIPPED if not shipped.decisions} >= norms


def test_the_gate_tells_what_was_called_and_how_it_was_read(monkeypatch):
    monkeypatch.setattr("adanorm_verify.gate.DTYPE_NAMES", ("float32",))
    both = Shipped("AdamNorm", "amsgradnorm", {"amsgrad": True, **GUARDED, **ALONE}, GUARDED)
    verdict = check_shipped(both, "quick", "cpu", seed=0)
    given = "amsgrad=True, guard='decaying', foreach=False, capturable=False"
    called = f"{OURS}AdamNorm({given}) conforms to amsgradnorm (read with guard=decaying): "
    assert gate_line(verdict).startswith(called)
    assert file_name(verdict) == "amsgradnorm-decaying-cpu-seed0.json"
    names = {(shipped.algorithm, *shipped.decisions.values()) for shipped in SHIPPED}
    assert len(names) == len(SHIPPED), "two would be written to one file"
