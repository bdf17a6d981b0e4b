"""Playing a problem: many runs of one method, side by side, from checkpoint to checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ..paper import Hyperparameters
from .compiling import Kernel, kernel
from .links import LINKS
from .methods import Method
from .problems import Problem, key_of
from .tasks import BLOCK, LAYOUTS, Task
from .text import FLUSH

UNIT = 2.0**-53
LINE = 64
"""Bytes of a line of the cache; the values of a block, BLOCK doubles a coordinate, are a multiple of it."""


@dataclass(frozen=True)
class Checkpoint:
    """What is known of all runs after `horizon` rounds; arrays have the runs first.

    Args:
        horizon: T, rounds played.
        loss: sum of f_t(theta_t), the losses as they were met.
        rounding: how far `loss` may be from the exact sum at the points that were played, from adding it up.
        theta: the point of round T + 1, (runs, d).
        counts: how often each row was met, (runs, rows); of `cyclic` and `iid`.
        sums: of the gradients, (runs, d); of rows that are made up.
        measures: where they were asked for: `G` and `G_inf`, the largest gradient in either norm, (runs,); `squares`,
            sums of g^2, `lowest` and `highest`, the range of theta_1, ..., theta_T, and the state's `v`, (runs, d).
    """

    horizon: int
    loss: np.ndarray
    rounding: np.ndarray
    theta: np.ndarray
    counts: np.ndarray | None
    sums: np.ndarray | None
    measures: dict[str, np.ndarray]


class Game:
    """Runs of one method on one problem, which differ in their randomness, their start, or their table.

    Args:
        method: what is played.
        problem: against; its table is every run's, where `tables` gives none.
        runs: how many.
        seed: of all randomness.
        start: theta_1, (d,) or (runs, d); the middle of the set when not given.
        tables: rows (runs, rows, d), labels and weights (runs, rows) and, for `iid`, chances (runs, rows), of each run.
        first_run: number of the first run: run k of a game that starts at n is run n + k of one that starts at 0.
        measured: whether `Checkpoint.measures` is filled.
        threads: that share the runs.

    Raises:
        ValueError: a start outside the set, shapes that do not fit, or a step that cannot be projected onto the set.
    """

    def __init__(
        self,
        method: Method,
        problem: Problem,
        runs: int = 1,
        seed: int = 0,
        start: np.ndarray | Sequence[float] | float | None = None,
        tables: tuple[np.ndarray, np.ndarray, np.ndarray] | tuple[np.ndarray, ...] | None = None,
        first_run: int = 0,
        measured: bool = False,
        threads: int = 1,
    ) -> None:
        if runs < 1:
            raise ValueError(f"runs must be at least 1, got {runs!r}")
        self.method, self.problem, self.runs, self.threads, self.measured = method, problem, runs, threads, measured
        self.horizon = 0
        refuse_unplayable(method, problem)
        d = problem.dimension
        layout = "blocks" if runs > 1 else "scalar" if d == 1 else "single"
        width = BLOCK if layout == "blocks" else 1
        self.blocks = -(-runs // width)
        plain = replace(method, hyperparameters=Hyperparameters())  # whose numbers are not part of the text
        batched = problem.batch > 1
        self.kernel = kernel_of(plain, problem.link, problem.sampling, problem.feasible.kind, layout, batched, measured)
        many = self.blocks * width
        theta = np.broadcast_to(problem.feasible.middle if start is None else np.asarray(start, float), (runs, d))
        for point in np.unique(theta, axis=0):
            if not problem.feasible.contains(point):
                raise ValueError(f"{problem.name}: the start {point.tolist()} lies outside the set")
        shape = (self.blocks, d, width)
        self.elements = laid_out(len(self.kernel.elements), *shape)
        self.tensors = laid_out(len(self.kernel.tensors), self.blocks, width)
        padded = np.concatenate([theta, np.repeat(theta[:1], many - runs, axis=0)])
        self.elements[self.kernel.elements.index("theta")] = padded.reshape(self.blocks, width, d).swapaxes(1, 2)
        self.totals = laid_out(3, self.blocks, width)
        self.sums = laid_out(*shape)
        self.peaks = laid_out(2, self.blocks, width)
        self.ranges = laid_out(3, *shape)
        self.ranges[1:] = np.array([np.inf, -np.inf])[:, None, None, None]
        self.rows = len(problem.y)
        self.counts = np.zeros(many * max(self.rows, 1) if problem.sampling == "iid" else 1, np.int64)
        self.keys = np.array([key_of(seed, first_run + run) for run in range(many)], np.uint64)
        self._lay_tables(tables, many)
        values = method.hyperparameters.items()
        self.numbers = (*(float(values[n]) for n in values), *map(float, method.listed.constants.values()))

    def _lay_tables(self, tables, many: int) -> None:
        problem = self.problem
        if tables is None:
            self.a, self.y, self.w = problem.a, problem.y, problem.w
            self.cumulative = np.cumsum(problem.probabilities) if problem.sampling == "iid" else np.zeros(1)
            self.offsets = np.zeros(many, np.int64)
            return
        a, y, w = (np.asarray(part, dtype=np.float64) for part in tables[:3])
        if a.shape != (self.runs, self.rows, problem.dimension) or y.shape != w.shape != a.shape[:2]:
            raise ValueError(f"{problem.name}: tables of shape {a.shape} for {self.runs} runs of {self.rows} rows")
        self.a, self.y, self.w = a.reshape(-1, problem.dimension), y.ravel(), w.ravel()
        chances = tables[3] if len(tables) > 3 else np.full((self.runs, self.rows), 1 / max(self.rows, 1))
        self.cumulative = np.cumsum(np.asarray(chances, dtype=np.float64), axis=1).ravel()
        self.offsets = np.minimum(np.arange(many), self.runs - 1) * self.rows

    def play(self, horizon: int) -> Checkpoint:
        """Go on to `horizon` rounds in all.

        Raises:
            ValueError: a horizon that lies behind.
        """
        if horizon <= self.horizon:
            raise ValueError(f"horizon must be above {self.horizon}, got {horizon!r}")
        if self.threads > 1 and self.blocks > 1:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(lambda block: self._play(block, horizon), range(self.blocks)))
        else:
            for block in range(self.blocks):
                self._play(block, horizon)
        self.horizon = horizon
        return self.checkpoint()

    def _play(self, block: int, horizon: int) -> None:
        problem = self.problem
        self.kernel.play(
            *(self.horizon + 1, horizon, block, problem.dimension, self.elements, self.tensors, self.numbers),
            *(self.a, self.y, self.w, self.cumulative, self.rows, problem.batch, problem.scale),
            *(self.offsets, self.keys, problem.feasible.low, problem.feasible.high, problem.feasible.radius),
            *(self.totals, self.counts, self.sums, self.peaks, self.ranges),
        )

    def _flat(self, blocked: np.ndarray) -> np.ndarray:
        """(blocks, width) or (blocks, d, width) as (runs,) or (runs, d)."""
        moved = np.moveaxis(blocked, -1, 1)
        return moved.reshape(-1, *moved.shape[2:])[: self.runs].copy()

    def checkpoint(self) -> Checkpoint:
        """What is known now."""
        problem = self.problem
        total, lost, size = (self._flat(part) for part in self.totals)
        counts = sums = None
        if problem.sampling == "iid":
            counts = self.counts.reshape(-1, self.rows)[: self.runs].copy()
        elif problem.sampling == "cyclic":
            turns = np.array([(self.horizon - row + self.rows - 1) // self.rows for row in range(self.rows)])
            counts = np.broadcast_to(turns, (self.runs, self.rows)).copy()
        else:
            sums = self._flat(self.sums)
        units = min(self.horizon, FLUSH) * problem.batch + 2
        return Checkpoint(
            self.horizon, total + lost, units * UNIT * size, self.state("theta"), counts, sums, self._measures()
        )

    def _measures(self) -> dict[str, np.ndarray]:
        if not self.measured:
            return {}
        squares, lowest, highest = (self._flat(part) for part in self.ranges)
        largest, norm = (self._flat(part) for part in self.peaks)
        found = {"G": np.sqrt(norm), "G_inf": largest, "squares": squares, "lowest": lowest, "highest": highest}
        return found | ({"v": self.state("v")} if "v" in self.kernel.elements else {})

    def state(self, name: str) -> np.ndarray:
        """A quantity of the state now: (runs, d) or, where a run has one value of it, (runs,)."""
        if name in self.kernel.elements:
            return self._flat(self.elements[self.kernel.elements.index(name)])
        return self._flat(self.tensors[self.kernel.tensors.index(name)])


def laid_out(*shape: int) -> np.ndarray:
    """Zeros that begin at a line of the cache: threads that play neighbouring blocks never write to the same line."""
    size = int(np.prod(shape))
    raw = np.zeros(size + LINE // 8)
    first = -raw.ctypes.data % LINE // 8
    return raw[first : first + size].reshape(shape)


def refuse_unplayable(method: Method, problem: Problem) -> None:
    """Raise ValueError where a step may not have a projection: an infinite one, or in a norm that may be zero."""
    kind = problem.feasible.kind
    if method.name == "leader" and kind != "box":
        raise ValueError(f"{problem.name}: leader steps to infinity, which is projected onto a box only, not a {kind}")
    if kind in ("ball", "simplex") and "metric" in method.listed and not method.hyperparameters.eps > 0:
        raise ValueError(f"{problem.name}: eps must be above 0 on a {kind}, got {method.hyperparameters.eps!r}")


@cache
def kernel_of(
    method: Method, link: str, sampling: str, kind: str, layout: str, batched: bool, measured: bool
) -> Kernel:
    """The compiled loop of a method on one kind of problem."""
    return kernel(Task(method.listed, LINKS[link], sampling, kind, LAYOUTS[layout], batched, measured))


def checkpoints(game: Game, horizons: Sequence[int]) -> Iterator[Checkpoint]:
    """The game at each of the horizons, which grow."""
    for horizon in horizons:
        yield game.play(horizon)


def dyadic(first: int, last: int) -> list[int]:
    """first, 2 first, 4 first, ... up to last, which is always the end."""
    found = [first]
    while found[-1] * 2 <= last:
        found.append(found[-1] * 2)
    return found if found[-1] == last else [*found, last]
