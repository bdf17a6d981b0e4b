"""`adanorm-verify survey`: what people really install."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from .options import PROFILE_NAMES, command_line, console, progress_bar, write

SCHEMA = 1
FILE = click.Path(dir_okay=False)
FOLDER = click.Path(file_okay=False)


@click.command(name="survey")
@click.option(
    "--releases", multiple=True, metavar="NAME[==V,V…]", help="Only these packages; all their releases by default."
)
@click.option("--also", "folders", multiple=True, type=FOLDER, help="A folder of research code.")
@click.option("--only-also", is_flag=True, help="Nothing but the folders of --also.")
@click.option("--legacy", is_flag=True, help="For the folders' code: put back what torch has dropped.")
@click.option("--profile", type=click.Choice(PROFILE_NAMES), default="quick", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Releases at a time.")
@click.option("--cache", type=FOLDER, default=".packages", show_default=True, help="Where releases are installed.")
@click.option("--out", type=FOLDER, default="out/survey", show_default=True, help="Results; a survey cut off goes on.")
@click.option("--json", "json_file", type=FILE, help="Write everything as JSON.")
@click.option("--markdown", type=FILE, help="Write the table as Markdown.")
@click.option("--readme", type=FILE, help="Put the table between the markers of a document.")
@click.option("--html", type=FILE, help="Write the table as a page.")
@click.option("--scripts", type=FOLDER, help="Write the reproduction script of each defect there.")
def survey_command(
    releases: tuple[str, ...],
    folders: tuple[str, ...],
    only_also: bool,
    legacy: bool,
    profile: str,
    seed: int,
    jobs: int,
    cache: str,
    out: str,
    json_file: str | None,
    markdown: str | None,
    readme: str | None,
    html: str | None,
    scripts: str | None,
) -> None:
    """Check released packages, each release in a folder and a process of its own.

    Exits 0 when the survey was made, whatever it found, and 2 when nothing could be checked.
    """
    from ..reports import survey_table
    from ..survey.engine import How, survey
    from ..survey.table import reproductions, table

    if (only_also or legacy) and not folders:
        raise click.UsageError(f"{'--only-also' if only_also else '--legacy'} needs --also DIR")
    document = Path(readme).read_text(encoding="utf-8") if readme else ""
    if readme:
        survey_table.inserted(document, "")  # refuses a document without markers before anything is run
    out_, how = console(), How(profile, seed)
    with progress_bar(out_, "survey") as progress:
        options = None if only_also else releases
        made = survey(options, [Path(f) for f in folders], legacy, how, Path(cache), Path(out), jobs, progress)
    found = table(made.records, made.releases)
    if out_.is_terminal:
        survey_table.show(found, out_)
    else:
        click.echo("\n".join(survey_table.lines(found)))
    for line in [*made.unplaced, *made.reasons()]:
        click.echo(f"note: {line}")
    markdown_text = survey_table.markdown(found)
    whole = {"schema": SCHEMA, "command": command_line(), **how.environment(), **asdict(found), **asdict(made)}
    if json_file:
        write(json_file, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    if markdown:
        write(markdown, markdown_text)
    if readme:
        write(readme, survey_table.inserted(document, markdown_text))
    if html:
        write(html, survey_table.page(found, command_line()))
    for name, source in reproductions(made.records, found.rows).items() if scripts else ():
        write(str(Path(scripts or "") / name), source)
    click.echo(f"survey: {made.jobs} releases and files, {made.decided} of {len(made.records)} checks decided")
    sys.exit(0 if made.decided else 2)
