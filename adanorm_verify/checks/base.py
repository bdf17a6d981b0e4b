"""A list without its norm correction, which a corrected optimizer must be at gamma = 0."""

from __future__ import annotations

from ..paper import Algorithm, Equation


def uncorrected(algorithm: Algorithm) -> Algorithm:
    """The list with the gradient itself for the corrected one."""
    return algorithm.replacing(Equation("s", lambda g: g, "s_t = g_t"))
