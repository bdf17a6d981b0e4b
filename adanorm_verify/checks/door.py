"""Checks of the door: what a constructor should refuse, or speak of, before it takes a step."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..subject import SubjectRaised
from .changing import groups_of_dicts
from .options import DECAY
from .pages import Failed, NotApplicable, Warned, check_page
from .trial import Live, Trial


class Listening(logging.Handler):
    """What was said while somebody listened: by warnings.warn, or to a logger."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def listening() -> Iterator[list[str]]:
    """Warnings and logged warnings as they are said, all of them, also those that were said before."""
    listener = Listening()
    logging.getLogger().addHandler(listener)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield listener.said
        listener.said += [str(warning.message) for warning in caught]
    finally:
        logging.getLogger().removeHandler(listener)


def taken(make: Callable[[], Live]) -> Live | None:
    """What is made, where nobody refuses it nor says a word; None where somebody does."""
    try:
        with listening() as said:
            live = make()
    except (NotApplicable, SubjectRaised):
        return None
    return None if said else live


Way = Callable[[Trial, list[Any]], Live]


def twice_in_a_group(trial: Trial, parameters: list[Any]) -> Live:
    return trial.over(parameters, [parameters[0], *parameters])


def in_two_groups(trial: Trial, parameters: list[Any]) -> Live:
    return trial.over(parameters, [{"params": list(parameters)}, {"params": parameters[:1]}])


def added_again(trial: Trial, parameters: list[Any]) -> Live:
    live = trial.over(parameters, list(parameters))
    try:
        live.optimizer.add_param_group({"params": parameters[:1]})
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # foreign code may raise anything
        raise NotApplicable(f"refused: {error}") from error
    return live


WAYS: Mapping[str, Way] = {
    "twice in one group": twice_in_a_group,
    "in two groups": in_two_groups,
    "again by add_param_group": added_again,
}


@check_page(
    "interface",
    catches="a tensor given twice (in one group, in two, by add_param_group) taken without an error or a warning, that "
    "moves twice a step. torch.optim warns in the first case and refuses the others.",
    sample="a tensor given in two groups is taken without a word, and moves twice a step",
)
def check_duplicates(trial: Trial) -> None:
    case = trial.case((1.0, 0.5), ((3,),))
    groups_of_dicts(trial.start(case.theta))
    straight, allowed = trial.run(case), trial.twice(case)
    moving = [name for name, way in WAYS.items() if not once(trial, way, case, straight, allowed)]
    if moving:
        raise Failed(f"a tensor given {' or '.join(moving)} is taken without a word, and moves twice a step")


def once(trial: Trial, way: Way, case: Any, straight: Any, allowed: Any) -> bool:
    """Whether a tensor given twice is refused, spoken of, or moves as one given once."""
    live = taken(lambda: way(trial, trial.parameters(case.theta)))
    if live is None:
        return True
    try:
        with listening() as said:
            found = live.go(case.steps)
    except SubjectRaised:
        return True
    return bool(said) or trial.judge.compared(found, straight, allowed).kind != "outside"


IMPROPER: Mapping[str, tuple[tuple[str, float], ...]] = {
    "lr": (("lr", -1.0), ("lr", math.nan)),
    "betas": (("beta1", -0.5), ("beta1", 1.0), ("beta2", -0.5), ("beta2", 1.0)),
    "gamma": (("gamma", -0.5), ("gamma", 1.5)),
    "eps": (("eps", -1.0), ("eps", math.nan)),
}
"""Values that no algorithm here has a meaning for, a hyperparameter's together with those of its like."""


@check_page(
    "interface",
    catches="hyperparameters without a meaning (betas of 1 or below 0, negative or NaN lr and eps) taken without "
    "an error or a warning. It fails where other values of the same hyperparameter are refused and one gets through "
    "that makes parameters infinite or NaN, or move uphill: the range was meant and is wrong. An optimizer that "
    "validates nothing, or lets NaN pass, is a warning.",
    sample="beta2=1.0 is taken without a word, and the first step makes parameters NaN; beta2=-0.5 is refused",
)
def check_validation(trial: Trial) -> str:
    silent: list[str] = []
    for family in IMPROPER.values():
        tried = [(name, value) for name, value in family if name in trial.subject.settable]
        got = {(name, value): taken(partial(improper, trial, name, value)) for name, value in tried}
        through = [key for key, live in got.items() if live is not None]
        refused = [key for key, live in got.items() if live is None]
        for name, value in through:
            live = got[name, value]
            if refused and not math.isnan(value) and live is not None and (harm := harm_of(trial, live)):
                other = "; ".join(f"{theirs}={it}" for theirs, it in refused[:1])
                raise Failed(f"{name}={value} is taken without a word, and the first step {harm}; {other} is refused")
        silent += [f"{name}={value}" for name, value in through]
    if silent:
        raise Warned(f"takes without a word: {', '.join(silent)}")
    return ""


def improper(trial: Trial, name: str, value: float) -> Live:
    """An optimizer with a hyperparameter that the paper's own record of them would refuse.

    Raises:
        NotApplicable: its constructor refuses.
    """
    numbers = {key: float(x) for key, x in trial.hyperparameters.items().items()} | {name: value}
    theirs = trial.subject.options(Unchecked(numbers), frozenset({name}))  # type: ignore[arg-type]
    return trial.start(trial.case().theta, **theirs)


class Unchecked:
    """Numbers in the place of hyperparameters, which refuse what is improper."""

    def __init__(self, numbers: Mapping[str, float]) -> None:
        self.numbers = numbers

    def items(self) -> Mapping[str, float]:
        return self.numbers


def harm_of(trial: Trial, live: Live) -> str:
    """What the first step does wrong; empty where parameters stay finite and go downhill, or it raises."""
    case = trial.case()
    try:
        (thetas,) = live.go(case.steps[:1])
    except SubjectRaised:
        return ""
    moved = [now - then for now, then in zip(thetas, case.theta, strict=True)]
    if not all(np.isfinite(move).all() for move in moved):
        return "makes parameters NaN or infinite"
    uphill = sum(float((move * g).sum()) for move, g in zip(moved, case.steps[0], strict=True) if g is not None)
    return "moves uphill" if uphill > 0 else ""


SWALLOWED: Mapping[str, Any] = {"maximize": True, "weight_decay": DECAY, "amsgrad": True}
"""Options whose documented meaning is another result."""
MISSPELLED = "weigth_decay"
FALLING = (1.0, 0.125, 0.5, 0.03125, 2.0**-10, 2.0**-10)
"""Norms after which the largest second moment is one of the past, at any beta2."""


@check_page(
    "interface",
    catches="options that a constructor takes through **kwargs and nobody reads: maximize, weight_decay or amsgrad "
    "without effect. Where it takes only words that mean nothing, so that a misspelled option is lost, it warns.",
    sample="takes maximize=True, weight_decay=0.125 through **kwargs, and they have no effect",
)
def check_swallowed_options(trial: Trial) -> None:
    if not trial.subject.takes_anything:
        raise NotApplicable("its constructor takes no **kwargs")
    small = {"beta2": 0.5} if "beta2" in trial.subject.settable else {}
    chosen = trial.using(**small)
    case = chosen.case(FALLING, ((3,),))
    plain = chosen.run(case)
    known = {*trial.subject.parameters, *trial.subject.arguments}
    lost = [
        f"{name}={value}"
        for name, value in SWALLOWED.items()
        if name not in known and without_effect(chosen, case, plain, {name: value})
    ]
    if lost:
        raise Failed(f"takes {', '.join(lost)} through **kwargs, and {'they have' if lost[1:] else 'it has'} no effect")
    if without_effect(chosen, case, plain, {MISSPELLED: DECAY}):
        raise Warned(f"takes any word through **kwargs, so that a misspelled option is lost: {MISSPELLED}={DECAY}")


def without_effect(trial: Trial, case: Any, plain: Sequence[Any], options: Mapping[str, Any]) -> bool:
    """Whether an option is neither refused nor spoken of, and changes no bit."""
    live = taken(lambda: trial.start(case.theta, **options))
    if live is None:
        return False
    try:
        with listening() as said:
            found = live.go(case.steps)
    except SubjectRaised:
        return False
    return not said and not trial.difference(found, plain)
