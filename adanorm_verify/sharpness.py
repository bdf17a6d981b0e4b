"""How sharp the check is: every wrong optimizer of the shelf must be caught, every faithful rewriting must pass."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from . import __version__
from .calling import spelled
from .conformance import Progress, check_optimizer
from .gate import prepare_worker
from .processes import workers
from .targets import load
from .verdict import Verdict

Kind = Literal["formula", "interface", "deviation", "pair", "rewrite"]
BEGINNING = '{"target": '
"""Of every line of a file of results."""
TRAJECTORY = "trajectory"
"""The check that decides by the parameters; the others are those of the contract, by name."""


@dataclass(frozen=True)
class Specimen:
    """An optimizer of which it is known whether it is what it claims to be.

    Args:
        target: `package.module:Class`.
        algorithm: what it claims to be.
        kind: a hand-written wrong formula, a fault of interface, one deviation or two, or a faithful rewrite.
        right_in: dtypes in which a wrong one is right all the same.
        decisions: the reading of the paper under which it claims that.
    """

    target: str
    algorithm: str
    kind: Kind
    right_in: tuple[str, ...] = ()
    decisions: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.target.rpartition(":")[2]


@dataclass(frozen=True)
class Trial:
    """What the check said about one specimen under one seed.

    Args:
        target: of the specimen.
        seed: of the generated cases.
        outcome: of the verdict.
        killed: dtype to the checks that failed in it.
        cases: dtype to the number of cases that were run, the last one where the parameters left their envelope.
        quantity: the first that differs.
        where: its place in the paper.
        ratio: the largest error/bound of the parameters.
        seconds: the check took.
        message: the first thing that is wrong besides the trajectory, or why nothing was decided.
    """

    target: str
    seed: int
    outcome: str
    killed: Mapping[str, tuple[str, ...]]
    cases: Mapping[str, int]
    quantity: str
    where: str
    ratio: float
    seconds: float
    message: str = ""


@dataclass(frozen=True)
class Row:
    """One specimen over all its seeds.

    Args:
        specimen: what was checked.
        seeds: under which.
        killers: the checks that failed, under any seed in any dtype.
        first: quantity and place of the first difference.
        cases: dtype to the smallest and the largest number of cases until the parameters left.
        ratio: the largest error/bound of the parameters.
        seconds: the longest that a check took.
        faults: what the check did wrong: a survivor or a false alarm, by seed and dtype.
    """

    specimen: Specimen
    seeds: tuple[int, ...]
    killers: tuple[str, ...]
    first: str
    cases: Mapping[str, tuple[int, int]]
    ratio: float
    seconds: float
    faults: tuple[str, ...]


def shelf() -> tuple[Specimen, ...]:
    """All specimens: hand-written, then generated, then the faithful ones."""
    from . import shelf

    kinds: dict[Kind, Sequence[Any]] = {
        "formula": shelf.WRONG,
        "interface": shelf.INTERFACE,
        "deviation": shelf.GENERATED,
        "pair": shelf.GENERATED_PAIRS,
        "rewrite": (*shelf.FAITHFUL, *shelf.GENERATED_FAITHFUL),
    }
    return tuple(
        Specimen(
            spelled(subject),
            subject.algorithm,
            kind,
            ("float32",) if subject.wrong_in_double_only else (),
            dict(subject.decisions),
        )
        for kind, subjects in kinds.items()
        for subject in subjects
    )


def seeds_of(specimen: Specimen, seeds: Sequence[int]) -> Sequence[int]:
    """The seeds under which a specimen is tried. What is wrong with an interface is found by the contract's checks,
    which draw nothing from a seed."""
    return seeds[:1] if specimen.kind == "interface" else seeds


def trial(specimen: Specimen, seed: int, profile: str, dtypes: Sequence[str], contract: bool = True) -> Trial:
    """Check one specimen; with the checks of the contract, or without them where it conforms."""
    subject = load(specimen.target)
    start = time.perf_counter()
    verdict = check_optimizer(
        subject,
        specimen.algorithm,
        decisions=specimen.decisions,
        profile=profile,
        dtypes=dtypes,
        seed=seed,
        explain=False,
        contract=contract,
    )
    return told(specimen, seed, verdict, time.perf_counter() - start)


def told(specimen: Specimen, seed: int, verdict: Verdict, seconds: float) -> Trial:
    """What a verdict says, in the few words of the table."""
    killed: dict[str, tuple[str, ...]] = {}
    failures = [(run.dtype, TRAJECTORY) for run in verdict.runs if run.outcome == "differs"]
    failures += [(check.dtype, check.name) for check in verdict.checks if check.outcome == "failed"]
    for dtype, name in failures:
        killed[dtype] = tuple(dict.fromkeys((*killed.get(dtype, ()), name)))
    ended = [run for run in verdict.runs if run.outcome == "differs" or run.dtype not in killed]
    cases = {dtype: min(run.cases for run in ended if run.dtype == dtype) for dtype in {run.dtype for run in ended}}
    first = verdict.first_divergence
    message = next((check.message for check in verdict.checks if check.outcome == "failed"), verdict.reason)
    return Trial(
        specimen.target,
        seed,
        verdict.outcome,
        killed,
        cases,
        first.quantity if first else "",
        first.where if first else "",
        max((record.ratio for record in verdict.records if record.quantity == "theta"), default=0.0),
        seconds,
        message,
    )


def faults(specimen: Specimen, one: Trial, dtypes: Sequence[str]) -> list[str]:
    """What the check did wrong: survivors, and false alarms."""
    if specimen.kind == "rewrite":
        alarms = [f"false alarm in {dtype}: {', '.join(names)}" for dtype, names in one.killed.items()]
        return alarms or ([] if one.outcome == "conforms" else [f"false alarm: {one.outcome} {one.message}".rstrip()])
    if specimen.kind == "interface":  # its fault need not show in every dtype
        return [] if one.killed else [f"survived: {one.outcome}"]
    wrong = [f"survived in {dtype}" for dtype in dtypes if dtype not in one.killed and dtype not in specimen.right_in]
    return wrong + [f"false alarm in {dtype}" for dtype in specimen.right_in if TRAJECTORY in one.killed.get(dtype, ())]


def row(specimen: Specimen, trials: Sequence[Trial], dtypes: Sequence[str]) -> Row:
    """One line of the table, of the trials of one specimen."""
    killers = dict.fromkeys(name for one in trials for names in one.killed.values() for name in names)
    firsts = dict.fromkeys(f"{one.quantity} ({one.where})" for one in trials if one.quantity)
    left = {dtype: [one for one in trials if TRAJECTORY in one.killed.get(dtype, ())] for dtype in dtypes}
    cases = {dtype: [one.cases[dtype] for one in those] for dtype, those in left.items()}
    return Row(
        specimen,
        tuple(one.seed for one in trials),
        tuple(killers),
        next(iter(firsts), "") or next((one.message for one in trials), ""),
        {dtype: (min(counts), max(counts)) for dtype, counts in cases.items() if counts},
        max(one.ratio for one in trials),
        max(one.seconds for one in trials),
        tuple(f"seed {one.seed}: {fault}" for one in trials for fault in faults(specimen, one, dtypes)),
    )


def killed_by_one(rows: Iterable[Row]) -> dict[str, tuple[str, ...]]:
    """Check to the mutants that would live without it: no other check failed on them."""
    alone: dict[str, tuple[str, ...]] = {}
    for one in rows:
        if one.specimen.kind != "rewrite" and len(one.killers) == 1:
            alone[one.killers[0]] = (*alone.get(one.killers[0], ()), one.specimen.name)
    return alone


def settings(profile: str, dtypes: Sequence[str]) -> dict[str, Any]:
    """What a trial depends on besides its specimen and seed; results under other settings do not count."""
    import hypothesis
    import numpy
    import torch

    folder = Path(__file__).parent
    sources = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        sources.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    versions = {"adanorm_verify": __version__, "torch": torch.__version__, "numpy": numpy.__version__}
    versions |= {"hypothesis": hypothesis.__version__}
    return {
        "profile": profile,
        "dtypes": list(dtypes),
        "versions": versions,
        "sources": sources.hexdigest(),
    }


def recorded(file: Path, under: Mapping[str, Any]) -> Iterator[Trial]:
    """The trials that a file of `run_sharpness` holds for these settings; a line cut off by a kill is passed over.

    Raises:
        ValueError: it is another file.
    """
    if not file.exists():
        return
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith(BEGINNING[: len(line)]):
            raise ValueError(f"{str(file)!r} is no file of sharpness results: it has the line {line[:40]!r}")
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if record.pop("settings") == under:
            killed = {dtype: tuple(names) for dtype, names in record.pop("killed").items()}
            yield Trial(**record, killed=killed)


def run_sharpness(
    specimens: Sequence[Specimen],
    seeds: Sequence[int],
    profile: str,
    dtypes: Sequence[str],
    jobs: int | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Iterator[Trial]:
    """Yield the trials as they end, those of one specimen close together.

    Args:
        specimens: what to check.
        seeds: of the generated cases.
        profile: a key of `search.PROFILES`.
        dtypes: of the tensors.
        jobs: processes; one a core by default, and none but this one for 1.
        out: a file to which each trial is added as it ends; those that it holds already are not run again.
        progress: called as trials end.
    """
    under = settings(profile, dtypes)
    wanted = {(one.target, seed): one for one in specimens for seed in seeds_of(one, seeds)}
    known = {(one.target, one.seed): one for one in (recorded(out, under) if out else ())}
    work = [(specimen, seed) for (target, seed), specimen in wanted.items() if (target, seed) not in known]
    found = [one for key, one in known.items() if key in wanted]
    yield from found
    run = partial(tried, profile=profile, dtypes=tuple(dtypes), first=seeds[0])
    for done, one in enumerate(results(work, run, jobs), 1):
        if out:
            add_line(out, json.dumps({**asdict(one), "settings": under}))
        if progress is not None:
            progress("sharpness", len(found) + done, len(wanted))
        yield one


def tried(specimen: Specimen, seed: int, profile: str, dtypes: Sequence[str], first: int) -> Trial:
    """One trial of several; a faithful rewrite is asked the contract's checks under the first seed alone."""
    return trial(specimen, seed, profile, dtypes, contract=seed == first or specimen.kind != "rewrite")


def results(work: Sequence[tuple[Specimen, int]], run: partial[Trial], jobs: int | None) -> Iterator[Trial]:
    """`run` on every piece of work, in processes of their own."""
    if jobs == 1 or len(work) < 2:
        yield from (run(specimen, seed) for specimen, seed in work)
        return
    with workers(jobs, prepare_worker) as pool:
        for future in as_completed([pool.submit(run, specimen, seed) for specimen, seed in work]):
            yield future.result()


def add_line(file: Path, line: str) -> None:
    """One line more, on a line of its own also after a kill in the middle of one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as stream:
        stream.seek(0, os.SEEK_END)
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                stream.write(b"\n")
        stream.write(line.encode() + b"\n")
