"""The command as a user types it, on real packages and on the obvious mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from released import install

from adanorm_verify.cli import main
from adanorm_verify.deviations import NAMES

DEAD = "pytorch_optimizer==3.9.0"


def test_help_answers_without_importing_torch_or_numpy():
    code = "import sys, adanorm_verify.cli; print(sorted({'torch', 'numpy', 'hypothesis', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_dead_correction_of_a_released_package_is_found_and_named(command, tmp_path):
    report, script = tmp_path / "verdict.json", tmp_path / "reproduce.py"
    arguments = (
        "pytorch_optimizer:AdaNorm",
        "--algorithm",
        "adamnorm",
        "--json",
        str(report),
        "--reproduce",
        str(script),
    )
    done = command("check", *arguments, packages=[DEAD])
    assert done.returncode == 1, done.stderr
    assert "first difference: e at step 1" in done.stdout
    assert "the correction never takes part (`e-never-updated`)" in done.stdout
    assert done.stdout.splitlines()[1].startswith("is Adam up to")
    document = json.loads(report.read_text())
    assert document["verdict"] == "differs"
    assert document["algorithm"] == "adamnorm"
    assert document["target"] == "pytorch_optimizer:AdaNorm"
    first = document["first_divergence"]
    assert (first["quantity"], first["step"]) == ("e", 1)
    assert first["got"] == 0.0
    assert "γ e_{t−1} + (1 − γ) g_norm" in first["equation"]
    assert first["error"] > first["bound"] > 0
    assert document["records"]
    assert document["versions"]["torch"]
    assert document["seed"] == 0
    assert document["command"].startswith("adanorm-verify check pytorch_optimizer:AdaNorm")
    # The script stands alone: it finds the package, and nothing of this project.
    code = "import sys; sys.modules['adanorm_verify'] = None; exec(open(sys.argv[1]).read())"
    alone = subprocess.run(
        [sys.executable, "-c", code, str(script)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(install(DEAD))},
    )
    assert alone.returncode == 1, alone.stderr
    assert "theta differs from the paper" in alone.stdout


def test_torch_adam_conforms_on_both_paths(command):
    done = command("check", "torch.optim:Adam", "--algorithm", "adam")
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "single-tensor, float64: conforms",
        "foreach, float64: conforms",
        "foreach, float32: conforms",
    ):
        assert line in done.stdout


def test_torch_radam_conforms(command):
    assert command("check", "torch.optim:RAdam", "--algorithm", "radam").returncode == 0


def test_torch_adam_is_not_adamnorm(command):
    done = command("check", "torch.optim:Adam", "--algorithm", "adamnorm")
    assert done.returncode == 1
    assert "first difference: m at step 2" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["no_such_module:Adam", "-a", "adam"], "no module named 'no_such_module'"),
        (["torch.optim:Adamm", "-a", "adam"], "no class 'Adamm' in torch.optim; it has the optimizers"),
        (["torch.optim.Adam", "-a", "adam"], "is not of the form package.module:Class"),
        (["no/such/file.py:Adam", "-a", "adam"], "no file 'no/such/file.py'"),
        (["torch.optim:Adam", "-a", "adamw"], "unknown algorithm 'adamw'; the algorithms are adam, adamnorm"),
        (["torch.optim:Adam", "-a", "adam", "--arg", "lrr=1"], "takes no argument 'lrr'; it takes lr, betas"),
        (["torch.optim:Adam", "-a", "adam", "--arg", "lr=-1"], "lr must be finite and >= 0, got -1"),
        (["torch.optim:Adam", "-a", "adam", "--rename", "zeta=lr"], "'zeta' is none of the paper's"),
        (["torch.optim:Adam", "-a", "adam", "--decide", "belief=s"], "decision belief does not concern adam"),
        (["torch.optim:Adam", "-a", "adam", "--allow", "nonsense=1"], "unknown deviation 'nonsense=1'"),
        (["torch.optim:LBFGS", "-a", "adam"], "step 1 raised"),
        (["collections:OrderedDict", "-a", "adam"], "its constructor cannot be inspected"),
        (["torch.optim:Adam", "-a", "adam", "--device", "cuda"], "torch finds no CUDA device"),
    ],
)
def test_mistakes_get_one_helpful_line_and_exit_code_2(arguments, says, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    done = CliRunner().invoke(main, ["check", *arguments, "--profile", "quick"])
    assert done.exit_code == 2, done.output
    assert says in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) <= 2


def test_a_mistake_ends_the_process_with_2_and_no_traceback(command):
    done = command("check", "no_such_module:Adam", "-a", "adam")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(command):
    done = CliRunner().invoke(main, ["--debug", "check", "torch.optim:Adam", "-a", "adamw"])
    assert isinstance(done.exception, ValueError)


def test_file_target_is_checked(command, tmp_path):
    source = tmp_path / "mine.py"
    source.write_text("import torch\n\nclass Mine(torch.optim.Adam):\n    pass\n")
    done = command("check", f"{source}:Mine", "-a", "adam", "--profile", "quick", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_listings_name_every_equation_and_decision():
    def listed(what: str) -> str:
        return CliRunner().invoke(main, ["list", what]).output

    algorithms = listed("algorithms")
    assert "adabeliefnorm: AdaBeliefNorm (Algorithm 8)" in algorithms
    assert "e_t = γ e_{t−1} + (1 − γ) g_norm  (4)" in algorithms
    assert "rectification=printed" in listed("decisions")
    assert "liveness" in listed("checks")
    deviations = listed("deviations")
    assert all(f"{name} (" in deviations for name in NAMES)


def test_help_answers_at_once(command):
    command("--help")  # compiles
    start = time.perf_counter()
    assert command("--help").returncode == 0
    assert time.perf_counter() - start < 2  # 0.13 s measured; the margin is for a loaded machine


def test_a_check_leaves_nothing_in_the_callers_folder(command, tmp_path):
    (tmp_path / "mine.py").write_text("import torch\n\n\nclass Mine(torch.optim.Adam):\n    '''The same.'''\n")
    arguments = ["check", "mine.py:Mine", "-a", "adam", "--profile", "quick", "--arg", "foreach=False"]
    assert command(*arguments, cwd=tmp_path).returncode == 0
    assert [file.name for file in tmp_path.iterdir()] == ["mine.py"]
