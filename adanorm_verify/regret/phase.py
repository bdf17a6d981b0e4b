"""The phase diagram: where, in the rarity and size of the large gradients, a corrected optimizer goes to the wrong end.

One large gradient A and small ones -a, either P - 1 of them in turn or with probability 1 - p. Where the mean gradient
is positive, -1 is the best end of [-1, 1]. The boundary is measured as the A/a at which the drift of the point, far
from both ends and with steps of one size, turns from away from -1 to towards it. Beside it stands the closed form for
the correction alone: `cex.threshold` of the ledger for periods, `noise.two-point` for probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from scipy.optimize import brentq

from ..ledger.folder import imported
from .confirming import DEVIATIONS
from .distributions import FORGOTTEN, MEASURED, WIDE
from .hunting import refuse
from .methods import Method, method_of
from .playing import Game
from .problems import Problem, table
from .sets import Feasible
from .settled import settle

KEYS = {"optimizer", "gamma", "periods", "rarities", "ratios", "seed"}
MEMORIES = 60
"""e^-60 is what is left of the beginning when the drift on periodic gradients is measured."""
PERIODS = 64
"""Periods over which it is measured."""
RUNS = 32
"""Random runs of one A/a."""
SHOWN_LR, SHOWN_ROUNDS = 0.1, 100_000
"""Of the map: steps that sum to 63, enough to cross the interval wherever the drift is above 0.03 a round."""
GRID = (2, 1000)
"""Cells of the grid of A/a, at least and at most."""


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings of a cell that cannot be measured.

    Args:
        settings: `optimizer` (`methods.method_of`); `gamma`, which replaces its own; either `periods`, whole numbers
            above 2, or `rarities`, probabilities below 1/2; `ratios`, [low, high, n], the grid of A/a as multiples of
            the ratio at which the mean gradient is zero, above 1 and evenly spaced in the logarithm; and, with
            `rarities`, a `seed`.

    Raises:
        ValueError: what is wrong, with the key, the value and what is allowed.
    """
    if unknown := sorted(set(settings) - KEYS):
        raise ValueError(f"unknown setting {unknown[0]!r} of a phase diagram; they are {', '.join(sorted(KEYS))}")
    if missing := sorted({"optimizer", "gamma", "ratios"} - set(settings)):
        raise ValueError(f"a phase diagram needs {missing[0]!r}")
    if ("periods" in settings) == ("rarities" in settings):
        raise ValueError("a phase diagram is over either periods or rarities")
    gamma = settings["gamma"]
    if isinstance(gamma, bool) or not isinstance(gamma, int | float) or not 0 < gamma < 1:
        raise ValueError(f"gamma must be in (0, 1), got {gamma!r}")
    method_of(settings["optimizer"])
    played = {**settings["optimizer"], "gamma": gamma}
    refuse("optimizer", played)
    if "s" not in method_of(played).listed:
        raise ValueError(f"optimizer {played['name']!r} has no norm correction, and no line in a phase diagram")
    for key, allowed in (("periods", "whole numbers above 2"), ("rarities", "probabilities in (0, 1/2)")):
        if key not in settings:
            continue
        values = settings[key]
        if not isinstance(values, list | tuple) or not values or not all(_fits(key, value) for value in values):
            raise ValueError(f"{key} must be {allowed}, got {values!r}")
    _check_ratios(settings)
    seed = settings.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {seed!r}")


def _fits(key: str, value: Any) -> bool:
    if key == "periods":
        return isinstance(value, int) and not isinstance(value, bool) and value > 2
    return isinstance(value, float) and 0 < value < 0.5


def _check_ratios(settings: Mapping[str, Any]) -> None:
    ratios = settings["ratios"]
    if not isinstance(ratios, list | tuple) or len(ratios) != 3:
        raise ValueError(f"ratios must be [low, high, n], got {ratios!r}")
    low, high, n = ratios
    if isinstance(n, bool) or not isinstance(n, int) or not GRID[0] <= n <= GRID[1]:
        raise ValueError(f"n of ratios must be a whole number from {GRID[0]} to {GRID[1]}, got {n!r}")
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high))
    if not numbers or not 1 < low < high < np.inf:
        raise ValueError(f"ratios must have 1 < low < high, got {low!r} and {high!r}")
    for where in axis(settings):
        line = closed_form(settings, where) / balance(settings, where)
        if not low < line < high:
            raise ValueError(f"ratios from {low!r} to {high!r} do not hold the closed form {line:.4g} at {where!r}")


def axis(settings: Mapping[str, Any]) -> Sequence[Any]:
    return settings["periods"] if "periods" in settings else settings["rarities"]


def balance(settings: Mapping[str, Any], where: Any) -> float:
    """The A/a at which the mean gradient is zero."""
    return where - 1 if "periods" in settings else (1 - where) / where


def closed_form(settings: Mapping[str, Any], where: Any) -> float:
    """The A/a at which the mean of the settled corrected gradient is zero.

    1 + (P - 2)(1 - gamma^P)/(1 - gamma) for periods; `noise_formulas.two_point_ratio` for probabilities.
    """
    gamma = Fraction(repr(float(settings["gamma"])))
    if "periods" in settings:
        return float(1 + (where - 2) * (1 - gamma**where) / (1 - gamma))
    return float(imported("theory.noise_formulas").two_point_ratio(Fraction(repr(where)), gamma))


def measure(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a cell (`phase`).

    Returns:
        `axes`: `period` or `rarity`, and `ratio`, A/a as multiples of `balance`; `measured`, `closed_form` and
        `resolution`, A/a by the first axis, `measured` the middle and `resolution` the width of
        the bracket, null where the drift does not turn once; `settled`, the A/a at
        which the settled cycle of the whole list has no drift, null for rarities; `map`, by the first axis and the
        ratios, the average regret from the middle as a part of that at the wrong end; `agrees`, whether every
        bracket holds the closed form, and `agrees_settled`, of the settled cycle.
    """
    method = method_of({**settings["optimizer"], "gamma": settings["gamma"]})
    low, high, n = settings["ratios"]
    ratios = np.geomspace(low, high, n)
    rows = [_row(method, settings, where, ratios) for where in axis(settings)]
    lines = [closed_form(settings, where) for where in axis(settings)]
    settled = [settled_line(method, settings, where) for where in axis(settings)]
    return {
        "optimizer": dict(settings["optimizer"]),
        "gamma": settings["gamma"],
        "class": "periodic-linear" if "periods" in settings else "two-point",
        "axes": {"period" if "periods" in settings else "rarity": list(axis(settings)), "ratio": ratios.tolist()},
        "measured": [row["measured"] for row in rows],
        "closed_form": lines,
        "settled": settled,
        "resolution": [row["resolution"] for row in rows],
        "map": [row["map"] for row in rows],
        "agrees": near(rows, lines),
        "agrees_settled": near(rows, settled),
    }


def near(rows: Sequence[Mapping[str, Any]], lines: Sequence[float | None]) -> bool:
    """Whether every boundary was measured, and its bracket holds a line that is there."""
    return bool(rows) and all(
        holds(row["measured"], row["resolution"], line) for row, line in zip(rows, lines, strict=True)
    )


def holds(measured: float | None, resolution: float | None, line: float | None) -> bool:
    """Whether a line lies within the two values of the grid between which the boundary was measured."""
    if measured is None or resolution is None or line is None:
        return False
    return abs(measured - line) <= resolution / 2


def settled_line(method: Method, settings: Mapping[str, Any], where: Any) -> float | None:
    """The A/a at which the settled cycle of the list has no drift, within the grid; None for random gradients."""
    if "periods" not in settings:
        return None

    def drift(size: float) -> float:
        return float(settle(method, np.array([[size], *[[-1.0]] * (where - 1)])).drift[0])

    low, high = (float(ratio * balance(settings, where)) for ratio in settings["ratios"][:2])
    return float(brentq(drift, low, high)) if drift(low) > 0 > drift(high) else None


def _row(method: Method, settings: Mapping[str, Any], where: Any, ratios: np.ndarray) -> dict[str, Any]:
    sizes = ratios * balance(settings, where)
    seed = settings.get("seed", 0)
    if "periods" in settings:
        moves, errors = periodic_drift(method, where, sizes)
    else:
        moves, errors = random_drift(method, where, sizes, seed)
    edges = boundary(sizes, moves, errors)
    return {
        "measured": None if edges is None else (edges[0] + edges[1]) / 2,
        "resolution": None if edges is None else edges[1] - edges[0],
        "map": shown(method, settings, where, sizes, seed).tolist(),
    }


def boundary(sizes: np.ndarray, moves: np.ndarray, errors: np.ndarray) -> tuple[float, float] | None:
    """The last A/a that certainly drifts away from -1 and the first that certainly drifts to it; None if that is mixed.

    Args:
        sizes: A/a, growing.
        moves: drift at each.
        errors: how far that may be off.
    """
    away, towards = moves > errors, moves < -errors
    if not away.any() or not towards.any():
        return None
    last, first = int(np.flatnonzero(away)[-1]), int(np.flatnonzero(towards)[0])
    if last > first:
        return None
    return float(sizes[last]), float(sizes[first])


def far(method: Method) -> Method:
    """The method with steps of one size."""
    return replace(method, hyperparameters=replace(method.hyperparameters, lr=1.0), steps="constant")


def periodic_drift(method: Method, P: int, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The move of the point over whole periods, once the beginning is forgotten, for each A/a, and its rounding."""
    decays = [float(getattr(method.hyperparameters, name)) for name in ("beta1", "beta2", "gamma")]
    read = [1 - b for b, name in zip(decays, ("beta1", "beta2", "gamma"), strict=True)
            if name in method.listed.hyperparameters]  # fmt: skip
    forgotten = P * int(np.ceil(MEMORIES / min(read) / P))
    rows = np.full((len(sizes), P, 1), -1.0)
    rows[:, 0, 0] = sizes
    problem = _problem(rows, WIDE, "cyclic")
    ones = np.ones(rows.shape[:2])
    game = Game(far(method), problem, len(sizes), tables=(rows, 0 * ones, ones))
    before, after = (game.play(T).theta[:, 0] for T in (forgotten, forgotten + PERIODS * P))
    rounding = 2.0**-52 * PERIODS * P * np.maximum(np.abs(before), np.abs(after))
    return after - before, rounding


def random_drift(method: Method, p: float, sizes: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean move of the point over many runs for each A/a, and `DEVIATIONS` standard errors of it."""
    rows, chances = _tables(p, np.repeat(sizes, RUNS))
    problem = _problem(rows, WIDE, "iid", chances)
    ones = np.ones(rows.shape[:2])
    game = Game(far(method), problem, len(rows), seed, tables=(rows, 0 * ones, ones, chances))
    before, after = (game.play(T).theta[:, 0] for T in (FORGOTTEN, FORGOTTEN + MEASURED))
    moves = (after - before).reshape(len(sizes), RUNS)
    return moves.mean(axis=1), DEVIATIONS * moves.std(axis=1, ddof=1) / np.sqrt(RUNS)


def _problem(
    rows: np.ndarray, feasible: Feasible, sampling: Literal["cyclic", "iid"], chances: np.ndarray | None = None
) -> Problem:
    """Linear losses whose first table is that of the first run."""
    a, y, w = table(rows[0])
    return Problem("phase", "linear", feasible, sampling, a, y, w, None if chances is None else chances[0])


def _tables(p: float, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = np.stack([sizes, np.full_like(sizes, -1.0)], axis=1)[:, :, None]
    return rows, np.broadcast_to([p, 1 - p], rows.shape[:2])


def shown(method: Method, settings: Mapping[str, Any], where: Any, sizes: np.ndarray, seed: int) -> np.ndarray:
    """The average regret on [-1, 1] from the middle, as a part of what it is at the wrong end: about 0 or about 1."""
    if "periods" in settings:
        rows = np.full((len(sizes), where, 1), -1.0)
        rows[:, 0, 0] = sizes
        chances = np.full(rows.shape[:2], 1 / where)
        problem = _problem(rows, Feasible("box", 1), "cyclic")
    else:
        rows, chances = _tables(where, sizes)
        problem = _problem(rows, Feasible("box", 1), "iid", chances)
    ones = np.ones(rows.shape[:2])
    quick = replace(method, hyperparameters=replace(method.hyperparameters, lr=SHOWN_LR))
    game = Game(quick, problem, len(sizes), seed, tables=(rows, 0 * ones, ones, chances))
    end = game.play(SHOWN_ROUNDS)
    assert end.counts is not None
    total = np.sum(end.counts * rows[:, :, 0], axis=1)
    return (end.loss + np.abs(total)) / (2 * np.abs(total))
