"""Jobs, one a release: installed, run in a process of its own, and kept, so that a survey cut off goes on."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import CannotCheck
from . import folder as research
from .releases import chosen, install, last_line, released
from .sources import ROOM, digest
from .subjects import Optimizer, Package

MEASURED = ("torch", "numpy", "hypothesis")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class How:
    """How everything is checked."""

    profile: str
    seed: int

    def environment(self) -> dict[str, Any]:
        versions = {name: importlib.metadata.version(name) for name in MEASURED}
        return {
            "versions": {"adanorm_verify": __version__, "python": platform.python_version(), **versions},
            "source": digest(),
            **asdict(self),
        }


@dataclass(frozen=True)
class Job:
    """A release, or a file of a folder, with its targets.

    Args:
        package: as the table names it.
        release: version or commit; may be empty.
        place: module, or path of a file.
        targets: what `worker.records` reads.
        source: the package to install; None for a file.
        cwd: where the process runs; an empty folder when None.
        legacy: under the shim for code of an old torch.
    """

    package: str
    release: str
    place: str
    targets: tuple[dict[str, Any], ...]
    source: Package | None = None
    cwd: Path | None = None
    legacy: bool = False

    @property
    def name(self) -> str:
        file = self.place.replace("/", "-").removesuffix(".py") if self.source is None else ""
        return "-".join(filter(None, [self.package, self.release, file]))

    def document(self, how: How) -> dict[str, Any]:
        return {
            "package": self.package,
            "release": self.release,
            "name": self.name,
            "place": self.place,
            "targets": list(self.targets),
            "requirement": self.source is not None and not self.source.installed,
            "profile": how.profile,
            "seed": how.seed,
            "legacy": self.legacy,
            "key": self.key(how),
        }

    def key(self, how: How) -> str:
        """What a result depends on: another key, and the job is done again."""
        content = hashlib.sha256((self.cwd / self.place).read_bytes()).hexdigest() if self.cwd else ""
        parts = [self.package, self.release, self.place, self.targets, self.legacy, content, how.environment()]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def target(optimizer: Optimizer, label: str = "") -> dict[str, Any]:
    return {
        "label": label or optimizer.label,
        "class": optimizer.name,
        "algorithm": optimizer.algorithm,
        "switch": dict(optimizer.switch),
        "gamma": list(optimizer.gamma),
    }


def release_jobs(options: Sequence[str]) -> list[Job]:
    """A job for every release of every chosen package.

    Raises:
        ValueError: an option that is no package or version.
        CannotCheck: pip does not say which releases there are.
    """
    return [
        Job(package.name, release, package.module, tuple(target(o) for o in package.optimizers), package)
        for package, given in chosen(options)
        for release in given or released(package)
    ]


def folder_jobs(folder: Path, legacy: bool) -> tuple[list[Job], list[str]]:
    """A job for every optimizer of a folder, and a line for each class whose algorithm its name does not tell."""
    at = research.commit(folder)
    jobs, unplaced = [], []
    for found in research.optimizers(folder):
        more = f" and {len(found.copies)} identical" if found.copies else ""
        if found.algorithm is None:
            unplaced.append(f"{folder.name}: {found.file}:{found.name}{more} is named after none of the algorithms")
            continue
        label = f"{found.name} ({found.file}{more})"
        wanted = target(Optimizer(found.name, found.algorithm), label)
        jobs.append(Job(folder.absolute().name, at, found.file, (wanted,), cwd=folder.resolve(), legacy=legacy))
    return jobs, unplaced


@dataclass(frozen=True)
class Survey:
    """What was found.

    Args:
        records: one a target and path, with package, release, verdict and script.
        releases: of each package, oldest first.
        unplaced: a line for each class whose algorithm its name does not tell.
        jobs: how many releases and files.
    """

    records: list[dict[str, Any]]
    releases: dict[str, list[str]]
    unplaced: list[str]
    jobs: int

    @property
    def decided(self) -> int:
        """How many records have a verdict that decides."""
        return sum("verdict" in record and record["outcome"] != "not-checked" for record in self.records)

    def reasons(self) -> list[str]:
        """A line for every reason why something was not checked, with the releases that it holds for."""
        found: dict[tuple[str, str, str], list[str]] = {}
        for record in self.records:
            if record["reason"] and record["outcome"] != "not-there":
                key = record["package"], record["optimizer"], record["reason"]
                found.setdefault(key, []).append(record["release"])
        return [f"{package} {optimizer} in {', '.join(at)}: {why}" for (package, optimizer, why), at in found.items()]


def survey(
    options: Sequence[str] | None,
    folders: Sequence[Path],
    legacy: bool,
    how: How,
    cache: Path,
    out: Path,
    workers: int,
    progress: Progress | None = None,
) -> Survey:
    """Check releases and folders.

    Args:
        options: `NAME` or `NAME==V,V…`; all packages when empty, none when None.
        folders: of research code.
        legacy: the folders run under the shim for code of an old torch.
        how: profile and seed.
        cache: folder of the installed releases.
        out: folder of the results, one file a job.
        workers: processes at a time.
        progress: called as jobs end.

    Raises:
        ValueError: an option that is no package or version.
        CannotCheck: pip does not say which releases there are; a folder without an optimizer.
    """
    jobs = [] if options is None else release_jobs(options)
    unplaced: list[str] = []
    for folder in folders:
        more, lines = folder_jobs(folder, legacy)
        jobs += more
        unplaced += lines
    releases: dict[str, list[str]] = {}
    for job in jobs:
        releases[job.package] = list(dict.fromkeys([*releases.get(job.package, []), job.release]))
    documents = run(jobs, how, cache.resolve(), out.resolve(), workers, progress)
    return Survey(list(flat(documents)), releases, unplaced, len(jobs))


def run(
    jobs: Sequence[Job], how: How, cache: Path, out: Path, workers: int, progress: Progress | None
) -> list[dict[str, Any]]:
    """The document of each job, in their order; those that `out` has already are read from there."""
    digest()  # here, once: CPython 3.11 cannot parse in several threads at a time
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(finished, job, how, cache, out) for job in jobs]
        try:
            if progress is not None:
                progress("survey", 0, len(jobs))
            for done, future in enumerate(as_completed(futures), 1):
                if progress is not None:
                    progress(f"survey: {future.result()['name']}", done, len(jobs))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return [future.result() for future in futures]


def finished(job: Job, how: How, cache: Path, out: Path) -> dict[str, Any]:
    """A job's document: kept from before, or made now."""
    file = out / f"{job.name}.json"
    kept = read(file)
    if kept is not None and kept["key"] == job.key(how):
        return kept
    try:
        folder = install(job.source, job.release, cache) if job.source else None
    except CannotCheck as error:
        return failed(job, how, "not-installable", str(error))
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [sys.executable, "-m", "adanorm_verify.survey.worker", str(file)],
            input=json.dumps(job.document(how)),
            capture_output=True,
            text=True,
            check=False,
            cwd=job.cwd or empty,
            env=surroundings(folder),
        )
    made = read(file)
    if done.returncode or made is None or made["key"] != job.key(how):
        why = last_line(done.stderr) or "no word"
        return failed(job, how, "not-checked", f"its process ended with exit code {done.returncode}: {why}")
    return made


def surroundings(folder: Path | None) -> dict[str, str]:
    """The environment of a worker: the release's folder first, this package wherever it is run from."""
    path = [str(folder) if folder else "", os.environ.get("PYTHONPATH", ""), str(ROOM.parent)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path)), "OMP_NUM_THREADS": "1"}


def read(file: Path) -> dict[str, Any] | None:
    """A kept result; None where there is none that can be read."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return kept if isinstance(kept, dict) and "key" in kept and "records" in kept else None


def failed(job: Job, how: How, outcome: str, reason: str) -> dict[str, Any]:
    """The document of a job that could not be done; it is not kept."""
    about = [{"optimizer": t["label"], "class": t["class"], "algorithm": t["algorithm"]} for t in job.targets]
    records = [{**one, "path": "", "outcome": outcome, "reason": reason} for one in about]
    return {**job.document(how), "records": records}


def flat(documents: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All records, each with its package and release."""
    for document in documents:
        for record in document["records"]:
            yield {"package": document["package"], "release": document["release"], **record}
