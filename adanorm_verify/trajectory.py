"""Run an algorithm's list along a case, in any arithmetic that can stand in for NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .cases import Case, Gradients
from .counting import counted
from .paper import PREVIOUS, Algorithm
from .paper.equations import FIRST, After
from .reference import parameter_axes

Quantities = Mapping[str, Any]


def trajectory(
    algorithm: Algorithm,
    case: Case,
    number: Callable[[np.float64], Any],
    tensor: Callable[[np.ndarray], Any],
    after: After | None = None,
    count: Callable[[int], Any] = int,
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
    hyperparameters = [
        {k: number(x) for k, x in of_group(algorithm, case, i).items()} for i in range(len(case.hyperparameters))
    ]
    zero = tensor(np.zeros(()))
    states = [{**dict.fromkeys(algorithm.state, zero), "theta": tensor(theta)} for theta in case.theta]
    filled = algorithm.conventions.get("missing_gradient") == "zero"
    scope = algorithm.conventions.get("norm_scope", "tensor")
    for t, gradients in zip(steps_of(algorithm, case), case.steps, strict=True):
        quantities: list[Quantities | None] = []
        for i, given_gradient in enumerate(gradients):
            gradient = np.zeros_like(case.theta[i]) if given_gradient is None and filled else given_gradient
            if gradient is None:
                quantities.append(None)
                continue
            given = {
                **hyperparameters[case.groups[i]],
                "t": count(t[i]),
                "g": tensor(gradient),
                "axes": parameter_axes(gradient.ndim),
                **{name + PREVIOUS: value for name, value in states[i].items()},
            }
            if scope != "tensor":
                vector = of_whole_group(case, gradients, case.groups[i], gradient.ndim)
                given |= {"g_vector": tensor(vector), "vector_axes": tuple(range(vector.ndim))}
            with np.errstate(all="ignore"):  # not around the yield: that would silence the caller too
                known = algorithm.evaluate(given, after)
            states[i] = {name: known[name] for name in states[i]}
            quantities.append(known)
        if scope == "vector":
            share_averages(case, quantities, states)
        yield quantities


def of_whole_group(case: Case, gradients: Gradients, group: int, ndim: int) -> np.ndarray:
    """All gradients of a group end to end, with as many axes as the tensor that reads their norm."""
    present = [g.ravel() for g, own in zip(gradients, case.groups, strict=True) if g is not None and own == group]
    vector = np.concatenate(present)
    return vector.reshape(-1, *[1] * (ndim - 1))


def share_averages(case: Case, quantities: Sequence[Quantities | None], states: list[dict[str, Any]]) -> None:
    """A group has one norm average: tensors without a gradient get it too."""
    for i, known in enumerate(quantities):
        for j, other in enumerate(quantities):
            if known is None and other is not None and case.groups[i] == case.groups[j]:
                states[i]["e"] = other["e"]


def of_group(algorithm: Algorithm, case: Case, group: int) -> dict[str, np.float64]:
    """The numbers that the equations of a group see: its hyperparameters, but for what the list fixes or shares,
    and those of the first group."""
    own, first = case.hyperparameters[group].items(), case.hyperparameters[0].items()
    shared = {name: first[name] for name in own if algorithm.conventions.get(f"{name}_of") == "constructor"}
    of_first = {name + FIRST: value for name, value in first.items()}
    return {**own, **shared, **of_first, **{name: np.float64(x) for name, x in algorithm.constants.items()}}


def steps_of(algorithm: Algorithm, case: Case) -> list[list[int]]:
    """The step t of each tensor, step by step, as the list counts it."""
    filled = algorithm.conventions.get("missing_gradient") == "zero"
    present = tuple((True,) * len(tensors) for tensors in case.present) if filled else case.present
    return counted(algorithm.conventions.get("step_count", "tensor"), case.groups, present)


def given_alike(first: Algorithm, second: Algorithm, case: Case) -> bool:
    """Whether two lists of the same equations are given the same along a case, and so are the same there."""
    settings = ("missing_gradient", "norm_scope", "arithmetic")
    whole = all(map(all, case.present))
    return (
        all(of_group(first, case, i) == of_group(second, case, i) for i in range(len(case.hyperparameters)))
        and steps_of(first, case) == steps_of(second, case)
        and all(first.conventions.get(key) == second.conventions.get(key) for key in settings[whole:])
    )


def plainly(algorithm: Algorithm, case: Case) -> Iterator[list[Quantities | None]]:
    """The list along a case in plain float64."""
    yield from trajectory(algorithm, case, lambda x: x, lambda array: array)
