"""Mechanisms: what an algorithm does beyond averaging, and whether it happened in the cases that were run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .paper import Algorithm
from .rounding import Bounded


@dataclass(frozen=True)
class Mechanism:
    """A condition on the quantities of a step.

    Args:
        name: as reports spell it.
        meaning: a sentence.
        of: the equation without which an algorithm does not have it.
        fired: whether it took part, from the values of the step's quantities.
    """

    name: str
    meaning: str
    of: str
    fired: Callable[[Mapping[str, Any]], bool]


MECHANISMS = (
    Mechanism(
        "correction",
        "the norm was lifted: e > ||g|| > 0",
        "s",
        lambda q: bool(np.any((q["e"] > q["g_norm"]) & (q["g_norm"] > 0))),
    ),
    Mechanism(
        "zero gradient",
        "a tensor's gradient was zero while its average norm was not",
        "s",
        lambda q: bool(np.any((q["e"] > 0) & (q["g_norm"] == 0))),
    ),
    Mechanism("rectified step", "rho_t >= 5", "rho_t", lambda q: bool(np.all(q["rho_t"] >= 5))),
    Mechanism("plain step", "rho_t < 5", "rho_t", lambda q: bool(np.all(q["rho_t"] < 5))),
    Mechanism("friction", "xi between 1/2 and 1", "xi", lambda q: bool(np.any((q["xi"] > 0.5) & (q["xi"] < 1)))),
    Mechanism("step", "the parameters moved", "theta", lambda q: bool(np.any(q["theta"] != q["theta_prev"]))),
)


def mechanisms_of(algorithm: Algorithm) -> tuple[Mechanism, ...]:
    """The mechanisms that an algorithm has."""
    return tuple(mechanism for mechanism in MECHANISMS if mechanism.of in algorithm)


def values(quantities: Mapping[str, Any]) -> dict[str, Any]:
    """The values of bounded quantities."""
    return {name: x.value if isinstance(x, Bounded) else x for name, x in quantities.items()}
