"""`adanorm-verify replay`: recorded counterexamples again."""

from __future__ import annotations

import sys

import click

from .options import command_line, refuse_unwritable, verdict_of, write


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write what became of them as JSON.")
def replay(file: str, json_file: str | None) -> None:
    """Run the counterexamples of FILE, written by `check --json`, again: exactly, and without a search.

    Exit codes: 0 all are fixed, 1 one is still there, 2 one could not be run, or there is none.
    """
    refuse_unwritable({"--json": json_file}, reads=file)
    verdict = verdict_of(file)
    from ..replaying import document, exit_code
    from ..replaying import replay as replay_all

    replays = replay_all(verdict)
    for one in replays:
        for line in one.lines():
            click.echo(line)
    if verdict.failed_checks:
        click.echo(f"not replayed, only `check` runs them: {', '.join(verdict.failed_checks)}")
    if json_file:
        write(json_file, document(verdict, replays, command_line()))
    sys.exit(exit_code(replays))
