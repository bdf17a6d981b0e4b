"""`adanorm_verify.testing`: one pytest test a subject and check, and none that passes without having looked."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import pytest
import torch
from verdicts import ALLOWED, BAFFLING, CONFORMS, DIFFERS, HALF_CHECKED, NOT_CHECKED

from adanorm_verify import testing
from adanorm_verify.testing import assert_conforms, parametrize_with_checks
from adanorm_verify.verdict import CheckResult, Run

pytest_plugins = ["pytester"]


@dataclass
class Page:
    """As much of a page of the registry as is read here."""

    name: str
    function: object = print
    profiles: tuple[str, ...] = ("quick", "default", "thorough")


def result(name, outcome, message="", reason="", path="foreach"):
    return CheckResult(name, "state", outcome, path, "float32", message, reason)


CHECKS = (
    result("passes", "passed"),
    result("passes", "passed", path="single-tensor"),
    result("fails-somewhere", "passed"),
    result("fails-somewhere", "failed", "step 3 differs", path="single-tensor"),
    result("known", "expected", "step 2 differs", "not written yet"),
    result("known", "passed", path="single-tensor"),
    result("repaired", "stale", reason="was broken once"),
    result("not-offered", "not-applicable", "it has no foreach"),
    result("half-offered", "not-applicable", "it has no foreach"),
    result("half-offered", "passed", path="single-tensor"),
)
NOT_OFFERED = Run("fused", "float64", "not-offered", 0, note="fused is not for this device")
NAMES = tuple(dict.fromkeys(check.name for check in CHECKS))


@pytest.fixture
def returning(monkeypatch):
    """Make `check_optimizer` return a verdict made by hand, with checks in the registry; it counts its calls."""

    def arrange(verdict, names=()):
        asked = []

        @functools.wraps(testing.check_optimizer)  # for its signature, against which options are held
        def check_optimizer(target, algorithm, **options):
            asked.append((target, algorithm, options))
            return verdict

        monkeypatch.setattr(testing, "check_optimizer", check_optimizer)
        pages = [Page("trajectory", None), Page("slow", profiles=("thorough",)), *map(Page, names)]
        monkeypatch.setattr(testing, "all_checks", lambda: [page for page in pages if page.function])
        return asked

    return arrange


def run(pytester, subjects, *arguments, body="check()", **options):
    """Outcomes of tests by their names, and the printed report."""
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    pytester.makepyfile(
        "import torch, functools\n"
        "from adanorm_verify.testing import parametrize_with_checks\n"
        f"@parametrize_with_checks({subjects}{given})\n"
        f"def test_it(check): {body}\n"
    )
    ran = pytester.runpytest_inprocess("-rA", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments)
    words = [line.split() for line in ran.stdout.lines]
    return {
        line[1].partition("[")[2].rstrip("]"): line[0] for line in words if len(line) > 1 and "::test_it[" in line[1]
    }, str(ran.stdout)


ADAM = "[(torch.optim.Adam, 'adam')]"


def test_every_outcome_of_a_check_has_its_own(pytester, returning):
    asked = returning(replace(CONFORMS, checks=CHECKS), (*NAMES, "forgotten"))
    found, text = run(pytester, ADAM, expect={"known": "not written yet", "repaired": "was broken once"})
    assert {name.removeprefix("Adam-adam-"): outcome for name, outcome in found.items()} == {
        "trajectory": "PASSED",
        "passes": "PASSED",
        "fails-somewhere": "FAILED",
        "known": "XFAIL",
        "repaired": "FAILED",
        "half-offered": "PASSED",
        "forgotten": "FAILED",
    }
    assert "1 skipped" in text
    assert "it has no foreach" in text
    for said in ("single-tensor, float32: step 3 differs", "not written yet", "expected to fail repaired, and passes"):
        assert said in text
    assert "forgotten was not run" in text
    assert len(asked) == 1, "a subject is run once for all its tests"
    assert asked[0][2]["expect"] == {"known": "not written yet", "repaired": "was broken once"}
    assert asked[0][2]["profile"] == "quick"


def test_expected_failures_fail_when_xfail_is_switched_off(pytester, returning):
    returning(replace(DIFFERS, checks=CHECKS), ("known",))
    expect = {"known": "not written yet", "trajectory": "a draft"}
    assert set(run(pytester, ADAM, expect=expect)[0].values()) == {"XFAIL"}
    assert set(run(pytester, ADAM, "--runxfail", expect=expect)[0].values()) == {"FAILED"}


@pytest.mark.parametrize(
    ("verdict", "plain", "expected"),
    [
        (CONFORMS, "passed", "failed"),
        (ALLOWED, "passed", "failed"),
        (DIFFERS, "failed", "expected"),
        (NOT_CHECKED, "failed", "failed"),
        (HALF_CHECKED, "failed", "failed"),
        (BAFFLING, "failed", "expected"),
        (replace(DIFFERS, runs=()), "failed", "expected"),
        (replace(CONFORMS, outcome="differs", checks=CHECKS), "passed", "failed"),
        (replace(CONFORMS, outcome="differs", checks=CHECKS, runs=(*CONFORMS.runs, NOT_OFFERED)), "passed", "failed"),
        (replace(HALF_CHECKED, checks=CHECKS), "failed", "failed"),
    ],
)
def test_trajectory_follows_the_verdict(verdict, plain, expected):
    assert testing.trajectory(verdict, None).outcome == plain
    assert testing.trajectory(verdict, "a reason").outcome == expected


def test_nothing_checked_fails_every_test(pytester, returning):
    returning(NOT_CHECKED, ("passes", "known"))
    found, text = run(pytester, ADAM, expect={"trajectory": "a draft", "known": "not written yet"})
    assert len(found) == 3
    assert set(found.values()) == {"FAILED"}
    assert NOT_CHECKED.reason in text


def test_profile_chooses_the_checks(returning):
    returning(CONFORMS, ("passes",))
    subject = testing.asked_subject((torch.optim.Adam, "adam"), {}, {"profile": "quick"})
    assert subject.checks == ("trajectory", "passes")
    assert replace(subject, options={"profile": "thorough"}).checks == ("trajectory", "slow", "passes")


def test_body_that_does_not_call_its_check_fails(pytester, returning):
    asked = returning(CONFORMS)
    found, text = run(pytester, ADAM, body="pass")
    assert found == {"Adam-adam-trajectory": "FAILED"}
    assert "did not call check()" in text
    assert not asked


def test_names_of_tests(pytester, returning):
    returning(CONFORMS)
    found, _ = run(
        pytester,
        "[(torch.optim.Adam, 'adam'), ('torch.optim:RAdam', 'radam'), (torch.optim.Adam, 'adam', {'seed': 1}),"
        " (functools.partial(torch.optim.Adam, foreach=False), 'adamnorm')]",
    )
    assert list(found) == [
        "Adam-adam-trajectory",
        "RAdam-radam-trajectory",
        "Adam-adam-2-trajectory",
        "Adam-adamnorm-trajectory",
    ]


def test_methods_with_fixtures_keep_them(pytester, returning):
    returning(CONFORMS)
    pytester.makepyfile(
        """
        import torch
        from adanorm_verify.testing import parametrize_with_checks
        class TestHere:
            @parametrize_with_checks([(torch.optim.Adam, "adam")])
            def test_it(self, tmp_path, check):
                assert tmp_path.is_dir()
                check()
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist").assert_outcomes(passed=1)


def test_options_of_a_subject_stand_before_those_of_the_call():
    shared = {"profile": "quick", "dtypes": None, "seed": 3}
    own = {"seed": 4, "rename": {"gamma": "r"}, "expect": {"trajectory": "mine"}}
    subject = testing.asked_subject((torch.optim.Adam, "adam", own), {"trajectory": "ours"}, shared)
    assert subject.options == {"profile": "quick", "dtypes": None, "seed": 4, "rename": {"gamma": "r"}}
    assert subject.expect == {"trajectory": "mine"}


@pytest.mark.parametrize(
    ("subjects", "options", "said"),
    [
        ([], {}, "no subjects"),
        ([torch.optim.Adam], {}, "is not \\(target, algorithm\\)"),
        ([(torch.optim.Adam, "adam", {}, 1)], {}, "is not \\(target, algorithm\\)"),
        ([(3, "adam")], {}, "target 3"),
        ([(torch.optim.Adam, "adamnrom")], {}, "algorithm 'adamnrom'.*adamnorm"),
        ([(torch.optim.Adam, "adam", {"alow": ["eps-scaled"]})], {}, "option 'alow'.*allow"),
        ([(torch.optim.Adam, "adam")], {"profile": "fast"}, "profile 'fast'.*quick"),
        ([(torch.optim.Adam, "adam")], {"expect": {"trajectori": "x"}}, "check 'trajectori'.*trajectory"),
        ([(torch.optim.Adam, "adam")], {"expect": {"trajectory": ""}}, "needs a reason"),
    ],
)
def test_bad_input_is_refused_at_collection(subjects, options, said):
    with pytest.raises(ValueError, match=said):
        parametrize_with_checks(subjects, **options)


def test_right_optimizer_conforms():
    verdict = assert_conforms("adanorm_verify.optim:AdamNorm", "adamnorm", dtypes=["float64"])
    assert verdict.outcome == "conforms"
    assert {run.dtype for run in verdict.runs} == {"float64"}


def test_wrong_optimizer_is_told_apart():
    with pytest.raises(AssertionError, match="first difference") as caught:
        assert_conforms(torch.optim.SGD, "adam", dtypes=["float64"], explain=False)
    assert "SGD differs from adam" in str(caught.value)


def test_failed_check_is_an_assertion(returning):
    returning(replace(CONFORMS, checks=CHECKS), ("passes", "fails-somewhere", "not-offered"))
    with pytest.raises(AssertionError, match="fails fails-somewhere\nsingle-tensor, float32: step 3 differs"):
        assert_conforms(torch.optim.Adam, "adam")


def test_expected_failure_is_no_assertion(returning):
    returning(replace(DIFFERS, checks=CHECKS[:2]), ("passes",))
    assert assert_conforms(torch.optim.Adam, "adam", expect={"trajectory": "a draft"}).outcome == "differs"


def test_unfound_target_is_an_assertion():
    with pytest.raises(AssertionError, match="no class 'Nothing'"):
        assert_conforms("torch.optim:Nothing", "adam")
