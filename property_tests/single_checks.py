"""A few checks of the contract alone, on every path of a subject."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import torch

from adanorm_verify.checks import CHECKS
from adanorm_verify.checks.judge import Judge, outlined
from adanorm_verify.checks.runner import run_one
from adanorm_verify.checks.trial import Trial
from adanorm_verify.paper import algorithm
from adanorm_verify.runs import Check, probe
from adanorm_verify.subject import Subject
from adanorm_verify.targets import load
from adanorm_verify.verdict import CheckResult

FAULTS = Path(__file__).parents[2] / "shared" / "faults"


def trials(factory: Any, name: str, dtype: str = "float32", decisions: Any = None, **arguments: Any) -> list[Trial]:
    """A trial for each path that can take a plain step."""
    paper = algorithm(name, decisions)
    subject = Subject(factory, getattr(factory, "__name__", "subject"), arguments, {}, paper.hyperparameters)
    check = Check(subject, paper, subject.base, "cpu")
    probed = [probe(check, path, dtype) for path in subject.paths]
    judge, known = Judge(paper), {}
    return [
        Trial(subject, outlined(paper), "cpu", judge, combination, check.base, known=known)
        for combination in probed
        if not combination.note
    ]


def looked_at(factory: Any, name: str, checks: Collection[str], **how: Any) -> list[CheckResult]:
    """What some checks say of a subject, on each of its paths."""
    pages = [page for page in CHECKS if page.name in checks]
    assert {page.name for page in pages} == set(checks)
    with torch.random.fork_rng(devices=[]):
        return [run_one(page, trial) for trial in trials(factory, name, **how) for page in pages]


def failing(results: list[CheckResult]) -> dict[str, str]:
    return {result.name: result.message for result in results if result.outcome == "failed"}


def fault(file: str, name: str) -> Any:
    """A class of the folder of real faults, which lies beside some checkouts."""
    path = FAULTS / f"{file}.py"
    if not path.exists():
        pytest.skip("the folder of real faults is not here")
    return load(f"{path}:{name}")
