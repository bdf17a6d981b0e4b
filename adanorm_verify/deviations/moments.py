"""The moments: what is averaged, and how."""

import numpy as np

from ..paper import Algorithm
from ..paper.amsgrad import MAXIMUM
from .deviation import Deviation, deviation, everywhere, rewired
from .in_place import M_CORRECTED_IN_PLACE, made_in_place


@deviation("m", "defect")
def m_without_dampening(beta1, m_prev, g):
    """the first moment adds the whole gradient, without its factor 1 - beta1"""
    return beta1 * m_prev + g


@deviation("v", "defect", "-belief")
def v_without_dampening(beta2, v_prev, g):
    """the second moment adds the whole square, without its factor 1 - beta2"""
    return beta2 * v_prev + g**2


@deviation("v", "defect", "-belief")
def v_of_absolute(beta2, v_prev, g):
    """the second moment averages |g|, not its square"""
    return beta2 * v_prev + (1 - beta2) * np.abs(g)


@deviation("v", "defect", "-belief")
def v_of_momentum(beta2, v_prev, m):
    """the second moment averages the square of m"""
    return beta2 * v_prev + (1 - beta2) * m**2


@deviation("v", "convention", "-belief")
def v_centred(beta2, v_prev, g, m):
    """the second moment is of the distance from m, as in AdaBelief: (g - m)^2"""
    return beta2 * v_prev + (1 - beta2) * (g - m) ** 2


@deviation("v", "defect", "-belief")
def v_of_tensor(beta2, v_prev, g, axes):
    """the second moment averages the mean square over the tensor, one number for all its elements"""
    return beta2 * v_prev + (1 - beta2) * np.sum(g**2, axis=axes, keepdims=True) / np.size(g)


@deviation("v", "defect", "-belief")
def v_of_sum(v_prev, g):
    """the second moment is a plain sum, as in AdaGrad"""
    return v_prev + g**2


def keep_maximum(algorithm: Algorithm) -> Algorithm:
    """The largest v so far in the place of v, as in AMSGrad."""
    read = "v_hat" if "v_hat" in algorithm else "root"
    later = algorithm.names[algorithm.names.index("v") + 1]
    listed = algorithm.inserting(MAXIMUM, before=later)
    changed = {name: "v_max" for name, quantity in listed[read].inputs.items() if quantity == "v"}
    return listed.replacing(listed[read].reading(**changed))


def previous_root(algorithm: Algorithm) -> Algorithm:
    read = "v_hat" if "v_hat" in algorithm else "root"
    kept = "v_max" if "v_max" in algorithm else "v"
    changed = {name: f"{kept}_prev" for name, quantity in algorithm[read].inputs.items() if quantity == kept}
    return algorithm.replacing(algorithm[read].reading(**changed))


@deviation("v", "defect", "belief")
def belief_unused(beta2, v_prev, g):
    """the second moment is Adam's, of g^2: the belief is not used"""
    return beta2 * v_prev + (1 - beta2) * g**2


@deviation("v", "convention", "belief")
def belief_from_absolute(beta2, v_prev, g, m):
    """the second moment averages |g - m|, not its square"""
    return beta2 * v_prev + (1 - beta2) * np.abs(g - m)


@deviation("root", "defect", "v_hat")
def root_missing(v_hat):
    """the denominator has v_hat itself, not its root"""
    return v_hat


@deviation("m_hat", "convention", "-s")
def nesterov(m, beta1, t, g):
    """the step looks ahead: beta1 m_hat + (1 - beta1) g stands for m_hat"""
    return beta1 * m / (1 - beta1**t) + (1 - beta1) * g


@deviation("m_hat", "convention", "s")
def nesterov_(m, beta1, t, s):
    """the step looks ahead: beta1 m_hat + (1 - beta1) s stands for m_hat"""
    return beta1 * m / (1 - beta1**t) + (1 - beta1) * s


@deviation("m_hat", "convention", "-s")
def nadam(m, beta1, t, g):
    """the step looks ahead as in NAdam: beta1 m/(1 - beta1^(t+1)) + (1 - beta1) g/(1 - beta1^t)"""
    return beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)


MOMENTS = (
    m_without_dampening,
    v_without_dampening,
    Deviation(
        "betas-exchanged",
        "defect",
        "beta1 and beta2 have changed places",
        "m",
        everywhere(beta1="beta2", beta2="beta1"),
    ),
    Deviation("m-with-beta2", "defect", "the first moment decays with beta2", "m", rewired("m", beta1="beta2")),
    Deviation("v-with-beta1", "defect", "the second moment decays with beta1", "v", rewired("v", beta2="beta1")),
    v_of_absolute,
    v_of_momentum,
    v_centred,
    v_of_tensor,
    v_of_sum,
    Deviation(
        "v-maximum-kept",
        "convention",
        "the denominator has the largest v so far, as in AMSGrad",
        "v",
        keep_maximum,
        ("-v_max",),
    ),
    Deviation("v-stale", "defect", "the denominator has the v of the step before", "v", previous_root),
    Deviation(
        "belief-from-old-m", "defect", "the belief is taken from the m of the step before", "v",
        rewired("v", m="m_prev"), ("belief",),
    ),
    belief_unused,
    belief_from_absolute,
    root_missing,
    nesterov,
    nesterov_,
    nadam,
    *made_in_place("v", "v", "-v_max"),
    M_CORRECTED_IN_PLACE,
)  # fmt: skip
