"""diffGrad (Algorithm 3): Adam with a friction `xi` in the update."""

import numpy as np

from .adam import ADAM
from .equations import Algorithm, Equation


def xi(g, g_prev):
    return 1 / (1 + np.exp(-np.abs(g - g_prev)))


def theta(theta_prev, lr, xi, ratio):
    return theta_prev - lr * xi * ratio


FRICTION = Equation("xi", xi, "ξ_t ← 1/(1 + exp(−|g_t − g_{{t−1}}|))")
UPDATE = Equation("theta", theta, "θ_t ← θ_{{t−1}} − α ξ_t m̂_t/(√v̂_t + ε)")

DIFFGRAD = Algorithm(
    "diffgrad", "diffGrad", "Algorithm 3", ADAM.inserting(FRICTION, before="m").replacing(UPDATE).equations
)
