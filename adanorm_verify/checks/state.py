"""Checks of state: everything that matters is saved, copied, extended, converted, and belongs to one optimizer."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..cases import Gradients
from ..formats import representable
from ..subject import DTYPES
from ..texts import said
from . import fresh
from .comparing import Path
from .pages import Failed, NotApplicable, Warned, check_page
from .returning import cause_of_loss
from .trial import HALF, Live, Trial, deliberate, refusable


def interrupted(trial: Trial) -> tuple[Live, Sequence[Gradients], Path]:
    """An optimizer half-way along the ordinary case, the gradients that follow, and where they must lead."""
    case, straight = trial.case(), trial.plain
    live = trial.start(case.theta)
    live.go(case.steps[:HALF])
    if not hasattr(live.optimizer, "state_dict"):
        raise NotApplicable("it has no state_dict")
    return live, case.steps[HALF:], straight[HALF:]


def copied(parameters: Sequence[Tensor], dtype: torch.dtype | None = None) -> list[Tensor]:
    return [parameter.detach().to(dtype or parameter.dtype, copy=True) for parameter in parameters]


def same_draws(action: Callable[[], Any], generator: Tensor) -> Any:
    """Call with torch's generator as it was, for subjects that draw."""
    torch.set_rng_state(generator)
    return action()


@check_page(
    "state",
    catches="what matters and is not in state_dict: saved, loaded into a new instance, the run goes on otherwise.",
    sample="loaded into a fresh instance it goes on otherwise: tensor 0, element 0 after step 1: ...",
    why="it runs in the quick profile too, which starts no process.",
)
def check_state_in_a_fresh_instance(trial: Trial) -> None:
    live, rest, expected = interrupted(trial)
    generator = torch.get_rng_state()
    data = fresh.saved(live.optimizer.state_dict())
    other = trial.start(copied(live.parameters))
    other.optimizer.load_state_dict(fresh.loaded(data))
    with cause_of_loss(live, other):
        found = same_draws(lambda: other.go(rest), generator)
        trial.same(found, expected, "loaded into a fresh instance it goes on otherwise")


@check_page(
    "state",
    catches="state that outlives its optimizer in classes or modules, which a new process does not have.",
    sample="in a fresh process it goes on otherwise: tensor 0, element 0 after step 1: ...",
    why="a fresh instance in the same process still sees what classes and modules keep.",
    profiles=("default", "thorough"),
)
def check_state_in_a_fresh_process(trial: Trial) -> None:
    if trial.elsewhere is None:
        raise NotApplicable("it is checked in this process (--in-process)")
    live, rest, expected = interrupted(trial)
    steps = [[trial.parameters([g])[0].detach() for g in gradients if g is not None] for gradients in rest]
    state = fresh.saved(live.optimizer.state_dict())
    data = fresh.continuation(trial.chosen, state, copied(live.parameters), steps)
    other = trial.start(copied(live.parameters))
    other.optimizer.load_state_dict(fresh.loaded(state))
    with cause_of_loss(live, other):
        found = fresh.gone_on(trial.elsewhere(data))
        trial.same(found, expected, "in a fresh process it goes on otherwise")


def both_go_on(trial: Trial, live: Live, other: Any, rest: Sequence[Gradients], expected: Path, what: str) -> None:
    """Hold a copy and then its original against the run that was not interrupted."""
    generator = torch.get_rng_state()
    twin = Live(other, [], live.steps)
    twin.parameters = [parameter for group in twin.groups for parameter in group["params"]]
    with cause_of_loss(live, twin):
        trial.same(same_draws(lambda: twin.go(rest), generator), expected, f"{what} goes on otherwise")
    what = f"the original goes on otherwise beside {what}"
    trial.same(same_draws(lambda: live.go(rest), generator), expected, what)


@check_page(
    "state",
    catches="what copy.deepcopy of an optimizer loses, or shares with the original.",
    sample="a deep copy goes on otherwise: tensor 0, element 0 after step 1: ...",
)
def check_deepcopy(trial: Trial) -> None:
    live, rest, expected = interrupted(trial)
    both_go_on(trial, live, copy.deepcopy(live.optimizer), rest, expected, "a deep copy")


@check_page(
    "state",
    catches="what pickling an optimizer loses.",
    sample="a pickled copy goes on otherwise: tensor 0, element 0 after step 1: ...",
    why="an optimizer may define its own __deepcopy__ or __getstate__.",
)
def check_pickling(trial: Trial) -> None:
    live, rest, expected = interrupted(trial)
    fresh.refuse_unnamed(type(live.optimizer))
    try:
        data = pickle.dumps(live.optimizer)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        if "pickle" not in str(error):
            raise
        raise Warned(f"it cannot be pickled: {said(error)}") from error
    both_go_on(trial, live, pickle.loads(data), rest, expected, "a pickled copy")


@check_page(
    "state",
    catches="parameters added in mid-run that do not start as in an optimizer of their own, or disturb others.",
    sample="a group added after step 4 disturbs the others: tensor 0, element 0 after step 5: ...",
)
def check_added_group(trial: Trial) -> None:
    if trial.one_vector:
        raise NotApplicable("the norm is taken over all tensors, by decision norm_scope=vector")
    first, late = trial.case().only(0), trial.case().only(1)
    live = trial.start(first.theta)
    if not hasattr(live.optimizer, "add_param_group"):
        raise NotApplicable("it has no add_param_group")
    found = live.go(first.steps[:HALF])
    added_parameters = trial.parameters(late.theta)
    add_group(trial, live, added_parameters)
    live.parameters += added_parameters
    together = live.go([(*old, *new) for old, new in zip(first.steps[HALF:], late.steps, strict=False)])
    found = [*found, *([old] for old, _ in together)]
    what = f"a group added after step {HALF} disturbs the others"
    trial.anchored(found, first, lambda: trial.run(first), what)
    late = late.first(len(together))
    still = all(np.array_equal(new, late.theta[0]) for _, new in together)
    if still and any(not np.array_equal(thetas[0], late.theta[0]) for thetas in trial.run(late)):
        raise Failed(f"a group added after step {HALF} never moves")
    what = f"a group added after step {HALF} does not move as in an optimizer of its own"
    trial.anchored([[new] for _, new in together], late, lambda: trial.run(late), what)


def add_group(trial: Trial, live: Live, parameters: list[Tensor]) -> None:
    """Add a group; `NotApplicable` where that is refused and nothing has changed."""
    before, groups = live.thetas, len(live.groups)
    try:
        live.optimizer.add_param_group({"params": parameters})
    except Exception as error:  # a refusal may be of any kind
        unchanged = len(live.groups) == groups and not trial.difference([live.thetas], [before])
        if deliberate(error) and unchanged:
            raise NotApplicable(f"refuses a group added in mid-run: {type(error).__name__}: {error}") from error
        raise


CONVERTED = ("float64", "bfloat16")


@check_page(
    "state",
    catches="a saved state that does not go on with parameters of another dtype, where load_state_dict must convert.",
    sample="loaded into bfloat16 parameters it leaves what the coarser format explains: tensor 0, element 0 after ...",
)
def check_state_in_another_dtype(trial: Trial) -> str:
    if trial.half:
        raise NotApplicable("a state of half precision is not continued in another format")
    if not hasattr(trial.start(trial.case().theta).optimizer, "load_state_dict"):
        raise NotApplicable("it has no load_state_dict")
    done = [dtype for dtype in CONVERTED if dtype != trial.combination.dtype and continues_in(trial, dtype)]
    if not done:
        raise NotApplicable(f"it cannot be run in {' or '.join(CONVERTED)}")
    return f"continued in {', '.join(done)}"


def continues_in(trial: Trial, dtype: str) -> bool:
    """Whether a run goes on in `dtype` as the coarser of both formats allows; False where that cannot be run at all."""
    other = trial.within(dtype)
    coarse = other if DTYPES[dtype].itemsize < trial.dtype.itemsize else trial
    case = representable(trial.case(), coarse.combination.dtype)
    try:
        with refusable(dtype):
            straight = other.run(case)
    except NotApplicable:
        return False
    live = trial.start(case.theta)
    live.go(case.steps[:HALF])
    again = other.start(copied(live.parameters, other.dtype))
    again.optimizer.load_state_dict(fresh.loaded(fresh.saved(live.optimizer.state_dict())))
    with cause_of_loss(live, again):
        found = again.go(case.steps[HALF:])
        what = f"loaded into {dtype} parameters it leaves what the coarser format explains"
        trial.alike(found, straight[HALF:], coarse.twice(case)[HALF:], what)
    for index, parameter in enumerate(again.parameters):
        for key, value in again.state(index).items():
            elementwise = isinstance(value, Tensor) and value.shape == parameter.shape and value.ndim > 0
            if elementwise and value.dtype not in (parameter.dtype, torch.float32, torch.float64):
                raise Failed(f"loaded into {dtype} parameters, state {key} is {value.dtype}")
    return True


@check_page(
    "state",
    catches="two optimizers that share something: steps taken in turns must be those of each alone.",
    sample="taking turns with another optimizer changes it: tensor 0, element 0 after step 2: ...",
    why="copies come from one another; here two were built apart, and neither is ever saved.",
)
def check_two_optimizers(trial: Trial) -> None:
    case = trial.case()
    strange = replace(
        case,
        theta=tuple(2 * theta for theta in case.theta),
        steps=tuple(tuple(None if g is None else -8.0 * g for g in step) for step in reversed(case.steps)),
    )
    alone = trial.run(strange)
    one, two = trial.start(case.theta), trial.start(strange.theta)
    turns = [(one.go([ours])[0], two.go([theirs])[0]) for ours, theirs in zip(case.steps, strange.steps, strict=True)]
    what = "taking turns with another optimizer changes it"
    if trial.draws:
        raise NotApplicable("it draws random numbers, which two optimizers share")
    trial.same([ours for ours, _ in turns], trial.plain, what)
    trial.same([theirs for _, theirs in turns], alone, what)
