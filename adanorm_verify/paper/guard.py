"""A guard on the norm correction. Ours and not the paper's: see the decision `guard`.

Lifts by at most 1 + 1/sqrt(t) exceed 1 by no more than 2 sqrt(T) in T steps, which is what a regret of O(sqrt(T)) can
bear: `theory/guarded.py` has the proof.
"""

from dataclasses import replace

import numpy as np

from .equations import Algorithm, Equation


def cap(t):
    return 1 + 1 / np.sqrt(t)


def s(g, e, g_norm, cap):
    return np.where((e > g_norm) & (g_norm > 0), np.minimum(e / g_norm, cap) * g, g)


CAP = Equation("cap", cap, "cap_t = 1 + 1/√t", extent="step")
PRINTED = "s_t = min(e_t/g_norm, cap_t) g_t if e_t > g_norm, otherwise g_t"


def guarded(algorithm: Algorithm) -> Algorithm:
    """A corrected list whose gradients are lifted by at most `cap`: s = min(max(1, e/g_norm), cap) g."""
    lifted = replace(algorithm["s"], function=s, printed=PRINTED, number=None)
    return algorithm.inserting(CAP, before="s").replacing(lifted)
