"""Checks of the call: closures, repeats, how parameters are passed, and paths that must agree."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from .comparing import added
from .options import OTHER
from .pages import Failed, NotApplicable, Warned, check_page
from .trial import Live, Trial


@check_page(
    "interface",
    catches="a run that does not repeat bit by bit.",
    sample="the same run again gives other parameters: tensor 0, element 0 after step 1: ...",
)
def check_repeats(trial: Trial) -> None:
    if trial.unsteady:
        raise Failed(
            f"the same run again, with torch's generator seeded alike, gives other parameters\n{trial.unsteady}"
        )


@check_page(
    "interface",
    catches="a closure not called exactly once, with gradients enabled and before the update, or whose loss is lost.",
    sample="step(closure) calls the closure 2 times, and should once",
)
def check_closure(trial: Trial) -> None:
    case = trial.case()
    live = trial.start(case.theta)
    refuse_without_closure(live)
    found = []
    for number, gradients in enumerate(case.steps, 1):
        called: list[bool] = []
        loss = torch.tensor(float(number))

        def closure(gradients: Any = gradients, called: list[bool] = called, loss: torch.Tensor = loss) -> torch.Tensor:
            called.append(torch.is_grad_enabled())
            for parameter, gradient in zip(live.parameters, gradients, strict=True):
                parameter.grad = torch.tensor(gradient, dtype=trial.dtype, device=trial.device)
            return loss

        with torch.enable_grad():
            returned = live.advance(closure)
            hold_call(called, returned, loss, torch.is_grad_enabled())
        found.append(live.thetas)
    trial.same(found, trial.plain, "step(closure) does not use the gradients that the closure made")


def refuse_without_closure(live: Live) -> None:
    """Raise `NotApplicable` where step() takes no argument."""
    try:
        inspect.signature(live.optimizer.step).bind(lambda: None)
    except TypeError as error:
        raise NotApplicable("its step() takes no closure") from error
    except ValueError:  # a step without a signature is called
        return


def hold_call(called: list[bool], returned: Any, loss: torch.Tensor, enabled: bool) -> None:
    """Raise `Failed` unless a closure was called once with gradients enabled, and its loss came back."""
    if not called and returned is None:
        raise Warned("step(closure) ignores the closure: a loss evaluated there never is")
    if len(called) != 1:
        raise Failed(f"step(closure) calls the closure {len(called)} times, and should once")
    if not called[0]:
        raise Failed("step(closure) calls the closure with gradients disabled, so that it cannot call backward")
    if returned is None or float(returned) != float(loss):
        raise Failed(f"step(closure) returns {returned!r}, and should return the closure's loss {float(loss)}")
    if not enabled:
        raise Failed("step(closure) leaves gradients disabled")


@check_page(
    "interface",
    catches="parameters that are lost when they come as a generator, as model.parameters() does.",
    sample="parameters passed as a generator move otherwise: tensor 0, element 0 after step 1: ...",
)
def check_generator(trial: Trial) -> None:
    case = trial.case()
    parameters = trial.parameters(case.theta)
    try:
        live = trial.over(parameters, (parameter for parameter in parameters))
    except NotApplicable as error:
        raise Failed(f"a generator of parameters is refused where a list is taken: {error}") from error
    trial.same(live.go(case.steps), trial.plain, "parameters passed as a generator move otherwise")


@check_page(
    "interface",
    catches="a path (foreach, fused, capturable) that gives another result than the single-tensor one.",
    sample="foreach differs from single-tensor: tensor 0, element 0 after step 1: ...",
    why="it finds a path that differs also where neither is the algorithm.",
)
def check_paths_agree(trial: Trial) -> None:
    paths = list(trial.subject.paths)
    if trial.combination.path == paths[0]:
        raise NotApplicable(f"{paths[0]} is what other paths are held against")
    settable = {name: value for name, value in OTHER.items() if name in trial.subject.settable}
    for chosen in (trial, trial.using(**settable)):
        single, case = chosen.on(paths[0]), chosen.case()
        what = f"{trial.combination.path} differs from {paths[0]}"
        trial.alike(chosen.run(case), single.run(case), added(chosen.allowed(case), single.allowed(case)), what)
