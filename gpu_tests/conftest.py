"""Skip without a GPU, and say so; `--require-gpu` turns every skip into a failure."""

from __future__ import annotations

import pytest
import torch

REASON = "needs a CUDA device, and torch finds none"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-gpu", action="store_true", help="fail if anything in gpu_tests was skipped")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    for item in items:
        if item.path.parent.name == "gpu_tests" and "without_gpu" not in item.keywords:
            item.add_marker(pytest.mark.skip(reason=REASON))


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
