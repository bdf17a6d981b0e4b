"""Make a failing case one that a person can read: fewer tensors, steps, elements and digits, default settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from .cases import Case
from .paper import HYPERPARAMETERS, Hyperparameters


def one_digit(array: np.ndarray) -> np.ndarray:
    """Every number rounded to one significant decimal digit."""
    return np.array([float(f"{x:.0e}") for x in array.ravel()]).reshape(array.shape)


def with_arrays(case: Case, change: Callable[[np.ndarray], np.ndarray], theta: bool = False) -> Case:
    """`case` with every gradient (and `theta`) changed."""
    steps = tuple(tuple(None if g is None else change(g) for g in gradients) for gradients in case.steps)
    return replace(case, steps=steps, theta=tuple(map(change, case.theta)) if theta else case.theta)


def simpler(case: Case, base: Hyperparameters) -> Iterator[Case]:
    """Cases that are simpler in one respect, the most radical first."""
    if len(case.theta) > 1:
        yield from (case.only(i) for i in range(len(case.theta)))
        yield from (case.without(i) for i in range(len(case.theta)))
    yield from (replace(case, steps=case.steps[:i] + case.steps[i + 1 :]) for i in range(len(case.steps)))
    if any(theta.size > 1 or theta.ndim != 1 for theta in case.theta):
        yield with_arrays(case, lambda array: array.ravel()[:1], theta=True)
        yield with_arrays(case, lambda array: array.ravel()[:2], theta=True)
    if any(np.any(theta) for theta in case.theta):
        yield replace(case, theta=tuple(map(np.zeros_like, case.theta)))
    if any(gradient is None for gradients in case.steps for gradient in gradients):
        present = tuple(
            tuple(np.ones_like(theta) if g is None else g for g, theta in zip(gradients, case.theta, strict=True))
            for gradients in case.steps
        )
        yield replace(case, steps=present)
    for group, own in enumerate(case.hyperparameters):
        for name in HYPERPARAMETERS:
            if getattr(own, name) != getattr(base, name):
                plain = replace(own, **{name: getattr(base, name)})
                yield replace(
                    case,
                    hyperparameters=(
                        *case.hyperparameters[:group],
                        plain,
                        *case.hyperparameters[group + 1 :],
                    ),
                )
    yield with_arrays(case, np.ones_like)
    yield from (simplified_step(case, i, np.ones_like) for i in range(len(case.steps)))
    yield with_arrays(case, one_digit, theta=True)
    yield from (simplified_step(case, i, one_digit) for i in range(len(case.steps)))


def simplified_step(case: Case, step: int, change: Callable[[np.ndarray], np.ndarray]) -> Case:
    gradients = tuple(None if g is None else change(g) for g in case.steps[step])
    return replace(case, steps=(*case.steps[:step], gradients, *case.steps[step + 1 :]))


def complexity(case: Case, base: Hyperparameters) -> tuple[int, ...]:
    """How long a case is to read: tensors, groups, numbers, settings that are not the default, digits."""
    numbers = [float(x) for array in case.arrays() for x in array.ravel()]
    settings = sum(getattr(own, n) != getattr(base, n) for own in case.hyperparameters for n in HYPERPARAMETERS)
    absent = sum(gradient is None for gradients in case.steps for gradient in gradients)
    digits = sum(len(repr(x)) for x in numbers if x not in (0.0, 1.0))
    started = sum(int(np.count_nonzero(theta)) for theta in case.theta)
    return (
        len(case.theta),
        len(case.hyperparameters),
        len(numbers) + absent,
        settings + absent + started,
        digits,
    )


def simplest(case: Case, fails: Callable[[Case], Case | None], base: Hyperparameters, attempts: int = 300) -> Case:
    """The simplest failing case that greedy steps reach.

    Args:
        case: fails.
        fails: returns the case as it was run (cut after its failure) or None where it does not fail.
        base: hyperparameters that count as plain.
        attempts: how many candidates may be run.
    """
    progress = True
    while progress:
        progress = False
        for candidate in simpler(case, base):
            if not candidate.steps or all(g is None for gradients in candidate.steps for g in gradients):
                continue
            if complexity(candidate, base) >= complexity(case, base):
                continue
            attempts -= 1
            if attempts < 0:
                return case
            found = fails(candidate)
            if found is not None:
                case, progress = found, True
                break
    return case
