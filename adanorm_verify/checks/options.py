"""Checks of options: what the constructor accepts has its effect, in every group, alone and in pairs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cases import Case
from .comparing import Path
from .laws import times
from .pages import Failed, NotApplicable, check_page
from .trial import Live, Trial, refusable

DECAY = 0.125
RATE = 2.0**-7
"""Learning rates that are powers of two are the same number in every dtype, and as tensors."""
PATH_FLAGS = ("foreach", "fused", "capturable", "differentiable")
"""They choose how a step is computed, and have no effect on the result."""


@check_page(
    "interface",
    catches="a maximize that is not the run with negated gradients.",
    sample="maximize=True is not the run with negated gradients: tensor 0, element 0 after step 1: ...",
)
def check_maximize(trial: Trial) -> None:
    up = trial.given(maximize=True)
    case = trial.case()
    if not trial.difference(up.run(case), trial.plain):
        raise Failed("maximize=True is accepted and has no effect")
    what = "maximize=True is not the run with negated gradients"
    trial.anchored(up.run(times(case, -1.0)), case, lambda: trial.plain, what)


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


def spelling(trial: Trial, name: str) -> str:
    """The constructor's word for a hyperparameter that may be chosen."""
    trial.using(**{name: float(getattr(trial.hyperparameters, name))})
    return trial.subject.spelling[name]


def groups_of(live: Live, spelled: str) -> list[dict[str, Any]]:
    """The parameter groups, which must hold an option."""
    if spelled not in live.groups[0]:
        raise NotApplicable(f"its groups hold no {spelled}")
    return live.groups


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
    own = [[thetas[1]] for thetas in found]
    trial.alike(own, other.run(second), other.twice(second), what)  # that the equations judged as a case of their own
    what = f"another group's {' and '.join(options)} change the first group"
    trial.anchored(firsts(found), case.only(0), lambda: firsts(trial.plain), what)


def firsts(path: Path) -> list[list[np.ndarray]]:
    return [[thetas[0]] for thetas in path]
