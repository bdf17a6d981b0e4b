"""Checks of steps that torch.compile traces: they move as steps that Python runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import torch

from ..cases import Case
from ..subject import SubjectRaised
from .comparing import Path
from .pages import Failed, NotApplicable, Warned, check_page
from .trial import Live, Trial

MAGNITUDES = (1.0, 0.03125, 0.5)
"""The first step makes state, the second is traced anew where it branches on that, the third is neither."""
BACKEND = "eager"
"""What was traced is run as it was traced: no C++ compiler, and no other arithmetic than the step's own."""


@check_page(
    "interface",
    catches="a step that moves otherwise where torch.compile traces it. The first path is compiled (backend eager); "
    "others are run as if they were, and compiled where that makes a difference. What it refuses is no fault.",
    sample="compiled by torch.compile, step() moves otherwise: tensor 0, element 0 after step 1: ...",
    profiles=("default", "thorough"),
)
def check_compiled_step(trial: Trial) -> str:
    pretended = difference_where_flags_say_so(trial)
    if not pretended and trial.combination.path != next(iter(trial.subject.paths)):
        return "it moves alike where torch says that a compiler is at work; the thorough profile compiles it"
    try:
        return hold_compiled(trial)
    except NotApplicable as error:
        if pretended:
            what = "where torch.compiler.is_compiling() is true it moves otherwise"
            raise Warned(f"{what}; {error}\n{pretended}") from error
        raise


@check_page(
    "interface",
    catches="what compiled-step looks for, on the paths after the first.",
    sample="compiled by torch.compile, step() moves otherwise: tensor 0, element 0 after step 1: ...",
    why="to compile every path takes a second, and compiled-step has compiled the first.",
    profiles=("thorough",),
)
def check_compiled_paths(trial: Trial) -> str:
    if trial.combination.path == next(iter(trial.subject.paths)):
        raise NotApplicable("the first path is that of the check compiled-step")
    return hold_compiled(trial)


def ordinary(trial: Trial) -> Case:
    return trial.case(MAGNITUDES, ((3,),))


def hold_compiled(trial: Trial) -> str:
    """Raise `Failed` unless compiled steps are what the equations say, or else those that were not compiled."""
    case = ordinary(trial)
    hold(trial, compiled(trial, case), case, "compiled by torch.compile, step() moves otherwise")
    return ""


def hold(trial: Trial, found: Path, case: Case, what: str) -> None:
    """Hold a run against the equations where the subject follows them, and against its plain run where not."""
    conforms = trial.conforms
    trial = replace(trial, step_in_tensor=True)  # a compiler makes a tensor of it, as torch.optim does for one
    if conforms:
        trial.follows(found, case, what)
    else:
        trial.alike(found, trial.run(case), trial.twice(case), what)


def compiled(trial: Trial, case: Case) -> Path:
    """The parameters after each compiled step.

    Raises:
        NotApplicable: the compiler, or the step under it, raised.
    """
    live = trial.start(case.theta)
    with traceable(trial.device):
        step = torch.compile(live.optimizer.step, backend=BACKEND)
        return go_by(live, case, step, "torch.compile of its step()")


def go_by(live: Live, case: Case, step: Any, what: str) -> Path:
    """Step along a case by another callable than the optimizer's own step."""
    path = []
    for number, gradients in enumerate(case.steps, 1):
        for parameter, gradient in zip(live.parameters, gradients, strict=True):
            parameter.grad = torch.tensor(gradient, dtype=parameter.dtype, device=parameter.device)
        try:
            step()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the compiler and the subject may raise anything
            raise NotApplicable(f"{what} raised: {SubjectRaised(number, error)}") from error
        path.append(live.thetas)
    return path


@contextmanager
def traceable(device: str) -> Iterator[None]:
    """A compiler without a past, that leaves none; and silent."""
    import torch._dynamo as dynamo
    from torch._dynamo.variables import optimizer as traced

    with ExitStack() as lent:
        silenced = logging.root.manager.disable
        lent.callback(logging.disable, silenced)
        logging.disable(logging.ERROR)
        # torch's traces are meant for a file of their own, and come through that where a test runner listens.
        lent.enter_context(patch.object(logging.getLogger("torch.__trace"), "disabled", True))
        if device == "cpu" and hasattr(traced, "_is_static_for_cudagraphs"):
            # It answers True on a CPU, after an import that takes two seconds.
            lent.enter_context(patch.object(traced, "_is_static_for_cudagraphs", lambda x: True))
        lent.enter_context(dynamo.config.patch(suppress_errors=False))
        lent.callback(dynamo.reset)
        dynamo.reset()
        yield


def set_up_compiler() -> None:
    """Compile a step once, so that processes copied from this one find a compiler that is set up.

    A default check of the shelf's `FlatMoments` takes 4.6 s of CPU time then, and 5.3 s without.
    """
    with traceable("cpu"), suppress(RuntimeError):  # a Python that torch cannot compile for; the checks say so
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))])
        torch.compile(optimizer.step, backend=BACKEND)()


def difference_where_flags_say_so(trial: Trial) -> str:
    """Where a run differs whose every question after a compiler is answered with yes; empty where it does not.

    No compiler takes part, so this costs no more than a run.
    """
    case = ordinary(trial)
    live = trial.start(case.theta)
    try:
        with pretending():
            found = go_by(live, case, live.optimizer.step, "its step()")
        hold(trial, found, case, "")
    except NotApplicable:  # what is meant for a compiler need not run without one
        return ""
    except Failed as error:
        return str(error).strip()
    return ""


@contextmanager
def pretending() -> Iterator[None]:
    """Torch says that a compiler is at work."""
    with ExitStack() as lent:
        if hasattr(torch.compiler, "_is_compiling_flag"):
            lent.enter_context(patch.object(torch.compiler, "_is_compiling_flag", True))
        for name in ("is_compiling", "is_dynamo_compiling"):
            lent.enter_context(patch.object(torch.compiler, name, lambda: True))
        yield
