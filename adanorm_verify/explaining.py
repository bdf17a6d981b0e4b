"""From a subject that differs to what it is instead: the diagnosis held against every case again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from . import streams
from .deviations import IN_SINGLE
from .diagnosis import LARGEST, Evidence, Explanation, confirmed, explain
from .mechanisms import mechanisms_of
from .observation import observe
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
    sentences = dict.fromkeys(explanation.sentence() for explanation in distinct)
    verdict = replace(verdict, deviations=tuple(deviations.values()), explanation="; ".join(sentences))
    best = distinct[0].algorithm if len(distinct) == 1 else check.algorithm
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
        known = next((e for e in explanations.values() if confirmed(check, combination, evidence[key], e)), None)
        explanation = known or explain_run(check, combination, evidence[key], bases, allowed, quick)
        if explanation is None:
            return None
        explanations[key] = explanation
    return explanations


def explain_run(
    check: Check,
    combination: Combination,
    evidence: Evidence,
    bases: Sequence[Algorithm],
    allowed: frozenset[str],
    quick: bool,
) -> Explanation | None:
    """The explanation of one path in one dtype; float64 tensors that are computed in float32 are held against that."""
    if combination.dtype != "float64" or not kept_in_single(check, combination):
        return explain(check, combination, evidence, bases, allowed, quick)
    single = IN_SINGLE.change
    coarse = replace(check, algorithm=single(check.algorithm))
    found = explain(coarse, combination, evidence, [*map(single, bases)], allowed, quick, sizes=range(LARGEST + 1))
    return found and replace(found, deviations=(IN_SINGLE, *found.deviations))


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
