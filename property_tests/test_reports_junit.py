"""JUnit XML: as many failures and errors as the verdict has, never an empty suite, and always well-formed."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from verdicts import ALLOWED, CONFORMS, DIFFERS, HALF_CHECKED, HOSTILE, HOSTILE_VERDICT, NAMES, NOT_CHECKED, every

from adanorm_verify.reports.junit import junit
from adanorm_verify.reports.text import printable


def suite(verdict):
    return ElementTree.fromstring(junit(verdict)).find("testsuite")


def cases(verdict):
    """Name of a test case to the tag of what became of it."""
    found = {case.get("name"): next(iter([c.tag for c in case]), "passed") for case in suite(verdict).iter("testcase")}
    assert len(found) == int(suite(verdict).get("tests"))  # no name stands for two
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_suite_fails_exactly_where_the_verdict_does(name):
    verdict = every()[name]
    made = suite(verdict)
    failures, errors = int(made.get("failures")), int(made.get("errors"))
    assert int(made.get("tests")) > 0
    assert (failures + errors == 0) == (verdict.exit_code == 0)
    assert (errors > 0) == (verdict.outcome == "not-checked")
    assert failures == len(list(made.iter("failure")))
    assert errors == len(list(made.iter("error")))
    assert int(made.get("skipped")) == len(list(made.iter("skipped")))


def test_every_run_and_check_is_a_test_case():
    found = cases(DIFFERS)
    assert found["equals adamnorm [foreach, float64]"] == "failure"
    assert found["equals adamnorm [foreach, float32]"] == "passed"
    assert found["equals adamnorm [fused, float64]"] == "skipped"
    assert found["state-survives-saving [foreach, float64]"] == "failure"
    assert found["gamma-zero-gives-base [foreach, float32]"] == "passed"
    assert found["sparse [foreach, float64]"] == "skipped"
    assert found["closure [foreach, float64]"] == "skipped"
    assert found["maximize [foreach, float64]"] == "system-out"
    assert len(found) == len(DIFFERS.runs) + len(DIFFERS.checks)


def test_a_failure_carries_the_summary():
    [failure] = [f for f in suite(DIFFERS).iter("failure") if "Algorithm 2, equation 4" in (f.text or "")]
    assert failure.get("message").endswith(
        f"differs from adamnorm (read with corrected_moments=both): {DIFFERS.explanation}"
    )
    assert failure.text == DIFFERS.summary()


def test_an_expected_failure_gives_its_reason():
    [skipped] = [s for s in suite(DIFFERS).iter("skipped") if "wrapped elsewhere" in s.get("message")]
    assert skipped.text == "no loss came back"


def test_allowed_deviations_pass_and_are_named():
    assert set(cases(ALLOWED).values()) <= {"passed", "skipped", "system-out"}
    assert "e-never-updated" in junit(ALLOWED)


def test_not_checked_is_an_error():
    assert cases(NOT_CHECKED) == {"equals adamnorm": "error"}
    assert cases(HALF_CHECKED)["equals adam [foreach, float64]"] == "error"


@pytest.mark.parametrize("verdict", [replace(v, runs=(), checks=()) for v in (CONFORMS, DIFFERS, ALLOWED)])
def test_nothing_run_is_never_a_pass(verdict):
    assert set(cases(verdict).values()) <= {"error", "failure"}
    assert len(cases(verdict)) == 1


def test_only_skipped_is_never_a_pass():
    only = replace(CONFORMS, runs=DIFFERS.runs[2:], checks=())
    assert "error" in cases(only).values()


def test_a_verdict_that_differs_by_none_of_its_parts_still_fails():
    strange = replace(DIFFERS, runs=DIFFERS.runs[1:2], checks=())
    assert "failure" in cases(strange).values()


def test_hostile_text_is_spelled_out():
    text = junit(HOSTILE_VERDICT)
    assert "<script>" not in text
    assert r"\x00\x1b[31m \ud800 ]]" in text
    [failure] = [f for f in suite(HOSTILE_VERDICT).iter("failure") if f.text.startswith("<script>")]
    assert failure.text == printable(HOSTILE)
    text.encode()  # no half characters are left
