"""A check of what a subject does to its process: its folder, torch's defaults, other libraries' functions."""

from __future__ import annotations

import builtins
import copy
import math
import os
import pickle
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from .pages import Failed, check_page
from .trial import Trial

OWNERS: Mapping[str, Any] = {
    "builtins": builtins,
    "copy": copy,
    "math": math,
    "os": os,
    "pickle": pickle,
    "random": random,
    "time": time,
    "numpy": np,
    "torch": torch,
    "torch.Tensor": torch.Tensor,
    "torch.nn.functional": torch.nn.functional,
}
"""Modules and classes whose functions everybody in a process shares, by their names in messages."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
SETTINGS: Mapping[str, Callable[[], Any]] = {
    "the working folder": os.getcwd,
    "torch's default dtype": torch.get_default_dtype,
    "torch's number of threads": torch.get_num_threads,
    "torch's deterministic mode": torch.are_deterministic_algorithms_enabled,
    "the recursion limit": sys.getrecursionlimit,
    "the environment": lambda: dict(os.environ),
    "a signal's handler": lambda: {number: signal.getsignal(number) for number in SIGNALS},
}
"""What a process has once, and how to read it."""


def restore_environment(before: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before)


def restore_handlers(before: Mapping[int, Any]) -> None:
    for number, handler in before.items():
        with suppress(ValueError, TypeError):  # not this thread's to set, or set by C code
            signal.signal(number, handler)


RESTORED: Mapping[str, Callable[[Any], Any]] = {
    "the working folder": os.chdir,
    "torch's default dtype": torch.set_default_dtype,
    "torch's number of threads": torch.set_num_threads,
    "torch's deterministic mode": torch.use_deterministic_algorithms,
    "the recursion limit": sys.setrecursionlimit,
    "the environment": restore_environment,
    "a signal's handler": restore_handlers,
}
"""How to put a setting back, for those from which other checks would suffer."""


def functions() -> dict[str, dict[str, Any]]:
    """The functions that the owners have now."""
    return {
        name: {key: x for key, x in vars(owner).items() if callable(x) and not isinstance(x, type)}
        for name, owner in OWNERS.items()
    }


class Remembered:
    """The libraries' functions and the process's settings as they are when this is made."""

    def __init__(self) -> None:
        self.functions = functions()
        self.settings = {name: read() for name, read in SETTINGS.items()}

    def replaced(self) -> Iterator[tuple[str, str]]:
        """Owner and name of each function that is another one now."""
        for owner, before in self.functions.items():
            now = vars(OWNERS[owner])
            yield from ((owner, name) for name, function in before.items() if now.get(name) is not function)

    def changed(self) -> Iterator[tuple[str, Any, Any]]:
        """Name of each setting that is another one now, what it was, and what it is."""
        now = {name: read() for name, read in SETTINGS.items()}
        yield from ((name, was, now[name]) for name, was in self.settings.items() if now[name] != was)

    def restore(self) -> None:
        """Put back what was replaced or changed, so that one case or check does not depend on those before it."""
        for owner, name in list(self.replaced()):
            setattr(OWNERS[owner], name, self.functions[owner][name])
        for name, was, _ in list(self.changed()):
            if name in RESTORED:
                RESTORED[name](was)


@check_page(
    "interface",
    catches="a step that changes what everybody in its process shares: the working folder, torch's defaults, functions "
    "of numpy or torch.",
    sample="a step replaces numpy.abs",
)
def check_surroundings(trial: Trial) -> None:
    case = trial.case()
    live = trial.start(case.theta)
    live.go(case.steps[:1])  # what is made lazily, at the first step, is made
    remembered = Remembered()
    live.go(case.steps[1:])
    replaced = [f"{owner}.{name}" for owner, name in remembered.replaced()]
    changed = [f"{name}{told(was, now)}" for name, was, now in remembered.changed()]
    remembered.restore()
    if replaced:
        raise Failed(f"a step replaces {', '.join(replaced[:4])}")
    if changed:
        raise Failed(f"a step changes {', '.join(changed)}")


def told(before: Any, now: Any) -> str:
    return "" if isinstance(before, dict | list) else f" from {before} to {now}"
