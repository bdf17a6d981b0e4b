"""How fast games are played: beside a loop written by hand, many at once beside one at a time, and at long horizons."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numba
import numpy as np

from ..paper import Hyperparameters
from .methods import Method
from .playing import Game
from .problems import Problem, periodic
from .sets import Feasible
from .text import VANISHES

SCHEMA = 1
SEQUENCE = (3.0, -1.0, -1.0)
METHOD = Method("adamnorm")
SINGLE_ROUNDS = 10**7
SEEDS, MANY_ROUNDS, DIMENSION, THREADS = 1000, 10**5, 10, 2
ALONE, ALONE_ROUNDS = 3, 10**6
HORIZONS = (10**5, 10**6, 10**7, 10**8)
WARMUP = 2000
"""Rounds that compile and fill the caches; the powers of beta1 have vanished, those of beta2 have not."""

Contenders = Mapping[str, Callable[[], Any]]


@numba.njit(error_model="numpy")
def by_hand(gradients, rounds, lr, beta1, beta2, gamma, eps, low, high):
    """AdamNorm on linear losses of one coordinate as one would write it for this alone: the sum of the losses, theta.

    Running products for the powers of the decays until they vanish beside 1, reciprocals of the bias corrections that
    are kept from then on, one pass, no arrays besides the gradients; a plain sum.
    """
    theta = m = v = e = total = 0.0
    power1 = power2 = unbias1 = unbias2 = 1.0
    phase = 0
    for t in range(1, rounds + 1):
        g = gradients[phase]
        phase += 1
        if phase == gradients.size:
            phase = 0
        total += g * theta
        norm = abs(g)
        e = gamma * e + (1 - gamma) * norm
        s = e / norm * g if e > norm and norm > 0 else g
        m = beta1 * m + (1 - beta1) * s
        v = beta2 * v + (1 - beta2) * (g * g)
        if power1 > VANISHES:
            power1 *= beta1
            unbias1 = 1 / (1 - power1)
        if power2 > VANISHES:
            power2 *= beta2
            unbias2 = 1 / (1 - power2)
        theta -= lr / np.sqrt(t) * (m * unbias1) / (np.sqrt(v * unbias2) + eps)
        theta = min(max(theta, low), high)
    return total, theta


def by_hand_of(method: Method, rounds: int) -> tuple[float, float]:
    """`by_hand` on the sequence that is timed."""
    values = method.hyperparameters.items().values()
    loop: Any = by_hand
    return loop(np.array(SEQUENCE), rounds, *map(float, values), -1.0, 1.0)


def signs() -> Problem:
    """Sign-random linear losses on a box."""
    none = np.zeros(0)
    box = Feasible("box", DIMENSION)
    return Problem("signs", "linear", box, "signs", np.zeros((0, DIMENSION)), none, none)


def measure(
    rounds: int = 5,
    progress: Callable[[int, int], None] | None = None,
    *,
    share: float = 1.0,
) -> list[dict[str, Any]]:
    """All timings, each the median of interleaved rounds.

    Args:
        rounds: of the comparison, at least 3.
        progress: called with (rounds done, rounds in all).
        share: of the usual horizons, in (0, 1]; smaller ones are for trying it out.

    Returns:
        `one run`: nanoseconds a round of the compiled list and of the loop by hand, and their ratio;
        `many runs`: nanoseconds a round and run of many at once and of one at a time, and how much faster many are;
        `horizon`: for each, nanoseconds a round and the peak of traced memory in bytes.

    Raises:
        ValueError: fewer than 3 rounds, or a share outside of its range.
    """
    if rounds < 3:
        raise ValueError(f"rounds must be at least 3, got {rounds!r}")
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share!r}")
    total = 3 * rounds
    ticks = [None if progress is None else partial(_tick, progress, total, rounds * part) for part in range(3)]
    return [_one_run(rounds, share, ticks[0]), _many_runs(rounds, share, ticks[1]), *_horizons(rounds, share, ticks[2])]


def _tick(progress: Callable[[int, int], None], total: int, before: int, done: int) -> None:
    progress(before + done, total)


def _play(problem: Problem, runs: int, horizon: int, threads: int, seed: int = 0) -> None:
    Game(METHOD, problem, runs, seed, threads=threads).play(horizon)


def _one_run(rounds: int, share: float, tick: Callable[[int], None] | None) -> dict[str, Any]:
    horizon = max(WARMUP, int(SINGLE_ROUNDS * share))
    contenders: Contenders = {
        "compiled": partial(_play, periodic(SEQUENCE), 1, horizon, 1),
        "by hand": partial(by_hand_of, METHOD, horizon),
    }
    _play(periodic(SEQUENCE), 1, WARMUP, 1)
    by_hand_of(METHOD, WARMUP)
    seconds = interleaved(contenders, rounds, tick)
    ratios = [ours / theirs for ours, theirs in zip(seconds["compiled"], seconds["by hand"], strict=True)]
    return {
        "name": "one run",
        "horizon": horizon,
        "rounds": rounds,
        "compiled_ns": nanoseconds(seconds["compiled"], horizon),
        "by_hand_ns": nanoseconds(seconds["by hand"], horizon),
        **_spread(ratios),
    }


def _many_runs(rounds: int, share: float, tick: Callable[[int], None] | None) -> dict[str, Any]:
    horizon, alone = max(WARMUP, int(MANY_ROUNDS * share)), max(WARMUP, int(ALONE_ROUNDS * share))
    problem = signs()

    def one_at_a_time() -> None:
        for seed in range(ALONE):
            _play(problem, 1, alone, 1, seed)

    contenders: Contenders = {"many": partial(_play, problem, SEEDS, horizon, THREADS), "alone": one_at_a_time}
    _play(problem, SEEDS, WARMUP, THREADS)
    _play(problem, 1, WARMUP, 1)
    seconds = interleaved(contenders, rounds, tick)
    ratios = [
        (one / (ALONE * alone)) / (many / (SEEDS * horizon))
        for many, one in zip(seconds["many"], seconds["alone"], strict=True)
    ]
    return {
        "name": "many runs",
        "seeds": SEEDS,
        "horizon": horizon,
        "dimension": DIMENSION,
        "threads": THREADS,
        "rounds": rounds,
        "many_ns": nanoseconds(seconds["many"], SEEDS * horizon),
        "alone_ns": nanoseconds(seconds["alone"], ALONE * alone),
        "alone_runs": ALONE,
        "alone_horizon": alone,
        **_spread(ratios),
    }


def _horizons(rounds: int, share: float, tick: Callable[[int], None] | None) -> list[dict[str, Any]]:
    horizons = [max(WARMUP, int(horizon * share)) for horizon in HORIZONS]
    problem = periodic(SEQUENCE)
    _play(problem, 1, WARMUP, 1)
    seconds = interleaved({str(n): partial(_play, problem, 1, n, 1) for n in dict.fromkeys(horizons)}, rounds, tick)
    return [
        {
            "name": "horizon",
            "horizon": horizon,
            "rounds": rounds,
            "round_ns": nanoseconds(seconds[str(horizon)], horizon),
            "peak_bytes": peak(partial(_play, problem, 1, horizon, 1)),
        }
        for horizon in dict.fromkeys(horizons)
    ]


def interleaved(
    contenders: Contenders, rounds: int, tick: Callable[[int], None] | None = None
) -> dict[str, list[float]]:
    """Seconds of each contender in each round: one after the other, so that all meet the same machine."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for done in range(1, rounds + 1):
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender()
            seconds[name].append(time.perf_counter() - start)
        if tick is not None:
            tick(done)
    return seconds


def peak(call: Callable[[], Any]) -> int:
    """The most memory that Python and NumPy held at once during a call, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def nanoseconds(seconds: Sequence[float], rounds: int) -> float:
    """The median, a round."""
    return statistics.median(seconds) / rounds * 1e9


def _spread(ratios: Sequence[float]) -> dict[str, float]:
    return {"ratio": statistics.median(ratios), "min_ratio": min(ratios), "max_ratio": max(ratios)}


def lines(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line a comparison, and one a horizon."""
    return [_LINES[result["name"]].format_map(result) for result in results]


_LINES = {
    "one run": (
        "AdamNorm on one-dimensional linear losses, {horizon:,} rounds: {compiled_ns:.1f} ns a round, by hand "
        "{by_hand_ns:.1f} ns   {ratio:.2f} x by hand ({min_ratio:.2f} to {max_ratio:.2f})"
    ),
    "many runs": (
        "{seeds:,} seeds x {horizon:,} rounds x dimension {dimension}, {threads} threads: {many_ns:.1f} ns a round, "
        "one at a time {alone_ns:.1f} ns   {ratio:.1f} x faster ({min_ratio:.1f} to {max_ratio:.1f})"
    ),
    "horizon": "horizon {horizon:>11,}: {round_ns:6.2f} ns a round, {peak_bytes:,} bytes at most",
}


def document(results: Sequence[Mapping[str, Any]], command: str) -> str:
    """The versioned JSON document."""
    environment = {
        "schema": SCHEMA,
        "command": command,
        "versions": {"python": platform.python_version(), "numba": numba.__version__, "numpy": np.__version__},
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "hyperparameters": {name: float(value) for name, value in Hyperparameters().items().items()},
    }
    return json.dumps({**environment, "timings": [dict(result) for result in results]}, indent=2) + "\n"
