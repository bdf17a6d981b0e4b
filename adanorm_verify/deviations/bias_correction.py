"""The bias corrections of the two moments."""

from dataclasses import replace

import numpy as np

from ..paper import Algorithm
from ..paper.decisions import convention
from .deviation import MISSING, Deviation, deviation, rewired


@deviation("m_hat", "convention")
def first_bias_uncorrected(m):
    """the first moment is not divided by 1 - beta1^t"""
    return m


@deviation("v_hat", "convention")
def second_bias_uncorrected(v):
    """the second moment is not divided by 1 - beta2^t"""
    return v


@deviation("m_hat", "defect")
def first_bias_corrected_late(m, beta1, t):
    """the first bias correction counts one step fewer than were taken (none at the first)"""
    return m / (1 - beta1 ** max(t - 1, 1))


@deviation("v_hat", "defect")
def second_bias_corrected_late(v, beta2, t):
    """the second bias correction counts one step fewer than were taken (none at the first)"""
    return v / (1 - beta2 ** max(t - 1, 1))


@deviation("m_hat", "defect")
def first_bias_corrected_early(m, beta1, t):
    """the first bias correction counts one step more than were taken"""
    return m / (1 - beta1 ** (t + 1))


@deviation("v_hat", "defect")
def second_bias_corrected_early(v, beta2, t):
    """the second bias correction counts one step more than were taken"""
    return v / (1 - beta2 ** (t + 1))


@deviation("m_hat", "defect")
def first_bias_corrected_once(m, beta1):
    """the first bias correction stays that of the first step: 1 - beta1"""
    return m / (1 - beta1)


@deviation("v_hat", "defect")
def second_bias_corrected_once(v, beta2):
    """the second bias correction stays that of the first step: 1 - beta2"""
    return v / (1 - beta2)


@deviation("root", "defect", "v_hat")
def second_bias_corrected_after_root(v, beta2, t):
    """the root of v is divided by 1 - beta2^t, not by its root"""
    return np.sqrt(v) / (1 - beta2**t)


@deviation("alpha1", "convention")
def rectified_without_first_bias(rho, lr):
    """the rectified step has no first bias correction"""
    return rho * lr


def m_hat_kept(beta1, t, m_hat_prev, g):
    return (beta1 - beta1**t) / (1 - beta1**t) * m_hat_prev + (1 - beta1) / (1 - beta1**t) * g


def v_hat_kept(beta2, t, v_hat_prev, g):
    return (beta2 - beta2**t) / (1 - beta2**t) * v_hat_prev + (1 - beta2) / (1 - beta2**t) * g**2


def debiased_by_calls(algorithm: Algorithm) -> Algorithm:
    """Debiased averages in the place of plain ones, with a t that counts calls."""
    pairs = (("m", "m_hat", m_hat_kept), ("v", "v_hat", v_hat_kept))
    kept = [
        replace(algorithm[hat], function=function, reads={"g": algorithm[plain].inputs.get("g", "g")})
        for plain, hat, function in pairs
    ]
    return convention("step_count", "group")(algorithm.replacing(*kept))


BIAS_CORRECTION = (
    first_bias_uncorrected,
    second_bias_uncorrected,
    first_bias_corrected_late,
    second_bias_corrected_late,
    first_bias_corrected_early,
    second_bias_corrected_early,
    first_bias_corrected_once,
    second_bias_corrected_once,
    Deviation(
        "first-bias-with-beta2", "defect", "m is divided by 1 - beta2^t", "m_hat", rewired("m_hat", beta1="beta2")
    ),
    Deviation(
        "second-bias-with-beta1", "defect", "v is divided by 1 - beta1^t", "v_hat", rewired("v_hat", beta2="beta1")
    ),
    second_bias_corrected_after_root,
    Deviation(
        "step-of-group-debiased", "defect",
        "the averages are kept debiased, and their t counts the calls of step(): a missing gradient leaves them behind",
        "m_hat", debiased_by_calls, ("v_hat", "-belief", "-v_max"), replaces=True, until=MISSING,
    ),
    rectified_without_first_bias,
)  # fmt: skip
