"""AMSGrad's maximum: whether there is one, and of what."""

import numpy as np

from ..paper import Algorithm
from .deviation import Deviation, adjustment, both, deviation, exchanged, rewired
from .in_place import made_in_place


def without_maximum(algorithm: Algorithm) -> Algorithm:
    """All that would read the maximum reads v."""
    behind = [equation for equation in algorithm.equations if equation.reads.get("v") == "v_max"]
    return algorithm.replacing(*(equation.reading(v="v") for equation in behind))


@deviation("v_max", "defect")
def v_maximum_of_two(v_prev, v):
    """the maximum is of this v and the one before, not of all"""
    return np.maximum(v_prev, v)


@deviation("v_max", "defect")
def v_maximum_of_tensor(v_max_prev, v, axes):
    """the maximum is over the tensor as well, one number for all its elements"""
    return np.maximum(v_max_prev, np.max(v, axis=axes, keepdims=True, initial=0))


def largest_corrected(v_hat_prev, v, beta2, t):
    return np.maximum(v_hat_prev, v / (1 - beta2**t))


@adjustment("v", "defect", "v_max")
def v_never_falls(paper, v_prev):
    """the maximum is written back into v, which averages from it"""
    return np.maximum(v_prev, paper)


@adjustment("v_max", "defect", "eps")
def v_maximum_with_eps(paper, eps):
    """eps is added into the stored maximum at every step, and adds up"""
    return paper + eps


AMSGRAD = (
    Deviation(
        "v-maximum-unused",
        "defect",
        "the denominator has v and not the largest so far, as in Adam",
        "v_hat",
        without_maximum,
        ("v_max",),
        silences="maximum",
    ),
    v_maximum_of_two,
    v_maximum_of_tensor,
    Deviation(
        "v-maximum-of-corrected",
        "convention",
        "the maximum is taken after the bias correction: v_hat_t = max(v_hat_{t-1}, v_t/(1 - beta2^t))",
        "v_hat",
        both(exchanged("v_hat", largest_corrected), rewired("v_hat", v="v")),
        ("v_max",),
        replaces=True,
    ),
    v_never_falls,
    v_maximum_with_eps,
    *made_in_place("v_max", "v-maximum", "v_max"),
)
