"""What is done to the gradient before anything reads it: clipping, centralisation, normalisation."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..paper import Algorithm, Equation
from ..paper.decisions import convention
from .deviation import Change, Deviation, beginning, both, fixed, said, spelled


def treated(function: Callable[..., Any], *before: Equation) -> Change:
    """Every equation of the list reads another gradient, which `before` prepares."""

    def change(algorithm: Algorithm) -> Algorithm:
        own = (*before, Equation("g_treated", function, ""))
        return beginning(own, algorithm, g="g_treated", g_prev="g_treated_prev")

    return change


def length(g, axes):
    return np.sqrt(np.sum(g**2, axis=axes, keepdims=True))


LENGTH = Equation("g_length", length, "", extent="tensor")
OF_GROUP = LENGTH.reading(g="g_vector", axes="vector_axes")


def g_clipped_by_value(g, value_bound):
    """each element of the gradient is clipped: it lies between -value_bound and value_bound"""
    return np.minimum(np.maximum(g, -value_bound), value_bound)


def g_clipped_by_norm(g, g_length, norm_bound):
    """each tensor's gradient is clipped by its norm, which is at most norm_bound"""
    return np.where(g_length > norm_bound, norm_bound / g_length * g, g)


def g_clipped_by_padded_norm(g, g_length, norm_bound):
    """each tensor's gradient is clipped by its norm and 1e-6: min(1, norm_bound/(||g|| + 1e-6)) g"""
    return np.where(g_length + 1e-6 > norm_bound, norm_bound / (g_length + 1e-6) * g, g)


def g_clipped_by_group_norm(g, g_length, norm_bound):
    """the gradients of a group are clipped together: their common norm and 1e-6 is at most norm_bound"""
    return np.where(g_length + 1e-6 > norm_bound, norm_bound / (g_length + 1e-6) * g, g)


def g_normalised(g, g_length):
    """each tensor's gradient is divided by its norm"""
    return np.where(g_length > 0, g / g_length, g)


def g_normalised_with_eps(g, g_length, eps):
    """each tensor's gradient is divided by its norm and eps: g/(||g|| + eps)"""
    return g / np.where(g_length + eps > 0, g_length + eps, 1)


def g_centralised(g, axes):
    """the mean over all axes but the first is taken from the gradient of a tensor with more than one axis"""
    return g - row_means(g, axes) if len(axes) > 1 else g


def row_means(g, axes):
    rows = max(np.shape(g)[axes[0]], 1)
    return np.sum(g, axis=axes[1:], keepdims=True) / max(np.size(g) // rows, 1)


def named(function: Callable[..., Any], change: Change, solves: str = "") -> Deviation:
    """The deviation whose treatment of the gradient is the function; its docstring is the meaning."""
    if solves:
        change = both(fixed(solves, 0.0), change)  # the diagnosis finds the value
    return Deviation(spelled(function), "convention", said(function), "m", change, solves=solves)


TREATED = (
    named(g_clipped_by_value, treated(g_clipped_by_value), "value_bound"),
    named(g_clipped_by_norm, treated(g_clipped_by_norm, LENGTH), "norm_bound"),
    named(g_clipped_by_padded_norm, treated(g_clipped_by_padded_norm, LENGTH), "norm_bound"),
    named(
        g_clipped_by_group_norm,
        both(convention("norm_scope", "group"), treated(g_clipped_by_group_norm, OF_GROUP)),
        "norm_bound",
    ),
    named(g_centralised, treated(g_centralised)),
    named(g_normalised, treated(g_normalised, LENGTH)),
    named(g_normalised_with_eps, treated(g_normalised_with_eps, LENGTH)),
)
