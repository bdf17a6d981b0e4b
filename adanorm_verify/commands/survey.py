"""`adanorm-verify survey`: what people really install."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from .options import PROFILE_NAMES, command_line, console, progress_bar, write

SCHEMA = 1
FILE = click.Path(dir_okay=False)
FOLDER = click.Path(file_okay=False)


@click.command()
@click.option(
    "--releases", multiple=True, metavar="NAME[==V,V…]", help="Only these packages; all their releases by default."
)
@click.option("--also", "folders", multiple=True, type=FOLDER, help="A folder of research code.")
@click.option("--only-also", is_flag=True, help="Nothing but the folders of --also.")
@click.option("--legacy", is_flag=True, help="For code written for an old torch: put back what torch has dropped.")
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
def survey(
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
    from ..survey import engine, table

    if only_also and not folders:
        raise click.UsageError("--only-also needs --also DIR")
    document = Path(readme).read_text(encoding="utf-8") if readme else ""
    if readme:
        survey_table.inserted(document, "")  # refuses a document without markers before anything is run
    planned = [] if only_also else engine.release_jobs(releases)
    unplaced: list[str] = []
    for folder in folders:
        more, lines = engine.folder_jobs(Path(folder))
        planned += more
        unplaced += lines
    screen = console()
    how = engine.How(profile, seed, legacy)
    with progress_bar(screen, "survey") as progress:
        made = {d["key"]: d for d in engine.run(planned, how, Path(cache), Path(out), jobs, progress)}
    records = list(engine.flat([made[job.key(how)] for job in planned]))
    seen: dict[str, list[str]] = {}
    for job in planned:
        if job.release not in seen.setdefault(job.package, []):
            seen[job.package].append(job.release)
    rows = table.rows(records, seen)
    if screen.is_terminal:
        survey_table.show(rows, seen, screen)
    else:
        for line in survey_table.lines(rows, seen):
            click.echo(line)
    for line in [*unplaced, *reasons(records)]:
        click.echo(f"note: {line}")
    whole: dict[str, Any] = {"schema": SCHEMA, "command": command_line(), **how.environment(), "releases": seen}
    whole |= {"table": [row.to_json() for row in rows], "unplaced": unplaced, "records": records}
    if json_file:
        write(json_file, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    text = survey_table.markdown(rows, seen)
    if markdown:
        write(markdown, text)
    if readme:
        write(readme, survey_table.inserted(document, text))
    if html:
        write(html, survey_table.page(rows, seen, command_line()))
    if scripts:
        for name, source in table.reproductions(records, rows).items():
            write(str(Path(scripts) / name), source)
    checked = sum("verdict" in record and record["outcome"] != "not-checked" for record in records)
    click.echo(f"survey: {len(planned)} releases and files, {checked} of {len(records)} checks decided")
    sys.exit(0 if checked else 2)


def reasons(records: list[dict[str, Any]]) -> list[str]:
    """A line for every reason why something was not checked, with the releases that it holds for."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for record in records:
        if record["reason"] and record["outcome"] != "not-there":
            key = record["package"], record["optimizer"], record["reason"]
            found.setdefault(key, []).append(record["release"])
    return [f"{package} {optimizer} in {', '.join(at)}: {why}" for (package, optimizer, why), at in found.items()]
