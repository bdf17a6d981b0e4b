"""What a subject does to its process decides nothing: each ends in time, with the right exit code and a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import hostile_subjects
import pytest
from click.testing import CliRunner

from adanorm_verify import Verdict, check_optimizer
from adanorm_verify.cli import main
from adanorm_verify.hosting import supervisor
from adanorm_verify.hosting.channel import Unreadable, read_data
from adanorm_verify.hosting.source import Limits, Source
from adanorm_verify.hosting.supervisor import SubjectEnded, Supervised

HERE = Path(__file__).parent
FILE = HERE / "hostile_subjects.py"
TIMEOUT = 4.0
"""Seconds without a sign of life: a step of these takes milliseconds, also on a machine that has other work."""
MEMORY = 2.0
"""GiB: threads that are left behind take eight MB each for their stacks."""
ENDS = [
    ("Exits", 2, "its process ended itself with exit code 0, in step 3 of the case"),
    ("ExitsInConstructor", 2, "its process ended itself with exit code 0, in its constructor"),
    ("ExitsAfterDiffering", 1, "not everything was checked: "),
    ("SysExits", 2, "step 3 raised SystemExit: 0"),
    ("AtExitZero", 1, "equals Adam up to `second-bias-uncorrected`"),
    ("Segfaults", 2, "its process was ended by SIGSEGV"),
    ("Aborts", 2, "its process was ended by SIGABRT"),
    ("KillsItself", 2, "its process was ended by SIGKILL"),
    ("Sleeps", 2, "its process gave no sign of life for 4 s (--timeout), and was ended, in step 3 of the case"),
    ("Spins", 2, "gave no sign of life"),
    ("SpinsInC", 2, "gave no sign of life"),
    ("IgnoresSignals", 2, "gave no sign of life"),
    ("Forks", 0, "conforms to adam"),
    ("ForksAndStays", 0, "conforms to adam"),
    ("LeavesThread", 0, "conforms to adam"),
    ("ChangesFolder", 1, "failed: surroundings, default: a step changes the working folder"),
    ("DeletesFiles", 0, "conforms to adam"),
    ("PatchesNumpy", 1, "failed: surroundings, default: a step replaces numpy.abs"),
    ("PatchesTorchAlike", 1, "a step replaces torch.allclose, torch.equal"),
    ("ChangesEnvironment", 1, "a step changes the environment"),
    ("HoldsOddThings", 0, "conforms to adam"),
    ("PatchesTorch", 1, "failed: surroundings, default: a step replaces torch.allclose, torch.equal"),
    ("ChangesDefaultDtype", 1, "a step changes torch's default dtype from torch.float32 to torch.float16"),
    ("TakesMemory", 2, "step 3 raised MemoryError"),
    ("RecursesInPython", 2, "step 3 raised RecursionError"),
    ("Prints", 0, "conforms to adam"),
    ("SaysMuch", 2, "step 3 raised RuntimeError: xxx"),
    ("SaysNothing", 2, "step 3 raised Silent"),
    ("KeepsLongKeys", 0, "conforms to adam"),
]


@pytest.mark.parametrize(("name", "code", "says"), ENDS, ids=[name for name, _, _ in ENDS])
def test_what_a_subject_does_to_its_process_ends_in_a_verdict(name, code, says):
    verdict = check_optimizer(
        getattr(hostile_subjects, name), "adam", profile="quick", dtypes=["float32"], timeout=TIMEOUT, memory=MEMORY
    )
    assert verdict.exit_code == code, verdict.summary()
    assert says in verdict.summary()
    assert max(map(len, verdict.summary().splitlines())) < 1000
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_no_wrong_one_passes_and_what_it_replaced_is_found_in_spite_of_it():
    verdict = check_optimizer(hostile_subjects.PatchesNumpy, "adam", profile="quick", dtypes=["float64"])
    assert verdict.explanation == "equals Adam up to `second-bias-uncorrected`"


def test_nothing_that_a_subject_started_outlives_its_check(tmp_path):
    """One that forked a process that sleeps for an hour."""
    before = set(children_of_this_process())  # of other tests in this worker, such as a compiler's
    for subject in (hostile_subjects.ForksAndStays, hostile_subjects.LeavesSession):
        check_optimizer(subject, "adam", profile="quick", dtypes=["float32"], explain=False)
    time.sleep(0.5)
    kin = subprocess.run(["ps", "-e", "-o", "args="], capture_output=True, text=True, check=True).stdout
    assert f"sleep {hostile_subjects.LONG_SLEEP}" not in kin
    left = {pid: line for pid, line in children_of_this_process().items() if pid not in before}
    assert not [line for line in left.values() if "defunct" not in line and "resource_tracker" not in line], left


def children_of_this_process() -> dict[int, str]:
    """By process number, their command lines."""
    command = ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {int(line.split()[0]): line for line in lines if " ".join(command) not in line}


@pytest.mark.parametrize(("looks", "ends"), [([1000.0, 0.25], False), ([0.25] * 8, True)], ids=["stopped", "silent"])
def test_time_in_which_the_whole_check_is_stopped_does_not_count(looks, ends, monkeypatch):
    """As it is by a debugger, a scheduler or a closed lid; a silence that is watched does."""
    clock, left = [0.0], list(looks)

    class Pipe:
        def poll(self, seconds: float) -> bool:
            clock[0] += left.pop(0)
            return not left

    supervised = Supervised(Source("module:Class"), Limits(timeout=1.0))
    supervised._pipe = Pipe()
    monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(supervised, "_stopped", SubjectEnded)
    with pytest.raises(SubjectEnded, match="no sign of life for 1 s") if ends else nullcontext():
        supervised._wait()


def test_every_report_is_written_where_a_subject_ends_its_process(tmp_path, monkeypatch):
    """As a whole process, from a folder whose files are the caller's."""
    (tmp_path / "mine.txt").write_text("the caller's")
    monkeypatch.chdir(tmp_path)
    for name, code in (
        ("Segfaults", 2),
        ("AtExitZero", 1),
        ("PatchesTorchAlike", 1),
        ("ChangesFolder", 1),
        ("DeletesFiles", 0),
    ):
        options = [f"--{kind}=r.{kind}" for kind in ("json", "html", "junit", "sarif")]
        asked = [f"{FILE}:{name}", "-a", "adam", "--profile", "quick", "--dtype", "float32", "--timeout", "20"]
        command = [sys.executable, "-m", "adanorm_verify.cli", "check", *asked, *options]
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)
        assert done.returncode == code, done.stdout + done.stderr
        assert name in done.stdout + done.stderr
        assert json.loads(Path("r.json").read_text())["target"] == f"{FILE}:{name}"
        assert int(ET.parse("r.junit").getroot().get("errors", "0")) == (code == 2)
        assert json.loads(Path("r.sarif").read_text())["version"] == "2.1.0"
        assert Path("r.html").read_text().rstrip().endswith("</html>")
    assert (tmp_path / "mine.txt").read_text() == "the caller's"


def test_a_reproduction_is_valid_python_whatever_the_class_is_called(tmp_path):
    target = f"{FILE}:{hostile_subjects.STRANGE}"
    script = tmp_path / "reproduce.py"
    asked = ["check", target, "-a", "adam", "--profile", "quick", "--dtype", "float64", "--reproduce", str(script)]
    assert CliRunner().invoke(main, asked).exit_code == 1
    compile(script.read_text(), str(script), "exec")
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )
    assert done.returncode == 1, done.stderr


def test_names_of_a_subject_are_cut():
    long = type("C" * 100_000, (hostile_subjects.WrongAtStep,), {"act": lambda _: None})
    verdict = check_optimizer(long, "adam", profile="quick", dtypes=["float64"])
    assert verdict.exit_code == 1
    assert len(verdict.to_json()) < 100_000


def test_slow_is_not_hung():
    """A step every half second, with a limit of one."""

    class Slow(hostile_subjects.Adam):
        def step(self, closure=None):
            time.sleep(0.4)
            return super().step(closure)

    from adanorm_verify.hosting.lending import subject_of
    from adanorm_verify.hosting.source import Source
    from adanorm_verify.paper import algorithm
    from adanorm_verify.runs import Check, probe

    paper = algorithm("adam")
    limits = Limits(timeout=1.0)
    with subject_of(Source("Slow", Slow), {}, paper.hyperparameters, limits) as (subject, _):
        assert not probe(Check(subject, paper, subject.base, "cpu"), "default", "float32").note


@pytest.mark.parametrize(("name", "value"), [("timeout", 0.0), ("memory", -1.0), ("timeout", float("inf"))])
def test_limits_are_positive(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a positive number, got {value!r}"):
        Limits(**{name: value})


def test_messages_of_a_subject_are_read_as_data():
    """A pickle that would run a command."""

    class Command:
        def __reduce__(self):
            return os.system, ("true",)

    import pickle

    with pytest.raises(Unreadable, match=r"posix.system"):
        read_data(pickle.dumps(Command()))
    with pytest.raises(Unreadable):
        read_data(b"nonsense")
    assert read_data(pickle.dumps(("answer", 1, {"a": [1.5, "x"]}))) == ("answer", 1, {"a": [1.5, "x"]})


def test_in_process_runs_the_subject_here():
    seen = []

    class Seen(hostile_subjects.Adam):
        def step(self, closure=None):
            seen.append(os.getpid())
            return super().step(closure)

    assert check_optimizer(Seen, "adam", profile="quick", dtypes=["float64"], in_process=True).conforms
    assert set(seen) == {os.getpid()}
    seen.clear()
    assert check_optimizer(Seen, "adam", profile="quick", dtypes=["float64"]).conforms
    assert not seen


def test_a_folder_that_is_not_there_is_named_and_not_made(tmp_path):
    file = tmp_path / "no" / "such" / "x.json"
    done = CliRunner().invoke(main, ["check", "torch.optim:Adam", "-a", "adam", "--json", str(file)])
    assert done.exit_code == 2
    assert f"there is no folder '{file.parent}'" in done.output
    assert not (tmp_path / "no").exists()


def test_a_verdict_does_not_depend_on_what_was_checked_before():
    """The second class of a file, alone and after the first, as `60_two_in_a_file` of the faults has it."""
    first, second = (f"{FILE}:{name}" for name in ("DeletesFiles", "KeepsLongKeys"))
    alone = check_optimizer(second, "adam", profile="quick", dtypes=["float32"])
    check_optimizer(first, "adam", profile="quick", dtypes=["float32"])
    after = check_optimizer(second, "adam", profile="quick", dtypes=["float32"])
    assert alone == after
