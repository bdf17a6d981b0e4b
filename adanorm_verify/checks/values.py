"""Checks of robustness to values: zeros, missing gradients, magnitudes, half precision, NaN and infinity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..cases import Case
from ..interface import SubjectRaised
from .comparing import Path
from .laws import times
from .pages import Failed, NotApplicable, check_page
from .trial import HALF, MAGNITUDES, Trial, refusable


def finite(trial: Trial, case: Case, what: str) -> Path:
    """Run a case; raise `Failed` where parameters are not finite and a correct implementation's are sure to be."""
    found = trial.run(case)
    for step, (thetas, masks) in enumerate(zip(found, trial.sure(case), strict=True), 1):
        for tensor, (theta, sure) in enumerate(zip(thetas, masks, strict=True)):
            bad = ~np.isfinite(theta) & sure
            if bad.any():
                at = int(np.argmax(bad.ravel()))
                raise Failed(f"{what}\ntensor {tensor}, element {at} after step {step}: found {theta.ravel()[at]}")
    return found


@check_page(
    "robustness",
    catches="NaN or infinity from gradients of zeros, from the start or after others, and steps taken by zeros alone.",
    sample="zero gradients from the start: tensor 0, element 0 after step 1: found nan",
    why="it says where what is not finite comes from, also of an optimizer that no list of equations explains.",
)
def check_zero_gradients(trial: Trial) -> None:
    for when, magnitudes in {
        "from the start": (0.0, 0.0, 1.0, 0.0),
        "right after others": (1.0, 0.0, 0.0, 0.5),
    }.items():
        case = trial.case(magnitudes)
        finite(trial, case, f"zero gradients {when} give what is not finite")
    still = trial.case((0.0, 0.0))
    if all(sure.all() for masks in trial.sure(still) for sure in masks):  # float16 rounds a small eps to zero
        what = "gradients of nothing but zeros move parameters"
        if trial.conforms:  # a decay that was left on moves them, as the list knows
            trial.follows(trial.run(still), still, what)
        else:
            unmoved(trial, [still.theta] * 2, trial.run(still), what)


@check_page(
    "robustness",
    catches="a tensor that moves without a gradient, and steps at which no tensor has one.",
    sample="a tensor without a gradient moves: tensor 0, element 0 after step 3: expected 0.998, found 0.997",
)
def check_missing_gradients(trial: Trial) -> None:
    case = trial.case()
    live = trial.start(case.theta)
    live.step([None, None])
    unmoved(trial, [list(case.theta)], [live.thetas], "a step at which no tensor has a gradient moves it")
    live.go(case.steps[:HALF])
    before = live.thetas
    live.step([None, case.steps[HALF][1]])
    unmoved(trial, [before[:1]], [live.thetas[:1]], "a tensor without a gradient moves")
    live.step([None, None])


def unmoved(trial: Trial, before: Path, after: Path, what: str) -> None:
    if difference := trial.difference(after, before):
        raise Failed(f"{what}\n{difference}")


@check_page(
    "robustness",
    catches="a tensor whose first gradient comes late, or that pauses, and does not move as without the wait.",
    sample="a first gradient at step 3 does not start as at step 1: tensor 1, element 0 after step 1: ...",
)
def check_late_gradient(trial: Trial) -> None:
    if trial.one_vector:
        raise NotApplicable("the norm is taken over all tensors, by decision norm_scope=vector")
    case = trial.case()
    alone = [[thetas[1]] for thetas in trial.plain]
    if trial.outline.conventions.get("step_count") == "group":
        raise NotApplicable("t counts the calls of step(): that is the deviation `step-of-group`")
    for late in (2, HALF):
        live = trial.start(case.theta)
        live.go([(first, None) for first, _ in case.steps[:late]])
        found = [[thetas[1]] for thetas in live.go([(None, second) for _, second in case.steps[:HALF]])]
        allowed = [[bounds[1]] for bounds in trial.twice(case)]
        what = f"a first gradient at step {late + 1} does not start as at step 1"
        trial.alike(found, alone[:HALF], allowed[:HALF], what)
    live = trial.start(case.theta)
    paused = live.go(case.steps[:HALF])
    live.go([(None, None), (None, None)])
    paused += live.go(case.steps[HALF:])
    trial.alike(paused, trial.plain, trial.twice(case), "after two steps without gradients it does not go on as before")


EXTREMES = (2.0**-40, 2.0**-20, 2.0**20, 2.0**40, 2.0**-100, 2.0**100)
"""Of gradients: their squares stay inside float32 for the first four and leave it for the others."""


@check_page(
    "robustness",
    catches="NaN or infinity from tiny or huge gradients wherever the arithmetic of the dtype does not force them.",
    sample="gradients of size 1e+12 give what is not finite: tensor 0, element 0 after step 1: found inf",
    why="it says where what is not finite comes from, also of an optimizer that no list of equations explains.",
)
def check_magnitudes(trial: Trial) -> None:
    for magnitude in EXTREMES:
        case = times(trial.case(MAGNITUDES[:3]), magnitude)
        what = f"gradients of size {magnitude:.0e} give what is not finite"
        finite(trial, case, what)


@check_page(
    "robustness",
    catches="parameters in bfloat16 or float16 that stop being finite, or a first step taken and a later one refused.",
    sample="float16 parameters do not stay finite: tensor 0, element 0 after step 1: found nan",
)
def check_half_precision(trial: Trial) -> str:
    ran = [dtype for dtype in ("bfloat16", "float16") if stays_finite(trial.within(dtype))]
    if not ran:
        raise NotApplicable("it refuses bfloat16 and float16")
    return f"ran in {', '.join(ran)}"


def stays_finite(trial: Trial) -> bool:
    """Whether a half format is accepted; what is not finite there raises `Failed`."""
    dtype = trial.combination.dtype
    for magnitudes in (MAGNITUDES, (1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0)):
        case = trial.case(magnitudes, start=0.0)  # steps are small beside the spacing of these formats at 1
        try:
            with refusable(dtype):
                trial.run(case)
        except NotApplicable as refusal:
            cause = refusal.__cause__
            if isinstance(cause, SubjectRaised) and cause.step > 1:
                raise Failed(f"{dtype} is refused only at step {cause.step}: {cause}") from refusal
            return False
        found = finite(trial, case, f"{dtype} parameters do not stay finite")
        still = all(np.array_equal(now, then) for now, then in zip(found[-1], case.theta, strict=True))
        if magnitudes is MAGNITUDES and still:
            raise Failed(f"{dtype} parameters never move\ntensor 0 after step {len(found)}: expected other values")
    return True


@check_page(
    "robustness",
    catches="NaN or infinity in the gradient of one tensor that changes another.",
    sample="nan in tensor 0 changes tensor 1: tensor 0, element 0 after step 5: expected 0.99, found nan",
)
def check_not_finite(trial: Trial) -> str:
    if trial.one_vector:
        raise NotApplicable("the norm is taken over all tensors, by decision norm_scope=vector")
    refused = []
    for bad in (np.nan, np.inf):
        spoilt = spoil(trial.case(), bad)
        live = trial.start(spoilt.theta)
        found = live.go(spoilt.steps[:HALF])
        before = live.thetas
        try:
            found += live.go(spoilt.steps[HALF:])
        except SubjectRaised as error:
            unmoved(trial, [before], [live.thetas], f"{bad} is refused after parameters moved ({error})")
            refused.append(str(bad))
            continue
        other = [[thetas[1]] for thetas in found]
        trial.same(other, [[thetas[1]] for thetas in trial.plain], f"{bad} in tensor 0 changes tensor 1")
    return f"refuses {' and '.join(refused)}" if refused else ""


def spoil(case: Case, bad: float) -> Case:
    """The first element of the first tensor's gradient is bad half-way."""
    steps = [list(gradients) for gradients in case.steps]
    gradient = np.array(steps[HALF][0])
    gradient.flat[0] = bad
    steps[HALF][0] = gradient
    return replace(case, steps=tuple(tuple(gradients) for gradients in steps))
