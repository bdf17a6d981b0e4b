"""The envelope: the reference along a case, with what rounding can do to any correct implementation of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from .cases import Case
from .paper import PREVIOUS, Algorithm, Equation
from .rounding import HOST, Bounded, Precision, Step
from .trajectory import Quantities, trajectory

AVERAGING = 2
"""Roundings charged to the past and the present of a running average: the interpolating form
`x_prev + (1 - beta)(x - x_prev)` rounds a difference and a sum, at their sizes and not at the result's."""


def averaged(state: tuple[str, ...]):
    """Charge running averages for their other form (see `AVERAGING`)."""
    averages = {name for name in state if name not in ("theta", "g", "v_max")}

    def after(equation: Equation, value: Any, known: Mapping[str, Any]) -> Any:
        if equation.name not in averages:
            return value
        past = known[equation.name + PREVIOUS]
        allowance = AVERAGING * value.precision.roundoff * (abs(past.value) + abs(value.value))
        return Bounded(value.value, value.bound + np.where(past.exact_zero, 0.0, allowance), value.precision)

    return after


def envelope(
    algorithm: Algorithm, case: Case, precision: Precision, count: Callable[[int], int] = Step
) -> Iterator[list[Quantities | None]]:
    """Step by step, the named quantities of every tensor with their bounds; None for a tensor without gradient.

    Args:
        algorithm: its equations.
        case: arrays must already be representable in `precision`.
        precision: the tensors' format.
        count: `rounding.DeviceStep` for a subject that keeps its step on the device; its bias corrections and the
            like are float32 numbers then, and doubles for a `rounding.Step`.
    """

    def number(x: np.float64) -> Bounded:
        return Bounded(x, 0.0, HOST)

    def tensor(array: np.ndarray) -> Bounded:
        return Bounded(array, np.zeros_like(array), precision)

    after = averaged(algorithm.state)
    yield from trajectory(algorithm, case, number, tensor, after, count)
