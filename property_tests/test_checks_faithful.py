"""No false alarm: what is right passes every check of the contract, on all its paths."""

from __future__ import annotations

import pytest
import torch

from adanorm_verify.calling import spelled
from adanorm_verify.checks import CHECKS
from adanorm_verify.checks.runner import refuse_unknown
from adanorm_verify.checks.selection import chosen, judged
from adanorm_verify.gate import SHIPPED
from adanorm_verify.hosting.checking import checking
from adanorm_verify.hosting.lending import subject_of
from adanorm_verify.hosting.source import Source
from adanorm_verify.paper import algorithm
from adanorm_verify.runs import Check, probe
from adanorm_verify.targets import load
from adanorm_verify.verdict import CheckResult


def contract(
    factory, name, profile="default", dtypes=("float32",), expect=None, decisions=None, only=None, **arguments
) -> tuple[CheckResult, ...]:
    """The checks of a subject that claims to be an algorithm, on every path that it offers; all, or `only` some."""
    paper = algorithm(name, decisions)
    refuse_unknown(expect or {})
    with subject_of(Source(spelled(factory), factory, arguments), {}, paper.hyperparameters) as (subject, _):
        check = Check(subject, paper, subject.base, "cpu")
        combinations = [probe(check, path, dtype) for dtype in dtypes for path in subject.paths]
        with checking(check) as checks:
            held, pages = chosen(combinations, checks.pages(), profile)
            pages = [page for page in pages if only is None or page.name in only]
            results = list(checks.results(check, held, pages))
    return tuple(judged(results, expect or {}))


def failures(results) -> list[str]:
    return [f"{result.path}, {result.name}: {result.message}" for result in results if result.outcome == "failed"]


def passed(results) -> set[str]:
    return {result.name for result in results if result.outcome == "passed"}


OWN = [*(shipped for shipped in SHIPPED if not shipped.arguments), SHIPPED[-1]]


@pytest.mark.parametrize("shipped", OWN, ids=lambda shipped: "-".join([shipped.name, *shipped.arguments]))
def test_the_optimizers_shipped_here_pass_on_all_paths(shipped):
    results = contract(load(shipped.target), shipped.algorithm, decisions=shipped.decisions, **shipped.arguments)
    assert failures(results) == []
    assert {result.path for result in results} == {"single-tensor", "foreach", "fused", "capturable"}
    assert "state-in-a-fresh-process" in passed(results)


def test_a_larger_profile_runs_what_a_smaller_one_does_and_quick_starts_no_process_and_no_compiler():
    pages = {page.name: page.profiles for page in CHECKS if page.function is not None}
    for profiles in pages.values():
        assert profiles in (("quick", "default", "thorough"), ("default", "thorough"), ("thorough",))
    assert "quick" not in {*pages["state-in-a-fresh-process"], *pages["compiled-step"], *pages["compiled-paths"]}
    assert pages["long-run"] == ("thorough",)  # ten thousand steps


@pytest.mark.parametrize(
    ("subject", "name"), [(torch.optim.Adam, "adam"), (torch.optim.RAdam, "radam"), (torch.optim.NAdam, "adam")]
)
def test_torch_passes_on_its_plain_and_foreach_paths(subject, name):
    results = [result for result in contract(subject, name) if result.path != "fused"]
    assert failures(results) == []
    assert {result.path for result in results} == {"single-tensor", "foreach"}


def fused_ignores_strides() -> bool:
    """Whether torch's fused Adam, asked without this project, moves a transposed parameter otherwise."""
    moved = []
    for fused in (False, True):
        parameter = torch.nn.Parameter(torch.zeros(2, 3).t())
        parameter.grad = torch.arange(6.0).reshape(3, 2) - 2.5
        torch.optim.Adam([parameter], fused=fused).step()
        moved.append(parameter.detach().clone())
    return not torch.allclose(*moved)


def test_fused_adam_of_torch_fails_exactly_where_it_ignores_strides():
    results = [result for result in contract(torch.optim.Adam, "adam") if result.path == "fused"]
    failed = {result.name for result in results if result.outcome == "failed"}
    assert failed == ({"strided-parameter", "strided-gradient"} if fused_ignores_strides() else set())


def radam_of_torch_is_nan_in_half() -> bool:
    parameter = torch.nn.Parameter(torch.ones(1, dtype=torch.float16))
    parameter.grad = torch.zeros_like(parameter)
    torch.optim.RAdam([parameter], foreach=True).step()
    return bool(parameter.isnan().any())


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
@pytest.mark.parametrize(("subject", "name"), [(torch.optim.Adam, "adam"), (torch.optim.RAdam, "radam")])
def test_another_dtype_alone_raises_no_false_alarm(subject, name, dtype):
    results = [result for result in contract(subject, name, "quick", dtypes=(dtype,)) if result.path != "fused"]
    if (name, dtype) == ("radam", "float16"):  # zero times infinity where g² is rounded to 0, as torch computes it
        wrong = [result for result in results if result.path == "foreach" and result.outcome == "failed"]
        assert {result.name for result in wrong} == ({"long-tensor"} if radam_of_torch_is_nan_in_half() else set())
        results = [result for result in results if result not in wrong]
    assert failures(results) == []
    assert {result.dtype for result in results} == {dtype}
    assert len(passed(results)) > 30


def test_float64_is_taken_where_float32_was_not_run():
    results = contract(torch.optim.Adam, "adam", "quick", dtypes=("float64",), foreach=False, fused=False)
    assert failures(results) == []
    assert {result.dtype for result in results} == {"float64"}


def test_hyperparameters_that_the_caller_fixed_are_not_applicable():
    results = contract(torch.optim.Adam, "adam", "quick", foreach=False, fused=False, lr=0.125, eps=1e-3)
    assert failures(results) == []
    reasons = {result.name: result.message for result in results if result.outcome == "not-applicable"}
    assert reasons["zero-lr"] == "lr is fixed by the caller"
    assert reasons["gradient-scale"] == "eps is fixed by the caller"
