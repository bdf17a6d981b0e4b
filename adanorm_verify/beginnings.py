"""Where something begins: what all the tensors have in common at the step in which a list is left, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .cases import Case
from .mechanisms import mechanisms_of
from .paper import HYPERPARAMETERS, Algorithm, Hyperparameters
from .trajectory import plainly


@dataclass(frozen=True)
class Place:
    """One tensor along a case.

    Args:
        case: as it was run.
        tensor: its index.
        steps: that were compared: the case ends with the first in which a tensor is left.
        end: the step in which this one is left, from 1; None where it is followed all along.
    """

    case: Case
    tensor: int
    steps: int
    end: int | None

    @property
    def last(self) -> int:
        """The last step that was compared and in which the tensor had a gradient; 0 where there is none."""
        present = [tensors[self.tensor] for tensors in self.case.present[: self.steps]]
        return len(present) - present[::-1].index(True) if True in present else 0

    def gradients(self, steps: int) -> list[np.ndarray]:
        """Of the first steps, where there are any."""
        own = (gradients[self.tensor] for gradients in self.case.steps[:steps])
        return [gradient for gradient in own if gradient is not None]


@dataclass(frozen=True)
class Trait:
    """A condition on the first steps of one tensor, which once true stays true.

    Args:
        text: goes on from "begins".
        holds: from the place and the number of steps.
    """

    text: str
    holds: Callable[[Place, int], bool]


def missing(place: Place, steps: int) -> bool:
    return not all(map(all, place.case.present[:steps]))


def missing_own(place: Place, steps: int) -> bool:
    return len(place.gradients(steps)) < steps


def paused(place: Place, steps: int) -> bool:
    own = [tensors[place.tensor] for tensors in place.case.present[:steps]]
    return True in own and False in own[own.index(True) :]


def zero(place: Place, steps: int) -> bool:
    return any(not np.any(gradient) for gradient in place.gradients(steps))


def zero_element(place: Place, steps: int) -> bool:
    return any(not np.all(gradient) for gradient in place.gradients(steps))


def other_value(name: str) -> Callable[[Place, int], bool]:
    usual = getattr(Hyperparameters(), name)
    return lambda place, _: float(getattr(own_hyperparameters(place), name)) != usual


def own_hyperparameters(place: Place) -> Hyperparameters:
    return place.case.hyperparameters[place.case.groups[place.tensor]]


TRAITS = (
    Trait("once a gradient is missing", missing),
    Trait("once a tensor's own gradient was missing", missing_own),
    Trait("once a tensor's own gradient was missing after others", paused),
    Trait("with several groups", lambda place, _: len(place.case.hyperparameters) > 1),
    Trait("once a gradient is zero", zero),
    Trait("once an element of a gradient is zero", zero_element),
    Trait("with tensors of more than one axis", lambda place, _: place.case.theta[place.tensor].ndim > 1),
    Trait("with tensors without axes", lambda place, _: place.case.theta[place.tensor].ndim == 0),
    Trait("with the second tensor of a list", lambda place, _: place.tensor > 0),
    Trait("with parameters that do not start at 0", lambda place, _: bool(np.any(place.case.theta[place.tensor]))),
    *(Trait(f"with {n} other than {getattr(Hyperparameters(), n):g}", other_value(n)) for n in HYPERPARAMETERS),
)
Measure = Callable[[Place, int], float]
"""A number that only grows with the steps of a tensor."""


def size(place: Place, steps: int) -> float:
    return max((float(np.max(abs(g), initial=0)) for g in place.gradients(steps)), default=0.0)


def smallness(place: Place, steps: int) -> float:
    """One over the largest element of the smallest gradient that is not zero."""
    sizes = [float(np.max(abs(g))) for g in place.gradients(steps) if np.any(g)]
    return 1 / min(sizes) if sizes else 0.0


MEASURES: tuple[tuple[Measure, Callable[[float], str]], ...] = (
    (size, lambda most: f"with gradients above {most:.3g}"),
    (smallness, lambda most: f"with gradients below {1 / most:.3g}" if most else "with the first gradient"),
    (lambda place, steps: len(place.gradients(steps)), lambda most: f"with a tensor's gradient number {most + 1:.0f}"),
    (lambda place, steps: steps, lambda most: f"with step {most + 1:.0f}"),
    (
        lambda place, _: place.case.theta[place.tensor].size,
        lambda most: f"with tensors of more than {most:.0f} elements",
    ),
)
"""What grows, and how it is said that it has grown beyond all that was followed."""


def beginning(algorithm: Algorithm, places: Sequence[Place]) -> str:
    """Where a list is left, in words: what tells these tensors from all that follow it, and the first step.

    Args:
        algorithm: the list.
        places: with an end at least one of them.
    """
    ends = [place for place in places if place.end]
    first = min(ends, key=lambda place: place.end or 0)
    told = [*dict.fromkeys(telling(algorithm, places, ends))][:TOLD]
    total = len({id(place.case) for place in places})
    whole = total - len({id(place.case) for place in ends})
    explained = f"{whole} of {total} cases are explained"
    where = f"in case '{first.case.name}', step {first.end}"
    return f"{' or '.join(told)} (first {where}; {explained})" if told else f"{where} ({explained})"


TOLD = 2
"""Conditions that are told, at most, where the cases do not tell them apart."""


def telling(algorithm: Algorithm, places: Sequence[Place], ends: Sequence[Place]) -> Iterator[str]:
    """What holds in every step in which the list is left, and for no tensor that it gives all along."""
    # A first step alone tells little: Adam's does not depend on the size of the gradient.
    whole = [place for place in places if not place.end and (place.last > 1 or place.steps == len(place.case.steps))]
    for trait in (*TRAITS, *fired(algorithm)):
        left = all(trait.holds(place, place.end or 0) for place in ends)
        if left and not any(trait.holds(place, place.last) for place in whole):
            yield trait.text
    for measure, text in MEASURES:
        most = max((measure(place, place.last) for place in whole), default=0.0)
        if min(measure(place, place.end or 0) for place in ends) > most:
            yield text(most)


def fired(algorithm: Algorithm) -> Iterator[Trait]:
    """A trait for each mechanism of the list: whether it has taken part."""
    known: dict[int, list] = {}

    def quantities(place: Place) -> list:
        return known.setdefault(id(place.case), list(plainly(algorithm, place.case)))

    for mechanism in mechanisms_of(algorithm):
        if mechanism.without is not None:

            def holds(place: Place, steps: int, mechanism=mechanism) -> bool:
                taken = (tensors[place.tensor] for tensors in quantities(place)[:steps])
                return any(own is not None and mechanism.fired(own) for own in taken)

            yield Trait(f"once {mechanism.meaning}", holds)
