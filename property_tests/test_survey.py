"""The survey: releases are asked, not listed; what was done is kept; the table says first and last."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from released import install as installed

from adanorm_verify.cli import main
from adanorm_verify.errors import CannotCheck
from adanorm_verify.reports import survey_table
from adanorm_verify.survey import engine, folder, releases, sources, subjects
from adanorm_verify.survey.subjects import Optimizer, Package
from adanorm_verify.survey.table import deviations, intervals, reproductions, table

SOURCE = """
import torch

class Adam(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8{arguments}):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state.update(step=0, exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p))
                state["step"] += 1
                state["exp_avg"].mul_(beta1).add_(p.grad, alpha={weight})
                state["exp_avg_sq"].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                m_hat = state["exp_avg"] / (1 - beta1 ** state["step"])
                v_hat = state["exp_avg_sq"] / (1 - beta2 ** state["step"])
                p.addcdiv_(m_hat, v_hat.sqrt().add_(group["eps"]), value=-group["lr"])
"""
RIGHT = {"arguments": "", "weight": "1 - beta1"}
WRONG = {"arguments": "", "weight": "1"}
RELEASES = {
    "1.0": SOURCE.format(**RIGHT),
    "1.9": SOURCE.format(**WRONG),
    "1.10": SOURCE.format(**WRONG | {"arguments": ", foreach=None, nesterov=False"}),
    "2.0": "raise ImportError('needs a torch\\nof long ago')",
    "3.0": "import torch",
}
FAKE = Package("fake-optimizers", "fake_optimizers", ">=1", (Optimizer("Adam", "adam"),))


def survey(*arguments: str):
    return CliRunner().invoke(main, ["survey", *arguments])


@pytest.fixture(scope="module")
def fakes(tmp_path_factory):
    """A cache that holds the fake releases already."""
    cache = tmp_path_factory.mktemp("cache")
    for release, source in RELEASES.items():
        (cache / f"{FAKE.name}-{release}").mkdir()
        (cache / f"{FAKE.name}-{release}" / f"{FAKE.module}.py").write_text(source)
    return cache


@pytest.fixture(scope="module")
def made(fakes):
    """A survey of the fake releases: the folder of all that it wrote, and what it printed."""
    folder = fakes / "made"
    folder.mkdir()
    readme = folder / "README.md"
    readme.write_text(f"before\n{survey_table.BEGIN}\nold\n{survey_table.END}\nafter\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subjects, "BY_NAME", {FAKE.name: FAKE})
        patch.setattr(releases, "BY_NAME", {FAKE.name: FAKE})
        done = survey(
            *("--releases", f"{FAKE.name}=={','.join(RELEASES)}", "--cache", str(fakes), "--jobs", "2"),
            *("--out", str(folder / "out")),
            *("--json", str(folder / "all.json"), "--markdown", str(folder / "table.md"), "--readme", str(readme)),
            *("--html", str(folder / "table.html"), "--scripts", str(folder / "scripts")),
        )
    assert done.exit_code == 0, done.output
    return folder, done.output


def test_survey_of_releases_names_first_and_last_that_differ(made):
    _, printed = made
    lines = printed.splitlines()
    assert lines[0] == "fake-optimizers 1.0 – 3.0 (5 releases)"
    single = next(line for line in lines if "single-tensor" in line)
    assert single.endswith("conforms 1.0; differs 1.9 – 1.10; not importable 2.0; not there 3.0")
    assert "    m-without-dampening 1.9 – 1.10" in lines  # 1.10 is after 1.9
    foreach = next(line for line in lines if "foreach" in line)
    assert foreach.endswith("not there 1.0 – 1.9; differs 1.10; not importable 2.0; not there 3.0")
    assert "note: fake-optimizers Adam in 2.0: importing fake_optimizers raised ImportError: needs a torch" in lines


def test_survey_document_holds_every_verdict(made):
    document = json.loads((made[0] / "all.json").read_text())
    records = {(r["release"], r["path"]): r for r in document["records"]}
    assert set(records) == {
        ("1.0", "default"),
        ("1.9", "default"),
        ("1.10", "single-tensor"),
        ("1.10", "foreach"),
        ("2.0", ""),
        ("3.0", ""),
    }
    assert records["1.0", "default"]["verdict"]["verdict"] == "conforms"
    assert records["1.9", "default"]["verdict"]["first_divergence"]["quantity"] == "m"
    assert records["1.10", "foreach"]["arguments"] == {"foreach": True}
    assert records["3.0", ""]["reason"] == "no class Adam"
    assert document["versions"]["torch"]
    assert document["command"].startswith("adanorm-verify")


def test_readme_gets_the_table_between_its_markers(made):
    readme, written = (made[0] / "README.md").read_text(), (made[0] / "table.md").read_text()
    assert readme.startswith(f"before\n{survey_table.BEGIN}\n")
    assert readme.endswith(f"{survey_table.END}\nafter\n")
    assert written in readme
    assert "old" not in readme
    assert "| Adam | Adam | single-tensor | conforms 1.0; differs 1.9 – 1.10;" in written
    assert survey_table.inserted(readme, written) == readme


def test_scripts_are_of_the_last_release_with_the_defect_and_stand_alone(made, fakes):
    scripts = sorted((made[0] / "scripts").iterdir())
    assert [path.name for path in scripts] == [
        "fake-optimizers-1.10-Adam-foreach.py",
        "fake-optimizers-1.10-Adam-single-tensor.py",
    ]
    text = scripts[1].read_text()
    assert text.startswith("# pip install fake-optimizers==1.10 torch numpy\n")
    assert str(fakes) not in text
    code = "import sys; sys.modules['adanorm_verify'] = None; exec(open(sys.argv[1]).read())"
    environment = {"PYTHONPATH": str(fakes / "fake-optimizers-1.10")}
    alone = subprocess.run(
        [sys.executable, "-c", code, str(scripts[1])], capture_output=True, text=True, env=environment
    )
    assert alone.returncode == 1, alone.stderr


def test_page_needs_no_network(made):
    page = (made[0] / "table.html").read_text()
    assert "<td>Adam</td>" in page
    assert "http" not in page
    assert "src=" not in page


def test_what_was_done_is_not_done_again_unless_something_changed(fakes, monkeypatch):
    monkeypatch.setattr(releases, "BY_NAME", {FAKE.name: FAKE})
    runs = []
    real = subprocess.run
    monkeypatch.setattr(engine.subprocess, "run", lambda *a, **k: runs.append(1) or real(*a, **k))

    def again(seed: int):
        runs.clear()
        engine.survey([f"{FAKE.name}==2.0,3.0"], [], False, engine.How("quick", seed), fakes, fakes / "kept", workers=2)
        return len(runs)

    assert again(0) == 2
    assert again(0) == 0
    (fakes / "kept" / f"{FAKE.name}-2.0.json").write_text('{"key": "half a fi')
    assert again(0) == 1
    assert again(1) == 2


def test_release_that_ends_its_process_is_reported(fakes, tmp_path, monkeypatch):
    (fakes / f"{FAKE.name}-4.0").mkdir(exist_ok=True)
    (fakes / f"{FAKE.name}-4.0" / f"{FAKE.module}.py").write_text("import os; os._exit(7)")
    monkeypatch.setattr(releases, "BY_NAME", {FAKE.name: FAKE})
    done = survey("--releases", f"{FAKE.name}==4.0", "--cache", str(fakes), "--out", str(tmp_path))
    assert done.exit_code == 2
    assert "its process ended itself with exit code 7, while it was imported" in done.output


def test_dead_correction_of_a_released_package_has_its_releases(tmp_path, monkeypatch):
    adanorm = Package(
        "pytorch-optimizer", "pytorch_optimizer", ">=2", (Optimizer("AdaNorm", "adamnorm", gamma=("r",)),)
    )
    monkeypatch.setattr(releases, "BY_NAME", {adanorm.name: adanorm})
    for release in ("3.9.0", "4.1.0"):
        (tmp_path / f"pytorch-optimizer-{release}").symlink_to(installed(f"pytorch_optimizer=={release}"))
    out = tmp_path / "all.json"
    arguments = ("--releases", "pytorch-optimizer==4.1.0,3.9.0", "--cache", str(tmp_path), "--out", str(tmp_path / "o"))
    done = survey(*arguments, "--json", str(out))
    assert done.exit_code == 0, done.output
    found = {(r["release"], r["path"]): r for r in json.loads(out.read_text())["records"]}
    assert set(found) == {("3.9.0", "default"), ("4.1.0", "single-tensor"), ("4.1.0", "foreach")}
    assert found["3.9.0", "default"]["verdict"]["first_divergence"]["quantity"] == "e"
    assert found["4.1.0", "foreach"]["verdict"]["first_divergence"]["quantity"] != "e"
    assert found["4.1.0", "foreach"]["rename"] == {"gamma": "r"}


# --- asking


def test_listing_of_pip_is_read_robustly():
    listing = "fake (1.10)\nAvailable versions: 1.10, 1.9, 1.10rc1, not-a-version, 2.0.post1\n  INSTALLED: 1.9\n"
    assert [str(version) for version in releases.parsed(listing)] == ["1.9", "1.10rc1", "1.10", "2.0.post1"]
    assert releases.parsed("ERROR: No matching distribution found") == []


def listing(monkeypatch, stdout: str, code: int = 0):
    done = subprocess.CompletedProcess([], code, stdout, "WARNING: experimental\nERROR: no network")
    monkeypatch.setattr(releases, "pip", lambda *arguments: done)


def test_releases_are_those_of_the_package_without_previews(monkeypatch):
    listing(monkeypatch, "Available versions: 3.0rc1, 2.7.0, 2.10.0, 2.6.0")
    package = Package("p", "p", ">=2.6.1", ())
    assert releases.released(package) == ["2.7.0", "2.10.0"]


def test_no_listing_says_what_to_give_instead(monkeypatch):
    listing(monkeypatch, "", 1)
    with pytest.raises(CannotCheck, match=r"no network.*--releases p==V,V"):
        releases.released(Package("p", "p", ">=2", ()))


def test_dependencies_are_read_from_the_metadata_and_never_torch(tmp_path):
    info = tmp_path / "fake-1.0.dist-info"
    info.mkdir()
    requirements = [
        "torch>=1.4",
        "numpy",
        "no-such-thing-a (>=0.1)",
        "no-such-thing-b ; python_version < '3'",
        "no-such-thing-c ; extra == 'all'",
        "no-such-thing-d",
    ]
    lines = ["Metadata-Version: 2.1", "Name: fake", "Version: 1.0", *(f"Requires-Dist: {r}" for r in requirements)]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    there = tmp_path / "no_such_thing_d-1.dist-info"
    there.mkdir()
    (there / "METADATA").write_text("Metadata-Version: 2.1\nName: no_such_thing_d\nVersion: 1\n")
    assert releases.needed(tmp_path) == ["no-such-thing-a>=0.1"]


def test_release_is_installed_once_and_whole(tmp_path, monkeypatch):
    asked = []

    def put(requirement, target):
        asked.append(requirement)
        target.mkdir(exist_ok=True)
        (target / requirement).write_text("")

    missing = iter([["dependency>=1"], []])
    monkeypatch.setattr(releases, "put", put)
    monkeypatch.setattr(releases, "needed", lambda folder: next(missing))
    where = releases.install(FAKE, "1.0", tmp_path)
    assert releases.install(FAKE, "1.0", tmp_path) == where
    assert asked == ["fake-optimizers==1.0", "dependency>=1"]
    assert {path.name for path in where.iterdir()} == set(asked)
    assert [path.name for path in tmp_path.iterdir()] == ["fake-optimizers-1.0"]


def test_release_that_pip_refuses_leaves_nothing_and_is_a_row(tmp_path, monkeypatch):
    listing(monkeypatch, "", 1)
    monkeypatch.setattr(releases, "BY_NAME", {FAKE.name: FAKE})
    made = engine.survey(
        [f"{FAKE.name}==9"], [], False, engine.How("quick", 0), tmp_path / "c", tmp_path / "o", workers=1
    )
    assert [(r["outcome"], r["reason"]) for r in made.records] == [
        ("not-installable", "pip could not install fake-optimizers==9: ERROR: no network")
    ]
    assert not list((tmp_path / "c").iterdir())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--releases", "no-such-package"], "unknown package 'no-such-package'; it is one of pytorch-optimizer"),
        (["--releases", "torch-optimizer==new"], "--releases torch-optimizer==new: Invalid version: 'new'"),
        (["--also", "no/such/folder", "--only-also"], "--also 'no/such/folder': no such folder"),
        (["--only-also"], "--only-also needs --also DIR"),
        (["--legacy"], "--legacy needs --also DIR"),
        (["--readme", "CHANGELOG.md"], "the document has no place for the table: <!-- survey:begin -->"),
    ],
)
def test_mistakes_get_one_line_before_anything_is_run(arguments, says, monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)
    monkeypatch.setattr(engine, "run", lambda *a: pytest.fail("something was run"))
    done = survey(*arguments)
    assert done.exit_code == 2, done.output
    assert says in done.stderr


def test_subjects_name_algorithms_that_exist():
    from adanorm_verify.paper import PRINTED

    assert {o.algorithm for package in subjects.PACKAGES for o in package.optimizers} == set(PRINTED)
    importlib.metadata.version(subjects.BY_NAME["torch"].name)


# --- folders


@pytest.fixture
def research(tmp_path):
    """A folder of research code, under git."""
    code = tmp_path / "research"
    (code / "a").mkdir(parents=True)
    (code / "b").mkdir()
    old = SOURCE.format(**RIGHT).replace(".add_(p.grad, alpha=1 - beta1)", ".add_(1 - beta1, p.grad)")
    (code / "a" / "adam.py").write_text(old)
    (code / "b" / "adam.py").write_text(old)
    (code / "b" / "mine.py").write_text("import torch\nimport adam\nclass Lookahead(adam.Optimizer): pass\n")
    (code / "train.py").write_text("raise SystemExit('a training script must not be imported')")
    (code / "python2.py").write_text("print 'class X(Optimizer)'")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "1"]):
        subprocess.run(["git", "-C", str(code), *command], check=True)
    return code


def test_folder_of_old_code_is_found_placed_and_checked(research, tmp_path):
    script = tmp_path / "scripts"
    arguments = ("--also", str(research), "--only-also", "--legacy", "--out", str(tmp_path / "o"))
    done = survey(*arguments, "--scripts", str(script))
    assert done.exit_code == 0, done.output
    assert f"research {folder.commit(research)}" in done.output.splitlines()[0]
    assert len(folder.commit(research)) == 12
    assert "run under --legacy: translated add_(alpha, other) " in done.output
    assert "Adam (a/adam.py and 1 identical), as Adam, single-tensor: conforms" in done.output
    assert "note: research: b/mine.py:Lookahead is named after none of the algorithms" in done.output
    assert not script.exists()


def test_script_of_a_folder_names_no_place_of_this_machine(research, tmp_path):
    for path in research.rglob("adam.py"):
        path.write_text(SOURCE.format(**WRONG))
    scripts = tmp_path / "scripts"
    survey("--also", str(research), "--only-also", "--out", str(tmp_path / "o"), "--scripts", str(scripts))
    (written,) = scripts.iterdir()
    assert f"{folder.commit(research)}-a-adam-Adam.py" in written.name
    assert "-dirty-" in written.name
    assert str(tmp_path) not in written.read_text()
    alone = subprocess.run([sys.executable, str(written)], capture_output=True, text=True, cwd=research)
    assert alone.returncode == 1, alone.stderr


def test_files_that_import_from_the_folder_are_no_copies(research):
    for name in ("a", "b"):
        (research / name / "adam.py").write_text("from helpers import Optimizer\nclass Adam(Optimizer): pass\n")
        (research / name / "helpers.py").write_text(f"from torch.optim import Optimizer\nlr = '{name}'\n")
    found = [(f.file, f.copies) for f in folder.optimizers(research) if f.name == "Adam"]
    assert found == [("a/adam.py", ()), ("b/adam.py", ())]


def test_folder_without_optimizers_is_an_error(tmp_path):
    (tmp_path / "x.py").write_text("class X: pass")
    with pytest.raises(CannotCheck, match="no class in its 1 Python files"):
        folder.optimizers(tmp_path)


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("AdamNorm", "adamnorm"),
        ("diffGradNorm", "diffgradnorm"),
        ("RadamNorm", "radamnorm"),
        ("AdaBelief_Norm", "adabeliefnorm"),
        ("AdaNorm", "adamnorm"),
        ("DiffGrad", "diffgrad"),
        ("AdamW", None),
        ("Lookahead", None),
    ],
)
def test_algorithm_is_guessed_from_the_whole_name(name, algorithm):
    assert folder.guess(name) == algorithm


def test_no_checkout_has_no_commit(tmp_path):
    assert folder.commit(tmp_path) == ""


# --- the table, from verdicts made by hand


def record(release: str, outcome: str, path: str = "default", explained=(), failed=(), first=None):
    """A record with the parts of a verdict that the table reads."""
    divergence = None if first is None else {"quantity": first, "equation": "..."}
    verdict = {
        "explained_by": [{"name": name, "kind": kind, "meaning": f"{name} it is"} for name, kind in explained],
        "checks": [{"name": name, "outcome": "failed", "message": "…"} for name in failed],
        "first_divergence": divergence,
    }
    script = {"name": f"p-{release}-{path}.py", "text": f"script of {release}"} if first else None
    return {
        **{"package": "p", "release": release, "optimizer": "O", "algorithm": "adamnorm", "path": path},
        **{"outcome": outcome, "reason": "", "verdict": verdict, "script": script},
    }


DEAD, SCALED = ("e-never-updated", "defect"), ("eps-scaled", "convention")
HAND_MADE = [
    record("1", "conforms"),
    record("2", "differs", explained=[DEAD, SCALED], first="e"),
    record("3", "differs", explained=[DEAD, SCALED], first="e"),
    record("4", "differs", "single-tensor", explained=[SCALED], first="theta"),
    record("4", "differs", "foreach", explained=[SCALED], failed=["state-dict"], first="theta"),
    record("5", "differs", "single-tensor", explained=[DEAD], first="e"),
    record("5", "differs", "foreach", first="theta"),
]
TABLE = table(HAND_MADE, {"p": ["1", "2", "3", "4", "5"]})


def shown(spans):
    return [(span.name, str(span.interval)) for span in spans]


def test_rows_are_paths_and_the_one_without_a_choice_goes_on():
    assert [row.path for row in TABLE.rows] == ["single-tensor", "foreach"]
    single, foreach = TABLE.rows
    assert shown(single.verdicts) == [
        ("conforms", "1"),
        ("differs", "2 – 3"),
        ("conventions only", "4"),
        ("differs", "5"),
    ]
    assert shown(foreach.verdicts) == [("not there", "1 – 3"), ("differs", "4 – 5")]


def test_deviation_that_comes_back_has_two_intervals():
    single, foreach = TABLE.rows
    assert shown(single.deviations) == [
        ("e-never-updated", "2 – 3"),
        ("eps-scaled", "2 – 4"),
        ("e-never-updated", "5"),
    ]
    assert [(s.name, s.kind) for s in foreach.deviations] == [
        ("eps-scaled", "convention"),
        ("state-dict", "check"),
        ("unexplained at theta", "unexplained"),
    ]


def test_conventions_are_marked_and_need_no_script():
    text = survey_table.markdown(TABLE)
    assert "`e-never-updated` 2 – 3; (`eps-scaled`) 2 – 4; `e-never-updated` 5 |" in text
    wanted = reproductions(HAND_MADE, TABLE.rows)
    assert set(wanted) == {"p-3-default.py", "p-5-single-tensor.py", "p-4-foreach.py", "p-5-foreach.py"}
    assert wanted["p-3-default.py"] == "script of 3"


def test_difference_that_checks_alone_find_is_not_unexplained():
    found = deviations(record("1", "differs", failed=["deepcopy"]))
    assert [(d.name, d.kind) for d in found] == [("deepcopy", "check")]


def test_intervals_are_of_consecutive_releases():
    found = intervals(["1", "2", "3", "4"], ["1", "3", "4"])
    assert [str(interval) for interval in found] == ["1", "3 – 4"]
    assert [interval.newest for interval in found] == [False, True]
    assert intervals([], []) == []


def test_terminal_shows_the_same_words():
    import io

    from rich.console import Console

    screen = Console(file=io.StringIO(), width=200)
    survey_table.show(TABLE, screen)
    printed = screen.file.getvalue()
    assert "e-never-updated 2 – 3" in printed
    assert "(eps-scaled) 2 – 4" in printed


@pytest.mark.parametrize("text", ["", survey_table.BEGIN, f"{survey_table.END}\n{survey_table.BEGIN}"])
def test_document_without_place_is_refused(text):
    with pytest.raises(ValueError, match="no place for the table"):
        survey_table.inserted(text, "table")


# --- what a kept result depends on


def test_kept_results_depend_on_what_the_worker_imports():
    names = {str(path.relative_to(sources.ROOM)) for path in sources.reached(sources.ROOM / "survey" / "worker.py")}
    assert {"conformance.py", "paper/adam.py", "rounding.py", "reports/reproduction.py", "__init__.py"} <= names
    assert not {"cli.py", "reports/survey_table.py", "survey/table.py", "commands/survey.py"} & names
