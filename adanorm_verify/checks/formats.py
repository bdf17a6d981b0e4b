"""Checks of saved states in other formats, and of those that are loaded more than once."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ..subject import SubjectRaised, groups_of
from . import fresh
from .pages import Failed, Warned, check_page
from .saving import HalfWay, counts, resumable
from .state import copied
from .trial import HALF, Live, Trial


@check_page(
    "state",
    catches="a state that goes on otherwise through formats that know lists and numbers only (JSON); it warns of one "
    "that torch.load refuses with weights_only=True, and notes what is neither a tensor nor a number.",
    sample="a state whose tuples have become lists goes on otherwise: tensor 0, element 0 after step 1: ...",
)
def check_state_in_other_formats(trial: Trial) -> str:
    half = resumable(trial)
    saved = half.saved
    allowed = trial.twice(trial.case())[HALF:]
    refused = []
    for what, change in {"tuples have become lists": listed, "counts are plain numbers": plain}.items():
        changed = change(saved)
        if same_leaves(saved, changed):
            continue
        try:
            found = half.go(trial, changed)
        except Exception as error:  # a load or a step may raise anything
            cause = error.error if isinstance(error, SubjectRaised) else error
            refused.append(f"a state whose {what} cannot be continued ({type(cause).__name__}: {cause})")
            continue
        trial.alike(found, half.expected, allowed, f"a state whose {what} goes on otherwise")
    try:
        torch.load(io.BytesIO(fresh.saved(saved)), weights_only=True)
    except pickle.UnpicklingError as error:
        strange = strangers(saved, safe=True) or "something that is not plain"
        raise Warned(f"a saved state needs torch.load(weights_only=False): it holds {strange}") from error
    if refused:
        raise Warned("; ".join(refused))
    strange = strangers(saved, safe=False)
    return f"JSON and safetensors have no place for {strange}" if strange else ""


def mapped(value: Any, leaf: Callable[[Any], Any], sequence: Callable[[Any, list[Any]], Any]) -> Any:
    """A nested value with its leaves and sequences changed."""
    if isinstance(value, dict):
        return {key: mapped(x, leaf, sequence) for key, x in value.items()}
    if type(value) in (list, tuple):
        return sequence(value, [mapped(x, leaf, sequence) for x in value])
    return leaf(value)


def listed(saved: Any) -> Any:
    """The state with lists for tuples, as JSON and YAML give them back."""
    return mapped(saved, copy.deepcopy, lambda old, new: new)


def plain(saved: Any) -> Any:
    """The state with plain numbers for tensors that count steps, as other versions and formats have them."""

    def number(value: Any) -> Any:
        return int(value) if isinstance(value, Tensor) and counts(value) else copy.deepcopy(value)

    return mapped(saved, number, lambda old, new: type(old)(new))


def same_leaves(one: Any, two: Any) -> bool:
    return [(p, type(x)) for p, x in leaves(one)] == [(p, type(x)) for p, x in leaves(two)]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in nested dicts, lists and tuples, with its place; lists and tuples themselves too."""
    if isinstance(value, Mapping):
        for key, x in value.items():
            yield from leaves(x, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        yield path, value
        for index, x in enumerate(value):
            yield from leaves(x, f"{path}[{index}]")
    else:
        yield path, value


PLAIN = (bool, int, float, str, type(None))
SAFE = (*PLAIN, complex, bytes, torch.dtype, torch.device, torch.Size)
"""What `weights_only=True` lets through besides tensors and containers, as far as states hold such things."""


def strangers(saved: Any, safe: bool) -> str:
    """What a state holds besides dense tensors, plain numbers and plain containers: three, with types."""
    allowed = SAFE if safe else PLAIN
    found = {}
    for path, value in leaves(saved):
        dense = type(value) in (Tensor, torch.nn.Parameter) and (safe or value.layout is torch.strided)
        if not dense and type(value) not in (*allowed, list, tuple):
            found[path] = type(value).__name__
    return ", ".join(f"{path} ({name})" for path, name in list(found.items())[:3])


@check_page(
    "state",
    catches="a load that changes the caller's dict or shares more with it than the tensors of the state, which torch "
    "shares too; and instances loaded from one dict that share something.",
    sample="a step after a load changes the caller's dict: state.0.step was 4, and is 5",
)
def check_state_loaded_twice(trial: Trial) -> None:
    half = resumable(trial)
    saved = copy.deepcopy(half.saved)
    before = told(without_shared(saved))
    one, two = (trial.start(copied(half.live.parameters)) for _ in range(2))
    for other in (one, two):
        other.optimizer.load_state_dict(saved)
        unchanged(before, told(without_shared(saved)), "a load changes the caller's dict")
    refuse_shared(one, two)
    before = told(without_shared(saved), tensors=False)
    one.go(half.rest[:1])
    unchanged(before, told(without_shared(saved), tensors=False), "a step after a load changes the caller's dict")
    in_turns(trial, half)


def without_shared(saved: Any) -> Any:
    """The state without entries of no parameter, which torch hands on as they are."""
    if not isinstance(saved, dict) or not isinstance(saved.get("state"), dict):
        return saved
    return {**saved, "state": {key: value for key, value in saved["state"].items() if isinstance(key, int)}}


def told(saved: Any, tensors: bool = True) -> dict[str, Any]:
    """What a state holds, place by place, as values that later changes leave alone.

    Args:
        saved: a state dict.
        tensors: also those outside of the groups; torch shares them with the optimizer, which changes them.
    """
    found = {}
    for path, value in leaves(saved):
        if isinstance(value, Tensor):
            if tensors or path.startswith("param_groups"):
                found[path] = str(value.dtype), str(value.detach().tolist() if value.layout is torch.strided else value)
        else:
            found[path] = (type(value).__name__, repr(value) if isinstance(value, PLAIN) else "")
    return found


def unchanged(before: Mapping[str, Any], after: Mapping[str, Any], what: str) -> None:
    for path, value in before.items():
        if path not in after:
            raise Failed(f"{what}: {path} is gone")
        if after[path] != value:
            was, now = (" ".join(filter(None, x[::-1])) for x in (value, after[path]))
            raise Failed(f"{what}: {path} was {was[:60]}, and is {now[:60]}")
    if added := [path for path in after if path not in before]:
        raise Failed(f"{what}: {added[0]} is new")


def refuse_shared(one: Live, two: Live) -> None:
    """Raise `Failed` where two instances loaded from one dict share a dict, which each of them changes."""
    ours, theirs = states_of(one), states_of(two)
    for tensor, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if isinstance(mine, dict) and mine is other:
            raise Failed(f"two instances loaded from one dict share the state of tensor {tensor}")
    pairs = zip(groups_of(one.optimizer) or [], groups_of(two.optimizer) or [], strict=False)
    for number, (mine, other) in enumerate(pairs):
        if mine is other:
            raise Failed(f"two instances loaded from one dict share the options of group {number}")


def states_of(live: Live) -> list[Any]:
    """The very objects in which an optimizer keeps the state of each parameter; None where it keeps none so."""
    states = getattr(live.optimizer, "state", None)
    return [states.get(parameter) if isinstance(states, Mapping) else None for parameter in live.parameters]


def in_turns(trial: Trial, half: HalfWay) -> None:
    """Hold two instances that have loaded dicts of their own and step in turns against the run not interrupted."""
    if trial.draws:
        return
    pair = [trial.start(copied(half.live.parameters)) for _ in range(2)]
    for other in pair:
        other.optimizer.load_state_dict(copy.deepcopy(half.saved))
    found: list[list[Any]] = [[], []]
    for step in half.rest:
        for other, path in zip(pair, found, strict=True):
            path += other.go([step])
    for path in found:
        trial.same(path, half.expected, "two instances that have loaded the same state disturb each other")
