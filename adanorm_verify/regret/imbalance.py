"""What a person who trains on rare positives gets: the probability that logistic regression learns, and its true rate.

The step size is constant, as people train. What is learned is the average, over the second part of the runs, of the
probability that the model gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log, sqrt
from typing import Any

import numpy as np

from .methods import label, method_of
from .playing import Game
from .powers import half_width, student
from .rarity import CORRECTED, Study, sigmoid

DEFAULTS: dict[str, Any] = {
    "features": 0,
    "informative": True,
    "runs": 64,
    "rounds": None,
    "field": False,
    "seed": 0,
}
REQUIRED = ("optimizer", "rate", "batch")
LOOKS = 200
"""At the parameters, in the second part of the runs: eight a relaxation time."""
NEWTON = 30
"""Steps of a fit with two parameters from the fit with one; ten reach the last digit."""
FROZEN = 1e-9
"""A step size at which parameters stay where they are: what they have moved, over it, is the sum of the updates."""
SPREAD = 0.25
"""Of the frozen logits, on either side of the middle one, at most; else twice as far as the runs stray."""


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that cannot be measured.

    Raises:
        ValueError: the key, its value, and what is allowed.
    """
    known = (*REQUIRED, *DEFAULTS)
    for key in settings:
        if key not in known:
            raise ValueError(f"unknown setting {key!r} of kind logistic; it has {', '.join(known)}")
    for key in REQUIRED:
        if key not in settings:
            raise ValueError(f"kind logistic needs {key!r}")
    full = {**DEFAULTS, **settings}
    rate = full["rate"]
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < 1:
        raise ValueError(f"rate must be in (0, 1), got {rate!r}")
    for key, least, most in (("batch", 1, 2**20), ("features", 0, 64), ("runs", 2, 2**20), ("seed", 0, 2**63)):
        value = full[key]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{key} must be a whole number in [{least}, {most}], got {value!r}")
    rounds = full["rounds"]
    if rounds is not None and (isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 2 * LOOKS):
        raise ValueError(f"rounds must be null or a whole number of at least {2 * LOOKS}, got {rounds!r}")
    for key in ("informative", "field"):
        if not isinstance(full[key], bool):
            raise ValueError(f"{key} must be true or false, got {full[key]!r}")
    method = method_of(full["optimizer"])
    if float(method.hyperparameters.lr) == 0:
        raise ValueError("optimizer lr must be above 0 for kind logistic, got 0.0")
    if method.steps != "constant" and rounds is None:
        raise ValueError(f"rounds must be given with steps {method.steps!r}: when they settle is not known")
    if full["features"] == 0 and not full["informative"]:
        raise ValueError("informative false needs features")
    if full["features"] > 10 and not full["informative"]:
        raise ValueError(f"features without information are at most 10 signs, got {full['features']!r}")
    if full["field"] and full["features"]:
        raise ValueError("field is of an intercept alone; features must be 0")


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of independent values, and the ends of its 95 % interval (Student)."""
    mean, half = float(np.mean(values)), float(half_width(values))
    return mean, mean - half, mean + half


def measure(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Train, and say what was learned.

    Args:
        settings: `optimizer` (as `methods.method_of` reads it), `rate` of positives, `batch`; `features` (0: an
            intercept alone), `informative` (whether labels depend on them), `runs`, `rounds` (null: as long as it
            takes to settle), `field` (whether the mean update of frozen parameters is measured too), `seed`.

    Returns:
        `learned` with `low` and `high`, the 95 % interval over runs; `closed_form` with its ends, or null; `matches`,
        whether the two intervals meet (null without a law); `standard_errors`, the distance of the two; `predicted`,
        what the law says at this step size and beta2 (`straying.predicted`), its ends, and how it matches;
        `starts_apart`, the distance, in standard errors, of what was learned from two starts; `field`, where the mean
        update with parameters held fixed is zero, or null; with features `slope`, `slope_low`, `slope_high`: of the
        calibration, 1 where it is right (null where the features carry nothing).
        For diffGrad and AdaBelief the law is of their corrected gradient, which their friction and their own second
        moment weigh: where they matter it does not match.

    Raises:
        ValueError: as `check`.
    """
    check(settings)
    full = {**DEFAULTS, **settings}
    study = Study(**full)
    learned, theta = _trained(study)
    mean, low, high = interval(learned)
    expected = study.predicted
    law = study.closed_form
    error = (high - low) / 2 / student(study.runs - 1)
    numbers = study.method.hyperparameters
    record = {
        "optimizer": label(study.optimizer),
        "name": study.method.name,
        "guard": dict(study.method.decisions).get("guard"),
        "lr": float(numbers.lr),
        "beta2": float(numbers.beta2),
        "gamma": float(numbers.gamma) if CORRECTED in study.method.name else 0.0,
        **{key: full[key] for key in ("rate", "batch", "features", "informative", "runs", "seed")},
        "rounds": study.horizon,
        "learned": mean,
        "low": low,
        "high": high,
        "closed_form": law and law[0],
        "closed_form_low": law and law[1],
        "closed_form_high": law and law[2],
        "matches": law and bool(low <= law[2] and high >= law[1]),
        "standard_errors": law and _distance(mean, min(max(mean, law[1]), law[2]), error),
        "predicted": expected and sum(expected) / 2,
        "predicted_low": expected and expected[0],
        "predicted_high": expected and expected[1],
        "matches_predicted": expected and bool(low <= expected[1] and high >= expected[0]),
        "predicted_standard_errors": expected and _distance(mean, min(max(mean, expected[0]), expected[1]), error),
        "starts_apart": _apart(learned),
        "field": _field(study, mean) if study.field else None,
    }
    return record | (_calibration(study, theta) if study.features else {})


def _distance(mean: float, law: float, error: float) -> float | None:
    """In standard errors; None where all runs learned the same number."""
    return (mean - law) / error if error else None


def agreement(records: Sequence[Mapping[str, Any]], law: str = "predicted") -> dict[str, Any]:
    """Whether cells agree with a law together: one interval in twenty misses by chance, so that single ones do not say.

    Args:
        records: of `measure`; those without that law are not counted.
        law: "predicted", at the cell's step size, or "closed_form", as steps become small.

    Returns:
        `cells`, how many; `within`, in how many the 95 % interval holds the law; `largest`, the largest distance in
        standard errors, and `limit`, which it passes in one study of twenty if the law is right (Bonferroni);
        `agrees`, whether it did not.

    Raises:
        ValueError: no record has that law.
    """
    matches, distance = {
        "predicted": ("matches_predicted", "predicted_standard_errors"),
        "closed_form": ("matches", "standard_errors"),
    }[law]
    known = [record for record in records if record[distance] is not None]
    if not known:
        raise ValueError(f"no record has a {law} to agree with")
    over = [abs(record[distance]) / student(record["runs"] - 1, len(known)) for record in known]
    worst = known[int(np.argmax(over))]
    return {
        "cells": len(known),
        "within": sum(record[matches] for record in known),
        "largest": float(abs(worst[distance])),
        "limit": student(worst["runs"] - 1, len(known)),
        "agrees": bool(max(over) <= 1),
    }


def _apart(learned: np.ndarray) -> float | None:
    """Welch's statistic of the runs with even and odd numbers, which start in different places."""
    one, other = learned[::2], learned[1::2]
    if min(len(one), len(other)) < 2:
        return None
    error = sqrt(np.var(one, ddof=1) / len(one) + np.var(other, ddof=1) / len(other))
    return float((one.mean() - other.mean()) / error) if error else 0.0


def _trained(study: Study) -> tuple[np.ndarray, np.ndarray]:
    """What each run learned, (runs,), and its average parameters, (runs, d), over the second part of the rounds."""
    true = study.true
    start = np.where(np.arange(study.runs)[:, None] % 2, 0.0, true[None, :])
    game = Game(study.method, study.problem, study.runs, study.seed, start)
    z = study.population[0] if study.features else np.ones((1, 1))
    learned, theta = np.zeros(study.runs), np.zeros((study.runs, len(true)))
    horizons = np.unique(np.linspace(study.first, study.horizon, LOOKS + 1).astype(int)[1:])
    for horizon in horizons:
        now = game.play(int(horizon)).theta
        learned += np.mean(sigmoid(now @ z.T), axis=1) / len(horizons)
        theta += now / len(horizons)
    return learned, theta


def _field(study: Study, middle: float) -> dict[str, float]:
    """The probability at which the mean update is zero when parameters are held there: the limit of small steps.

    Measured at logits about that of `middle`, and read off a straight line through them.
    """
    optimizer = {**study.optimizer, "lr": FROZEN, "steps": "constant"}
    centre = log(middle / (1 - middle))
    strayed = float(study.method.hyperparameters.lr) * sqrt(study.relaxation / 2)
    spread = min(SPREAD, 2 * strayed)
    logits = np.linspace(centre - spread, centre + spread, study.runs)
    game = Game(method_of(optimizer), study.problem, study.runs, study.seed + 1, logits[:, None])
    before = game.play(study.first).theta[:, 0]
    update = (before - game.play(study.horizon).theta[:, 0]) / (FROZEN * (study.horizon - study.first))
    x = sigmoid(logits) - middle
    (slope, offset), covariance = np.polyfit(x, update, 1, cov=True)
    root = -offset / slope
    error = sqrt(covariance[1, 1] + root**2 * covariance[0, 0] + 2 * root * covariance[0, 1]) / abs(slope)
    half = student(study.runs - 2) * error
    ends = [middle + one for one in (root, root - half, root + half)]
    return dict(zip(("zero", "low", "high"), ends, strict=True))


def _calibration(study: Study, theta: np.ndarray) -> dict[str, float | None]:
    """Slope of the true log odds on the learned ones, fitted by maximum likelihood to the population, over runs."""
    if not study.informative:  # all odds are one
        return dict.fromkeys(("slope", "slope_low", "slope_high"))
    z, p, _ = study.population
    slopes = []
    for one in theta:
        learned = z @ one
        x = np.column_stack([np.ones(len(p)), (learned - learned.mean()) / learned.std()])
        fitted = np.array([log(study.rate / (1 - study.rate)), 0.0])
        for _ in range(NEWTON):
            q = sigmoid(x @ fitted)
            fitted = fitted + np.linalg.solve((x * (q * (1 - q))[:, None]).T @ x, x.T @ (p - q))
        slopes.append(fitted[1] / learned.std())
    mean, low, high = interval(np.array(slopes))
    return {"slope": mean, "slope_low": low, "slope_high": high}
