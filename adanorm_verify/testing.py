"""For test suites: one pytest test for each subject and check, or one assertion."""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pytest
import torch

from .checks import all_checks
from .conformance import check_optimizer, one_of
from .paper import ALGORITHMS
from .search import PROFILES
from .summary import headline
from .verdict import CheckResult, Verdict

__all__ = ["assert_conforms", "parametrize_with_checks"]

Target = str | Callable[..., torch.optim.Optimizer]
Asked = tuple[Target, str] | tuple[Target, str, Mapping[str, Any]]
TRAJECTORY = "trajectory"
"""The comparison with the equations; the other checks have names of their own."""


def parametrize_with_checks(
    subjects: Sequence[Asked],
    *,
    expect: Mapping[str, str] | None = None,
    profile: str = "quick",
    dtypes: Sequence[str] | None = None,
    **options: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make one test for each subject and check of a function `def test_it(check): check()`.

    A subject is run once, when the first of its tests is. A check that the subject offers nothing to is skipped; one
    that is expected to fail is an xfail, or fails where it passes.

    Args:
        subjects: `(target, algorithm)` or `(target, algorithm, options)`, as `check_optimizer` takes them; the options
            of a subject, `expect` among them, stand before those of the call.
        expect: name of a check to the reason why it may fail.
        profile: "quick", "default" or "thorough".
        dtypes: instead of the profile's.
        options: others of `check_optimizer`.

    Raises:
        ValueError: no subjects, or an unknown algorithm, profile, check or option.
    """
    shared = {"profile": profile, "dtypes": dtypes, **options}
    asked = [asked_subject(entry, expect or {}, shared) for entry in subjects]
    if not asked:
        raise ValueError("parametrize_with_checks: no subjects, so nothing would be checked")
    names = numbered([subject.name for subject in asked])
    parameters = [
        pytest.param(functools.partial(report, subject, check), id=f"{name}-{check}")
        for subject, name in zip(asked, names, strict=True)
        for check in subject.checks
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        return pytest.mark.parametrize("check", parameters)(must_call(function))

    return decorate


def assert_conforms(target: Target, algorithm: str, *, profile: str = "quick", **options: Any) -> Verdict:
    """Raise AssertionError unless an optimizer passes every check.

    Args:
        target: an optimizer class or factory, or its name.
        algorithm: what it claims to be.
        profile: "quick", "default" or "thorough".
        options: `expect`, name of a check to the reason why it may fail, and those of `check_optimizer`.

    Returns:
        The verdict.

    Raises:
        AssertionError: a check failed, or passed though it is expected to fail, or could not be run.
        ValueError: an unknown algorithm, profile, check or option.
    """
    __tracebackhide__ = True
    subject = asked_subject((target, algorithm, options), {}, {"profile": profile})
    parts = [subject.part(check) for check in subject.checks]
    problems = [part.text for part in parts if part.outcome == "failed"]
    if problems:
        raise AssertionError("\n\n".join(problems))
    return subject.verdict


@dataclass(frozen=True)
class Part:
    """What one test shows.

    Args:
        outcome: of the test.
        text: why it is not passed.
        reason: the caller's, for `expected`.
    """

    outcome: Literal["passed", "failed", "expected", "not-applicable"]
    text: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Subject:
    """One optimizer, what it claims to be, and what was found when it was asked.

    Args:
        target: class, factory, or name of one.
        algorithm: what it claims to be.
        expect: name of a check to the reason why it may fail.
        options: others of `check_optimizer`.
    """

    target: Target
    algorithm: str
    expect: Mapping[str, str]
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{short(self.target)}-{self.algorithm}"

    @property
    def checks(self) -> tuple[str, ...]:
        return (TRAJECTORY, *contract(self.options["profile"]))

    @cached_property
    def verdict(self) -> Verdict:
        expected = {name: reason for name, reason in self.expect.items() if name != TRAJECTORY}
        options = {**self.options, "expect": expected} if expected else self.options
        return check_optimizer(self.target, self.algorithm, **options)

    def part(self, check: str) -> Part:
        if check == TRAJECTORY:
            return trajectory(self.verdict, self.expect.get(check))
        return contracted(self.verdict, check)


def asked_subject(entry: Asked, expect: Mapping[str, str], shared: Mapping[str, Any]) -> Subject:
    """One entry of the list of subjects, with the options of the call; ValueError says what is wrong with it."""
    if not isinstance(entry, tuple) or len(entry) not in (2, 3):
        raise ValueError(f"subject {entry!r} is not (target, algorithm) or (target, algorithm, options)")
    target, algorithm, own = (*entry, {})[:3]
    if not isinstance(target, str) and not callable(target):
        raise ValueError(f"target {target!r} is not a class, a factory, or a name such as 'package.module:Class'")
    one_of("algorithm", algorithm, dict.fromkeys(ALGORITHMS))
    options = {**shared, **own}
    expected = {**expect, **options.pop("expect", {})}
    for name, reason in expected.items():
        one_of("check", name, dict.fromkeys([TRAJECTORY, *contract()]))
        if not reason:
            raise ValueError(f"expect {name!r} needs a reason why it may fail")
    one_of("profile", options["profile"], PROFILES)
    known = dict.fromkeys(inspect.signature(check_optimizer).parameters)
    for option in options:
        one_of("option", option, known)
    return Subject(target, algorithm, expected, options)


def contract(profile: str | None = None) -> tuple[str, ...]:
    """Names of the checks besides the comparison with the equations: all, or those of a profile."""
    return tuple(page.name for page in all_checks() if profile is None or profile in page.profiles)


def trajectory(verdict: Verdict, expected: str | None) -> Part:
    """Whether the parameters follow the equations; what was not checked is a failure, expected or not."""
    outcomes = {run.outcome for run in verdict.runs} - {"not-offered"}
    only_checks_failed = verdict.outcome == "differs" and verdict.failed_checks and outcomes == {"conforms"}
    if verdict.conforms or only_checks_failed:
        stale = f"{headline(verdict)}, though it was expected to differ: {expected}"
        return Part("failed", stale) if expected else Part("passed")
    if verdict.outcome == "not-checked" or not expected:
        return Part("failed", verdict.summary())
    return Part("expected", verdict.summary(), expected)


def contracted(verdict: Verdict, name: str) -> Part:
    """What a check found on all paths; one without a result is a failure."""
    found = {outcome: list(of(verdict, name, outcome)) for outcome in ("failed", "stale", "expected", "not-applicable")}
    if found["failed"]:
        return Part("failed", f"{verdict.target} fails {name}\n{told(found['failed'])}")
    if stale := found["stale"]:
        return Part("failed", f"{verdict.target} was expected to fail {name}, and passes: {stale[0].reason}")
    if expected := found["expected"]:
        return Part("expected", told(expected), expected[0].reason)
    if any(of(verdict, name, "passed")) or any(of(verdict, name, "warned")):  # a warning does not count
        return Part("passed")
    if found["not-applicable"]:
        return Part("not-applicable", found["not-applicable"][0].message)
    return Part("failed", f"{name} was not run on {verdict.target}\n{verdict.reason}".strip())


def of(verdict: Verdict, name: str, outcome: str) -> Iterator[CheckResult]:
    return (check for check in verdict.checks if (check.name, check.outcome) == (name, outcome))


def told(results: Sequence[CheckResult]) -> str:
    """A line a path and dtype."""
    return "\n".join(f"{result.path}, {result.dtype}: {result.message}" for result in results)


def report(subject: Subject, check: str) -> None:
    """Tell pytest what one check found."""
    __tracebackhide__ = True
    part = subject.part(check)
    if part.outcome == "not-applicable":
        pytest.skip(part.text)
    if part.outcome == "expected":
        pytest.xfail(part.reason)  # goes on under --runxfail, where the test fails as if nothing had been expected
    if part.outcome != "passed":
        pytest.fail(part.text, pytrace=False)


def must_call(function: Callable[..., Any]) -> Callable[..., Any]:
    """The test, which fails if it ends without having called its `check`."""

    @functools.wraps(function)
    def test(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        check, calls = kwargs["check"], Counter[str]()

        def counted() -> None:
            __tracebackhide__ = True
            calls["check"] += 1
            check()

        returned = function(*args, **{**kwargs, "check": counted})
        if not calls:
            pytest.fail("the test did not call check(), so nothing was checked", pytrace=False)
        return returned

    return test


def short(target: Target) -> str:
    """A name that fits into the name of a test."""
    if isinstance(target, str):
        return target.rpartition(":")[2]
    while isinstance(target, functools.partial):
        target = target.func
    return getattr(target, "__name__", type(target).__name__)


def numbered(names: Sequence[str]) -> Iterator[str]:
    """The names, with a number where one comes again."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}-{seen[name]}"
