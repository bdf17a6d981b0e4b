"""The hunt: loss sequences on which an optimizer's average regret does not vanish while a control's does.

A sequence is a candidate where the drift of the optimizer's settled cycle leads away from the best end and the
control's leads to it (`settled`); it is found where the drift is proved in exact arithmetic (`certifying`) and play
confirms it (`confirming`). On a control that has a theorem there are no candidates, whatever the budget.

What is simplest comes first (`candidates`). Where other hyperparameters give a short sequence, what there is at the
given ones is looked for too, as `others`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..paper import ALGORITHMS
from ..paper.controls import CONTROLS
from . import distributions
from .candidates import Budget, Candidate, Ended, Judge, elsewhere, random, rare, short
from .certifying import certificate
from .confirming import MIDDLE, confirm, horizon_for, play
from .methods import DEFAULTS, label, method_of
from .problems import periodic
from .settled import settle
from .trophies import limit

CLASSES = ("periodic-linear", "two-point", "all")
HUNTED = tuple(name for name in (*ALGORITHMS, *CONTROLS) if name != "leader")
"""Following the leader has no step that settles: it jumps. Its failure is a calibration problem."""
LONGEST_PLAY = 100_000_000
"""Rounds of the second horizon at most: four games of 1.5 s."""
HYPERPARAMETER_NAMES = ("lr", "beta1", "beta2", "gamma", "eps")
# What is found ---------------------------------------------------------------------------------------------------


def trophy(candidate: Candidate, control: Mapping[str, Any], longest: int, threads: int) -> dict[str, Any] | str:
    """The record of a candidate that is proved and confirmed; for another one, what it lacks."""
    stage, settings, sequence = candidate
    methods = {"optimizer": method_of(settings), "control": method_of(control)}
    column = np.array(sequence, dtype=np.int64)[:, None]
    cycles = {who: settle(method, column) for who, method in methods.items()}
    proved = certificate(settings, sequence, cycles["optimizer"].memories, f"hunt.{settings['name']}")
    if proved is None:
        return "not proved"
    rates = [abs(float(cycle.drift[0])) / len(sequence) for cycle in cycles.values()]
    horizon = horizon_for(rates, list(methods.values()), len(sequence), longest)
    problem = periodic(sequence)
    middle = play(methods["optimizer"], MIDDLE, problem, horizon)  # what is too slow to be seen fails here already
    played = confirm(methods, problem, horizon, threads=threads, middle=middle) if middle.rises else None
    if played is None or not played.holds:
        return f"not confirmed by {10 * horizon} rounds of play"
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
        "statement": proved["statement"],
        "certificate_verdict": proved["verdict"],
        "certificate": proved,
    }


def hyperparameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All that the method reads besides its name, defaults included."""
    read = method_of(settings).listed.hyperparameters
    kept = [key for key in DEFAULTS if key not in HYPERPARAMETER_NAMES or key in read]
    return {key: settings.get(key, DEFAULTS[key]) for key in kept}


def hunt(
    optimizer: Mapping[str, Any],
    control: Mapping[str, Any],
    which: str,
    budget: Budget,
    seed: int = 0,
    threads: int = 1,
    longest: int | None = None,
) -> dict[str, Any]:
    """Look for what is simplest until something is found or the budget is used up.

    Args:
        optimizer: settings (`methods.method_of`).
        control: settings.
        which: one of `CLASSES`.
        budget: of the search; what is found is proved and played after it.
        seed: of the random sequences.
        threads: at most; the result does not depend on them.
        longest: rounds that are played at most; `LONGEST_PLAY` where not given.

    Returns:
        A record: `found`, and of the simplest the keys of `trophy`, else None for each; `others`, found after it;
        `examined`, how many by stage; `refused`, candidates with what they lacked. A `sequence` is a list of integers,
        or for a distribution A, a and p; averages are those of play from the middle.
    """
    longest = longest or LONGEST_PLAY
    judge = Judge(optimizer, control, threads)
    found: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    complete = False

    def first(candidates: Iterator[Candidate]) -> bool:
        """Whether one of the candidates holds; the simplest one that does is kept."""
        for candidate in candidates:
            kept = trophy(candidate, control, longest, threads)
            if not isinstance(kept, str):
                found.append(kept)
                return True
            refused.append({"stage": candidate[0], "sequence": list(candidate[2]), "lacks": kept})
        return False

    try:
        if which != "two-point":
            complete = first(short(judge, budget))
            if not complete:
                first(elsewhere(judge, budget))
                complete = first(rare(judge, budget))
        if which != "periodic-linear" and not found:
            complete = _two_point(judge, budget, found, seed, longest)
        if which != "two-point" and not complete:
            first(random(judge, budget, seed))
    except Ended:
        pass
    empty = dict.fromkeys(("stage", "sequence", "average_regret", "control_average", "horizon", "certificate"))
    head = found[0] if found else {"class": which, **empty, "hyperparameters": hyperparameters(optimizer)}
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

KEYS = {"optimizer", "control", "class", "effort", "seed", "longest"}
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


def title(name: str) -> str:
    """An optimizer's name as it is printed."""
    return label({"name": name})


__all__ = ["CLASSES", "Budget", "check", "hunt", "measure", "natural", "refuse", "title"]
