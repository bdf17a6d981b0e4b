"""Optimizers that follow the paper's pseudocode to the letter where it departs from the formulas of `_base`.

A checker has to take a side on these two; the shelf takes none. (The other departure of the pseudocode, the
power missing from RAdam's rectification, also stands among the wrong ones, for both algorithms that have it.)
"""

from __future__ import annotations

from torch import Tensor

from ._base import AdaBeliefNorm, Now, RAdamNorm, subjects_of


class AdaBeliefNormPrinted(AdaBeliefNorm):
    """The belief is `g - m`, as Algorithm 8 prints it, where the authors' program has `s - m`."""

    def belief(self, now: Now) -> Tensor:
        return now.g - now.m


class RAdamNormPrinted(RAdamNorm):
    """The rectification has `1 - beta2`, as Algorithm 6 prints it, where the authors' program has a power."""

    def bc2(self, now: Now) -> float:
        return 1 - now.b2


AS_PRINTED = subjects_of(globals())
