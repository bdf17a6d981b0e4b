"""A check of old instances: what begins late and follows no saved count shows when an early state is loaded again."""

from __future__ import annotations

import torch

from . import fresh
from .anchors import refuse_unanchored, unless_known
from .long import SHAPE, check_large_counts, cycled
from .pages import Failed, NotApplicable, check_page
from .trial import HALF, MAGNITUDES, Live, Trial, refusable

AGES = (1, 200, 1_100, 10_500)
"""Steps after which the early state is loaded: the first shows that loading it sets everything back, and the others
lie behind the usual beginnings of a fault, at 150, 1,000 and 10,000 steps, the defaults of warm-ups and schedules."""


@check_page(
    "trajectory",
    catches=f"what begins late and follows no saved count: after {AGES[-1]:,} steps an early state is loaded again, "
    "and must go on as the equations say.",
    sample="at the age of 1,100 steps it does not go on from an early state as the equations say: tensor 0, ...",
    why="no state leads to a number that an instance keeps for itself, so that only its age shows it.",
    profiles=("thorough",),
)
def check_long_run(trial: Trial) -> str:
    refuse_unanchored(trial)
    with unless_known(trial, check_large_counts):
        return "set back to an early state" if aged(trial) else run_all(trial)


def aged(trial: Trial) -> bool:
    """Go on from the same early state at all ages; False where loading does not set the subject back."""
    case = trial.case(MAGNITUDES, SHAPE)
    live = trial.start(case.theta)
    live.go(case.steps[:HALF])
    values, bounds = (run[HALF:] for run in trial.expected(case))
    early = [parameter.detach().clone() for parameter in live.parameters]
    if not callable(getattr(live.optimizer, "state_dict", None)):
        return False
    data = fresh.saved(live.optimizer.state_dict())
    for age in AGES:
        try:
            with refusable("an early state"):
                let_run(trial, live, age)
                set_back(live, early, fresh.loaded(data))
            what = f"at the age of {age:,} steps it does not go on from an early state as the equations say"
            trial.alike(live.go(case.steps[HALF:]), values, bounds, what)
        except (Failed, NotApplicable):
            if age == AGES[0]:
                return False
            raise
    return True


def let_run(trial: Trial, live: Live, age: int) -> None:
    """Step until the instance has an age, along the gradients of an ordinary case."""
    cycle = [
        [torch.tensor(g, dtype=trial.dtype, device=trial.device) for g in step if g is not None]
        for step in trial.case(MAGNITUDES, SHAPE).steps
    ]
    while live.steps < age:
        live.step(cycle[live.steps % len(cycle)])


def set_back(live: Live, parameters: list[torch.Tensor], state: object) -> None:
    """Give an instance its early parameters and its early state."""
    with torch.no_grad():
        for parameter, early in zip(live.parameters, parameters, strict=True):
            parameter.copy_(early)
    live.optimizer.load_state_dict(state)


def run_all(trial: Trial) -> str:
    """Hold every step of a long run against the equations, which takes their arithmetic some seconds."""
    case = trial.case(cycled(AGES[-1]), SHAPE)
    trial.follows(trial.run(case), case, f"in a run of {AGES[-1]:,} steps it leaves the equations")
    return "every step was held against the equations"
