"""The eight algorithms of the paper, by name."""

from __future__ import annotations

from collections.abc import Mapping

from .adabelief import ADABELIEF
from .adam import ADAM
from .decisions import decided
from .diffgrad import DIFFGRAD
from .equations import Algorithm
from .norm_correction import norm_corrected
from .radam import RADAM

ADAMNORM = norm_corrected(ADAM, name="adamnorm", title="AdamNorm", source="Algorithm 2")
DIFFGRADNORM = norm_corrected(DIFFGRAD, name="diffgradnorm", title="diffGradNorm", source="Algorithm 4")
RADAMNORM = norm_corrected(RADAM, name="radamnorm", title="RadamNorm", source="Algorithm 6")
ADABELIEFNORM = norm_corrected(ADABELIEF, name="adabeliefnorm", title="AdaBeliefNorm", source="Algorithm 8")

PRINTED = {
    algorithm.name: algorithm
    for algorithm in (ADAM, ADAMNORM, DIFFGRAD, DIFFGRADNORM, RADAM, RADAMNORM, ADABELIEF, ADABELIEFNORM)
}
"""Name to list, in the paper's order, before any decision on what it leaves open."""


def algorithm(name: str, decisions: Mapping[str, str] | None = None) -> Algorithm:
    """The list of one algorithm with every open question answered.

    Args:
        name: one of `PRINTED`.
        decisions: question to answer, where it is not the default (see `decisions.DECISIONS`).

    Raises:
        ValueError: an unknown name, question or answer.
    """
    if name not in PRINTED:
        raise ValueError(f"unknown algorithm {name!r}; the algorithms are {', '.join(PRINTED)}")
    return decided(PRINTED[name], decisions)
