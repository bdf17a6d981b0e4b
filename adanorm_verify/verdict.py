"""The result of a check: one structured thing, of which every report is a rendering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .cases import Case

SCHEMA = 2
"""Version of the JSON document."""

Outcome = Literal["conforms", "conforms-with-deviations", "differs", "not-checked"]
RunOutcome = Literal["conforms", "differs", "not-checked", "not-offered"]
"""A path may also not be offered: a fused or capturable one that the optimizer refuses for a device or dtype."""


@dataclass(frozen=True)
class Divergence:
    """Where a subject first leaves the paper.

    Args:
        quantity: the paper's symbol.
        equation: the printed line, and its place.
        formula: its right-hand side over named quantities.
        where: algorithm and equation number.
        step: from 1.
        tensor: index in `case`.
        element: flat index in the tensor.
        expected: value of the reference.
        got: value of the subject.
        error: their distance.
        bound: what rounding can do to a correct implementation there.
        path: execution path of the subject.
        dtype: of its tensors.
        case: the counterexample.
        by_step: quantity to its largest error/bound at each step of the case.
    """

    quantity: str
    equation: str
    formula: str
    where: str
    step: int
    tensor: int
    element: int
    expected: float
    got: float
    error: float
    bound: float
    path: str
    dtype: str
    case: Case
    by_step: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return self.error / self.bound if self.bound else float("inf")


@dataclass(frozen=True)
class Record:
    """What was compared for one quantity on one path in one dtype.

    Args:
        path: execution path.
        dtype: of the tensors.
        quantity: the paper's symbol.
        compared: elements held against their bounds.
        unjudged: elements whose bound is infinite: the float algorithm has no meaning there.
        ratio: the largest error/bound; at most 1 for a correct implementation.
        error: the error there.
        bound: the bound there.
        representation: the subject keeps this quantity times a constant; its parameters are right.
        by_step: the largest error/bound at each step over all cases, to three digits, for the first hundred steps.
    """

    path: str
    dtype: str
    quantity: str
    compared: int
    unjudged: int
    ratio: float
    error: float
    bound: float
    representation: bool = False
    by_step: tuple[float, ...] = ()


OPTIONAL_PATHS = frozenset({"fused", "capturable"})
"""Paths that an optimizer may refuse for a device or dtype, and that one must ask for; the others must run."""


def optional(path: str) -> bool:
    """Whether a path is one of them; one of sharded parameters has its number of ranks in its name."""
    return path.partition(",")[0] in OPTIONAL_PATHS


CheckOutcome = Literal["passed", "failed", "warned", "expected", "stale", "not-applicable"]
"""`expected`: failed, as the caller said with a reason; `stale`: said to fail, and passed; `warned`: what a user should
know and does not count, as a failure on a path that one must ask for."""


@dataclass(frozen=True)
class CheckResult:
    """What one check of the contract found on one path in one dtype.

    Args:
        name: of the check, a key of `adanorm_verify.checks.CHECKS`.
        group: laws, liveness, state, robustness or interface.
        outcome: see `CheckOutcome`.
        path: execution path.
        dtype: of the tensors.
        message: what is wrong, for `failed` and `expected`; why not, for `not-applicable`.
        reason: the caller's, for `expected` and `stale`.
        cause: what is wrong without its place; results of one cause are one finding.
    """

    name: str
    group: str
    outcome: CheckOutcome
    path: str
    dtype: str
    message: str = ""
    reason: str = ""
    cause: str = ""


@dataclass(frozen=True)
class FoundDeviation:
    """A named deviation that, with the others found, explains a subject to within rounding.

    Args:
        name: a key of `adanorm_verify.deviations.BY_NAME`.
        meaning: a sentence.
        kind: convention or defect.
        equation: the quantity whose equation is another one.
        paper: the paper's right-hand side, as Python source.
        found: the subject's.
        allowed: by the caller.
    """

    name: str
    meaning: str
    kind: Literal["convention", "defect"]
    equation: str
    paper: str
    found: str
    allowed: bool = False


@dataclass(frozen=True)
class Run:
    """One path in one dtype.

    Args:
        path: execution path.
        dtype: of the tensors.
        outcome: of this combination.
        cases: cases run to their end.
        refused: cases that the subject's own code refused, and the first message.
        mechanisms: how many tensor steps each mechanism took part in.
        mattered: in how many of them the result would have left its envelope without it.
        deviations: names of those that explain this combination.
        note: why, for `not-checked` and `not-offered`.
    """

    path: str
    dtype: str
    outcome: RunOutcome
    cases: int
    refused: int = 0
    refusal: str = ""
    mechanisms: Mapping[str, int] = field(default_factory=dict)
    mattered: Mapping[str, int] = field(default_factory=dict)
    deviations: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Setup:
    """How a subject was called, and where its source stands: what it takes to call it again.

    Args:
        arguments: fixed constructor arguments, each as Python source.
        rename: paper's hyperparameter to the constructor's argument.
        device: cpu or cuda.
        file: of the class or factory; relative to the working directory where it lies inside.
        line: of its definition; 0 where it is not known.
        sharded: ranks over which its parameters were sharded; 0 where they were whole.
    """

    arguments: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    file: str = ""
    line: int = 0
    sharded: int = 0


@dataclass(frozen=True)
class Verdict:
    """Whether an optimizer is the algorithm that it claims to be.

    Args:
        outcome: conforms, conforms-with-deviations (all of them allowed), differs, or not-checked.
        target: the subject.
        algorithm: the name of the algorithm.
        first_divergence: for `differs`.
        records: what was compared, by path, dtype and quantity.
        runs: every path in every dtype.
        deviations: the smallest set that explains a subject which leaves the paper; empty where none does.
        explanation: what it is instead, in a sentence; where nothing explains it, what it is in part.
        checks: what the contract's checks found.
        decisions: answers other than the defaults under which the verdict holds.
        notes: what a reader should know: hyperparameters that could not be set, other readings that fit.
        setup: how the subject was called.
        environment: versions, seed, profile, device, command.
        reason: why nothing was decided, for `not-checked`.
        explained_in_part: names of the deviations that explain a part, where nothing explains all; allowing them does
            not suffice.
    """

    outcome: Outcome
    target: str
    algorithm: str
    first_divergence: Divergence | None = None
    records: tuple[Record, ...] = ()
    runs: tuple[Run, ...] = ()
    deviations: tuple[FoundDeviation, ...] = ()
    explanation: str = ""
    checks: tuple[CheckResult, ...] = ()
    decisions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    setup: Setup = field(default_factory=Setup)
    environment: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    explained_in_part: tuple[str, ...] = ()

    @property
    def conforms(self) -> bool:
        """Exactly, or up to deviations that the caller allowed."""
        return self.outcome in ("conforms", "conforms-with-deviations")

    @property
    def failed_checks(self) -> tuple[str, ...]:
        """Names of the checks that failed, each once."""
        return tuple(dict.fromkeys(check.name for check in self.checks if check.outcome == "failed"))

    @property
    def exit_code(self) -> int:
        """0 conforms, 1 differs, 2 could not be checked."""
        return {"conforms": 0, "conforms-with-deviations": 0, "differs": 1, "not-checked": 2}[self.outcome]

    def summary(self) -> str:
        """A few plain lines."""
        from .summary import summary

        return summary(self)

    def to_json(self) -> str:
        """The versioned JSON document."""
        from .document import written

        return written(self)

    @staticmethod
    def from_json(text: str) -> Verdict:
        """The verdict of a document that `to_json` wrote.

        Raises:
            ValueError: it is not such a document.
        """
        from .document import read

        return read(text)
