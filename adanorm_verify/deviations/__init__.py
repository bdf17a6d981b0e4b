"""Named deviations: the dialects and the mistakes of implementations, each one equation replaced by another."""

from .amsgrad import AMSGRAD
from .bases import BASES
from .bias_correction import BIAS_CORRECTION
from .correction import CORRECTION, SHARDED
from .deviation import Deviation, fixed
from .eps import EPS
from .gradient import TREATED
from .guard import GUARD
from .hyperparameters import FIXED, SHARED
from .moments import MOMENTS
from .precision import IN_SINGLE, ROUNDED, ROUNDED_TO_SINGLE, RUNNING_PRODUCTS, SCALARS_IN_SINGLE

DEVIATIONS = (
    *EPS,
    *BIAS_CORRECTION,
    *CORRECTION,
    *GUARD,
    *MOMENTS,
    *AMSGRAD,
    *BASES,
    *TREATED,
    *SHARED,
    *FIXED,
    *ROUNDED,
)
"""All of them. One name may stand for several equations where algorithms print the line differently."""

SCALARS = (*RUNNING_PRODUCTS, SCALARS_IN_SINGLE)
"""Coarse formats of scalars, the sharpest bounds first. Neither these nor `ROUNDED_TO_SINGLE` are searched like the
others: they change less than half the digits, and are tried on top of what the search finds."""
CATALOGUE = (*DEVIATIONS, *SHARDED, *ROUNDED_TO_SINGLE, *SCALARS, IN_SINGLE)
NAMES = tuple(dict.fromkeys(deviation.name for deviation in CATALOGUE))

__all__ = [
    "CATALOGUE",
    "DEVIATIONS",
    "IN_SINGLE",
    "NAMES",
    "ROUNDED_TO_SINGLE",
    "SCALARS",
    "SCALARS_IN_SINGLE",
    "SHARDED",
    "Deviation",
    "fixed",
]
