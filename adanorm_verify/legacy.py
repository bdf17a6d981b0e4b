"""Research code written for an old torch, run unedited: positional scalars and names that have gone, put back."""

import numbers
import sys
import types
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

import torch

POSITIONAL = {
    "add": ("alpha", ("other",)),
    "sub": ("alpha", ("other",)),
    "addcmul": ("value", ("tensor1", "tensor2")),
    "addcdiv": ("value", ("tensor1", "tensor2")),
}
"""Function to the keyword that its scalar became, and the operands that followed the scalar."""


class Required:
    """What torch.optim.optimizer.required was: the default of an argument that must be given."""

    def __repr__(self) -> str:
        return "<required parameter>"


OLD_NAMES: dict[str, dict[str, Any]] = {
    "torch.optim.optimizer": {"required": Required()},
    "torch._six": {"inf": float("inf"), "nan": float("nan"), "string_classes": (str, bytes), "int_classes": int},
}
"""Module to the names that old code imports from it."""


def active() -> bool:
    """Whether the shim is open."""
    return bool(OPEN)


OPEN: list[Counter[str]] = []
"""What the open shims have translated."""


@contextmanager
def shim() -> Iterator[Counter[str]]:
    """Old calls and names work while it is open; yields how often each was translated."""
    used: Counter[str] = Counter()
    with ExitStack() as stack:
        for name in POSITIONAL:
            stack.enter_context(patched(torch, name, translating(torch, name, used)))
            for method in (name, f"{name}_"):
                stack.enter_context(patched(torch.Tensor, method, translating(torch.Tensor, method, used)))
        for module, names in OLD_NAMES.items():
            stack.enter_context(offering(module, names, used))
        OPEN.append(used)
        try:
            yield used
        finally:
            OPEN.remove(used)


@contextmanager
def patched(owner: Any, name: str, value: Any) -> Iterator[None]:
    """`owner.name` is `value` for a while; a name that `owner` inherits is inherited again afterwards."""
    absent = object()
    before = vars(owner).get(name, absent)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is absent:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


def translating(owner: Any, name: str, used: Counter[str]) -> Callable[..., Any]:
    """Today's function, which also takes a scalar before its operands."""
    today = getattr(owner, name)
    keyword, operands = POSITIONAL[name.removesuffix("_")]
    first = "input, " if owner is torch else ""
    spelled = f"{name}({first}{keyword}, {', '.join(operands)})"

    @wraps(today)
    def call(tensor: Any, *given: Any, **options: Any) -> Any:
        if len(given) == 1 + len(operands) and scalar(given[0]) and keyword not in options:
            used[spelled] += 1
            return today(tensor, *given[1:], **options, **{keyword: given[0]})
        return today(tensor, *given, **options)

    return call


def scalar(value: Any) -> bool:
    return isinstance(value, numbers.Number) or (isinstance(value, torch.Tensor) and value.ndim == 0)


@contextmanager
def offering(module: str, names: Mapping[str, Any], used: Counter[str]) -> Iterator[None]:
    """A module has the names that it lacks today; one that has gone is there again."""

    def look_up(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        used[f"{module}.{name}"] += 1
        return names[name]

    found = sys.modules.get(module)
    if found is not None:
        with patched(found, "__getattr__", look_up):  # asked only for what the module itself lacks
            yield
        return
    stand_in = types.ModuleType(module)
    stand_in.__getattr__ = look_up  # type: ignore[method-assign]
    sys.modules[module] = stand_in
    try:
        yield
    finally:
        del sys.modules[module]
