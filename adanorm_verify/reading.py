"""Hyperparameters read back from an optimizer that was built: those that cannot be set, and those that have slipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import streams
from .interface import USUAL_NAMES, Holdings, SubjectInterface, SubjectRaised, as_number
from .paper import Hyperparameters


@dataclass(frozen=True)
class Reading:
    """What a built optimizer says of its hyperparameters.

    Args:
        base: hyperparameters where a case does not choose: the caller's, those read back, and else the paper's.
        read: those that the constructor does not take, as the optimizer holds them.
        unknown: those that it neither takes nor holds.
        slipped: a sentence for each that was set, and is held with another value.
    """

    base: Hyperparameters
    read: Mapping[str, float] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    slipped: tuple[str, ...] = ()

    @property
    def missing(self) -> str:
        """Why a difference says nothing; empty where it does.

        Every optimizer has a learning rate, and one that holds none anywhere may have any; of the others it may do
        without, so that their absence is a difference like others.
        """
        if "lr" not in self.unknown:
            return ""
        return (
            f"{', '.join(self.unknown)} can be neither set nor read back, and at the paper's value it differs: "
            "set the constructor's argument that holds it by --arg NAME=VALUE, or say which it is by --rename lr=NAME"
        )


def read_back(subject: SubjectInterface, device: str) -> Reading:
    """Build an optimizer over one small tensor, and compare what it holds with what it was given."""
    base = subject.base
    asked = [name for name in subject.read if name not in subject.spelling]
    case = subject.fitted(streams.PROBE, base, frozenset())
    try:
        holdings = subject.holdings(case, next(iter(subject.paths.values())), "float32", device)
    except SubjectRaised:  # probing says so
        return Reading(base, unknown=tuple(asked))
    read = {name: value for name in asked if (value := held(subject, holdings, name)) is not None}
    try:
        found = replace(base, **read)
    except ValueError:  # of that name, and another thing
        return Reading(base, unknown=tuple(asked))
    unknown = tuple(name for name in asked if name not in read)
    return Reading(found, read, unknown, tuple(slips(subject, holdings, case.hyperparameters[0])))


def held(subject: SubjectInterface, holdings: Holdings, name: str) -> float | None:
    """A hyperparameter as the optimizer's groups, its defaults, or its attributes hold it; None where none does."""
    for place in (holdings.group, holdings.defaults, holdings.attributes):
        for value in values_of(place, subject, name):
            return value
    return None


def values_of(place: Mapping[Any, Any], subject: SubjectInterface, name: str) -> Iterator[float]:
    """Numbers that a mapping holds under the names of a hyperparameter."""
    betas = place.get(subject.rename.get("betas", "betas"))
    pair = betas if isinstance(betas, list | tuple) and len(betas) > 1 else (None, None)
    singly = [place.get(key) for key in (subject.spelling.get(name, name), *USUAL_NAMES[name])]
    for value in (*singly, pair[int(name == "beta2")] if name.startswith("beta") else None):
        number = as_number(value)
        if number is not None:
            yield number


def slips(subject: SubjectInterface, holdings: Holdings, given: Hyperparameters) -> Iterator[str]:
    """Sentences on what was set and is held otherwise, to float32: a tensor may hold it."""
    first = holdings.group
    for name in (name for name in subject.read if name in subject.settable):
        kept = first.get(subject.spelling[name])
        if kept is None:
            continue
        value, found = float(getattr(given, name)), next(values_of(first, subject, name), None)
        if found is None or np.float32(found) != np.float32(value):
            text = f"{found:g}" if found is not None else repr(kept)[:60]
            yield f"{name} was set to {value:g}, and its groups hold {text}"
