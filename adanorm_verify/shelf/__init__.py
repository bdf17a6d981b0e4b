"""The shelf: optimizers of which it is known whether they are what they claim to be.

Each class names in `algorithm` what it claims to be, and in `decisions` under which reading of the paper; it says
in one sentence what is wrong with it or how it is rewritten. Nothing here knows the checker that is tested on it.
"""

from .as_printed import AS_PRINTED
from .faithful import FAITHFUL
from .generated import GENERATED, GENERATED_FAITHFUL, GENERATED_PAIRS
from .interface import INTERFACE
from .wrong import WRONG

ALGORITHMS = (
    "adam",
    "adamnorm",
    "diffgrad",
    "diffgradnorm",
    "radam",
    "radamnorm",
    "adabelief",
    "adabeliefnorm",
    "amsgrad",
    "amsgradnorm",
)

__all__ = [
    "ALGORITHMS",
    "AS_PRINTED",
    "FAITHFUL",
    "GENERATED",
    "GENERATED_FAITHFUL",
    "GENERATED_PAIRS",
    "INTERFACE",
    "WRONG",
]
