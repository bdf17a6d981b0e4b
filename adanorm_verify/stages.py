"""What a diagnosis explains first, and what then: state before parameters, ordinary cases before special ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .cases import Case
from .observation import Observation


@dataclass(frozen=True)
class Stage:
    """What is to be explained next.

    Args:
        quantity: of the list.
        observations: where it was seen.
        fresh: only what the stages before do not depend on is open; otherwise everything is, one at a time.
    """

    quantity: str
    observations: Sequence[Observation]
    fresh: bool = True


def planned(quantities: Sequence[str], observations: Sequence[Observation]) -> list[Stage]:
    """State quantities in the order of the list, then the parameters: ordinary cases, tiny gradients, missing ones,
    several groups.

    A state quantity depends on the equations before it only; and much that shows on tiny gradients, after a missing
    gradient or in a second group shows nowhere else. So sets of a few are found first, and added to one by one.
    """
    one_group = [o for o in observations if len(o.case.hyperparameters) == 1]
    small = [o for o in one_group if not missing(o.case)]
    ordinary = [o for o in small if not tiny(o.case)]
    state = [Stage(quantity, ordinary) for quantity in quantities[:-1]]
    last = quantities[-1]
    further = [Stage(last, seen, fresh=False) for seen in (small, one_group, observations)]
    return [*state, Stage(last, ordinary), *further]


def missing(case: Case) -> bool:
    """Whether a case has steps without a gradient."""
    return any(gradient is None for gradients in case.steps for gradient in gradients)


def tiny(case: Case) -> bool:
    """Whether a case has gradients of the size of usual eps."""
    sizes = [np.max(abs(g), initial=0) for gradients in case.steps for g in gradients if g is not None]
    return any(0 < size < TINY for size in sizes)


TINY = 1e-6
"""A hundred times the usual eps: its placement shows at half the digits of float64 from there down."""
