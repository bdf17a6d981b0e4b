"""The check of weight decay: what it does, whether that is what is claimed, and what a negative one does."""

from __future__ import annotations

from collections.abc import Sequence

from .claims import claimed
from .comparing import Path
from .decay import READINGS, Reading, undecayed
from .laws import times
from .options import DECAY
from .pages import Failed, NotApplicable, check_page
from .trial import Trial, refusable


@check_page(
    "interface",
    catches="a weight_decay without effect, of no known meaning, or of another one than is claimed (by --decay, "
    "signature, name or docstring); a negative one that is accepted and dropped; one that maximize turns round.",
    sample="claims L2 (coupled) weight decay in its docstring, and does decoupled: theta (1 - lr lambda)",
)
def check_weight_decay(trial: Trial) -> str:
    refuse_half(trial)
    decayed, without = trial.given(weight_decay=DECAY), trial.given(weight_decay=0.0)
    case = trial.case()
    found = decayed.run(case)
    if not trial.difference(found, without.run(case)):
        raise Failed(f"weight_decay={DECAY} has no effect: the parameters are bit-identical to those without it")
    if not conforms_undecayed(without):
        what = "weight decay has an effect; which one is not known of an optimizer that is not the algorithm"
        return f"{what}; {negative_decay(trial, without, (), what)}"
    fitting = meanings(trial, found)
    done = f"weight decay is {fitting[0].told}"
    if claim := broken_claim(trial, fitting):
        raise Failed(f"{claim}; {negative_decay(trial, without, fitting, claim)}")
    negative = negative_decay(trial, without, fitting, done)
    if "maximize" in trial.subject.parameters:
        hold_maximized(trial, fitting)
    return f"{done}; {negative}"


def conforms_undecayed(without: Trial) -> bool:
    """Whether a subject whose weight decay is switched off is the best-known list without one."""
    case = without.case()
    return without.conforms or without.fits(without.plain, case, without.changed(undecayed))


def refuse_half(trial: Trial) -> None:
    if trial.half:
        raise NotApplicable(f"in {trial.combination.dtype} a small decay may be lost in rounding")


def meanings(trial: Trial, found: Path, how: str = "") -> list[Reading]:
    """The known meanings that a run with weight decay along the ordinary case fits; `Failed` where there is none."""
    case = trial.case()
    ratios = {r: trial.distance(found, *trial.expected(case, trial.changed(r.change, DECAY))) for r in READINGS}
    fitting = [reading for reading, ratio in ratios.items() if ratio <= 1]
    if not fitting:
        told = ", ".join(f"{reading.change.__name__} {ratio:.0e}" for reading, ratio in ratios.items())
        raise Failed(f"weight_decay={DECAY}{how} fits no known meaning; error over bound: {told}")
    return fitting


def broken_claim(trial: Trial, fitting: Sequence[Reading]) -> str:
    """What is claimed and what is done, where these are not the same; else empty."""
    claim = claimed(trial.subject)
    if claim is None or claim[0] in {reading.claim for reading in fitting}:
        return ""
    word = "L2 (coupled)" if claim[0] == "coupled" else "decoupled"
    return f"claims {word} weight decay {claim[1]}, and does {fitting[0].told}"


def negative_decay(trial: Trial, without: Trial, fitting: Sequence[Reading], positive: str) -> str:
    """What a negative weight decay does; `Failed` where it is accepted, and dropped or of another meaning.

    Args:
        trial: of the check.
        without: the same without weight decay.
        fitting: what a positive one can be.
        positive: the same in words.
    """
    case = trial.case()
    try:
        with refusable("a negative weight decay"):
            found = trial.given(weight_decay=-DECAY).run(case)
    except NotApplicable:
        return "a negative one is refused"
    if not trial.difference(found, without.run(case)):
        return "a negative one is accepted and dropped"
    if not fitting:
        return "a negative one has an effect too"
    if not any(trial.fits(found, case, trial.changed(reading.change, -DECAY)) for reading in fitting):
        raise Failed(f"{positive}; a negative one is accepted, and is not that with its sign")
    return "a negative one counts with its sign"


def hold_maximized(trial: Trial, fitting: Sequence[Reading]) -> None:
    """Raise `Failed` where weight decay with maximize is not that of the negated gradients."""
    try:
        with refusable("maximize with weight decay"):
            found = trial.given(weight_decay=DECAY, maximize=True).run(times(trial.case(), -1.0))
    except NotApplicable:
        return
    if not any(trial.fits(found, trial.case(), trial.changed(reading.change, DECAY)) for reading in fitting):
        raise Failed(f"weight_decay={DECAY} with maximize=True is not {fitting[0].told} of the negated gradients")
