"""Two-point distributions: the gradient is A with probability p and -a otherwise, independently in each round.

Whether a method drifts away from the better end is measured far from both ends: the mean move of its point over many
runs, with its standard error. What it finds is confirmed by play on [-1, 1]; its certificate holds the exact mean of
the corrected gradient in the long run, which decides for gradient descent, and is evidence for the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from ..ledger import Step, claims, identity
from ..ledger.folder import checker, imported
from .confirming import DEVIATIONS, Confirmation, confirm, horizon_for
from .methods import Method, label
from .playing import Game
from .problems import Problem, table
from .sets import Feasible

RUNS = 32
"""One block of runs side by side."""
FORGOTTEN, MEASURED = 20_000, 100_000
"""Rounds before and within the measurement: twenty memories of a second moment at beta2 = 0.999, and a hundred."""
SLOWER = 100
"""A game of random runs is that much shorter than one of a periodic sequence: 32 runs, each with its draws."""
WIDE = Feasible("box", 1, -1e12, 1e12)
"""No point comes near its ends in rounds of unit steps."""


@dataclass(frozen=True)
class Law:
    """A with probability 1/rarity and -a otherwise; the mean is positive, so that -1 is the best point of [-1, 1]."""

    rarity: int
    A: int
    a: int = 1

    @property
    def p(self) -> Fraction:
        return Fraction(1, self.rarity)

    @property
    def mean(self) -> Fraction:
        return self.p * self.A - (1 - self.p) * self.a

    def problem(self, feasible: Feasible) -> Problem:
        a, y, w = table([[self.A], [-self.a]])
        chances = np.array([float(self.p), 1 - float(self.p)])
        return Problem(f"{self}", "linear", feasible, "iid", a, y, w, chances)

    def __str__(self) -> str:
        return f"{self.A} with probability 1/{self.rarity}, -{self.a} otherwise"


LAWS = tuple(Law(rarity, A) for rarity in (2, 3, 4, 5, 10, 20, 50, 100) for A in (rarity, rarity + 1, rarity + 2))
"""The commonest large gradients first, then the smallest ones of positive mean."""


def drift(method: Method, law: Law, seed: int) -> tuple[float, float]:
    """The mean move of the point a round, in units of the step, and its standard error."""
    unit = replace(method, hyperparameters=replace(method.hyperparameters, lr=1.0), steps="constant")
    game = Game(unit, law.problem(WIDE), RUNS, seed)
    before, after = (game.play(T).theta[:, 0] for T in (FORGOTTEN, FORGOTTEN + MEASURED))
    moves = (after - before) / MEASURED
    return float(moves.mean()), float(moves.std(ddof=1) / np.sqrt(RUNS))


def trophy(
    law: Law, settings: Mapping[str, Any], methods: Mapping[str, Method], seed: int, longest: int, threads: int
) -> dict[str, Any] | None:
    """The record of a distribution on which the optimizer fails and the control does not; None where that is not so.

    Args:
        law: of positive mean.
        settings: of the optimizer.
        methods: `optimizer` and `control`.
        seed: of the runs.
        longest: rounds of one run that may be played.
        threads: that share the games.
    """
    move, error = drift(methods["optimizer"], law, seed)
    if not move > DEVIATIONS * error:
        return None
    other, other_error = drift(methods["control"], law, seed)
    if not other < -DEVIATIONS * other_error:
        return None
    horizon = horizon_for([move, -other], list(methods.values()), 1, max(longest // SLOWER, 10))
    played = confirm(methods, law.problem(Feasible("box", 1)), horizon, RUNS, seed, threads)
    if not played.holds:
        return None
    return {
        "class": "two-point",
        "stage": "two-point distributions",
        "sequence": {"A": law.A, "a": law.a, "p": f"1/{law.rarity}"},
        "average_regret": played.middle.late,
        "control_average": played.control_middle.late,
        "horizon": 10 * horizon,
        "limit": float(2 * law.mean),
        "drift": move,
        "drift_error": error,
        "played": played.record(),
        "statement": statement(settings, law),
        "certificate_verdict": "supported",
        "certificate": certificate(settings, methods["optimizer"], law, played),
    }


def statement(settings: Mapping[str, Any], law: Law) -> str:
    return (
        f"Losses f_t(x) = g_t x on [-1, 1], g_t independent, {law}: the mean gradient is {law.mean} > 0, the best "
        f"fixed point -1, and {label(settings)} moves away from it; its average regret does not fall."
    )


def certificate(settings: Mapping[str, Any], method: Method, law: Law, played: Confirmation) -> dict[str, Any]:
    """What is exact about a two-point failure, and what was measured; the verdict is `supported`."""
    steps = [*(mean_corrected(method, law) if "s" in method.listed and not method.decisions else []), measured(played)]
    contents = json.loads(
        json.dumps(
            {
                "id": f"hunt.{method.name}",
                "where": "found by adanorm-verify hunt",
                "statement": statement(settings, law),
                "verdict": "supported",
                "rests_on": [],
                "bits": 256,
                "steps": steps,
            }
        )
    )
    return contents | {"sha256": checker().digest(contents)}


def mean_corrected(method: Method, law: Law) -> list[Step]:
    """The mean of s where e has its stationary law: the closed form of `noise_formulas.two_point_mean`."""
    gamma = Fraction(repr(float(method.hyperparameters.gamma)))
    mean = imported("theory.noise_formulas").two_point_mean(law.p, Fraction(law.A), Fraction(law.a), gamma)
    return [
        identity(
            "e before a round is between a and A with mean pA + (1 - p)a, and independent of its gradient; a small "
            "gradient is lifted to gamma e + (1 - gamma) a >= a, a large one never. So the mean of s is",
            "p*A - (1 - p)*(g*(p*A + (1 - p)*a) + (1 - g)*a)",
            "p*A - (1 - p)*a - g*p*(1 - p)*(A - a)",
            "p A a g",
        ),
        claims(
            "the mean gradient is positive and that of the corrected one negative: with s alone as the step the point "
            "drifts away from -1. What a second moment makes of s is not proved here",
            "p*A - (1 - p)*a > 0",
            f"p*A - (1 - p)*a - gamma*p*(1 - p)*(A - a) == {mean}",
            f"{mean} < 0",
            let=[("p", str(law.p)), ("A", str(law.A)), ("a", str(law.a)), ("gamma", repr(float(gamma)))],
        ),
    ]


def measured(played: Confirmation) -> Step:
    parts = {"optimizer": played.middle, "optimizer_from_best": played.best, "control": played.control_middle}
    let = [(f"{who}_{when}", repr(getattr(one, when))) for who, one in parts.items() for when in ("early", "late")]
    let += [(f"{who}_error", repr(one.change)) for who, one in parts.items()]
    return claims(
        f"played, means over {RUNS} runs after {played.horizon} rounds and ten times as many, with {DEVIATIONS} "
        "standard errors of the change: the optimizer's average regret rises, the control's falls",
        "optimizer_late - optimizer_early > optimizer_error",
        "optimizer_from_best_late - optimizer_from_best_early > optimizer_from_best_error",
        "control_early - control_late > control_error",
        role="evidence",
        let=let,
    )


__all__ = ["LAWS", "Law", "certificate", "drift", "trophy"]
