"""`adanorm-verify regret`: the regret laboratory."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import command_line, console, progress_bar, write

if TYPE_CHECKING:
    from ..regret.cells import Cell
    from ..regret.executing import Failure


@click.group()
def regret() -> None:
    """Measure how regret grows: sweeps over problems and optimizers, with a report."""


@regret.command()
@click.option("--preset", metavar="NAME", help="One of `regret presets`; quick where there is no --config.")
@click.option("--config", "config", type=click.Path(dir_okay=False, exists=True), metavar="FILE.toml")
@click.option("--out", "folder", type=click.Path(file_okay=False), required=True, metavar="DIR", help="Of the results.")
@click.option("--jobs", type=click.IntRange(1), default=None, help="Processes; all cores by default.")
@click.option("--dask", "address", metavar="tcp://HOST:8786", help="Run on this Dask scheduler instead.")
def run(preset: str | None, config: str | None, folder: str, jobs: int | None, address: str | None) -> None:
    """Run a sweep, or what a folder lacks of it, and render its report.

    Exit codes: 0 all was measured and the calibration passes, 1 it does not pass, 2 something was not measured.
    """
    from ..regret import configuration, executing

    if preset is not None and config is not None:
        raise click.UsageError("--preset and --config exclude each other")
    if address is not None and jobs is not None:
        raise click.UsageError("--jobs is for local processes; a Dask cluster has its own number of workers")
    text, cells = configuration.read(preset, Path(config) if config else None)
    out = Path(folder)
    write(str(out / CONFIG), text)
    executors = executing.local(jobs) if address is None else executing.dask(address)
    done = sum((out / CELLS / cell.name).is_file() for cell in cells)
    click.echo(f"{len(cells)} cells, {done} of them finished before" if done else f"{len(cells)} cells")
    with progress_bar(console(), "regret") as progress:
        failures = executing.run(cells, out / CELLS, executors, progress)
    sys.exit(conclude(out, cells, failures))


@regret.command()
@click.argument("folder", type=click.Path(file_okay=False, exists=True), metavar="DIR")
def report(folder: str) -> None:
    """Render the report of a folder again, from the cells that it holds, whatever version measured them."""
    from ..regret import configuration

    out = Path(folder)
    if not (out / CONFIG).is_file():
        raise ValueError(f"{folder}: no results of `regret run`: it has no {CONFIG}")
    cells = configuration.cells((out / CONFIG).read_text(encoding="utf-8"), str(out / CONFIG))
    sys.exit(conclude(out, cells, [], of_any_sources=True))


@regret.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True), metavar="CELL.json")
def again(file: str) -> None:
    """Measure one cell of a sweep again and compare it with its file, byte by byte."""
    from ..regret.cells import measured, of_file

    cell, text = of_file(Path(file))
    cell.check()
    found = measured(cell)
    if found == text:
        click.echo(f"{file}: the same bytes again")
        return
    was, now = json.loads(text), json.loads(found)
    differ = [key for key in ("record", "versions", "sources") if was.get(key) != now[key]]
    click.echo(f"{file}: not the same again; what differs: {', '.join(differ) or 'the form of the file'}")
    sys.exit(1)


@regret.command()
@click.option("--rounds", type=click.IntRange(3), default=5, show_default=True, help="Interleaved rounds.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False), metavar="FILE", help="Write the timings as JSON.")
def bench(rounds: int, json_file: str | None) -> None:
    """How fast runs are: beside a loop written by hand, many at once beside one at a time, and long ones."""
    from ..regret import benchmark

    with progress_bar(console(), "bench") as progress:
        told = None if progress is None else lambda done, total: progress("bench", done, total)
        results = benchmark.measure(rounds, told)
    for line in benchmark.lines(results):
        click.echo(line)
    if json_file:
        write(json_file, benchmark.document(results, command_line()))


@regret.command(name="presets")
@click.argument("name", required=False)
def presets(name: str | None) -> None:
    """The presets; with a NAME, its text, to start a configuration from."""
    from ..regret import configuration

    click.echo(configuration.preset(name).rstrip() if name else "\n".join(configuration.presets()))


CONFIG = "config.toml"
CELLS = "cells"


def conclude(out: Path, cells: list[Cell], failures: list[Failure], of_any_sources: bool = False) -> int:
    """Write summary, figures and page, say what matters, and return the exit code."""
    from ..regret.cells import documents
    from ..regret.summary import summary
    from ..reports import regret as rendering

    for failure in failures:
        click.echo(f"not measured: {failure.cell.kind} {named(failure.cell)}: {failure.why}", err=True)
    found = documents(cells, out / CELLS, of_any_sources)
    if not found:
        raise ValueError(f"{out}: nothing was measured")
    whole = summary(found, len(cells) - len(found))
    write(str(out / "summary.json"), json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    rendering.write_report(out, whole)
    for line in rendering.lines(whole):
        click.echo(line)
    click.echo(f"report: {out / 'report.html'}")
    if whole["missing"]:
        click.echo(f"{whole['missing']} of {len(cells)} cells are not measured", err=True)
        return 2
    return 1 if whole["calibrated"] is False else 0


def named(cell: Cell) -> str:
    """A cell in a few words."""
    words: list[Any] = [cell.settings.get(key) for key in ("name", "problem", "scenario", "optimizer", "rate", "batch")]
    shown = [word.get("name", word) if isinstance(word, dict) else word for word in words if word is not None]
    return " ".join(map(str, shown))
