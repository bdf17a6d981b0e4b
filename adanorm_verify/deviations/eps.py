"""Where eps stands."""

import numpy as np

from ..paper.decisions import eps_before_correction, eps_inside_root
from .deviation import Deviation, adjustment, deviation, exchanged

EPS_SCALED = Deviation(
    "eps-scaled",
    "convention",
    "eps is added before the bias correction of v, which divides it too: (sqrt(v) + eps)/sqrt(1 - beta2^t)",
    "denominator",
    exchanged("denominator", eps_before_correction),
    ("v_hat",),
    replaces=True,
)
EPS_INSIDE = Deviation(
    "eps-inside",
    "convention",
    "eps stands under the root: sqrt(v_hat + eps)",
    "denominator",
    exchanged("denominator", eps_inside_root),
    ("v_hat",),
    replaces=True,
)


@deviation("denominator", "convention", "v_hat")
def eps_inside_scaled(v, eps, beta2, t):
    """eps stands under the root, before the bias correction: sqrt(v + eps)/sqrt(1 - beta2^t)"""
    return np.sqrt(v + eps) / np.sqrt(1 - beta2**t)


@deviation("root", "convention", "v_hat")
def eps_twice(v_hat, eps):
    """eps stands under the root as well as outside: sqrt(v_hat + eps) + eps"""
    return np.sqrt(v_hat + eps)


@deviation("root", "convention", "v_hat")
def eps_twice_scaled(v, eps, beta2, t):
    """eps also stands under the root, before the bias correction: sqrt(v + eps)/sqrt(1 - beta2^t) + eps"""
    return np.sqrt(v + eps) / np.sqrt(1 - beta2**t)


@deviation("denominator", "convention", "v_hat")
def eps_twice_outside(root, eps, beta2, t):
    """eps is added twice, before and after the bias correction: (sqrt(v) + eps)/sqrt(1 - beta2^t) + eps"""
    return root + eps / np.sqrt(1 - beta2**t) + eps


@deviation("root", "convention", "v_hat")
def eps_padded_root(v, beta2, t):
    """a constant 1e-15 stands under the root besides eps, before the bias correction: sqrt(v + 1e-15)"""
    return np.sqrt(v + 1e-15) / np.sqrt(1 - beta2**t)


@deviation("root", "convention", "v_hat")
def eps_padded_corrected_root(v_hat):
    """a constant 1e-15 stands under the root besides eps, after the bias correction: sqrt(v_hat + 1e-15)"""
    return np.sqrt(v_hat + 1e-15)


@adjustment("v", "convention", "eps")
def eps_accumulated(paper, eps):
    """eps is added into the stored v at every step, and adds up"""
    return paper + eps


@deviation("denominator", "convention")
def eps_floor(root, eps):
    """the denominator is at least eps: max(sqrt(v_hat), eps)"""
    return np.maximum(root, eps)


@deviation("denominator", "convention", "v_hat")
def eps_floor_inside(v_hat, eps):
    """v_hat is at least eps: sqrt(max(v_hat, eps))"""
    return np.sqrt(np.maximum(v_hat, eps))


@deviation("denominator", "convention", "v_hat")
def eps_squared(root, eps):
    """eps is squared: sqrt(v_hat) + eps^2"""
    return root + eps**2


@deviation("denominator", "defect")
def eps_missing(root):
    """there is no eps"""
    return root


@deviation("denominator", "convention", "rho")
def eps_unscaled(root, eps, beta2, t):
    """eps is added after the bias correction of v, as in Adam: sqrt(v_hat) + eps where RAdam has sqrt(v) + eps"""
    return root + eps * np.sqrt(1 - beta2**t)


@deviation("denominator", "convention", "rho")
def eps_inside_(v, eps):
    """eps stands under the root: sqrt(v + eps)"""
    return np.sqrt(v + eps)


@deviation("root", "convention", "rho")
def eps_padded_root_(v):
    """a constant 1e-15 stands under the root besides eps: sqrt(v + 1e-15)"""
    return np.sqrt(v + 1e-15)


@deviation("ratio", "defect", "-rho")
def eps_missing_unguarded(m_hat, root):
    """there is no eps, and a zero denominator divides"""
    return m_hat / root


EPS = (
    EPS_SCALED,
    EPS_INSIDE,
    eps_inside_scaled,
    eps_twice,
    eps_twice_scaled,
    eps_twice_outside,
    eps_padded_root,
    eps_padded_corrected_root,
    eps_accumulated,
    eps_floor,
    eps_floor_inside,
    eps_squared,
    eps_unscaled,
    eps_inside_,
    eps_padded_root_,
    eps_missing,
    eps_missing_unguarded,
)
