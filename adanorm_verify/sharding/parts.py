"""What the ranks have of a tensor, put together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..interface import Snapshot


@dataclass(frozen=True)
class Part:
    """What one rank has of a quantity.

    Args:
        kind: "shard": some rows; "whole": all of it, as every rank should have; "rank": a number of this rank's own.
        array: float64.
    """

    kind: Literal["shard", "whole", "rank"]
    array: np.ndarray


RankSnapshot = Mapping[str, Part]
"""`theta` and the state of one tensor on one rank."""


def assembled(ranks: Sequence[RankSnapshot], shape: tuple[int, ...]) -> Snapshot:
    """The whole tensor and its state.

    Where ranks hold rows, those that hold none have no say. A number that each of them keeps for itself stands at all
    elements of its rows, whether the ranks agree or not. Where copies of one thing disagree there is none: NaN.
    """
    if ranks[0]["theta"].kind != "shard":
        holders = list(ranks)
    else:
        holders = [rank for rank in ranks if rank["theta"].array.size] or [ranks[0]]
    keys = [key for key in holders[0] if all(key in rank for rank in holders)]
    found = {key: joined([rank[key] for rank in holders], [rank["theta"] for rank in holders], shape) for key in keys}
    return {key: array for key, array in found.items() if array is not None}


def joined(parts: Sequence[Part], theta: Sequence[Part], shape: tuple[int, ...]) -> np.ndarray | None:
    """One quantity of those that hold rows; None where their parts do not make one."""
    kinds = {part.kind for part in parts}
    if kinds == {"shard"}:
        whole = np.concatenate([part.array for part in parts])
        return whole if whole.shape == shape else None
    if kinds == {"rank"} and theta[0].kind == "shard":
        rows = [np.full(own.array.shape, part.array.item()) for part, own in zip(parts, theta, strict=True)]
        return np.concatenate(rows)
    return agreed([part.array for part in parts]) if len(kinds) == 1 else None


def agreed(copies: Sequence[np.ndarray]) -> np.ndarray | None:
    """What all copies are, NaN where they are not the same; None where they differ in shape."""
    first = copies[0]
    if any(copy.shape != first.shape for copy in copies):
        return None
    same = np.all([(copy == first) | (np.isnan(copy) & np.isnan(first)) for copy in copies], axis=0)
    return np.where(same, first, np.nan)
