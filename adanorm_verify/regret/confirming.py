"""Confirmation by play: an average regret that does not fall while the control's does, up to ten times a horizon.

Played with the optimizer's own steps on [-1, 1], from the best end as well as from the middle. From the best end the
average regret of a method that learns stays near zero, and that of one that fails rises; from the middle the first
falls and the second does not. One of the four alone gives false alarms: every method fails at a horizon over which its
steps move it too little, and every method has transients at the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .methods import Method
from .playing import Checkpoint, Game
from .problems import Problem
from .regrets import regret_of

BEST, MIDDLE = -1.0, 0.0
TRAVELS = 4
"""How often the point could go from the middle to an end within the first horizon, where that is affordable."""
SHORTEST = 10_000
"""Rounds of the first horizon at least: ten times the memory of a second moment at beta2 = 0.999."""
DEVIATIONS = 5
"""Standard errors that a mean over random runs must be away: over 32 runs one false alarm in 93,000 (Student)."""


@dataclass(frozen=True)
class Played:
    """The average regret of one method, from one start: the mean over runs, and the uncertainty of differences.

    Args:
        early: at the first horizon.
        late: at ten times it.
        change: a bound on how far `late - early` may be from what it estimates: rounding, and `DEVIATIONS` standard
            errors where runs are random.
        late_error: the same of `late`.
    """

    early: float
    late: float
    change: float
    late_error: float

    @property
    def rises(self) -> bool:
        return self.late - self.early > self.change

    @property
    def falls(self) -> bool:
        return self.early - self.late > self.change


@dataclass(frozen=True)
class Confirmation:
    """Both methods on one problem.

    Args:
        horizon: the first; the second is ten times as long.
        best: of the optimizer from the best end.
        middle: of the optimizer from the middle.
        control_best: of the control from the best end.
        control_middle: of the control from the middle.
    """

    horizon: int
    best: Played
    middle: Played
    control_best: Played
    control_middle: Played

    @property
    def fails(self) -> bool:
        """The optimizer's average regret does not fall: it rises from the best end, and from the middle too."""
        return self.best.rises and self.best.late > 0 and self.middle.rises

    @property
    def control_learns(self) -> bool:
        """The control's falls from the middle, and neither start leaves it where the optimizer is."""
        gap = self.middle.late_error + self.control_middle.late_error
        apart = self.middle.late - self.control_middle.late > gap and self.best.late > self.control_best.late
        return self.control_middle.falls and apart

    @property
    def holds(self) -> bool:
        return self.fails and self.control_learns

    def record(self) -> dict[str, Any]:
        parts = {name: asdict(getattr(self, name)) for name in ("best", "middle", "control_best", "control_middle")}
        return {"horizon": self.horizon, "holds": self.holds, **parts}


def confirm(
    methods: Mapping[str, Method],
    problem: Problem,
    horizon: int,
    runs: int = 1,
    seed: int = 0,
    threads: int = 1,
    middle: Played | None = None,
) -> Confirmation:
    """Play `optimizer` and `control` on a problem of positive mean gradient over [-1, 1].

    Args:
        methods: those two.
        problem: linear losses of one coordinate.
        horizon: the first; the games end at ten times it.
        runs: side by side, where the rows are random.
        seed: of the randomness.
        threads: that share the games.
        middle: the optimizer's game from the middle, where it was played already.
    """
    games = [(methods[who], start) for who in ("optimizer", "control") for start in (BEST, MIDDLE)]

    def played(game: tuple[Method, float]) -> Played:
        known = middle if game == games[1] else None
        return known or play(*game, problem, horizon, runs, seed)

    with ThreadPoolExecutor(threads) as pool:
        return Confirmation(horizon, *pool.map(played, games))


def play(method: Method, start: float, problem: Problem, horizon: int, runs: int = 1, seed: int = 0) -> Played:
    """One method from one start at both horizons."""
    game = Game(method, problem, runs, seed, start)
    early, late = (regret(game.play(T), problem) for T in (horizon, 10 * horizon))
    error = [_error(late[0] - early[0], early[1] + late[1]), _error(late[0], late[1])]
    return Played(float(early[0].mean()), float(late[0].mean()), *error)


def regret(checkpoint: Checkpoint, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """The average regret of each run against the best end for its own losses, and the rounding in it: (runs,)."""
    found = regret_of(checkpoint, problem)
    return (found.low + found.high) / 2 / checkpoint.horizon, (found.high - found.low) / 2 / checkpoint.horizon


def _error(values: np.ndarray, rounding: np.ndarray) -> float:
    spread = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(DEVIATIONS * spread + rounding.max())


def horizon_for(rates: Sequence[float], methods: Sequence[Method], period: int, longest: int) -> int:
    """A first horizon, in whole periods, over which both methods travel; a tenth of `longest` where that is too short.

    Args:
        rates: mean sizes of the move a round, in units of the step.
        methods: whose steps they are.
        period: of the losses.
        longest: rounds of the second horizon at most.
    """
    wanted = max(SHORTEST, *(rounds(method, TRAVELS / rate) for rate, method in zip(rates, methods, strict=True)))
    return max(1, int(min(wanted, longest / 10)) // period) * period


def rounds(method: Method, travel: float) -> float:
    """In how many rounds the steps sum to `travel`: 2 alpha sqrt(T) for inverse roots, alpha T for constant ones."""
    lr = float(method.hyperparameters.lr)
    if lr == 0:
        return np.inf
    powers = {"constant": 1.0, "inverse-root": 0.5, "inverse-fourth-root": 0.75, "inverse": 0.0}
    power = powers[method.steps] - (0.5 if method.name in ("adagrad", "adagradnorm") else 0.0)
    if power <= 0:
        return np.inf
    return float((travel * power / lr) ** (1 / power))
