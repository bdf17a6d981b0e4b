"""Optimizers of right formulas that lose a part of long tensors, or some among many."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ._base import AdaBelief, AdaBeliefNorm, Adam, AdamNorm, DiffGrad, DiffGradNorm, Now, RAdamNorm, subjects_of


def scaled_at(update: Tensor, where: Any, factor: float) -> Tensor:
    """A copy of which some elements, counted from first to last, are multiplied by a factor."""
    flat = update.flatten().clone()
    flat[where] *= factor
    return flat.view(update.shape)


class TailOfChunkDropped(Adam):
    """Elements beyond the last whole chunk of 1,024 are not stepped."""

    def update(self, now: Now) -> Tensor:
        update = super().update(now)
        whole = update.numel() // 1024 * 1024
        return scaled_at(update, slice(whole, None), 0) if whole else update


class LastVectorTwice(DiffGrad):
    """The elements that are left over after vectors of 16 are stepped by the loop for vectors and by one of their
    own, on tensors of more than a thousand elements."""

    def update(self, now: Now) -> Tensor:
        update = super().update(now)
        whole = update.numel() // 16 * 16
        return scaled_at(update, slice(whole, None), 2) if whole > 1000 else update


class NormOfWholeChunks(AdamNorm):
    """The norm of a long gradient leaves out what is over after chunks of 4,096."""

    def norm(self, g: Tensor) -> Tensor:
        chunks = g.numel() // 4096 * 4096
        return super().norm(g.reshape(-1)[:chunks]) if chunks else super().norm(g)


class SecondBlockLost(AdamNorm):
    """A grid of 65,536 threads takes one element each, and there is no loop for the rest."""

    def update(self, now: Now) -> Tensor:
        return scaled_at(super().update(now), slice(65_536, None), 0)


class ThreadsMeet(AdaBelief):
    """Where a tensor is split between two threads, both step the element at the seam."""

    def update(self, now: Now) -> Tensor:
        update = super().update(now)
        return scaled_at(update, update.numel() // 2, 2) if update.numel() >= 32_768 else update


class SeveralNorms(DiffGradNorm):
    """Of a tensor of more than 32,768 elements, each part has a norm of its own, and the last one counts."""

    def norm(self, g: Tensor) -> Tensor:
        return super().norm(g.reshape(-1).split(32_768)[-1]) if g.numel() else super().norm(g)


class InBatches(Adam):
    """Tensors are gathered in batches of so many slots, as multi-tensor kernels do."""

    slots: int = 36

    def step_group(self, group: dict[str, Any]) -> None:
        batch: list[Tensor] = []
        for param in group["params"]:
            if param.grad is None:
                continue
            if len(batch) < self.slots:
                batch.append(param)
            if self.is_full(batch, param):
                self.flush(batch, group)
                batch = []
        self.flush(batch, group)

    def is_full(self, batch: list[Tensor], last: Tensor) -> bool:
        return len(batch) == self.slots

    def flush(self, batch: list[Tensor], group: dict[str, Any]) -> None:
        for param in batch:
            if param.grad is not None:
                self.step_tensor(param, param.grad, group)


class EmptyInLastSlot(InBatches):
    """A batch whose last slot has an empty tensor is not flushed, and the tensor after it is lost."""

    def is_full(self, batch: list[Tensor], last: Tensor) -> bool:
        return super().is_full(batch, last) and last.numel() > 0


class EmptyInLastSlotOfMany(EmptyInLastSlot, RAdamNorm):
    """A batch of 55 whose last slot has an empty tensor is not flushed, and the tensor after it is lost."""

    algorithm = "radamnorm"
    slots = 55


class AllButTheFirstBatch(InBatches):
    """There is room for 110 tensors, and those after them are never stepped."""

    slots = 110

    def step_group(self, group: dict[str, Any]) -> None:
        self.flush([param for param in group["params"] if param.grad is not None][: self.slots], group)


class GradientOfFirstBatch(InBatches, AdaBeliefNorm):
    """Beyond the first batch of 30, a tensor that has the shape of one of the first batch gets that one's gradient."""

    algorithm = "adabeliefnorm"
    slots = 30

    def step_group(self, group: dict[str, Any]) -> None:
        present = [param for param in group["params"] if param.grad is not None]
        for number, param in enumerate(present):
            first = present[number % self.slots]
            mine = param.grad if first.shape != param.shape else first.grad
            self.step_tensor(param, mine if number >= 2 * self.slots else param.grad, group)


class NormsBySize(AdamNorm):
    """Of more than 64 tensors the norms are kept in a table that has one place for each size."""

    def step_group(self, group: dict[str, Any]) -> None:
        self.table: dict[int, Tensor] = {}
        self.many = len(group["params"]) > 64
        super().step_group(group)

    def norm(self, g: Tensor) -> Tensor:
        own = super().norm(g)
        return self.table.setdefault(g.numel(), own) if self.many else own


WRONG_LARGE = tuple(subject for subject in subjects_of(globals()) if subject is not InBatches)
