"""`adanorm-verify check`: one optimizer."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import click

from .options import (
    DTYPE_NAMES,
    PROFILE_NAMES,
    command_line,
    console,
    existing_folder,
    literal,
    pairs,
    progress_bar,
    show,
    write,
)


@click.command()
@click.argument("target")
@click.option(
    "--algorithm",
    "-a",
    required=True,
    metavar="NAME",
    help="What the optimizer claims to be; see `list algorithms`.",
)
@click.option(
    "--arg",
    "arguments",
    multiple=True,
    callback=pairs("KEY=VALUE"),
    metavar="KEY=VALUE",
    help="A constructor argument.",
)
@click.option(
    "--rename",
    multiple=True,
    callback=pairs("PAPER=THEIRS"),
    metavar="PAPER=THEIRS",
    help="A hyperparameter's name there: gamma=r.",
)
@click.option(
    "--decide",
    multiple=True,
    callback=pairs("KEY=ANSWER"),
    metavar="KEY=ANSWER",
    help="Read an open question otherwise; see `list decisions`.",
)
@click.option(
    "--allow",
    multiple=True,
    callback=pairs("KEY=ANSWER"),
    metavar="KEY=ANSWER",
    help="A deviation that does not count, spelled as for --decide.",
)
@click.option("--profile", type=click.Choice(PROFILE_NAMES), default="default", show_default=True)
@click.option(
    "--dtype",
    "dtypes",
    type=click.Choice(DTYPE_NAMES),
    multiple=True,
    help="Instead of the profile's; repeatable.",
)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--legacy", is_flag=True, help="For code written for an old torch: put back what torch has dropped.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write the verdict as JSON.")
@click.option(
    "--reproduce",
    type=click.Path(dir_okay=False),
    help="Write a script that shows the difference with torch and numpy alone.",
)
def check(
    target: str,
    algorithm: str,
    arguments: dict[str, str],
    rename: dict[str, str],
    decide: dict[str, str],
    allow: dict[str, str],
    profile: str,
    dtypes: tuple[str, ...],
    device: str,
    legacy: bool,
    seed: int,
    json_file: str | None,
    reproduce: str | None,
) -> None:
    """Check one optimizer: TARGET is package.module:Class or path/to/file.py:Class."""
    from ..paper import algorithm as paper_algorithm

    paper_algorithm(algorithm, decide)  # refuses a wrong name before torch is imported
    for file in (json_file, reproduce):
        if file and not os.access(existing_folder(Path(file)), os.W_OK):
            raise OSError(f"cannot write {file!r}: no permission in its folder")
    from ..conformance import check_optimizer
    from ..legacy import shim
    from ..reports.legacy_script import carrying_shim
    from ..reports.reproduction import reproduction

    out = console()
    given = {key: literal(value) for key, value in arguments.items()}
    with progress_bar(out, target) as progress:
        verdict = check_optimizer(
            target,
            algorithm,
            arguments=given,
            rename=rename,
            decisions=decide,
            allow=[f"{key}={value}" for key, value in allow.items()],
            profile=profile,
            dtypes=dtypes or None,
            device=device,
            seed=seed,
            legacy=legacy,
            progress=progress,
        )
    verdict = replace(verdict, environment={**verdict.environment, "command": command_line()})
    if json_file:
        write(json_file, verdict.to_json())
    show(verdict, out)
    if reproduce and verdict.first_divergence is not None:
        with shim() if legacy else nullcontext():
            script = reproduction(verdict, target, given, rename, device, Path(reproduce).name)
        write(reproduce, carrying_shim(script) if legacy else script)
        click.echo(f"reproduction: python {shlex.quote(reproduce)}")
    elif reproduce:
        click.echo("nothing to reproduce: no difference was found")
    sys.exit(verdict.exit_code)
