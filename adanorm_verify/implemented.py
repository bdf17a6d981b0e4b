"""Whether a path exists: an argument of the constructor selects it only where some code looks at that argument."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .cases import Case
from .subject import Subject, quiet

Events = list[Any]
"""What happened during steps, in order: operations of torch with what they were given, and functions called."""

STEPS = 2
"""The first makes state, and the second finds it."""


def unread(subject: Subject, case: Case, path: str, dtype: str, device: str) -> str:
    """The argument of a path that `step` never looks at, in a sentence; empty where it does, or where nobody can say.

    A path is said not to exist only where two observations agree: with the argument and without it the steps do the
    same, operation by operation and call by call, and the argument is read neither from a parameter group nor from
    the defaults nor from the optimizer while they are taken.

    Args:
        subject: the optimizer, which takes a step on this path.
        case: of ordinary gradients, representable in `dtype`.
        path: a key of `subject.paths`.
        dtype: of the tensors.
        device: of the tensors.
    """
    flags = subject.paths[path]
    chosen = [name for name, value in flags.items() if value is True]

    def built(arguments: Mapping[str, Any]) -> tuple[Any, Callable[[], None]]:
        optimizer, parameters = subject.build(case, arguments, dtype, device, frozenset())

        def steps() -> None:
            for gradients in case.steps[:STEPS]:
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.grad = None if gradient is None else subject.placed(gradient, dtype, device)
                optimizer.step()

        return optimizer, steps

    try:
        with quiet(), torch.set_grad_enabled(torch.is_grad_enabled()):
            for name in chosen:
                # Again where it differs, since what is done once in a process, as to fill a cache, is no path.
                same = any(happened(built(flags)[1]) == happened(built({**flags, name: False})[1]) for _ in range(2))
                if same and name not in read_by(*built(flags)):
                    return f"{name}=True is accepted, and never read by step()"
    except KeyboardInterrupt:
        raise
    except BaseException:  # foreign code that will not be watched: it is taken at its word
        return ""
    return ""


class Operations(TorchDispatchMode):
    """Writes down every operation of torch, with its numbers and with the shapes and dtypes of its tensors."""

    def __init__(self, events: Events) -> None:
        super().__init__()
        self.events = events

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.events.append((str(func), *map(outlined, args), *map(outlined, (kwargs or {}).items())))
        return func(*args, **(kwargs or {}))


def outlined(value: Any) -> Any:
    """What of an argument is the same in two equal runs: of tensors, shape and dtype."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), str(value.dtype), str(value.device)
    if isinstance(value, list | tuple):
        return tuple(map(outlined, value))
    return str(value)


def happened(steps: Callable[[], None]) -> Events:
    """What happens while steps are taken."""
    events: Events = []
    with calls_to(events), Operations(events):
        steps()
    return events


@contextmanager
def calls_to(events: Events) -> Iterator[None]:
    """Write down which functions are called, those of this file and of the dispatch apart."""

    def note(frame: FrameType, event: str, called: Any) -> None:
        if event == "call":
            code = frame.f_code
            if code.co_filename not in (__file__, MODES):
                events.append((code.co_filename, code.co_firstlineno))
        elif event == "c_call" and frame.f_code.co_filename not in (__file__, MODES):
            events.append(getattr(called, "__name__", ""))

    before, collecting = sys.getprofile(), gc.isenabled()
    gc.disable()  # what it would finalise in between is no part of a step
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)
        if collecting:
            gc.enable()


MODES = sys.modules[TorchDispatchMode.__module__].__file__


class Watched(dict):
    """A dict that tells which of its keys are read; who walks through it or copies it reads them all."""

    def __init__(self, items: Mapping[str, Any], reads: set[str]) -> None:
        super().__init__(items)
        self.reads = reads

    def __getitem__(self, key: str) -> Any:
        self.reads.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.reads.add(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self.reads.add(key)
        return super().pop(key, *default)

    def __iter__(self) -> Iterator[str]:
        self.reads.update(super().keys())
        return super().__iter__()

    def keys(self) -> Any:
        self.reads.update(super().keys())
        return super().keys()

    def values(self) -> Any:
        self.reads.update(super().keys())
        return super().values()

    def items(self) -> Any:
        self.reads.update(super().keys())
        return super().items()

    def copy(self) -> dict[str, Any]:
        self.reads.update(super().keys())
        return super().copy()


def read_by(optimizer: Any, steps: Callable[[], None]) -> set[str]:
    """The names that steps read from the parameter groups, the defaults and the optimizer itself."""
    reads: set[str] = set()
    kind = type(optimizer)

    def look_up(self: Any, name: str) -> Any:
        reads.add(name)
        return kind.__getattribute__(self, name)  # type: ignore[call-arg]

    groups = optimizer.param_groups
    groups[:] = [Watched(group, reads) for group in groups]
    if isinstance(getattr(optimizer, "defaults", None), dict):
        optimizer.defaults = Watched(optimizer.defaults, reads)
    optimizer.__class__ = type(kind.__name__, (kind,), {"__getattribute__": look_up, "__module__": kind.__module__})
    reads.clear()
    steps()
    return reads
