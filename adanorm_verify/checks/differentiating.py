"""A check of differentiable=True: what a step computes can be differentiated through, and the derivative is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..cases import Case
from ..implemented import read_by
from ..subject import SubjectRaised
from ..texts import said
from .laws import times
from .pages import Failed, NotApplicable, Warned, check_page
from .trial import Live, Trial

MAGNITUDES = (1.0, 0.03125, 0.5, 1.0, 0.125, 0.25)
"""Long enough for RAdam to rectify."""
STEP = 2.0**-10
"""Of a central difference: its error is about the square of this, and what float64 loses to it is 2^-42."""


@check_page(
    "interface",
    catches="a differentiable=True whose parameters are not those of the equations, have no graph, or a derivative "
    "by a common factor of all gradients that is not that of the equations.",
    sample="differentiable=True: the derivative of the parameters by the size of the gradients is wrong: tensor 0, ...",
)
def check_differentiable(trial: Trial) -> None:
    if trial.half:
        raise NotApplicable(f"derivatives in {trial.combination.dtype} are all rounding")
    chosen = replace(trial.given(differentiable=True), step_in_tensor=True)
    if not trial.conforms:
        raise NotApplicable("the equations say nothing of an optimizer that is not the algorithm")
    case = chosen.case(MAGNITUDES, ((3,),), 0.0)
    factor = torch.ones((), dtype=trial.dtype, device=trial.device, requires_grad=True)
    live, found = differentiably(chosen, case, factor)
    chosen.follows(found, case, "differentiable=True moves otherwise")
    derivatives = [derivative(parameter, factor) for parameter in live.parameters]
    if any(each is None for each in derivatives):
        refuse_unread(chosen, case)
        raise Failed(
            "differentiable=True: the parameters after a step do not depend on the gradients in autograd's graph"
        )
    hold_derivatives(chosen, [each for each in derivatives if each is not None], case)


def differentiably(trial: Trial, case: Case, factor: Tensor) -> tuple[Live, list[list[np.ndarray]]]:
    """Step along a case whose gradients are multiplied by `factor`, on parameters that are no leaves."""
    leaves = trial.parameters(case.theta)
    parameters = [leaf.clone() for leaf in leaves]
    live = trial.over(parameters, list(parameters))
    found = []
    for gradients in case.steps:
        scaled = [factor * torch.tensor(g, dtype=trial.dtype, device=trial.device) for g in gradients if g is not None]
        try:
            live.step(scaled)
        except SubjectRaised as error:
            if error.step > 1:
                raise
            raise NotApplicable(f"refuses differentiable=True on this path: {error}") from error
        found.append(live.thetas)
    return live, found


def refuse_unread(trial: Trial, case: Case) -> None:
    """Raise `Warned` where no step looks at the argument: an inherited one promises less than one that is read."""
    live = trial.start(case.theta)
    try:
        reads = read_by(live.optimizer, lambda: live.step(case.steps[0]))
    except (AttributeError, TypeError, SubjectRaised):  # it cannot be watched, or refuses leaves
        return
    if "differentiable" not in reads:
        raise Warned(
            "differentiable=True is accepted, and never read by step(): nothing can be differentiated through it"
        )


def derivative(parameter: Tensor, factor: Tensor) -> np.ndarray | None:
    """Of the sum of a parameter's elements by `factor`; None where autograd knows of no way from one to the other."""
    if not parameter.requires_grad:
        return None
    try:
        (found,) = torch.autograd.grad(parameter.sum(), factor, retain_graph=True, allow_unused=True)
    except RuntimeError as error:  # it says so, and nobody gets a wrong gradient
        raise Warned(f"there is no way back through several steps: {said(error)}") from error
    return None if found is None else np.asarray(float(found))


def hold_derivatives(trial: Trial, found: Sequence[np.ndarray], case: Case) -> None:
    """Hold derivatives at the factor 1 against central differences of the list, which is evaluated in float64.

    The error of a difference over twice the step is four times as large, so that both differ by three times the error
    of the finer one. What rounding does to a derivative is taken for three times what it does to the parameters: a
    derivative has a term for each operation. Of torch's and this package's classes the largest error was 0.0003 of
    that: most of it is room for a step that is kept in float32.
    """
    fine, coarse = central(trial, case, STEP), central(trial, case, 2 * STEP)
    _, allowed = trial.expected(case)
    bounds = [
        np.asarray((3 * bound).sum()) + np.abs(x - y) for bound, x, y in zip(allowed[-1], fine, coarse, strict=True)
    ]
    what = "differentiable=True: the derivative of the parameters by the size of the gradients is wrong"
    trial.alike([found], [fine], [bounds], what)


def central(trial: Trial, case: Case, step: float) -> list[np.ndarray]:
    """The central difference of the list's last parameters, summed tensor by tensor, by a factor of all gradients."""
    above, below = (trial.expected(times(case, 1 + sign * step))[0][-1] for sign in (1, -1))
    return [np.asarray(((x - y) / (2 * step)).sum()) for x, y in zip(above, below, strict=True)]
