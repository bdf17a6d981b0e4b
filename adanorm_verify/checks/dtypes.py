"""Checks of dtypes that meet: in a group, between groups, added later, of gradients, of the default, of norms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch

from ..cases import Case
from ..formats import representable
from ..interface import SubjectRaised
from ..subject import DTYPES
from .anchors import refuse_unanchored, unless_known
from .comparing import Path
from .long import check_large_counts, counted_in
from .pages import Failed, NotApplicable, Warned, check_page
from .state import check_added_group
from .tensors import speaks_of
from .trial import MAGNITUDES, Live, Trial, refusable

NAMES = ("bfloat16", "float16", "float32", "float64")
"""Coarse ones first."""
STEPS = MAGNITUDES[:6]
"""The norm falls at the second step, so that the correction acts there, and again later."""
ADDED = 2
"""Steps before a group is added."""
SHAPE = (4, 5)
"""Enough elements for norms to follow the magnitudes."""
DELIBERATE = (ValueError, NotImplementedError, TypeError)
"""What a refusal that was meant raises; torch raises others where an operation does not fit."""


def case_in(trial: Trial, dtype: str) -> Case:
    """A tensor of a dtype along gradients that no other dtype has, and that no coarser one could hold."""
    return trial.within(dtype).case(STEPS, [SHAPE] * len(NAMES)).only(NAMES.index(dtype))


def known_dtypes(trial: Trial) -> list[str]:
    """The dtypes in which the subject alone is the algorithm.

    Raises:
        NotApplicable: there is one at most.
    """
    found = [dtype for dtype in NAMES if follows_alone(trial.within(dtype))]
    if len(found) < 2:
        raise NotApplicable(f"it is the algorithm in no two dtypes, but in {', '.join(found) or 'none'}")
    return found


def follows_alone(trial: Trial) -> bool:
    case = case_in(trial, trial.combination.dtype)
    try:
        with refusable(trial.combination.dtype):
            trial.follows(trial.run(case), case, "")
    except (Failed, NotApplicable):
        return False
    return True


def placed(trial: Trial, dtypes: Sequence[str]) -> list[torch.Tensor]:
    """New parameters, one of each dtype, where their cases start."""
    return trial.parameters([trial.within(dtype).parameters(case_in(trial, dtype).theta)[0] for dtype in dtypes])


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


def hold_each(trial: Trial, path: Path, dtypes: Sequence[str], where: str) -> None:
    """Hold each tensor against the equations in its own dtype."""
    for i, dtype in enumerate(dtypes):
        hold_one(trial, [[thetas[i]] for thetas in path], dtype, where)


def hold_one(trial: Trial, found: Path, dtype: str, where: str) -> None:
    """Hold the tensor of a dtype, as far as it went, against the equations in that dtype."""
    own = trial.within(dtype)
    values, bounds = (run[: len(found)] for run in own.expected(case_in(trial, dtype)))
    own.alike(found, values, bounds, f"{where}, the {dtype} one does not move as the equations say")


@check_page(
    "robustness",
    catches="parameters of several dtypes, in one group or in several, of which one is computed in another's dtype.",
    sample="with groups of float32, float64, the float64 one does not move as the equations say: tensor 0, element ...",
    profiles=("default", "thorough"),
)
def check_mixed_dtypes(trial: Trial) -> str:
    if trial.one_vector:
        raise NotApplicable("the norm is taken over all tensors, by decision norm_scope=vector")
    known = known_dtypes(trial)
    for dtypes in (known, known[::-1]):
        cases = [case_in(trial, dtype) for dtype in dtypes]
        within = f"parameters of {', '.join(dtypes)} in one group"
        parameters = placed(trial, dtypes)
        hold_each(trial, go(trial.over(parameters, parameters), cases, within), dtypes, f"with {within}")
        between = f"groups of {', '.join(dtypes)}"
        parameters = placed(trial, dtypes)
        groups = [{"params": [parameter]} for parameter in parameters]
        hold_each(trial, go(trial.over(parameters, groups), cases, between), dtypes, f"with {between}")
    return f"mixed {', '.join(known)}"


@check_page(
    "robustness",
    catches="a group added in mid-run in another dtype than those before it, and computed in theirs.",
    sample="after a group of float64 was added to one of float32, the float64 one does not move as the equations say",
    profiles=("default", "thorough"),
)
def check_added_group_of_another_dtype(trial: Trial) -> None:
    if trial.one_vector:
        raise NotApplicable("the norm is taken over all tensors, by decision norm_scope=vector")
    known = known_dtypes(trial)
    for first, later in dict.fromkeys(((known[0], known[-1]), (known[-2], known[-1]), (known[-1], known[0]))):
        with unless_known(trial, check_added_group, check_mixed_dtypes):
            hold_added(trial, first, later)


def hold_added(trial: Trial, first: str, later: str) -> None:
    """Hold a group of another dtype, added in mid-run, and the one that was there, against the equations."""
    live = trial.over(parameters := placed(trial, [first]), parameters)
    if not hasattr(live.optimizer, "add_param_group"):
        raise NotApplicable("it has no add_param_group")
    early = live.go(case_in(trial, first).steps[:ADDED])
    added = placed(trial, [later])
    with refusable("a group added later"):
        live.optimizer.add_param_group({"params": added})
    live.parameters += added
    rest = replace(case_in(trial, first), steps=case_in(trial, first).steps[ADDED:])
    new = case_in(trial, later).first(len(rest.steps))
    path = go(live, [rest, new], f"a group of {later} added to one of {first}")
    where = f"after a group of {later} was added to one of {first}"
    hold_one(trial, [*early, *([old] for old, _ in path)], first, where)
    hold_one(trial, [[new] for _, new in path], later, where)


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
    _ = live.groups  # what has none is no optimizer of torch's, and need not know of grad_dtype
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
    what = f"{dtype} gradients do not count as the same numbers in {trial.combination.dtype}"
    try:
        trial.follows(path, case, what)
    except Failed as error:
        if any(speaks_of(word, live.optimizer) for word in CASTS):
            raise
        raise Warned(f"{error}\nits code never speaks of dtypes") from error
    return ""


CASTS = ("dtype", ".to(", ".float(", ".type(", ".double(", ".type_as(")
"""In the code of an optimizer that means to take tensors of several dtypes."""


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
    hold_counts(trial)


def hold_counts(trial: Trial) -> None:
    """Raise `Failed` where counts stand still under the coarsest default dtype and not under the usual one."""
    try:
        with unless_known(trial, check_large_counts), default_dtype("bfloat16"):
            counted_in(trial)
    except Failed as failure:
        raise Failed(f"under the default dtype bfloat16 {failure}") from failure
    except NotApplicable:  # other checks say why
        return


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
    averages = [key for key, quantity in trial.combination.mapping.items() if quantity == "e"]
    with refusable("float16"):  # where it does so late, the check half-precision says it
        live = half.start([np.zeros(ELEMENTS)])
        for number, size in enumerate(sizes, 1):
            live.step([size * signs])
            refuse_infinite(live, averages, f"after step {number}")


def refuse_infinite(live: Live, averages: Sequence[str], when: str) -> None:
    """Raise `Failed` where the parameter or an average of its norm is not finite."""
    kept = {f"state {key}": live.state(0).get(key) for key in averages}
    for name, value in {"the parameter": live.parameters[0], **kept}.items():
        if isinstance(value, torch.Tensor) and not torch.isfinite(value).all():
            raise Failed(f"float16 gradients of norm 800 give what is not finite\n{name} {when}")
