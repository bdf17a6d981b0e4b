"""The counts in a state dict: numbers that follow the number of steps, found by watching, and set by hand."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import fresh
from .pages import NotApplicable
from .trial import Live, Trial, refusable

Place = tuple[Any, ...]
"""The keys that lead to a number in a state dict."""
Numbers = Mapping[Place, float]
DEPTH = 5
"""Of a number below the top: state, parameter, key, and one level of nesting, of dicts and of lists."""
OFFSETS = (0, 1, -1)
"""A count may be that of the steps taken, of the next one, or of the one before."""
ROUNDING = 4 * 2.0**-24
"""Relative, for each step taken: a running power is a product of so many rounded factors, kept in float32 or finer."""


@dataclass(frozen=True)
class Count:
    """A number that follows the number of steps.

    Args:
        place: where it is kept.
        offset: it stands for the steps taken and so many more.
        base: it is this to the power of the steps; the steps themselves where there is none.
        complement: it is one minus that power.
    """

    place: Place
    offset: int = 0
    base: float | None = None
    complement: bool = False

    def after(self, steps: int) -> float:
        """What it should be after so many steps."""
        number = steps + self.offset
        if self.base is None:
            return number
        power = self.base**number
        return 1 - power if self.complement else power

    def __str__(self) -> str:
        return "its count " + "".join(f"[{key!r}]" for key in self.place)


def numbers(state: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """The numbers in a state dict, tensors of one element among them, with their places."""
    if isinstance(state, Mapping | list) and len(place) < DEPTH:
        for key, value in state.items() if isinstance(state, Mapping) else enumerate(state):
            if key != "params":  # the parameters' own numbers
                yield from numbers(value, (*place, key))
    elif one_number(state):
        yield place, state


def one_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.layout is torch.strided and value.numel() == 1 and not value.is_complex() and not value.is_meta
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | complex)


def read(live: Live) -> Numbers:
    """The numbers that an optimizer would save now.

    Raises:
        NotApplicable: it cannot be asked.
    """
    if not callable(getattr(live.optimizer, "state_dict", None)):
        raise NotApplicable("it has no state_dict")
    with refusable("to be asked for its state_dict"):
        return {place: float(value) for place, value in numbers(live.optimizer.state_dict()) if small(value)}


def small(value: Any) -> bool:
    """Whether a number is no integer that a float cannot hold."""
    return not isinstance(value, int) or abs(value) <= 2**53


def counts_in(seen: Sequence[Numbers], bases: Sequence[float]) -> list[Count]:
    """The numbers that follow the number of steps.

    Args:
        seen: what was read after the first, second, ... step.
        bases: of the powers that may be kept.
    """
    found = []
    for place in seen[-1]:
        values = [read_then.get(place, math.nan) for read_then in seen]
        moved = all(x != y for x, y in pairwise(values))
        kinds = (count for count in candidates(place, bases) if moved and follows(count, values))
        if count := next(kinds, None):
            found.append(count)
    return found


def candidates(place: Place, bases: Sequence[float]) -> Iterator[Count]:
    for offset in OFFSETS:
        yield Count(place, offset)
    for offset in OFFSETS:
        for base in bases:
            yield Count(place, offset, base)
            yield Count(place, offset, base, complement=True)


def follows(count: Count, values: Sequence[float]) -> bool:
    """Whether values read after the first, second, ... step are those of a count."""
    slack = 0.0 if count.base is None else ROUNDING
    return all(abs(x - count.after(t)) <= slack * (t + 1) for t, x in enumerate(values, 1))


def holds(kept: Any, value: float) -> bool:
    """Whether the type in which a count is kept holds a value exactly."""
    if isinstance(kept, Tensor) and not kept.dtype.is_floating_point:
        return value <= torch.iinfo(kept.dtype).max
    return not isinstance(kept, Tensor) or float(torch.tensor(value, dtype=kept.dtype)) == value


def at(state: Any, place: Place) -> Any:
    for key in place:
        state = state[key]
    return state


def set_count(state: Any, count: Count, steps: int) -> None:
    """Set a count in a state dict to what it is after so many steps, in the type in which it is kept."""
    around, key = at(state, count.place[:-1]), count.place[-1]
    old, new = around[key], count.after(steps)
    around[key] = torch.full_like(old, new) if isinstance(old, Tensor) else type(old)(new)


def saved_state(live: Live) -> Any:
    """What a file of `torch.save` holds of an optimizer's state."""
    return fresh.loaded(fresh.saved(live.optimizer.state_dict()))


def types_of(live: Live, counts: Sequence[Count]) -> list[Any]:
    """What counts of steps are kept as now: tensors of a dtype, or Python's numbers, which have no limit."""
    state = live.optimizer.state_dict()
    return [at(state, count.place) for count in counts if count.base is None]


def taken_up(trial: Trial, live: Live, state: Any) -> Live:
    """A fresh instance over copies of an optimizer's parameters, which has loaded a state."""
    copies = [parameter.detach().clone() for parameter in live.parameters]
    other = trial.start(copies)
    other.optimizer.load_state_dict(state)
    return other


def set_forward(trial: Trial, live: Live, counts: Sequence[Count], steps: int) -> Live:
    """A fresh instance that has loaded an optimizer's state with its counts set to so many steps."""
    state = copy.deepcopy(live.optimizer.state_dict())
    for count in counts:
        set_count(state, count, steps)
    return taken_up(trial, live, state)
