"""A list whose parameters are exchanged in mid-run, for the checks that exchange a subject's."""

from __future__ import annotations

from ..paper import PREVIOUS, Algorithm, Equation
from .decay import beginning


def halved(algorithm: Algorithm, at: float) -> Algorithm:
    """The parameters are halved before step `at`."""
    half = Equation(
        "exchanged", lambda theta_prev, t: theta_prev * 0.5 if t == at else theta_prev, "θ_{{t−1}}/2 at one step"
    )
    return beginning(half, algorithm, {"theta" + PREVIOUS: "exchanged"})
