"""Checks of size: long tensors, whose ends chunks and threads may lose, and many tensors, empty ones among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..cases import Case
from ..formats import representable
from ..interface import SubjectRaised
from ..streams import Shape
from .anchors import refuse_unanchored, unless_known
from .pages import Failed, NotApplicable, check_page
from .trial import MAGNITUDES, Trial, refusable

STEPS = MAGNITUDES[:3]
"""The norm falls at the second step, so that the correction acts there."""
FIRING = (1.0, 2.0**-7)
"""As few steps as let the correction act, on tensors of a few elements, whose norms follow the magnitudes loosely."""
LONG = (4_097,)
"""One more than many a chunk: 8, 16, 1,024 and 4,096 leave a single element over."""
ODD = (17, 67)
"""Rows and columns that no vector width divides, and more elements than a chunk of 1,024."""
LARGE = (70_001,)
"""Torch splits work among threads from 32,768 elements on, and many kernels from 65,536."""


def heavy_ends(case: Case) -> Case:
    """The last element of each second gradient is as large as all others together.

    A norm without it falls less from one step to the next; one that is wrong by the same factor at every step would
    leave the correction, a ratio of norms, as it is.
    """

    def weighed(gradient: np.ndarray) -> np.ndarray:
        heavy = gradient.copy()
        heavy.flat[-1] = np.copysign(np.sqrt((gradient**2).sum()), gradient.flat[-1])
        return heavy

    steps = (tuple(g if g is None or i % 2 else weighed(g) for g in step) for i, step in enumerate(case.steps))
    return replace(case, steps=tuple(steps))


def hold_long(trial: Trial, shapes: Sequence[Shape]) -> None:
    """Hold long tensors against the equations, each in a run of its own, so that one cause is one finding."""
    refuse_unanchored(trial)
    for shape in shapes:
        case = heavy(trial, shape)
        trial.follows(trial.run(case), case, f"a tensor of shape {shape} does not move as the equations say")


def heavy(trial: Trial, shape: Shape) -> Case:
    """A tensor alone along gradients with heavy ends."""
    ordinary = trial.case(STEPS, [shape])
    key = ("heavy", *shape, trial.combination.dtype, *map(float, trial.hyperparameters.items().values()))
    return trial.once(key, lambda: representable(heavy_ends(ordinary), trial.combination.dtype))


@check_page(
    "robustness",
    catches="tensors of some thousand elements whose last ones are lost: tails of vector loops and of chunks.",
    sample="a tensor of shape (4097,) does not move as the equations say: tensor 0, element 4096 after step 1: ...",
    why="it runs in the quick profile too, which spends no time on larger tensors.",
)
def check_long_tensor(trial: Trial) -> None:
    hold_long(trial, [LONG, ODD])


@check_page(
    "robustness",
    catches="a tensor so large that work is split among threads or chunks of 65,536, some part of which is lost.",
    sample="a tensor of shape (70001,) does not move as the equations say: tensor 0, element 65536 after step 1: ...",
    profiles=("default", "thorough"),
)
def check_large_tensor(trial: Trial) -> None:
    with unless_known(trial, check_long_tensor):
        hold_long(trial, [LARGE])


KINDS: tuple[Shape, ...] = ((3,), (3,), (2, 2), (3,), (3,), (1,), (3,))
"""Seven divides none of the numbers of tensors that batches have, and most shapes are the same: from one batch to the
next there is a tensor of the same shape, and another gradient."""
MANY = 131
"""More than the slots of any batch of a multi-tensor kernel: 24, 30, 36, 48, 55, 64, 110, 128."""


@check_page(
    "robustness",
    catches="tensors lost or mixed up among many: an empty one in the last slot of a batch, a batch of any size.",
    sample="among 131 tensors, each second one empty, one does not move as the equations say: tensor 36, element 0 ...",
    profiles=("default", "thorough"),
)
def check_many_tensors(trial: Trial) -> None:
    if trial.one_vector:
        raise NotApplicable("the norm is taken over all tensors, by decision norm_scope=vector")
    refuse_unanchored(trial)
    refuse_without_empty(trial)
    for name, empty in {
        "none of them empty": lambda number: False,
        "each second one empty": lambda number: number % 2 == 1,
        "each second one empty from the first on": lambda number: number % 2 == 0,
    }.items():
        hold_many(trial, name, [not empty(number) for number in range(MANY)])


def refuse_without_empty(trial: Trial) -> None:
    """Raise `NotApplicable` where one empty tensor is refused: that is another check's finding."""
    with refusable("tensors without elements; see the check empty-tensor"):
        trial.run(trial.case(STEPS, [(0,), (3,)]))


def hold_many(trial: Trial, name: str, filled: Sequence[bool]) -> None:
    """Hold many tensors, each of one of a few kinds or empty, against the equations of their kinds."""
    case = trial.case(FIRING, KINDS)

    def spread(arrays: Sequence[Any]) -> list[np.ndarray]:
        return [arrays[i % len(KINDS)] if full else np.zeros((0,)) for i, full in enumerate(filled)]

    live = trial.start(spread(case.theta))
    try:
        path = live.go([spread(gradients) for gradients in case.steps])
    except SubjectRaised as error:
        raise Failed(f"among {len(filled)} tensors, {name}, step {error.step} raised {error}") from error
    values, bounds = ([spread(thetas) for thetas in run] for run in trial.expected(case))
    what = f"among {len(filled)} tensors, {name}, one does not move as the equations say"
    trial.alike(path, values, bounds, what)
