"""The command that makes evidence on a GPU, rehearsed on a CPU: order, budgets, and what a cut leaves behind."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from adanorm_verify.survey.sources import ROOM, reached
from gpu_tests import evidence, parts
from gpu_tests.parts import RESULTS, Part

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "gpu_tests" / "evidence.py"
TEST = '{"test": "%s", "outcome": "%s", "seconds": 0.5, "why": "%s"}\n'
WRITE = "import sys, time, os; file = open(sys.argv[1], 'a', buffering=1); "


def part(name, code, seconds=20.0):
    """A part that is a line of Python with `file` for its results."""
    return Part(name, seconds, (sys.executable, "-S", "-c", WRITE + code, RESULTS), parts.outcomes, parts.counts)


def passing(name):
    return part(name, f"file.write({TEST % (name, 'passed', '')!r})")


def ran(chosen, out, seconds=30.0, grace=1.0):
    """The exit code, and the records by name in the order of the document."""
    document = evidence.heading({}, seconds, chosen)
    code = evidence.run(chosen, document, out, time.monotonic() + seconds, evidence.surroundings([]), grace=grace)
    return code, read(out)


def read(out):
    return {record["name"]: record for record in json.loads((out / evidence.SUMMARY).read_text())["parts"]}


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def test_parts_run_in_order_and_each_result_is_there_before_the_next_begins(tmp_path):
    summary = tmp_path / evidence.SUMMARY
    look = f"file.write(open({str(summary)!r}).read().replace(chr(10), '') + chr(10))"
    second = Part("b", 20.0, part("b", look).command, lambda text: json.loads(text), lambda seen: "")
    code, records = ran([passing("a"), second, passing("c")], tmp_path)
    assert code == 0
    assert [record["status"] for record in records.values()] == ["done"] * 3
    seen = {record["name"]: record for record in records["b"]["figures"]["parts"]}
    assert [record["status"] for record in seen.values()] == ["done", "running", "not-begun"]
    assert seen["a"]["figures"]["passed"] == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == [evidence.OUTPUT, evidence.SUMMARY]


def test_a_part_that_fails_is_told_and_the_others_run(tmp_path):
    failing = part("a", f"file.write({TEST % ('t', 'failed', 'no!')!r}); print('said'); sys.exit(1)")
    crashing = part("b", "os.kill(os.getpid(), 11)")
    code, records = ran([failing, crashing, passing("c")], tmp_path)
    assert code == 1
    assert [record["status"] for record in records.values()] == ["failed", "failed", "done"]
    assert records["a"]["figures"]["why"] == {"t": "no!"}
    assert (records["a"]["note"], records["b"]["note"]) == ("exit code 1", "ended by SIGSEGV")
    assert "said\n" in (tmp_path / evidence.OUTPUT).read_text()


def test_results_that_cannot_be_read_are_a_failure(tmp_path):
    code, records = ran([part("a", "file.write('nonsense' + chr(10))")], tmp_path)
    assert (code, records["a"]["status"]) == (1, "failed")


def test_a_part_that_hangs_ends_with_its_group_and_keeps_what_it_had(tmp_path):
    child = (
        f"import signal, time; [signal.signal(s, signal.SIG_IGN) for s in ({int(signal.SIGINT)}, 15)]; time.sleep(99)"
    )
    hanging = part(
        "a",
        f"import signal, subprocess; signal.signal(signal.SIGINT, signal.SIG_IGN); "
        f"child = subprocess.Popen([sys.executable, '-S', '-c', {child!r}]); print('child', child.pid, flush=True); "
        f"file.write({TEST % ('t', 'passed', '')!r} + 'half a li'); time.sleep(99)",
        seconds=2.0,
    )
    code, records = ran([hanging, passing("b")], tmp_path, grace=0.3)
    assert code == 1
    assert [record["status"] for record in records.values()] == ["timed-out", "done"]
    assert records["a"]["figures"]["tests"] == {"t": ["passed", 0.5]}
    assert 2.0 <= records["a"]["seconds"] < 10
    pid = int(re.search(r"^child (\d+)$", (tmp_path / evidence.OUTPUT).read_text(), re.MULTILINE).group(1))
    wait_until(lambda: not alive(pid))


def test_what_there_is_no_time_for_is_not_begun(tmp_path):
    code, records = ran([part("a", "time.sleep(99)"), passing("b")], tmp_path, seconds=2.0, grace=0.5)
    assert code == 1
    assert [record["status"] for record in records.values()] == ["timed-out", "not-begun"]
    assert records["a"]["seconds"] + 0.5 < 10
    code, records = ran([passing("a")], tmp_path, seconds=0.4, grace=0.5)
    assert (code, records["a"]["status"], records["a"]["note"]) == (2, "not-begun", "no time was left")


def hang_in_the_second(out):
    signal.signal(signal.SIGTERM, evidence.interrupt)
    hanging = f"file.write({TEST % ('t', 'passed', '')!r}); print(os.getpid(), flush=True); time.sleep(99)"
    print(ran([passing("a"), part("b", hanging), passing("c")], Path(out))[0])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_a_kill_in_the_middle_leaves_finished_parts_and_names_the_running_one(tmp_path, number):
    code = "import sys, test_gpu_evidence as here; here.hang_in_the_second(sys.argv[1])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "property_tests")])}
    whole = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment, stdout=subprocess.PIPE)
    output = tmp_path / evidence.OUTPUT
    wait_until(lambda: output_pid(output))
    pid = output_pid(output)
    whole.send_signal(number)
    out, _ = whole.communicate(timeout=20)
    records = read(tmp_path)
    assert [record["status"] for record in records.values()] == ["done", "running", "not-begun"]
    assert records["a"]["figures"]["passed"] == 1
    wait_until(lambda: not alive(pid))
    if number == signal.SIGKILL:
        assert parts.outcomes((tmp_path / evidence.UNFINISHED).read_text())["passed"] == 1
    else:
        assert out.split()[-1] == b"1"
        assert records["b"]["figures"]["passed"] == 1
        assert records["b"]["note"] == "interrupted"


def output_pid(output):
    text = output.read_text() if output.exists() else ""
    found = re.search(r"^(\d+)\n", text, re.MULTILINE)
    return int(found.group(1)) if found else 0


def script(*arguments, **environment):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, env=environment)


def test_without_a_gpu_it_says_so_in_one_line_and_writes_nothing(tmp_path):
    done = script("--out", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "evidence: needs a CUDA device, and torch finds none\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seconds", "0"], "must be a positive number of seconds, got 0"),
        (["--seconds", "nan"], "must be a positive number of seconds, got nan"),
        (["--wheels", "/nowhere"], "must be a folder with wheels in it, got '/nowhere'"),
        (["--part", "bench"], "invalid choice: 'bench'"),
    ],
)
def test_what_cannot_be_done_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        evidence.parsed(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


ABSENT = ("flint", "matplotlib", "jinja2", "packaging")  # sympy comes with torch, which imports it at the first step
"""What the code of this checkout must do without there; torch and pytest bring some of them for themselves."""
BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        frame = sys._getframe(1)
        while frame and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        if frame and frame.f_code.co_filename.startswith({root!r}):
            if name.split(".")[0] in {absent}:
                raise ModuleNotFoundError(f"blocked: {{name}}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def test_a_rehearsal_needs_no_package_that_a_bare_machine_lacks(tmp_path):
    """The blocker comes in a wheel, by the door that packages take which are missing there."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "blocker-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("sitecustomize.py", BLOCKER.format(root=str(ROOT), absent=ABSENT))
    done = script(
        *("--seconds", "3300", "--device", "cpu", "--wheels", str(wheels), "--out", str(tmp_path / "out")),
        *("--part", "bench_many", "--part", "test_conformance"),
    )
    assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "out" / evidence.OUTPUT).read_text()
    records = read(tmp_path / "out")
    bench = records["bench_many"]["figures"]["timings"]
    assert {"Adam", "AdamNorm", "DiffGradNorm"} <= {timing["name"] for timing in bench if timing["to_fused"]}
    assert records["test_conformance"]["figures"]["skipped"] > 0
    about = json.loads((tmp_path / "out" / evidence.SUMMARY).read_text())
    assert {"command", "date", "machine"} <= about.keys()
    assert {"name", "driver", "versions", "sources"} <= about["machine"].keys()


def test_the_blocker_blocks(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BLOCKER.format(root=str(ROOT), absent=ABSENT))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    command = [sys.executable, "-c", "import adanorm_verify.oracle"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stderr.strip().endswith("blocked: flint")


def packages(file):
    """What a file imports from elsewhere, at any depth of its code."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).split(".")[0]


def test_neither_bench_nor_checks_import_what_a_bare_machine_lacks():
    """Imports inside functions too, which a rehearsal on a CPU does not reach where tests are skipped."""
    starts = ("bench.py", "reports/timings.py", "gate.py", "conformance.py")
    files = {file for start in starts for file in reached(ROOM / start)}
    assert ROOM / "envelope.py" in files
    assert {"torch", "scipy"} <= {name for file in files for name in packages(file)}
    for file in {*files, *(ROOT / "gpu_tests").glob("*.py")}:
        assert not set(ABSENT) & set(packages(file)), file
    assert "flint" in packages(ROOM / "oracle.py")


def test_every_test_file_has_its_turn_and_the_benches_come_first():
    names = [part.name for part in parts.parts("cuda", [])]
    files = {file.stem for file in (ROOT / "gpu_tests").glob("test_*.py")}
    assert names[:4] == ["bench_resnet50", "bench_large", "bench_many", "test_bits"]
    assert set(names[3:]) == files | {"test_conformance_in_full"}
    assert len(names) == len(set(names))
    assert {*parts.FILES, *parts.ALONE} <= {f"{name}.py" for name in files}
    for part_ in parts.parts("cuda", []):
        assert ("--require-gpu" in part_.command) == part_.name.startswith("test_")
        assert part_.command.count(RESULTS) == 1


def test_a_test_that_fails_after_it_passed_has_failed():
    lines = TEST % ("t", "passed", "") + TEST % ("t", "failed", "teardown") + TEST % ("u", "skipped", "no room")
    found = parts.outcomes(lines + lines[:20])
    assert (found["passed"], found["failed"], found["skipped"]) == (0, 1, 1)
    assert found["why"] == {"t": "teardown", "u": "no room"}
