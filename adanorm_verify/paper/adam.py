"""Adam (Algorithm 1): the list that the others vary."""

import numpy as np

from .equations import Algorithm, Equation


def m(beta1, m_prev, g):
    return beta1 * m_prev + (1 - beta1) * g


def v(beta2, v_prev, g):
    return beta2 * v_prev + (1 - beta2) * g**2


def m_hat(m, beta1, t):
    return m / (1 - beta1**t)


def v_hat(v, beta2, t):
    return v / (1 - beta2**t)


def root(v_hat):
    return np.sqrt(v_hat)


def denominator(root, eps):
    return root + eps


def ratio(m_hat, denominator):
    return m_hat / np.where(denominator == 0, np.inf, denominator)


def theta(theta_prev, lr, ratio):
    return theta_prev - lr * ratio


FIRST_MOMENT = Equation("m", m, "m_t ← β1 m_{{t−1}} + (1 − β1) {g}_t", 5)
SECOND_MOMENT = Equation("v", v, "v_t ← β2 v_{{t−1}} + (1 − β2) {g}_t²", 6)
UNBIASED_FIRST_MOMENT = Equation("m_hat", m_hat, "m̂_t ← m_t/(1 − β1^t)", 7)
UNBIASED_SECOND_MOMENT = Equation("v_hat", v_hat, "v̂_t ← {v}_t/(1 − β2^t)", 8)
ROOT = Equation("root", root, "√v̂_t", 9)
DENOMINATOR = Equation("denominator", denominator, "√v̂_t + ε", 9)
RATIO = Equation("ratio", ratio, "m̂_t/(√v̂_t + ε)", 9)
UPDATE = Equation("theta", theta, "θ_t ← θ_{{t−1}} − α m̂_t/(√v̂_t + ε)", 9)

ADAM = Algorithm(
    "adam",
    "Adam",
    "Algorithm 1",
    (
        FIRST_MOMENT,
        SECOND_MOMENT,
        UNBIASED_FIRST_MOMENT,
        UNBIASED_SECOND_MOMENT,
        ROOT,
        DENOMINATOR,
        RATIO,
        UPDATE,
    ),
)
