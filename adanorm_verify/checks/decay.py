"""Weight decay as equations: what `weight_decay` may mean, put into an algorithm's list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from ..paper import PREVIOUS, Algorithm, Equation

Claim = Literal["coupled", "decoupled"]


def undecayed(algorithm: Algorithm) -> Algorithm:
    """The list without the weight decay that the subject has by default, where the list has that."""
    if "weight_decay" not in algorithm.constants:
        return algorithm
    return replace(algorithm, constants={**algorithm.constants, "weight_decay": 0.0})


def beginning(first: Equation, algorithm: Algorithm, exchange: dict[str, str]) -> Algorithm:
    """A list with an equation put in front, and quantities that the others read exchanged."""

    def reread(equation: Equation) -> Equation:
        return equation.reading(**{name: exchange[q] for name, q in equation.inputs.items() if q in exchange})

    return replace(algorithm, equations=(first, *(reread(equation) for equation in algorithm.equations)))


def coupled(algorithm: Algorithm, decay: float, start: float = 1) -> Algorithm:
    """The gradient is `g + decay theta` everywhere from step `start` on, and before it the gradient."""
    decayed = Equation(
        "decayed", lambda g, theta_prev, t: g + decay * theta_prev if t >= start else g, "g_t + λ θ_{{t−1}}"
    )
    return beginning(decayed, undecayed(algorithm), {"g": "decayed", "g" + PREVIOUS: "decayed" + PREVIOUS})


def shrunk(algorithm: Algorithm, shrink: Equation) -> Algorithm:
    """The parameters are multiplied before the update."""
    return beginning(shrink, undecayed(algorithm), {"theta" + PREVIOUS: "shrunk"})


def decoupled(algorithm: Algorithm, decay: float, start: float = 1) -> Algorithm:
    """From step `start` on the parameters are multiplied by `1 - lr decay` before the update, as AdamW does."""
    return shrunk(
        algorithm,
        Equation(
            "shrunk",
            lambda theta_prev, lr, t: theta_prev * (1 - lr * decay) if t >= start else theta_prev,
            "(1 − α λ) θ_{{t−1}}",
        ),
    )


def fixed(algorithm: Algorithm, decay: float, start: float = 1) -> Algorithm:
    """From step `start` on the parameters are multiplied by `1 - decay` before the update, whatever the lr."""
    return shrunk(
        algorithm,
        Equation(
            "shrunk",
            lambda theta_prev, t: theta_prev * (1 - decay) if t >= start else theta_prev,
            "(1 − λ) θ_{{t−1}}",
        ),
    )


def decoupled_after(algorithm: Algorithm, decay: float, start: float = 1) -> Algorithm:
    """From step `start` on `lr decay theta` is subtracted after the update: the parameters that it reads are new."""
    algorithm = undecayed(algorithm)
    moved = replace(algorithm["theta"], name="moved")
    last = Equation("theta", lambda moved, lr, t: moved * (1 - lr * decay) if t >= start else moved, "(1 − α λ) θ_t")
    return replace(algorithm, equations=(*algorithm.equations[:-1], moved, last))


@dataclass(frozen=True)
class Reading:
    """One meaning of weight decay.

    Args:
        change: puts it into a list.
        claim: the word under which it is known.
        told: name and formula.
    """

    change: Callable[..., Algorithm]
    claim: Claim
    told: str


READINGS: tuple[Reading, ...] = (
    Reading(coupled, "coupled", "coupled (L2): g + lambda theta"),
    Reading(decoupled, "decoupled", "decoupled: theta (1 - lr lambda)"),
    Reading(fixed, "decoupled", "decoupled and fixed: theta (1 - lambda), whatever the lr"),
    Reading(decoupled_after, "decoupled", "decoupled, after the update: the new theta (1 - lr lambda)"),
)
"""What optimizers mean by weight decay."""
