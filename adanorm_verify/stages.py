"""What a diagnosis explains first, and what then: state before parameters, ordinary cases before special ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .cases import Case
from .observation import Arrays, Observation


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
    one_group = [o for o in observations if not grouped(o.case)]
    small = [o for o in one_group if not missing(o.case)]
    ordinary = [o for o in small if not tiny(o.case)]
    state = [Stage(quantity, ordinary) for quantity in quantities[:-1]]
    last = quantities[-1]
    # What a stage adds comes first: most lists fail there.
    further = [added_first(*seen) for seen in ((small, tiny), (one_group, missing), (observations, grouped))]
    return [*state, Stage(last, ordinary), *(Stage(last, seen, fresh=False) for seen in further)]


def added_first(observations: Sequence[Observation], added: Callable[[Case], bool]) -> list[Observation]:
    return sorted(observations, key=lambda observation: not added(observation.case))


def by_kind(observations: Sequence[Observation]) -> list[list[Observation]]:
    """The observations by kind of case, the plainest first: ordinary ones, zero gradients, large ones, tiny ones,
    missing ones, several groups."""
    kinds: list[list[Observation]] = [[] for _ in range(len(KINDS) + 1)]
    for observation in observations:
        kind = next((n for n, holds in enumerate(KINDS) if holds(observation.case)), len(KINDS))
        kinds[len(KINDS) - kind].append(observation)
    return kinds


def first_steps(observations: Sequence[Observation]) -> list[Observation]:
    """The observations cut after a few steps, of tensors with one axis alone."""
    return [
        replace(o, case=o.case.first(FIRST), seen=vectors(o)[:FIRST], bounds=o.bounds[:FIRST]) for o in observations
    ]


def vectors(observation: Observation) -> tuple[tuple[Arrays | None, ...], ...]:
    """What was seen of tensors with one axis."""
    one_axis = [len(shape) == 1 for shape in observation.case.shapes]
    return tuple(
        tuple(seen if keep else None for seen, keep in zip(tensors, one_axis, strict=True))
        for tensors in observation.seen
    )


FIRST = 3
"""Steps in which an average has been read, written and read again."""


def missing(case: Case) -> bool:
    """Whether a case has steps without a gradient."""
    return any(gradient is None for gradients in case.steps for gradient in gradients)


def tiny(case: Case) -> bool:
    """Whether a case has gradients of the size of usual eps."""
    sizes = [np.max(abs(g), initial=0) for gradients in case.steps for g in gradients if g is not None]
    return any(0 < size < TINY for size in sizes)


def large(case: Case) -> bool:
    """Whether a case has gradients beyond those of the ordinary designed ones."""
    return any(np.max(abs(g), initial=0) > LARGE for gradients in case.steps for g in gradients if g is not None)


def zero(case: Case) -> bool:
    """Whether a tensor's gradient is zero at some step."""
    return any(g.size and not np.any(g) for gradients in case.steps for g in gradients if g is not None)


def grouped(case: Case) -> bool:
    return len(case.hyperparameters) > 1


LARGE = 8.0
"""The largest magnitude of ordinary designed cases."""
TINY = 1e-6
"""A hundred times the usual eps: its placement shows at half the digits of float64 from there down."""
KINDS = (grouped, missing, tiny, large, zero)
"""A case is of the first of these kinds that holds, or ordinary."""
