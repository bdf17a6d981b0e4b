"""Laws of the algorithms that need no reference: the subject is held against itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..cases import Case
from ..subject import snapshot
from .base import uncorrected
from .comparing import added, told
from .pages import Failed, NotApplicable, check_page
from .trial import MAGNITUDES, SHAPES, Trial

POWER = 16.0
"""A power of two: scaling by it rounds nothing."""
ALONE = "it needs no reference, and so says what is wrong also with an optimizer that no list of equations explains."


@check_page(
    "laws",
    catches="an optimizer that with gamma = 0 is not its base algorithm: the correction must then do nothing.",
    sample="with gamma = 0 it is not the base algorithm: tensor 0, element 1 after step 2: ...",
    why=ALONE,
)
def check_zero_gamma(trial: Trial) -> None:
    if "s" not in trial.outline:
        raise NotApplicable(f"{trial.outline.name} corrects nothing")
    base = trial.using(gamma=0.0)
    case = base.case()
    values, bounds = base.expected(case, trial.changed(uncorrected))
    trial.alike(base.run(case), values, bounds, "with gamma = 0 it is not the base algorithm")


@check_page(
    "laws",
    catches="a corrected gradient s of another length than max(||g||, e), as its first moment shows at beta1 = 0.",
    sample="||s|| is not max(||g||, e): tensor 0 at step 2: expected 0.93, found 0.12",
    why="the length alone says that the correction and not the moment is at fault.",
)
def check_corrected_norm(trial: Trial) -> None:
    if not {"s", "e", "g_norm"} <= set(trial.outline.names):
        raise NotApplicable(f"{trial.outline.name} corrects nothing")
    key = next((key for key, quantity in trial.combination.mapping.items() if quantity == "m"), None)
    if key is None:
        raise NotApplicable("it keeps no first moment that could be read")
    memoryless = trial.using(beta1=0.0)
    case = memoryless.case()
    live = memoryless.start(case.theta)
    for step, (gradients, known) in enumerate(zip(case.steps, memoryless.quantities(case), strict=True), 1):
        live.step(gradients)
        for tensor, quantities in enumerate(known):
            moment = snapshot(live.optimizer, live.parameters[tensor], frozenset({key})).get(key)
            if quantities is None or moment is None or moment.shape != case.theta[tensor].shape:
                raise NotApplicable(f"its {key} is no first moment of the parameter's shape")
            if step == 1 and (abs(moment - quantities["m"].value) > quantities["m"].bound).any():
                raise NotApplicable(f"its {key} is not (1 - beta1) g after the first step: m is kept in another form")
            hold_norm(moment, quantities, f"tensor {tensor} at step {step}")


def hold_norm(moment: np.ndarray, quantities: Any, where: str) -> None:
    """Raise `Failed` unless a moment without memory has the length of the corrected gradient."""
    norm, e = quantities["g_norm"], quantities["e"]
    lifted = np.maximum(norm, e)
    if "cap" in quantities:
        lifted = np.minimum(lifted, quantities["cap"] * norm)
    expected = float(lifted.value.max())
    allowed = float(lifted.bound.max() + np.linalg.norm(quantities["m"].bound))
    found = float(np.linalg.norm(moment))
    if not abs(found - expected) <= allowed:
        law = "||s|| is not max(||g||, e)" + (" as far as the guard lets it" if "cap" in quantities else "")
        raise Failed(f"{law}\n{where}: {told(expected, found)}, where rounding explains {allowed:.1e}")


@check_page(
    "laws",
    catches="with eps = 0, a result that depends on the unit of the gradients: all of them times a power of two.",
    sample="all gradients times 16 move the parameters otherwise, at eps = 0: tensor 0, element 0 after step 1: ...",
    why=ALONE,
)
def check_gradient_scale(trial: Trial) -> None:
    bare = trial.using(eps=0.0)
    case = bare.case()
    scaled = times(case, POWER)
    once, twice = bare.expected(case), bare.expected(scaled)
    if trial.distance(once[0], twice[0], added(once[1], twice[1])) > 1:
        raise NotApplicable(f"{trial.outline.name} depends on the unit of its gradients, as its equations do")
    what = f"all gradients times {POWER:.0f} move the parameters otherwise, at eps = 0"
    trial.alike(bare.run(scaled), bare.run(case), added(once[1], twice[1]), what)


def times(case: Case, factor: float) -> Case:
    """All gradients multiplied."""
    return replace(case, steps=tuple(tuple(None if g is None else factor * g for g in step) for step in case.steps))


@check_page(
    "laws",
    catches="a result that depends on where in its tensor a coordinate stands.",
    sample="coordinates in another order do not give the result in that order: tensor 1, element 2 after step 2: ...",
    why=ALONE,
)
def check_coordinate_order(trial: Trial) -> None:
    case = trial.case()
    moved = each(case, rolled)
    expected = [[rolled(theta) for theta in thetas] for thetas in trial.plain]
    allowed = added([[rolled(b) for b in bounds] for bounds in trial.allowed(case)], trial.allowed(moved))
    what = "coordinates in another order do not give the result in that order"
    trial.alike(trial.run(moved), expected, allowed, what)


def rolled(array: np.ndarray) -> np.ndarray:
    """Every coordinate one place on, over the ends of rows."""
    return np.roll(array.ravel(), 1).reshape(array.shape)


def each(case: Case, function: Any) -> Case:
    """A case with its tensors and gradients replaced one by one."""
    steps = tuple(tuple(None if g is None else function(g) for g in gradients) for gradients in case.steps)
    return replace(case, theta=tuple(function(theta) for theta in case.theta), steps=steps)


@check_page(
    "laws",
    catches="a result that depends on the order in which parameters are passed.",
    sample="parameters in another order do not give the result in that order: tensor 0, element 0 after step 1: ...",
    why=ALONE,
)
def check_parameter_order(trial: Trial) -> None:
    case = trial.case()
    backwards = replace(case, theta=case.theta[::-1], steps=tuple(gradients[::-1] for gradients in case.steps))
    found = [thetas[::-1] for thetas in trial.run(backwards)]
    what = "parameters in another order do not give the result in that order"
    trial.alike(found, trial.plain, trial.twice(case), what)


@check_page(
    "laws",
    catches="a result that does not change its sign with parameters and gradients.",
    sample="the negative of everything does not give the negative: tensor 0, element 2 after step 1: ...",
    why=ALONE,
)
def check_sign_flip(trial: Trial) -> None:
    case = trial.case()
    found = [[-theta for theta in thetas] for thetas in trial.run(each(case, np.negative))]
    trial.alike(found, trial.plain, trial.twice(case), "the negative of everything does not give the negative")


@check_page(
    "laws",
    catches="tensors that influence each other: other values in one of them, or its absence, change another.",
    sample="other gradients of tensor 0 change tensor 1: tensor 0, element 0 after step 1: ...",
    why=ALONE,
)
def check_tensors_apart(trial: Trial) -> None:
    if trial.one_vector:
        raise NotApplicable("the norm is taken over all tensors, by decision norm_scope=vector")
    case = trial.case()
    last = len(SHAPES) - 1
    alone = [[thetas[last]] for thetas in trial.plain]
    others = tuple((*(8.0 * g for g in step[:last] if g is not None), step[last]) for step in case.steps)
    found = [[thetas[last]] for thetas in trial.run(replace(case, steps=others))]
    trial.same(found, alone, f"other gradients elsewhere change tensor {last}")
    single = case.only(last)
    trial.anchored(trial.run(single), single, lambda: alone, f"tensor {last} moves otherwise when it is alone")


@check_page(
    "laws",
    catches="parameters that move at a learning rate of zero.",
    sample="lr = 0 moves parameters: tensor 0, element 0 after step 1: expected 1, found 0.999999",
)
def check_zero_lr(trial: Trial) -> None:
    still = trial.using(lr=0.0)
    case = still.case()
    trial.same(still.run(case), [case.theta] * len(MAGNITUDES), "lr = 0 moves parameters")


@check_page(
    "laws",
    catches="steps that depend on where the parameters are, or on a copy of them that a caller's change leaves behind.",
    sample="parameters set back to their start do not go on by the same steps: tensor 0, element 0 after step 5: ...",
)
def check_parameters_set_back(trial: Trial) -> None:
    case = trial.case()
    allowed = trial.allowed(case)
    live = trial.start(case.theta)
    found, expected, bounds = [], [], []
    previous, before = list(case.theta), [np.zeros_like(theta) for theta in case.theta]
    for gradients, thetas, bound in zip(case.steps, trial.plain, allowed, strict=True):
        for parameter, theta in zip(live.parameters, case.theta, strict=True):
            parameter.data.copy_(parameter.new_tensor(theta))
        live.step(gradients)
        found.append([now - theta for now, theta in zip(live.thetas, case.theta, strict=True)])
        expected.append([now - then for now, then in zip(thetas, previous, strict=True)])
        # Four parameters are read, each inside its own bound.
        bounds.append([2 * (b + a) for b, a in zip(bound, before, strict=True)])
        previous, before = list(thetas), list(bound)
    trial.alike(found, expected, bounds, "parameters set back to their start do not go on by the same steps")
