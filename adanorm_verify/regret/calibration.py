"""Is growth recognised? Problems whose growth is proved, played and judged again and again.

Exponents are of the increments, as in `growth`. Expectations are over the randomness of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .growth import OCTAVES, Growth, Kind, grow
from .methods import Method, method_of
from .playing import Game, dyadic
from .powers import LEVEL
from .problems import Problem, periodic, table
from .regrets import regret_of
from .sets import Feasible

COVERAGE = 0.9
"""The least share of repetitions in which the 95 % interval must hold the truth."""


@dataclass(frozen=True)
class Known:
    """A game of known growth.

    Args:
        name: for settings.
        kind: the class of the growth.
        exponent: of the increments; None where they vanish faster than any power.
        sign: -1 where regret falls.
        why: the proof, in short.
        problem: what is played,
        method: and by what.
    """

    name: str
    kind: Kind
    exponent: float | None
    sign: int
    why: str
    problem: Problem
    method: Method

    def covered(self, found: Growth) -> bool:
        """Whether the interval holds the truth; without an interval it does not."""
        if found.high is None:
            return self.exponent is None and found.kind == self.kind
        if self.exponent is None:
            return found.low is None and found.high < 0
        return found.low is not None and found.low <= self.exponent <= found.high

    def right(self, found: Growth) -> bool:
        return found.kind == self.kind and found.sign in (0, self.sign)


def _iid(name: str, link: str, rows, labels=None, weights=None, chances=None, low: float = -1) -> Problem:
    a, y, w = table([[row] for row in rows], labels, weights)
    return Problem(name, link, Feasible("box", 1, low, 1.0), "iid", a, y, w, chances)


def _sgd(lr: float, steps: str) -> Method:
    return method_of({"name": "sgd", "lr": lr, "steps": steps})


ALTERNATING = periodic([1, -1])
LABELS = _iid("squares to random labels 1, -1", "squares", [1, 1], [1, -1])
SIGNS = Problem("linear, random signs", "linear", Feasible("box", 1), "signs", *table(np.zeros((0, 1))))
ONE_MINIMISER = _iid("squares of random weight, one minimiser", "squares", [1, 1], [0, 0], [0.5, 1.5], low=-0.5)
"""The middle of the interval, where it starts, is not the minimiser."""
BIASED = _iid("linear, 1 three times as often as -1", "linear", [1, -1], chances=np.array([0.75, 0.25]))

ENTRIES = (
    Known(
        *("logarithmic", "log T", 0.0, 1),
        "theta_t is the mean of the labels before t, so that E regret = 1/2 sum over t of 1/t + O(1); upper bound: "
        "Hazan, Agarwal and Kale, Machine Learning 69, 2007, theorem 1",
        *(LABELS, _sgd(1.0, "inverse")),
    ),
    Known(
        *("square root", "sqrt(T)", 0.5, 1),
        "E g_t theta_t = 0, so that E regret = E |g_1 + ... + g_T| = sqrt(2T/pi) (1 + O(1/T)) for every method",
        *(SIGNS, _sgd(0.5, "inverse-root")),
    ),
    Known(
        *("square root, alternating", "sqrt(T)", 0.5, 1),
        "theta moves within [-1, 0]; rounds 2j - 1 and 2j cost alpha_(2j-1) together, the best point 0: "
        "regret = sum of (2j - 1)^(-1/2) over j <= T/2",
        *(ALTERNATING, _sgd(1.0, "inverse-root")),
    ),
    Known(
        *("three quarters", "T^p", 0.75, 1),
        "as for square root, alternating: regret = sum of (2j - 1)^(-1/4) over j <= T/2 = 2/3 T^(3/4) + O(1)",
        *(ALTERNATING, _sgd(1.0, "inverse-fourth-root")),
    ),
    Known(
        *("linear, leader", "linear", 1.0, 1),
        "gradients 1, -2, 1 in turn, with the sums 1, -1, 0: the leader pays 4 in three rounds, the best point 0",
        *(periodic([1, -2, 1]), method_of({"name": "leader"})),
    ),
    Known(
        *("linear, constant steps", "linear", 1.0, 1),
        "theta <- (theta + y)/2 has the stationary variance 1/3, so that E regret = T/6 + O(log T)",
        *(LABELS, _sgd(0.5, "constant")),
    ),
    Known(
        *("bounded, one minimiser", "bounded", -0.5, 1),
        "weights 1/2 and 3/2: E theta_(t+1)^2 = E theta_t^2 (1 - 3/(2t) + O(1/t^2)), so that round t costs "
        "C t^(-3/2) in expectation",
        *(ONE_MINIMISER, _sgd(0.75, "inverse")),
    ),
    Known(
        *("bounded, leader", "bounded", None, 1),
        "the leader errs only where the sum of the gradients is <= 0: probability at most exp(-t/8) (Hoeffding)",
        *(BIASED, method_of({"name": "leader"})),
    ),
    Known(
        *("falling", "bounded", 1.0, -1),
        "steps of 2 go from end to end: six rounds cost 1 - 1 - 1 twice, and every point costs 0: regret = -T/3 + O(1)",
        *(periodic([1, 1, 1, -1, -1, -1]), _sgd(2.0, "constant")),
    ),
)
KNOWN = {entry.name: entry for entry in ENTRIES}


DEFAULTS: dict[str, Any] = {"repetitions": 200, "runs": 64, "first": 16, "last": 2**14, "seed": 0}
LEASTS = {"repetitions": 1, "runs": 2, "first": 1, "last": 1, "seed": 0}


def check(settings: Mapping[str, Any]) -> None:
    """Raise ValueError, with the key, the value and what is allowed, for settings that cannot be measured."""
    allowed = ("name", *DEFAULTS)
    if unknown := [key for key in settings if key not in allowed]:
        raise ValueError(f"unknown calibration setting {unknown[0]!r}; the settings are {', '.join(allowed)}")
    if settings.get("name") not in tuple(KNOWN):
        raise ValueError(f"name must be one of {', '.join(KNOWN)}, got {settings.get('name')!r}")
    known = {**DEFAULTS, **settings}
    for key, least in LEASTS.items():
        if isinstance(known[key], bool) or not isinstance(known[key], int) or known[key] < least:
            raise ValueError(f"{key} must be a whole number >= {least}, got {known[key]!r}")
    if known["last"] < known["first"] * 2**OCTAVES:
        raise ValueError(f"last must be at least {2**OCTAVES} times first = {known['first']}, got {known['last']}")


def measure(settings: Mapping[str, Any], judge: Callable[..., Growth] = grow) -> dict[str, Any]:
    """The record of one problem of `KNOWN`, played anew in every repetition.

    Args:
        settings: `name`, and any of `DEFAULTS`.
        judge: what is calibrated.

    Raises:
        ValueError: as `check` does.
    """
    check(settings)
    known = {**DEFAULTS, **settings}
    entry, repetitions, runs = KNOWN[known["name"]], known["repetitions"], known["runs"]
    horizons = dyadic(known["first"], known["last"])
    game = Game(entry.method, entry.problem, repetitions * runs, known["seed"])
    played = [regret_of(game.play(horizon), entry.problem) for horizon in horizons]
    low, high = (
        np.array([getattr(one, end) for one in played]).reshape(len(horizons), repetitions, runs)
        for end in ("low", "high")
    )
    return record(entry, [judge(horizons, low[:, one], high[:, one]) for one in range(repetitions)])


def record(entry: Known, found: list[Growth]) -> dict[str, Any]:
    """How often the interval held the truth and the class was right, wrong, or left open.

    It passes where the interval covers as often as it must, a wrong class is as rare as the interval's level allows,
    and the right one is found more often than not.
    """
    covered, right = (sum(bool(does(one)) for one in found) for does in (entry.covered, entry.right))
    undecided = sum(one.kind == "cannot tell" for one in found)
    wrong = len(found) - right - undecided
    widths = [one.high - one.low for one in found if one.low is not None and one.high is not None]
    coverage = covered / len(found)
    return {
        "name": entry.name,
        "class": entry.kind,
        "exponent": entry.exponent,
        "sign": entry.sign,
        "why": entry.why,
        "repetitions": len(found),
        "covered": covered,
        "coverage": coverage,
        "right": right,
        "wrong": wrong,
        "undecided": undecided,
        "median_width": float(np.median(widths)) if widths else None,
        "passes": coverage >= COVERAGE and wrong <= (1 - LEVEL) * len(found) and 2 * right > len(found),
    }
