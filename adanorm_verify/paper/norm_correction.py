"""The paper's contribution, written once: lift each gradient's norm to its running average (equations 2 to 4)."""

from dataclasses import replace

import numpy as np

from .equations import Algorithm, Equation


def g_norm(g, axes):
    return np.sqrt(np.sum(g**2, axis=axes, keepdims=True))


def e(gamma, e_prev, g_norm):
    return gamma * e_prev + (1 - gamma) * g_norm


def s(g, e, g_norm):
    return np.where((e > g_norm) & (g_norm > 0), e / g_norm * g, g)


CORRECTION = (
    Equation("g_norm", g_norm, "g_norm ← L2Norm(g_t)", 2, extent="tensor"),
    Equation("e", e, "e_t = γ e_{{t−1}} + (1 − γ) g_norm", 4, extent="tensor"),
    Equation("s", s, "s_t = (e_t/g_norm) g_t if e_t > g_norm, otherwise g_t", 3),
)


def norm_corrected(base: Algorithm, *, name: str, title: str, source: str) -> Algorithm:
    """`base` with the corrected gradient `s` in place of `g` in its first moment (Algorithms 2, 4, 6, 8).

    The second moment keeps the original gradient (section 2, equation 6).
    """
    corrected = base.inserting(*CORRECTION, before="m").replacing(base["m"].reading(g="s"))
    return replace(corrected, name=name, title=title, source=source, base=base.title)
