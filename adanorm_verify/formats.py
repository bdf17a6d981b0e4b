"""The floating-point formats of a subject's tensors, and arrays rounded to them without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .cases import Case


def rounded_to_bfloat16(array: np.ndarray) -> np.ndarray:
    """Round to nearest, ties to even, from float64 by way of float32, as torch converts."""
    with np.errstate(over="ignore"):
        bits = np.asarray(array, dtype=np.float32).view(np.uint32)
    upper = ((bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32)
    finite = (bits & 0x7F800000) != 0x7F800000
    return np.where(finite, upper, bits & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)


def through(*dtypes: type[np.floating]) -> Callable[[np.ndarray], np.ndarray]:
    """Rounding to formats that NumPy has, one after the other."""

    def convert(array: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            for dtype in dtypes:
                array = np.asarray(array, dtype=dtype)
            return array.astype(np.float64)

    return convert


ROUNDED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "float64": through(np.float64),
    "float32": through(np.float32),
    "bfloat16": rounded_to_bfloat16,
    "float16": through(np.float32, np.float16),
}
"""Format to the function that rounds float64 numbers to it and gives them as float64."""
DTYPE_NAMES = tuple(ROUNDED)


def representable(case: Case, dtype: str) -> Case:
    """`case` with all its arrays rounded to `dtype`, so that subject and reference start from the same numbers."""
    rounded = ROUNDED[dtype]
    steps = tuple(tuple(None if g is None else rounded(g) for g in gradients) for gradients in case.steps)
    return replace(case, theta=tuple(rounded(theta) for theta in case.theta), steps=steps)
