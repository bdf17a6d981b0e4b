"""From a subject that differs to what it is instead: the diagnosis held against every case again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations as combinations_of

import numpy as np

from . import streams
from .deviations import IN_SINGLE, ROUNDED_TO_SINGLE, SCALARS, SCALARS_IN_SINGLE, Deviation
from .diagnosis import LARGEST, Evidence, Explanation, confirmed, explain
from .mechanisms import mechanisms_of
from .observation import agrees, observe
from .paper import Algorithm
from .partial import Part, held, part_of
from .runs import Check, Combination
from .verdict import Record, Verdict

Decide = Callable[[Check], tuple[Verdict, list[Combination]]]
Key = tuple[str, str]
"""Path and dtype."""
TRIES = 2
"""An explanation that holds on the designed cases may fail on a generated one, which is then held against the next."""


def explained(
    check: Check,
    verdict: Verdict,
    combinations: Sequence[Combination],
    bases: Sequence[Algorithm],
    allowed: frozenset[str],
    decide: Decide,
    quick: bool,
) -> tuple[Verdict, Algorithm]:
    """The verdict with the deviations that explain it, if every path and dtype that differs is explained; and the list
    that the subject is, as far as that is one.

    Args:
        check: with the claimed algorithm.
        verdict: of a subject that differs.
        combinations: its runs.
        bases: readings of the paper from which deviations start.
        allowed: names of deviations that do not count.
        decide: runs all cases again, against another list.
        quick: search smaller sets only.
    """
    assert verdict.first_divergence is not None  # only asked of a subject that differs
    evidence: dict[Key, Evidence] = {}
    for combination in combinations:
        if combination.failure is not None:
            shrunk = [verdict.first_divergence.case] if combination.dtype == verdict.first_divergence.dtype else []
            evidence[combination.path, combination.dtype] = Evidence((*shrunk, combination.failure[0]))
    for _ in range(TRIES):
        explanations = explained_by(check, combinations, evidence, bases, allowed, quick) or {}
        if not explanations:
            return unexplained(verdict, known_part(check, combinations, evidence, bases)), check.algorithm
        runs = {(run.path, run.dtype): run for run in verdict.runs}
        records = {key: records_of(verdict, *key) for key in runs}
        distinct = list({id(explanation): explanation for explanation in explanations.values()}.values())
        refuted = False
        for explanation in distinct:
            # What the deviations silence cannot happen; that the paper's own mechanisms did was seen before.
            silent = frozenset(mechanism.name for mechanism in mechanisms_of(explanation.algorithm))
            second, again = decide(replace(check, algorithm=explanation.algorithm, silent=silent))
            for run, combination in zip(second.runs, again, strict=True):
                key = run.path, run.dtype
                if explanations.get(key) is explanation:
                    refuted |= run.outcome != "conforms"
                    if combination.failure:
                        evidence[key] = replace(evidence[key], refuting=(combination.failure[0],))
                    runs[key] = replace(run, deviations=explanation.names)
                    records[key] = records_of(second, *key)
        if not refuted:
            break
    else:
        failing = (c for c in combinations if (c.path, c.dtype) in explanations)
        keys = ((c, (c.path, c.dtype)) for c in failing)
        parts = (held(check, c, evidence[key], explanations[key]) for c, key in keys)
        return unexplained(verdict, next(filter(None, parts), None)), check.algorithm
    deviations = {d.name: d for explanation in distinct for d in explanation.found(allowed)}
    verdict = replace(verdict, deviations=tuple(deviations.values()), explanation=told(combinations, explanations))
    best = distinct[0].algorithm if len(distinct) == 1 and second.conforms else check.algorithm
    if all(deviation.allowed for deviation in deviations.values()):
        kept = tuple(record for of_run in records.values() for record in of_run)
        return replace(verdict, outcome="conforms-with-deviations", runs=tuple(runs.values()), records=kept), best
    named = tuple(replace(run, deviations=runs[run.path, run.dtype].deviations) for run in verdict.runs)
    return replace(verdict, runs=named), best


def explained_by(
    check: Check,
    combinations: Sequence[Combination],
    evidence: Mapping[Key, Evidence],
    bases: Sequence[Algorithm],
    allowed: frozenset[str],
    quick: bool,
) -> dict[Key, Explanation] | None:
    """An explanation of every combination that fails, the same one for as many as it confirms; None where one has none.

    Args:
        evidence: on the combinations that fail.
    """
    explanations: dict[Key, Explanation] = {}
    for combination in combinations:
        key = combination.path, combination.dtype
        if key not in evidence:
            continue
        others = (e for of, e in explanations.items() if of[0] == key[0] or not coarse_scalars(e))
        known = next((e for e in others if confirmed(check, combination, evidence[key], e)), None)
        explanation = known or explain_run(check, combination, evidence[key], bases, allowed, quick)
        if explanation is None:
            return None
        explanations[key] = explanation
    return explanations


def coarse_scalars(explanation: Explanation) -> bool:
    """Whether the bounds of an explanation are wide, so that it may hold on a path that needs less."""
    return SCALARS_IN_SINGLE.name in explanation.names


def explain_run(
    check: Check,
    combination: Combination,
    evidence: Evidence,
    bases: Sequence[Algorithm],
    allowed: frozenset[str],
    quick: bool,
) -> Explanation | None:
    """The explanation of one path in one dtype.

    Float64 tensors that are computed in float32 are held against that. Coarse numbers alone are looked for first, where
    they are near enough, and beside other deviations last: no other one hides in their bounds.
    """
    asked = partial(explain, combination=combination, evidence=evidence, allowed=allowed, quick=quick)
    if combination.dtype == "float64" and kept_in_single(check, combination):
        single = IN_SINGLE.change
        coarse = replace(check, algorithm=single(check.algorithm))
        found = asked(coarse, bases=[*map(single, bases)], sizes=range(LARGEST + 1))
        return found and replace(found, deviations=(IN_SINGLE, *found.deviations))
    coarse = replace(check, algorithm=SCALARS_IN_SINGLE.change(check.algorithm))
    formats = formats_of(check)
    near = agrees(check.algorithm, observe(coarse, combination, evidence.failing), ["theta"])
    found = asked(coarse, bases=bases, sizes=range(1), formats=formats) if near else None
    found = found or asked(check, bases=bases)
    return found or asked(coarse, bases=bases, sizes=range(1, LARGEST + 1), formats=formats)


def formats_of(check: Check) -> list[tuple[Deviation, ...]]:
    """Sets of coarse formats for hyperparameters and scalars, the sharpest bounds first, then the smallest sets."""
    rounded = [deviation for deviation in ROUNDED_TO_SINGLE if deviation.concerns(check.algorithm)]
    numbers = [chosen for size in range(len(rounded) + 1) for chosen in combinations_of(rounded, size)]
    scalars: list[tuple[Deviation, ...]] = [(), *((deviation,) for deviation in SCALARS)]
    return [(*chosen, *of_step) for of_step in scalars for chosen in numbers if chosen or of_step]


def kept_in_single(check: Check, combination: Combination) -> bool:
    """Whether the parameters, or a mapped state, of a float64 run are float32 numbers all along."""
    values: dict[str, list[np.ndarray]] = {}
    for observation in observe(check, combination, [streams.PROBE]):
        for tensors in observation.snapshots:
            for snapshot in tensors:
                for key, array in snapshot.items():
                    values.setdefault(key, []).append(np.ravel(array))
    joined = (np.concatenate(arrays) for arrays in values.values())
    return any(np.any(array) and np.array_equal(array, array.astype(np.float32)) for array in joined)


def told(combinations: Sequence[Combination], explanations: Mapping[Key, Explanation]) -> str:
    """What the subject is instead; where paths or dtypes part, which of them."""
    run = [(c.path, c.dtype) for c in combinations if c.failure or not c.note]
    groups: dict[str, list[Key]] = {}
    for key in run:
        groups.setdefault(explanations[key].sentence() if key in explanations else "conforms", []).append(key)
    if len(groups) == 1:
        return next(iter(groups))
    ordered = sorted(groups.items(), key=lambda group: group[0] == "conforms")
    return "; ".join(f"{places(keys, run)} {sentence}" for sentence, keys in ordered)


def places(keys: Sequence[Key], run: Sequence[Key]) -> str:
    """Paths, each with its dtypes where not all that were run are meant."""
    paths = dict.fromkeys(path for path, _ in keys)
    meant = {path: [key[1] for key in keys if key[0] == path] for path in paths}
    whole = [path for path, dtypes in meant.items() if len(dtypes) == sum(key[0] == path for key in run)]
    parts = [f"{path} in {', '.join(dtypes)}" for path, dtypes in meant.items() if path not in whole]
    return ", ".join([*whole, *parts])


def records_of(verdict: Verdict, path: str, dtype: str) -> list[Record]:
    return [record for record in verdict.records if (record.path, record.dtype) == (path, dtype)]


def known_part(
    check: Check, combinations: Sequence[Combination], evidence: Mapping[Key, Evidence], bases: Sequence[Algorithm]
) -> Part | None:
    """What is known of the first combination that failed: on other paths and in other dtypes it would take as long."""
    first = next(c for c in combinations if (c.path, c.dtype) in evidence)
    return part_of(check, first, evidence[first.path, first.dtype], bases)


def unexplained(verdict: Verdict, part: Part | None) -> Verdict:
    """The verdict with a sentence that says so, and what is known all the same. It goes on to differ."""
    first = verdict.first_divergence
    assert first is not None  # only asked of a subject that differs
    sentence = f"no known deviation explains it; first difference: {first.quantity} at step {first.step}"
    if part is None:
        return replace(verdict, explanation=sentence)
    return replace(verdict, explanation=f"{sentence}; in part it {part.sentence}", explained_in_part=part.names)
