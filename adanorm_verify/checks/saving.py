"""Checks of saved states that are empty, incomplete, or loaded where another state is."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..cases import Gradients
from ..interface import SubjectRaised
from . import fresh
from .comparing import Path
from .laws import times
from .pages import Failed, NotApplicable, Warned, check_page
from .returning import cause_of_loss
from .state import copied, interrupted, same_draws
from .trial import HALF, Live, Trial, deliberate

AFTER = 3
"""Steps after a load of what is empty or lacks something: averages and counts take part in each."""


def empty_state(trial: Trial) -> Any:
    """What is saved of an optimizer that has taken no step."""
    live = trial.start(trial.case().theta)
    if not hasattr(live.optimizer, "state_dict") or not hasattr(live.optimizer, "load_state_dict"):
        raise NotApplicable("it has no state_dict, or cannot load one")
    return fresh.loaded(fresh.saved(live.optimizer.state_dict()))


@check_page(
    "state",
    catches="a state saved before the first step after which, once it is loaded, the first step fails or is another.",
    sample="a state saved before the first step is loaded, and the next step raises KeyError: 'exp_avg'",
)
def check_state_before_the_first_step(trial: Trial) -> None:
    other = trial.start(trial.case().theta)
    hold_beginning(trial, other, "a fresh instance")


def hold_beginning(trial: Trial, live: Live, where: str, steps: int | None = None) -> None:
    """Load an empty state, whose run must be that of a new optimizer; all of it, or so many steps."""
    saved, begun = empty_state(trial), trial.start(trial.case().theta)
    generator = torch.get_rng_state()
    try:
        reload(live, saved, begun.parameters)
    except Exception as error:  # a load may raise anything
        if deliberate(error):
            raise Warned(f"a state saved before the first step is refused: {type(error).__name__}: {error}") from error
        raise
    try:
        found = same_draws(lambda: live.go(trial.case().steps[:steps]), generator)
    except SubjectRaised as error:
        what = "a state saved before the first step is loaded, and the next step raises"
        raise Failed(f"{what} {error}\nin {where}") from error
    trial.same(
        found, trial.plain[:steps], f"a state saved before the first step, loaded into {where}, does not begin again"
    )


@check_page(
    "state",
    catches="what an instance that has taken steps keeps of them when it loads another state.",
    sample="loaded into an instance that has taken steps it goes on otherwise: tensor 0, element 0 after step 1: ...",
)
def check_state_into_a_used_instance(trial: Trial) -> None:
    half = resumable(trial)
    other = used(trial)
    reload(other, half.saved, half.live.parameters)
    with cause_of_loss(half.live, other):
        found = same_draws(lambda: other.go(half.rest), half.generator)
        trial.same(found, half.expected, "loaded into an instance that has taken steps it goes on otherwise")
    if begins(trial):
        hold_beginning(trial, used(trial), "an instance that has taken steps", AFTER)


def begins(trial: Trial) -> bool:
    """Whether a fresh instance begins again with an empty state, which has a check of its own."""
    try:
        hold_beginning(trial, trial.start(trial.case().theta), "a fresh instance", AFTER)
    except Exception:  # a load or a step may raise anything
        return False
    return True


@dataclass(frozen=True)
class HalfWay:
    """An optimizer half-way along the ordinary case, and what follows.

    Args:
        live: the optimizer, which is not stepped any more.
        saved: its state.
        rest: the gradients that follow.
        expected: the parameters that they must lead to.
        generator: torch's, as it was.
    """

    live: Live
    saved: Any
    rest: Sequence[Gradients]
    expected: Path
    generator: Tensor

    def go(self, trial: Trial, saved: Any) -> Path:
        """The parameters along the rest, of a new instance that has loaded a state; whatever is raised comes out."""
        other = trial.start(copied(self.live.parameters))
        other.optimizer.load_state_dict(saved)
        return same_draws(lambda: other.go(self.rest), self.generator)


def resumable(trial: Trial, steps: int | None = None) -> HalfWay:
    """An optimizer half-way that goes on from its own saved state.

    Raises:
        NotApplicable: it does not, which is what other checks are for.
    """
    live, rest, expected = interrupted(trial)
    saved, generator = copy.deepcopy(live.optimizer.state_dict()), torch.get_rng_state()
    half = HalfWay(live, saved, rest[:steps], expected[:steps], generator)
    try:
        lost = trial.difference(half.go(trial, copy.deepcopy(saved)), half.expected)
    except Exception as error:  # a load or a step may raise anything
        raise NotApplicable(BROKEN) from error
    if lost:
        raise NotApplicable(BROKEN)
    return half


BROKEN = "it does not go on from its own saved state; see the check state-in-a-fresh-instance"


def used(trial: Trial) -> Live:
    """An optimizer that has taken other steps than the ordinary ones, and another number of them."""
    other = times(trial.case(), -8.0)
    live = trial.start(other.theta)
    live.go(other.steps[1:HALF])
    return live


def reload(live: Live, saved: Any, parameters: Sequence[Tensor]) -> None:
    """Take back parameters and a state, in place, as a training loop does it."""
    with torch.no_grad():
        for own, other in zip(live.parameters, parameters, strict=True):
            own.copy_(other)
    live.optimizer.load_state_dict(saved)


def of_torchs_form(saved: Any) -> dict[str, Any]:
    """A saved state if it is of torch's form: groups that are dicts, and a dict of states."""
    groups = saved.get("param_groups") if isinstance(saved, dict) else None
    if not isinstance(groups, list) or not groups or not all(isinstance(group, dict) for group in groups):
        raise NotApplicable("its state_dict holds no param_groups that are dicts")
    if not isinstance(saved.get("state"), dict):
        raise NotApplicable("its state_dict holds no state")
    return saved


@check_page(
    "state",
    catches="a state of an older version, whose groups lack an option that has a default, that goes on with another.",
    sample="a state without weight_decay goes on otherwise than with its default 0.01: tensor 0, element 0 after ...",
)
def check_state_without_an_option(trial: Trial) -> str:
    half = resumable(trial, 1)  # every option takes part in every step
    saved = of_torchs_form(half.saved)
    needed: dict[str, str] = {}
    for name, default in defaults(trial, saved["param_groups"]).items():
        try:
            found = half.go(trial, without(saved, name))
        except Exception as error:  # a load or a step may raise anything
            cause = error.error if isinstance(error, SubjectRaised) else error
            needed[name] = f"{type(cause).__name__}: {cause}"
            continue
        if trial.difference(found, half.expected):
            with_default = other_default(trial, half, name, default)
            what = f"a state without {name} goes on otherwise than with its default {default!r}"
            trial.same(found, with_default or half.expected, what)
    late = [name for name in needed if switch(trial.subject.parameters[name].default)]
    if late:
        raise Warned(f"a state of a version without {', '.join(late)} cannot be continued ({needed[late[0]]})")
    return f"a state must hold {', '.join(needed)}" if needed else ""


def switch(default: Any) -> bool:
    """Whether a default is that of a switch, the kind of option that versions add."""
    return default is None or isinstance(default, bool)


def defaults(trial: Trial, groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The constructor's defaults of what every group holds under the same name."""
    return {
        name: parameter.default
        for name, parameter in trial.subject.parameters.items()
        if parameter.default is not inspect.Parameter.empty and all(name in group for group in groups)
    }


def without(saved: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The state without an option of its groups."""
    lacking = copy.deepcopy(dict(saved))
    for group in lacking["param_groups"]:
        del group[name]
    return lacking


def filled(saved: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The state with another value of an option in every group."""
    changed = copy.deepcopy(dict(saved))
    for group in changed["param_groups"]:
        group[name] = copy.deepcopy(value)
    return changed


def other_default(trial: Trial, half: HalfWay, name: str, default: Any) -> Path | None:
    """The run with the default in the saved groups; None where that cannot be run."""
    try:
        return half.go(trial, filled(half.saved, name, default))
    except Exception:  # a load or a step may raise anything
        return None


@check_page(
    "state",
    catches="a state that lacks something of one tensor, and leaves it standing still, makes it not finite, or changes "
    "another tensor; where it goes on with what else is there, as a count begun anew, that is a warning.",
    sample="a state without step of tensor 0 leaves that tensor where it is",
)
def check_state_without_a_key(trial: Trial) -> str:
    if trial.one_vector:
        raise NotApplicable("the norm is taken over all tensors, by decision norm_scope=vector")
    half = resumable(trial, AFTER)
    saved = of_torchs_form(half.saved)
    first = saved["param_groups"][0]["params"][0]
    entries = [saved["state"].get(index) for group in saved["param_groups"] for index in group["params"]]
    if any(not isinstance(entry, dict) or set(entry) != set(entries[0]) for entry in entries):
        raise NotApplicable("its saved state has no entries of the same keys for all parameters")
    used_half: list[str] = []
    for key, value in saved["state"][first].items():
        lacking = copy.deepcopy(saved)
        del lacking["state"][first][key]
        try:
            found = half.go(trial, lacking)
        except Exception:  # a refusal, early or late
            continue
        if trial.difference(found, half.expected) and goes_on(trial, half, key, value, found):
            used_half.append(key)
    if used_half:
        raise Warned(f"a state without {', '.join(used_half)} of one tensor goes on with what else is there")
    return ""


def goes_on(trial: Trial, half: HalfWay, key: str, value: Any, found: Path) -> bool:
    """Whether a tensor goes on with part of its state; False where it has begun anew as a whole."""
    lacking = f"a state without {key} of tensor 0"
    others = [list(thetas[1:]) for thetas in found], [list(thetas[1:]) for thetas in half.expected]
    trial.same(*others, f"{lacking} changes another tensor")
    own = [[thetas[0]] for thetas in found]
    new = trial.start(copied(half.live.parameters))
    anew = same_draws(lambda: new.go(half.rest), half.generator)
    if not trial.difference(own, [[thetas[0]] for thetas in anew]):
        return False
    still = all(np.array_equal(thetas[0], half.live.thetas[0]) for thetas in own)
    if still and not trial.half:  # there a step of a tenth of the length is rounded away
        raise Failed(f"{lacking} leaves that tensor where it is")
    if not all(np.isfinite(thetas[0]).all() for thetas in own):
        raise Failed(f"{lacking} makes that tensor not finite")
    return True


def counts(value: Any) -> bool:
    """Whether a value in the state is the number of steps taken."""
    single = isinstance(value, Tensor) and value.numel() == 1 and value.ndim == 0
    return (single or isinstance(value, int | float)) and not isinstance(value, bool) and float(value) == HALF
