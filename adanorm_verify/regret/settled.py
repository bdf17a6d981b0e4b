"""What an optimizer does in the long run on gradients that come in turn: the cycle that its state settles to.

Linear losses have gradients that do not depend on the point. Their averages forget where they began at a geometric
rate, so that the step of round t tends to alpha_t times a direction of a fixed cycle, and the sum of the directions of
a period, the drift, decides to which end of an interval the point tends. The cycle is found by running each equation of
the list over one period, with t so large that powers of the decays are gone: nothing is written out again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ..paper import PREVIOUS
from .methods import Method

FAR = 2.0**900
"""A round at which every power of a decay is 0 in float64, and 1 + 1/sqrt(t) is 1; its square root is exact."""
SURE = 1e-9
"""A drift is told from zero where it is above this part of the sum of the sizes of its steps. Adding up a period of P
steps errs by at most P + 60 roundoffs of that sum, times at most 1/(1 - b^P) < 10^4 for an average whose b is up to
0.9999: 10^-10 for P up to 1000. What lies below is no finding, and what lies above is still to be proved."""
Memory = Literal["average", "maximum", "sum"]


@dataclass(frozen=True)
class Settled:
    """The cycle of every quantity.

    Args:
        quantities: name to values, (P, n) for n sequences of period P; what one step has in common, a number.
        memories: quantity of the state to how it remembers: as an average, as a maximum, or as a sum, which grows.
        moves: of theta in each round, in units of the step, which sums of squares divide by sqrt(t): (P, n).
    """

    quantities: Mapping[str, Any]
    memories: Mapping[str, Memory]
    moves: np.ndarray

    @property
    def drift(self) -> np.ndarray:
        """Of theta over a period, in units of the step: (n,)."""
        return self.moves.sum(axis=0)

    @property
    def margin(self) -> np.ndarray:
        """The drift as a part of the sum of the sizes of its steps, in [-1, 1]: (n,)."""
        size = np.abs(self.moves).sum(axis=0)
        return self.drift / np.where(size > 0, size, 1.0)


def settle(method: Method, gradients: np.ndarray) -> Settled:
    """The cycle that `method` settles to.

    Args:
        method: its steps are left out of account: only the unit depends on them.
        gradients: (P, n), n sequences of one period.

    Raises:
        ValueError: a list whose state does not settle to a cycle by itself.
    """
    listed = replace(method, steps="constant").listed
    P, n = gradients.shape
    known: dict[str, Any] = {**method.hyperparameters.items(), **listed.constants, "t": FAR, "axes": (-1,), "lr": 1.0}
    known["g"] = np.asarray(gradients, dtype=np.float64)[:, :, None]
    memories: dict[str, Memory] = {}
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        for equation in listed.equations:
            own = equation.name + PREVIOUS
            for quantity in equation.inputs.values():
                if quantity.endswith(PREVIOUS) and quantity != own:
                    plain = quantity.removesuffix(PREVIOUS)
                    if plain not in known:
                        raise ValueError(f"{method.name}: {equation.name} reads {quantity}, whose cycle comes later")
                    known[quantity] = np.roll(known[plain], 1, axis=0)
            if equation.name == "theta":
                known[own] = np.zeros((P, n, 1))
            elif own in equation.inputs.values():
                known[equation.name], memories[equation.name] = _cycle(equation, known, own, P, n)
                continue
            known[equation.name] = equation(known)
    unit = np.sqrt(FAR) if "sum" in memories.values() else 1.0
    moves = np.broadcast_to(known["theta"], (P, n, 1))[:, :, 0] * unit
    if not np.all(np.isfinite(moves)):
        raise ValueError(f"{method.name}: the steps of a period are not finite")
    found = {name: known[name][:, :, 0] if np.ndim(known[name]) == 3 else known[name] for name in listed.names}
    return Settled(found, memories, moves)


def _cycle(equation: Callable, known: dict[str, Any], own: str, P: int, n: int) -> tuple[np.ndarray, Memory]:
    """The values of a quantity that reads its own last value, and how it remembers.

    Over a period an average is x -> r x + c with r < 1, a sum x -> x + c, and a maximum stays once it is reached.
    """

    def period(x: np.ndarray) -> np.ndarray:
        values = np.empty((P, n, 1))
        for j in range(P):
            here = {key: value[j] if np.ndim(value) == 3 else value for key, value in known.items()}
            values[j] = x = equation({**here, own: x})
        return values

    from_zero = period(np.zeros((n, 1)))[-1]
    above = 2 * np.abs(from_zero) + 1
    slope = (period(above)[-1] - from_zero) / above
    again = period(from_zero)
    if np.array_equal(again[-1], from_zero) and np.any((slope > 0) & (from_zero != 0)):
        return again, "maximum"
    if np.all(np.abs(slope - 1) < SURE):
        return np.broadcast_to(from_zero / P * FAR, (P, n, 1)), "sum"
    start = from_zero / (1 - slope)
    values = period(start)
    if not np.all(np.abs(slope) < 1) or np.any(np.abs(values[-1] - start) > SURE * np.abs(values).max(axis=0)):
        raise ValueError(f"{own.removesuffix(PREVIOUS)} settles to no cycle that its equation shows")
    return values, "average"
