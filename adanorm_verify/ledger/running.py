"""Every check of the ledger once more, and what no longer follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib.util import find_spec
from typing import Any

from ..processes import workers
from . import certificates, folder
from .entry import Entry
from .rederiving import Disagreement, rederive

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Claim:
    """What became of one entry.

    Args:
        entry: it.
        certificate: as derived now, or as recorded where it could not be derived.
        problems: why it does not stand; empty where it does.
        missing: extras that are not installed, for want of which something was not derived again.
        seconds: deriving and checking took.
    """

    entry: Entry
    certificate: Mapping[str, Any]
    problems: tuple[str, ...]
    missing: tuple[str, ...]
    seconds: float


def run_entry(name: str) -> tuple[Mapping[str, Any], tuple[str, ...], tuple[str, ...], float]:
    """Derive one entry's certificate and check it: contents, problems, missing extras, seconds."""
    start = time.perf_counter()
    entry = next(entry for entry in folder.entries() if entry.id == name)
    missing = tuple(extra for extra in entry.extras if find_spec(extra) is None)
    stored = folder.recorded().get(name)
    if missing:
        contents: Mapping[str, Any] = stored or {}
        problems = [] if stored else [f"needs {', '.join(missing)}, and has no recorded certificate"]
    else:
        contents = certificates.certificate(entry, entry.check())
        problems = []
        try:
            missing += rederive(contents)
        except Disagreement as error:
            problems.append(f"a second derivation disagrees: {error}")
    checker = folder.checker()
    if contents:
        try:
            checker.check(contents)
        except checker.Refused as error:
            problems.append(f"its certificate fails: {error}")
    return contents, tuple(problems), missing, time.perf_counter() - start


def stale(contents: Mapping[str, Any], stored: Mapping[str, Any] | None) -> list[str]:
    """How a recorded certificate differs from the one derived now."""
    if stored is None:
        return ["it has no recorded certificate; `adanorm-verify theory --record` writes it"]
    if certificates.derived(contents) != certificates.derived(stored):
        return ["its recorded certificate is another one than its check derives"]
    try:
        folder.checker().check(stored)
    except folder.checker().Refused as error:
        return [f"its recorded certificate fails: {error}"]
    return []


def run_ledger(
    wanted: Sequence[Entry], record: bool = False, jobs: int | None = None, progress: Progress | None = None
) -> Iterator[Claim]:
    """Yield what became of each entry, as they end.

    Args:
        wanted: entries to run.
        record: write the certificates that hold.
        jobs: processes; one a core by default, and none but this one for 1.
        progress: called as entries end.
    """
    by_id = {entry.id: entry for entry in wanted}
    stored = folder.recorded()
    for done, (name, (contents, problems, missing, seconds)) in enumerate(results(list(by_id), jobs), 1):
        if record and not problems and contents:
            certificates.write(contents)
        elif contents:
            problems = (*problems, *stale(contents, stored.get(name)))
        if progress is not None:
            progress("theory", done, len(by_id))
        yield Claim(by_id[name], contents, problems, missing, seconds)


def results(names: Sequence[str], jobs: int | None) -> Iterator[tuple[str, Any]]:
    if jobs == 1 or len(names) < 2:
        yield from ((name, run_entry(name)) for name in names)
        return
    with workers(jobs) as pool:
        futures = {pool.submit(run_entry, name): name for name in names}
        for future in as_completed(futures):
            yield futures[future], future.result()


def missing_things(entries: Sequence[Entry]) -> list[str]:
    """What the ledger as a whole lacks: entries for ids, things that entries name, files without an entry."""
    known = [entry.id for entry in entries]
    problems = [f"{name} has no entry" for name in folder.ids() if name not in known]
    problems += [f"{name} has {known.count(name)} entries" for name in dict.fromkeys(known) if known.count(name) > 1]
    for entry in entries:
        for other in (*entry.uses, *entry.rests_on):
            if other not in known:
                problems.append(f"{entry.id} names {other}, which has no entry")
    try:
        TopologicalSorter({entry.id: entry.uses for entry in entries}).prepare()
    except CycleError as error:
        problems.append(f"entries use each other in a circle: {' > '.join(error.args[1])}")
    stored = folder.recorded()
    problems += [f"the certificate {name}.json belongs to no entry" for name in stored if name not in known]
    problems += [f"{name} {what}" for name, what in folder.checker().check_links(stored).items()]
    return problems
