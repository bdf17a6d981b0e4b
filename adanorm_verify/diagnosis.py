"""Diagnosis: the smallest set of named deviations under which a subject is inside the envelope on every case."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import comb

import numpy as np

from . import streams
from .cases import Case
from .deviations import DEVIATIONS, SHARDED, Deviation
from .fitting import fitted
from .observation import Observation, agrees, observe
from .paper import HYPERPARAMETERS, PREVIOUS, Algorithm
from .runs import Check, Combination, probe, run_case
from .stages import Stage, planned
from .trajectory import given_alike, plainly
from .verdict import FoundDeviation

LARGEST = 3
"""Deviations in a set for one stage of the search, at most."""
WITHOUT_STATE = 2
"""The same in a quick check where no state parts the search into smaller ones, as there are 70,000 sets of three; and
for all later stages together where a state follows no set."""
TOGETHER = 4
"""Deviations that show first in a later stage and are looked for at once: lr, betas, gamma and eps may all be the
constructor's in every group."""
MANY = 1000
"""Sets of such deviations that are tried for one size, at most."""
FURTHER = 3
"""Deviations beyond those of one stage, which other stages find."""


@dataclass(frozen=True)
class Evidence:
    """Cases that are held against explanations besides the designed ones.

    Args:
        failing: the claimed algorithm's counterexamples.
        refuting: those of explanations that held everywhere else.
    """

    failing: tuple[Case, ...] = ()
    refuting: tuple[Case, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """A set of deviations, and the list that it makes.

    Args:
        deviations: in the order in which they were found.
        algorithm: the paper's list with all of them.
        base: the paper's list.
        unfollowed: state quantities that do not follow the list although the parameters do.
    """

    deviations: tuple[Deviation, ...]
    algorithm: Algorithm
    base: Algorithm
    unfollowed: int = 0

    def with_formats(self, formats: Sequence[Deviation]) -> Explanation:
        """The same in coarser formats."""
        algorithm = self.algorithm
        for deviation in formats:
            algorithm = deviation.change(algorithm)
        return replace(self, deviations=(*formats, *self.deviations), algorithm=algorithm)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(deviation.name for deviation in self.deviations))

    def found(self, allowed: Collection[str]) -> tuple[FoundDeviation, ...]:
        """As the verdict records them."""
        return tuple(self._found(deviation, deviation.name in allowed) for deviation in self.deviations)

    def _found(self, deviation: Deviation, allowed: bool) -> FoundDeviation:
        value = self.algorithm.constants.get(deviation.solves)
        meaning = deviation.meaning if value is None else f"{deviation.meaning} ({deviation.solves} = {value:.17g})"
        paper, found = (formula(listed, self.base, deviation.equation) for listed in (self.base, self.algorithm))
        if paper == found:  # a convention, which no formula shows
            found = meaning
        return FoundDeviation(deviation.name, meaning, deviation.kind, deviation.equation, paper, found, allowed)

    def sentence(self) -> str:
        """What the subject is instead."""
        silent = [d for d in self.deviations if d.silences == "correction"]
        others = [d.name for d in self.deviations if d not in silent]
        until = {deviation.until for deviation in self.deviations}
        if len(until) == 1 and all(until):
            return f"equals {self.base.title} until {min(until)}: {', '.join(f'`{name}`' for name in self.names)}"
        up_to = f" up to {', '.join(f'`{name}`' for name in sorted(others))}" if others else ""
        if silent and self.base.base:
            return f"is {self.base.base}{up_to}: the correction never takes part (`{silent[0].name}`)"
        return f"equals {self.base.title}{up_to}"


def formula(algorithm: Algorithm, base: Algorithm, quantity: str) -> str:
    """The right-hand side of an equation, after those of quantities that it reads and the paper's list has not."""
    own = [name for name in algorithm[quantity].inputs.values() if name in algorithm and name not in base]
    return "; ".join(f"{name} = {algorithm[name].formula}" for name in (*own, quantity))


def explain(
    check: Check,
    combination: Combination,
    evidence: Evidence,
    bases: Sequence[Algorithm],
    allowed: Collection[str] = (),
    quick: bool = False,
    sizes: Collection[int] = range(1, LARGEST + FURTHER + 1),
    formats: Sequence[tuple[Deviation, ...]] = ((),),
) -> Explanation | None:
    """The smallest explanation of a combination that left the envelope; among equals, allowed ones, then the one
    that the subject's state follows, then the first of the catalogue.

    Args:
        check: with the claimed algorithm.
        combination: path and dtype, with its mapping.
        evidence: counterexamples.
        bases: readings of the paper from which a deviation may start.
        allowed: names that the caller allows.
        quick: look for smaller sets only where no state helps.
        sizes: numbers of deviations that count.
        formats: deviations that are too small to be searched; the first of these sets that makes a found one hold is
            added to it.
    """
    observations = observe(check, combination, [*evidence.failing, *fingerprints(combination.dtype)])
    # What refuted an explanation differed from it by less than half the digits: rounding alone is left there.
    observations += [replace(o, tolerance=0.0) for o in observe(check, combination, evidence.refuting)]
    if not observations:
        return None
    stages = [name for name in check.order if name in combination.mapping.values() and name != "g"] + ["theta"]
    meant = followed(bases, observations, stages[:-1])
    largest = WITHOUT_STATE if quick and len(stages) == 1 else LARGEST
    budget = min(max(sizes), largest + FURTHER)
    found = []
    for base in meant:
        search = Search(candidates(check, combination, base), planned(stages, observations), largest)
        for algorithm, deviations in search.sets(base, budget):
            if len(deviations) in sizes:
                explanation = Explanation(deviations, algorithm, base)
                tried = (confirmed(check, combination, evidence, explanation.with_formats(more)) for more in formats)
                held = next(filter(None, tried), None)
                found += [held] if held else []

    def rank(e: Explanation) -> tuple[int, bool, int]:
        return len(e.deviations), not set(e.names) <= set(allowed), e.unfollowed

    return min(found, key=rank, default=None)


def followed(bases: Sequence[Algorithm], observations: Sequence[Observation], state: Sequence[str]) -> list[Algorithm]:
    """The readings whose state the subject follows furthest; those that give the same everywhere, once."""
    counts = [sum(agrees(base, observations, [quantity]) for quantity in state) for base in bases]
    best = [base for base, count in zip(bases, counts, strict=True) if count == max(counts)]
    paths = [predicted(base, observations) for base in best]
    return [base for i, base in enumerate(best) if paths[i] not in paths[:i]]


def predicted(algorithm: Algorithm, observations: Sequence[Observation]) -> list[bytes]:
    """The parameters that a list gives along all cases, bit for bit."""
    steps = (known for o in observations for tensors in plainly(algorithm, o.case) for known in tensors if known)
    return [np.asarray(known["theta"]).tobytes() for known in steps]


def fingerprints(dtype: str) -> tuple[Case, ...]:
    """The designed cases, short ones first: most wrong sets fall on the first few steps."""
    return tuple(sorted(streams.designed(dtype), key=lambda case: len(case.steps) * len(case.theta)))


def confirmed(
    check: Check, combination: Combination, evidence: Evidence, explanation: Explanation
) -> Explanation | None:
    """The explanation, if the subject is inside its envelope on the counterexamples and every designed case."""
    other = replace(check, algorithm=explanation.algorithm)
    trial = probe(other, combination.path, combination.dtype)
    for case in (*evidence.refuting, *evidence.failing, *streams.designed(combination.dtype)):
        if run_case(other, case, [trial]) is not None:
            return None
    judged = trial.cases > 0 and trial.moved
    kept = set(combination.mapping.values()) - set(trial.mapping.values())
    return replace(explanation, unfollowed=len(trial.unfollowed | kept)) if judged else None


def candidates(check: Check, combination: Combination, base: Algorithm) -> list[Deviation]:
    """The deviations that `base` can have; a hard-coded value only where setting it changes nothing."""
    concerned = [deviation for deviation in (*DEVIATIONS, *SHARDED) if deviation.concerns(base)]
    inert = {name for name in HYPERPARAMETERS if any(d.solves == name for d in concerned)}
    inert = {name for name in inert if ignored(check, combination, name)}
    return [d for d in concerned if not d.solves or d.solves not in HYPERPARAMETERS or d.solves in inert]


def ignored(check: Check, combination: Combination, name: str) -> bool:
    """Whether the subject's parameters do not depend on a hyperparameter (or it cannot be set)."""
    if name not in check.subject.settable:
        return True
    values = [value for value in streams.VARIANTS[name] if value][:3]
    runs = []
    for value in values:
        own = replace(streams.DEFAULTS, **{name: value})
        case = replace(streams.PROBE, hyperparameters=(own,))
        observed = observe(check, combination, [case])
        runs.append([there["theta"].tolist() for o in observed for seen in o.seen for there in seen if there])
    return all(run == runs[0] for run in runs)


@dataclass(frozen=True)
class Search:
    """Sets of deviations that give what was seen, stage by stage.

    Args:
        candidates: in the order of the catalogue.
        stages: in the order in which they are explained.
        largest: deviations in a set for one stage.
        known: lists with one or two deviations that were made before, each beside the list that it is made of.
    """

    candidates: Sequence[Deviation]
    stages: Sequence[Stage]
    largest: int = LARGEST
    known: dict[tuple[int, ...], tuple[Algorithm, Algorithm | None]] = field(default_factory=dict, repr=False)

    def sets(
        self,
        algorithm: Algorithm,
        budget: int,
        number: int = 0,
        chosen: tuple[Deviation, ...] = (),
        settled: frozenset[str] = frozenset(),
    ) -> Iterator[tuple[Algorithm, tuple[Deviation, ...]]]:
        """Lists with at most `budget` further deviations that agree from a stage on, as few a stage as will do.

        Args:
            algorithm: the list so far.
            budget: further deviations, at most.
            number: of the next stage.
            chosen: deviations so far.
            settled: what the quantities that agree already are made of.
        """
        if number == len(self.stages):
            yield algorithm, chosen
            return
        stage = self.stages[number]
        above = upstream(algorithm, stage.quantity)
        if agrees(algorithm, stage.observations, [stage.quantity]):
            yield from self.sets(algorithm, budget, number + 1, chosen, settled | above)
            return
        open_names, closed = (above - settled, settled) if stage.fresh else (above, frozenset())
        free = self.free(algorithm, stage, chosen, open_names, closed)
        for size in range(1, min(budget, self.largest if stage.fresh else TOGETHER) + 1):
            matched = False
            if size == 2 and not stage.fresh:
                free = self.first_seen(algorithm, number, free)
            if size > 1 and not stage.fresh and comb(len(free), size) > MANY:
                break
            for listed, more in self.subsets(algorithm, stage, size, free):
                matched = True
                yield from self.sets(listed, budget - size, number + 1, (*chosen, *more), settled | above)
            if matched:
                return
        if stage.quantity != "theta":  # the subject keeps something else under this name: the parameters decide
            yield from self.sets(algorithm, min(budget, WITHOUT_STATE), number + 1, chosen, settled)

    def free(
        self,
        algorithm: Algorithm,
        stage: Stage,
        chosen: Sequence[Deviation],
        open_names: frozenset[str],
        closed: frozenset[str],
    ) -> list[Deviation]:
        """The candidates that change what is open and nothing closed, and can show in the stage's cases."""
        replaced = {d.equation for d in chosen if d.replaces}
        others = [d for d in self.candidates if d not in chosen and not (d.replaces and d.equation in replaced)]
        changes = {d: touched(algorithm, d) for d in others}
        named = [d for d, names in changes.items() if names & open_names and not names & closed]
        return [d for d in named if not self.idle(algorithm, d, stage)]

    def idle(self, algorithm: Algorithm, deviation: Deviation, stage: Stage) -> bool:
        """Whether it changes a convention alone, and one that makes no difference in the stage's cases."""
        listed = self.made(algorithm, [deviation])
        if listed is None or listed.equations != algorithm.equations:
            return False
        return all(given_alike(algorithm, listed, o.case) for o in stage.observations)

    def first_seen(self, algorithm: Algorithm, number: int, free: Sequence[Deviation]) -> list[Deviation]:
        """Those that agree with the stage before and change what this one adds: here several may show at once."""
        before = self.stages[number - 1]
        earlier = set(map(id, before.observations))
        added = [o for o in self.stages[number].observations if id(o) not in earlier]
        paper = predicted(algorithm, added)
        lists = {d: self.changed(algorithm, (d,), before) for d in free if not d.solves}
        return [d for d, listed in lists.items() if listed and predicted(listed, added) != paper]

    def subsets(
        self, algorithm: Algorithm, stage: Stage, size: int, free: Sequence[Deviation]
    ) -> Iterator[tuple[Algorithm, tuple[Deviation, ...]]]:
        """Lists with `size` of the free deviations that agree with the stage."""
        for group in combinations(free, size):
            replaced = [d.equation for d in group if d.replaces]
            if len(set(replaced)) == len(replaced) and (listed := self.changed(algorithm, group, stage)):
                yield listed, group

    def changed(self, algorithm: Algorithm, group: Sequence[Deviation], stage: Stage) -> Algorithm | None:
        """The list with the whole group, if it agrees with the stage."""
        ordered = sorted(group, key=lambda deviation: (bool(deviation.solves), not deviation.replaces))
        solving = [deviation for deviation in ordered if deviation.solves]
        if len(solving) > 1 or (solving and len(group) > 2):
            return None
        listed = self.made(algorithm, ordered[: len(ordered) - len(solving)])
        if listed is None:
            return None
        if solving:
            return fitted(solving[0], listed, stage.observations, stage.quantity, usual=len(group) > 1)
        return listed if agrees(listed, stage.observations, [stage.quantity]) else None

    def made(self, algorithm: Algorithm, ordered: Sequence[Deviation]) -> Algorithm | None:
        """The list with these deviations, one after the other; None where they do not make one list."""
        if not ordered:
            return algorithm
        key = id(algorithm), *map(id, ordered)
        if key in self.known:
            return self.known[key][1]
        before = self.made(algorithm, ordered[:-1])
        try:
            made = before and ordered[-1].change(before)
        except (ValueError, KeyError):
            made = None
        if len(ordered) < LARGEST:  # of three there are too many to keep
            self.known[key] = algorithm, made
        return made


def upstream(algorithm: Algorithm, quantity: str) -> frozenset[str]:
    """Everything that a quantity is made of, itself included."""
    made: set[str] = set()
    waiting = [quantity]
    while waiting:
        name = waiting.pop().removesuffix(PREVIOUS)
        if name not in made:
            made.add(name)
            waiting += algorithm[name].inputs.values() if name in algorithm else ()
    return frozenset(made)


def touched(algorithm: Algorithm, deviation: Deviation) -> frozenset[str]:
    """What a deviation makes another thing of: quantities, and what it puts in the place of given ones."""
    if deviation.solves in HYPERPARAMETERS:
        return frozenset({deviation.solves})
    try:
        changed = deviation.change(algorithm)
    except (ValueError, KeyError):  # another deviation has taken away what it replaces
        return frozenset()
    conventions = changed.conventions.keys() - algorithm.conventions.keys()
    given = {NAMED.get(key, key.removesuffix("_of").removesuffix("_in")) for key in conventions}
    return frozenset(given | {e.name for e in changed.equations if e.name not in algorithm or e != algorithm[e.name]})


NAMED = {"norm_scope": "g_norm", "step_count": "t", "missing_gradient": "g"}
"""What a convention makes another thing of; the others are of a hyperparameter, `lr_of` or `lr_in`."""
