"""The pages of the checks: what each catches, a sample of its message, why it is there, how to switch it off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

Group = Literal["trajectory", "laws", "liveness", "state", "robustness", "interface"]
GROUPS = get_args(Group)
EVERY_PROFILE = ("quick", "default", "thorough")


class Failed(Exception):
    """A check failed; the message says what was expected, what was found, and where."""


class Warned(Exception):
    """Something that a user should know and that is no failure: a kind of input that the subject never speaks of."""


class NotApplicable(Exception):
    """The subject does not offer what a check looks at; the message says what."""


@contextmanager
def unless_told_by(trial: Any, *simpler: Callable[[Any], str | None]) -> Iterator[None]:
    """Turn a failure into `NotApplicable` where a simpler check fails too: one cause is one finding."""
    try:
        yield
    except Failed as failure:
        for check in simpler:
            try:
                check(trial)
            except (NotApplicable, Warned):
                continue
            except Exception as error:  # whatever the subject raises is reported by that check
                raise NotApplicable(f"the check {name_of(check)} fails, which may be why this would") from error
        raise failure


def name_of(check: Callable[[Any], str | None]) -> str:
    return check.__name__.removeprefix("check_").replace("_", "-")


@dataclass(frozen=True)
class CheckPage:
    """One check.

    Args:
        name: as `--expect` spells it.
        group: what kind of thing it looks at.
        catches: a sentence.
        sample: of its message.
        why: why it stays where another check catches the same subjects.
        profiles: in which it runs.
        function: `check(trial)`: raises `Failed` or `NotApplicable`, or returns, perhaps with a note; None for what the
            comparison with the paper itself decides.
    """

    name: str
    group: Group
    catches: str
    sample: str
    why: str = ""
    profiles: tuple[str, ...] = EVERY_PROFILE
    function: Callable[[Any], str | None] | None = None

    @property
    def switch(self) -> str:
        """How to expect its failure."""
        return f"--expect {self.name}=REASON"


COMPARED = (
    CheckPage(
        "trajectory",
        "trajectory",
        "parameters that leave the envelope of what rounding can do to the printed equations, at any step of any case.",
        "first difference: e at step 1 (default, float64)  Algorithm 2, equation 4",
    ),
    CheckPage(
        "state-follows",
        "trajectory",
        "the first mapped state quantity (m, v, e, previous g) outside its envelope names the equation; state kept "
        "times a constant is another representation and does not count.",
        "note: state e is kept times a constant; the parameters are not affected",
        why="it decides nothing: it names the equation at fault where the parameters have left.",
    ),
    CheckPage(
        "liveness",
        "liveness",
        "a mechanism of the algorithm (correction, zero gradient, both branches of RAdam, friction) that took part in "
        "no case, or no parameter that moved: then nothing was shown, and the check does not pass.",
        "never happened in the cases that ran: correction",
        why="it guards the comparison itself: where a mechanism never took part, nothing was shown of it.",
    ),
)
"""Decided by the comparison with the paper, and not by a function here."""

_registered: list[CheckPage] = []


def check_page(
    group: Group, *, catches: str, sample: str, why: str = "", profiles: tuple[str, ...] = EVERY_PROFILE
) -> Callable[[Callable[[Any], str | None]], Callable[[Any], str | None]]:
    """Give a plain function `check_some_thing(trial)` its page, `some-thing`."""

    def register(function: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
        _registered.append(CheckPage(name_of(function), group, catches, sample, why, profiles, function))
        return function

    return register


def registered() -> tuple[CheckPage, ...]:
    """The pages of all functions registered so far, in the order of their definition."""
    return tuple(_registered)
