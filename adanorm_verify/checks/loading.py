"""The check of options in a saved state: those that were saved count, and not those of the instance that loads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from . import fresh
from .changing import groups_of_dicts, put
from .options import DECAY, OTHER, offers
from .pages import Failed, NotApplicable, check_page, unless_told_by
from .state import check_state_in_a_fresh_instance, check_two_optimizers, copied, interrupted, same_draws
from .trial import Trial


@check_page(
    "state",
    catches="options of a saved state (each that the groups hold) that do not count after loading: an instance "
    "built with others must go on with those that were saved.",
    sample="loaded into an instance built with another lr it goes on otherwise: tensor 0, element 0 after step 1: ...",
)
def check_options_in_state(trial: Trial) -> str:
    chosen = dict(saved_options(trial))
    if not chosen:
        raise NotApplicable("its groups hold no options that could change")
    difference = after_loading(trial, chosen)
    if not difference:
        return f"{', '.join(chosen)} come from the state"
    if trial.unsteady:
        raise NotApplicable("a plain repeat of the subject is not bit-identical; see the check repeats")
    alone = [name for name, value in chosen.items() if after_loading(trial, {name: value})]
    if not alone:
        raise NotApplicable("a load changes the run, whatever the options: see the other checks of state")
    what = f"loaded into an instance built with another {' and '.join(alone)} it goes on otherwise"
    with unless_told_by(trial, check_state_in_a_fresh_instance, check_two_optimizers):
        raise Failed(f"{what}\n{difference}")


def saved_options(trial: Trial) -> Iterator[tuple[str, Any]]:
    """Options that the groups hold, each with another value than the trial's."""
    new = replace(trial.hyperparameters, **{name: OTHER[name] for name in trial.combination.grouped})
    groups_of_dicts(trial.start(trial.case().theta))
    yield from sorted(trial.subject.options(new, trial.combination.grouped).items())
    for name, value in {"weight_decay": DECAY, "maximize": True}.items():
        if offers(trial, name):
            yield name, value


def after_loading(trial: Trial, chosen: Mapping[str, Any]) -> str:
    """Where a run whose options changed, were saved and loaded elsewhere leaves the one that went on; else empty."""
    live, rest, _ = interrupted(trial)
    for group in groups_of_dicts(live):
        put(group, chosen)
    data = fresh.saved(live.optimizer.state_dict())
    generator = torch.get_rng_state()
    other = trial.start(copied(live.parameters))
    other.optimizer.load_state_dict(fresh.loaded(data))
    found = same_draws(lambda: other.go(rest), generator)
    return trial.difference(found, same_draws(lambda: live.go(rest), generator))
