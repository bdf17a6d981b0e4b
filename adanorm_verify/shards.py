"""How many shards there can be, and a list that knows of them."""

from __future__ import annotations

from dataclasses import replace

from .paper import Algorithm

LARGEST = 16
"""Ranks, at most: each is a process of some hundred megabytes."""


def in_shards(algorithm: Algorithm, count: int) -> Algorithm:
    """The list, knowing of how many shards it is asked, so that deviations may be of those."""
    return replace(algorithm, constants={**algorithm.constants, "shards": float(count)}) if count else algorithm
