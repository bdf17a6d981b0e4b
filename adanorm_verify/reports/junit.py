"""A verdict as JUnit XML: a test case for every path in every dtype, of the equations and of each check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from ..summary import headline, summary
from ..verdict import CheckResult, Run, Verdict
from .text import combination, flat, printable


@dataclass(frozen=True)
class TestCase:
    """One test case.

    Args:
        group: its class name.
        name: its own.
        outcome: JUnit's element for what became of it.
        message: one line.
        text: the whole of it.
    """

    __test__ = False  # for pytest, which would collect it

    group: str
    name: str
    outcome: Literal["passed", "failure", "error", "skipped"]
    message: str = ""
    text: str = ""


def in_a_line(verdict: Verdict) -> str:
    """The verdict, and what the optimizer is instead."""
    return ": ".join(filter(None, (headline(verdict), verdict.explanation)))


def run_case(verdict: Verdict, run: Run) -> TestCase:
    """Whether one combination is the algorithm; deviations that were allowed are named, and pass."""
    name = f"equals {verdict.algorithm} [{combination(run)}]"
    if run.outcome == "not-checked":
        return TestCase("equations", name, "error", f"not checked: {run.note}", summary(verdict))
    if run.outcome == "not-offered":
        return TestCase("equations", name, "skipped", f"not offered: {run.note}")
    if run.outcome == "differs" and not verdict.conforms:
        return TestCase("equations", name, "failure", in_a_line(verdict), summary(verdict))
    allowed = f"with allowed deviations: {', '.join(run.deviations)}" if run.deviations else ""
    return TestCase("equations", name, "passed", text=allowed)


def check_case(check: CheckResult) -> TestCase:
    """What one check found on one combination."""
    name = f"{check.name} [{combination(check)}]"
    match check.outcome:
        case "failed":
            return TestCase(check.group, name, "failure", check.message, check.message)
        case "expected":
            return TestCase(check.group, name, "skipped", f"expected to fail: {check.reason}", check.message)
        case "not-applicable":
            return TestCase(check.group, name, "skipped", f"not applicable: {check.message}")
        case "warned":
            return TestCase(check.group, name, "passed", text=f"warning, which does not count: {check.message}")
        case "stale":
            text = f"passed, though it is expected to fail: {check.reason}; the expectation can go"
            return TestCase(check.group, name, "passed", text=text)
        case "passed":
            return TestCase(check.group, name, "passed")


def test_cases(verdict: Verdict) -> Iterator[TestCase]:
    """All of them; a verdict that is no pass has one that is none either, and nothing run is an error."""
    cases = [*(run_case(verdict, run) for run in verdict.runs), *map(check_case, verdict.checks)]
    yield from cases
    outcomes = {case.outcome for case in cases}
    text = summary(verdict)
    if verdict.outcome == "not-checked" and "error" not in outcomes:
        yield TestCase("verdict", f"equals {verdict.algorithm}", "error", verdict.reason or "nothing was decided", text)
    elif verdict.outcome == "differs" and "failure" not in outcomes:
        yield TestCase("verdict", f"equals {verdict.algorithm}", "failure", in_a_line(verdict), text)
    elif not outcomes & {"passed", "failure", "error"}:
        yield TestCase("verdict", f"equals {verdict.algorithm}", "error", "nothing was run", text)


def junit(verdict: Verdict) -> str:
    """The XML document."""
    cases = list(test_cases(verdict))
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.outcome == "failure" for case in cases)),
        "errors": str(sum(case.outcome == "error" for case in cases)),
        "skipped": str(sum(case.outcome == "skipped" for case in cases)),
    }
    root = ElementTree.Element("testsuites", {"name": "adanorm-verify", **counts})
    suite = ElementTree.SubElement(
        root, "testsuite", {"name": printable(f"{verdict.target} as {verdict.algorithm}"), **counts}
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in flat(verdict.environment):
        ElementTree.SubElement(properties, "property", {"name": printable(name), "value": printable(value)})
    for case in cases:
        suite.append(element(case, verdict))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def element(case: TestCase, verdict: Verdict) -> ElementTree.Element:
    """The `testcase` element."""
    attributes = {"classname": printable(f"{verdict.target}.{case.group}"), "name": printable(case.name)}
    if verdict.setup.line:
        attributes |= {"file": printable(verdict.setup.file), "line": str(verdict.setup.line)}
    made = ElementTree.Element("testcase", attributes)
    if case.outcome == "passed":
        if case.text:
            ElementTree.SubElement(made, "system-out").text = printable(case.text)
        return made
    outcome = ElementTree.SubElement(made, case.outcome, {"message": printable(case.message)})
    outcome.text = printable(case.text)
    return made
