"""AdaBelief (Algorithm 7): Adam whose second moment is of the gradient's distance from its own average."""

from .adam import ADAM
from .equations import Algorithm, Equation


def v(beta2, v_prev, g, m):
    return beta2 * v_prev + (1 - beta2) * (g - m) ** 2


BELIEF = Equation("v", v, "v_t ← β2 v_{{t−1}} + (1 − β2)({g}_t − m_t)²")

ADABELIEF = Algorithm("adabelief", "AdaBelief", "Algorithm 7", ADAM.replacing(BELIEF).equations)
