"""Checks of options: what the constructor accepts has its effect, in every group and when it changes in mid-run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..cases import Case
from .comparing import Path, added
from .decay import READINGS
from .laws import times
from .pages import Failed, NotApplicable, check_page
from .trial import HALF, Live, Trial, refusable

DECAY = 0.125
RATE = 2.0**-7
"""Learning rates that are powers of two are the same number in every dtype, and as tensors."""
PATH_FLAGS = ("foreach", "fused", "capturable", "differentiable")
"""They choose how a step is computed, and have no effect on the result."""


@check_page(
    "interface",
    catches="a weight_decay that has no effect, or one that is neither coupled nor decoupled.",
    sample="weight_decay=0.125 has no effect: the parameters are bit-identical to those without it",
)
def check_weight_decay(trial: Trial) -> str:
    if trial.half:
        raise NotApplicable(f"in {trial.combination.dtype} a small decay may be lost in rounding")
    decayed = trial.given(weight_decay=DECAY)
    without = trial.given(weight_decay=0.0)
    case = decayed.case()
    found, plain = decayed.run(case), without.run(case)
    if not trial.difference(found, plain):
        raise Failed(f"weight_decay={DECAY} has no effect: the parameters are bit-identical to those without it")
    if not without.conforms:
        return "it has an effect; which one is not known of an optimizer that is not the algorithm"
    ratios = {
        name: trial.distance(found, *decayed.expected(case, trial.changed(reading, DECAY)))
        for name, reading in READINGS.items()
    }
    fitting = [name for name, ratio in ratios.items() if ratio <= 1]
    if not fitting:
        told = ", ".join(f"{name} {ratio:.0e}" for name, ratio in ratios.items())
        raise Failed(f"weight_decay={DECAY} fits no known meaning; error over bound: {told}")
    return f"weight decay is {fitting[0]}"


@check_page(
    "interface",
    catches="a maximize that is not the run with negated gradients.",
    sample="maximize=True is not the run with negated gradients: tensor 0, element 0 after step 1: ...",
)
def check_maximize(trial: Trial) -> None:
    up = trial.given(maximize=True)
    case = trial.case()
    trial.alike(
        up.run(times(case, -1.0)),
        trial.plain,
        trial.twice(case),
        "maximize=True is not the run with negated gradients",
    )


@check_page(
    "interface",
    catches="nothing that fails: it notes switches whose other position changes no bit, with or without weight decay.",
    sample="note: no effect was seen of amsgrad, fixed_decay",
    why="a switch that does nothing may need a case that is not here, so this is a note and no failure.",
)
def check_switches(trial: Trial) -> str:
    silent = [name for name in switches(trial) if not has_effect(trial, name)]
    if not switches(trial):
        raise NotApplicable("its constructor has no switches")
    return f"no effect was seen of {', '.join(silent)}" if silent else ""


def switches(trial: Trial) -> list[str]:
    subject = trial.subject
    return [
        name
        for name, parameter in subject.parameters.items()
        if isinstance(parameter.default, bool) and name not in (*PATH_FLAGS, *subject.arguments)
    ]


def has_effect(trial: Trial, name: str) -> bool:
    """Whether the other position of a switch changes a bit, or is refused."""
    other = not trial.subject.parameters[name].default
    decaying = [{}, {"weight_decay": DECAY}] if "weight_decay" in trial.subject.parameters else [{}]
    for options in decaying:
        here = trial.given(**options) if options else trial
        case = here.case()
        try:
            with refusable(name):
                if trial.difference(here.given(**{name: other}).run(case), here.run(case)):
                    return True
        except NotApplicable:
            return True
    return False


@check_page(
    "interface",
    catches="a learning rate given as a tensor whose change in place is not followed.",
    sample="a tensor lr changed in place does not count as a new one: tensor 0, element 0 after step 1: ...",
)
def check_tensor_lr(trial: Trial) -> None:
    spelled = spelling(trial, "lr")
    case = trial.case()

    def changed(change: Callable[[torch.Tensor, dict[str, Any]], Any]) -> Path:
        rate = torch.tensor(RATE, dtype=trial.dtype, device=trial.device)
        with refusable("a tensor lr"):
            live = trial.start(case.theta, **{spelled: rate})
            live.go(case.steps[:HALF])
        for group in groups_of(live, spelled):
            change(rate, group)
        return live.go(case.steps[HALF:])

    def refill(rate: torch.Tensor, group: dict[str, Any]) -> None:
        if not isinstance(group[spelled], torch.Tensor):
            raise Failed("a tensor lr is kept as a number, so that changing it in place has no effect")
        group[spelled].fill_(quarter)

    quarter = RATE / 4
    in_place = changed(refill)
    replaced = changed(lambda rate, group: group.update({spelled: torch.full_like(rate, quarter)}))
    if not trial.difference(replaced, changed(lambda rate, group: None)):
        raise Failed("another tensor lr in the group has no effect")
    trial.same(in_place, replaced, "a tensor lr changed in place does not count as a new one")


def spelling(trial: Trial, name: str) -> str:
    """The constructor's word for a hyperparameter that may be chosen."""
    trial.using(**{name: float(getattr(trial.hyperparameters, name))})
    return trial.subject.spelling[name]


def groups_of(live: Live, spelled: str) -> list[dict[str, Any]]:
    """The parameter groups, which must hold an option."""
    if spelled not in live.groups[0]:
        raise NotApplicable(f"its groups hold no {spelled}")
    return live.groups


@check_page(
    "interface",
    catches="a learning rate changed in mid-run, as schedulers do, that the next step does not use.",
    sample="after StepLR divided lr by 4 the next step is not a quarter: tensor 0, element 0 after step 1: ...",
)
def check_scheduler(trial: Trial) -> None:
    spelled = spelling(trial, "lr")
    case = trial.case()
    live = trial.start(case.theta)
    groups_of(live, spelled)
    if spelled != "lr":
        raise NotApplicable(f"schedulers look for lr, which it calls {spelled}")
    scheduler = torch.optim.lr_scheduler.StepLR(live.optimizer, step_size=HALF, gamma=0.25)
    for gradients in case.steps[:HALF]:
        live.step(gradients)
        scheduler.step()
    before = live.thetas
    (after,) = live.go(case.steps[HALF : HALF + 1])
    straight, allowed = trial.plain, trial.allowed(case)
    found = [now - then for now, then in zip(after, before, strict=True)]
    expected = [(now - then) / 4 for now, then in zip(straight[HALF], straight[HALF - 1], strict=True)]
    # Four parameters are read, each inside its own bound; those of the smaller steps are smaller.
    bounds = added(added([allowed[HALF]], [allowed[HALF - 1]]), added([allowed[HALF]], [allowed[HALF - 1]]))
    trial.alike([found], [expected], bounds, "after StepLR divided lr by 4 the next step is not a quarter")


OTHER = {"lr": RATE, "beta1": 0.5, "beta2": 0.75, "gamma": 0.5, "eps": 0.125}


@check_page(
    "interface",
    catches="an option of a parameter group that is ignored for the constructor's or another group's.",
    sample="a group's own betas do not count as the constructor's would: tensor 0, element 0 after step 2: ...",
)
def check_group_options(trial: Trial) -> None:
    if trial.one_vector:
        raise NotApplicable("the norm is taken over all tensors, by decision norm_scope=vector")
    names = sorted(trial.combination.grouped)
    if not names:
        raise NotApplicable("its groups hold no hyperparameters")
    for name in names:
        other = trial.using(**{name: OTHER[name]})
        options = trial.subject.options(other.hyperparameters, frozenset({name}))
        hold_group(trial, other, options)
    for option, value in {"weight_decay": DECAY, "maximize": True}.items():
        if offers(trial, option):
            hold_group(trial, trial.given(**{option: value}), {option: value})


def offers(trial: Trial, option: str) -> bool:
    """Whether the constructor takes an option and its groups hold it."""
    subject = trial.subject
    if option not in subject.parameters or option in subject.arguments:
        return False
    return option in trial.start(trial.case().theta).groups[0]


def hold_group(trial: Trial, other: Trial, options: dict[str, Any]) -> None:
    """Hold the second tensor, in a group with options of its own, against one in an optimizer built with them."""
    case = trial.case()
    second: Case = other.case().only(1)
    parameters = trial.parameters(case.theta)
    live = trial.over(parameters, [{"params": parameters[:1]}, {"params": parameters[1:], **options}])
    found = live.go(case.steps)
    what = f"a group's own {' and '.join(options)} do not count as the constructor's would"
    trial.alike([[thetas[1]] for thetas in found], other.run(second), other.twice(second), what)
    what = f"another group's {' and '.join(options)} change the first group"
    trial.alike(
        [[thetas[0]] for thetas in found], [[thetas[0]] for thetas in trial.plain], firsts(trial.twice(case)), what
    )


def firsts(path: Path) -> list[list[np.ndarray]]:
    return [[thetas[0]] for thetas in path]
