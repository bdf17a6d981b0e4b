"""A verdict as SARIF 2.1.0 (OASIS): results that annotate the line where the optimizer is defined."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal
from urllib.parse import quote

from .. import __version__
from ..document import finite
from ..paper import algorithm as paper_algorithm
from ..summary import headline, summary
from ..verdict import CheckResult, FoundDeviation, Verdict
from .text import combination, printable

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
"""The name that code hosts know for the root of the checked-out sources."""
EXIT_CODES = ("conforms", "differs", "could not be checked")

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One result, with its rule.

    Args:
        rule: its identifier.
        meaning: of the rule, a sentence.
        level: how bad.
        message: what was found.
        accepted: why it does not count, where the caller said so.
        properties: numbers and names for machines.
    """

    rule: str
    meaning: str
    level: Level
    message: str
    accepted: str = ""
    properties: dict[str, Any] | None = None


def deviation(found: FoundDeviation, verdict: Verdict) -> Finding:
    """A named deviation: a defect is an error, documented practice of elsewhere a warning."""
    said = f"{verdict.target} is not {verdict.algorithm} as printed: {found.meaning.removesuffix('.')}."
    message = f"{said}\n\npaper: {found.paper}\nfound: {found.found}"
    level: Level = "error" if found.kind == "defect" else "warning"
    accepted = "allowed by the caller" if found.allowed else ""
    properties = {"kind": found.kind, "equation": found.equation, "paper": found.paper, "found": found.found}
    return Finding(f"deviation/{found.name}", found.meaning, level, message, accepted, properties)


def difference(verdict: Verdict) -> Iterator[Finding]:
    """The first difference, where no deviation explains it."""
    at = verdict.first_divergence
    if at is None or verdict.deviations:
        return
    meaning = f"{at.quantity} follows {at.where} of the AdaNorm paper within rounding: {at.equation}"
    properties = {name: getattr(at, name) for name in ("step", "expected", "got", "error", "bound", "path", "dtype")}
    yield Finding(f"equation/{at.quantity}", meaning, "error", summary(verdict), properties=properties)


def failed_checks(verdict: Verdict) -> Iterator[Finding]:
    """A result a check and message, whatever the number of paths and dtypes."""
    merged: dict[tuple[str, str, str, str], list[CheckResult]] = {}
    for check in verdict.checks:
        if check.outcome in ("failed", "warned", "expected", "stale"):
            merged.setdefault((check.name, check.outcome, check.message, check.reason), []).append(check)
    for (name, outcome, text, reason), checks in merged.items():
        where = "; ".join(combination(check) for check in checks)
        meaning = f"The check {name} ({checks[0].group}) passes."
        properties = {"combinations": [combination(check) for check in checks]}
        if outcome == "stale":
            message = f"{verdict.target}: {name} passes, though it is expected to fail ({reason}). In: {where}"
            yield Finding(f"check/{name}", meaning, "warning", message, properties=properties)
        else:
            accepted = reason or "expected by the caller" if outcome == "expected" else ""
            message = f"{verdict.target} fails {name}: {text}\n\nIn: {where}"
            level: Level = "note" if outcome == "warned" else "error"
            yield Finding(f"check/{name}", meaning, level, message, accepted, properties)


def unchecked(verdict: Verdict) -> Iterator[Finding]:
    """What could not be decided is an error too."""
    meaning = "Every path and dtype can be compared with the equations."
    notes: dict[str, list[str]] = {}
    for run in verdict.runs:
        if run.outcome == "not-checked":
            notes.setdefault(run.note, []).append(combination(run))
    for note, where in notes.items():
        message = f"{verdict.target} could not be checked: {note}\n\nIn: {'; '.join(where)}"
        yield Finding("not-checked", meaning, "error", message)
    if verdict.outcome == "not-checked" and not notes:
        reason = verdict.reason or "nothing was decided"
        yield Finding("not-checked", meaning, "error", f"{headline(verdict)}: {reason}")


def findings(verdict: Verdict) -> list[Finding]:
    """All results; a verdict that is no pass has at least one that counts."""
    found = [
        *(deviation(one, verdict) for one in verdict.deviations),
        *difference(verdict),
        *failed_checks(verdict),
        *unchecked(verdict),
    ]
    if not verdict.conforms and all(one.accepted for one in found):
        found.append(Finding("verdict", f"The optimizer is {verdict.algorithm}.", "error", summary(verdict)))
    return found


def artifact(file: str) -> dict[str, str]:
    """The place of a source file: relative to the root where it lies inside, absolute otherwise."""
    path = quote(printable(file), safe="/:")
    if not PurePath(file).is_absolute():
        return {"uri": path, "uriBaseId": ROOT}
    return {"uri": f"file://{path}" if path.startswith("/") else f"file:///{path}"}


def location(verdict: Verdict) -> dict[str, Any]:
    """Where the class is defined, as far as it is known."""
    setup = verdict.setup
    name = verdict.target.rpartition(":")[2]
    logical = {"name": name, "fullyQualifiedName": verdict.target.replace(":", "."), "kind": "type"}
    found: dict[str, Any] = {"logicalLocations": [logical]}
    if setup.line:
        found["physicalLocation"] = {
            "artifactLocation": artifact(setup.file),
            "region": {"startLine": setup.line},
        }
    return found


def fingerprint(finding: Finding, verdict: Verdict) -> str:
    """The same for the same finding in every run, wherever the class has moved in its file."""
    identity = "\0".join((finding.rule, verdict.target, verdict.algorithm))
    return hashlib.sha256(printable(identity).encode()).hexdigest()


def result(finding: Finding, verdict: Verdict) -> dict[str, Any]:
    """One SARIF result."""
    made: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": finding.level,
        "message": {"text": finding.message},
        "locations": [location(verdict)],
        "partialFingerprints": {"finding/v1": fingerprint(finding, verdict)},
    }
    if finding.properties:
        made["properties"] = finding.properties
    if finding.accepted:
        made["level"] = "note"
        made["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.accepted}]
    return made


def rules(found: Iterable[Finding], verdict: Verdict) -> list[dict[str, Any]]:
    """The rules of the results, each once; and the equations that the optimizer was held to."""
    known = {
        one.rule: {
            "id": one.rule,
            "name": "".join(part.capitalize() for part in one.rule.replace("/", "-").split("-")),
            "shortDescription": {"text": one.meaning},
            "defaultConfiguration": {"level": one.level},
        }
        for one in found
    }
    for equation in equations(verdict):
        known.setdefault(equation["id"], equation)
    return [known[rule] for rule in sorted(known)]


def equations(verdict: Verdict) -> list[dict[str, Any]]:
    """The algorithm's equations as rules."""
    paper = paper_algorithm(verdict.algorithm, verdict.decisions)
    return [
        {
            "id": f"equation/{equation.name}",
            "name": f"Equation{equation.name.title().replace('_', '')}",
            "shortDescription": {"text": f"{paper.where(equation.name)}: {equation.text}"},
            "defaultConfiguration": {"level": "error"},
        }
        for equation in paper.equations
    ]


def invocation(verdict: Verdict) -> dict[str, Any]:
    """How it was run, and whether that decided anything."""
    made: dict[str, Any] = {
        "executionSuccessful": verdict.outcome != "not-checked",
        "exitCode": verdict.exit_code,
        "exitCodeDescription": EXIT_CODES[verdict.exit_code],
        "properties": dict(verdict.environment),
    }
    if command := verdict.environment.get("command"):
        made["commandLine"] = str(command)
    if verdict.outcome == "not-checked":
        text = verdict.reason or "nothing was decided"
        made["toolExecutionNotifications"] = [{"level": "error", "message": {"text": text}}]
    return made


def sarif(verdict: Verdict) -> str:
    """The SARIF log."""
    found = findings(verdict)
    listed = rules(found, verdict)
    identifiers = [rule["id"] for rule in listed]
    results = [{**result(one, verdict), "ruleIndex": identifiers.index(one.rule)} for one in found]
    run = {
        "tool": {"driver": {"name": "adanorm-verify", "version": __version__, "rules": listed}},
        "invocations": [invocation(verdict)],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(clean(finite(log)), indent=2, ensure_ascii=False) + "\n"


def clean(value: Any) -> Any:
    """Every text of a JSON value fit for print."""
    if isinstance(value, dict):
        return {key: clean(x) for key, x in value.items()}
    if isinstance(value, list):
        return [clean(x) for x in value]
    return printable(value) if isinstance(value, str) else value
