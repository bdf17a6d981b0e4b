"""All deliberately wrong optimizers whose fault a gradient stream can show."""

from .wrong_amsgrad import WRONG_AMSGRAD
from .wrong_bases import WRONG_BASES
from .wrong_beyond import WRONG_BEYOND
from .wrong_correction import WRONG_CORRECTION
from .wrong_guards import WRONG_GUARDS
from .wrong_moments import WRONG_MOMENTS
from .wrong_paths import WRONG_PATHS
from .wrong_scalars import WRONG_SCALARS
from .wrong_state import WRONG_STATE

WRONG = (
    *WRONG_CORRECTION,
    *WRONG_MOMENTS,
    *WRONG_BASES,
    *WRONG_AMSGRAD,
    *WRONG_STATE,
    *WRONG_GUARDS,
    *WRONG_PATHS,
    *WRONG_SCALARS,
    *WRONG_BEYOND,
)

__all__ = [
    "WRONG",
    "WRONG_AMSGRAD",
    "WRONG_BASES",
    "WRONG_BEYOND",
    "WRONG_CORRECTION",
    "WRONG_GUARDS",
    "WRONG_MOMENTS",
    "WRONG_PATHS",
    "WRONG_SCALARS",
    "WRONG_STATE",
]
