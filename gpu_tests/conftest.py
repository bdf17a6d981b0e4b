"""Skip without a GPU, and say so; `--require-gpu` turns every skip into a failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gpu_tests.machine import NO_GPU


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-gpu", action="store_true", help="fail if anything in gpu_tests was skipped")
    parser.addoption("--record-tests", metavar="FILE", help="add a line of JSON as each test ends")
    parser.addoption(
        "--conformance-profile",
        choices=["quick", "default", "thorough"],
        default="default",
        help="how much test_conformance.py tries (default: %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--record-tests")
    if file and not hasattr(config, "workerinput"):  # a worker of xdist reports to the process that has the file
        config.pluginmanager.register(Recorder(Path(file)))


class Recorder:
    """Keeps each test's result as it ends, so that a run which is cut short has results too."""

    def __init__(self, file: Path):
        self.file = file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return  # one line a test, and one more where what comes before or after it did not pass
        why = "" if report.passed else report.longreprtext
        line = {"test": report.nodeid, "outcome": report.outcome, "seconds": report.duration, "why": why}
        with self.file.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(json.dumps(line) + "\n")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    for item in items:
        if item.path.parent.name == "gpu_tests" and "without_gpu" not in item.keywords:
            item.add_marker(pytest.mark.skip(reason=NO_GPU))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if (
        report.skipped
        and item.path.parent.name == "gpu_tests"
        and "without_gpu" not in item.keywords
        and item.config.getoption("--require-gpu", default=False)
    ):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped under --require-gpu: {report.longrepr}"
    return report
