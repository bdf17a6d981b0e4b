"""Checks of schedules: a learning rate that moves, as a number in the group or as a tensor of the caller's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import lr_scheduler

from ..cases import Case
from .changing import check_changed_options, groups_of_dicts, readings
from .comparing import Path, added
from .laws import check_zero_lr
from .options import RATE, groups_of, spelling
from .pages import Failed, NotApplicable, check_page, unless_told_by
from .trial import HALF, MAGNITUDES, Trial, refusable

Made = Callable[[Any], Any]
"""A scheduler over an optimizer."""


def quarter(optimizer: Any) -> Any:
    return lr_scheduler.StepLR(optimizer, step_size=HALF, gamma=0.25)


def warm_up(optimizer: Any) -> Any:
    return lr_scheduler.LambdaLR(optimizer, lambda epoch: min(1.0, epoch / 2))


def pause(optimizer: Any) -> Any:
    return lr_scheduler.LambdaLR(optimizer, lambda epoch: float(epoch not in (HALF - 1, HALF)))


def one_cycle(optimizer: Any) -> Any:
    momentum = "betas" in optimizer.defaults
    return lr_scheduler.OneCycleLR(optimizer, 4 * RATE, len(MAGNITUDES) + 1, cycle_momentum=momentum)


SCHEDULES: dict[str, Made] = {
    "after StepLR divided lr by 4 the next step is not a quarter": quarter,
    "a warm-up (LambdaLR) that begins at lr 0 does not count as the equations say": warm_up,
    "lr 0 for two steps and then back (LambdaLR): moments and step do not go on meanwhile": pause,
    "OneCycleLR, which moves lr and betas at every step, does not count as the equations say": one_cycle,
}
"""What is wrong where the equations are left, and the schedule."""


@check_page(
    "interface",
    catches="a learning rate (and betas) changed in mid-run, as StepLR, a warm-up from 0, a pause at 0 and OneCycleLR "
    "do, that the next step does not use, or a step at lr 0 that does not count.",
    sample="after StepLR divided lr by 4 the next step is not a quarter: tensor 0, element 0 after step 5: ...",
)
def check_scheduler(trial: Trial) -> None:
    spelled = spelling(trial, "lr")
    live = trial.start(trial.case().theta)
    groups_of_dicts(live)
    groups_of(live, spelled)
    if spelled != "lr":
        raise NotApplicable(f"schedulers look for lr, which it calls {spelled}")
    if not isinstance(live.optimizer, torch.optim.Optimizer):
        raise NotApplicable("schedulers take torch.optim.Optimizer alone")
    if not trial.conforms:
        return hold_quarter(trial)
    for what, made in SCHEDULES.items():
        with unless_told_by(trial, check_zero_lr, check_changed_options):
            trial.follows_one(under(trial, made), readings(trial, scheduled(trial, made)), what)


def under(trial: Trial, made: Made) -> Path:
    """The ordinary case with a scheduler's step after each step."""
    case = trial.case()
    live = trial.start(case.theta)
    scheduler = made(live.optimizer)
    found = []
    for gradients in case.steps:
        found += live.go([gradients])
        scheduler.step()
    return found


def scheduled(trial: Trial, made: Made) -> Case:
    """The ordinary case with the values that the scheduler gives to an optimizer of torch's."""
    own = trial.hyperparameters
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer: Any = torch.optim.Adam([parameter], float(own.lr), (float(own.beta1), float(own.beta2)))
    if trial.subject.spelling.get("beta1") != "betas":  # a scheduler moves none but those
        del optimizer.defaults["betas"]
    scheduler = made(optimizer)
    case, group = trial.case(), optimizer.param_groups[0]
    for step in range(1, len(case.steps) + 1):
        beta1, beta2 = group["betas"]
        case = case.changing(step, lr=float(group["lr"]), beta1=beta1, beta2=beta2)
        optimizer.step()
        scheduler.step()
    return case


def hold_quarter(trial: Trial) -> None:
    """What is no known list moves, after StepLR, by a quarter of its own plain step."""
    case = trial.case()
    found = under(trial, quarter)
    moved = [now - then for now, then in zip(found[HALF], found[HALF - 1], strict=True)]
    straight, allowed = trial.plain, trial.allowed(case)
    expected = [(now - then) / 4 for now, then in zip(straight[HALF], straight[HALF - 1], strict=True)]
    # Four parameters are read, each inside its own bound; those of the smaller steps are smaller.
    bounds = added(added([allowed[HALF]], [allowed[HALF - 1]]), added([allowed[HALF]], [allowed[HALF - 1]]))
    trial.alike([moved], [expected], bounds, next(iter(SCHEDULES)))


@check_page(
    "interface",
    catches="a learning rate given as a tensor that does not count as the number, whose change in place is not "
    "followed, or that a step writes into.",
    sample="a step changes the caller's tensor lr from 0.0078125 to 0.000248",
)
def check_tensor_lr(trial: Trial) -> None:
    spelled = spelling(trial, "lr")
    new = RATE / 4
    ways: dict[str, Callable[[Any, dict[str, Any]], None]] = {
        "a tensor lr changed in place": lambda _, group: refill(group, spelled, new),
        "another tensor lr in the group": lambda rate, group: group.update({spelled: torch.full_like(rate, new)}),
    }
    plain = trial.using(lr=RATE)
    case = plain.case().changing(HALF + 1, lr=new)
    for what, change in ways.items():
        found = driven(trial, spelled, change)
        # What is made of a tensor lr is a float32 number, as where the step is kept on the device.
        expected, allowed = trial.judge.expected(case, trial.combination.dtype, True)
        if not plain.conforms:
            expected, allowed = renewed(plain, spelled, new), added(allowed, allowed)
        with unless_told_by(trial, check_scheduler):
            trial.alike(found, expected, allowed, f"{what} does not count as the number")


def driven(trial: Trial, spelled: str, change: Callable[[torch.Tensor, dict[str, Any]], None]) -> Path:
    """The ordinary case with a tensor lr that changes half-way; `Failed` where a step writes into the tensor."""
    case = trial.case()
    wide = torch.promote_types(trial.dtype, torch.float32)
    rate = torch.tensor(RATE, dtype=wide, device=trial.device)
    with refusable("a tensor lr"):
        live = trial.start(case.theta, **{spelled: rate})
        found = live.go(case.steps[:HALF])
    unwritten(rate, RATE)
    for group in groups_of(live, spelled):
        change(rate, group)
    now = [group[spelled] for group in groups_of(live, spelled)]
    before = [float(each) for each in now]
    found += live.go(case.steps[HALF:])
    for each, value in zip(now, before, strict=True):
        unwritten(each, value)
    return found


def unwritten(rate: Any, value: float) -> None:
    """Raise `Failed` unless a tensor still has its value."""
    if float(rate) != value:
        raise Failed(f"a step changes the caller's tensor lr from {value} to {float(rate)}")


def refill(group: dict[str, Any], spelled: str, value: float) -> None:
    if not isinstance(group[spelled], torch.Tensor):
        raise Failed("a tensor lr is kept as a number, so that changing it in place has no effect")
    group[spelled].fill_(value)


def renewed(trial: Trial, spelled: str, value: float) -> Path:
    """The ordinary case with a number for lr that changes half-way."""
    case = trial.case()
    live = trial.start(case.theta)
    found = live.go(case.steps[:HALF])
    for group in groups_of(live, spelled):
        group[spelled] = value
    return found + live.go(case.steps[HALF:])
