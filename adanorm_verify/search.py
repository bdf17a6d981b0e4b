"""Search for a case on which a subject leaves the envelope, and make it small."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from . import streams
from .cases import Case
from .comparison import Comparison
from .interface import SubjectRaised
from .paper import Algorithm
from .runs import Check, Combination, run_case
from .shrinking import complexity, simplest


@dataclass(frozen=True)
class Profile:
    """How much is run.

    Args:
        generated: generated cases a dtype, after the designed ones.
        max_steps: longest generated run.
        dtypes: of the tensors.
        shrinking: generated cases tried when a counterexample is to be made small.
    """

    generated: int
    max_steps: int
    dtypes: tuple[str, ...]
    shrinking: int


PROFILES = {
    "quick": Profile(8, 10, ("float64", "float32"), 60),
    "default": Profile(36, 16, ("float64", "float32"), 200),
    "thorough": Profile(50, 24, ("float64", "float32", "bfloat16", "float16"), 400),
}


class Diverged(AssertionError):
    """Raised inside Hypothesis, which then shrinks."""


def foreseeable(algorithm: Algorithm, profile: Profile, dtypes: Sequence[str], seed: int) -> Iterator[tuple[str, Case]]:
    """The cases that a subject will most probably be asked, each with the dtype of its tensors.

    Those are the designed ones, and the generated ones of a subject which takes every hyperparameter and holds it for
    each group.
    """
    for dtype in dtypes:
        yield from ((dtype, case) for case in streams.designed(dtype))
    every = frozenset(algorithm.hyperparameters)
    for dtype in dtypes:
        cases: list[Case] = []
        strategy = streams.cases(dtype=dtype, settable=every, grouped=every, max_steps=profile.max_steps)
        generate(strategy, cases.append, profile.generated, seed)
        yield from ((dtype, case) for case in cases)


def generate(
    cases: SearchStrategy[Case],
    attempt: Callable[[Case], None],
    examples: int,
    seed: int,
    phases: Sequence[Phase] = (Phase.generate,),
) -> None:
    """Call `attempt` with generated cases, and with smaller ones after it has raised, if `phases` shrink.

    Args:
        cases: what to draw from.
        attempt: an exception of it means that the case fails.
        examples: how many cases.
        seed: of the draws.
        phases: of Hypothesis.

    Raises:
        Whatever `attempt` raised on the last failing case.
    """
    if examples:

        def attempted(case: Case) -> None:  # Hypothesis reads the signature, which not every callable has
            attempt(case)

        chosen = settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=phases,
            report_multiple_bugs=False,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )
        with without_local_constants():
            with_seed(seed)(chosen(given(cases)(attempted)))()


@contextmanager
def without_local_constants() -> Iterator[None]:
    """Have Hypothesis draw from its own constants alone.

    It draws some numbers from the sources of all modules that lie outside of site-packages: under the same seed other
    cases would be generated where this package is installed otherwise, or where the caller has imported more. To read
    those sources takes a third of a second besides.
    """
    with ExitStack() as stack:
        with suppress(ImportError):  # of an old Hypothesis, which does not do that
            from hypothesis.internal.conjecture import providers

            if hasattr(providers, "_get_local_constants"):
                none = type(providers._local_constants)()
                stack.enter_context(patch.object(providers, "_get_local_constants", lambda: none))
                emptied = type(providers.CONSTANTS_CACHE)(1024)  # what was put together of them before
                stack.enter_context(patch.object(providers, "CONSTANTS_CACHE", emptied))
        yield


def search(
    check: Check,
    combinations: Sequence[Combination],
    examples: int,
    max_steps: int,
    seed: int,
    tick: Callable[[], None],
    shrink: bool = False,
) -> None:
    """Generate cases until one fails; with `shrink`, leave the smallest failing case in its combination."""
    first = combinations[0]
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    cases = streams.cases(
        dtype=first.dtype,
        settable=check.subject.settable,
        grouped=first.grouped,
        max_steps=max_steps,
    )

    def attempt(case: Case) -> None:
        tick()
        if not shrink:
            # A failure closes its combination; the others go on, so nothing is raised.
            run_case(check, case, combinations)
            return
        trial = replace(first, failure=None)
        if run_case(check, case, [trial]) is not None:
            first.failure = trial.failure
            raise Diverged

    with suppress(Diverged, Flaky):  # a subject that is not deterministic does not fail again
        generate(cases, attempt, examples, seed, phases)


def shrunk(check: Check, combination: Combination, profile: Profile, seed: int) -> tuple[Case, Comparison]:
    """The simplest failing case that a bounded search finds."""
    assert combination.failure is not None  # only called for a combination that failed

    def fails(case: Case) -> Case | None:
        failure = failing(check, combination, case)
        return failure[0] if failure else None

    case = simplest(until_divergence(*combination.failure), fails, check.base)
    if sum(array.size for array in case.arrays()) > READABLE:
        trial = replace(combination, failure=None, tallies={}, mechanisms=Counter(), represented=set())
        search(check, [trial], profile.shrinking, 6, seed, lambda: None, shrink=True)
        if trial.failure is not None:
            other = simplest(until_divergence(*trial.failure), fails, check.base)
            case = min(case, other, key=lambda found: complexity(found, check.base))
    # Every simplification was accepted because it fails; only a subject that is not deterministic does not fail again.
    again = failing(check, combination, case)
    if again is not None:
        return again
    combination.deterministic = False
    return until_divergence(*combination.failure), combination.failure[1]


READABLE = 12
"""Numbers in a counterexample above which a second search is worth its time."""


def failing(check: Check, combination: Combination, case: Case) -> tuple[Case, Comparison] | None:
    """The case as it was run, cut after its divergence, or None where the parameters stay inside."""
    prepared = check.prepared(case, combination)
    try:
        comparison = check.compared(prepared, combination)
    except SubjectRaised:
        return None
    return (until_divergence(prepared, comparison), comparison) if comparison.diverged else None


def until_divergence(case: Case, comparison: Comparison) -> Case:
    return case.first(min(d.step for d in comparison.differences if d.quantity == "theta"))
