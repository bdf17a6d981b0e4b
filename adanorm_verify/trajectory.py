"""Run an algorithm's list along a case, in any arithmetic that can stand in for NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from .cases import Case
from .paper import PREVIOUS, Algorithm
from .paper.equations import After
from .reference import parameter_axes

Quantities = Mapping[str, Any]


def trajectory(
    algorithm: Algorithm,
    case: Case,
    number: Callable[[np.float64], Any],
    tensor: Callable[[np.ndarray], Any],
    after: After | None = None,
    count: Callable[[int], int] = int,
) -> Iterator[list[Quantities | None]]:
    """Yield, step by step, the named quantities of every tensor; None for a tensor without a gradient.

    Args:
        algorithm: its equations.
        case: what to run.
        number: turns a hyperparameter into the arithmetic's scalar.
        tensor: turns a float64 array into the arithmetic's array.
        after: see `Algorithm.evaluate`.
        count: turns the step into what stands for it.
    """
    constants = {name: np.float64(x) for name, x in algorithm.constants.items()}
    hyperparameters = [{k: number(x) for k, x in {**own.items(), **constants}.items()} for own in case.hyperparameters]
    of_group = algorithm.conventions.get("step_count") == "group"
    zero = tensor(np.zeros(()))
    states = [{**dict.fromkeys(algorithm.state, zero), "theta": tensor(theta)} for theta in case.theta]
    steps = [0] * len(case.theta)
    for call, gradients in enumerate(case.steps, 1):
        quantities: list[Quantities | None] = []
        for i, gradient in enumerate(gradients):
            if gradient is None:
                quantities.append(None)
                continue
            steps[i] = call if of_group else steps[i] + 1
            given = {
                **hyperparameters[case.groups[i]],
                "t": count(steps[i]),
                "g": tensor(gradient),
                "axes": parameter_axes(gradient.ndim),
                **{name + PREVIOUS: value for name, value in states[i].items()},
            }
            with np.errstate(all="ignore"):  # not around the yield: that would silence the caller too
                known = algorithm.evaluate(given, after)
            states[i] = {name: known[name] for name in states[i]}
            quantities.append(known)
        yield quantities


def plainly(algorithm: Algorithm, case: Case) -> Iterator[list[Quantities | None]]:
    """The list along a case in plain float64; each tensor has its own norm whatever `norm_scope` says."""
    yield from trajectory(algorithm, case, lambda x: x, lambda array: array)
