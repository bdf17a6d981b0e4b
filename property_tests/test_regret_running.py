"""A sweep: configurations are refused before anything runs, results are whole files, no kill loses a finished one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from adanorm_verify.cli import main
from adanorm_verify.regret import cells as cells_module
from adanorm_verify.regret import executing
from adanorm_verify.regret.cells import Cell, keep, measured, of_file
from adanorm_verify.regret.configuration import cells, preset, presets
from adanorm_verify.regret.executing import Failure

SMALL = """
seed = 3

[[calibration]]
name = ["logarithmic", "square root", "linear, leader", "bounded, leader"]
repetitions = 8
runs = 8
first = 8
last = 512
"""
COUNT = 4
ENTRY = [sys.executable, "-m", "adanorm_verify.cli", "regret", "run"]


@pytest.fixture
def config(tmp_path) -> Path:
    file = tmp_path / "small.toml"
    file.write_text(SMALL)
    return file


def start(config: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    command = [*ENTRY, "--config", str(config), "--out", str(out), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(config: Path, out: Path, *more: str) -> str:
    with start(config, out, *more) as process:
        text, _ = process.communicate(timeout=300)
    assert process.returncode in (0, 1), text  # eight repetitions may or may not pass
    return text


def contents(out: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((out / "cells").iterdir())}


def wait_for_a_cell(out: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(1200):
        if list((out / "cells").glob("*.json")):
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    pytest.fail("no cell was finished")


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_a_valid_configuration(name):
    assert cells(preset(name), name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[[calibration]]", "[[calibrations]]"), "unknown key 'calibrations'"),
        (('"linear, leader"', '"lineal"'), "lineal"),
        (("last = 512", "last = 0"), "last"),
        (("seed = 3", "seed = -1"), "seed = -1"),
        (("runs = 8", "runs = 8\nspeed = 3"), "speed"),
        (("runs = 8", "runs = "), "small.toml"),
    ],
)
def test_a_wrong_configuration_is_refused_before_anything_runs(config, tmp_path, change, message):
    config.write_text(SMALL.replace(*change))
    result = CliRunner().invoke(main, ["regret", "run", "--config", str(config), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) <= 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [('{ name = "adamnorm", gamma = 1.0 }', "gamma"), ('"adamnrom"', "adamnrom")],
)
def test_a_wrong_optimizer_is_refused_with_what_is_allowed(tmp_path, optimizer, message):
    text = f'[[regret]]\nproblem = "signs"\noptimizer = {optimizer}\nruns = 4\nfirst = 8\nlast = 64\n'
    with pytest.raises(ValueError, match=message):
        cells(text, "text")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[regret]]\nproblem = 5\noptimizer = 'sgd'", "a problem is a name"),
        ("[[regret]]\nproblem = 'signs'\noptimizer = 5", "optimizer = 5"),
        ("[[regret]]\nproblem = 'signs-ball'\noptimizer = 'leader'", "leader"),
        ("[[regret]]\nproblem = 'signs'\noptimizer = 'sgd'\nruns = 1", "runs = 1"),
        ("[[regret]]\nproblem = []\noptimizer = 'sgd'", "problem is an empty list"),
        ("[[phase]]\noptimizer = 5\ngamma = 0.9\nperiods = [3]\nratios = [1.1, 3.0, 9]", "an optimizer is a name"),
        ("[[phase]]\noptimizer = 'sgdnorm'\ngamma = 0.9\nperiods = [3]\nratios = ['a', 3.0, 9]", "1 < low < high"),
        ("[[logistic]]\noptimizer = 5\nrate = 0.1\nbatch = 1", "an optimizer is a name"),
        ("[[landscape]]\nscenario = {a = 1}", "scenario must be one of"),
        ("[[calibration]]\nname = {a = 1}", "name must be one of"),
        ("[[norms]]\nkind = 'phase'", "unknown key 'kind'"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(text, message):
    with pytest.raises(ValueError, match=message) as raised:
        cells(text, "sweep")
    assert str(raised.value).startswith("sweep: [")


def test_what_another_version_has_measured_is_not_kept(tmp_path, monkeypatch):
    [cell] = cells("[[landscape]]\nscenario = 'S1'", "sweep")
    monkeypatch.setattr(cells_module, "sources", lambda: "other")
    text = measured(cell)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="other versions or sources"):
        keep(cell, tmp_path, text)
    assert not list(tmp_path.iterdir())


def test_why_nothing_was_measured_is_said(tmp_path, monkeypatch):
    config = tmp_path / "sweep.toml"
    config.write_text("[[landscape]]\nscenario = 'S1'")
    monkeypatch.setattr(
        "adanorm_verify.regret.executing.run",
        lambda found, *rest: [Failure(cell, "OSError: no such thing") for cell in found],
    )
    result = CliRunner().invoke(main, ["regret", "run", "--config", str(config), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "not measured: landscape S1: OSError: no such thing" in result.output


def test_lists_are_crossed_and_equal_cells_are_one():
    found = cells(SMALL.replace('"logarithmic"', '"logarithmic", "logarithmic"'), "text")
    assert [cell.settings["name"] for cell in found] == [
        "logarithmic",
        "square root",
        "linear, leader",
        "bounded, leader",
    ]
    assert all(cell.settings["seed"] == 3 for cell in found)


def test_the_same_bytes_whatever_the_number_of_workers(config, tmp_path):
    finish(config, tmp_path / "one", "--jobs", "1")
    finish(config, tmp_path / "two", "--jobs", "2")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(contents(tmp_path / "one")) == COUNT
    for name in ("summary.json", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_killed_run_goes_on_and_measures_nothing_twice(config, tmp_path):
    out = tmp_path / "out"
    with start(config, out, "--jobs", "1") as process:
        wait_for_a_cell(out, process)
        process.send_signal(signal.SIGKILL)
    before = {file: os.stat(out / "cells" / file).st_mtime_ns for file in contents(out)}
    assert 0 < len(before) < COUNT, "it was killed in the middle"
    assert f"{COUNT} cells, {len(before)} of them finished before" in finish(config, out)
    after = contents(out)
    assert len(after) == COUNT
    assert all(os.stat(out / "cells" / file).st_mtime_ns == at for file, at in before.items())
    for file in after:
        json.loads(after[file])
    finish(config, tmp_path / "whole")
    assert contents(tmp_path / "whole") == after


def test_a_record_is_measured_again_and_another_one_is_not_the_same(config, tmp_path):
    finish(config, tmp_path / "out")
    file = next((tmp_path / "out" / "cells").iterdir())
    same = CliRunner().invoke(main, ["regret", "again", str(file)])
    assert same.exit_code == 0, same.output
    file.write_text(file.read_text().replace('"coverage": ', '"coverage": 1'))
    other = CliRunner().invoke(main, ["regret", "again", str(file)])
    assert other.exit_code == 1
    assert "record" in other.output


def test_a_file_that_is_no_record_is_refused(tmp_path):
    file = tmp_path / "cell.json"
    file.write_text("{}")
    with pytest.raises(ValueError, match="no record"):
        of_file(file)


def test_other_sources_are_other_cells(monkeypatch):
    cell = Cell("calibration", {"name": "linear, leader"})
    monkeypatch.setattr(cells_module, "sources", lambda: "other")
    changed = cell.key
    monkeypatch.undo()
    assert changed != cell.key


def dask_process(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_a_dask_worker_is_killed_and_nothing_is_lost_or_doubled(config, tmp_path):
    pytest.importorskip("distributed", reason="needs the extra dask")
    address_file = tmp_path / "scheduler.json"
    common = ["--no-dashboard", "--scheduler-file", str(address_file)]
    scheduler = dask_process("dask_scheduler", "--host", "127.0.0.1", "--port", "0", *common)
    options = ["--nthreads", "1", "--no-nanny", *common]
    crew = [dask_process("dask_worker", *options) for _ in range(2)]
    try:
        for _ in range(600):
            if address_file.exists() and address_file.stat().st_size:
                break
            time.sleep(0.05)
        address = json.loads(address_file.read_text())["address"]
        out = tmp_path / "out"
        with start(config, out, "--dask", address) as run:
            wait_for_a_cell(out, run)
            assert len(contents(out)) < COUNT, "the worker is killed in the middle"
            crew[0].send_signal(signal.SIGKILL)
            text, _ = run.communicate(timeout=300)
        assert run.returncode in (0, 1), text
        found = contents(out)
        assert len(found) == COUNT
    finally:
        for process in (*crew, scheduler):
            process.kill()
            process.wait()
    finish(config, tmp_path / "local")
    assert contents(tmp_path / "local") == found


def test_no_scheduler_is_said_in_a_line(config, tmp_path, monkeypatch):
    monkeypatch.setattr(executing, "CONNECT_SECONDS", 0.5)
    pytest.importorskip("distributed", reason="needs the extra dask")
    result = CliRunner().invoke(
        main, ["regret", "run", "--config", str(config), "--out", str(tmp_path / "o"), "--dask", "tcp://127.0.0.1:9"]
    )
    assert result.exit_code == 2
    assert "no scheduler answers" in result.output
