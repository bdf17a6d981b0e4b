"""Methods whose regret is settled, as lists: what the paper's are held against. Not algorithms of the AdaNorm paper.

Gradient descent: Zinkevich, "Online Convex Programming and Generalized Infinitesimal Gradient Ascent", ICML 2003.
AdaGrad: Duchi, Hazan and Singer, "Adaptive Subgradient Methods", JMLR 2011, the diagonal form. Following the leader is
the one that fails on linear losses: Shalev-Shwartz, "Online Learning and Online Convex Optimization", 2012, 2.2.
"""

import numpy as np

from .adam import DENOMINATOR, theta
from .equations import Algorithm, Equation
from .norm_correction import norm_corrected


def m(g):
    return g


def v(v_prev, g):
    return v_prev + g**2


def root(v):
    return np.sqrt(v)


def ratio(m, denominator):
    return m / np.where(denominator == 0, np.inf, denominator)


def total(total_prev, g):
    return total_prev + g


def leader(total, theta_prev):
    return np.where(total == 0, theta_prev, np.where(total > 0, -np.inf, np.inf))


SGD = Algorithm(
    "sgd",
    "SGD",
    "Zinkevich 2003",
    (Equation("m", m, "m_t = {g}_t"), Equation("theta", theta, "θ_t ← θ_{{t−1}} − α m_t", reads={"ratio": "m"})),
)
ADAGRAD = Algorithm(
    "adagrad",
    "AdaGrad",
    "Duchi, Hazan and Singer 2011",
    (
        Equation("m", m, "m_t = {g}_t"),
        Equation("v", v, "v_t = v_{{t−1}} + g_t²"),
        Equation("root", root, "√v_t"),
        DENOMINATOR,
        Equation("ratio", ratio, "m_t/(√v_t + ε)"),
        Equation("theta", theta, "θ_t ← θ_{{t−1}} − α m_t/(√v_t + ε)"),
    ),
)
LEADER = Algorithm(
    "leader",
    "follow the leader",
    "Shalev-Shwartz 2012",
    (
        Equation("total", total, "total_t = total_{{t−1}} + g_t"),
        Equation("theta", leader, "θ_t ← −∞ where total_t > 0, +∞ where it is below, projected"),
    ),
)
SGDNORM = norm_corrected(SGD, name="sgdnorm", title="SGDNorm", source="SGD with AdaNorm's correction")
ADAGRADNORM = norm_corrected(
    ADAGRAD, name="adagradnorm", title="AdaGradNorm", source="AdaGrad with AdaNorm's correction"
)
CONTROLS = {control.name: control for control in (SGD, SGDNORM, ADAGRAD, ADAGRADNORM, LEADER)}
"""Name to list. SGD, AdaGrad and AMSGrad have a theorem; the corrected two and the leader have none."""
