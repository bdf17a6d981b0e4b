"""Cases run on a subject: every path in every dtype is a combination with its own tallies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import streams
from .cases import Case
from .comparison import Comparison, Tally, compare, mapped, mapped_by_value
from .envelope import envelope
from .errors import CannotCheck
from .formats import representable
from .interface import Snapshot, SubjectInterface, SubjectRaised
from .mechanisms import mechanisms_of, values
from .paper import Algorithm, Hyperparameters
from .reading import Reading, read_back
from .representing import reassigned
from .rounding import PRECISIONS, Step
from .scalar_steps import CONVENTION, step_of
from .scalars import multiplies, unshared
from .trajectory import Quantities, plainly


@dataclass
class Combination:
    """One path in one dtype, while it is being run.

    One with a `note` takes no part; one that is `absent` is no path at all: its argument is accepted and not read.
    """

    path: str
    dtype: str
    grouped: frozenset[str]
    mapping: dict[str, str] = field(default_factory=dict)
    cases: int = 0
    refused: int = 0
    raised: int = 0
    refusal: str = ""
    note: str = ""
    absent: bool = False
    failure: tuple[Case, Comparison] | None = None
    tallies: dict[str, Tally] = field(default_factory=dict)
    mechanisms: Counter[str] = field(default_factory=Counter)
    mattered: Counter[str] = field(default_factory=Counter)
    forms: dict[str, str] = field(default_factory=dict)
    represented: set[str] = field(default_factory=set)
    unfollowed: set[str] = field(default_factory=set)
    moved: bool = False
    deterministic: bool = True
    reread: bool = False

    @property
    def open(self) -> bool:
        return self.failure is None and not self.note


Counts = tuple[Counter[str], Counter[str]]
"""How often each mechanism took part, and how often it mattered."""
Bounded = tuple[list[list[Quantities | None]], Counts]


@dataclass(frozen=True)
class Check:
    """What is checked against what: the parts that do not change during a check.

    Args:
        subject: the optimizer.
        algorithm: the list that it is held against.
        base: hyperparameters where a case does not choose.
        device: of the tensors.
        silent: mechanisms that the list cannot have.
        reading: what the built subject says of its hyperparameters.
        known: envelopes of designed cases that were asked for before, also by other lists in this check's place.
    """

    subject: SubjectInterface
    algorithm: Algorithm
    base: Hyperparameters
    device: str
    silent: frozenset[str] = frozenset()
    reading: Reading | None = None
    known: dict[Any, tuple[Algorithm, Bounded]] = field(default_factory=dict, repr=False)

    @property
    def order(self) -> tuple[str, ...]:
        return ("g", *self.algorithm.names)

    def prepared(self, case: Case, combination: Combination) -> Case:
        fitted = self.subject.fitted(case, self.base, combination.grouped)
        return representable(fitted, self.arithmetic(combination))

    def arithmetic(self, combination: Combination) -> str:
        """The format that the list computes in: the tensors', or float32 where a deviation says so."""
        single = self.algorithm.conventions.get("arithmetic") == "float32" and combination.dtype == "float64"
        return "float32" if single else combination.dtype

    def count(self, path: str) -> type[Step]:
        """How the subject counts, or the list says that it does."""
        return step_of(self.algorithm, self.subject.keeps_step_on_device(path))

    def shares_factors(self, path: str) -> bool:
        """Whether the list's scalars are coarse, and nothing but them may be off."""
        coarse = CONVENTION in self.algorithm.conventions and not self.subject.keeps_step_on_device(path)
        return coarse and multiplies(self.algorithm)

    def envelope(self, case: Case, combination: Combination) -> list[list[Quantities | None]]:
        return self.bounded(case, combination)[0]

    def bounded(
        self, case: Case, combination: Combination, count: type[Step] | None = None, kept: bool = False
    ) -> Bounded:
        """The envelope along a case, and what happened there.

        Args:
            case: prepared.
            combination: of path and dtype.
            count: instead of the subject's step count.
            kept: for the next time, which designed cases are anyway.
        """
        arithmetic, count = self.arithmetic(combination), count or self.count(combination.path)
        key = (id(self.algorithm), arithmetic, count, case.fingerprint)
        if key in self.known:
            return self.known[key][1]
        steps = list(envelope(self.algorithm, case, PRECISIONS[arithmetic], count))
        found = steps, mechanisms_in(self.algorithm, case, steps)
        # Paths, a diagnosis and its confirmation run the same few cases; generated ones do not come again.
        if kept or case.name != "generated":
            self.known[key] = self.algorithm, found  # holds on to the list, so that no other gets its id
        return found

    def snapshots(self, case: Case, combination: Combination, keys: frozenset[str] | None):
        flags = self.subject.paths[combination.path]
        return self.subject.drive(case, flags, combination.dtype, self.device, combination.grouped, keys)

    def compared(self, case: Case, combination: Combination) -> Comparison:
        """A prepared case run on one path and held against its envelope; while the subject runs, that is made."""
        snapshots = self.snapshots(case, combination, frozenset(combination.mapping))
        return self.held(case, self.envelope(case, combination), combination, snapshots)

    def held(
        self,
        case: Case,
        steps: Sequence[Sequence[Quantities | None]],
        combination: Combination,
        snapshots: Iterable[list[Snapshot]],
    ) -> Comparison:
        """The snapshots of a prepared case held against its envelope.

        Raises:
            SubjectRaised, CannotCheck: see `comparison.compare`.
        """
        if not self.shares_factors(combination.path):
            return compare(case, steps, snapshots, combination.mapping)
        seen: list[list[Snapshot]] = []
        comparison = compare(case, steps, recorded(snapshots, seen), combination.mapping)
        if not comparison.diverged:
            thetas = [[snapshot["theta"] for snapshot in tensors] for tensors in seen]
            comparison.differences += unshared(case, self.bounded(case, combination, Step)[0], steps, thetas)
        return comparison


def recorded(snapshots: Iterable[list[Snapshot]], seen: list[list[Snapshot]]) -> Iterator[list[Snapshot]]:
    """Snapshots as they come, each also put into `seen`."""
    for tensors in snapshots:
        seen.append(tensors)
        yield tensors


def foreseen(
    algorithm: Algorithm, cases: Iterable[tuple[str, Case]], known: dict[Any, tuple[Algorithm, Bounded]]
) -> Iterator[None]:
    """Make the envelopes of cases for a subject of which nothing is known yet, one at a time.

    Args:
        algorithm: the list.
        cases: each with the dtype of its tensors.
        known: what a `Check` is given as `known`; a subject that cannot be given the cases' hyperparameters, or keeps
            its step elsewhere, gets other envelopes later.
    """
    base = Hyperparameters()
    check = Check(None, algorithm, base, "cpu", known=known)  # type: ignore[arg-type]  # no subject is asked anything
    for dtype, case in cases:
        own = [{name: getattr(h, name) for name in algorithm.hyperparameters} for h in case.hyperparameters]
        fitted = replace(case, hyperparameters=tuple(replace(base, **values) for values in own))
        check.bounded(representable(fitted, dtype), Combination("", dtype, frozenset()), Step, kept=True)
        yield


def checked(subject: SubjectInterface, algorithm: Algorithm, device: str) -> Check:
    """The check of a subject against a list, at the hyperparameters that the subject really has."""
    reading = read_back(subject, device)
    return Check(subject, algorithm, reading.base, device, reading=reading)


def probe(check: Check, path: str, dtype: str) -> Combination:
    """Ask the subject what it keeps and what groups may set; a path that cannot take a plain step, or that no code of
    the subject implements, gets a note."""
    combination = Combination(path, dtype, frozenset())
    case = check.prepared(streams.PROBE, combination)
    flags = check.subject.paths[path]
    try:
        options = check.subject.holdings(case, flags, dtype, check.device).group
        combination.grouped = frozenset(n for n in check.subject.settable if check.subject.spelling[n] in options)
        snapshots = begun(check.snapshots(case, combination, None))
    except SubjectRaised as error:
        at = f"step {error.step}" if error.step else "its constructor"
        combination.note = f"{at} raised {error}"
        return combination
    if reason := check.subject.unread(case, path, dtype, check.device):
        combination.note, combination.absent = reason, True
        return combination
    steps = check.envelope(case, combination)[: len(snapshots)]
    by_name = mapped(steps, snapshots, check.order)
    combination.mapping, combination.forms = reassigned(by_name, check.algorithm, steps, snapshots)
    quantities = [e.name for e in check.algorithm.equations if e.extent != "step"]
    combination.mapping |= mapped_by_value(steps, snapshots, quantities, combination.mapping)
    return combination


def begun(snapshots: Iterable[Sequence[Snapshot]]) -> list[Sequence[Snapshot]]:
    """The snapshots of a run, or of its beginning, where the subject's process ended later: that shows in the cases.

    Raises:
        CannotCheck: it ended in the first step.
    """
    seen: list[Sequence[Snapshot]] = []
    try:
        for tensors in snapshots:
            seen.append(tensors)
    except CannotCheck:
        if not seen:
            raise
    return seen


def run_case(check: Check, case: Case, combinations: Sequence[Combination]) -> Combination | None:
    """Run one case on every open combination; return the first that fails on it."""
    failed = None
    started = []
    for combination in (c for c in combinations if c.open):
        prepared = check.prepared(case, combination)
        started.append((combination, prepared, check.snapshots(prepared, combination, frozenset(combination.mapping))))
    envelopes: dict[tuple[frozenset[str], type[Step]], Bounded] = {}
    for combination, prepared, snapshots in started:  # they run, where they are in another process
        key = combination.grouped, check.count(combination.path)
        if key not in envelopes:
            envelopes[key] = check.bounded(prepared, combination)
        steps, (happened, mattered) = envelopes[key]
        try:
            comparison = check.held(prepared, steps, combination, snapshots)
        except SubjectRaised as error:
            combination.refused += 1
            combination.raised += error.step > 0 and ordinary(prepared)
            combination.refusal = combination.refusal or f"{case.name}, step {error.step}: {error}"
            continue
        combination.cases += 1
        combination.moved |= comparison.moved
        if combination.dtype in ("float64", "float32"):  # half formats leave room for many a constant
            combination.represented |= comparison.represented
            combination.unfollowed |= comparison.unfollowed
        combination.mechanisms += happened
        combination.mattered += mattered
        for quantity, counted in comparison.tallies.items():
            combination.tallies.setdefault(quantity, Tally()).add(counted)
        if comparison.diverged:
            combination.failure = prepared, comparison
            failed = failed or combination
    return failed


def ordinary(case: Case) -> bool:
    """Whether a case has nothing that an optimizer might refuse: tensors with elements and gradients all along."""
    return all(theta.ndim and theta.size for theta in case.theta) and all(
        gradient is not None for gradients in case.steps for gradient in gradients
    )


def mechanisms_in(algorithm: Algorithm, case: Case, steps: Sequence[Sequence[Quantities | None]]) -> Counts:
    """In how many tensor steps each mechanism took part; and in how many the parameters were outside without it."""
    fired: Counter[str] = Counter()
    mattered: Counter[str] = Counter()
    fired["missing gradient"] = sum(known is None for quantities in steps for known in quantities)
    plain = [[known and values(known) for known in quantities] for quantities in steps]
    for mechanism in mechanisms_of(algorithm):
        places = [
            (step, tensor)
            for step, quantities in enumerate(plain)
            for tensor, known in enumerate(quantities)
            if known is not None and case.theta[tensor].size and mechanism.fired(known)
        ]
        fired[mechanism.name] = len(places)
        if places and mechanism.without is not None:
            without = list(plainly(mechanism.without(algorithm), case))
            mattered[mechanism.name] = sum(outside(steps[t][i], without[t][i]) for t, i in places)
    return fired, mattered


def outside(known: Quantities | None, other: Quantities | None) -> bool:
    """Whether the parameters of another list have left the envelope."""
    assert known is not None  # only asked of steps that were taken
    assert other is not None  # by both
    theta = known["theta"]
    with np.errstate(invalid="ignore"):  # NaN and infinities are outside
        return bool(np.any(~(abs(other["theta"] - theta.value) <= theta.bound)))
