"""Losses of a linear prediction: f_t(theta) = w phi(z, y) with z = a . theta, each a pair of one-line functions.

Written with plain NumPy, so that the loop over rounds is compiled from the same lines that comparators evaluate. At a
kink the slope is that of the piece that is listed first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..paper import Equation


@dataclass(frozen=True)
class Link:
    """A convex function of z, with its slope.

    Args:
        name: as a problem names it.
        loss: w phi(z, y).
        slope: a subgradient of it in z.
        conjugate: phi*(s, y) = max over z of s z - phi(z, y); infinite outside of `domain`.
        domain: of s, for labels y: a pair of arrays.
    """

    name: str
    loss: Equation
    slope: Equation
    conjugate: Callable[[Any, Any], Any]
    domain: Callable[[Any], tuple[Any, Any]]


def linear(z, w):
    return w * z


def linear_slope(w):
    return w


def squares(z, y, w):
    return w * (z - y) ** 2 / 2


def squares_slope(z, y, w):
    return w * (z - y)


def absolute(z, y, w):
    return w * np.abs(z - y)


def absolute_slope(z, y, w):
    return np.where(z >= y, w, -w)


def hinge(z, y, w):
    return w * np.maximum(0, 1 - y * z)


def hinge_slope(z, y, w):
    return np.where(y * z < 1, -w * y, 0 * w)


def logistic(z, y, w):
    return w * (np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0) - y * z)


def logistic_slope(z, y, w):
    return w * (1 / (1 + np.exp(-z)) - y)


def entropy(p):
    """p log p + (1 - p) log(1 - p), 0 at both ends."""
    inside = (p > 0) & (p < 1)
    q = np.where(inside, p, 0.5)
    return np.where(inside, q * np.log(q) + (1 - q) * np.log1p(-q), 0.0)


def _link(loss, slope, conjugate, domain) -> Link:
    name = loss.__name__
    return Link(name, Equation("loss", loss, name), Equation("slope", slope, f"{name}'"), conjugate, domain)


LINKS = {
    link.name: link
    for link in (
        _link(linear, linear_slope, lambda s, y: 0.0 * s, lambda y: (np.ones_like(y), np.ones_like(y))),
        _link(squares, squares_slope, lambda s, y: s * y + s**2 / 2, lambda y: (-np.inf + 0 * y, np.inf + 0 * y)),
        _link(absolute, absolute_slope, lambda s, y: s * y, lambda y: (-np.ones_like(y), np.ones_like(y))),
        _link(
            hinge, hinge_slope, lambda s, y: s * y, lambda y: (np.minimum(-y, 0), np.maximum(-y, 0))
        ),  # y is 1 or -1: max over z of s z - max(0, 1 - y z), at z = y
        _link(logistic, logistic_slope, lambda s, y: entropy(s + y), lambda y: (-y, 1 - y)),
    )
}
"""Name to link. Labels: any for squares and absolute, 1 or -1 for hinge, shares of positives in [0, 1] for logistic."""
