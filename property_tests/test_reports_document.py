"""The JSON document: nothing is lost between writing and reading, and what is no document is refused in a line."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf, isnan, nan

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from verdicts import ALL, DIFFERS, HOSTILE, NAMES, every, real

from adanorm_verify import check_optimizer
from adanorm_verify.calling import arguments_of, place_of, setup
from adanorm_verify.cli import main
from adanorm_verify.comparison import Piece, Tally, by_step
from adanorm_verify.errors import CannotCheck
from adanorm_verify.files import write_atomically
from adanorm_verify.targets import load
from adanorm_verify.verdict import Verdict


@pytest.mark.parametrize("name", NAMES)
def test_a_document_reads_back_as_the_same_document(name):
    text = every()[name].to_json()
    read = Verdict.from_json(text)
    assert read.to_json() == text
    assert read.outcome == every()[name].outcome
    assert read.summary() == every()[name].summary()


def test_floats_read_back_exactly():
    divergence = replace(DIFFERS.first_divergence, expected=0.1 + 0.2, got=nan, error=inf, bound=2.0**-1074)
    read = Verdict.from_json(replace(DIFFERS, first_divergence=divergence).to_json()).first_divergence
    assert (read.expected, read.error, read.bound) == (0.1 + 0.2, inf, 2.0**-1074)
    assert isnan(read.got)
    for written, again in zip(divergence.case.arrays(), read.case.arrays(), strict=True):
        assert written.tobytes() == again.tobytes()  # -0.0 and subnormal numbers too
        assert written.shape == again.shape
    assert read.case.hyperparameters == divergence.case.hyperparameters
    assert read.by_step == divergence.by_step
    assert Verdict.from_json(DIFFERS.to_json()).records == DIFFERS.records


def test_a_document_of_a_real_check_is_small():
    assert max(len(verdict.to_json()) for verdict in real().values()) < 60_000


def test_keys_that_are_not_known_are_kept_as_environment():
    document = {**json.loads(DIFFERS.to_json()), "device_kind": "cpu"}
    assert Verdict.from_json(json.dumps(document)).environment["device_kind"] == "cpu"


def changed(*path_and_value):
    """DIFFERS' document with one place changed; `...` removes it."""
    *path, last, value = path_and_value
    document = json.loads(DIFFERS.to_json())
    place = document
    for key in path:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON: Expecting value"),
        ("[1]", "not the JSON document of a check"),
        ('{"verdict": "conforms"}', "it has no schema"),
        (changed("schema", 1), "its schema is 1; this version reads 2"),
        (changed("verdict", ...), "it has no verdict"),
        (changed("setup", ...), "it has no setup"),
        (changed("runs", ...), "it has no runs"),
        (changed("verdict", "fine"), "verdict is 'fine'; one of 'conforms'"),
        (changed("algorithm", "adamw"), "unknown algorithm 'adamw'"),
        (changed("decisions", {"x": "y"}), "unknown decision 'x'"),
        (changed("runs", {}), "runs is {}; a list is wanted"),
        (changed("runs", 0, "cases", 1.5), "runs[0].cases is 1.5; a whole number is wanted"),
        (changed("runs", 0, "mechanisms", "step", "many"), "runs[0].mechanisms.step is 'many'; a whole number"),
        (changed("records", 2, "ratio", "large"), "records[2].ratio is 'large'; a number is wanted"),
        (changed("records", 2, "ratio", ...), "it has no records[2].ratio"),
        (changed("explained_by", 0, "allowed", 1), "explained_by[0].allowed is 1; true or false is wanted"),
        (changed("checks", 0, "x" * 200), "checks[0] is 'xxx"),
        (changed("first_divergence", "case", {}), "first_divergence.case is not a case: KeyError: 'name'"),
        (changed("first_divergence", "case", "groups", [0]), "do not fit each other"),
        (changed("first_divergence", "case", "groups", [0, 7]), "do not fit each other"),
        (changed("first_divergence", "case", "steps", 0, []), "gradients of shapes [] for tensors of"),
        (changed("first_divergence", "case", "steps", 0, 0, "shape", [3]), "is not a case: ValueError"),
        (changed("first_divergence", "case", "steps", 0, 0, "values", ["0x1p9999", "0x0p0"]), "is not a case: Overfl"),
        (changed("target", 5), "target is 5; a string is wanted"),
    ],
)
def test_what_is_no_document_is_refused_in_one_line(text, says, tmp_path):
    file = tmp_path / "verdict.json"
    file.write_text(text)
    for command in ("report", "replay"):
        done = CliRunner().invoke(main, [command, str(file)])
        assert done.exit_code == 2
        assert says in done.stderr
        assert str(file) in done.stderr
        assert done.stdout == ""
        assert len(done.stderr.strip().splitlines()) == 1
        assert len(done.stderr) < 400


def test_half_a_character_in_a_message_survives_the_file(tmp_path):
    file = tmp_path / "verdict.json"
    verdict = replace(DIFFERS, explanation=HOSTILE)
    write_atomically(file, verdict.to_json())
    assert Verdict.from_json(file.read_text(encoding="utf-8")).explanation == HOSTILE


def test_arguments_are_recorded_as_source_and_made_again():
    given = {"lr": 0.1, "betas": (0.9, 0.99), "mode": "inf", "limit": inf, "flag": None, "deep": [{"a": -1}]}
    recorded = Verdict.from_json(replace(DIFFERS, setup=setup(given, {"gamma": "r"}, "cpu")).to_json()).setup
    assert arguments_of(recorded) == given
    assert recorded.rename == {"gamma": "r"}


def test_an_argument_without_a_literal_is_refused_by_name():
    recorded = setup({"lr": torch.tensor(0.1)}, {}, "cpu")
    with pytest.raises(CannotCheck, match=r"argument lr was tensor\(0.1.*cannot be made again"):
        arguments_of(recorded)


def test_the_source_line_is_that_of_the_class(tmp_path, monkeypatch):
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch\n\n\nclass Mine(torch.optim.Adam):\n    pass\n\n\n"
        "def make(params, lr=1e-3):\n    return Mine(params, lr)\n\n\n"
        "class Holder:\n    @staticmethod\n    def x(): ...\n\n    class Mine(torch.optim.SGD):\n"
        "        def step(self, closure=None): ...\n"
    )
    monkeypatch.chdir(tmp_path)
    for name, line in (("Mine", 4), ("make", 8), ("Holder.Mine", 16)):
        recorded = check_optimizer(f"{file}:{name}", "adam", profile="quick", explain=False).setup
        assert (recorded.file, recorded.line) == ("mine.py", line)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    other = check_optimizer(f"{file}:Mine", "adam", profile="quick", explain=False).setup
    assert (other.file, other.line) == (str(file), 4)


def test_two_files_of_one_name_are_told_apart(tmp_path):
    source = "import torch\n\nclass Bare(torch.optim.Adam):\n    pass\n"
    for folder in ("one", "two"):
        file = tmp_path / folder / "bare.py"
        file.parent.mkdir()
        file.write_text("\n" * len(list(tmp_path.iterdir())) + source)
        recorded = check_optimizer(f"{file}:Bare", "adam", profile="quick", explain=False).setup
        assert recorded.file == str(file)
        assert file.read_text().splitlines()[recorded.line - 1].startswith("class Bare")


def test_two_classes_of_modules_of_one_name_are_told_apart(tmp_path):
    source = "import torch\n\nclass Full(torch.optim.Adam):\n    def step(self, closure=None): ...\n"
    for folder in ("one", "two"):
        file = tmp_path / folder / "full.py"
        file.parent.mkdir()
        file.write_text(source)
        assert place_of(load(f"{file}:Full"), "full:Full", "/nowhere")[0] == str(file)


def test_a_file_named_like_another_module_is_not_mistaken_for_it(tmp_path, monkeypatch):
    file = tmp_path / "json.py"
    file.write_text("import torch\n\nclass Encoder(torch.optim.Adam):\n    def step(self, closure=None): ...\n")
    monkeypatch.chdir(tmp_path)
    recorded = check_optimizer("json.py:Encoder", "adam", profile="quick", explain=False).setup
    assert (recorded.file, recorded.line) == ("json.py", 3)


@pytest.mark.parametrize("factory", [dict, type("Made", (torch.optim.Adam,), {}), lambda params: None, print])
def test_what_has_no_class_line_has_a_record_all_the_same(factory):
    file, line = place_of(factory, "somewhere:Made", "/nowhere")
    assert line == 0 or file.endswith(".py")


def test_ratios_by_step_are_those_of_the_single_steps():
    """What is kept of a run cut after each step grows by that step's largest ratio."""
    from adanorm_verify import streams
    from adanorm_verify.paper import algorithm
    from adanorm_verify.runs import Check, probe
    from adanorm_verify.subject import Subject

    paper = algorithm("adam", {})
    subject = Subject(torch.optim.Adam, "Adam", read=paper.hyperparameters)
    check = Check(subject, paper, subject.base, "cpu")
    combination = probe(check, "single-tensor", "float32")
    case = next(case for case in streams.designed("float32") if 3 < len(case.steps) < 12 and len(case.theta) > 1)
    prepared = check.prepared(case, combination)
    whole = check.compared(prepared, combination).tallies["theta"]
    assert len(whole.by_step) == len(case.steps)
    assert whole.worst == max(whole.by_step) > 0
    for steps in range(1, len(case.steps)):
        cut = prepared.first(steps)
        part = check.compared(cut, combination).tallies["theta"]
        assert part.worst == max(whole.by_step[:steps])
        assert list(part.by_step) == list(whole.by_step[:steps])


def test_only_the_first_steps_are_kept_and_missing_ones_are_zero():
    def piece(step, *ratios):
        return Piece("m", step, 0, np.zeros(len(ratios)), np.ones(len(ratios)), np.array(ratios))

    pieces = [piece(1, 0.5, 0.25), piece(1, 0.75), piece(3, 0.125), *(piece(n, 0.5) for n in range(4, 150))]
    kept = by_step(pieces, np.concatenate([one.got for one in pieces]))
    assert len(kept) == 100
    assert list(kept[:4]) == [0.75, 0.0, 0.125, 0.5]


def test_tallies_add_up_step_by_step():
    tally = Tally(by_step=np.array([0.1, 0.5]))
    tally.add(Tally(by_step=np.array([0.3, 0.2, 0.123456])))
    assert tally.rounded_by_step() == (0.3, 0.5, 0.123)
    assert tally.rounded_by_step(2) == (0.3, 0.5)


def test_a_recorded_verdict_is_shown_without_running_anything(tmp_path):
    file = tmp_path / "verdict.json"
    for verdict in (v for name, v in ALL.items() if name != "hostile"):
        write_atomically(file, verdict.to_json())
        done = CliRunner().invoke(main, ["report", str(file)])
        assert done.exit_code == 0
        assert verdict.summary().splitlines()[0] in done.output
