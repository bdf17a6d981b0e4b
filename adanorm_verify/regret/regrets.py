"""Regret of runs as enclosures, and the kind `regret` of a sweep: its growth beside what Theorem 1 claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .certificates import FLOOR, PIECES, SECOND, UNIT, Region, region
from .comparators import Best, best
from .growth import grow
from .methods import label, method_of
from .playing import Checkpoint, Game, checkpoints, dyadic, refuse_unplayable
from .powers import half_width
from .problems import Problem
from .theorem import Claim, claim, distances, why_not
from .zoo import problem as problem_of

EXACT = 2**53
"""Sums of as many signs are exact."""


@dataclass(frozen=True)
class Regret:
    """Losses met minus the best fixed point of the same rounds.

    Args:
        horizon: T.
        low: a bound below the regret of each run, (runs,); may be negative.
        high: a bound above.
        best: what was compared with.
    """

    horizon: int
    low: np.ndarray
    high: np.ndarray
    best: Best


def regret_of(checkpoint: Checkpoint, problem: Problem, tables: tuple[np.ndarray, ...] | None = None) -> Regret:
    """Regret of all runs at a checkpoint, against the best point for its prefix.

    Args:
        checkpoint: of a game; with measures, where the set or the gradients have no bound otherwise.
        problem: that was played.
        tables: as the game was given them.

    Raises:
        ValueError: a game on the whole space, or of heavy-tailed gradients, without `measured`; what `best` refuses.
    """
    if checkpoint.counts is None:
        sizes = _sizes(checkpoint, problem)
        whole = problem.sampling == "signs" and checkpoint.horizon <= EXACT
        error = 0.0 * sizes if whole else SECOND * checkpoint.horizon * UNIT * sizes
        found = best(problem, sums=checkpoint.sums, sums_error=error)
        each = SECOND * (problem.dimension + 2) * UNIT * region(problem.feasible).reach(sizes)
    else:
        found = best(problem, counts=checkpoint.counts, tables=tables)
        each = _each(checkpoint, problem, tables)
    off = SECOND * (checkpoint.rounding + each) + FLOOR
    off = off + 4 * UNIT * (np.abs(checkpoint.loss) + np.maximum(np.abs(found.low), np.abs(found.high)))
    return Regret(checkpoint.horizon, checkpoint.loss - found.high - off, checkpoint.loss - found.low + off, found)


def _sizes(checkpoint: Checkpoint, problem: Problem) -> np.ndarray:
    """Bound on sum over rounds of |g_{t,i}|, (runs, d)."""
    T = float(checkpoint.horizon)
    shape = np.shape(checkpoint.theta)
    if problem.sampling in ("signs", "drift"):
        return np.full(shape, T)
    if "squares" not in checkpoint.measures:
        raise ValueError(f"{problem.name}: gradients without a bound: play it with measured=True")
    largest, squares = checkpoint.measures["G_inf"][:, None], checkpoint.measures["squares"]
    return SECOND * np.minimum(T * largest, np.sqrt(T * squares))  # Cauchy and Schwarz


def _each(checkpoint: Checkpoint, problem: Problem, tables: tuple[np.ndarray, ...] | None) -> np.ndarray:
    """How far the sum of the losses met may be off because each of them was rounded, (runs,).

    A prediction of d products errs by d roundoffs of sum |a_i||theta_i|; the loss adds its own operations (`PIECES`),
    its weight, and the quotient by the batch. The points are bounded by the set, or by the range that was measured.
    """
    if tables:
        a, y, w = (np.asarray(part, np.float64) for part in tables[:3])
    else:
        a, y, w = problem.a[None], problem.y[None], problem.w[None]
    if problem.feasible.kind != "line":
        area = region(problem.feasible)
        # at most one row of ends, which holds for all runs
        reach = area.reach(np.abs(a))
    elif "lowest" not in checkpoint.measures:
        raise ValueError(f"{problem.name}: points without a bound: play it with measured=True")
    else:
        low, high = (checkpoint.measures[name][:, None, :] for name in ("lowest", "highest"))
        reach = Region("box", low, high).reach(np.abs(a))
    off = problem.dimension * UNIT * reach
    sizes = reach + np.abs(y)
    steep = {"squares": sizes, "logistic": 1 + np.abs(y)}.get(problem.link, np.ones_like(reach))
    parts = {"squares": sizes**2 / 2, "hinge": 1 + reach, "logistic": np.log(2) + 2 * reach * (1 + np.abs(y))}
    q = np.asarray(checkpoint.counts) * w / problem.batch
    kept = steep * off + (PIECES[problem.link] + 2) * UNIT * parts.get(problem.link, sizes)
    return SECOND * np.sum(q * kept, axis=-1)


def running(
    game: Game, horizons: Sequence[int], tables: tuple[np.ndarray, ...] | None = None
) -> Iterator[tuple[Checkpoint, Regret]]:
    """The game and its regret at each of the horizons."""
    for checkpoint in checkpoints(game, horizons):
        yield checkpoint, regret_of(checkpoint, game.problem, tables)


# the kind `regret` -----------------------------------------------------------------------------------------------

KEYS = ("problem", "optimizer", "runs", "seed", "first", "last", "steps")
DEFAULTS = {"runs": 32, "seed": 0, "first": 64, "last": 65536}
LONGEST = 10**10
"""Rounds; beyond it counts of rounds times 2^-53 are no longer small."""


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that cannot be measured.

    Args:
        settings: `problem` (a name of the zoo, or a dict with `name`), `optimizer` (as `method_of`), and `runs`,
            `seed`, `first` and `last` (horizons: first, 2 first, ...), `steps` (in place of the optimizer's).

    Raises:
        ValueError: the key, the value, and what is allowed.
    """
    for key in settings:
        if key not in KEYS:
            raise ValueError(f"unknown key {key!r}; the keys are {', '.join(KEYS)}")
    for key in ("problem", "optimizer"):
        if key not in settings:
            raise ValueError(f"{key} is missing")
    for key, least, most in (("runs", 2, 10**6), ("seed", 0, 2**63), ("first", 1, LONGEST), ("last", 1, LONGEST)):
        value = settings.get(key, DEFAULTS[key])
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{key} = {value!r}; it is a whole number from {least} to {most}")
    if _given(settings, "last") < _given(settings, "first"):
        raise ValueError(f"last = {_given(settings, 'last')} is below first = {_given(settings, 'first')}")
    problem = problem_of(settings["problem"], seed=_given(settings, "seed"))
    _playable(problem)
    refuse_unplayable(method_of(_optimizer(settings)), problem)


def _playable(problem: Problem) -> None:
    if problem.feasible.kind == "line" and problem.link == "linear":
        raise ValueError(f"{problem.name}: linear losses on the whole space have no best fixed point")


def _given(settings: Mapping[str, Any], key: str) -> int:
    return settings.get(key, DEFAULTS[key])


def short_name(given: str | Mapping[str, Any]) -> str:
    """A problem as a configuration names it, with what differs from the name's own."""
    if isinstance(given, str):
        return given
    rest = ", ".join(f"{key}={value}" for key, value in given.items() if key != "name")
    return f"{given['name']} ({rest})" if rest else given["name"]


def _optimizer(settings: Mapping[str, Any]) -> dict[str, Any]:
    given = settings["optimizer"]
    if not isinstance(given, Mapping):
        raise ValueError(f"optimizer = {given!r}; it is a table with a name")
    if "steps" in settings and "steps" in given:
        raise ValueError(
            f"steps = {settings['steps']!r}, and the optimizer has {given['steps']!r}: one of them is enough"
        )
    return {**given, **({"steps": settings["steps"]} if "steps" in settings else {})}


def measure(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Play and compare; the record of a cell.

    Returns:
        `problem` and its `description`, `optimizer`, `horizons`, `runs`; `low` and `high` of each run at each horizon,
        their means `mean_low` and `mean_high`, and `errors`, half the 95 % interval of the mean over runs; `claimed`,
        the mean of the right-hand side of Theorem 1 at each horizon, or null with `claimed_why`; `first_violation`,
        the first horizon at which the regret of a run is certainly above its claim; `first_informative`, the first at
        which the claim is below D G T, and `informative_from`, the horizon at which it would be, were its terms to go
        on like sqrt(T); `constants`, the largest over runs at the last horizon; `growth`.

    Raises:
        ValueError: as `check`.
    """
    check(settings)
    problem = problem_of(settings["problem"], seed=_given(settings, "seed"))
    method = method_of(_optimizer(settings))
    horizons = dyadic(_given(settings, "first"), _given(settings, "last"))
    game = Game(method, problem, runs=_given(settings, "runs"), seed=_given(settings, "seed"), measured=True)
    why = why_not(method)
    found: list[Regret] = []
    claims: list[Claim] = []
    constants: dict[str, float] = {}
    for checkpoint, regret in running(game, horizons):
        found.append(regret)
        if why is None:
            claims.append(claim(method, checkpoint, regret.best.points))
        D, D_inf = distances(checkpoint, regret.best.points)
        largest = {"G": checkpoint.measures["G"], "G_inf": checkpoint.measures["G_inf"], "D": D, "D_inf": D_inf}
        constants = {name: float(np.max(values)) for name, values in largest.items()}
    low, high = (np.stack([getattr(one, side) for one in found]) for side in ("low", "high"))
    runs = _given(settings, "runs")
    return {
        "problem": short_name(settings["problem"]),
        "description": problem.name,
        "optimizer": label(_optimizer(settings)),
        "horizons": horizons,
        "runs": runs,
        "low": low.tolist(),
        "high": high.tolist(),
        "mean_low": np.mean(low, axis=1).tolist(),
        "mean_high": np.mean(high, axis=1).tolist(),
        "errors": half_width((low + high) / 2).tolist(),
        **compared(low, claims),
        "claimed_why": why,
        "constants": constants,
        "growth": grow(horizons, low, high).to_json(),
    }


def compared(low: np.ndarray, claims: Sequence[Claim]) -> dict[str, Any]:
    """What the theorem says at the horizons beside the regret, low of shape (horizons, runs); nulls without claims."""
    if not claims:
        return dict.fromkeys(("claimed", "first_violation", "first_informative", "informative_from"))
    bounds = np.stack([one.bound for one in claims])
    trivial = np.stack([one.trivial for one in claims])
    meeting = float(np.mean(claims[-1].meeting))
    horizons = [one.horizon for one in claims]
    informative = _first(horizons, np.mean(bounds, axis=1) < np.mean(trivial, axis=1))
    return {
        "claimed": np.mean(bounds, axis=1).tolist(),
        "first_violation": _first(horizons, np.any(low > bounds, axis=1)),
        "first_informative": informative,
        "informative_from": informative or (meeting if np.isfinite(meeting) else None),
    }


def _first(horizons: Sequence[int], holds: np.ndarray) -> int | None:
    return next((T for T, one in zip(horizons, holds, strict=True) if one), None)
