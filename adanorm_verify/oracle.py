"""The oracle: the same equations in certified ball arithmetic, to show that the NumPy reference is right.

Every number is an Arb ball (python-flint): a midpoint with a rigorous radius. Float64 inputs are exact, so at 256 bits
the true value of every quantity is known to far more digits than float64 has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from flint import arb, ctx

from .cases import Case
from .paper import Algorithm
from .trajectory import Quantities, trajectory

BITS = 256


def balls(array: Any) -> Any:
    """A float64 array as an object array of exact balls."""
    return np.vectorize(arb, otypes=[object])(array) if np.size(array) else np.asarray(array, dtype=object)


def oracle(algorithm: Algorithm, case: Case, bits: int = BITS) -> Iterator[list[Quantities | None]]:
    """The quantities along a case as balls (see `trajectory`); None for empty tensors, which have none.

    Args:
        algorithm: its equations.
        case: what to run.
        bits: working precision.
    """
    steps = tuple(tuple(None if g is None or not g.size else g for g in gradients) for gradients in case.steps)
    run = trajectory(algorithm, replace(case, steps=steps), lambda x: arb(float(x)), balls, count=arb)
    while True:
        with ctx.workprec(bits):
            quantities = next(run, None)
        if quantities is None:
            return
        yield quantities


def distance(ball: Any, value: Any) -> np.ndarray:
    """Upper bounds on how far float64 values are from the true ones, flat."""
    exact, floats = np.ravel(np.asarray(ball, dtype=object)), np.ravel(np.asarray(value, dtype=np.float64))
    exact = np.broadcast_to(exact, floats.shape)
    return np.array([float((arb(float(x)) - b).abs_upper()) for b, x in zip(exact, floats, strict=True)])
