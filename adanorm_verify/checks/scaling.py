"""Checks of scaled losses: a GradScaler's infinite gradients are skipped, and its scale is taken out again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..subject import SubjectRaised
from .changing import groups_of_dicts
from .pages import Failed, NotApplicable, check_page
from .tensors import kept
from .trial import HALF, Live, Trial, like

SCALE = 2.0**10
"""A power of two, so that to multiply and to divide by it rounds nothing."""
EPS = 0.125
"""So large that a scale which is left in the gradients shows: without eps, a step does not depend on their size."""
OVERFLOWS = (0, HALF)
"""Steps before which the gradients overflow: once where there is no state yet, once where there is."""


@check_page(
    "interface",
    catches="steps under torch.amp.GradScaler: a step whose gradients overflow changes neither parameters nor state, "
    "also of an optimizer that says _step_supports_amp_scaling and so unscales and skips by itself; and others are "
    "those without a scaler.",
    sample="under GradScaler a step with an infinite gradient moves the parameters: tensor 0, element 0 after ...",
)
def check_grad_scaler(trial: Trial) -> str:
    if trial.half:
        raise NotApplicable(f"gradients of {trial.combination.dtype} are not what a GradScaler scales")
    chosen = trial.using(eps=EPS) if "eps" in trial.subject.settable else trial
    case = chosen.case()
    live = chosen.start(case.theta)
    groups_of_dicts(live)
    scaler = torch.amp.GradScaler(trial.device, init_scale=SCALE, growth_interval=10**6)
    scaler.scale(torch.ones(1, device=trial.device))  # it makes its scale with the first loss
    found = []
    for number, gradients in enumerate(case.steps):
        if number in OVERFLOWS:
            hold_skipped(trial, live, scaler, gradients)
        scaled_step(live, scaler, gradients)
        found.append(live.thetas)
    what = "under GradScaler a run is not that without one"
    if trial.conforms:
        chosen.follows(found, case, what)
    else:
        chosen.alike(found, chosen.run(case), chosen.twice(case), what)
    return "it unscales by itself" if getattr(live.optimizer, "_step_supports_amp_scaling", False) else ""


def scaled_step(live: Live, scaler: Any, gradients: Sequence[Any], factor: float = 1.0) -> None:
    """One step as a trainer takes it, the gradients multiplied as those of a scaled loss are."""
    by = factor * scaler.get_scale()
    for parameter, gradient in zip(live.parameters, gradients, strict=True):
        parameter.grad = like(np.asarray(gradient) * by, parameter)
    live.steps += 1
    try:
        scaler.step(live.optimizer)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the subject may raise anything
        raise SubjectRaised(live.steps, error) from error
    scaler.update()


def hold_skipped(trial: Trial, live: Live, scaler: Any, gradients: Sequence[Any]) -> None:
    """Overflow the gradients, and raise `Failed` unless the step that follows changes nothing."""
    thetas, state = live.thetas, kept(live)
    scaled_step(live, scaler, gradients, np.inf)
    what = "under GradScaler a step with an infinite gradient moves the parameters"
    if difference := trial.difference([live.thetas], [thetas]):
        raise Failed(f"{what}\n{difference}")
    if any(state) and kept(live) != state:  # state may be made by a step that is skipped
        changed = sorted(key for old, new in zip(state, kept(live), strict=True) for key in old if old[key] != new[key])
        raise Failed(f"under GradScaler a step with an infinite gradient changes its state {changed[0]}")
