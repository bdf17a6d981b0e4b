"""`check --html --junit --sarif` and `report`: the same files, and mistakes found before the work."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner
from verdicts import CONFORMS

from adanorm_verify.cli import main

KINDS = ("html", "junit", "sarif")
CHECK = ["check", "torch.optim:SGD", "-a", "adam", "--profile", "quick"]


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_reports_of_a_document_are_those_of_its_check(tmp_path):
    document = tmp_path / "verdict.json"
    (tmp_path / "new").mkdir()
    at_once = [part for kind in KINDS for part in (f"--{kind}", tmp_path / "new" / f"once.{kind}")]
    assert run(*CHECK, "--json", document, *at_once).exit_code == 1
    later = [part for kind in KINDS for part in (f"--{kind}", tmp_path / f"later.{kind}")]
    done = run("report", document, *later)
    assert (done.exit_code, done.output) == (0, "")
    for kind in KINDS:
        written = (tmp_path / f"later.{kind}").read_bytes()
        assert written == (tmp_path / "new" / f"once.{kind}").read_bytes()
        assert len(written) > 1000
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]  # nothing temporary is left


def test_a_check_that_could_not_be_run_is_reported_too(tmp_path):
    files = [part for kind in KINDS for part in (f"--{kind}", tmp_path / kind)]
    assert run("check", "no_such_module:X", "-a", "adam", *files).exit_code == 2
    for kind in KINDS:
        assert "no module named" in (tmp_path / kind).read_text()


@pytest.mark.parametrize("command", ["check", "report", "replay"])
def test_a_file_that_cannot_be_written_is_found_out_first(command, tmp_path, monkeypatch):
    document = tmp_path / "verdict.json"
    document.write_text(CONFORMS.to_json())
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    monkeypatch.setattr("adanorm_verify.conformance.check_optimizer", None)  # would be an internal error
    option = "--json" if command == "replay" else "--html"
    done = run(*(CHECK if command == "check" else [command, document]), option, tmp_path / "x")
    assert done.exit_code == 2
    assert "no permission in its folder" in done.stderr


def test_two_reports_do_not_share_a_file(tmp_path):
    done = run(*CHECK, "--html", tmp_path / "x", "--junit", tmp_path / "." / "x")
    assert done.exit_code == 2
    assert "--junit" in done.stderr
    assert "is also --html; each needs a file of its own" in done.stderr


@pytest.mark.parametrize("command", [("report", "--sarif"), ("replay", "--json")])
def test_a_report_does_not_take_the_place_of_its_document(command, tmp_path):
    document = tmp_path / "verdict.json"
    document.write_text(CONFORMS.to_json())
    done = run(command[0], document, command[1], document)
    assert done.exit_code == 2
    assert "is also the file that is read" in done.stderr
    assert document.read_text() == CONFORMS.to_json()


def test_reading_a_document_does_not_import_torch(tmp_path):
    import subprocess
    import sys

    document = tmp_path / "verdict.json"
    document.write_text(CONFORMS.to_json())
    code = (
        "import sys; from adanorm_verify.commands.options import verdict_of, write_reports; "
        "v = verdict_of(sys.argv[1]); write_reports(v, *sys.argv[2:]); print('torch' in sys.modules)"
    )
    files = [str(tmp_path / kind) for kind in KINDS]
    done = subprocess.run([sys.executable, "-c", code, str(document), *files], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
