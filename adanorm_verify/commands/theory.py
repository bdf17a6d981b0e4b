"""`adanorm-verify theory`: the ledger of the paper's statements."""

from __future__ import annotations

import json
import sys
from fnmatch import fnmatch

import click

from .options import command_line, console, progress_bar, refuse_unwritable, write


@click.command()
@click.option("--id", "patterns", multiple=True, metavar="ID", help="Only these; with * and ?; repeatable.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False), metavar="FILE", help="Write the ledger as JSON.")
@click.option("--html", "html_file", type=click.Path(dir_okay=False), metavar="FILE", help="Write it as a page.")
@click.option("--graph", "graph_file", type=click.Path(dir_okay=False), metavar="FILE.svg", help="Draw what uses what.")
@click.option("--jobs", type=click.IntRange(1), default=None, help="Processes; all cores by default.")
@click.option("--record", is_flag=True, help="Write the certificates as they are derived now.")
def theory(
    patterns: tuple[str, ...],
    json_file: str | None,
    html_file: str | None,
    graph_file: str | None,
    jobs: int | None,
    record: bool,
) -> None:
    """Derive every verdict on the paper's statements again, and check every certificate.

    Exit codes: 0 every verdict stands, 1 one does not, 2 nothing was run.
    """
    from ..ledger import folder
    from ..ledger.running import missing_things, run_ledger
    from ..reports import ledger as report

    refuse_unwritable({"--json": json_file, "--html": html_file, "--graph": graph_file})
    entries = folder.entries()
    wanted = [entry for entry in entries if not patterns or any(fnmatch(entry.id, p) for p in patterns)]
    if not wanted:
        raise ValueError(f"nothing to run: no entry is named {' or '.join(patterns)}; ids are like lem1.12.a or thm2*")
    with progress_bar(console(), "theory") as progress:
        ended = {claim.entry.id: claim for claim in run_ledger(wanted, record, jobs, progress)}
    claims = [ended[entry.id] for entry in wanted]
    problems = [f"{claim.entry.id}: {problem}" for claim in claims for problem in claim.problems]
    if not patterns:  # a part of the ledger cannot tell what the whole of it lacks
        problems += missing_things(entries)
    for line in report.lines(claims) if len(claims) > 1 else report.whole(claims[0]):
        click.echo(line)
    for problem in problems:
        click.echo(f"problem: {problem}", err=True)
    for line in report.summary(claims, len(problems)):
        click.echo(line)
    if json_file:
        text = json.dumps(report.document(claims, problems, command_line()), indent=2, ensure_ascii=False)
        write(json_file, text + "\n")
    if html_file:
        from ..reports.ledger_page import page

        write(html_file, page(claims, problems, command_line()))
    if graph_file:
        from ..reports.ledger_graph import graph

        write(graph_file, graph([claim.entry for claim in claims]))
    sys.exit(1 if problems else 0)
