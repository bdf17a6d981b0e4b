"""Hyperparameters, validated at the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .equations import HYPERPARAMETERS

DOMAINS = {
    "lr": (">= 0", lambda x: x >= 0),
    "beta1": ("in [0, 1)", lambda x: (x >= 0) & (x < 1)),
    "beta2": ("in [0, 1)", lambda x: (x >= 0) & (x < 1)),
    "gamma": ("in [0, 1)", lambda x: (x >= 0) & (x < 1)),
    "eps": (">= 0", lambda x: x >= 0),
}


@dataclass(frozen=True)
class Hyperparameters:
    """The paper's hyperparameters; defaults are those of its experiments (section 4).

    Each is a finite float, or an array that broadcasts against the batch axes of a run.

    Args:
        lr: learning rate α, >= 0.
        beta1: decay of the first moment, in [0, 1).
        beta2: decay of the second moment, in [0, 1).
        gamma: decay of the norm average, in [0, 1).
        eps: ε of the denominator, >= 0.

    Raises:
        ValueError: a value outside its domain, with the value in the message.
    """

    lr: Any = 1e-3
    beta1: Any = 0.9
    beta2: Any = 0.999
    gamma: Any = 0.95
    eps: Any = 1e-8

    def __post_init__(self) -> None:
        for name in HYPERPARAMETERS:
            domain, holds = DOMAINS[name]
            value = getattr(self, name)
            try:
                array = np.asarray(value).astype(np.float64, casting="same_kind")  # no texts, no objects
            except (TypeError, ValueError):
                raise ValueError(f"{name} must be a number {domain}, got {value!r}") from None
            if not np.all(np.isfinite(array) & holds(array)):
                raise ValueError(f"{name} must be finite and {domain}, got {value!r}")

    def items(self) -> dict[str, Any]:
        """Name to value as float64, in the paper's order."""
        return {f.name: np.asarray(getattr(self, f.name), dtype=np.float64) for f in fields(self)}


def rounded(value: float, dtype: str) -> np.float64:
    """A number rounded to float32, float16 or bfloat16 (to even), as float64."""
    if dtype == "bfloat16":  # the upper half of a float32
        bits = int(np.float32(value).view(np.uint32))
        bits += 0x7FFF + (bits >> 16 & 1)
        return np.float64(np.uint32(bits & 0xFFFF0000).view(np.float32))
    return np.float64(np.float16(value) if dtype == "float16" else np.float32(value))


def kept(numbers: Mapping[str, float], conventions: Mapping[str, str]) -> dict[str, Any]:
    """Numbers in the formats that a list's conventions say: `lr_in` is the format of lr."""
    return {k: rounded(x, conventions[f"{k}_in"]) if f"{k}_in" in conventions else x for k, x in numbers.items()}
