"""`adanorm-verify identify`: which algorithm an optimizer is."""

from __future__ import annotations

import json
import sys

import click

from .options import (
    arguments_option,
    command_line,
    console,
    literal,
    process_options,
    progress_bar,
    rename_option,
    write,
)


@click.command()
@click.argument("target")
@arguments_option
@rename_option
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@process_options
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write the ranking as JSON.")
def identify(
    target: str,
    arguments: dict[str, str],
    rename: dict[str, str],
    device: str,
    timeout: float,
    memory: float,
    in_process: bool,
    json_file: str | None,
) -> None:
    """Say which algorithm TARGET is, up to which deviations, fewest first. This runs TARGET's code, as `check` does.

    Exit codes: 0 it is one, 1 it is none up to known deviations, 2 it could not be run.
    """
    from dataclasses import asdict

    from ..identity import LARGEST_SET
    from ..identity import identify as ranked

    out = console()
    given = {key: literal(value) for key, value in arguments.items()}
    with progress_bar(out, target) as progress:
        found = ranked(
            target,
            arguments=given,
            rename=rename,
            device=device,
            timeout=timeout,
            memory=memory,
            in_process=in_process,
            progress=progress,
        )
    for number, one in enumerate(found, 1):
        click.echo(f"{number}. {one.sentence}")
        for deviation in one.deviations:
            click.echo(f"   {deviation.name} ({deviation.kind}): {deviation.meaning}")
    if not found:
        click.echo(f"{target} is none of the algorithms up to {LARGEST_SET} known deviations")
    if json_file:
        document = {"target": target, "command": command_line(), "identities": [asdict(one) for one in found]}
        write(json_file, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    sys.exit(0 if found else 1)
