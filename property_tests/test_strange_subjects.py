"""Optimizers that nobody planned for: each gets a verdict or one line, never a traceback and never a false pass."""

from __future__ import annotations

import functools
import subprocess
import sys
import textwrap

import pytest
import torch
from click.testing import CliRunner

from adanorm_verify import check_optimizer
from adanorm_verify.cli import main
from adanorm_verify.files import write_atomically

SUBJECTS = """
import random, sys
import torch


class Adam(torch.optim.Adam):
    pass


class ExitsInStep(Adam):
    def step(self, closure=None):
        sys.exit(0)


class LateFailure(Adam):
    def step(self, closure=None):
        if any(state["step"] >= 6 for state in self.state.values()):
            raise RuntimeError("no seventh step")
        return super().step(closure)


class Random(Adam):
    def step(self, closure=None):
        super().step(closure)
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(random.random() * 1e-3)


class Wrapper:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.inner = torch.optim.Adam(params, lr=lr, betas=betas, eps=eps)

    def step(self):
        self.inner.step()


class TupleState(Adam):
    def step(self, closure=None):
        super().step(closure)
        self.state = {p: tuple(s.values()) for p, s in self.state.items()} and self.state
        self.state["extra"] = (1, 2)


class OddState(Adam):
    def step(self, closure=None):
        loss = super().step(closure)
        for state in self.state.values():
            state["hash"] = 10**400
            state["sparse"] = torch.eye(2).to_sparse()
        return loss


class OtherGamma(Adam):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, gamma=0.0):
        super().__init__(params, lr=lr * (1 - gamma), betas=betas, eps=eps)


class Chatty(Adam):
    def step(self, closure=None):
        print("step")
        print("step", file=sys.stderr)
        return super().step(closure)


class CapturableByDefault(Adam):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, foreach=None):
        super().__init__(params, lr=lr, betas=betas, eps=eps, foreach=foreach)


def forgets(params, lr=1e-3):
    Adam(params, lr=lr)


def keywords(params, **kwargs):
    return torch.optim.Adam(params, **kwargs)
"""


@pytest.fixture
def strange(tmp_path, monkeypatch):
    """Check one of `SUBJECTS` through the command line, in this process."""
    (tmp_path / "strange.py").write_text(SUBJECTS)
    monkeypatch.chdir(tmp_path)

    def run(name: str, *options: str):
        arguments = ["check", f"strange.py:{name}", "-a", "adam", "--profile", "quick", "--dtype", "float64"]
        return CliRunner().invoke(main, [*arguments, *options])

    return run


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("ExitsInStep", 2, "step 1 raised SystemExit"),
        ("LateFailure", 2, "raised in step()"),
        ("Random", 1, "differs"),
        ("Wrapper", 0, "conforms"),
        ("OddState", 0, "conforms"),
        ("OtherGamma", 0, "conforms"),
        ("Chatty", 0, "conforms"),
        ("forgets", 2, "returned NoneType, which has no step()"),
        ("keywords", 0, "the constructor takes no lr"),
    ],
)
def test_strange_subject_gets_a_verdict(strange, name, code, says):
    done = strange(name)
    assert done.exit_code == code, done.output
    assert says in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "\nstep\n" not in done.output


@pytest.mark.parametrize("option", ["lr=0.01", "betas=(0.5,0.9)"])
def test_arguments_of_a_keyword_factory_are_what_the_reference_uses(strange, option):
    assert strange("keywords", "--arg", option).exit_code == 0


def test_rename_makes_a_keyword_factory_vary(strange):
    done = strange("keywords", "--rename", "betas=betas", "--rename", "lr=lr", "--rename", "eps=eps")
    assert done.exit_code == 0
    assert "takes no" not in done.output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--arg", "lr=1", "--arg", "lr=2"], "lr is given twice"),
        (["--arg", "eps=(1e-30,1e-3)"], "one number is wanted"),
        (["--arg", "betas={[]:1}"], "two numbers are wanted"),
        (["--rename", "eps=lr"], "two hyperparameters cannot be one argument"),
        (["--rename", "gamma=lr"], "the algorithm has no gamma"),
        (["--decide", "non_finite=refuse"], "check cannot observe non_finite=refuse"),
    ],
)
def test_mistaken_options_are_refused(strange, options, says):
    done = strange("Adam", *options)
    assert done.exit_code == 2, done.output
    assert says in done.output


def test_module_that_exits_on_import_could_not_be_checked(tmp_path, monkeypatch):
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(0)\n")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["check", "leaves.py:Adam", "-a", "adam"])
    assert done.exit_code == 2
    assert "raised SystemExit" in done.output


def test_error_of_our_own_is_not_a_verdict(monkeypatch):
    monkeypatch.setattr("adanorm_verify.conformance.check_optimizer", lambda *a, **k: 1 / 0)
    done = CliRunner().invoke(main, ["check", "torch.optim:Adam", "-a", "adam"])
    assert done.exit_code == 2
    assert "internal error, nothing was decided: ZeroDivisionError" in done.output


def test_eps_zero_is_read_as_printed():
    verdict = check_optimizer(torch.optim.Adam, "adam", arguments={"eps": 0.0}, profile="quick")
    assert verdict.conforms, verdict.summary()
    assert verdict.decisions == {"zero_denominator": "printed"}


def test_partial_is_accepted():
    factory = functools.partial(torch.optim.Adam, amsgrad=False)
    assert check_optimizer(factory, "adam", profile="quick", dtypes=["float64"]).conforms


def test_pinned_gamma_zero_of_a_right_optimizer_conforms():
    from adanorm_verify.shelf import FAITHFUL

    [right] = [subject for subject in FAITHFUL if subject.__name__ == "AdamNorm"]
    assert check_optimizer(right, "adamnorm", arguments={"gamma": 0.0}, profile="quick").conforms


def test_narrow_encoding_does_not_change_the_verdict(command, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert command("list", "algorithms").returncode == 0


def test_links_are_followed_and_pipes_are_written(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "real" / "file.json")
    write_atomically(tmp_path / "link.json", "text")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real" / "file.json").read_text() == "text"
    write_atomically("/dev/null", "text")


def test_reproduction_of_a_file_target_runs_anywhere_and_follows_a_repair(tmp_path, monkeypatch):
    source = """
        import dataclasses, os
        import torch
        import helper_beside

        class Scaled(torch.optim.Adam):
            def step(self, closure=None):
                super().step(closure)
                if not os.environ.get("REPAIRED"):
                    with torch.no_grad():
                        for group in self.param_groups:
                            for p in group["params"]:
                                p.mul_(1.01)
    """
    (tmp_path / "mine.py").write_text(textwrap.dedent(source))
    (tmp_path / "helper_beside.py").write_text("")
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "elsewhere" / "reproduce.py"
    script.parent.mkdir()
    arguments = ["check", "mine.py:Scaled", "-a", "adam", "--profile", "quick", "--reproduce", str(script)]
    assert CliRunner().invoke(main, arguments).exit_code == 1

    def run(**environment: str) -> int:
        return subprocess.run([sys.executable, str(script)], cwd="/", env=environment, capture_output=True).returncode

    assert run() == 1
    assert run(REPAIRED="1") == 0
    (tmp_path / "mine.py").unlink()
    assert run() == 2
