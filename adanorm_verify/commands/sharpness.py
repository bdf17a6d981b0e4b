"""`adanorm-verify sharpness`: the shelf of wrong and of faithful optimizers."""

from __future__ import annotations

import json
import sys
from fnmatch import fnmatch
from pathlib import Path

import click

from .options import DTYPE_NAMES, PROFILE_NAMES, command_line, console, progress_bar, write


@click.command()
@click.option("--profile", type=click.Choice(PROFILE_NAMES), default="default", show_default=True)
@click.option(
    "--dtype",
    "dtypes",
    type=click.Choice(DTYPE_NAMES[:2]),
    multiple=True,
    default=DTYPE_NAMES[:2],
    show_default=True,
    help="Repeatable.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="How many seeds, from --seed on.")
@click.option("--only", multiple=True, metavar="PATTERN", help="Names, with * and ?; repeatable.")
@click.option("--jobs", type=click.IntRange(1), default=None, help="Processes; all cores by default.")
@click.option("--out", type=click.Path(dir_okay=False), help="Add each result to this file; go on from what it holds.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write the table as JSON.")
@click.option("--markdown", "markdown_file", type=click.Path(dir_okay=False), help="Write the table as Markdown.")
def sharpness(
    profile: str,
    dtypes: tuple[str, ...],
    seed: int,
    seeds: int,
    only: tuple[str, ...],
    jobs: int | None,
    out: str | None,
    json_file: str | None,
    markdown_file: str | None,
) -> None:
    """Check a shelf of wrong optimizers, each of which must be caught, and of faithful ones, which must pass.

    Exit codes: 0 all were told apart, 1 a wrong one survived or a faithful one was refused, 2 nothing was run.
    """
    from ..reports import sharpness as report
    from ..sharpness import Row, Trial, row, run_sharpness, seeds_of, settings, shelf

    dtypes = tuple(dict.fromkeys(dtypes))
    specimens = [one for one in shelf() if not only or any(fnmatch(one.name, pattern) for pattern in only)]
    if not specimens:
        raise ValueError(f"nothing to run: no optimizer of the shelf is named {' or '.join(only)}")
    trials: dict[str, list[Trial]] = {one.target: [] for one in specimens}
    rows: dict[str, Row] = {}
    by_target = {one.target: one for one in specimens}
    numbers = range(seed, seed + seeds)
    with progress_bar(console(), "sharpness") as progress:
        for one in run_sharpness(specimens, numbers, profile, dtypes, jobs, Path(out) if out else None, progress):
            trials[one.target].append(one)
            if len(trials[one.target]) == len(seeds_of(by_target[one.target], numbers)):
                rows[one.target] = row(by_target[one.target], sorted(trials[one.target], key=lambda x: x.seed), dtypes)
                click.echo(report.line(rows[one.target]))
    table = [rows[one.target] for one in specimens]
    under = settings(profile, dtypes)
    for text in (*report.matrix(table), *report.summary(table, under)):
        click.echo(text)
    if json_file:
        write(json_file, json.dumps(report.document(table, under, command_line()), indent=2, ensure_ascii=False) + "\n")
    if markdown_file:
        write(markdown_file, report.markdown(table, under))
    sys.exit(1 if any(one.faults for one in table) else 0)
