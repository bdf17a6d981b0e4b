"""Closed forms of the mean corrected gradient and of its zeros, as functions; noise.py and its neighbours prove them.

With fractions they are exact. `gamma` is the memory of the average of norms, in [0, 1); 0 is no correction.
"""

from fractions import Fraction
from math import sqrt
from typing import TypeVar

Number = TypeVar("Number", Fraction, float)


def two_size_mean(large_part: Number, small_part: Number, P: Number, A: Number, a: Number, gamma: Number) -> Number:
    """The mean of the corrected gradient where the norm is A with probability P and a < A otherwise.

    Args:
        large_part: the mean of the gradient where its norm is A, and of zero elsewhere; one coordinate of it.
        small_part: the same where its norm is a; the two add up to the mean gradient.
        P: probability of the larger norm.
        A: the larger norm.
        a: the smaller norm.
        gamma: memory.
    """
    return large_part + small_part + gamma * P * (A / a - 1) * small_part


def two_point_mean(p: Number, A: Number, a: Number, gamma: Number) -> Number:
    """The mean of the corrected gradient where the gradient is A with probability p and -a otherwise, 0 < a < A."""
    return p * A - (1 - p) * a - gamma * p * (1 - p) * (A - a)


def two_point_ratio(p: Number, gamma: Number) -> Number:
    """The A/a at which the mean corrected gradient is zero; without a correction it is (1-p)/p."""
    return (1 - p) * (1 - gamma * p) / (p * (1 - gamma * (1 - p)))


def logistic_mean(q: Number, rate: Number, gamma: Number) -> Number:
    """The mean corrected gradient of logistic regression with an intercept alone, one label at a time.

    Args:
        q: the probability that the model gives to a positive label.
        rate: the true one.
        gamma: memory.
    """
    return q - rate + gamma * rate * (1 - rate) * (1 - 2 * q)


def logistic_stationary(rate: Number, gamma: Number) -> Number:
    """The probability that logistic regression with an intercept alone learns in the place of `rate`."""
    return rate * (1 - gamma * (1 - rate)) / (1 - 2 * gamma * rate * (1 - rate))


def pinball_mean(F: Number, tau: Number, gamma: Number) -> Number:
    """The mean corrected gradient of the pinball loss of level tau where the true distribution function is F."""
    return F - tau + gamma * (2 * tau - 1) * F * (1 - F)


def pinball_stationary(tau: float, gamma: float) -> float:
    """The level of the quantile that is learned in the place of the tau-quantile."""
    k = gamma * (2 * tau - 1)
    return 2 * tau / (1 + k + sqrt((1 + k) ** 2 - 4 * k * tau))  # the smaller root, without a cancellation at k = 0


def bias_constant(gamma: float) -> float:
    """The bias of the mean corrected gradient is at most this many standard deviations of the gradient's norm."""
    return gamma / sqrt(2 * (1 + gamma))
