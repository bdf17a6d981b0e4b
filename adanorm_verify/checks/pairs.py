"""The check of options in pairs: each with the other must have the effect that both have alone."""

from __future__ import annotations

from typing import Any

from .laws import times
from .options import DECAY, switches
from .pages import Failed, NotApplicable, check_page
from .trial import Trial, refusable
from .weight_decay import meanings


@check_page(
    "interface",
    catches="weight_decay that has no effect, or no known meaning, beside the other position of a switch; maximize "
    "that is not the run with negated gradients beside one.",
    sample="weight_decay=0.125 has no effect with weight_decouple=False",
)
def check_option_pairs(trial: Trial) -> str:
    held = [name for name in switches(trial) if hold_pairs(trial, name)]
    if not held:
        raise NotApplicable("its constructor has no two options that could be paired")
    return f"paired with {', '.join(held)}"


def hold_pairs(trial: Trial, name: str) -> bool:
    """Whether something could be paired with the other position of a switch; `Failed` where that is wrong."""
    other = trial.given(**{name: not trial.subject.parameters[name].default})
    paired = [
        hold(trial, other, f"{name}={other.options[name]}")
        for option, hold in PAIRED.items()
        if option != name and option in trial.subject.parameters and option not in trial.subject.arguments
    ]
    return any(paired)


def hold_decay(trial: Trial, other: Trial, how: str) -> bool:
    """Weight decay beside a switch: where the equations hold with the switch, it must be one of the known."""
    without = other.given(weight_decay=0.0)
    case = trial.case()
    found, plain = ran(other, weight_decay=DECAY), ran(without)
    if trial.half or found is None or plain is None:
        return False
    if not trial.difference(found, plain):
        alone = trial.given(weight_decay=DECAY).run(case), trial.given(weight_decay=0.0).run(case)
        if not trial.difference(*alone):  # that is what the check weight-decay says
            return False
        raise Failed(f"weight_decay={DECAY} has no effect with {how}")
    if how == "maximize=True":
        return True  # the check weight-decay holds it against the run with negated gradients
    if trial.fits(plain, case):
        meanings(trial, found, f" with {how}")
    return True


def hold_maximize(trial: Trial, other: Trial, how: str) -> bool:
    """Maximize beside a switch, each of whose positions is held alone elsewhere."""
    case = trial.case()
    up, plain = ran(other, -1.0, maximize=True), ran(other)
    if up is None or plain is None:
        return False
    trial.alike(up, plain, trial.twice(case), f"maximize=True with {how} is not the run with negated gradients")
    return True


PAIRED = {"weight_decay": hold_decay, "maximize": hold_maximize}


def ran(trial: Trial, sign: float = 1.0, **options: Any) -> Any:
    """The ordinary case with options, its gradients times a sign; None where that is refused."""
    try:
        with refusable("the pair"):
            return trial.given(**options).run(times(trial.case(), sign))
    except NotApplicable:
        return None
