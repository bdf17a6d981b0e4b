"""Candidates of the hunt, stage by stage: sequences whose settled drift leads the optimizer, not the control, astray.

The order of simplicity: the given hyperparameters come first wherever a short sequence of small integers does
(`sequences.RANGES`); then the shortest sequence at the nearest other hyperparameters; then longer sequences at the
given ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby, product
from typing import Any

import numpy as np

from . import sequences
from .methods import DEFAULTS, method_of
from .sequences import CHUNK, RANGES, canonical, simplicity
from .settled import SURE, settle

LADDERS = {"beta1": (0.9, 0.5, 0.0), "beta2": (0.999, 0.99, 0.9, 0.5, 0.1), "gamma": (0.95, 0.99, 0.5)}
"""Hyperparameters that are tried, from the defaults away."""
ELSEWHERE = 5
"""Longest period that is looked at for other hyperparameters."""
KEPT = 64
"""Sequences of a period, the nearest to failing, from which others are made."""
PATIENCE = 32
"""Batches, of some hundred sequences each, over which what was found is held back."""
Progress = Callable[[str, int, float], None]


class Ended(Exception):
    """The budget is used up."""


@dataclass
class Budget:
    """Of the search: a number of sequences, or seconds.

    Args:
        effort: sequences and distributions to be judged; None for no end.
        seconds: None for no end.
        progress: told the stage, how many were judged, and the part of the budget that is used.
    """

    effort: int | None = None
    seconds: float | None = None
    progress: Progress | None = None
    examined: dict[str, int] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    @property
    def judged(self) -> int:
        return sum(self.examined.values())

    def take(self, stage: str, wanted: int) -> int:
        """How many of `wanted` may be judged; they count.

        Raises:
            Ended: none.
        """
        left = wanted if self.effort is None else min(wanted, self.effort - self.judged)
        used = 0.0 if self.seconds is None else (time.monotonic() - self.begun) / self.seconds
        if left <= 0 or used >= 1:
            raise Ended
        self.examined[stage] = self.examined.get(stage, 0) + left
        if self.progress:
            self.progress(stage, self.judged, used if self.effort is None else self.judged / self.effort)
        return left


@dataclass(frozen=True)
class Judge:
    """What tells candidates.

    Args:
        optimizer: settings.
        control: settings.
        threads: that share a batch.
    """

    optimizer: Mapping[str, Any]
    control: Mapping[str, Any]
    threads: int = 1

    def margins(self, values: np.ndarray, settings: Mapping[str, Any] | None = None) -> np.ndarray:
        """How far from learning each sequence of positive sum is, in [-1, 1]; above 0 it fails: (n,) for (n, P)."""
        method = method_of(settings or self.optimizer)
        parts = np.array_split(values, self.threads) if len(values) >= CHUNK // 2 else [values]
        with ThreadPoolExecutor(self.threads) as pool:
            return np.concatenate(list(pool.map(lambda part: settle(method, part.T).margin, parts)))

    def candidates(self, values: np.ndarray, margins: np.ndarray) -> np.ndarray:
        """Those that fail where the control learns, in their order."""
        failing = values[margins > SURE]
        return failing[self.margins(failing, self.control) < -SURE] if len(failing) else failing

    def fails(self, sequence: Sequence[int]) -> bool:
        values = np.array([sequence], dtype=np.int64)
        return len(self.candidates(values, self.margins(values))) > 0


def nearest(settings: Mapping[str, Any], fixed: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The other hyperparameters: few changed ones first, then small changes on the ladders."""
    read = method_of(settings).listed.hyperparameters
    names = [name for name in LADDERS if name in read and name not in fixed]
    found = []
    for steps in product(*(range(len(LADDERS[name])) for name in names)):
        changed = {name: LADDERS[name][k] for name, k in zip(names, steps, strict=True) if k}
        if changed:
            found.append((len(changed), sum(steps), steps, {**settings, **changed}))
    return [one for *_, one in sorted(found, key=lambda item: item[:3])]


# The stages ------------------------------------------------------------------------------------------------------

Candidate = tuple[str, dict[str, Any], tuple[int, ...]]
"""Stage, settings of the optimizer, sequence."""


def short(judge: Judge, budget: Budget) -> Iterator[Candidate]:
    """Every short sequence of small integers at the given hyperparameters, in the order of simplicity."""
    for which in RANGES:
        for values in chunks(sequences.all_of(which)):
            yield from judged("short sequences", judge, budget, values)


def elsewhere(judge: Judge, budget: Budget) -> Iterator[Candidate]:
    """The same at other hyperparameters, the nearest first within each range."""
    given = [key for key in judge.optimizer if key in LADDERS and judge.optimizer[key] != DEFAULTS[key]]
    others = nearest(judge.optimizer, given)
    for which in (one for one in RANGES if one.period <= ELSEWHERE):
        values = sequences.all_of(which)
        for settings in others:
            for part in chunks(values):
                yield from judged("other hyperparameters", Judge(settings, judge.control, judge.threads), budget, part)


def rare(judge: Judge, budget: Budget) -> Iterator[Candidate]:
    """One large gradient among small ones of the other sign, up to long periods."""
    for values in sequences.rare():
        yield from judged("rare large gradients", judge, budget, values)


def random(judge: Judge, budget: Budget, seed: int) -> Iterator[Candidate]:
    """Random sequences, and changes of those that came nearest to failing, without end.

    What fails is shrunk, and held back for `PATIENCE` batches in which something simpler may turn up.
    """
    generator = np.random.default_rng(seed)
    pools: dict[int, np.ndarray] = {}
    waiting: set[tuple[int, ...]] = set()
    patience = PATIENCE
    try:
        while True:
            batches = sequences.drawn(generator, CHUNK)
            batches += [sequences.mutated(generator, pool, CHUNK // 8) for pool in list(pools.values())]
            for values in (batch for batch in batches if len(batch)):
                values, P = values[: budget.take("random sequences", len(values))], values.shape[1]
                margins = judge.margins(values)
                if failing := [canonical(row) for row in judge.candidates(values, margins)]:
                    waiting.add(shrunk(judge, min(failing, key=simplicity)))
                together = np.unique(np.concatenate([pools.get(P, values[:0]), values]), axis=0)
                pools[P] = together[np.argsort(-judge.margins(together), kind="stable")[:KEPT]]
                patience -= bool(waiting)
                if patience == 0:
                    yield from of_random(judge, waiting)
                    waiting, patience = set(), PATIENCE
    except Ended:
        yield from of_random(judge, waiting)
        raise


def of_random(judge: Judge, found: Collection[tuple[int, ...]]) -> Iterator[Candidate]:
    for sequence in sorted(found, key=simplicity):
        yield "random sequences", dict(judge.optimizer), sequence


def chunks(values: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(values), CHUNK):
        yield values[first : first + CHUNK]


def judged(stage: str, judge: Judge, budget: Budget, values: np.ndarray) -> Iterator[Candidate]:
    values = values[: budget.take(stage, len(values))]
    for row in judge.candidates(values, judge.margins(values)):
        yield stage, dict(judge.optimizer), tuple(int(g) for g in row)


def shrunk(judge: Judge, sequence: tuple[int, ...]) -> tuple[int, ...]:
    """The simplest candidate that one simplification after another leads to."""
    while (found := simplest_failing(judge, sequences.simpler(sequence))) is not None:
        sequence = found
    return sequence


def simplest_failing(judge: Judge, ordered: Sequence[tuple[int, ...]]) -> tuple[int, ...] | None:
    """The first candidate of sequences that come by period, simplest first."""
    for _, group in groupby(ordered, key=len):
        values = np.array(list(group), dtype=np.int64)
        failing = judge.candidates(values, judge.margins(values))
        if len(failing):
            return tuple(int(g) for g in failing[0])
    return None
