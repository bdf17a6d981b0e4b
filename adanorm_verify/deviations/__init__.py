"""Named deviations: the dialects and the mistakes of implementations, each one equation replaced by another."""

from .bases import BASES
from .bias_correction import BIAS_CORRECTION
from .correction import CORRECTION
from .deviation import Deviation, fixed
from .eps import EPS
from .hyperparameters import FIXED
from .moments import MOMENTS

DEVIATIONS = (*EPS, *BIAS_CORRECTION, *CORRECTION, *MOMENTS, *BASES, *FIXED)
"""All of them. One name may stand for several equations where algorithms print the line differently."""

NAMES = tuple(dict.fromkeys(deviation.name for deviation in DEVIATIONS))

__all__ = ["DEVIATIONS", "NAMES", "Deviation", "fixed"]
