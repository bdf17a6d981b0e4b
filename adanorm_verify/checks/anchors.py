"""What a check needs before it can say something: equations that hold, and a fault that no simpler check has named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .pages import Failed, NotApplicable, Warned
from .trial import Trial


def refuse_unanchored(trial: Trial) -> None:
    """Raise `NotApplicable` unless the equations describe the subject on an ordinary case."""
    if not trial.conforms:
        raise NotApplicable("it is not the algorithm on an ordinary case already")


@contextmanager
def unless_known(trial: Trial, *checks: Callable[[Trial], str | None]) -> Iterator[None]:
    """Let a failure pass only where simpler checks do not fail as well: one cause is one finding."""
    try:
        yield
    except Failed as failure:
        for check in checks:
            if fails(check, trial):
                name = check.__name__.removeprefix("check_").replace("_", "-")
                raise NotApplicable(f"the check {name} fails already") from failure
        raise


def fails(check: Callable[[Trial], str | None], trial: Trial) -> bool:
    try:
        check(trial)
    except Failed:
        return True
    except (NotApplicable, Warned):
        return False
    return False
