"""Checks of long runs: a saved count is set forward, so that a run of millions of steps is a few steps long."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ..cases import Case
from ..subject import SubjectRaised
from .anchors import unless_known
from .comparing import Path, added
from .counts import Count, counts_in, holds, read, saved_state, set_forward, taken_up, types_of
from .pages import Failed, NotApplicable, check_page
from .trial import MAGNITUDES, Live, Trial, refusable

LEAD = 12
"""Steps in which counts are found; longer than the cycles of five or ten in which some keep what they computed."""
HARMLESS = LEAD + 3
"""A jump that any count survives; it shows whether setting the counts moves the whole optimizer."""
LARGE = (255, 2_047, 65_535, 1_000_000, 2**24)
"""Steps after which bfloat16, float16, 16 bits and float32 can no longer add one, and a million between them."""
EACH = 2
"""Steps after each jump, with another save and load between them."""
SHAPE = ((3,),)


@dataclass
class Marathon:
    """A run along which the counts are set forward again and again.

    Args:
        trial: the subject.
        case: its gradients; `LEAD` steps and then `EACH` for each of `jumps`.
        live: the optimizer now.
        counts: that its state dict holds.
        jumps: numbers of steps that the counts are set to, in order.
        path: the parameters after each step so far.
        notes: what should be known and is no fault.
    """

    trial: Trial
    case: Case
    live: Live
    counts: list[Count]
    jumps: tuple[int, ...]
    path: list[list[np.ndarray]]
    notes: list[str] = field(default_factory=list)

    @property
    def expected(self) -> tuple[Path, Path]:
        """The equations along the whole run."""
        return self.trial.expected(self.case)

    def leap(self, steps: int) -> None:
        """Set the counts forward, step, save and load as they are, and step again."""
        self.live = set_forward(self.trial, self.live, self.counts, steps)
        for number in range(1, EACH + 1):
            before = self.live
            (thetas,) = self.live.go([self.case.steps[len(self.path)]])
            self.path.append(thetas)
            self.hold_counts(before, steps, steps + number)
            if number < EACH:
                self.live = taken_up(self.trial, self.live, saved_state(self.live))

    def hold_counts(self, live: Live, jump: int, steps: int) -> None:
        """Raise `Failed` where a count stands still, the step reads it, and the equations still depend on it."""
        found = read(live)
        for count in self.counts:
            value = found.get(count.place, math.nan)
            if count.base is not None or value == count.after(steps):
                continue
            where = f"{self.trial.combination.dtype}: expected {count.after(steps):,.0f}, found {value:,.0f}"
            if not depends(self.trial, self.case, jump):
                note = f"{count} stands still at {value:,.0f}, where nothing depends on it any more"
                self.notes += [note] if note not in self.notes else []
            elif self.is_read(count):
                raise Failed(
                    f"{count} does not go on counting after {jump:,} steps, and the bias corrections with it\n{where}"
                )

    def is_read(self, count: Count) -> bool:
        """Whether the next step depends on a count: a second one may be there for its reader's information."""
        ends = []
        for steps in (LEAD, LARGE[0]):
            other = set_forward(self.trial, self.live, [count], steps)
            ends.append(other.go([self.case.steps[LEAD]]))
        return bool(self.trial.difference(*ends))

    def hold(self, what: str) -> None:
        """Raise `Failed` where the steps after the last jump are not those of the equations."""
        now = slice(len(self.path) - EACH, len(self.path))
        values, bounds = self.expected
        self.trial.alike(self.path[now], values[now], bounds[now], what)


def started(trial: Trial) -> Marathon:
    """An optimizer after `LEAD` steps, whose counts follow the equations when they are set forward a little.

    Raises:
        NotApplicable: no counts are found, or setting them is not enough.
    """
    lead = trial.case(cycled(LEAD), SHAPE)
    live, seen, path = trial.start(lead.theta), [], []
    with refusable(trial.combination.dtype):  # a half format, say
        for gradients in lead.steps:
            path += live.go([gradients])
            seen.append(read(live))
    counts = counts_in(seen, (float(trial.hyperparameters.beta1), float(trial.hyperparameters.beta2)))
    if not counts:
        raise NotApplicable("no number in its state_dict counts the steps")
    jumps = (HARMLESS, *large(live, counts))
    case = trial.case(cycled(LEAD + EACH * len(jumps)), SHAPE)
    places = {LEAD + 1 + EACH * i: steps for i, steps in enumerate(jumps)}
    run = Marathon(trial, replace(case, jumps=places), live, counts, jumps, path)
    try:
        with refusable("a saved state whose count is edited"):
            run.leap(HARMLESS)
    except Failed as failure:  # loading alone disturbs the count: other checks say so
        raise NotApplicable(f"its count does not go on after a load: {failure}") from failure
    return run


def cycled(steps: int) -> tuple[float, ...]:
    return tuple(MAGNITUDES[i % len(MAGNITUDES)] for i in range(steps))


def large(live: Live, counts: Sequence[Count]) -> list[int]:
    """The numbers of steps to which counts are set: those that their types hold, and the largest of small integers."""
    kept = types_of(live, counts)
    ends = [torch.iinfo(x.dtype).max for x in kept if isinstance(x, Tensor) and small_integer(x)]
    every = sorted({*LARGE, *ends})
    return [steps for steps in every if all(holds(x, steps) for x in kept)]


def small_integer(tensor: Tensor) -> bool:
    return not tensor.dtype.is_floating_point and tensor.dtype is not torch.bool and tensor.itemsize < 4


def depends(trial: Trial, case: Case, steps: int) -> bool:
    """Whether the equations' next step at `steps` differs from the one at four times as many.

    Half formats are judged as float32, in which many keep the state and the step under half parameters.
    """
    fine = trial.within("float32") if trial.half else trial
    once, later = (replace(case.first(LEAD + 1), jumps={LEAD + 1: t}) for t in (steps, 4 * steps))
    (found, ours), (expected, theirs) = fine.expected(later), fine.expected(once)
    return fine.distance(found[-1:], expected[-1:], added(ours, theirs)[-1:]) > 1


def hold_harmless(run: Marathon) -> None:
    """Raise `NotApplicable` where already a small jump is not what the equations say."""
    try:
        run.hold("")
    except Failed as failure:
        where = str(failure).strip().splitlines()[-1]
        reason = f"setting its counts from {LEAD} to {HARMLESS} does not set the whole optimizer forward ({where})"
        raise NotApplicable(reason) from failure


@check_page(
    "state",
    catches="steps that go wrong late: a saved count is set to 255, 2,047, 65,535, a million, 2^24, loaded, stepped, "
    "saved and loaded again.",
    sample="with its count set to 2,047 and loaded, the next steps are not the equations': tensor 0, element 0 ...",
    profiles=("default", "thorough"),
)
def check_large_counts(trial: Trial) -> str:
    run = started(trial)
    hold_harmless(run)
    for steps in run.jumps[1:]:
        leap(run, steps)
        run.hold(f"with its count set to {steps:,} and loaded, the next steps are not the equations'")
    return "; ".join(run.notes)


def leap(run: Marathon, steps: int) -> None:
    """Set the counts forward; whatever is raised is said with the number of steps."""
    try:
        run.leap(steps)
    except (Failed, NotApplicable, KeyboardInterrupt):
        raise
    except BaseException as error:  # loading and stepping may raise anything
        cause = error if isinstance(error, SubjectRaised) else SubjectRaised(0, error)
        raise Failed(f"with its count set to {steps:,}{kept_as(run)} it raises {cause}") from error


def kept_as(run: Marathon) -> str:
    """The type of a count that is kept as a tensor, in brackets."""
    kept = next(iter(types_of(run.live, run.counts)), None)
    return f" (kept as {kept.dtype})" if isinstance(kept, Tensor) else ""


@check_page(
    "state",
    catches="a count that stands still in half precision, so that bias corrections freeze: at 256 in bfloat16, at "
    "2,048 in float16, from the start or once it was loaded.",
    sample="its count ['state'][0]['step'] does not go on counting after 255 steps: bfloat16: expected 257, found 256",
    profiles=("default", "thorough"),
)
def check_large_counts_in_half_precision(trial: Trial) -> str:
    hold_harmless(started(trial))
    ran = [dtype for dtype in ("bfloat16", "float16") if dtype != trial.combination.dtype]
    with unless_known(trial, check_large_counts):
        notes = [note for dtype in ran for note in counted_in(trial.within(dtype))]
    if not notes:
        raise NotApplicable(f"its state cannot be set forward in {' or '.join(ran)}")
    return "; ".join(dict.fromkeys(notes))


def counted_in(trial: Trial) -> list[str]:
    """Let the counts run on in a half format, where parameters are too coarse to show it; nothing where it refuses."""
    try:
        run = started(trial)
    except NotApplicable:
        return []
    for steps in run.jumps[1:]:
        leap(run, steps)
    return [f"counts on in {trial.combination.dtype}", *run.notes]
