"""Periodic sequences of integers in the order of simplicity, longer ones at random, and simpler ones than a given one.

A sequence stands for its rotations, which change nothing in the long run, and for its reflection g -> -g, which turns
the interval round: the first of them in the order that puts large integers first, with a positive sum, so that -1 is
the best point of [-1, 1]. Sequences whose sum is zero are left out: every fixed point has the same loss, and wherever
the point tends, the average regret tends to 0. A common factor is not divided out: eps, diffGrad's friction and the
steps of gradient descent see it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np

LARGEST = {1: 20, 2: 20, 3: 20, 4: 12, 5: 7, 6: 4, 7: 3, 8: 2, 9: 1, 10: 1, 11: 1, 12: 1}
"""Period to the largest integer up to which all sequences are looked at: at most a million a period before symmetry."""
LONGEST = 256
"""Rounds in a period of the rare large gradient: Adam at its default hyperparameters fails from 74 on."""
CHUNK = 4096
"""Sequences that are judged at once."""


@dataclass(frozen=True)
class Range:
    """Integers up to `largest` in size, with at least one of that size, `period` of them."""

    period: int
    largest: int


RANGES = tuple(Range(period, largest) for period, top in LARGEST.items() for largest in range(1, top + 1))
"""Shortest period first, then smallest integers."""


@cache
def all_of(which: Range) -> np.ndarray:
    """All sequences of a range up to symmetry, (n, P), simplest first; read-only.

    Simple is: a small sum of sizes, then few different integers, then the lexicographic order.
    """
    P, K = which.period, which.largest
    digits = np.arange((2 * K + 1) ** P)[:, None] // (2 * K + 1) ** np.arange(P - 1, -1, -1) % (2 * K + 1)
    values = (K - digits).astype(np.int64)  # large integers first
    values = values[(np.abs(values).max(axis=1) == K) & (values.sum(axis=1) > 0)]
    values = values[first_rotation(values)]
    order = np.lexsort((*(-values.T[::-1]), different(values), np.abs(values).sum(axis=1)))
    found = values[order]
    found.flags.writeable = False
    return found


def first_rotation(values: np.ndarray) -> np.ndarray:
    """Whether each sequence, (n, P), is the first of its rotations and of no shorter period: (n,)."""
    P = values.shape[1]
    first = np.ones(len(values), dtype=bool)
    for shift in range(1, P):
        difference = values - np.roll(values, shift, axis=1)
        where = np.argmax(difference != 0, axis=1)
        leading = difference[np.arange(len(values)), where]
        first &= leading > 0  # equal: it is a shorter sequence again
    return first


def different(values: np.ndarray) -> np.ndarray:
    """How many different integers each sequence has: (n,)."""
    ordered = np.sort(values, axis=1)
    return 1 + np.count_nonzero(np.diff(ordered, axis=1), axis=1)


def canonical(sequence: Sequence[int]) -> tuple[int, ...]:
    """The sequence that stands for this one: shortest period, positive sum, first rotation."""
    values = [int(g) if sum(sequence) > 0 else -int(g) for g in sequence]
    P = next(p for p in range(1, len(values) + 1) if len(values) % p == 0 and values == values[:p] * (len(values) // p))
    return max(tuple(values[k:P] + values[:k]) for k in range(P))


def rare(longest: int = LONGEST) -> Iterator[np.ndarray]:
    """One large gradient and small ones of the other sign, by period: (n, P), the smallest positive sums first."""
    for P in range(3, longest + 1):
        sizes = [((P - 1) * a + more, a) for a in (1, 2, 3) for more in (1, 2, 3)]
        rows = [[A, *[-a] * (P - 1)] for A, a in sizes if new(A, a)]
        yield np.array(rows, dtype=np.int64)


def new(A: int, a: int) -> bool:
    """Whether the pair is no multiple of one that is listed too."""
    return a == 1 or np.gcd(A, a) == 1


def drawn(generator: np.random.Generator, count: int) -> list[np.ndarray]:
    """Random sequences, grouped by period: 2 to 24 rounds, sizes up to 2 to 32, positive sums."""
    groups: dict[int, list[np.ndarray]] = {}
    for P in np.sort(generator.integers(2, 25, size=8)):
        largest = int(generator.integers(2, 33))
        values = generator.integers(-largest, largest + 1, size=(count // 8, P))
        groups.setdefault(int(P), []).append(positive(values))
    return [np.concatenate(group) for group in groups.values()]


def mutated(generator: np.random.Generator, parents: np.ndarray, count: int) -> np.ndarray:
    """Children of sequences of one period, (count, P): one or two integers changed a little."""
    children = parents[generator.integers(len(parents), size=count)].copy()
    for _ in range(2):
        at = generator.integers(children.shape[1], size=count)
        children[np.arange(count), at] += generator.integers(-3, 4, size=count)
    return positive(children)


def positive(values: np.ndarray) -> np.ndarray:
    """Those of nonzero sum, reflected where it is negative."""
    sums = values.sum(axis=1)
    return (values * np.sign(sums)[:, None])[sums != 0]


def simpler(sequence: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Sequences one change away that are simpler, simplest first.

    A change brings one integer or two nearer to zero, or leaves one out and brings at most one nearer, or divides all
    by a number.
    """
    shorter = [sequence[:k] + sequence[k + 1 :] for k in range(len(sequence)) if len(sequence) > 1]
    found = [*shorter, *(changed for one in shorter for changed in nearer(one))]
    found += [tuple(round(g / factor) for g in sequence) for factor in range(2, max(map(abs, sequence)) + 1)]
    found += [*nearer(sequence), *(twice for once in nearer(sequence) for twice in nearer(once))]
    kept = {canonical(one) for one in found if sum(one) != 0}
    return sorted((one for one in kept if simplicity(one) < simplicity(sequence)), key=simplicity)


def nearer(sequence: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The sequence with one integer in turn made zero, halved, or made smaller by one."""
    found = []
    for k, g in enumerate(sequence):
        ends = {0, int(g / 2), g - int(np.sign(g))} - {g}
        found += [(*sequence[:k], end, *sequence[k + 1 :]) for end in sorted(ends)]
    return found


def simplicity(sequence: Sequence[int]) -> tuple:
    """The order: shortest period, smallest integers, smallest sum of sizes, fewest different ones, large ones first."""
    sizes = [abs(g) for g in sequence]
    return len(sequence), max(sizes), sum(sizes), len(set(sequence)), tuple(-g for g in sequence)


def shown(sequence: Sequence[int] | Mapping[str, Any]) -> str:
    """A sequence for people, such as 75, 74 times -1; or a two-point law."""
    if isinstance(sequence, Mapping):
        return f"{sequence['A']} with probability {sequence['p']}, -{sequence['a']} otherwise"
    if len(sequence) <= 8:
        return ", ".join(map(str, sequence))
    runs = [(g, len(list(alike))) for g, alike in groupby(sequence)]
    return ", ".join(f"{count} times {g}" if count > 1 else str(g) for g, count in runs)
