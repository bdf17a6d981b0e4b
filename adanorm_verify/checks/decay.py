"""Weight decay as equations: what `weight_decay` may mean, put into an algorithm's list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..paper import PREVIOUS, Algorithm, Equation


def beginning(first: Equation, algorithm: Algorithm, exchange: dict[str, str]) -> Algorithm:
    """A list with an equation put in front, and quantities that the others read exchanged."""

    def reread(equation: Equation) -> Equation:
        return equation.reading(**{name: exchange[q] for name, q in equation.inputs.items() if q in exchange})

    return replace(algorithm, equations=(first, *(reread(equation) for equation in algorithm.equations)))


def coupled(algorithm: Algorithm, decay: float) -> Algorithm:
    """The gradient is `g + decay theta` everywhere."""
    decayed = Equation("decayed", lambda g, theta_prev: g + decay * theta_prev, "g_t + λ θ_{{t−1}}")
    return beginning(decayed, algorithm, {"g": "decayed", "g" + PREVIOUS: "decayed" + PREVIOUS})


def shrunk(algorithm: Algorithm, shrink: Equation) -> Algorithm:
    """The parameters are multiplied before the update."""
    return beginning(shrink, algorithm, {"theta" + PREVIOUS: "shrunk"})


def decoupled(algorithm: Algorithm, decay: float) -> Algorithm:
    """The parameters are multiplied by `1 - lr decay` before the update, as AdamW does."""
    return shrunk(
        algorithm, Equation("shrunk", lambda theta_prev, lr: theta_prev * (1 - lr * decay), "(1 − α λ) θ_{{t−1}}")
    )


def fixed(algorithm: Algorithm, decay: float) -> Algorithm:
    """The parameters are multiplied by `1 - decay` before the update, whatever the learning rate."""
    return shrunk(algorithm, Equation("shrunk", lambda theta_prev: theta_prev * (1 - decay), "(1 − λ) θ_{{t−1}}"))


def decoupled_after(algorithm: Algorithm, decay: float) -> Algorithm:
    """`lr decay theta` is subtracted together with the update or after it: the parameters that it reads are new."""
    moved = replace(algorithm["theta"], name="moved")
    last = Equation("theta", lambda moved, lr: moved * (1 - lr * decay), "(1 − α λ) θ_t")
    return replace(algorithm, equations=(*algorithm.equations[:-1], moved, last))


READINGS: dict[str, Callable[[Algorithm, float], Algorithm]] = {
    "coupled": coupled,
    "decoupled": decoupled,
    "fixed": fixed,
    "decoupled, after the update": decoupled_after,
}
"""What optimizers mean by weight decay."""
