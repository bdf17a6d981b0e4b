"""Check an optimizer against the paper: run it beside the reference, search for a counterexample, shrink it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np

from . import __version__, streams
from .calling import setup, spelled, translated_note
from .checks.selection import chosen as selected
from .contract import allowed_checks, unfinished, with_contract
from .errors import CannotCheck
from .explaining import explained
from .formats import DTYPE_NAMES
from .hosting.checking import checking
from .hosting.lending import subject_of
from .hosting.source import MEMORY, TIMEOUT, Limits, Source
from .hosting.supervisor import SubjectEnded
from .interface import DECAYS
from .judging import fits_designed, judge
from .paper import DECISIONS, Algorithm
from .paper import algorithm as paper_algorithm
from .rereading import as_counted, reread
from .runs import Check, Combination, checked, foreseen, probe, run_case
from .search import PROFILES, Profile, foreseeable, search
from .shards import LARGEST, in_shards
from .verdict import Verdict

if TYPE_CHECKING:
    import torch

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many cases are done, and how many there are."""


UNASKED_NOTE = "the contract's checks were left out, as the caller asked"
SHARDED_NOTE = "the contract's checks are of whole parameters, and were left out: run check without --sharded as well"


def check_optimizer(
    target: str | Callable[..., torch.optim.Optimizer],
    algorithm: str = "adamnorm",
    *,
    arguments: Mapping[str, Any] | None = None,
    rename: Mapping[str, str] | None = None,
    decisions: Mapping[str, str] | None = None,
    allow: Sequence[str] = (),
    expect: Mapping[str, str] | None = None,
    profile: str = "default",
    dtypes: Sequence[str] | None = None,
    device: str = "cpu",
    seed: int = 0,
    explain: bool = True,
    legacy: bool = False,
    sharded: int = 0,
    timeout: float = TIMEOUT,
    memory: float = MEMORY,
    in_process: bool = False,
    decay: str = "",
    contract: bool = True,
    progress: Progress | None = None,
) -> Verdict:
    """Decide whether an optimizer is the algorithm that it claims to be.

    Args:
        target: an optimizer class or factory, or its name `package.module:Class` or `path/to/file.py:Class`.
        algorithm: one of `adanorm_verify.paper.ALGORITHMS`.
        arguments: fixed constructor arguments.
        rename: paper's hyperparameter to the constructor's argument, such as `{"gamma": "r"}`.
        decisions: answers to what the paper leaves open, where not the defaults.
        allow: names of deviations, or of checks, that do not count.
        expect: checks that are known to fail, with the reason; one that passes is reported as stale.
        profile: "quick", "default" or "thorough".
        dtypes: instead of the profile's.
        device: of the tensors.
        seed: of the generated cases.
        explain: shrink the counterexample of an optimizer that differs, and find the deviations that explain it.
        legacy: put back what old torch had and today's has not; the notes say what was translated.
        sharded: spread the rows of every parameter over so many processes and ask whether the optimizer still is
            what it claims; the contract's checks are of whole parameters and are left out.
        timeout: seconds without a sign of life (a step begun) after which the subject's process is ended.
        memory: GiB that the subject's process may take.
        in_process: run the subject in this process, as a debugger needs it; nothing keeps it from ending or changing
            this process then.
        decay: the weight decay that it claims, "coupled" or "decoupled", where its signature and docstring do not say.
        contract: run the contract's checks too; they draw nothing from `seed`, so that a campaign of many seeds needs
            them once.
        progress: called as cases end.

    The subject runs in a process of its own, which is ended with all that it started.

    Returns:
        A verdict; `not-checked` when the subject could not be run or nothing could be compared.

    Raises:
        ValueError: an unknown algorithm, decision, profile, dtype or weight decay, or options that exclude each other.
    """
    answers = dict(decisions or {})
    refuse_sharded(sharded, device, legacy, bool(expect))
    limits = Limits(timeout, memory)
    paper = in_shards(paper_algorithm(algorithm, answers), sharded)
    chosen = one_of("profile", profile, PROFILES)
    formats = tuple(one_of("dtype", dtype, {d: d for d in DTYPE_NAMES}) for dtype in dtypes or chosen.dtypes)
    expected = allowed_checks(allow, expect or {})
    claim = one_of("weight decay", decay, {d: d for d in DECAYS}) if decay else ""
    readings = other_readings(paper, answers)
    refuse_unobservable(answers)
    name = target if isinstance(target, str) else spelled(target)
    source = Source(name, None if isinstance(target, str) else target, dict(arguments or {}), legacy, device, claim)
    called = setup(arguments or {}, rename or {}, device, sharded)
    about: Mapping[str, Any] = {}
    translated: Mapping[str, int] = {}
    try:
        known: dict[Any, Any] = {}
        foreseeing = () if sharded else foreseen(paper, foreseeable(paper, chosen, formats, seed), known)
        asked = subject_of(source, rename or {}, paper.hyperparameters, limits, in_process, sharded, foreseeing)
        with asked as (subject, lender), ExitStack() as stack:
            about = lender.about
            called = replace(called, file=about["file"], line=about["line"])
            check = replace(checked(subject, paper, device), known=known)
            others = (paper_algorithm(algorithm, {**answers, **reading}) for reading in readings)
            bases = [paper, *(in_shards(other, sharded) for other in others)]
            checks = stack.enter_context(checking(check))
            deciding = partial(decide, profile=chosen, dtypes=formats, seed=seed, progress=progress)
            combinations = probed(check, formats)
            contract = contract and not sharded
            if contract and explain:
                checks.begin(check, *selected(combinations, checks.pages(), profile))
            verdict, best, combinations = read_best(check, combinations, bases, readings, deciding, explain)
            if verdict.first_divergence is not None and (explain or allow):
                again = partial(deciding, combinations=None, explain=False)
                with keeping(verdict) as kept:
                    kept.verdict, best = explained(
                        check, verdict, combinations, bases, frozenset(allow), again, quick=profile == "quick"
                    )
                verdict = kept.verdict
            best = as_counted(best, combinations)
            verdict = told_of_reading(replace(verdict, decisions={**answers, **verdict.decisions}), check)
            if contract and (explain or verdict.conforms):
                verdict = with_contract(
                    verdict, replace(check, algorithm=best), combinations, expected, profile, checks
                )
            if legacy:
                with suppress(SubjectEnded):
                    translated = lender.translated
    except CannotCheck as error:
        reason = f"with its parameters in {sharded} shards: {error}" if sharded else str(error)
        verdict = Verdict("not-checked", name, algorithm, decisions=answers, reason=reason)
    environment = describe(profile, device, seed, about)
    if sharded and verdict.outcome != "not-checked":
        verdict = replace(verdict, notes=(*verdict.notes, SHARDED_NOTE))
    elif not contract and verdict.outcome != "not-checked":
        verdict = replace(verdict, notes=(*verdict.notes, UNASKED_NOTE))
    if legacy:
        verdict = replace(verdict, notes=(*verdict.notes, translated_note(translated)))
        environment["legacy"] = dict(translated)
    return replace(verdict, environment=environment, setup=called)


def read_best(
    check: Check,
    combinations: Sequence[Combination],
    bases: Sequence[Algorithm],
    readings: Sequence[Mapping[str, str]],
    deciding: Callable[..., tuple[Verdict, list[Combination]]],
    explain: bool,
) -> tuple[Verdict, Algorithm, list[Combination]]:
    """The verdict under the first reading of the paper under which a subject conforms, or under the first of all."""
    verdict, decided = deciding(check, combinations, explain=explain)
    for reading, base in zip(readings, bases[1:], strict=True):
        if verdict.first_divergence is None:
            break
        other = replace(check, algorithm=base)
        if fits_designed(other, verdict.first_divergence):
            second, runs = deciding(other, None, explain=explain)
            if second.conforms:
                return replace(second, decisions=reading), base, runs
    return verdict, bases[0], decided


@dataclass
class Kept:
    """A verdict that a difference has settled.

    Args:
        verdict: the verdict.
    """

    verdict: Verdict


@contextmanager
def keeping(verdict: Verdict) -> Iterator[Kept]:
    """Keep a verdict that is settled, where the subject's process ends before more of it is known."""
    kept = Kept(verdict)
    try:
        yield kept
    except SubjectEnded as ended:
        kept.verdict = unfinished(verdict, str(ended))


def told_of_reading(verdict: Verdict, check: Check) -> Verdict:
    """The verdict with hyperparameters that have slipped as the cause of a difference that nothing else explains.

    Raises:
        CannotCheck: a difference may be another learning rate, which the subject neither takes nor holds.
    """
    if verdict.first_divergence is None or verdict.deviations or check.reading is None:
        return verdict
    if check.reading.missing:
        raise CannotCheck(check.reading.missing)
    return replace(verdict, explanation="; ".join(filter(None, (*check.reading.slipped, verdict.explanation))))


def refuse_sharded(count: int, device: str, legacy: bool, expect: bool) -> None:
    """Raise ValueError for a number of shards that there cannot be, or that goes with nothing else asked for."""
    if not 0 <= count <= LARGEST or count == 1:
        raise ValueError(f"sharded must be 0 (whole parameters) or 2 to {LARGEST} ranks, got {count}")
    if count and device != "cpu":
        raise ValueError(f"sharded={count} runs on the CPU (gloo), got device {device!r}")
    if count and legacy:
        raise ValueError(f"sharded={count} and legacy=True exclude each other: old torch had no DTensors")
    if count and expect:
        raise ValueError(f"sharded={count} runs no checks of the contract, so none can be expected to fail")


def one_of(kind: str, value: str, known: Mapping[str, Any]) -> Any:
    if value not in known:
        raise ValueError(f"unknown {kind} {value!r}; it is one of {', '.join(known)}")
    return known[value]


def describe(profile: str, device: str, seed: int, about: Mapping[str, Any]) -> dict[str, Any]:
    """Where and how a verdict was made; `about` is what the subject's process said of itself."""
    return {
        "versions": {
            "adanorm_verify": __version__,
            "python": platform.python_version(),
            "torch": about.get("torch") or version("torch"),
            "numpy": np.__version__,
            "hypothesis": hypothesis.__version__,
        },
        "platform": platform.platform(),
        "device": about.get("device", device),
        "profile": profile,
        "seed": seed,
    }


def refuse_unobservable(answers: Mapping[str, str]) -> None:
    """Raise ValueError for an answer that a comparison cannot see: it would hold for every optimizer."""
    for decision in DECISIONS:
        if not decision.observable and answers.get(decision.key, decision.default) != decision.default:
            answer = f"{decision.key}={answers[decision.key]}"
            raise ValueError(f"check cannot observe {answer}: it is a choice for the reference alone")


def other_readings(paper: Algorithm, answers: Mapping[str, str]) -> list[dict[str, str]]:
    """Answers that also count: those of decisions where the paper supports both."""
    readings: list[dict[str, str]] = []
    for decision in DECISIONS:
        if decision.equivalent and decision.concerns(paper) and decision.key not in answers:
            readings += [{decision.key: value} for value in decision.options if value != decision.default]
    return readings


def probed(check: Check, dtypes: Sequence[str]) -> list[Combination]:
    """Every path in every dtype, asked what it keeps.

    Raises:
        CannotCheck: none of them takes a plain step.
    """
    combinations = [probe(check, path, dtype) for dtype in dtypes for path in check.subject.paths]
    if all(combination.note for combination in combinations):
        raise CannotCheck(f"{check.subject.target}: {combinations[0].note}")
    return combinations


def decide(
    check: Check,
    combinations: Sequence[Combination] | None,
    profile: Profile,
    dtypes: Sequence[str],
    seed: int,
    progress: Progress | None,
    explain: bool,
) -> tuple[Verdict, list[Combination]]:
    """Run every path in every dtype: designed cases, generated ones, and the shrinking of a counterexample."""
    combinations = probed(check, dtypes) if combinations is None else list(combinations)
    played = partial(play, profile=profile, dtypes=dtypes, seed=seed, progress=progress)
    ended = ""
    try:
        played(check, combinations)
        combinations = reread(check, combinations, played)
    except SubjectEnded as error:
        ended = str(error)
    verdict = judge(check, combinations, profile, seed, explain and not ended)
    return unfinished(verdict, ended) if ended else verdict, combinations


def play(
    check: Check,
    combinations: Sequence[Combination],
    profile: Profile,
    dtypes: Sequence[str],
    seed: int,
    progress: Progress | None,
) -> None:
    """Run the designed cases and the generated ones on every open combination."""
    planned = [(dtype, case) for dtype in dtypes for case in streams.designed(dtype)]
    total = len(planned) + profile.generated * len(dtypes)
    done = 0

    def tick(what: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(what, min(done, total), total)

    for dtype, case in planned:
        run_case(check, case, [c for c in combinations if c.dtype == dtype])
        tick(f"{dtype}: {case.name}")
    for dtype in dtypes:
        here = [c for c in combinations if c.dtype == dtype]
        if profile.generated and any(c.open for c in here):
            search(check, here, profile.generated, profile.max_steps, seed, partial(tick, f"{dtype}: generated"))
