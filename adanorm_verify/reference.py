"""The NumPy reference: the printed equations in float64, pure functions of state, gradient and hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .paper import PREVIOUS, Algorithm, Hyperparameters
from .paper.equations import FIRST


@dataclass(frozen=True)
class State:
    """What an algorithm carries from step to step.

    Args:
        t: steps taken.
        values: quantity (`theta`, `m`, `v`, `e`, diffGrad's `g`) to its float64 array.
    """

    t: int
    values: Mapping[str, np.ndarray]


def parameter_axes(parameter_ndim: int) -> tuple[int, ...]:
    """The trailing axes that make up one parameter tensor; all axes in front of them are batch axes."""
    return tuple(range(-parameter_ndim, 0))


def initial_state(algorithm: Algorithm, theta: Any, parameter_ndim: int | None = None) -> State:
    """The state before the first step: `theta` as given, everything else zero.

    Args:
        algorithm: its equations.
        theta: parameters, shape `batch + parameter`; used as float64.
        parameter_ndim: number of trailing axes that make up one parameter tensor; all of them when not given.
    """
    theta = np.array(theta, dtype=np.float64)
    axes = parameter_axes(theta.ndim if parameter_ndim is None else parameter_ndim)
    per_tensor = np.zeros([1 if axis - theta.ndim in axes else n for axis, n in enumerate(theta.shape)])
    zeros = {"element": np.zeros_like(theta), "tensor": per_tensor}
    values = {name: zeros[algorithm.extent(name)] for name in algorithm.state}
    return State(0, {**values, "theta": theta})


def refuse_unmeant(algorithm: Algorithm, gradient: np.ndarray, hyperparameters: Hyperparameters) -> None:
    """Raise ValueError for the inputs that the decisions say to refuse."""
    if algorithm.conventions.get("non_finite") == "refuse" and not np.all(np.isfinite(gradient)):
        raise ValueError("non-finite gradient, refused by decision non_finite=refuse")
    if algorithm.conventions.get("unrectifiable") == "refuse" and np.any(
        2 / (1 - np.asarray(hyperparameters.beta2)) <= 5
    ):
        raise ValueError(
            f"beta2 = {hyperparameters.beta2!r} gives rho_inf <= 4, refused by decision unrectifiable=refuse"
        )


def step(
    algorithm: Algorithm,
    state: State,
    gradient: Any,
    hyperparameters: Hyperparameters | None = None,
    *,
    parameter_ndim: int | None = None,
) -> tuple[State, dict[str, Any]]:
    """One step of `algorithm`.

    Args:
        algorithm: its equations.
        state: of `initial_state` or of the step before; not changed.
        gradient: at the parameters of `state`, of their shape `batch + parameter`.
        hyperparameters: the paper's defaults when not given.
        parameter_ndim: as for `initial_state`. With n trailing axes the others are independent runs.

    Returns:
        The new state, and every named quantity of the step (float64), the given ones included.

    Raises:
        ValueError: a gradient of another shape, or an input that a decision says to refuse.
    """
    hyperparameters = hyperparameters or Hyperparameters()
    gradient = np.array(gradient, dtype=np.float64)
    shape = state.values["theta"].shape
    if gradient.shape != shape:
        raise ValueError(f"gradient of shape {gradient.shape} for parameters of shape {shape}")
    refuse_unmeant(algorithm, gradient, hyperparameters)
    axes = parameter_axes(gradient.ndim if parameter_ndim is None else parameter_ndim)
    given = {
        **hyperparameters.items(),
        **{name + FIRST: value for name, value in hyperparameters.items().items()},
        **{name: np.float64(value) for name, value in algorithm.constants.items()},
        "t": state.t + 1,
        "g": gradient,
        "axes": axes,
        "g_vector": gradient,
        "vector_axes": axes,
        **{name + PREVIOUS: value for name, value in state.values.items()},
    }
    # 0/0 stands in branches that np.where does not take; infinities are for the caller to see.
    with np.errstate(all="ignore"):
        quantities = algorithm.evaluate(given)
    return State(state.t + 1, {name: quantities[name] for name in state.values}), quantities


def step_tensors(
    algorithm: Algorithm,
    states: list[State],
    gradients: list[Any],
    hyperparameters: Hyperparameters | None = None,
) -> list[tuple[State, dict[str, Any]]]:
    """One step of a list of tensors: `step` on each, or on all as one vector under `norm_scope=vector`.

    Args:
        algorithm: its equations.
        states: one a tensor; under `norm_scope=vector` all at the same step.
        gradients: one a tensor.
        hyperparameters: shared by all.
    """
    if algorithm.conventions.get("norm_scope") != "vector":
        return [step(algorithm, s, g, hyperparameters) for s, g in zip(states, gradients, strict=True)]
    if len({state.t for state in states}) > 1:
        raise ValueError("norm_scope=vector: all tensors of the vector must be at the same step")
    shapes = [state.values["theta"].shape for state in states]
    joined = State(
        states[0].t,
        {
            name: join([state.values[name] for state in states], algorithm.extent(name) == "tensor")
            for name in states[0].values
        },
    )
    new, quantities = step(
        algorithm, joined, join([np.asarray(g, dtype=np.float64) for g in gradients]), hyperparameters
    )
    parts = {
        name: split(value, shapes, algorithm.extent(name) == "tensor")
        for name, value in quantities.items()
        if isinstance(value, np.ndarray) and value.ndim == 1
    }
    each = [{**quantities, **{name: part[i] for name, part in parts.items()}} for i in range(len(shapes))]
    return [(State(new.t, {name: part[name] for name in new.values}), part) for part in each]


def join(arrays: list[np.ndarray], shared: bool = False) -> np.ndarray:
    """Tensors as one vector; a shared (per-tensor) quantity is the same in all, so the first stands for it."""
    return arrays[0].reshape(1) if shared else np.concatenate([array.ravel() for array in arrays])


def split(vector: np.ndarray, shapes: list[tuple[int, ...]], shared: bool = False) -> list[np.ndarray]:
    """Undo `join`; a value for the whole vector goes to every tensor, as a per-tensor quantity of its shape."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    if shared or vector.size != sum(sizes):
        return [vector.reshape((1,) * len(shape)) for shape in shapes]
    return [part.reshape(shape) for part, shape in zip(np.split(vector, np.cumsum(sizes)[:-1]), shapes, strict=True)]
