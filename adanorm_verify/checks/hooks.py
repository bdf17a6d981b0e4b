"""Checks of hooks and names: what a caller registers is called, and what parameters are called is kept."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch

from ..subject import SubjectRaised
from .calling import refuse_without_closure
from .comparing import Path
from .pages import Failed, NotApplicable, Warned, check_page
from .trial import Live, Trial, like


@check_page(
    "interface",
    catches="step hooks that torch.optim.Optimizer takes and the step never calls, calls twice, or calls too early or "
    "too late; and arguments that a pre-hook returns and the step does not get.",
    sample="a hook of register_step_pre_hook is called 0 times in 8 steps",
)
def check_step_hooks(trial: Trial) -> str:
    case = trial.case()
    live = hooked(trial, "register_step_pre_hook", "register_step_post_hook")
    before: list[list[np.ndarray]] = []
    after: list[list[np.ndarray]] = []
    live.optimizer.register_step_pre_hook(lambda *_: before.append(live.thetas))
    live.optimizer.register_step_post_hook(lambda *_: after.append(live.thetas))
    start, found = live.thetas, live.go(case.steps)
    for seen, name in ((before, "register_step_pre_hook"), (after, "register_step_post_hook")):
        if not len(found) <= len(seen) <= len(found) * (1 + hooked_steps(live)):
            raise Failed(f"a hook of {name} is called {len(seen)} times in {len(found)} steps")
    again = "its hooks are called for its base class's step too" if len(before) > len(found) else ""
    times = len(before) // len(found)
    hold_order(trial, before[::times], [start, *found[:-1]], "a pre-hook is called after parameters have moved")
    hold_order(trial, after[times - 1 :: times], found, "a post-hook is called before all parameters have moved")
    trial.same(found, trial.plain, "with hooks registered it moves otherwise")
    hold_arguments(trial)
    return again


def hooked(trial: Trial, *names: str) -> Live:
    """An optimizer that takes hooks of torch's kind."""
    live = trial.start(trial.case().theta)
    if not isinstance(live.optimizer, torch.optim.Optimizer):
        raise NotApplicable("it is no torch.optim.Optimizer, and promises no hooks")
    for name in names:
        if not callable(getattr(live.optimizer, name, None)):
            raise NotApplicable(f"it has no {name}")
    return live


def hooked_steps(live: Live) -> int:
    """How many steps of base classes torch has wrapped too, as it does once one of theirs was made: a step that
    calls such a one calls the hooks again."""
    steps = [vars(base).get("step") for base in type(live.optimizer).__mro__[1:]]
    return len({inspect.unwrap(step) for step in steps if callable(step) and getattr(step, "hooked", False)})


def hold_order(trial: Trial, seen: Path, expected: Path, what: str) -> None:
    if difference := trial.difference(seen, expected):
        raise Failed(f"{what}\n{difference}")


def hold_arguments(trial: Trial) -> None:
    """Raise `Failed` where a closure that a pre-hook returns is not the one that the step calls."""
    gradients = trial.case().steps[0]
    live = trial.start(trial.case().theta)
    try:
        refuse_without_closure(live)
    except NotApplicable:
        return
    called = []

    def closure() -> torch.Tensor:
        called.append(True)
        for parameter, gradient in zip(live.parameters, gradients, strict=True):
            parameter.grad = like(np.asarray(gradient), parameter)
        return torch.tensor(1.0)

    live.step(gradients, lambda: torch.tensor(1.0))
    own = live.optimizer.register_step_pre_hook(lambda one, _, __: ((one, closure), {}))
    live.optimizer.step()
    own.remove()
    if not called and calls_closures(live):
        raise Failed("the arguments that a hook of register_step_pre_hook returns are not what the step gets")


def calls_closures(live: Live) -> bool:
    called: list[bool] = []

    def closure() -> torch.Tensor:
        called.append(True)
        return torch.tensor(1.0)

    live.advance(closure)
    return bool(called)


STATE_HOOKS = ("state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post")


@check_page(
    "interface",
    catches="hooks of state_dict and load_state_dict that torch.optim.Optimizer takes and that are never called.",
    sample="a hook of register_state_dict_pre_hook is called 0 times by state_dict and load_state_dict",
)
def check_state_hooks(trial: Trial) -> None:
    live = hooked(trial, *(f"register_{name}_hook" for name in STATE_HOOKS))
    live.step(trial.case().steps[0])
    called: list[str] = []
    for name in STATE_HOOKS:
        getattr(live.optimizer, f"register_{name}_hook")(lambda *_, name=name: called.append(name))
    saved = live.optimizer.state_dict()
    saving = list(called)
    live.optimizer.load_state_dict(saved)
    # A load may save for itself, so that hooks of saving are counted before.
    counted = [*saving, *(name for name in called[len(saving) :] if name.startswith("load"))]
    for name in STATE_HOOKS:
        if counted.count(name) == 0:
            raise Failed(f"a hook of register_{name}_hook is never called by state_dict or load_state_dict")


@check_page(
    "interface",
    catches="parameters given as pairs of name and parameter (torch 2.6 and newer) that move otherwise, or whose names "
    "the groups hold and state_dict loses. Names that are dropped at once are a warning.",
    sample="parameters given with names move otherwise: tensor 0, element 0 after step 1: ...",
)
def check_named_parameters(trial: Trial) -> None:
    case = trial.case()
    parameters = trial.parameters(case.theta)
    names = [f"layer.{tensor}" for tensor in range(len(parameters))]
    live = trial.over(parameters, iter(list(zip(names, parameters, strict=True))))
    try:
        found = live.go(case.steps)
    except SubjectRaised as error:
        if error.step > 1:
            raise
        raise NotApplicable(f"refuses named parameters: {error}") from error
    trial.same(found, trial.plain, "parameters given with names move otherwise")
    kept = names_in(getattr(live.optimizer, "param_groups", None))
    if kept != names:
        raise Warned(f"takes named parameters, and its groups hold the names {kept}")
    saved = live.optimizer.state_dict() if hasattr(live.optimizer, "state_dict") else {}
    if (written := names_in(saved.get("param_groups"))) != names:
        raise Failed(f"its groups hold the names {kept}, and its state_dict {written}")


def names_in(groups: Any) -> list[str]:
    """The names of parameters in groups, as torch keeps them."""
    dicts = [group for group in groups if isinstance(group, dict)] if isinstance(groups, list) else []
    return [name for group in dicts for name in group.get("param_names", ())]
