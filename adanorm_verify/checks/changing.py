"""Checks of values that change in mid-run: what a group says now counts, from its next step on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from ..cases import Case
from ..paper import Hyperparameters
from .comparing import Path
from .decay import READINGS
from .judge import Changed
from .laws import times
from .options import DECAY, OTHER, check_group_options, offers
from .pages import Failed, NotApplicable, check_page, unless_told_by
from .trial import FALLING, HALF, Live, Trial, refusable
from .values_now import SUM, UNBIASED, maximum_since, maximum_until, previous_turned, rescaled, running_products

FIRST, THEN = HALF + 1, HALF + 3
"""The steps before which the second group's value changes, and then the first one's."""
SPELLED_LR = "lr"
"""The word that schedulers look for."""


def groups_of_dicts(live: Live) -> list[dict[str, Any]]:
    """The parameter groups; `NotApplicable` where they are nothing that a caller can write into."""
    groups = getattr(live.optimizer, "param_groups", None)
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise NotApplicable("param_groups are not dicts")
    return groups


def put(group: dict[str, Any], options: Mapping[str, Any]) -> None:
    """Write options into a group as schedulers do: a tensor keeps its memory, a list its type."""
    for name, value in options.items():
        old = group.get(name)
        if isinstance(old, torch.Tensor) and not isinstance(value, tuple):
            old.fill_(value)
        else:
            group[name] = list(value) if isinstance(old, list) else value


def split(case: Case) -> Case:
    """The case with its second tensor in a group of its own."""
    return replace(case, groups=(0, 1), hyperparameters=case.hyperparameters * 2)


def in_groups(trial: Trial, case: Case) -> Live:
    """A new optimizer with a group for each group of the case, all of them the constructor's."""
    parameters = trial.parameters(case.theta)
    count = len(case.hyperparameters)
    members = [[p for p, g in zip(parameters, case.groups, strict=True) if g == n] for n in range(count)]
    return trial.over(parameters, [{"params": own} for own in members] if count > 1 else list(parameters))


def written(trial: Trial, case: Case, changes: Mapping[int, Sequence[Mapping[str, Any]]]) -> Path:
    """Run a case, with options written into the groups before some steps: one mapping a group."""
    live = in_groups(trial, case)
    groups = groups_of_dicts(live)
    found = []
    for number, gradients in enumerate(case.steps, 1):
        for group, options in zip(groups, changes.get(number, ()), strict=False):
            put(group, options)
        live.step(gradients)
        found.append(live.thetas)
    return found


def changeable(trial: Trial) -> list[str]:
    """Hyperparameters that the groups hold for themselves."""
    groups_of_dicts(trial.start(trial.case().theta))
    own = trial.outline.conventions
    return sorted(name for name in trial.combination.grouped if own.get(f"{name}_of") != "constructor")


@check_page(
    "interface",
    catches="betas, eps or gamma changed in a group in mid-run that do not count from the next step on, or that "
    "change another group (lr where no scheduler can move it: see scheduler).",
    sample="betas changed from (0.9, 0.999) to (0.5, 0.999) at step 5 in the second group has no effect",
)
def check_changed_options(trial: Trial) -> str:
    names = [name for name in changeable(trial) if name != "lr" or not scheduled(trial)]
    if not names:
        raise NotApplicable("its groups hold no hyperparameters that could change")
    for name in names:
        hold_change(trial, name)
    return ""


def scheduled(trial: Trial) -> bool:
    """Whether torch's schedulers can move its lr."""
    optimizer = trial.start(trial.case().theta).optimizer
    return isinstance(optimizer, torch.optim.Optimizer) and trial.subject.spelling.get("lr") == SPELLED_LR


def hold_change(trial: Trial, name: str) -> None:
    """Change one hyperparameter in the second group, then in the first."""
    old, new = trial.hyperparameters, replace(trial.hyperparameters, **{name: OTHER[name]})
    whole = trial.case()
    case = whole if trial.one_vector else split(whole)
    changes = {FIRST: (new,), THEN: (old,)} if trial.one_vector else {FIRST: (old, new), THEN: (new, new)}
    chosen = {step: [options(trial, own, name) for own in groups] for step, groups in changes.items()}
    found = written(trial, case, chosen)
    what = told(trial, name, old, new, "" if trial.one_vector else " in the second group")
    if not (trial.conforms and trial.using(**{name: OTHER[name]}).conforms):
        return hold_effect(trial, name, found, what)
    changed = replace(case, changes=changes)
    try:
        trial.follows_one(found, readings(trial, changed, name), f"{what} does not count as the equations say")
    except Failed as failure:
        second = found if trial.one_vector else seconds(found)
        plain = trial.plain if trial.one_vector else seconds(trial.plain)
        if not trial.difference(second, plain):
            raise Failed(f"{what} has no effect") from failure
        raise


def options(trial: Trial, own: Hyperparameters, name: str) -> dict[str, Any]:
    return trial.subject.options(own, frozenset({name}))


def told(trial: Trial, name: str, old: Hyperparameters, new: Hyperparameters, where: str) -> str:
    """The change in words."""
    ((spelled, before),) = options(trial, old, name).items()
    after = options(trial, new, name)[spelled]
    return f"{spelled} changed from {before} to {after} at step {FIRST}{where}"


def readings(trial: Trial, case: Case, name: str = "beta1") -> list[tuple[Case, Changed | None]]:
    """What the equations may mean by changed values: bias corrections of the betas now or of their products, and
    averages that are kept as they are, as plain sums, or with their bias corrected."""
    if name not in ("beta1", "beta2", "gamma"):
        return [(case, None)]
    averages = [(case, trial.changed(rescaled, kept)) for kept in (SUM, UNBIASED)]
    products = [(case, trial.changed(running_products))] if name != "gamma" else []
    return [(case, None), *products, *averages]


def hold_effect(trial: Trial, name: str, found: Path, what: str) -> None:
    """Raise `Failed` where a change has no effect at all, and the constructor's value has one."""
    other = trial.using(**{name: OTHER[name]})
    if not trial.difference(found, trial.plain) and trial.difference(other.run(trial.case()), trial.plain):
        raise Failed(f"{what} has no effect")


def seconds(path: Path) -> list[list[Any]]:
    """The second tensor's parameters alone."""
    return [[thetas[1]] for thetas in path]


# Switches and weight decay.


@check_page(
    "interface",
    catches="weight_decay, maximize or amsgrad switched in one group in mid-run that keep their old position, take "
    "another meaning, or switch another group too.",
    sample="maximize changed from False to True at step 5 in the second group has no effect",
)
def check_changed_switches(trial: Trial) -> str:
    if trial.one_vector:
        raise NotApplicable("the norm is taken over all tensors, by decision norm_scope=vector")
    groups_of_dicts(trial.start(trial.case().theta))
    with unless_told_by(trial, check_group_options):
        held = [name for name, hold in SWITCHED.items() if offers(trial, name) and hold(trial)]
    if not held:
        raise NotApplicable("its groups hold no weight_decay, maximize or amsgrad whose meaning is known")
    return f"switched {', '.join(held)}"


def hold_switch(trial: Trial, name: str, old: Any, new: Any, known: Sequence[tuple[Case, Changed | None]]) -> bool:
    """Hold a switch that is turned in the second group at step FIRST against what the equations may mean."""
    case = trial.case()
    found = written(trial, split(case), {FIRST: [{}, {name: new}]})
    what = f"{name} changed from {old} to {new} at step {FIRST} in the second group"
    if not trial.difference(seconds(found), seconds(trial.plain)):
        raise Failed(f"{what} has no effect")
    trial.follows_one(seconds(found), known, f"{what} does not count as the constructor's would")
    first = [[thetas[0]] for thetas in found]
    trial.follows(first, case.only(0), f"{what} changes the first group")
    return True


def switched_off(trial: Trial) -> Trial:
    """Without the weight decay that it may have by default."""
    return trial.given(weight_decay=0.0) if offers(trial, "weight_decay") else trial


def hold_decay(trial: Trial) -> bool:
    """Whether weight decay switched on could be judged; `Failed` where it is wrong."""
    without = switched_off(trial)
    if trial.half or not without.conforms:
        return False
    case = trial.case()
    found = trial.given(weight_decay=DECAY).run(case)
    fitting = [r for r in READINGS if trial.fits(found, case, trial.changed(r.change, DECAY))]
    own = case.only(1)
    known = [(own, trial.changed(reading.change, DECAY, FIRST)) for reading in fitting]
    return bool(known) and hold_switch(without, "weight_decay", 0.0, DECAY, known)


def hold_maximize(trial: Trial) -> bool:
    """Whether maximize switched on could be judged; `Failed` where it is wrong."""
    trial = switched_off(trial)
    if not trial.conforms or not trial.fits(trial.given(maximize=True).run(times(trial.case(), -1.0)), trial.case()):
        return False
    case = trial.case().only(1)
    turned = replace(case, steps=(*case.steps[:HALF], *times(case, -1.0).steps[HALF:]))
    known = [(turned, None), (turned, trial.changed(previous_turned, FIRST))]
    return hold_switch(trial, "maximize", False, True, known)


def hold_amsgrad(trial: Trial) -> bool:
    """Whether amsgrad switched off, and on, could be judged; `Failed` where it is wrong."""
    trial = switched_off(trial)
    if "v" not in trial.outline or "v_max" in trial.outline or not trial.conforms:
        return False
    short = trial.using(beta2=0.5)  # so short a memory that v falls, and the maximum matters
    case = short.case(FALLING)
    ever = len(FALLING) + 1
    on = short.given(amsgrad=True)
    if not short.fits(on.run(case), case, short.changed(maximum_until, ever)):
        return False
    off = written(on, case, {FIRST: [{"amsgrad": False}]})
    what = f"amsgrad changed from True to False at step {FIRST}"
    what += " has no effect" if not on.difference(off, on.run(case)) else " does not divide by v again"
    short.follows(off, case, what, short.changed(maximum_until, FIRST))
    hold_amsgrad_on(short, case)
    return True


def hold_amsgrad_on(trial: Trial, case: Case) -> None:
    """Switched on after its state was made, it may be refused."""
    try:
        with refusable("amsgrad in mid-run"):
            found = written(trial.given(amsgrad=False), case, {FIRST: [{"amsgrad": True}]})
    except NotApplicable:
        return
    what = f"amsgrad changed from False to True at step {FIRST}"
    what += " has no effect" if not trial.difference(found, trial.run(case)) else " keeps no maximum"
    known = [(case, trial.changed(maximum_since, FIRST, kept)) for kept in (FIRST, 1)]
    trial.follows_one(found, known, what)


SWITCHED = {"weight_decay": hold_decay, "maximize": hold_maximize, "amsgrad": hold_amsgrad}
