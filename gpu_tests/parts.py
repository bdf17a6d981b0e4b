"""The parts of the evidence: in which order, by which commands, within which time, and what is read of their results.

Budgets are caps and no estimates: no time on a GPU has been measured yet. They are for `SECONDS` in all, and leave the
others some time where one part hangs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SECONDS = 330.0
"""Of the whole by default: somebody's GPU is lent for minutes, and a second try must fit."""
RESULTS = "RESULTS"
"""Stands in a command for the file that it writes its results to."""

WORKLOADS = {"cuda": ("resnet50", "large", "many"), "cpu": ("resnet50", "one", "many")}
ROUNDS = {"cuda": "15", "cpu": "3"}
FILES = {
    "test_bits.py": 45.0,
    "test_agreement.py": 75.0,
    "test_conformance.py": 75.0,
    "test_training.py": 45.0,
    "test_graphs.py": 45.0,
    "test_long_tensors.py": 60.0,
    "test_compiled.py": 75.0,
}
"""Test files to their seconds, the most telling first; what else lies here comes last."""
OTHERS_SECONDS = 30.0
ALONE = ("test_long_tensors.py",)
"""Files whose tests are not run side by side: their tensors would not fit beside one another."""


@dataclass(frozen=True)
class Part:
    """A command, and what is made of the results that it leaves.

    Args:
        name: one word.
        seconds: that it may take.
        command: with `RESULTS` where the file of its results is named.
        figures: of the text of that file, which may be cut short or empty.
        line: one line about the figures.
    """

    name: str
    seconds: float
    command: tuple[str, ...]
    figures: Callable[[str], dict[str, Any]]
    line: Callable[[dict[str, Any]], str]


def parts(device: str, path: list[str]) -> tuple[Part, ...]:
    """All of them in order.

    Args:
        device: "cuda", or "cpu" for a rehearsal, in which tests that need a GPU are skipped.
        path: where packages are looked for besides this interpreter's own places.
    """
    benches = [bench(workload, device) for workload in WORKLOADS[device]]
    found = [name for name in sorted(file.name for file in HERE.glob("test_*.py")) if name not in FILES]
    files = {**FILES, **dict.fromkeys(found, OTHERS_SECONDS)}
    side_by_side = at_once(path)
    quick = ("--conformance-profile", "quick")
    ways = [
        tests(file.removesuffix(".py"), file, seconds, device, side_by_side, *quick) for file, seconds in files.items()
    ]
    # What the quick profile has shown already is asked again in full, of whatever time is left.
    full = tests("test_conformance_in_full", "test_conformance.py", SECONDS, device, side_by_side)
    return (*benches, *ways, full)


def bench(workload: str, device: str) -> Part:
    """Step times of the fused paths on one list of tensors."""
    options = ("--device", device, "--path", "fused", "--workload", workload, "--rounds", ROUNDS[device])
    command = (sys.executable, "-m", "adanorm_verify.cli", "bench", *options, "--json", RESULTS)
    return Part(f"bench_{workload}", 45.0, command, timings, ratios)


def timings(text: str) -> dict[str, Any]:
    """The document that the bench wrote, which it does at its end."""
    return json.loads(text) if text else {}


def ratios(document: dict[str, Any]) -> str:
    """Each contender's time over that of torch's fused Adam."""
    each = [f"{t['name']} {t['to_fused']['median']:.2f}" for t in document.get("timings", ()) if t["to_fused"]]
    return f"x Adam, fused: {', '.join(each)}" if each else ""


def tests(name: str, file: str, seconds: float, device: str, side_by_side: tuple[str, ...], *options: str) -> Part:
    """The tests of one file."""
    required = ("--require-gpu",) if device == "cuda" else ()
    several = () if file in ALONE else side_by_side
    # No other cache than memory, and none of the plugins that happen to be there: xdist is named where it is used.
    pytest = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *several, f"gpu_tests/{file}")
    command = (*pytest, *required, *options, "--record-tests", RESULTS)
    return Part(name, seconds, command, outcomes, counts)


def at_once(path: list[str]) -> tuple[str, ...]:
    """Options that run tests side by side, where pytest-xdist is installed: most of their work is on the host.

    Half the cores, since each process also has threads of CUDA's.
    """
    workers = len(os.sched_getaffinity(0)) // 2
    there = find_spec("xdist") or any((Path(folder) / "xdist").is_dir() for folder in path)
    return ("-p", "xdist", "-n", str(workers)) if there and workers > 1 else ()


def outcomes(text: str) -> dict[str, Any]:
    """How many tests passed, failed and were skipped, each test with its seconds, and why the others did not pass."""
    found: dict[str, dict[str, Any]] = {}
    for line in complete(text):
        earlier = found.get(line["test"])
        if earlier is None or line["outcome"] == "failed":
            found[line["test"]] = line
    count = {
        outcome: sum(line["outcome"] == outcome for line in found.values())
        for outcome in ("passed", "failed", "skipped")
    }
    seconds = {name: [line["outcome"], round(line["seconds"], 3)] for name, line in found.items()}
    return {**count, "tests": seconds, "why": {name: line["why"] for name, line in found.items() if line["why"]}}


def complete(text: str) -> Iterator[dict[str, Any]]:
    """The lines that were written whole."""
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)


def counts(figures: dict[str, Any]) -> str:
    return ", ".join(f"{figures[key]} {key}" for key in ("passed", "failed", "skipped") if figures.get(key))
