"""Where a subject comes from, and what its process may take."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

TIMEOUT = 60.0
"""Seconds without a sign of life (a step begun, an answer given) after which a subject counts as hung. The slowest
single step that was seen, the first one under `torch.compile`, takes about five."""
MEMORY = 8.0
"""GiB that a subject's process may take beyond what it begins with; a check's own tensors take some megabytes."""


@dataclass(frozen=True)
class Limits:
    """What a subject's process may take.

    Args:
        timeout: seconds without a sign of life.
        memory: GiB beyond what the process begins with.
    """

    timeout: float = TIMEOUT
    memory: float = MEMORY

    def __post_init__(self) -> None:
        for name in ("timeout", "memory"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} must be a positive number, got {value!r}")


@dataclass(frozen=True)
class Source:
    """A class or factory, by name or as an object, and the arguments that it is called with.

    Args:
        target: its name, `package.module:Class` or `path/to/file.py:Class`; what reports call it.
        factory: itself, where it was given as an object.
        arguments: fixed constructor arguments.
        legacy: under the shim for code written for an old torch.
        device: of the tensors.
        decay: the weight decay that the caller says it has, "coupled" or "decoupled"; empty where that is asked of it.
        folder: from which relative names are looked up.
    """

    target: str
    factory: Callable[..., Any] | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    legacy: bool = False
    device: str = "cpu"
    decay: str = ""
    folder: str = field(default_factory=os.getcwd)
