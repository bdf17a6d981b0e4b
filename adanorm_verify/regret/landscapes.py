"""The scenarios of the paper's section 3.1 as landscapes of one dimension, and what its sentences say, tested there.

The paper has a picture and no functions. Ours are the simplest that fit its words: slopes that are constant by pieces.
A sentence is tested at every step of the region that it speaks of, first on one run, then on all variations of start,
step size, slopes and width, with the bias correction and without ("ignored for simplicity" there).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from ..paper import Algorithm, Hyperparameters, algorithm
from ..reference import initial_state, step
from .sentences import END, SENTENCES, Outcome, Run, Sentence

METHODS = ("adam", "adamnorm")
DEFAULTS: dict[str, Any] = {"steps": 1000, "lr": 1e-3, "gamma": 0.95, "bias_correction": True}
POINTS = 201
"""Of a landscape's picture."""


@dataclass(frozen=True)
class Place:
    """A landscape and where it is entered; lengths are in units of 0.001, the default step.

    Args:
        scenario: S1, S2 or S3.
        start: theta_1.
        share: of the small slope in the large one; for S3 the width of the valley.
        notch: width of a piece that rises gently within the large slope of S2; 0 for none.
    """

    scenario: str
    start: float
    share: float
    notch: float = 0.0


UNIT = 1e-3
BORDER, NOTCH, NEAR = 300 * UNIT, 30 * UNIT, 10 * UNIT
"""Where S1 becomes flat and S2 steep, how far behind it a notch is, and how near is near the minimum of S3. The slope
before S1's flat region is longer than all averages remember, 1/(1 - gamma) = 20 steps of up to 6.4 units."""


def slope(scenario: str, x: np.ndarray, share: np.ndarray | float, notch: np.ndarray | float) -> np.ndarray:
    """f'(x) of the landscape of a `Place`; the large slope is 1 in all of them."""
    if scenario == "S3":
        return np.clip(x / (UNIT * share), -1, 1)
    beyond = x >= BORDER
    if scenario == "S1":
        return np.where(beyond, -share, -1.0)
    notched = (x >= BORDER + NOTCH) & (x < BORDER + NOTCH + UNIT * notch)
    return np.where(notched, share, np.where(beyond, -1.0, -share))


def inside(scenario: str, x: np.ndarray) -> np.ndarray:
    """Whether x is in the region of which the scenario speaks."""
    return np.abs(x) <= NEAR if scenario == "S3" else x >= BORDER


MAIN = {"S1": Place("S1", 0.0, 1e-3), "S2": Place("S2", 0.0, 1e-3), "S3": Place("S3", 100.5 * UNIT, 5.0)}
VARIED: dict[str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]] = {
    "S1": ((0.0, 50 * UNIT, 100 * UNIT), (1e-3, 1e-2, 0.1), (0.0,)),
    "S2": ((0.0, 50 * UNIT, 100 * UNIT), (1e-3, 1e-2, 0.1), (0.0, 2.0, 10.0)),
    "S3": ((0.64 * UNIT, 50.5 * UNIT, 100.5 * UNIT), (0.04, 1.0, 5.0), (0.0,)),
}
"""Starts, shares (or widths) and notches; each with every one of the step sizes."""
STEPS = (0.5, 1.0, 2.0)
"""Times lr."""


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that cannot be run.

    Raises:
        ValueError: the key, its value, and what is allowed.
    """
    known = ("scenario", *DEFAULTS)
    for key in settings:
        if key not in known:
            raise ValueError(f"unknown setting {key!r} of kind landscape; it has {', '.join(known)}")
    if settings.get("scenario") not in tuple(SENTENCES):
        raise ValueError(f"scenario must be one of {', '.join(SENTENCES)}, got {settings.get('scenario')!r}")
    full = {**DEFAULTS, **settings}
    steps = full["steps"]
    if isinstance(steps, bool) or not isinstance(steps, int) or not 4 * END <= steps <= 10**5:
        raise ValueError(f"steps must be a whole number in [{4 * END}, 100000], got {steps!r}")
    if not isinstance(full["bias_correction"], bool):
        raise ValueError(f"bias_correction must be true or false, got {full['bias_correction']!r}")
    if isinstance(full["lr"], bool) or not isinstance(full["lr"], int | float) or not 1e-4 <= full["lr"] <= 1e-2:
        raise ValueError(f"lr must be in [0.0001, 0.01], got {full['lr']!r}")
    Hyperparameters(gamma=full["gamma"])


def as_it_is(m):
    return m


def listed(name: str, bias_correction: bool) -> Algorithm:
    """The paper's list, or the same without its bias corrections."""
    found = algorithm(name)
    if bias_correction:
        return found
    first = replace(found["m_hat"], function=as_it_is)
    return found.replacing(first, replace(found["v_hat"], function=as_it_is, reads={"m": "v"}))


def play(places: list[Place], name: str, lr: np.ndarray, steps: int, gamma: float, bias_correction: bool) -> list[Run]:
    """Runs of one optimizer, one a place and step size, by the NumPy reference.

    The places are of one scenario; `entered` is `steps` where the region was not reached.
    """
    method = listed(name, bias_correction)
    state = initial_state(method, np.array([[place.start] for place in places]), 1)
    numbers = Hyperparameters(lr=lr[:, None], gamma=gamma)
    scenario = places[0].scenario
    share, notch = (np.array([[getattr(place, name)] for place in places]) for name in ("share", "notch"))
    thetas, gs, ms, there = [], [], [], []
    for _ in range(steps):
        theta = state.values["theta"]
        there.append(inside(scenario, theta)[:, 0])
        gradient = slope(scenario, theta, share, notch)
        state, quantities = step(method, state, gradient, numbers, parameter_ndim=1)
        gs.append(gradient[:, 0])
        thetas.append(theta[:, 0])
        ms.append(np.asarray(quantities["m"])[:, 0])
    theta = np.array([*thetas, state.values["theta"][:, 0]])
    g, m = np.array(gs), np.array(ms)
    within = np.array(there)
    entered = np.where(within.any(axis=0), np.argmax(within, axis=0), steps)
    return [
        Run(theta[:-1, n], g[:, n], m[:, n], np.diff(theta[:, n]) / lr[n], max(int(entered[n]), 1))
        for n in range(len(places))
    ]


def measure(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Run both optimizers through a scenario, and test what the paper says of it.

    Args:
        settings: `scenario` (S1, S2, S3); `steps`, `lr`, `gamma`, `bias_correction` (of the run that is shown).

    Returns:
        `sentence`, `verdict` and `why` of the first sentence, all of them in `sentences`; `theta`, `update` (over lr)
        and `m` of either optimizer, `entered`, its first step in the region, and `loss`, a picture of the landscape.
        A verdict is `holds` (on the run and all variations), `fails` (on the run) or `depends` (on a variation).

    Raises:
        ValueError: as `check`, or where no variation reached the region.
    """
    check(settings)
    full = {**DEFAULTS, **settings}
    scenario = full["scenario"]
    lr, gamma, steps = float(full["lr"]), float(full["gamma"]), full["steps"]
    main = MAIN[scenario]
    shown = [play([main], name, np.array([lr]), steps, gamma, full["bias_correction"])[0] for name in METHODS]
    if any(run.entered + END > steps for run in shown):
        raise ValueError(f"scenario {scenario}: {steps} steps with lr {lr!r} do not lead through the region")
    tested = variations(scenario, lr, steps, gamma)
    if not tested:
        raise ValueError(f"scenario {scenario}: no variation reaches the region in {steps} steps")
    sentences = [_tested(sentence, shown, tested) for sentence in SENTENCES[scenario]]
    first = sentences[0]
    by_name = dict(zip(METHODS, shown, strict=True))
    return {
        **{key: full[key] for key in ("scenario", "steps", "lr", "gamma", "bias_correction")},
        **{key: first[key] for key in ("sentence", "verdict", "why", "variations")},
        "sentences": sentences,
        "theta": {name: run.theta.tolist() for name, run in by_name.items()},
        "update": {name: run.update.tolist() for name, run in by_name.items()},
        "m": {name: run.m.tolist() for name, run in by_name.items()},
        "entered": {name: run.entered for name, run in by_name.items()},
        "loss": picture(main, shown),
    }


def variations(scenario: str, lr: float, steps: int, gamma: float) -> list[tuple[Place, tuple[Run, Run]]]:
    """Adam's and AdamNorm's runs of all variations in which both spend some steps in the region."""
    starts, shares, notches = VARIED[scenario]
    cells = list(product(starts, shares, notches, STEPS))
    places = [Place(scenario, start, share, notch) for start, share, notch, _ in cells]
    lrs = np.array([lr * times for *_, times in cells])
    found = []
    for corrected in (True, False):
        pairs = zip(*(play(places, name, lrs, steps, gamma, corrected) for name in METHODS), strict=True)
        found += [
            (place, pair)
            for place, pair in zip(places, pairs, strict=True)
            if all(run.entered + END <= steps for run in pair)
        ]
    return found


def _tested(sentence: Sentence, shown: list[Run], varied: list[tuple[Place, tuple[Run, Run]]]) -> dict[str, Any]:
    own = sentence.test(*shown)
    outcomes = [sentence.test(*pair) for _, pair in varied]
    held = sum(outcome.holds for outcome in outcomes)
    verdict = "fails" if not own.holds else "holds" if held == len(outcomes) else "depends"
    figures = sorted(outcome.figure for outcome in outcomes)
    where = f", first at step {own.failed_at} of the region" if own.failed_at is not None else ""
    why = (
        f"{sentence.measured}: {own.figure:.4g}{where}; in {len(outcomes)} variations {figures[0]:.4g} to "
        f"{figures[-1]:.4g}, held in {held}"
    )
    return {
        "sentence": sentence.text,
        "measured": sentence.measured,
        "figure": own.figure,
        "verdict": verdict,
        "failed_at": own.failed_at,
        "why": why,
        "variations": {"held": held, "failed": len(outcomes) - held},
        "held_by": {
            name: _held_by([getattr(place, name) for place, _ in varied], outcomes)
            for name in ("start", "share", "notch")
        },
    }


def _held_by(values: list[float], outcomes: list[Outcome]) -> dict[str, list[int]]:
    """Value of one thing that varies to how often the sentence held there, and of how many."""
    held: dict[str, list[int]] = {}
    for value, outcome in zip(values, outcomes, strict=True):
        counts = held.setdefault(f"{value:g}", [0, 0])
        counts[0] += outcome.holds
        counts[1] += 1
    return held


def picture(place: Place, runs: list[Run]) -> dict[str, list[float]]:
    """The landscape where the runs were, by adding up its slope; 0 is its lowest point there."""
    low, high = (end(end(run.theta) for run in runs) for end in (min, max))
    x = np.linspace(low, high, POINTS)
    fine = (x[1:] + x[:-1]) / 2
    f = np.concatenate([[0.0], np.cumsum(slope(place.scenario, fine, place.share, place.notch) * np.diff(x))])
    return {"x": x.tolist(), "f": (f - f.min()).tolist()}
