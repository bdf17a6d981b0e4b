"""A case: a list of tensors, their hyperparameters, and the gradients that drive an optimizer through its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from .paper import Hyperparameters

LONG_KEY = 4096
"""Bytes beyond which an array's digest stands for it in a key."""
Gradients = tuple[np.ndarray | None, ...]
"""The gradients of one step, one a tensor; None where that tensor has none."""


@dataclass(frozen=True)
class Case:
    """One run. Gradients do not depend on the parameters, so errors do not feed back through them.

    Args:
        name: what it is for, or "generated".
        theta: start of each tensor, float64.
        groups: group of each tensor, numbered from 0 without gaps.
        hyperparameters: one a group.
        steps: the gradients, float64, of the tensors' shapes.
        changes: step (from 1) to the hyperparameters, one a group, that hold from there on.
        jumps: step (from 1) to the number that every tensor's t is set to before it, as an edited checkpoint does.
    """

    name: str
    theta: tuple[np.ndarray, ...]
    groups: tuple[int, ...]
    hyperparameters: tuple[Hyperparameters, ...]
    steps: tuple[Gradients, ...]
    changes: Mapping[int, tuple[Hyperparameters, ...]] = field(default_factory=dict)
    jumps: Mapping[int, int] = field(default_factory=dict)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(theta.shape for theta in self.theta)

    @cached_property
    def present(self) -> tuple[tuple[bool, ...], ...]:
        """Whether there is a gradient, by step and tensor."""
        return tuple(tuple(gradient is not None for gradient in gradients) for gradients in self.steps)

    @property
    def fingerprint(self) -> tuple[Any, ...]:
        """Equal for cases that are the same to the last bit, their names apart."""
        numbers = tuple(
            float(x)
            for groups in (self.hyperparameters, *self.changes.values())
            for own in groups
            for x in own.items().values()
        )
        events = (*self.changes, -1, *self.jumps.items())
        steps = tuple(tuple(g if g is None else bits(g) for g in gradients) for gradients in self.steps)
        return self.shapes, self.groups, numbers, events, tuple(bits(theta) for theta in self.theta), steps

    def changing(self, step: int, **values: float) -> Case:
        """The same case with other hyperparameters in every group from a step (from 1) on, until they change again."""
        now = next((own for at, own in sorted(self.changes.items(), reverse=True) if at <= step), self.hyperparameters)
        return replace(self, changes={**self.changes, step: tuple(replace(own, **values) for own in now)})

    def first(self, steps: int) -> Case:
        """The same case, ended after `steps` steps."""
        return replace(self, steps=self.steps[:steps])

    def keeping(self, tensors: Sequence[int]) -> Case:
        """The same case with some of its tensors; groups that lose all of theirs go."""
        kept = sorted({self.groups[i] for i in tensors})
        return replace(
            self,
            theta=tuple(self.theta[i] for i in tensors),
            groups=tuple(kept.index(self.groups[i]) for i in tensors),
            hyperparameters=tuple(self.hyperparameters[group] for group in kept),
            steps=tuple(tuple(gradients[i] for i in tensors) for gradients in self.steps),
            changes={step: tuple(own[group] for group in kept) for step, own in self.changes.items()},
        )

    def only(self, tensor: int) -> Case:
        """The same case with one of its tensors alone."""
        return self.keeping([tensor])

    def without(self, tensor: int) -> Case:
        """The same case without one of its tensors."""
        return self.keeping([i for i in range(len(self.theta)) if i != tensor])

    def arrays(self) -> Iterator[np.ndarray]:
        """Every array of the case."""
        yield from self.theta
        for gradients in self.steps:
            yield from (gradient for gradient in gradients if gradient is not None)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able record with floats stored exactly; a case with changes or jumps has none."""
        if self.changes or self.jumps:  # only checks run such cases, and none is a counterexample
            raise TypeError(f"case {self.name!r} has changes or jumps, which no document holds")
        return {
            "name": self.name,
            "theta": [exact(theta) for theta in self.theta],
            "groups": list(self.groups),
            "hyperparameters": [{k: float(v).hex() for k, v in h.items().items()} for h in self.hyperparameters],
            "steps": [[None if g is None else exact(g) for g in gradients] for gradients in self.steps],
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Case:
        """The case of a record that `to_json` wrote."""
        return cls(
            record["name"],
            tuple(inexact(theta) for theta in record["theta"]),
            tuple(record["groups"]),
            tuple(Hyperparameters(**{k: float.fromhex(v) for k, v in h.items()}) for h in record["hyperparameters"]),
            tuple(tuple(None if g is None else inexact(g) for g in gradients) for gradients in record["steps"]),
        )


def bits(array: np.ndarray) -> bytes:
    """What tells an array from others to the last bit: its bytes, or a digest where those are many."""
    return array.tobytes() if array.nbytes <= LONG_KEY else sha256(array.tobytes()).digest()


def exact(array: np.ndarray) -> dict[str, Any]:
    """Shape and hexadecimal floats."""
    return {"shape": list(array.shape), "values": [float(x).hex() for x in array.ravel()]}


def inexact(record: dict[str, Any]) -> np.ndarray:
    return np.array([float.fromhex(x) for x in record["values"]], dtype=np.float64).reshape(record["shape"])
