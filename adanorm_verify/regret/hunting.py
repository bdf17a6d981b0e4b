"""The hunt: loss sequences on which an optimizer's average regret does not vanish while a control's does.

A sequence is a candidate where the drift of the optimizer's settled cycle leads away from the best end and the
control's leads to it (`settled`); it is found where the drift is proved in exact arithmetic (`certifying`) and play
confirms it (`confirming`). On a control that has a theorem there are no candidates, whatever the budget.

The order of simplicity: the given hyperparameters come first wherever a short sequence of small integers does
(`sequences.RANGES`); then the shortest sequence at the nearest other hyperparameters; then longer sequences at the given
ones. Where the second stage finds something, the third says what there is at the given ones, as `others`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from ..paper import ALGORITHMS
from ..paper.controls import CONTROLS
from . import distributions, sequences
from .certifying import certificate, statement
from .confirming import confirm, horizon_for
from .methods import DEFAULTS, label, method_of
from .problems import periodic
from .sequences import CHUNK, RANGES, canonical, simplicity
from .settled import SURE, settle
from .trophies import limit

CLASSES = ("periodic-linear", "two-point", "all")
HUNTED = tuple(name for name in (*ALGORITHMS, *CONTROLS) if name != "leader")
"""Following the leader has no step that settles: it jumps. Its failure is a calibration problem."""
LADDERS = {"beta1": (0.9, 0.5, 0.0), "beta2": (0.999, 0.99, 0.9, 0.5, 0.1), "gamma": (0.95, 0.99, 0.5)}
"""Hyperparameters that are tried, from the defaults away."""
ELSEWHERE = 5
"""Longest period that is looked at for other hyperparameters."""
LONGEST_PLAY = 100_000_000
"""Rounds of the second horizon at most: four games of 1.5 s."""
KEPT = 64
"""Sequences of a period, the nearest to failing, from which others are made."""
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
    """Random sequences, and changes of those that came nearest to failing, without end."""
    generator = np.random.default_rng(seed)
    pools: dict[int, np.ndarray] = {}
    while True:
        batches = sequences.drawn(generator, CHUNK)
        batches += [sequences.mutated(generator, pool, CHUNK // 8) for pool in list(pools.values())]
        for values in batches:
            if not len(values):
                continue
            count = budget.take("random sequences", len(values))
            values, P = values[:count], values.shape[1]
            margins = judge.margins(values)
            together = np.unique(np.concatenate([pools.get(P, values[:0]), values]), axis=0)
            best = np.argsort(-judge.margins(together), kind="stable")[:KEPT]
            pools[P] = together[best]
            for row in judge.candidates(values, margins):
                yield "random sequences", dict(judge.optimizer), shrunk(judge, canonical(row))


def chunks(values: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(values), CHUNK):
        yield values[first : first + CHUNK]


def judged(stage: str, judge: Judge, budget: Budget, values: np.ndarray) -> Iterator[Candidate]:
    values = values[: budget.take(stage, len(values))]
    for row in judge.candidates(values, judge.margins(values)):
        yield stage, dict(judge.optimizer), tuple(int(g) for g in row)


def shrunk(judge: Judge, sequence: tuple[int, ...]) -> tuple[int, ...]:
    """The simplest candidate that one simplification after another leads to."""
    while True:
        smaller = (s for s in sequences.simpler(sequence) if simplicity(s) < simplicity(sequence) and judge.fails(s))
        if (found := next(smaller, None)) is None:
            return sequence
        sequence = found


# What is found ---------------------------------------------------------------------------------------------------


def trophy(candidate: Candidate, control: Mapping[str, Any], longest: int, threads: int) -> dict[str, Any] | None:
    """The record of a candidate that is proved and confirmed; None for one that is not."""
    stage, settings, sequence = candidate
    methods = {"optimizer": method_of(settings), "control": method_of(control)}
    column = np.array(sequence, dtype=np.int64)[:, None]
    cycles = {who: settle(method, column) for who, method in methods.items()}
    proved = certificate(settings, sequence, cycles["optimizer"].memories, f"hunt.{settings['name']}")
    if proved is None:
        return None
    rates = [abs(float(cycle.drift[0])) / len(sequence) for cycle in cycles.values()]
    horizon = horizon_for(rates, list(methods.values()), len(sequence), longest)
    played = confirm(methods, periodic(sequence), horizon, threads=threads)
    if not played.holds:
        return None
    return {
        "class": "periodic-linear",
        "stage": stage,
        "sequence": list(sequence),
        "hyperparameters": hyperparameters(settings),
        "average_regret": played.middle.late,
        "control_average": played.control_middle.late,
        "horizon": 10 * horizon,
        "limit": float(limit(sequence)),
        "drift": float(cycles["optimizer"].margin[0]),
        "played": played.record(),
        "statement": statement(settings, sequence, cycles["optimizer"].memories),
        "certificate": proved,
    }


def hyperparameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All that the method reads besides its name, defaults included."""
    read = method_of(settings).listed.hyperparameters
    kept = [key for key in DEFAULTS if key not in ("lr", "beta1", "beta2", "gamma", "eps") or key in read]
    return {key: settings.get(key, DEFAULTS[key]) for key in kept}


def hunt(
    optimizer: Mapping[str, Any],
    control: Mapping[str, Any],
    which: str,
    budget: Budget,
    seed: int = 0,
    threads: int = 1,
    longest: int = LONGEST_PLAY,
) -> dict[str, Any]:
    """Look for what is simplest until something is found or the budget is used up.

    Args:
        optimizer: settings (`methods.method_of`).
        control: settings.
        which: one of `CLASSES`.
        budget: of the search; what is found is proved and played after it.
        seed: of the random sequences.
        threads: at most; the result does not depend on them.
        longest: rounds that are played at most.

    Returns:
        A record: `found`, and of the simplest the keys of `trophy`, else None for each; `others`, found after it;
        `examined`, how many by stage; `refused`, candidates that were not proved or not confirmed.
    """
    judge = Judge(optimizer, control, threads)
    found: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    complete = False

    def first(candidates: Iterator[Candidate]) -> bool:
        """Whether one of the candidates holds; the simplest one that does is kept."""
        for candidate in candidates:
            if kept := trophy(candidate, control, longest, threads):
                found.append(kept)
                return True
            refused.append({"stage": candidate[0], "sequence": list(candidate[2]), "settings": candidate[1]})
        return False

    try:
        if which != "two-point":
            complete = first(short(judge, budget)) or (first(elsewhere(judge, budget)) & first(rare(judge, budget)))
        if which != "periodic-linear" and not found:
            complete = _two_point(judge, budget, found, seed, longest)
        if which != "two-point" and not complete:
            first(random(judge, budget, seed))
    except Ended:
        pass
    empty = dict.fromkeys(("class", "stage", "sequence", "average_regret", "control_average", "horizon", "certificate"))
    head = found[0] if found else {**empty, "hyperparameters": hyperparameters(optimizer)}
    return {
        "optimizer": optimizer["name"],
        "control": control["name"],
        "found": bool(found),
        **head,
        "control_hyperparameters": hyperparameters(control),
        "others": found[1:],
        "examined": dict(budget.examined),
        "refused": refused,
        "seed": seed,
    }


def _two_point(judge: Judge, budget: Budget, found: list, seed: int, longest: int) -> bool:
    methods = {"optimizer": method_of(judge.optimizer), "control": method_of(judge.control)}
    for law in distributions.LAWS:
        budget.take("two-point distributions", 1)
        kept = distributions.trophy(law, judge.optimizer, methods, seed, longest, judge.threads)
        if kept:
            found.append({**kept, "hyperparameters": hyperparameters(judge.optimizer)})
            return True
    return False


# Cells -----------------------------------------------------------------------------------------------------------

KEYS = {"kind", "optimizer", "control", "class", "effort", "seed", "longest"}
CELL_LONGEST = 10_000_000
"""Rounds that a cell plays at most where its settings do not say."""


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings of a cell that cannot be measured.

    Args:
        settings: `optimizer` and `control` (`methods.method_of`), `class`, `effort`, the number of sequences, `seed`,
            and, where wanted, `longest`, the rounds that are played at most.

    Raises:
        ValueError: what is wrong, with the key, the value and what is allowed.
    """
    if unknown := sorted(set(settings) - KEYS):
        raise ValueError(f"unknown setting {unknown[0]!r} of a hunt; the settings are {', '.join(sorted(KEYS))}")
    if missing := sorted({"optimizer", "control", "class", "effort", "seed"} - set(settings)):
        raise ValueError(f"a hunt needs {missing[0]!r}")
    for key in ("optimizer", "control"):
        refuse(key, settings[key])
    if settings["class"] not in CLASSES:
        raise ValueError(f"class must be one of {', '.join(CLASSES)}, got {settings['class']!r}")
    for key, least in (("effort", 1), ("seed", 0), ("longest", 1000)):
        value = settings.get(key, CELL_LONGEST)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{key} must be a whole number of at least {least}, got {value!r}")


def refuse(key: str, settings: Mapping[str, Any]) -> None:
    """Refuse an optimizer or a control whose long run has no settled cycle, or that does not move.

    Raises:
        ValueError: which, and what is allowed.
    """
    method = method_of(settings)
    if method.name not in HUNTED:
        raise ValueError(f"{key} {method.name!r} has no step that settles; allowed are {', '.join(HUNTED)}")
    if not method.hyperparameters.lr > 0:
        raise ValueError(f"{key}: lr must be positive, got {settings.get('lr')!r}")
    settle(method, np.array([[3.0], [-1.0], [-1.0]]))


def measure(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a cell (`hunt`); the certificate stands in it."""
    budget = Budget(effort=settings["effort"])
    longest = settings.get("longest", CELL_LONGEST)
    return hunt(settings["optimizer"], settings["control"], settings["class"], budget, settings["seed"], 1, longest)


def natural(name: str) -> dict[str, Any]:
    """Settings of a method with the steps of its theorem: AdaGrad's own sum divides by sqrt(t) already."""
    return {"name": name, "steps": "constant" if name in ("adagrad", "adagradnorm") else "inverse-root"}


def shown(sequence: Sequence[int]) -> str:
    """A sequence for people: 75, then 74 times -1."""
    runs: list[tuple[int, int]] = []
    for g in sequence:
        runs = [*runs[:-1], (g, runs[-1][1] + 1)] if runs and runs[-1][0] == g else [*runs, (g, 1)]
    if len(sequence) <= 8:
        return ", ".join(map(str, sequence))
    return ", ".join(f"{count} times {g}" if count > 1 else str(g) for g, count in runs)


__all__ = ["CLASSES", "Budget", "check", "hunt", "label", "measure", "natural", "refuse", "shown"]
