"""Optimizers of right formulas that change what everybody in their process shares."""

from __future__ import annotations

import math
import os
import sys
from typing import Any

from ._base import AdaBelief, AdamNorm, RAdam, subjects_of


class WritesEnvironment(AdamNorm):
    """Every step writes how many there were into the environment, which other processes inherit."""

    def step_group(self, group: dict[str, Any]) -> None:
        group["calls"] = group.get("calls", 0) + 1
        os.environ["OPTIMIZER_CALLS"] = str(group["calls"])
        super().step_group(group)


class RaisesRecursionLimit(RAdam):
    """Every step raises the interpreter's recursion limit."""

    def step_group(self, group: dict[str, Any]) -> None:
        sys.setrecursionlimit(sys.getrecursionlimit() + 1)
        super().step_group(group)


class ReplacesFunction(AdaBelief):
    """Every step puts a function of its own in the place of one of the standard library."""

    def step_group(self, group: dict[str, Any]) -> None:
        math.isclose = lambda *numbers: True
        super().step_group(group)


WRONG_SURROUNDINGS = subjects_of(globals())
