"""The algorithms by name: the eight of the paper, and AMSGrad with and without the norm correction."""

from __future__ import annotations

from collections.abc import Mapping

from .adabelief import ADABELIEF
from .adam import ADAM
from .amsgrad import AMSGRAD
from .decisions import decided
from .diffgrad import DIFFGRAD
from .equations import Algorithm
from .norm_correction import norm_corrected
from .radam import RADAM

ADAMNORM = norm_corrected(ADAM, name="adamnorm", title="AdamNorm", source="Algorithm 2")
DIFFGRADNORM = norm_corrected(DIFFGRAD, name="diffgradnorm", title="diffGradNorm", source="Algorithm 4")
RADAMNORM = norm_corrected(RADAM, name="radamnorm", title="RadamNorm", source="Algorithm 6")
ADABELIEFNORM = norm_corrected(ADABELIEF, name="adabeliefnorm", title="AdaBeliefNorm", source="Algorithm 8")
AMSGRADNORM = norm_corrected(
    AMSGRAD, name="amsgradnorm", title="AMSGradNorm", source=f"AMSGrad ({AMSGRAD.source}) with AdaNorm's correction"
)

PRINTED = {
    algorithm.name: algorithm
    for algorithm in (ADAM, ADAMNORM, DIFFGRAD, DIFFGRADNORM, RADAM, RADAMNORM, ADABELIEF, ADABELIEFNORM)
}
"""Name to list of those that the paper prints, in its order, before any decision on what it leaves open."""
ALGORITHMS = {**PRINTED, AMSGRAD.name: AMSGRAD, AMSGRADNORM.name: AMSGRADNORM}
"""The same of all that can be checked: the paper speaks of AMSGrad, and has no algorithm for it."""


def algorithm(name: str, decisions: Mapping[str, str] | None = None) -> Algorithm:
    """The list of one algorithm with every open question answered.

    Args:
        name: one of `ALGORITHMS`.
        decisions: question to answer, where it is not the default (see `decisions.DECISIONS`).

    Raises:
        ValueError: an unknown name, question or answer.
    """
    if name not in ALGORITHMS:
        raise ValueError(f"unknown algorithm {name!r}; the algorithms are {', '.join(ALGORITHMS)}")
    return decided(ALGORITHMS[name], decisions)
