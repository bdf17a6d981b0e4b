"""`adanorm-verify theory`: the ledger of the paper's statements."""

from __future__ import annotations

import sys
from fnmatch import fnmatch

import click

from .options import console, progress_bar


@click.command()
@click.option("--id", "patterns", multiple=True, metavar="ID", help="Only these; with * and ?; repeatable.")
@click.option("--jobs", type=click.IntRange(1), default=None, help="Processes; all cores by default.")
@click.option("--write", is_flag=True, help="Record the certificates as they are derived now.")
def theory(patterns: tuple[str, ...], jobs: int | None, write: bool) -> None:
    """Derive every verdict on the paper's statements again, and check every certificate.

    Exit codes: 0 every verdict stands, 1 one does not, 2 nothing was run.
    """
    from ..ledger import folder
    from ..ledger.running import missing_things, run_ledger

    entries = folder.entries()
    wanted = [entry for entry in entries if not patterns or any(fnmatch(entry.id, p) for p in patterns)]
    if not wanted:
        raise ValueError(f"nothing to run: no entry is named {' or '.join(patterns)}")
    problems = []
    with progress_bar(console(), "theory") as progress:
        for claim in run_ledger(wanted, write, jobs, progress):
            said = "; ".join(claim.problems) if claim.problems else ""
            click.echo(f"{claim.entry.id:16} {claim.entry.verdict:16} {claim.seconds:6.2f} s  {said}")
            problems += [f"{claim.entry.id}: {problem}" for problem in claim.problems]
    if not patterns:
        problems += missing_things(entries)
    for problem in problems:
        click.echo(f"problem: {problem}", err=True)
    click.echo(f"theory: {len(wanted)} entries, {len(problems)} problems")
    sys.exit(1 if problems else 0)
