"""`adanorm-verify replay`: recorded counterexamples again."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from .options import command_line, process_options, refuse_unwritable, verdict_of, write


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.argument("target", required=False)
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write what became of them as JSON.")
@click.option("--trust", is_flag=True, help="Import what FILE names, also where it is not in this folder.")
@process_options
def replay(
    file: str,
    target: str | None,
    json_file: str | None,
    trust: bool,
    timeout: float,
    memory: float,
    in_process: bool,
) -> None:
    """Run the counterexamples of FILE, written by `check --json`, again: exactly, and without a search.

    This imports and runs TARGET, or what FILE names: if that is not below this folder, with --trust alone.

    Exit codes: 0 all are fixed, 1 one is still there, 2 one could not be run, or there is none.
    """
    refuse_unwritable({"--json": json_file}, reads=file)
    verdict = verdict_of(file)
    if verdict.first_divergence is None:
        raise ValueError(f"nothing to replay: the verdict on {verdict.target} has no counterexample")
    if target is None:
        refuse_strange(verdict.target, trust, file)
        click.echo(f"importing {verdict.target}, which {file} names", err=True)
    verdict = replace(verdict, target=target or verdict.target)
    from ..hosting.source import Limits
    from ..replaying import document, exit_code
    from ..replaying import replay as replay_all

    replays = replay_all(verdict, Limits(timeout, memory), in_process)
    for one in replays:
        for line in one.lines():
            click.echo(line)
    if verdict.failed_checks:
        click.echo(f"not replayed, only `check` runs them: {', '.join(verdict.failed_checks)}")
    if json_file:
        write(json_file, document(verdict, replays, command_line()))
    sys.exit(exit_code(replays))


def refuse_strange(target: str, trust: bool, file: str) -> None:
    """Raise ValueError for a target that somebody else's document names and that is not in this folder.

    Args:
        target: `package.module:Class` or `path/to/file.py:Class`.
        trust: the caller wants it imported wherever it is.
        file: the document.
    """
    place = target.rpartition(":")[0]
    here = Path.cwd().resolve()
    files = [Path(place)] if place.endswith(".py") else module_files(place)
    if trust or any(candidate.resolve().is_relative_to(here) and candidate.exists() for candidate in files):
        return
    raise ValueError(
        f"{file} names {target!r}, which is not below this folder; with --trust, or given as TARGET, it is run"
    )


def module_files(place: str) -> list[Path]:
    """Where a module would lie below this folder; nothing is imported."""
    path = Path(*place.split("."))
    return [path.with_suffix(".py"), path / "__init__.py"]
