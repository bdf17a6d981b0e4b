"""Replay: a recorded counterexample is there still, is gone, or could not be run, and never gone by default."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from verdicts import CONFORMS, DIFFERS, real

from adanorm_verify import replaying
from adanorm_verify.cases import Case
from adanorm_verify.cli import main
from adanorm_verify.errors import CannotCheck
from adanorm_verify.files import write_atomically
from adanorm_verify.paper import Hyperparameters
from adanorm_verify.replaying import exit_code, paths_for, replay
from adanorm_verify.verdict import Verdict

WRONG = """
import torch

class Mine(torch.optim.Adam):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr=lr, betas=(betas[0], 0.9 * betas[1]), eps=eps)
"""
RIGHT = WRONG.replace("0.9 * ", "")
SIGNATURE = "lr=1e-3, betas=(0.9, 0.999), eps=1e-8"


@pytest.fixture
def recorded(tmp_path):
    """An optimizer's file, and the document of its check."""
    source, document = tmp_path / "mine.py", tmp_path / "verdict.json"
    source.write_text(WRONG)
    arguments = ["check", f"{source}:Mine", "-a", "adam", "--profile", "quick", "--json", str(document)]
    assert CliRunner().invoke(main, [*arguments, "--arg", "lr=0.25"]).exit_code == 1
    return source, document


def run(document, *more):
    return CliRunner().invoke(main, ["replay", str(document), "--trust", *more])


def test_a_difference_that_is_still_there(recorded, tmp_path):
    _, document = recorded
    done = run(document, "--json", str(tmp_path / "replay.json"))
    assert done.exit_code == 1
    assert done.stdout.startswith("still there: v at step 1 (default, float64)\n")
    written = json.loads((tmp_path / "replay.json").read_text())
    [again] = written["replays"]
    before = json.loads(document.read_text())["first_divergence"]
    assert again["outcome"] == "still-there"
    assert {key: again["now"][key] for key in ("expected", "got", "error", "bound")} == again["recorded"]
    assert again["recorded"]["got"] == before["got"]
    assert json.loads(document.read_text())["setup"]["arguments"] == {"lr": "0.25"}
    assert written["versions"]
    assert written["recorded_with"]


def test_a_difference_that_is_fixed(recorded):
    source, document = recorded
    source.write_text(RIGHT)
    done = run(document)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "fixed: v at step 1 (default, float64)"


def test_a_difference_that_moved_elsewhere_is_no_fix(recorded):
    source, document = recorded
    source.write_text(RIGHT.replace("eps=eps)", "eps=eps + 1)"))
    done = run(document)
    assert done.exit_code == 1
    assert "now theta at step 1: paper" in done.output


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (None, "no file"),
        (RIGHT.replace("Mine", "Other"), "no class 'Mine'"),
        (RIGHT + "\n    def step(self, closure=None):\n        raise RuntimeError('not today')\n", "not today"),
        (RIGHT.replace("super()", "raise ValueError('never')\n        super()"), "its constructor raised ValueError"),
        (
            RIGHT.replace(SIGNATURE, "betas=(0.9, 0.999), eps=1e-8").replace("lr=lr", "lr=1e-3"),
            "takes no argument 'lr'",
        ),
    ],
)
def test_what_cannot_be_run_is_never_fixed(recorded, source, says):
    file, document = recorded
    if source is None:
        file.unlink()
    else:
        file.write_text(source)
    done = run(document)
    assert done.exit_code == 2
    assert says in done.output


def test_another_setting_than_the_recorded_one_is_not_run_in_its_place(recorded):
    file, document = recorded
    verdict = json.loads(document.read_text())
    verdict["first_divergence"]["case"]["hyperparameters"][0]["beta1"] = (0.5).hex()
    document.write_text(json.dumps(verdict))
    file.write_text(RIGHT.replace(SIGNATURE, "lr=1e-3, eps=1e-8").replace("(betas[0], betas[1])", "(0.9, 0.999)"))
    done = run(document)
    assert done.exit_code == 2
    assert "cannot be given the hyperparameters" in done.output


def test_nothing_to_replay_is_no_success(tmp_path):
    file = tmp_path / "verdict.json"
    write_atomically(file, CONFORMS.to_json())
    done = run(file)
    assert done.exit_code == 2
    assert "nothing to replay: the verdict on torch.optim:Adam has no counterexample" in done.output
    assert exit_code(()) == 2


def test_no_search_takes_place(monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("a replay searched")

    monkeypatch.setattr("adanorm_verify.search.search", never)
    monkeypatch.setattr("adanorm_verify.search.shrunk", never)
    monkeypatch.setattr("hypothesis.strategies.composite", never)
    [again] = replay(real()["sgd"])
    assert again.outcome == "still-there"


def test_a_mutant_of_the_shelf_is_still_there():
    verdict = real()["mutant"]
    [again] = replay(verdict)
    assert again.outcome == "still-there"
    assert (again.now.quantity, again.now.got) == (verdict.first_divergence.quantity, verdict.first_divergence.got)


def test_where_nothing_can_be_judged_nothing_is_fixed():
    huge = Case("huge", (np.zeros(1),), (0,), (Hyperparameters(),), ((np.array([1e300]),),))
    verdict = replace(real()["sgd"], target="torch.optim:Adam")
    verdict = replace(verdict, first_divergence=replace(verdict.first_divergence, case=huge))
    [again] = replay(verdict)
    assert (again.outcome, again.note) == ("could-not-run", "no parameter could be compared")
    assert exit_code((again,)) == 2


def test_a_case_that_the_optimizer_refuses_is_not_fixed(recorded):
    file, document = recorded
    refusing = "\n    def step(self, closure=None):\n        if self.param_groups[0]['params'][0].ndim == 0:\n"
    file.write_text(
        RIGHT + refusing + "            raise ValueError('no scalars')\n        return super().step(closure)\n"
    )
    verdict = Verdict.from_json(document.read_text())
    scalar = replace(verdict.first_divergence.case, theta=(np.zeros(()),), steps=((np.ones(()),),))
    [again] = replay(replace(verdict, first_divergence=replace(verdict.first_divergence, case=scalar)))
    assert again.outcome == "could-not-run"
    assert "ValueError: no scalars" in again.note


def test_paths_that_took_the_place_of_a_recorded_one():
    assert paths_for("foreach", ("single-tensor", "foreach", "fused")) == ("foreach",)
    assert paths_for("default", ("single-tensor", "foreach", "fused")) == ("single-tensor", "foreach")
    assert paths_for("foreach", ("default", "capturable")) == ("default",)
    assert paths_for("fused", ("single-tensor", "foreach")) == ()


def test_a_path_that_is_gone_is_said_to_be():
    verdict = real()["mutant"]
    gone = replace(verdict, first_divergence=replace(verdict.first_divergence, path="fused"))
    [again] = replay(gone)
    assert again.outcome == "could-not-run"
    assert "no path fused any more; it has default" in again.note


def test_a_device_that_is_not_there_is_said_to_be(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    verdict = replace(real()["sgd"], setup=replace(real()["sgd"].setup, device="cuda"))
    with pytest.raises(CannotCheck, match="torch finds no CUDA device"):
        replay(verdict)


def test_one_that_is_still_there_outweighs_one_that_cannot_be_run():
    there, fixed, could_not = (
        replaying.Replay(outcome, DIFFERS.first_divergence, "foreach")
        for outcome in ("still-there", "fixed", "could-not-run")
    )
    assert exit_code((could_not, there, fixed)) == 1
    assert exit_code((fixed, could_not)) == 2
    assert exit_code((fixed, fixed)) == 0


def test_failed_checks_are_said_not_to_be_replayed(tmp_path):
    file = tmp_path / "verdict.json"
    verdict = replace(real()["sgd"], checks=DIFFERS.checks)
    write_atomically(file, verdict.to_json())
    assert "not replayed, only `check` runs them: state-survives-saving" in run(file).output


def test_what_a_document_names_is_not_imported_from_anywhere(recorded, tmp_path, monkeypatch):
    """A document may come from somebody else, and to replay it runs what it names."""
    _, document = recorded
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    refused = CliRunner().invoke(main, ["replay", str(document)])
    assert refused.exit_code == 2
    assert "is not below this folder; with --trust, or given as TARGET, it is run" in refused.output
    assert "still there" not in refused.output
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["replay", str(document)]).exit_code == 1
    monkeypatch.chdir(elsewhere)
    assert CliRunner().invoke(main, ["replay", str(document), f"{tmp_path}/mine.py:Mine"]).exit_code == 1
