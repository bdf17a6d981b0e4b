"""What is known of a subject that nothing explains: what it equals up to a point, and where the rest begins.

Nothing here makes a subject conform: it goes into the explanation's sentence, and into names that cannot be allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from .beginnings import Place, beginning
from .cases import Case
from .deviations import Deviation
from .diagnosis import (
    WITHOUT_STATE,
    Evidence,
    Explanation,
    Search,
    candidates,
    fingerprints,
    followed,
    upstream,
)
from .interface import SubjectRaised
from .observation import Observation, agrees, observe
from .paper import Algorithm
from .runs import Check, Combination
from .stages import Stage, by_kind, first_steps

ALTERNATIVES = 4
"""Lists that are followed from stage to stage, at most: several sets may explain the first ones."""


@dataclass(frozen=True)
class Part:
    """What is known of a subject.

    Args:
        sentence: in words, to go on from "in part it".
        names: of the deviations in it.
    """

    sentence: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Followed:
    """A list that gives what was seen in some stages.

    Args:
        algorithm: the list.
        chosen: its deviations.
        settled: what the quantities that agree are made of.
        state: the state quantities that agree.
        seen: where its parameters agree.
        kinds: how many kinds of cases these are.
    """

    algorithm: Algorithm
    chosen: tuple[Deviation, ...] = ()
    settled: frozenset[str] = frozenset()
    state: tuple[str, ...] = ()
    seen: tuple[Observation, ...] = ()
    kinds: int = 0


def part_of(check: Check, combination: Combination, evidence: Evidence, bases: Sequence[Algorithm]) -> Part | None:
    """What is known of a combination that left the envelope; None where that is nothing.

    Args:
        check: with the claimed algorithm.
        combination: path and dtype, with its mapping.
        evidence: counterexamples.
        bases: readings of the paper from which a deviation may start.
    """
    observations = observe(check, combination, [*evidence.failing, *fingerprints(combination.dtype)])
    kinds = by_kind(observations)
    begun = first_steps(kinds[0])
    if not begun:
        return None
    kept = [name for name in check.order if name in combination.mapping.values() and name != "g"]
    base = followed(bases, begun, kept)[0]
    free = candidates(check, combination, base)
    lists = [Followed(base)]
    for quantity in kept:
        lists = [after for before in lists for after in extended(before, free, quantity, begun)][:ALTERNATIVES]
    stateful = lists[0]
    lists = [after for before in lists for after in extended(before, free, "theta", begun)][:ALTERNATIVES]
    free = [deviation for deviation in free if not deviation.solves]  # a number in every kind of case takes long
    for kind in kinds:
        size = 2 if kind is kinds[-1] else 1  # in several groups several options of the constructor show at once
        lists = [after for one in lists for after in extended(one, free, "theta", kind, size) or [one]][:ALTERNATIVES]
    if not lists:
        return state_part(stateful, base)
    best = min(lists, key=lambda one: (-one.kinds, len(one.chosen)))
    return held(check, combination, evidence, Explanation(best.chosen, best.algorithm, base))


def extended(
    before: Followed, free: Sequence[Deviation], quantity: str, added: Sequence[Observation], size: int = WITHOUT_STATE
) -> list[Followed]:
    """The list with as few further deviations as give a quantity also in what is added; a state quantity that no set
    gives is passed over."""
    seen = (*added, *before.seen)  # most lists fail in what is added
    last = Stage(quantity, before.seen or added, fresh=not before.seen)
    stages = [last, replace(last, observations=seen)] if before.seen else [last]
    search = Search(free, stages, WITHOUT_STATE if before.settled else 1)
    sets = search.sets(before.algorithm, size, len(stages) - 1, before.chosen, before.settled)
    return [after(before, algorithm, chosen, quantity, seen) for algorithm, chosen in islice(sets, ALTERNATIVES)]


def after(
    before: Followed, algorithm: Algorithm, chosen: tuple[Deviation, ...], quantity: str, seen: tuple[Observation, ...]
) -> Followed:
    """What is known with one quantity more, or with one kind of cases."""
    listed = replace(before, algorithm=algorithm, chosen=chosen)
    if quantity == "theta":
        return replace(listed, seen=seen, kinds=before.kinds + 1)
    if not agrees(algorithm, seen, [quantity]):
        return listed
    settled = before.settled | upstream(algorithm, quantity)
    return replace(listed, settled=settled, state=(*before.state, quantity))


def state_part(known: Followed, base: Algorithm) -> Part | None:
    """What is known where the parameters follow nothing: which state does."""
    if not known.state:
        return None
    keeps = " and ".join(known.state)
    instead = Explanation(known.chosen, known.algorithm, base)
    up_to = f" up to {', '.join(f'`{name}`' for name in instead.names)}" if known.chosen else ""
    return Part(f"keeps the {keeps} of {base.title}{up_to}, and moves by another rule", instead.names)


def held(check: Check, combination: Combination, evidence: Evidence, explanation: Explanation) -> Part | None:
    """What a list explains within its envelope, and where the rest begins; None where it explains no case that moves,
    or all."""
    other = replace(check, algorithm=explanation.algorithm)
    cases = (*evidence.refuting, *evidence.failing, *fingerprints(combination.dtype))
    places = [place for case in cases for place in places_in(other, combination, case)]
    ends = [place for place in places if place.end]
    if not ends or len(ends) == len(places):
        return None
    return Part(
        f"{explanation.sentence()}; the rest begins {beginning(explanation.algorithm, places)}", explanation.names
    )


def places_in(check: Check, combination: Combination, case: Case) -> Iterator[Place]:
    """Every tensor of a case, up to the step in which its parameters leave the envelope or to the end."""
    prepared = check.prepared(case, combination)
    try:
        compared = check.compared(prepared, combination)
    except SubjectRaised:
        return
    outside = {d.tensor: d.step for d in compared.differences if d.quantity == "theta"}
    for tensor, theta in enumerate(prepared.theta):
        if theta.size:
            yield Place(prepared, tensor, min(outside.values(), default=len(prepared.steps)), outside.get(tensor))
