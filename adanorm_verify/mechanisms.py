"""Mechanisms: what an algorithm does beyond averaging, and whether it happened in the cases that were run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .paper import Algorithm
from .paper.decisions import exchanged, s_as_printed
from .paper.norm_correction import s as s_without_guard
from .rounding import Bounded


@dataclass(frozen=True)
class Mechanism:
    """A condition on the quantities of a step.

    Args:
        name: as reports spell it.
        meaning: a sentence.
        of: the equation without which an algorithm does not have it.
        fired: whether it took part, from the values of the step's quantities.
        without: the list without it, to see whether it mattered; None where there is no such list.
    """

    name: str
    meaning: str
    of: str
    fired: Callable[[Mapping[str, Any]], bool]
    without: Callable[[Algorithm], Algorithm] | None = None


MECHANISMS = (
    Mechanism(
        "correction",
        "the norm was lifted: e > ||g|| > 0",
        "s",
        lambda q: bool(np.any((q["e"] > q["g_norm"]) & (q["g_norm"] > 0))),
        exchanged("s", lambda g: g),
    ),
    Mechanism(
        "zero gradient",
        "a tensor's gradient was zero while its average norm was not",
        "s",
        lambda q: bool(np.any((q["e"] > 0) & (q["g_norm"] == 0))),
        exchanged("s", s_as_printed),
    ),
    Mechanism(
        "guard",
        "the lift was cut: e > cap ||g|| > 0",
        "cap",
        lambda q: bool(np.any((q["e"] > q["cap"] * q["g_norm"]) & (q["g_norm"] > 0))),
        exchanged("s", s_without_guard),
    ),
    Mechanism(
        "maximum",
        "the largest v was one of the past: v_max > v",
        "v_max",
        lambda q: bool(np.any(q["v_max"] > q["v"])),
        exchanged("v_max", lambda v: v),
    ),
    Mechanism(
        "rectified step",
        "rho_t >= 5",
        "rho_t",
        lambda q: bool(np.all(q["rho_t"] >= 5)),
        exchanged("theta", lambda theta_prev, alpha2, m: theta_prev - alpha2 * m),
    ),
    Mechanism(
        "plain step",
        "rho_t < 5",
        "rho_t",
        lambda q: bool(np.all(q["rho_t"] < 5)),
        exchanged("theta", lambda theta_prev, alpha1, ratio: theta_prev - alpha1 * ratio),
    ),
    Mechanism(
        "friction",
        "xi between 1/2 and 1",
        "xi",
        lambda q: bool(np.any((q["xi"] > 0.5) & (q["xi"] < 1))),
        exchanged("xi", lambda g: np.ones_like(g)),
    ),
    Mechanism("step", "the parameters moved", "theta", lambda q: bool(np.any(q["theta"] != q["theta_prev"]))),
)


def mechanisms_of(algorithm: Algorithm) -> tuple[Mechanism, ...]:
    """The mechanisms that an algorithm has."""
    return tuple(mechanism for mechanism in MECHANISMS if mechanism.of in algorithm)


def values(quantities: Mapping[str, Any]) -> dict[str, Any]:
    """The values of bounded quantities."""
    return {name: x.value if isinstance(x, Bounded) else x for name, x in quantities.items()}
