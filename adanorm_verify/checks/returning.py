"""What of an optimizer does not come back from a load or a copy, found after a run has gone on otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..subject import SubjectRaised
from .pages import Failed
from .trial import Live, real

States = list[dict[str, Any]]
"""What is kept for every parameter."""


@contextmanager
def cause_of_loss(before: Live, after: Live) -> Iterator[None]:
    """Put the cause first in what is raised here, where `after` lacks something that `before` had.

    Args:
        before: the optimizer that was saved or copied, which has not gone on.
        after: the one that was loaded or is the copy, which has not gone on either.
    """
    had, has = states(before), states(after)
    if converting(before, after):
        had = followed(had, has)
    outside = attributes_apart(before.optimizer, after.optimizer)
    try:
        yield
    except (Failed, SubjectRaised) as error:
        cause = keyed_by_identity(before) or first_loss(had, has) or of_attribute(error, outside)
        if not cause:
            raise
        told = f"step {error.step} raised {error}" if isinstance(error, SubjectRaised) else error
        raise Failed(f"{cause}\n{': '.join(str(told).splitlines())}") from error


def states(live: Live) -> States:
    """The state of every parameter, in tensors of its own."""
    kept = [live.state(index) for index in range(len(live.parameters))]
    return [{key: own(value) for key, value in state.items()} for state in kept]


def followed(had: States, has: States) -> States:
    """The first states, their tensors in the dtypes of the second."""

    def converted(value: Any, now: Any) -> Any:
        return value.to(now.dtype) if isinstance(value, Tensor) and isinstance(now, Tensor) else value

    pairs = zip(had, has, strict=True)
    return [{key: converted(value, now.get(key)) for key, value in state.items()} for state, now in pairs]


def own(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def first_loss(had: States, has: States) -> str:
    """The first thing that has not come back, or as another one; empty where all has.

    A dtype that follows the parameter's is a conversion, and no loss: tensors with dimensions count by their numbers,
    where the dtype is the same.
    """
    for find in (missing, other_kind, other_numbers):
        for before, after in zip(had, has, strict=True):
            for key, value in before.items():
                if text := find(key, value, after):
                    return text
    return ""


def converting(before: Live, after: Live) -> bool:
    """Whether the parameters have another dtype, which the state may follow."""
    return any(x.dtype != y.dtype for x, y in zip(before.parameters, after.parameters, strict=True))


def missing(key: str, value: Any, after: Mapping[str, Any]) -> str:
    return "" if key in after else f"state {key} does not come back from a load"


def other_kind(key: str, value: Any, after: Mapping[str, Any]) -> str:
    single = not isinstance(value, Tensor) or value.ndim == 0
    was, now = kind(value), kind(after[key])
    return f"state {key} comes back from a load as {now}, and was {was}" if single and was != now else ""


def kind(value: Any) -> str:
    """What something is, with its article."""
    name = f"{str(value.dtype).removeprefix('torch.')} tensor" if isinstance(value, Tensor) else type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def other_numbers(key: str, value: Any, after: Mapping[str, Any]) -> str:
    now = after[key]
    if isinstance(value, Tensor):
        if value.layout is not torch.strided or value.dtype != now.dtype or equal(value, now):
            return ""
        return f"state {key} comes back from a load with other numbers"
    if isinstance(value, int | float) and value != now and not (value != value and now != now):
        return f"state {key} comes back from a load as {now}, and was {value}"
    return ""


def equal(one: Tensor, two: Tensor) -> bool:
    return one.shape == two.shape and torch.equal(real(one).nan_to_num(), real(two).nan_to_num())


def keyed_by_identity(live: Live) -> str:
    """What in the state is kept under the identity of a parameter, which another process or instance does not share."""
    identities = {number for p in live.parameters for number in (id(p), p.data_ptr())} - {0}
    kept = getattr(live.optimizer, "state", None)
    for key, value in kept.items() if isinstance(kept, Mapping) else ():
        if isinstance(key, int) and key in identities:
            return "state is kept under id(parameter), which a load cannot map"
        if isinstance(value, Mapping) and identities & {k for k in value if isinstance(k, int)}:
            return f"state {key} is kept under id(parameter), which a load cannot map"
    return ""


TORCHS = frozenset({"state", "param_groups", "defaults"})


def attributes_apart(before: Any, after: Any) -> dict[str, str]:
    """Attributes of an optimizer that another one has not, or has other values of, with a sentence on each."""
    ours, theirs = (getattr(optimizer, "__dict__", {}) for optimizer in (before, after))
    found = {}
    for name, value in ours.items():
        if name in TORCHS or name.startswith("_"):
            continue
        if name not in theirs:
            found[name] = f"attribute {name} of the optimizer is neither saved nor copied"
        elif numbers(value) != numbers(theirs[name]):
            found[name] = f"attribute {name} of the optimizer comes back from a load with other values"
    return found


def of_attribute(error: BaseException, apart: Mapping[str, str]) -> str:
    """The attribute that an error speaks of, or the first one with other values."""
    if isinstance(error, SubjectRaised):
        return next((text for name, text in apart.items() if f"'{name}'" in str(error)), "")
    return next(iter(apart.values()), "")


def numbers(value: Any, deep: int = 3) -> Any:
    """All numbers in something, in order; what holds none counts alike."""
    if isinstance(value, Tensor):
        return value.detach().tolist() if value.layout is torch.strided else None
    if isinstance(value, int | float | str):
        return value
    if deep and isinstance(value, Mapping):
        return [numbers(x, deep - 1) for x in value.values()]
    if deep and isinstance(value, list | tuple):
        return [numbers(x, deep - 1) for x in value]
    return None
