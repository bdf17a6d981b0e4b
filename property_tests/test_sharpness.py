"""`adanorm-verify sharpness`: what it counts as caught, as a survivor and as a false alarm, and that it goes on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from adanorm_verify import check_optimizer, sharpness
from adanorm_verify.cli import main
from adanorm_verify.reports import sharpness as report
from adanorm_verify.sharpness import Specimen, Trial, faults, killed_by_one, row, run_sharpness, told, trial
from adanorm_verify.verdict import CheckResult, Verdict

BOTH = ("float64", "float32")
WRONG = Specimen("adanorm_verify.shelf.generated:AdamNormENeverUpdated", "adamnorm", "deviation")
RIGHT = Specimen("adanorm_verify.shelf.generated:AdamNormListed", "adamnorm", "rewrite")
SURVIVOR = Specimen("adanorm_verify.shelf.generated:AdamNormListed", "adamnorm", "formula")
FALSE_ALARM = Specimen("adanorm_verify.shelf.generated:AdamNormENeverUpdated", "adamnorm", "rewrite")


def invoke(*arguments: str):
    return CliRunner().invoke(main, ["sharpness", "--profile", "quick", "--jobs", "1", *arguments])


@pytest.fixture
def shelf(monkeypatch):
    return lambda *specimens: monkeypatch.setattr(sharpness, "shelf", lambda: specimens)


def test_a_shelf_told_apart_is_exit_0_and_its_table_is_saved(shelf, tmp_path):
    shelf(WRONG, RIGHT)
    found = invoke("--seeds", "2", "--json", str(tmp_path / "a.json"), "--markdown", str(tmp_path / "a.md"))
    assert found.exit_code == 0, found.output
    assert (
        "AdamNormENeverUpdated (adamnorm): killed by trajectory; e (Algorithm 2, equation 4); float64 2, float32 2"
        in found.output
    )
    assert "AdamNormListed (adamnorm): passed" in found.output
    assert "survivors: none" in found.output
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["only_killed_by"] == {"trajectory": ["AdamNormENeverUpdated"]}
    assert [line["seeds"] for line in document["rows"]] == [[0, 1], [0, 1]]
    assert "| AdamNormListed | adamnorm | rewrite | passed" in (tmp_path / "a.md").read_text()


@pytest.mark.parametrize(
    ("specimen", "said"),
    [
        (SURVIVOR, "WRONG: seed 0: survived in float64"),
        (FALSE_ALARM, "WRONG: seed 0: false alarm in float64: trajectory"),
    ],
)
def test_a_survivor_and_a_false_alarm_are_exit_1(shelf, specimen, said):
    shelf(specimen)
    found = invoke("--seeds", "1")
    assert found.exit_code == 1
    assert said in found.output


def test_the_contract_draws_nothing_from_a_seed_and_runs_under_the_first():
    interface = Specimen("adanorm_verify.shelf.wrong_changing:BetasOfFirstStep", "adam", "interface")
    rewrite = Specimen("adanorm_verify.shelf.faithful_saving:FlatMoments", "adam", "rewrite")
    alone = Specimen(interface.target, "adam", "rewrite")  # which nothing but a check of the contract refuses
    run = [
        [(one.seed, one.outcome) for one in run_sharpness([s], [3, 4], "quick", ("float32",), 1)]
        for s in (interface, rewrite, alone)
    ]
    assert run == [[(3, "differs")], [(3, "conforms"), (4, "conforms")], [(3, "differs"), (4, "conforms")]]
    first, second = (check_optimizer(interface.target, "adam", profile="quick", seed=seed).checks for seed in (3, 4))
    assert first == second
    left_out = check_optimizer(interface.target, "adam", profile="quick", contract=False)
    assert left_out.conforms
    assert not left_out.checks
    assert "the contract's checks were left out, as the caller asked" in left_out.summary()


def test_nothing_run_is_exit_2():
    found = invoke("--only", "NoSuchOptimizer")
    assert found.exit_code == 2
    assert "no optimizer of the shelf is named NoSuchOptimizer" in found.output


def test_a_killed_run_goes_on_where_it_was(tmp_path, monkeypatch):
    out = tmp_path / "trials.jsonl"
    arguments = ([WRONG], range(2), "quick", ("float64",), 1, out)
    first = next(run_sharpness(*arguments))
    with out.open("a") as file:
        file.write('{"target": "cut off')
    again = list(run_sharpness(*arguments))
    assert again[0] == first
    assert [one.seed for one in again] == [0, 1]
    monkeypatch.setattr(sharpness, "trial", lambda *_, **__: pytest.fail("nothing is left to run"))
    assert list(run_sharpness(*arguments)) == again


def test_a_file_of_something_else_is_not_added_to(tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("mine\n")
    found = invoke("--only", WRONG.name, "--out", str(other))
    assert found.exit_code == 2
    assert "is no file of sharpness results: it has the line 'mine'" in found.output
    assert other.read_text() == "mine\n"


def test_results_of_other_settings_do_not_count(tmp_path):
    out = tmp_path / "trials.jsonl"
    [first] = run_sharpness([WRONG], [0], "quick", ("float64",), 1, out)
    [second] = run_sharpness([WRONG], [0], "quick", ("float32",), 1, out)
    assert (set(first.killed), set(second.killed)) == ({"float64"}, {"float32"})


ONE_AND_TWO = """
from adanorm_verify.sharpness import Specimen, run_sharpness

shelf = [
    Specimen("adanorm_verify.shelf.generated:AdamNormENeverUpdated", "adamnorm", "deviation"),
    Specimen("adanorm_verify.shelf.generated:AdamNormListed", "adamnorm", "rewrite"),
]
one, two = (
    {(x.target, x.outcome, x.quantity, x.ratio) for x in run_sharpness(shelf, [0], "quick", ("float64",), jobs)}
    for jobs in (1, 2)
)
assert len(one) == 2, one
assert one == two, (one, two)
"""


def test_results_of_processes_are_those_of_one():
    """In an interpreter of its own: workers take over the parent's sys.path, which other tests have added to."""
    done = subprocess.run([sys.executable, "-c", ONE_AND_TWO], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_specimen_is_read_as_it_decides():
    [guarded] = [one for one in sharpness.shelf() if one.name == "GuardedAdamNormListed"]
    assert guarded.decisions == {"guard": "decaying"}
    assert not faults(guarded, trial(guarded, 0, "quick", ("float32",)), ("float32",))
    plain = Specimen(guarded.target, guarded.algorithm, guarded.kind)
    assert faults(plain, trial(plain, 0, "quick", ("float32",)), ("float32",)) == ["false alarm in float32: trajectory"]


def verdict(*checks: CheckResult) -> Verdict:
    return Verdict("differs" if checks else "conforms", "x", "adam", checks=checks)


def failed(name: str, dtype: str = "float64") -> CheckResult:
    return CheckResult(name, "state", "failed", "default", dtype, "its state is elsewhere")


def test_a_failed_check_of_the_contract_kills():
    specimen = Specimen("x:Forgetful", "adam", "interface")
    one = told(specimen, 0, verdict(failed("state-dict"), failed("pickle", "float32")), 0.1)
    assert one.killed == {"float64": ("state-dict",), "float32": ("pickle",)}
    assert not faults(specimen, one, BOTH)
    assert faults(specimen, told(specimen, 0, verdict(), 0.1), BOTH) == ["survived: conforms"]


def test_a_failed_check_of_the_contract_on_a_rewrite_is_a_false_alarm():
    assert faults(RIGHT, told(RIGHT, 0, verdict(failed("pickle")), 0.1), BOTH) == ["false alarm in float64: pickle"]


def test_what_could_not_be_checked_is_neither_caught_nor_passed():
    undecided = Verdict("not-checked", "x", "adamnorm", reason="it raised")
    assert faults(WRONG, told(WRONG, 0, undecided, 0.1), BOTH) == ["survived in float64", "survived in float32"]
    assert faults(RIGHT, told(RIGHT, 0, undecided, 0.1), BOTH) == ["false alarm: not-checked it raised"]


def test_wrong_in_double_only_is_neither_missed_in_float64_nor_caught_in_float32():
    specimen = Specimen("x:Single", "adam", "formula", right_in=("float32",))
    caught = Trial("x:Single", 0, "differs", {"float64": ("trajectory",)}, {}, "theta", "", 2.0, 0.1)
    assert not faults(specimen, caught, BOTH)
    everywhere = Trial("x:Single", 0, "differs", dict.fromkeys(BOTH, ("trajectory",)), {}, "theta", "", 2.0, 0.1)
    assert faults(specimen, everywhere, BOTH) == ["false alarm in float32"]


def test_a_check_without_a_mutant_of_its_own_is_named():
    def killed(target: str, *names: str):
        specimen = Specimen(f"x:{target}", "adam", "interface")
        return row(specimen, [told(specimen, 0, verdict(*map(failed, names)), 0.1)], BOTH)

    rows = [killed("A", "pickle"), killed("B", "pickle", "deepcopy")]
    assert killed_by_one(rows) == {"pickle": ("A",)}
    lines = report.matrix(rows)
    assert "pickle: 1 would live without it: A" in lines
    assert any(line.startswith("trajectory: no mutant of its own") for line in lines)


def test_cases_to_the_kill_are_the_smallest_and_the_largest_over_the_seeds():
    trials = [
        Trial(
            WRONG.target,
            seed,
            "differs",
            {"float64": ("trajectory",)},
            {"float64": cases, "float32": 55},
            "e",
            "",
            2,
            1,
        )
        for seed, cases in enumerate((20, 3))
    ]
    assert row(WRONG, trials, BOTH).cases == {"float64": (3, 20)}


def test_quick_check_of_a_mutant_takes_under_three_seconds():
    trial(WRONG, 0, "quick", BOTH)  # imports and caches
    assert trial(WRONG, 0, "quick", BOTH).seconds < 3
