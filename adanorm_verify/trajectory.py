"""Run an algorithm's list along a case, in any arithmetic that can stand in for NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .cases import Case, Gradients
from .counting import counted
from .paper import PREVIOUS, Algorithm, Hyperparameters
from .paper.equations import FIRST, After
from .paper.hyperparameters import kept
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

    def numbers(groups: Sequence[Hyperparameters]) -> list[dict[str, Any]]:
        return [{k: number(x) for k, x in of_group(algorithm, groups, i).items()} for i in range(len(groups))]

    hyperparameters = numbers(case.hyperparameters)
    zero = tensor(np.zeros(()))
    states = [{**dict.fromkeys(algorithm.state, zero), "theta": tensor(theta)} for theta in case.theta]
    filled = algorithm.conventions.get("missing_gradient") == "zero"
    scope = algorithm.conventions.get("norm_scope", "tensor")
    for call, (t, gradients) in enumerate(zip(steps_of(algorithm, case), case.steps, strict=True), 1):
        quantities: list[Quantities | None] = []
        if call in case.changes:
            hyperparameters = numbers(case.changes[call])
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


def of_group(algorithm: Algorithm, groups: Sequence[Hyperparameters], group: int) -> dict[str, np.float64]:
    """The numbers that the equations of a group see: its hyperparameters, but for what the list fixes, shares or
    rounds, and those of the first group."""
    own, first = groups[group].items(), groups[0].items()
    shared = {name: first[name] for name in own if algorithm.conventions.get(f"{name}_of") == "constructor"}
    of_first = {name + FIRST: value for name, value in first.items()}
    chosen = kept({**own, **shared, **of_first}, algorithm.conventions)
    return {**chosen, **{name: np.float64(x) for name, x in algorithm.constants.items()}}


def steps_of(algorithm: Algorithm, case: Case) -> list[list[int]]:
    """The step t of each tensor, step by step, as the list counts it."""
    filled = algorithm.conventions.get("missing_gradient") == "zero"
    present = tuple((True,) * len(tensors) for tensors in case.present) if filled else case.present
    steps = counted(algorithm.conventions.get("step_count", "tensor"), case.groups, present)
    for call, jump in sorted(case.jumps.items()):  # all tensors go on from there
        before = steps[call - 2] if call > 1 else [0] * len(case.theta)
        ahead = [jump - b for b in before]
        steps = [*steps[: call - 1], *(list(map(sum, zip(ts, ahead, strict=True))) for ts in steps[call - 1 :])]
    return steps


def given_alike(first: Algorithm, second: Algorithm, case: Case) -> bool:
    """Whether two lists of the same equations are given the same along a case, and so are the same there."""
    settings = ("missing_gradient", "norm_scope", "arithmetic")
    whole, own = all(map(all, case.present)), case.hyperparameters
    return (
        all(of_group(first, own, i) == of_group(second, own, i) for i in range(len(own)))
        and steps_of(first, case) == steps_of(second, case)
        and all(first.conventions.get(key) == second.conventions.get(key) for key in settings[whole:])
    )


def plainly(algorithm: Algorithm, case: Case) -> Iterator[list[Quantities | None]]:
    """The list along a case in plain float64."""
    yield from trajectory(algorithm, case, lambda x: x, lambda array: array)
