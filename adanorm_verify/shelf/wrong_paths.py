"""Wrong optimizers whose formula is right on one path, or for one kind of shape, and wrong on the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from ._base import Adam, AdamNorm, Now, subjects_of


class TwoPaths(Adam):
    """The foreach path divides eps by the root of the bias correction, and the single-tensor path does not."""

    def __init__(self, params: Iterable[Any], *arguments: Any, foreach: bool = False, **named: Any) -> None:
        super().__init__(params, *arguments, **named, foreach=foreach)

    def denominator(self, now: Now) -> Tensor:
        if now.group["foreach"]:
            return (now.v.sqrt() + now.eps) / self.bc2(now) ** 0.5
        return super().denominator(now)


class UncorrectedOnPath(Adam):
    """A path that must be asked for, to be mixed in, lacks the second bias correction."""

    path: str

    def bc2(self, now: Now) -> float:
        return 1.0 if now.group[self.path] else super().bc2(now)


class CapturableUncorrected(UncorrectedOnPath):
    """The capturable path lacks the second bias correction."""

    path = "capturable"

    def __init__(self, params: Iterable[Any], *arguments: Any, capturable: bool = False, **named: Any) -> None:
        super().__init__(params, *arguments, **named, capturable=capturable)


class FusedUncorrected(UncorrectedOnPath):
    """The fused path lacks the second bias correction."""

    path = "fused"

    def __init__(self, params: Iterable[Any], *arguments: Any, fused: bool = False, **named: Any) -> None:
        super().__init__(params, *arguments, **named, fused=fused)


class NormOfFirstRow(AdamNorm):
    """The norm of a matrix is that of its first row."""

    def norm(self, g: Tensor) -> Tensor:
        return torch.linalg.vector_norm(g[:1] if g.ndim > 1 else g)


WRONG_PATHS = tuple(subject for subject in subjects_of(globals()) if subject is not UncorrectedOnPath)
