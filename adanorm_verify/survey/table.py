"""From records to rows: the verdict and the deviations of a target on a path, by intervals of releases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..calling import translated_note
from ..paper import ALGORITHMS

Kind = Literal["convention", "defect", "check", "unexplained"]
"""As `FoundDeviation` has them; a check of the contract that failed; a difference that no known deviation explains."""
ABSENT = "not there"
CONVENTIONS_ONLY = "conventions only"
SHOWN = {
    "conforms": "conforms",
    "conforms-with-deviations": CONVENTIONS_ONLY,
    "differs": "differs",
    "not-checked": "not checked",
    "not-there": ABSENT,
    "not-importable": "not importable",
    "not-installable": "not installable",
}
"""Outcome of a record to its word in the table."""


@dataclass(frozen=True)
class Interval:
    """Consecutive releases, both ends included.

    Args:
        first: the oldest.
        last: the newest.
        newest: the last is also the newest that was looked at.
        only: there is but one release.
    """

    first: str
    last: str
    newest: bool = False
    only: bool = False

    def __str__(self) -> str:
        return self.first if self.first == self.last else f"{self.first} – {self.last}"


@dataclass(frozen=True)
class Span:
    """What holds in an interval of releases.

    Args:
        name: a verdict, or a deviation's name.
        interval: of releases.
        kind: of a deviation.
        meaning: a sentence.
        scripts: names of the reproduction scripts, of the last release in the interval.
    """

    name: str
    interval: Interval
    kind: Kind | None = None
    meaning: str = ""
    scripts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One target on one path.

    Args:
        package: name.
        optimizer: class and the arguments that select it.
        algorithm: what it claims to be, as the paper spells it.
        path: execution path.
        verdicts: one after the other, oldest first.
        deviations: those of any release, by their first release.
    """

    package: str
    optimizer: str
    algorithm: str
    path: str
    verdicts: tuple[Span, ...]
    deviations: tuple[Span, ...]


@dataclass(frozen=True)
class Table:
    """All rows, and what is said of a package as a whole.

    Args:
        rows: in the order of the records.
        releases: of each package, oldest first.
        remarks: of a package: what the legacy shim translated.
    """

    rows: tuple[Row, ...]
    releases: Mapping[str, Sequence[str]]
    remarks: Mapping[str, str]

    @property
    def packages(self) -> dict[str, list[Row]]:
        return {name: [row for row in self.rows if row.package == name] for name in self.releases}

    def heading(self, package: str) -> str:
        """The package and the releases that were looked at."""
        releases = self.releases[package]
        if len(releases) == 1:
            return f"{package} {releases[0]}".strip()
        return f"{package} {releases[0]} – {releases[-1]} ({len(releases)} releases)"


@dataclass(frozen=True)
class Deviation:
    """A name, what sort, and a sentence."""

    name: str
    kind: Kind
    meaning: str = ""


def deviations(record: Mapping[str, Any]) -> list[Deviation]:
    """What a record's verdict says that the optimizer does instead."""
    verdict = record.get("verdict")
    if verdict is None:
        return []
    explained = [Deviation(d["name"], d["kind"], d["meaning"]) for d in verdict["explained_by"]]
    failed = {c["name"]: c["message"] for c in reversed(verdict["checks"]) if c["outcome"] == "failed"}
    first = verdict["first_divergence"]
    unexplained = (
        [Deviation(f"unexplained at {first['quantity']}", "unexplained", f"first difference in {first['equation']}")]
        if first is not None and not explained
        else []
    )
    return [*explained, *unexplained, *(Deviation(name, "check", message) for name, message in failed.items())]


def word(record: Mapping[str, Any]) -> str:
    """The verdict's word; a difference made of conventions alone has one of its own."""
    kinds = {deviation.kind for deviation in deviations(record)}
    if record["outcome"] == "differs" and kinds == {"convention"}:
        return CONVENTIONS_ONLY
    return SHOWN[record["outcome"]]


def intervals(releases: Sequence[str], which: Iterable[str]) -> list[Interval]:
    """Runs of consecutive releases among `releases` (oldest first) that are in `which`."""
    chosen, found, run = set(which), [], []
    for release in [*releases, None]:
        if release in chosen:
            run.append(release)
        elif run:
            found.append(Interval(run[0], run[-1], run[-1] == releases[-1], len(releases) == 1))
            run = []
    return found


def table(records: Sequence[Mapping[str, Any]], releases: Mapping[str, Sequence[str]]) -> Table:
    """The table of some records.

    Args:
        records: with package, release, optimizer, algorithm, path and outcome.
        releases: of each package, oldest first.
    """
    keys = dict.fromkeys(about(record) for record in records)
    rows = [row for key in keys for row in rows_of([r for r in records if about(r) == key], releases[key[0]])]
    return Table(tuple(rows), releases, remarks(records))


def remarks(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What the legacy shim did for each package that ran under it."""
    counts: dict[str, Counter[str]] = {}
    for record in records:
        translated = record.get("verdict", {}).get("legacy")
        if translated is not None:
            counts.setdefault(record["package"], Counter()).update(translated)
    return {package: translated_note(used) for package, used in counts.items()}


def about(record: Mapping[str, Any]) -> tuple[str, str, str]:
    return record["package"], record["optimizer"], record["algorithm"]


def rows_of(records: Sequence[Mapping[str, Any]], releases: Sequence[str]) -> list[Row]:
    """One row a path; a release without a choice of paths has what others call the single-tensor one."""
    chosen = {path(r) for r in records} - {""}
    return [row(where, records, releases) for where in sorted(chosen, reverse=True) or [""]]


def path(record: Mapping[str, Any]) -> str:
    return "single-tensor" if record["path"] == "default" else record["path"]


def row(where: str, records: Sequence[Mapping[str, Any]], releases: Sequence[str]) -> Row:
    """The row of one path: what has no path at all, such as a release that cannot be imported, is on every one."""
    here = {r["release"]: r for r in records if path(r) in (where, "")}
    said = {release: word(here[release]) if release in here else ABSENT for release in releases}
    verdicts = [
        Span(name, interval)
        for name in dict.fromkeys(said.values())
        for interval in intervals(releases, [release for release in releases if said[release] == name])
    ]
    found: dict[str, list[tuple[str, Deviation]]] = {}
    for release in releases:
        for deviation in deviations(here[release]) if release in here else []:
            found.setdefault(deviation.name, []).append((release, deviation))
    spans = [
        Span(name, interval, pairs[-1][1].kind, pairs[-1][1].meaning, scripts(here[interval.last]))
        for name, pairs in found.items()
        for interval in intervals(releases, [release for release, _ in pairs])
    ]
    package, optimizer, algorithm = about(records[0])
    order = {release: number for number, release in enumerate(releases)}
    return Row(
        package,
        optimizer,
        ALGORITHMS[algorithm].title,
        where,
        tuple(sorted(verdicts, key=lambda span: order[span.interval.first])),
        tuple(sorted(spans, key=lambda span: order[span.interval.first])),
    )


def scripts(record: Mapping[str, Any]) -> tuple[str, ...]:
    written = record.get("script")
    return (written["name"],) if written else ()


def reproductions(records: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> dict[str, str]:
    """Name to text of the scripts of all defects, each in the last release that has it; conventions need none."""
    wanted = {name for row in rows for span in row.deviations if span.kind != "convention" for name in span.scripts}
    return {
        r["script"]["name"]: r["script"]["text"] for r in records if r.get("script") and r["script"]["name"] in wanted
    }
