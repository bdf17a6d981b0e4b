"""A check of differentiable=True: what a step computes can be differentiated through, and the derivative is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..cases import Case
from ..subject import SubjectRaised
from .pages import Failed, NotApplicable, check_page
from .trial import Live, Trial

TINY = 2.0**-20
"""Gradients so far below eps = 1 that parameters are all but linear in a common factor of all gradients."""
MAGNITUDES = (1.0, 0.03125, 0.5, 1.0, 0.125, 0.25)
"""Long enough for RAdam to rectify."""


@check_page(
    "interface",
    catches="a differentiable=True whose parameters are not those of the equations, have no graph, or have a derivative "
    "by a common factor of all gradients that is not that of the equations.",
    sample="differentiable=True: the derivative of the parameters by the size of the gradients is wrong: tensor 0, ...",
)
def check_differentiable(trial: Trial) -> None:
    if trial.half:
        raise NotApplicable(f"derivatives in {trial.combination.dtype} are all rounding")
    chosen = trial.given(differentiable=True).using(eps=1.0)
    if not trial.conforms:
        raise NotApplicable("the equations say nothing of an optimizer that is not the algorithm")
    case = chosen.case([TINY * magnitude for magnitude in MAGNITUDES], ((3,),), 0.0)
    factor = torch.ones((), dtype=trial.dtype, device=trial.device, requires_grad=True)
    live, found = differentiably(chosen, case, factor)
    chosen.follows(found, case, "differentiable=True moves otherwise")
    derivatives = [derivative(parameter, factor) for parameter in live.parameters]
    hold_derivatives(chosen, derivatives, case)


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


def derivative(parameter: Tensor, factor: Tensor) -> np.ndarray:
    """Of the sum of a parameter's elements by `factor`."""
    (found,) = torch.autograd.grad(parameter.sum(), factor, retain_graph=True, allow_unused=True)
    if found is None:
        raise Failed("differentiable=True: the parameters after a step do not depend on the gradients in autograd's graph")
    return np.asarray(float(found))


def hold_derivatives(trial: Trial, found: Sequence[np.ndarray], case: Case) -> None:
    """Hold derivatives at 1 against the list's difference between twice the gradients and once.

    At gradients so small the parameters F(c) are linear in the factor c but for F''/2, of which the second difference
    F(2) - 2 F(1) + F(0) is all there is to the next order; F(0) is the start, which is zero. What rounding does to a
    derivative is taken for what it does to F(2) and F(1) together, three times what it does to F(1). Of torch's and
    this package's classes the largest error was 0.13 of all that in float32, and 0.5 in float64: there it is F''/2.
    """
    twice = replace(case, steps=tuple(tuple(None if g is None else 2 * g for g in step) for step in case.steps))
    (one, one_allowed), (two, two_allowed) = (trial.expected(c) for c in (case, twice))
    expected, allowed = [], []
    for f1, b1, f2, b2 in zip(one[-1], one_allowed[-1], two[-1], two_allowed[-1], strict=True):
        expected.append(np.asarray((f2 - f1).sum()))
        allowed.append(np.asarray((b1 + b2 + np.abs(f2 - 2 * f1)).sum()))
    what = "differentiable=True: the derivative of the parameters by the size of the gradients is wrong"
    trial.alike([found], [expected], [allowed], what)
