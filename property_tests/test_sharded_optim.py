"""Ours with sharded parameters, in real processes: the norm of the whole, one collective a step, and what fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import sharded_jobs as jobs
import sharded_training as training
import torch

from adanorm_verify import optim, streams
from adanorm_verify.cases import Case
from adanorm_verify.comparison import compare
from adanorm_verify.envelope import envelope
from adanorm_verify.formats import representable
from adanorm_verify.interface import Snapshot
from adanorm_verify.paper import Hyperparameters, algorithm
from adanorm_verify.rounding import PRECISIONS
from adanorm_verify.sharding.ranks import Ranks, why

BY_NAME = {case.name: case for case in streams.designed("float64")}
CASES = [
    BY_NAME["groups, missing gradients, all shapes"],
    BY_NAME["alternating norms"],  # of (3,) and (4, 5)
]
FLAT = ("rows", "columns", "whole")
BOTH = ("copies of rows", "rows and columns", "rows of rows")


@pytest.fixture(scope="module", params=[2, 4])
def ranks(request) -> Iterator[Ranks]:
    with Ranks(request.param, patience=240) as group:
        yield group


def returned(answers) -> list:
    assert all(answer.state == "returned" for answer in answers), why(answers) + answers[-1].trace
    return [answer.value for answer in answers]


def plans(count: int, layouts: Sequence[str]) -> list[jobs.Plan]:
    alternating = [("AdamNorm", False, "float64"), ("AdamNorm", True, "float32"), ("DiffGradNorm", True, "float64")]
    half = [("AdamNorm", True, "bfloat16"), ("AdaBelief", False, "float32"), ("AdaBeliefNorm", False, "float32")]
    several = [*alternating, *half] if count == 2 else alternating[::2]
    return [(*one, layout, representable(case, one[2])) for layout in layouts for one in several for case in CASES]


def inside(name: str, dtype: str, case: Case, steps: list[list[Snapshot]]) -> None:
    """A run of ours is inside the envelope of its list, its norm averages included."""
    paper = algorithm(name.lower())
    mapping = {"exp_grad_norm": "e"} if "e" in paper else {}
    comparison = compare(case, list(envelope(paper, case, PRECISIONS[dtype])), steps, mapping)
    assert not comparison.differences, comparison.differences[0]
    assert comparison.moved
    assert all(tally.compared for tally in comparison.tallies.values())


def alike(values: list) -> None:
    """All ranks have the same bits."""
    for other in values[1:]:
        for own, theirs in zip(values[0], other, strict=True):
            for step, there in zip(own.steps, theirs.steps, strict=True):
                for a, b in zip(step, there, strict=True):
                    assert a.keys() == b.keys()
                    assert all(np.array_equal(a[key], b[key]) for key in a)


def expected(name: str, layout: str) -> set[int]:
    """Collectives of a step: one a dimension of the mesh over which something is sharded, where there are norms."""
    if not name.endswith("Norm") or layout == "whole":
        return {0}
    return {2} if layout in ("rows and columns", "rows of rows") else {1}


def played(ranks: Ranks, layouts: Sequence[str], mutant: str = "", most: int | None = None) -> tuple[list, list]:
    planned = plans(ranks.count, layouts)[:most]
    return planned, returned(ranks.call(jobs.run_all, planned, mutant))


def judge(ranks: Ranks, planned: list, values: list) -> None:
    alike(values)
    for (name, _, dtype, layout, case), ran in zip(planned, values[0], strict=True):
        inside(name, dtype, case, ran.steps)
        # A mesh dimension of one rank needs none: with two ranks, (2, 1).
        number = {1} if ranks.count == 2 and expected(name, layout) == {2} else expected(name, layout)
        number = {0} if ranks.count == 2 and layout == "copies of rows" else number
        assert set(ran.collectives) == number, (name, layout, ran.collectives)


def test_every_layout_is_inside_the_envelope_with_one_collective_a_step(ranks):
    judge(ranks, *played(ranks, FLAT if ranks.count == 2 else (*FLAT[:1], *BOTH)))


@pytest.mark.parametrize("mutant", ["norm of the shard", "a collective a tensor"])
def test_the_comparison_notices(ranks, mutant):
    found = played(ranks, ["rows"], mutant, most=1)
    with pytest.raises(AssertionError):
        judge(ranks, *found)


def test_one_rank_has_the_bits_of_no_shards():
    case = representable(CASES[0], "float32")
    with Ranks(1, patience=120) as one:
        [[ran]] = returned(one.call(jobs.run_all, [("AdamNorm", True, "float32", "rows", case)]))
    assert ran.collectives == {0}
    optimizer = optim.AdamNorm
    subject = jobs.OnRank.__mro__[1](optimizer, "AdamNorm", {}, {}, jobs.HYPER)
    whole = list(subject.drive(case, {"foreach": True}, "float32", "cpu", frozenset(subject.spelling)))
    for tensors, there in zip(whole, ran.steps, strict=True):
        for a, b in zip(tensors, there, strict=True):
            assert np.array_equal(a["theta"], b["theta"])


def test_every_option_has_the_bits_of_a_whole_run_where_one_rank_has_the_tensor(ranks):
    for apart in returned(ranks.call(jobs.options_apart)):
        assert apart == []
    assert returned(ranks.call(jobs.options_apart, "the norm without the decay"))[0]


def test_gradients_of_all_kinds(ranks):
    for found in returned(ranks.call(training.gradients_of_all_kinds)):
        messages = {name: found.pop(name) for name in list(found) if isinstance(found[name], str)}
        assert len(found) == 6
        assert all(found.values()), found
        assert "of the same mesh" in messages["grad of another mesh"]
        assert "partial sum" in messages["partial parameter"]
        assert "differentiable=True does not support DTensors" in messages["differentiable"]
        assert "fused=True does not support DTensors" in messages["fused"]
        assert "fully_shard" in messages["flat parameter"]
        assert "set_optimizer_state_dict" in messages["state of a whole tensor"]


def test_zero_redundancy_optimizer_has_the_bits_of_one_process(ranks):
    for equal in returned(ranks.call(training.zero_redundancy)):
        assert equal == [True] * 10


def test_a_rank_that_fails_makes_the_others_fail():
    for how, soon in (("dies", 60), ("stops", 2)):
        with Ranks(2, patience=60, collective=soon, grace=30) as group:
            first, _ = group.call(training.failing, how)
        assert first.state == "returned", first
        assert "could not be added up over the ranks [0, 1]" in first.value, how
        assert "failed, or did not call step() in time" in first.value


def recorded(start, gradients) -> Case:
    steps = tuple(tuple(tensors) for tensors in gradients)
    return Case("recorded", tuple(start), (0,) * len(start), (Hyperparameters(lr=0.1),), steps)


@pytest.mark.parametrize("foreach", [False, True])
def test_fully_shard(ranks, foreach):
    start, gradients, seen, collectives = returned(ranks.call(training.trained, foreach))[0]
    inside("AdamNorm", "float64", recorded(start, gradients), seen)
    assert collectives == 1


def whole_case(steps: int) -> Case:
    shapes = [tuple(p.shape) for p in training.Net().parameters()]
    return streams.case("saved", shapes, [1.0, 0.25, 0.5, 0.125, 0.25, 0.0625][:steps], kind=7, start=1.0)


def test_checkpoint_of_two_ranks_goes_on_with_four_and_with_one(tmp_path):
    case, steps = whole_case(6), 3
    with Ranks(2, patience=120) as two:
        before = returned(two.call(training.save, case, steps, tmp_path / "saved"))[0]
        given = returned(two.call(training.full_state, case))[0]
        after = returned(two.call(training.resume, case, steps, tmp_path / "saved", True))[0]
        with pytest.raises(AssertionError):  # the norm average is part of the state
            inside("AdamNorm", "float64", case, [*before, *after])
    assert {tuple(own["exp_avg"].shape) for own in given.values()} == {theta.shape for theta in case.theta}
    assert all(own["exp_grad_norm"].shape == () and own["exp_grad_norm"] > 0 for own in given.values())
    for count in (4, 1):
        with Ranks(count, patience=120) as other:
            after = returned(other.call(training.resume, case, steps, tmp_path / "saved"))[0]
        inside("AdamNorm", "float64", case, [*before, *after])


def test_plain_tensors_are_not_asked_for_a_process_group():
    optimizer = optim.AdamNorm([torch.nn.Parameter(torch.ones(2))])
    optimizer.param_groups[0]["params"][0].grad = torch.ones(2)
    optimizer.step()
