"""Long tensors whose ends are lost, and many tensors of which some are lost or mixed up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from single_checks import failing, fault, looked_at, trials

from adanorm_verify.checks.large import FIRING, KINDS, LARGE, LONG, MANY, ODD, heavy
from adanorm_verify.shelf._base import AdamNorm
from adanorm_verify.shelf.wrong_large import WRONG_LARGE

SIZED = ("long-tensor", "large-tensor", "many-tensors")
FOUND = {
    "TailOfChunkDropped": ("long-tensor", "tensor 0, element 4096 after step 1"),
    "LastVectorTwice": ("long-tensor", "tensor 0, element 4096 after step 1"),
    "NormOfWholeChunks": ("long-tensor", "after step 2"),
    "SecondBlockLost": ("large-tensor", "after step 1"),
    "ThreadsMeet": ("large-tensor", "tensor 0, element 35000 after step 1"),
    "SeveralNorms": ("large-tensor", "after step 2"),
    "EmptyInLastSlot": ("many-tensors", "each second one empty, one does not move as the equations say\ntensor 36,"),
    "EmptyInLastSlotOfMany": ("many-tensors", "each second one empty, one does not move as the equations say\ntensor"),
    "AllButTheFirstBatch": ("many-tensors", "none of them empty, one does not move as the equations say\ntensor 110"),
    "GradientOfFirstBatch": ("many-tensors", "none of them empty"),
    "NormsBySize": ("many-tensors", "none of them empty"),
}


@pytest.mark.parametrize("subject", WRONG_LARGE, ids=lambda subject: subject.__name__)
def test_what_is_lost_is_found_once_and_named(subject):
    check, words = FOUND[subject.__name__]
    found = failing(looked_at(subject, subject.algorithm, SIZED))
    assert set(found) == {check}
    assert words in found[check]


@pytest.mark.parametrize(
    ("file", "name", "failed"),
    [
        ("23_tail_of_chunk_dropped", "Wrong", "long-tensor"),
        ("24_36_slots_and_empty", "Wrong", "many-tensors"),
        ("24_36_slots_and_empty", "Right", ""),
    ],
)
def test_real_faults_of_size(file, name, failed):
    assert set(failing(looked_at(fault(file, name), "adam", SIZED))) == ({failed} if failed else set())


@pytest.mark.parametrize(("subject", "name"), [(torch.optim.Adam, "adam"), (torch.optim.RAdam, "radam")])
def test_torch_loses_nothing_on_any_path(subject, name):
    results = looked_at(subject, name, SIZED)
    assert {result.outcome for result in results} == {"passed"}


@pytest.mark.parametrize("slots", [24, 30, 36, 48, 55, 64, 110, 128])
def test_an_empty_tensor_in_the_last_slot_is_met_whatever_the_slots(slots):
    from adanorm_verify.shelf.wrong_large import EmptyInLastSlot

    subject = type("Slots", (EmptyInLastSlot,), {"slots": slots, "__doc__": "Another number of slots."})
    assert set(failing(looked_at(subject, "adam", ["many-tensors"]))) == {"many-tensors"}


@pytest.mark.parametrize("slots", [24, 30, 36, 48, 55, 64, 110, 128])
def test_tensors_of_two_batches_are_told_apart(slots):
    alike = [i for i in range(MANY - slots) if KINDS[i % 7] == KINDS[(i + slots) % 7]]
    assert slots % len(KINDS)
    assert alike


def test_sizes_leave_something_over_and_the_last_element_weighs():
    (trial,) = trials(AdamNorm, "adamnorm")
    for shape in (LONG, ODD, LARGE):
        assert all(np.prod(shape) % chunk for chunk in (8, 16, 1024, 4096))
        first, second, _ = [g.ravel() for (g,) in heavy(trial, shape).steps]
        assert np.square(first[-1]) == pytest.approx(np.square(first[:-1]).sum(), rel=1e-2)  # found: 2e-3
        assert np.square(second[-1]) < 0.02 * np.square(second).sum()


def test_the_correction_acts_on_long_tensors_and_on_most_of_many():
    (trial,) = trials(AdamNorm, "adamnorm")
    for shape in (LONG, ODD, LARGE):
        (second,) = trial.quantities(heavy(trial, shape))[1]
        assert (second["e"].value > 2 * second["g_norm"].value).all()
    second = trial.quantities(trial.case(FIRING, KINDS))[1]
    assert sum(bool((known["e"].value > 2 * known["g_norm"].value).all()) for known in second) >= 6  # of seven


def test_where_one_empty_tensor_is_refused_many_are_not_tried():
    class Refuses(AdamNorm):
        def step_tensor(self, param, grad, group):
            if not param.numel():
                raise ValueError("a parameter without elements")
            super().step_tensor(param, grad, group)

    (result,) = looked_at(Refuses, "adamnorm", ["many-tensors"])
    assert result.outcome == "not-applicable"
    assert "see the check empty-tensor" in result.message


def test_many_that_raise_fail_with_their_number():
    class Raises(AdamNorm):
        def step_group(self, group):
            if len(group["params"]) > 64:
                raise RuntimeError("too many tensors")
            super().step_group(group)

    (result,) = looked_at(Raises, "adamnorm", ["many-tensors"])
    assert (result.outcome, result.message) == (
        "failed",
        "among 131 tensors, none of them empty, step 1 raised RuntimeError: too many tensors",
    )


def test_nothing_is_said_of_what_is_not_the_algorithm():
    results = looked_at(torch.optim.SGD, "adam", SIZED)
    assert {result.outcome for result in results} == {"not-applicable"}
    assert {result.message for result in results} == {"it is not the algorithm on an ordinary case already"}
