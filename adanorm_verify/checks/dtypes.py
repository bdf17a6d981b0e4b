"""Checks of dtypes that meet: in a group, between groups, added later, of gradients, of the default, of norms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from ..cases import Case
from ..subject import DTYPES, SubjectRaised, representable
from .large import refuse_unanchored
from .pages import Failed, NotApplicable, Warned, check_page
from .trial import HALF, MAGNITUDES, Live, Trial, refusable

STEPS = MAGNITUDES[:4]
"""The norm falls at the second step, so that the correction acts there."""
SHAPE = (3,)
DELIBERATE = (ValueError, NotImplementedError, TypeError)
"""What a refusal that was meant raises; torch raises others where an operation does not fit."""


def known_dtypes(trial: Trial) -> list[str]:
    """The dtypes in which the subject alone is the algorithm, coarse ones first.

    Raises:
        NotApplicable: there is one at most.
    """
    found = []
    for dtype in ("bfloat16", "float16", "float32", "float64"):
        try:
            with refusable(dtype):
                found += [dtype] if trial.within(dtype).conforms else []
        except NotApplicable:
            continue
    if len(found) < 2:
        raise NotApplicable(f"it is the algorithm in no two dtypes, but in {', '.join(found) or 'none'}")
    return found


def cases_of(trial: Trial, dtypes: Sequence[str]) -> list[Case]:
    """A tensor of each dtype along gradients of its own."""
    whole = trial.case(STEPS, [SHAPE] * len(dtypes))
    return [representable(whole.only(i), dtype) for i, dtype in enumerate(dtypes)]


def tensors_of(cases: Sequence[Case], dtypes: Sequence[str], trial: Trial) -> list[torch.Tensor]:
    return [
        torch.tensor(case.theta[0], dtype=DTYPES[dtype], device=trial.device)
        for case, dtype in zip(cases, dtypes, strict=True)
    ]


def go(live: Live, cases: Sequence[Case], what: str) -> list[list[np.ndarray]]:
    """Step tensors along their cases together.

    Raises:
        NotApplicable: the first step is refused.
        Warned: something that does not fit is raised at the first step, before any parameter moved.
        Failed: a later step is refused, or one that has moved parameters.
    """
    path = []
    for number, gradients in enumerate(zip(*(case.steps for case in cases), strict=True), 1):
        before = live.thetas
        try:
            live.step([own for (own,) in gradients])
        except SubjectRaised as error:
            untouched = all(np.array_equal(x, y) for x, y in zip(before, live.thetas, strict=True))
            if number > 1 or not untouched:
                raise Failed(f"{what} are refused with the work half done: step {number} raised {error}") from error
            kind = NotApplicable if isinstance(error.error, DELIBERATE) else Warned
            raise kind(f"{what} are refused: {error}") from error
        path.append(live.thetas)
    return path


def hold_each(trial: Trial, path: Sequence[Sequence[np.ndarray]], cases: Sequence[Case], dtypes, what: str) -> None:
    """Hold each tensor against the equations in its own dtype."""
    for i, (case, dtype) in enumerate(zip(cases, dtypes, strict=True)):
        found = [[thetas[i]] for thetas in path]
        trial.within(dtype).follows(found, case, f"{what}, the {dtype} one does not move as the equations say")


@check_page(
    "robustness",
    catches="parameters of several dtypes, in one group or in several, of which one is computed in another's dtype.",
    sample="beside float32 in one group, the float64 one does not move as the equations say: tensor 0, element 0 ...",
    profiles=("default", "thorough"),
)
def check_mixed_dtypes(trial: Trial) -> str:
    if trial.one_vector:
        raise NotApplicable("the norm is taken over all tensors, by decision norm_scope=vector")
    known = known_dtypes(trial)
    for dtypes in (known, known[::-1]):
        told = ", ".join(dtypes)
        cases = cases_of(trial, dtypes)
        together = trial.start(tensors_of(cases, dtypes, trial))
        path = go(together, cases, f"parameters of {told} in one group")
        hold_each(trial, path, cases, dtypes, f"with parameters of {told} in one group")
        parameters = trial.parameters(tensors_of(cases, dtypes, trial))
        apart = trial.over(parameters, [{"params": [parameter]} for parameter in parameters])
        path = go(apart, cases, f"groups of {told}")
        hold_each(trial, path, cases, dtypes, f"with groups of {told}")
    return f"mixed {', '.join(known)}"


@check_page(
    "robustness",
    catches="a group added in mid-run in another dtype than those before it, and computed in theirs.",
    sample="in a group added after step 4 to one of float32, the float64 one does not move as the equations say: ...",
    profiles=("default", "thorough"),
)
def check_added_group_of_another_dtype(trial: Trial) -> None:
    if trial.one_vector:
        raise NotApplicable("the norm is taken over all tensors, by decision norm_scope=vector")
    known = known_dtypes(trial)
    for first, later in ((known[0], known[-1]), (known[-2], known[-1]), (known[-1], known[0])):
        hold_added(trial, first, later)


def hold_added(trial: Trial, first: str, later: str) -> None:
    """Hold a group of another dtype, added half-way, and the one that was there, against the equations."""
    dtypes = (first, later)
    whole = representable(trial.case(MAGNITUDES, [SHAPE]), first)
    late = representable(trial.case(MAGNITUDES[:HALF], [SHAPE]), later)
    live = trial.start(tensors_of([whole], [first], trial))
    if not hasattr(live.optimizer, "add_param_group"):
        raise NotApplicable("it has no add_param_group")
    before = live.go(whole.steps[:HALF])
    parameters = trial.parameters(tensors_of([late], [later], trial))
    with refusable("a group added later"):
        live.optimizer.add_param_group({"params": parameters})
    live.parameters += parameters
    path = live.go([(*old, *new) for old, new in zip(whole.steps[HALF:], late.steps, strict=True)])
    what = f"in a group of {later} added after step {HALF} to one of {first}"
    every = ([*before, *([old] for old, _ in path)], [[new] for _, new in path])
    for found, case, dtype in zip(every, (whole, late), dtypes, strict=True):
        trial.within(dtype).follows(found, case, f"{what}, the {dtype} one does not move as the equations say")


SIZES = (2.0**9, 2.0**-4, 2.0**-13, 1.0, 2.0**-6)
"""Of half gradients: the squares of the first and the third leave float16, those of the others lose its digits."""


@check_page(
    "robustness",
    catches="gradients of another dtype than their parameter (`grad_dtype`) that are squared or averaged in theirs.",
    sample="float16 gradients do not count as the same numbers in float32: tensor 0, element 0 after step 1: ...",
    profiles=("default", "thorough"),
)
def check_gradients_of_another_dtype(trial: Trial) -> str:
    if not hasattr(torch.Tensor, "grad_dtype"):
        raise NotApplicable(f"torch {torch.__version__} has no grad_dtype")
    refuse_unanchored(trial)
    others = [dtype for dtype in ("float16", "bfloat16", "float32", "float64") if dtype != trial.combination.dtype]
    refused = {dtype: refusal for dtype in others if (refusal := counted_as_own(trial, dtype))}
    if len(refused) == len(others):
        raise NotApplicable(f"refuses gradients of another dtype: {next(iter(refused.values()))}")
    return f"takes gradients of {', '.join(dtype for dtype in others if dtype not in refused)}"


def counted_as_own(trial: Trial, dtype: str) -> str:
    """Hold gradients of a dtype against the equations on the same numbers; what was said where they are refused."""
    case = representable(representable(trial.case(SIZES, [SHAPE]), dtype), trial.combination.dtype)
    live = trial.start(case.theta)
    for parameter in live.parameters:
        parameter.grad_dtype = DTYPES[dtype]
    path = []
    for gradients in case.steps:
        before = live.thetas
        try:
            live.step([torch.tensor(g, dtype=DTYPES[dtype], device=trial.device) for g in gradients])
        except SubjectRaised as error:
            if error.step > 1 or trial.difference([live.thetas], [before]):
                raise Failed(f"{dtype} gradients are refused with the work half done: {error}") from error
            return str(error)
        path.append(live.thetas)
    trial.follows(path, case, f"{dtype} gradients do not count as the same numbers in {trial.combination.dtype}")
    return ""


@contextmanager
def default_dtype(dtype: str) -> Iterator[None]:
    """Within it, tensors that are made without a dtype have another one than usual."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(DTYPES[dtype])
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@check_page(
    "robustness",
    catches="a result that depends on torch.set_default_dtype: numbers kept in the default dtype and not their own.",
    sample="under the default dtype float16 it leaves the equations: tensor 0, element 0 after step 1: ...",
    profiles=("default", "thorough"),
)
def check_default_dtype(trial: Trial) -> None:
    refuse_unanchored(trial)
    case = trial.case()
    for dtype in ("float64", "float32", "bfloat16", "float16"):
        try:
            with default_dtype(dtype):
                path = trial.run(case)
        except SubjectRaised as error:
            raise Warned(f"under the default dtype {dtype} step {error.step} raised {error}") from error
        trial.follows(path, case, f"under the default dtype {dtype} it leaves the equations")


ELEMENTS, ELEMENT = 1_024, 25.0
"""The norm of such a gradient is 800, which fits float16, as do the squares; their sum, 640,000, does not."""


@check_page(
    "robustness",
    catches="a norm that overflows in float16 though it fits: its sum of squares does not.",
    sample="float16 gradients of norm 800 give what is not finite: state exp_grad_norm after step 1",
    why="such a gradient is ordinary, and no bound of float16 judges a sum that may overflow.",
)
def check_norm_in_half_precision(trial: Trial) -> None:
    if "g_norm" not in trial.outline:
        raise NotApplicable("its equations have no norm")
    half = trial.within("float16")
    sizes = [ELEMENT * magnitude for magnitude in MAGNITUDES[:3]]
    signs = np.where(np.arange(ELEMENTS) % 2, -1.0, 1.0)
    with refusable("float16"):
        live = half.start([np.zeros(ELEMENTS)])
        live.step([np.ones(ELEMENTS)])
        live = half.start([np.zeros(ELEMENTS)])
    averages = [key for key, quantity in trial.combination.mapping.items() if quantity == "e"]
    for number, size in enumerate(sizes, 1):
        live.step([size * signs])
        kept = {f"state {key}": live.state(0).get(key) for key in averages}
        for name, value in {"the parameter": live.parameters[0], **kept}.items():
            if isinstance(value, torch.Tensor) and not torch.isfinite(value).all():
                raise Failed(f"float16 gradients of norm 800 give what is not finite\n{name} after step {number}")
