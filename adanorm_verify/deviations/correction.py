"""The norm correction: the norm, its average, and how the gradient is lifted."""

from dataclasses import replace

import numpy as np

from ..paper import Algorithm, Equation
from ..paper.decisions import convention, exchanged, over_vector, s_as_printed
from .deviation import Deviation, both, deviation, rewired


@deviation("g_norm", "defect")
def norm_l1(g, axes):
    """the norm is the sum of absolute values"""
    return np.sum(np.abs(g), axis=axes, keepdims=True)


@deviation("g_norm", "defect")
def norm_squared(g, axes):
    """the norm is not rooted: the sum of squares"""
    return np.sum(g**2, axis=axes, keepdims=True)


@deviation("g_norm", "convention")
def norm_by_element(g):
    """each element has a norm of its own: |g|"""
    return np.abs(g)


@deviation("g_norm", "defect")
def norm_maximum(g, axes):
    """the norm is the largest absolute value"""
    return np.max(np.abs(g), axis=axes, keepdims=True, initial=0)


@deviation("e", "defect", silences="correction")
def e_never_updated(e_prev):
    """the norm average is never written back: e stays 0"""
    return e_prev


@deviation("e", "defect", silences="correction")
def e_restarts(gamma, g_norm):
    """the norm average begins at 0 again at every step: e = (1 - gamma) ||g||"""
    return (1 - gamma) * g_norm


@deviation("e", "defect")
def e_skips_zeros(gamma, e_prev, g_norm):
    """a zero gradient leaves the norm average as it was"""
    return np.where(g_norm > 0, gamma * e_prev + (1 - gamma) * g_norm, e_prev)


@deviation("e", "defect")
def e_from_first_norm(gamma, e_prev, g_norm, t):
    """the norm average starts at the first norm, not at 0"""
    return np.where(t == 1, g_norm, gamma * e_prev + (1 - gamma) * g_norm)


@deviation("e", "defect")
def e_of_squares(gamma, e_prev, g_norm):
    """e is a root mean square of the norms, not their average"""
    return np.sqrt(gamma * e_prev**2 + (1 - gamma) * g_norm**2)


@deviation("e", "defect")
def e_without_dampening(gamma, e_prev, g_norm):
    """e adds the whole norm, without its factor 1 - gamma"""
    return gamma * e_prev + g_norm


@deviation("e", "defect")
def e_maximum(e_prev, g_norm):
    """e is the largest norm so far"""
    return np.maximum(e_prev, g_norm)


@deviation("e", "defect", silences="correction")
def e_last_norm(g_norm):
    """e is the norm itself"""
    return g_norm


@deviation("e", "defect")
def gamma_exchanged(gamma, e_prev, g_norm):
    """gamma weighs the new norm and 1 - gamma the average"""
    return (1 - gamma) * e_prev + gamma * g_norm


def feeding_itself(algorithm: Algorithm) -> Algorithm:
    """Keep the average of the norm after the correction, where the paper keeps that before."""
    used = replace(algorithm["e"], name="e_used")
    kept = Equation("e", e_of_lifted, "e_t = γ e_{{t−1}} + (1 − γ) ||s_t||", extent="tensor")
    s = algorithm["s"].reading(e="e_used")
    return algorithm.inserting(used, before="e").replacing(s, kept)


def e_of_lifted(gamma, e_prev, g_norm, e_used):
    return gamma * e_prev + (1 - gamma) * np.where(g_norm > 0, np.maximum(g_norm, e_used), g_norm)


@deviation("s", "defect")
def e_debiased(g, e, g_norm, gamma, t):
    """the norm average is bias-corrected before it is used: e/(1 - gamma^t)"""
    return np.where((e / (1 - gamma**t) > g_norm) & (g_norm > 0), e / (1 - gamma**t) / g_norm * g, g)


ZERO_NORM_DIVIDES = Deviation(
    "zero-norm-divides",
    "defect",
    "a zero gradient after others is divided by its zero norm: NaN, which stays",
    "s",
    exchanged("s", s_as_printed),
    replaces=True,
)


@deviation("s", "defect")
def s_always_rescaled(g, e, g_norm):
    """the gradient always gets the norm e, also when its own is larger"""
    return np.where(g_norm > 0, e / g_norm * g, g)


@deviation("s", "defect")
def s_condition_turned(g, e, g_norm):
    """the gradient gets the norm e when its own is larger, not smaller"""
    return np.where((g_norm > e) & (g_norm > 0), e / g_norm * g, g)


@deviation("s", "defect")
def s_ratio_inverted(g, e, g_norm):
    """the gradient is multiplied by ||g||/e, not by e/||g||"""
    return np.where((e > g_norm) & (g_norm > 0), g_norm / e * g, g)


@deviation("s", "defect")
def s_squared_ratio(g, e, g_norm):
    """the gradient is multiplied by (e/||g||)^2"""
    return np.where((e > g_norm) & (g_norm > 0), e / g_norm * (e / g_norm) * g, g)


@deviation("s", "defect")
def s_rooted_ratio(g, e, g_norm):
    """the gradient is multiplied by sqrt(e/||g||)"""
    return np.where((e > g_norm) & (g_norm > 0), np.sqrt(e / g_norm) * g, g)


@deviation("s", "defect")
def s_multiplied(g, e, g_norm):
    """the gradient is multiplied by e, and not divided by its norm"""
    return np.where((e > g_norm) & (g_norm > 0), e * g, g)


@deviation("s", "convention")
def s_ratio_with_eps(g, e, g_norm, eps):
    """eps is added to the norm that divides: e/(||g|| + eps)"""
    return np.where(e > g_norm, e / (g_norm + eps) * g, g)


@deviation("s", "convention")
def s_lifted_above_eps(g, e, g_norm, eps):
    """eps is added to the norm wherever it is read: e > ||g|| + eps, and e/(||g|| + eps)"""
    return np.where(e > g_norm + eps, e / (g_norm + eps) * g, g)


@deviation("s", "defect")
def zero_norm_always_divides(g, e, g_norm):
    """a zero gradient is divided by its zero norm, also the first: NaN, which stays"""
    return np.where(e > g_norm, e / g_norm * g, np.where(g_norm > 0, g, g / g_norm))


@deviation("m_hat", "defect", "e")
def m_lifted_again(m, beta1, t, e, g_norm):
    """the averaged moment is lifted once more"""
    return np.where((e > g_norm) & (g_norm > 0), e / g_norm * m, m) / (1 - beta1**t)


def shard_sums(x, axes, count):
    """At every element the sum of `x` over its shard, the rows (the first of `axes`) being cut into `count` shards."""
    if not axes:
        return x
    rows = np.shape(x)[axes[0]]
    length = max(-(-rows // count), 1)  # as torch.chunk cuts
    shard = (np.arange(rows) // length).reshape(-1, *[1] * (len(axes) - 1))
    sums = 0 * x
    for number in range(count):
        inside = shard == number
        own = np.sum(np.where(inside, x, 0.0), axis=axes, keepdims=True)
        sums = np.where(inside, own, sums)
    return sums


def of_shards(algorithm: Algorithm) -> Algorithm:
    """Every shard has a norm, and an average, of its own."""
    count = int(algorithm.constants["shards"])

    def g_norm(g, axes):
        return np.sqrt(shard_sums(g**2, axes, count))

    return exchanged("g_norm", g_norm)(algorithm)


SHARDED = (
    Deviation(
        "norm-of-shard", "defect",
        "the norm is of the rank's own shard, not of the tensor: another algorithm for each number of ranks",
        "g_norm", of_shards, ("shards",), replaces=True,
    ),
)  # fmt: skip
"""Deviations of sharded parameters; whole ones cannot have them."""

CORRECTION = (
    Deviation(
        "correction-unused", "defect", "the first moment averages g itself", "m", rewired("m", g="g"),
        ("s",), silences="correction",
    ),
    e_never_updated,
    Deviation(
        "s-in-second-moment", "defect", "both moments average s", "v", rewired("v", g="s"), ("s", "-belief")
    ),
    Deviation(
        "s-in-second-moment-only", "defect", "the second moment averages s and the first g", "v",
        both(rewired("v", g="s"), rewired("m", g="g")), ("s", "-belief"),
    ),
    Deviation(
        "norm-over-group", "convention", "the norm is over all tensors of the group, each with its own average of it",
        "g_norm", both(convention("norm_scope", "group"), rewired("g_norm", g="g_vector", axes="vector_axes")),
        replaces=True,
    ),
    Deviation(
        "average-over-group", "convention", "norm and average are over all tensors of the group together", "g_norm",
        over_vector, replaces=True,
    ),
    norm_l1,
    norm_squared,
    norm_by_element,
    norm_maximum,
    Deviation("e-stale", "defect", "s is lifted to the average of the step before", "s", rewired("s", e="e_prev")),
    e_from_first_norm,
    e_of_squares,
    e_restarts,
    e_skips_zeros,
    Deviation(
        "e-of-corrected-norm", "defect", "e averages the norm after the correction, and feeds itself", "e",
        feeding_itself,
    ),
    e_without_dampening,
    e_maximum,
    e_last_norm,
    gamma_exchanged,
    Deviation("e-with-beta1", "defect", "e decays with beta1", "e", rewired("e", gamma="beta1")),
    Deviation("e-with-beta2", "defect", "e decays with beta2", "e", rewired("e", gamma="beta2")),
    ZERO_NORM_DIVIDES,
    e_debiased,
    s_always_rescaled,
    s_condition_turned,
    s_ratio_inverted,
    s_squared_ratio,
    s_rooted_ratio,
    s_multiplied,
    s_ratio_with_eps,
    s_lifted_above_eps,
    zero_norm_always_divides,
    m_lifted_again,
)  # fmt: skip
