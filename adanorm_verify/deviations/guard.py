"""The guard on the norm correction, of the decision `guard`: where the paper has none, and other ones in its place."""

import numpy as np

from ..paper.guard import guarded
from ..paper.norm_correction import s
from .deviation import Deviation, deviation, exchanged


@deviation("cap", "defect")
def guard_linear(t):
    """the guard has another power: 1 + 1/t"""
    return 1 + 1 / t


@deviation("cap", "defect")
def guard_slow(t):
    """the guard has another power: 1 + 1/t^(1/4)"""
    return 1 + 1 / np.sqrt(np.sqrt(t))


@deviation("cap", "defect")
def guard_constant():
    """the guard stays at 2 and never decays"""
    return 2


@deviation("cap", "defect")
def guard_early(t):
    """the guard counts one step more than were taken: 1 + 1/sqrt(t + 1)"""
    return 1 + 1 / np.sqrt(t + 1)


@deviation("s", "defect", "cap")
def guard_without_one(g, e, g_norm, t):
    """the guard lacks its 1: the factor is at most 1/sqrt(t), which shortens every gradient"""
    return np.minimum(np.where((e > g_norm) & (g_norm > 0), e / g_norm, 1), 1 / np.sqrt(t)) * g


@deviation("e", "defect", "cap")
def guard_in_average(gamma, e_prev, g_norm, t):
    """the guard is on the average, which is kept so: e is at most (1 + 1/sqrt(t)) ||g||"""
    return np.minimum(gamma * e_prev + (1 - gamma) * g_norm, (1 + 1 / np.sqrt(t)) * g_norm)


@deviation("s", "defect", "cap")
def guard_gives_up(g, e, g_norm, cap):
    """a lift beyond the guard is left out, not cut"""
    return np.where((e > g_norm) & (cap * g_norm > e), e / g_norm * g, g)


GUARD = (
    Deviation(
        "guard-decaying",
        "convention",
        "the lift is at most 1 + 1/sqrt(t), which is right with --decide guard=decaying alone",
        "s",
        guarded,
        ("-cap",),
        replaces=True,
    ),
    Deviation(
        "guard-unused",
        "defect",
        "the gradient is lifted without the guard, as the paper has it",
        "s",
        exchanged("s", s),
        ("cap",),
        silences="guard",
        replaces=True,
    ),
    guard_linear,
    guard_slow,
    guard_constant,
    guard_early,
    guard_without_one,
    guard_in_average,
    guard_gives_up,
)
