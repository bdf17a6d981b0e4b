"""Named deviations: the dialects and the mistakes of implementations, each one equation replaced by another."""

from ..paper.decisions import convention
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
)
"""All of them. One name may stand for several equations where algorithms print the line differently."""

IN_SINGLE = Deviation(
    "computed-in-float32",
    "defect",
    "float64 tensors are computed, or their state is kept, in float32",
    "theta",
    convention("arithmetic", "float32"),
)
"""Not searched like the others: it is seen in the numbers that a float64 run keeps; the rest is searched from there."""

CATALOGUE = (*DEVIATIONS, *SHARDED, IN_SINGLE)
NAMES = tuple(dict.fromkeys(deviation.name for deviation in CATALOGUE))

__all__ = ["CATALOGUE", "DEVIATIONS", "IN_SINGLE", "NAMES", "SHARDED", "Deviation", "fixed"]
