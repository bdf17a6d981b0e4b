"""Checks of memory exchanged in mid-run: parameters and gradients whose tensors are others than a step before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..cases import Case
from ..interface import SubjectRaised
from .comparing import Path
from .exchanged import halved
from .laws import check_parameters_set_back
from .memory import check_gradients_kept, check_gradients_untouched, check_in_place
from .pages import Failed, NotApplicable, Warned, check_page, unless_told_by
from .trial import FALLING, HALF, Live, Trial, like
from .values import check_late_gradient

OUTSIDE = 7.0
"""What memory that nobody may write holds."""


@check_page(
    "interface",
    catches="a parameter whose tensor is exchanged (p.data = other), or swapped for an averaged one and back, that "
    "does not go on in the new memory from the values there.",
    sample="after p.data = other at step 5 the parameter does not move in its new memory: tensor 0, element 0 ...",
)
def check_exchanged_memory(trial: Trial) -> None:
    case = trial.case()
    with unless_told_by(trial, check_parameters_set_back):
        hold_exchange(trial, case)
        for what, back in (("swapped with averages", swapped_and_back), ("overwritten by averages", copied_and_back)):
            found = with_pause(trial, case, back)
            trial.anchored(found, case, lambda: trial.plain, f"parameters {what} and put back do not go on as before")


def with_pause(trial: Trial, case: Case, between: Callable[[Live], None]) -> Path:
    """Run a case, and do something with the parameters half-way."""
    live = trial.start(case.theta)
    found = live.go(case.steps[:HALF])
    between(live)
    return found + live.go(case.steps[HALF:])


def hold_exchange(trial: Trial, case: Case) -> None:
    """Exchange the memory for one with half the values; the old one must stay as it is."""
    old: list[tuple[Tensor, Tensor]] = []

    def exchange(live: Live) -> None:
        for parameter in live.parameters:
            old.append((parameter.data, parameter.data.clone()))
            parameter.data = parameter.data / 2

    def halve(live: Live) -> None:
        for parameter in live.parameters:
            parameter.data.div_(2)

    found = with_pause(trial, case, exchange)
    what = f"after p.data = other before step {HALF + 1} the parameter does not move in its new memory"
    if trial.conforms:
        trial.follows(found, case, what, trial.changed(halved, HALF + 1))
    else:
        trial.alike(found, with_pause(trial, case, halve), trial.twice(case), what)
    for tensor, (memory, before) in enumerate(old):
        if not torch.equal(memory, before):
            raise Failed(f"after p.data = other a step writes into the old memory of tensor {tensor}")


def swapped_and_back(live: Live) -> None:
    """The parameters' memory is exchanged for averages, as for an evaluation, and comes back."""
    own = [parameter.data for parameter in live.parameters]
    for parameter in live.parameters:
        parameter.data = torch.full_like(parameter.data, OUTSIDE)
    for parameter, memory in zip(live.parameters, own, strict=True):
        parameter.data = memory


def copied_and_back(live: Live) -> None:
    """The same by copies, as torch.optim.swa_utils' users do."""
    own = [parameter.detach().clone() for parameter in live.parameters]
    with torch.no_grad():
        for parameter in live.parameters:
            parameter.fill_(OUTSIDE)
        for parameter, values in zip(live.parameters, own, strict=True):
            parameter.copy_(values)


@check_page(
    "interface",
    catches="one gradient tensor that is the gradient of two parameters, and counts for one of them otherwise.",
    sample="a gradient that two parameters share does not count for both: tensor 1, element 0 after step 1: ...",
)
def check_shared_gradient(trial: Trial) -> None:
    one = trial.case(FALLING, [(3,), (3,)])
    case = replace(one, steps=tuple((first, first) for first, _ in one.steps))
    live, found = trial.start(case.theta), []
    for gradient, _ in case.steps:
        assert gradient is not None  # the ordinary case has them all
        both = like(gradient, live.parameters[0])
        live.step([both, both])
        found.append(live.thetas)
    what = "a gradient that two parameters share does not count for both"
    with unless_told_by(trial, check_gradients_untouched):
        trial.anchored(found, case, lambda: trial.run(case), what)


@check_page(
    "interface",
    catches="gradients that are views of one flat buffer, as DDP makes them, which count as others, or whose step "
    "writes elsewhere in the buffer.",
    sample="gradients that are views of one buffer count as others: tensor 1, element 0 after step 1: ...",
)
def check_gradient_views(trial: Trial) -> None:
    case = trial.case(FALLING)
    live = trial.start(case.theta)
    sizes = [theta.size for theta in case.theta]
    buffer = torch.full([sum(sizes) + len(sizes) + 1], OUTSIDE, dtype=trial.dtype, device=trial.device)
    views, at = [], 1
    for theta in case.theta:  # one element that belongs to nobody stands before, between and after them
        views.append(buffer[at : at + theta.size].view(theta.shape))
        at += theta.size + 1
    found = []
    for gradients in case.steps:
        for view, gradient in zip(views, gradients, strict=True):
            assert gradient is not None
            view.copy_(like(gradient, view))
        before = buffer.clone()
        live.step(views)
        found.append(live.thetas)
        if not torch.equal(buffer, before):
            with unless_told_by(trial, check_gradients_untouched):
                raise Failed(f"step {live.steps} writes into the buffer of which the gradients are views")
    with unless_told_by(trial, check_gradients_untouched, check_gradients_kept):
        what = "gradients that are views of one buffer count as others"
        trial.anchored(found, case, lambda: trial.run(case), what)


@check_page(
    "interface",
    catches="a parameter frozen for some steps (requires_grad off, no gradient) that moves meanwhile, or does not go "
    "on as before when it is thawed.",
    sample="a parameter frozen for two steps does not go on as before: tensor 0, element 0 after step 7: ...",
)
def check_frozen_meanwhile(trial: Trial) -> None:
    whole = trial.case()
    frozen = range(HALF, HALF + 2)
    case = replace(
        whole,
        steps=tuple((None if number in frozen else step[0], *step[1:]) for number, step in enumerate(whole.steps)),
    )

    def run(off: bool) -> Path:
        live, found = trial.start(case.theta), []
        for number, gradients in enumerate(case.steps):
            live.parameters[0].requires_grad_(not (off and number in frozen))
            found += live.go([gradients])
        return found

    with unless_told_by(trial, check_late_gradient):
        what = "a parameter frozen for two steps does not go on as before"
        trial.anchored(run(True), case, lambda: run(False), what)


@check_page(
    "interface",
    catches="a parameter of another shape than its state (p.data = resized) that goes on with what broadcasting "
    "makes of the old state, where an error or a new state is due.",
    sample="a parameter resized from (1, 3) to (2, 3) goes on silently with the state of its old shape",
)
def check_resized_parameter(trial: Trial) -> str:
    if trial.combination.path == "fused":
        raise NotApplicable("a fused kernel may write past a state of another shape, and end the process")
    with unless_told_by(trial, check_exchanged_memory, check_in_place):
        refused, silent = [], []
        for old, new in (((1, 3), (2, 3)), ((2, 3), (1, 3))):
            try:
                refused.append(hold_resized(trial, old, new))
            except Failed as error:
                silent.append(error)
    if len(silent) > 1:
        raise silent[0]
    if silent:  # plain arithmetic does that, out of place: a state of one row serves any number of rows
        raise Warned(str(silent[0]))
    return f"refuses it: {refused[0]}" if all(refused) else ""


def hold_resized(trial: Trial, old: tuple[int, ...], new: tuple[int, ...]) -> str:
    """What is said of a resized parameter; empty where it starts anew; `Failed` where it goes on with the old state."""
    before, after = trial.case(FALLING[:HALF], [old]), trial.case(FALLING, [new])
    live = trial.start(before.theta)
    _ = live.groups  # what has none is no optimizer of torch's, and keeps its state by other rules
    live.go(before.steps)
    live.parameters[0].grad = None
    live.parameters[0].data = like(after.theta[0], live.parameters[0])
    found: list[list[np.ndarray]] = []
    what = f"a parameter resized from {old} to {new} goes on silently with the state of its old shape"
    for gradients in after.steps:
        try:
            found += live.go([gradients])
        except SubjectRaised as error:
            return str(error)
        if live.parameters[0].shape != new:
            raise Failed(what)
    trial.anchored(found, after, lambda: trial.run(after), what)
    return ""


@check_page(
    "interface",
    catches="an optimizer built over parameters on the meta device that does not step them once they are real "
    "(torch.utils.swap_tensors, as Module.to_empty), and does not refuse either.",
    sample="parameters moved from meta before the first step do not move as others: tensor 0, element 0 ...",
)
def check_meta_parameter(trial: Trial) -> str:
    case = trial.case()
    meta = trial.parameters([torch.empty(t.shape, dtype=trial.dtype, device="meta") for t in case.theta])
    live = trial.over(meta, list(meta))
    for parameter, theta in zip(live.parameters, case.theta, strict=True):
        swap(parameter, trial.parameters([theta])[0])
    try:
        found = live.go(case.steps)
    except SubjectRaised as error:
        return f"refuses them: {error}"
    what = "parameters moved from meta before the first step do not move as others"
    trial.anchored(found, case, lambda: trial.plain, what)
    return "takes them"


def swap(parameter: Tensor, other: Tensor) -> None:
    """Give a parameter the tensor of another, so that whoever holds it sees the other."""
    try:
        torch.utils.swap_tensors(parameter, other)
    except RuntimeError as error:  # something holds on to its memory, such as a weak reference
        raise NotApplicable(f"torch cannot swap the meta tensor: {error}") from error
