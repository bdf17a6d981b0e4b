"""What the step t counts: the gradients of each tensor, or what implementations count in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np


@lru_cache(maxsize=1024)  # the diagnosis runs the same few cases with every list
def counted(convention: str, groups: tuple[int, ...], present: tuple[tuple[bool, ...], ...]) -> list[list[int]]:
    """t, by step and tensor; what stands for tensors without a gradient is of no use.

    Args:
        convention: one of `COUNTS`.
        groups: of each tensor.
        present: whether there is a gradient, by step and tensor.
    """
    return COUNTS[convention](np.array(present), groups).tolist()


Count = Callable[[np.ndarray, Sequence[int]], np.ndarray]
"""t by step and tensor, from which gradients are there and the group of each tensor."""


def of_tensor(present: np.ndarray, groups: Sequence[int]) -> np.ndarray:
    return np.cumsum(present, axis=0)


def of_calls(present: np.ndarray, groups: Sequence[int]) -> np.ndarray:
    return np.broadcast_to(np.arange(1, len(present) + 1)[:, None], present.shape)


def of_all_tensors(present: np.ndarray, groups: Sequence[int]) -> np.ndarray:
    """One count goes on from tensor to tensor, group after group."""
    order = np.argsort(groups, kind="stable")
    count = np.zeros(present.shape, dtype=int)
    count[:, order] = np.cumsum(present[:, order]).reshape(present.shape)
    return count


def by_group(count: Count) -> Count:
    """The count of each group's tensors for themselves."""

    def apart(present: np.ndarray, groups: Sequence[int]) -> np.ndarray:
        counts = np.zeros(present.shape, dtype=int)
        for group in set(groups):
            own = np.flatnonzero(np.equal(groups, group))
            counts[:, own] = count(present[:, own], [group] * len(own))
        return counts

    return apart


def of_one(turn: int) -> Count:
    """The count of the first tensor with a gradient, or with a turn of -1 of the last one, for all tensors."""

    def shared(present: np.ndarray, groups: Sequence[int]) -> np.ndarray:
        count = np.cumsum(present, axis=0)[:, ::turn]
        first = np.argmax(present[:, ::turn], axis=1)
        return np.broadcast_to(count[np.arange(len(count)), first][:, None], present.shape)

    return shared


COUNTS: Mapping[str, Count] = {
    "tensor": of_tensor,
    "group": of_calls,
    "tensors": by_group(of_all_tensors),
    "all tensors": of_all_tensors,
    "first tensor": by_group(of_one(1)),
    "last tensor": by_group(of_one(-1)),
}
"""By the answer of the convention `step_count`."""
