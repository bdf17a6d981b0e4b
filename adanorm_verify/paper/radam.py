"""RAdam (Algorithm 5): the variance of the adaptive step is rectified once it is tractable, `rho_t >= 5`."""

import numpy as np

from .adam import FIRST_MOMENT, SECOND_MOMENT
from .adam import denominator as root_plus_eps
from .adam import ratio as adaptive_ratio
from .adam import root as square_root
from .equations import Algorithm, Equation


def rho_inf(beta2):
    return 2 / (1 - beta2) - 1


def rho_t(rho_inf, beta2, t):
    return rho_inf - 2 * t * beta2**t / (1 - beta2**t)


def rho_u(rho_t, rho_inf):
    return (rho_t - 4) * (rho_t - 2) * rho_inf


def rho_d(rho_t, rho_inf):
    return (rho_inf - 4) * (rho_inf - 2) * rho_t


def rho(beta2, t, rho_u, rho_d):
    return np.sqrt((1 - beta2**t) * rho_u / rho_d)


def alpha1(rho, lr, beta1, t):
    return rho * lr / (1 - beta1**t)


def alpha2(lr, beta1, t):
    return lr / (1 - beta1**t)


def theta(theta_prev, rho_t, alpha1, ratio, alpha2, m):
    return np.where(rho_t >= 5, theta_prev - alpha1 * ratio, theta_prev - alpha2 * m)


RECTIFICATION = Equation("rho", rho, "ρ = √((1 − β2^t) ρ_u/ρ_d)", extent="step")

RADAM = Algorithm(
    "radam",
    "Radam",
    "Algorithm 5",
    (
        FIRST_MOMENT,
        SECOND_MOMENT,
        Equation("rho_inf", rho_inf, "ρ_∞ ← 2/(1 − β2) − 1", extent="step"),
        Equation("rho_t", rho_t, "ρ_t = ρ_∞ − 2t β2^t/(1 − β2^t)", extent="step"),
        Equation("rho_u", rho_u, "ρ_u = (ρ_t − 4)(ρ_t − 2) ρ_∞", extent="step"),
        Equation("rho_d", rho_d, "ρ_d = (ρ_∞ − 4)(ρ_∞ − 2) ρ_t", extent="step"),
        RECTIFICATION,
        Equation("alpha1", alpha1, "α1 = ρ α/(1 − β1^t)", extent="step"),
        Equation("alpha2", alpha2, "α2 = α/(1 − β1^t)", extent="step"),
        Equation("root", square_root, "√v_t", reads={"v_hat": "v"}),
        Equation("denominator", root_plus_eps, "√v_t + ε"),
        Equation("ratio", adaptive_ratio, "m_t/(√v_t + ε)", reads={"m_hat": "m"}),
        Equation("theta", theta, "θ_t ← θ_{{t−1}} − α1 m_t/(√v_t + ε) if ρ_t ≥ 5, else θ_{{t−1}} − α2 m_t"),
    ),
)
