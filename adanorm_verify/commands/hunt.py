"""`adanorm-verify hunt`: loss sequences on which an optimizer fails and a control does not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from .options import command_line, console, refuse_unwritable, write


@click.command()
@click.option(
    "--optimizer", required=True, metavar="NAME", help="Which algorithm; as `adanorm-verify list` names them."
)
@click.option(
    "--class",
    "which",
    default="all",
    show_default=True,
    metavar="CLASS",
    help="periodic-linear, two-point, or all: the second where the first finds nothing.",
)
@click.option("--control", default="sgd", show_default=True, metavar="NAME", help="Which one must learn.")
@click.option("--budget", type=float, default=60, show_default=True, metavar="SECONDS", help="Of the search.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=None, help="Threads; all cores by default.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False), metavar="FILE", help="Write the finding as JSON.")
@click.option(
    "--certificate",
    "certificate_file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the certificate; by default beside --json, as FILE.certificate.json.",
)
def hunt(
    optimizer: str,
    which: str,
    control: str,
    budget: float,
    seed: int,
    jobs: int | None,
    json_file: str | None,
    certificate_file: str | None,
) -> None:
    """Look for losses on which an optimizer's average regret does not vanish, while the control's does.

    Linear losses on [-1, 1], steps alpha/sqrt(t) (alpha for AdaGrad): first every short sequence of small integers that
    comes again and again, the simplest first, then other hyperparameters, long sequences and random ones, then
    distributions. What is found is proved in exact arithmetic (`python theory/checker.py FILE` checks it) and confirmed
    by play at a horizon and at ten times it; that takes some seconds on top of the budget.

    Exit codes: 0 whether or not something was found, 2 it could not run.
    """
    from ..regret import hunting

    if which not in hunting.CLASSES:
        raise ValueError(f"--class must be one of {', '.join(hunting.CLASSES)}, got {which!r}")
    if not 0 < budget < float("inf"):
        raise ValueError(f"--budget must be a positive number of seconds, got {budget!r}")
    hunted, held = hunting.natural(optimizer), hunting.natural(control)
    hunting.refuse("--optimizer", hunted)
    hunting.refuse("--control", held)
    if json_file and not certificate_file:
        certificate_file = str(Path(json_file).with_suffix(".certificate.json"))
    refuse_unwritable({"--json": json_file, "--certificate": certificate_file})
    with progress(seed) as told:
        limits = hunting.Budget(seconds=budget, progress=told)
        found = hunting.hunt(hunted, held, which, limits, seed, jobs or os.cpu_count() or 1)
    files = write_files(found, json_file, certificate_file)
    for line in hunting_lines(found, files):
        click.echo(line)


@contextmanager
def progress(seed: int) -> Iterator[Any]:
    """What is looked at, how fast, and the time left, on a terminal."""
    out = console()
    if not out.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("hunt", total=1.0, rate="")

        def told(stage: str, judged: int, used: float) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = f"{judged} examined, {judged / elapsed:.0f}/s" if elapsed > 0 else ""
            bar.update(task, description=stage, completed=min(used, 1.0), rate=rate)

        yield told


def write_files(found: dict[str, Any], json_file: str | None, certificate_file: str | None) -> list[str | None]:
    """The certificates into files of their own, whose names stand in the JSON; the files' names, simplest first."""
    from ..regret.cells import versions
    from ..regret.certifying import renamed

    files: list[str | None] = []
    for number, one in enumerate([found, *found["others"]] if found["found"] else [], 1):
        file = numbered(certificate_file, number) if certificate_file else None
        if file:
            contents = renamed(one["certificate"], Path(file).stem)
            write(file, json.dumps(contents, indent=1, ensure_ascii=False) + "\n")
            one["certificate"] = file
        files.append(file)
    if json_file:
        document = {**found, "versions": versions(), "command": command_line()}
        write(json_file, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return files


def numbered(file: str, number: int) -> str:
    """The file of the second certificate is x.2.json where the first is x.json."""
    path = Path(file)
    return file if number == 1 else str(path.with_name(f"{path.stem}.{number}{path.suffix}"))


def hunting_lines(found: Mapping[str, Any], files: list[str | None]) -> list[str]:
    """The finding for people."""
    from ..regret.hunting import HYPERPARAMETER_NAMES, title

    optimizer, control = title(found["optimizer"]), title(found["control"])
    lines = []
    for one, file in zip([found, *found["others"]], files, strict=False):
        lines += ["Also, at the given hyperparameters:"] if one is not found else []
        lines += trophy_lines(one, optimizer, control, HYPERPARAMETER_NAMES)
        lines.append(f"  certificate {file}" if file else "  certificate not written (--certificate FILE)")
    if not found["found"]:
        lines.append(f"Nothing found: {optimizer} failed on no losses on which {control} learns.")
    examined = ", ".join(f"{count} {stage}" for stage, count in found["examined"].items())
    lines.append(f"Examined: {examined}.")
    if found["refused"]:
        lines.append(f"Candidates that were not proved or not confirmed: {len(found['refused'])}.")
    return lines


def trophy_lines(one: Mapping[str, Any], optimizer: str, control: str, names: tuple[str, ...]) -> list[str]:
    from ..regret.sequences import shown

    sequence, played, T = one["sequence"], one["played"], one["horizon"]
    met = f"gradients {shown(sequence)}{'' if isinstance(sequence, Mapping) else ' in turn'}"
    numbers = ", ".join(f"{name} {one['hyperparameters'][name]:g}" for name in names if name in one["hyperparameters"])
    ends = "it tends to that, proved" if one["certificate_verdict"] == "proved" else "measured, not proved"
    return [
        f"{optimizer} fails on {met} ({numbers}); {control} learns.",
        f"  average regret from the middle of [-1, 1], after {T // 10} and after {T} rounds:",
        f"    {optimizer} {played['middle']['early']:.6g}, then {played['middle']['late']:.6g}",
        f"    {control} {played['control_middle']['early']:.6g}, then {played['control_middle']['late']:.6g}",
        f"  at the wrong end it is {one['limit']:.6g}: {ends}",
    ]
