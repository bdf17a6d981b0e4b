"""`adanorm-verify report`: a recorded verdict in other forms."""

from __future__ import annotations

import click

from .options import console, refuse_unwritable, report_options, show, verdict_of, write_reports


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@report_options
def report(file: str, html: str | None, junit: str | None, sarif: str | None) -> None:
    """Render FILE, written by `check --json`: on the terminal, or as the reports that are asked for.

    Nothing is checked again. Exit codes: 0 rendered, whatever the verdict; 2 could not be read.
    """
    refuse_unwritable({"--html": html, "--junit": junit, "--sarif": sarif}, reads=file)
    verdict = verdict_of(file)
    if not (html or junit or sarif):
        show(verdict, console())
    write_reports(verdict, html, junit, sarif)
