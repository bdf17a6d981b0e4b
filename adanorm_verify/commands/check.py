"""`adanorm-verify check`: one optimizer."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import click

from .options import (
    DECAY_NAMES,
    DTYPE_NAMES,
    PROFILE_NAMES,
    arguments_option,
    command_line,
    console,
    literal,
    pairs,
    process_options,
    progress_bar,
    refuse_unwritable,
    rename_option,
    report_options,
    show,
    write,
    write_reports,
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
@arguments_option
@rename_option
@click.option(
    "--decide",
    multiple=True,
    callback=pairs("KEY=ANSWER"),
    metavar="KEY=ANSWER",
    help="Read an open question otherwise; see `list decisions`.",
)
@click.option(
    "--allow", multiple=True, metavar="DEVIATION", help="A deviation that does not count; see `list deviations`."
)
@click.option(
    "--expect",
    multiple=True,
    callback=pairs("CHECK=REASON"),
    metavar="CHECK=REASON",
    help="A check that is known to fail, and why; see `list checks`.",
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
@click.option(
    "--sharded",
    type=int,
    default=0,
    metavar="N",
    help="Spread every parameter's rows over N processes: does it keep its meaning?",
)
@click.option(
    "--decay",
    type=click.Choice(DECAY_NAMES),
    help="The weight decay that it claims, where its signature and docstring do not say.",
)
@click.option("--legacy", is_flag=True, help="For code written for an old torch: put back what torch has dropped.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write the verdict as JSON.")
@process_options
@report_options
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
    allow: tuple[str, ...],
    expect: dict[str, str],
    profile: str,
    dtypes: tuple[str, ...],
    device: str,
    sharded: int,
    decay: str | None,
    legacy: bool,
    seed: int,
    timeout: float,
    memory: float,
    in_process: bool,
    json_file: str | None,
    html: str | None,
    junit: str | None,
    sarif: str | None,
    reproduce: str | None,
) -> None:
    """Check one optimizer: TARGET is package.module:Class or path/to/file.py:Class.

    This imports and runs TARGET's code, in a process of its own with a temporary working folder. The process is ended
    when it hangs or takes too much memory, and with it all that it started. Against code that means harm that is no
    protection.
    """
    if not in_process and device == "cpu":
        from ..hosting.ways import warm

        warm()  # torch is imported there while the rest is imported here
    from ..paper import algorithm as paper_algorithm

    paper_algorithm(algorithm, decide)  # refuses a wrong name
    if sharded and reproduce:
        raise ValueError(f"--reproduce writes a script of one process, --sharded {sharded} is of several; see `replay`")
    files = {"--json": json_file, "--html": html, "--junit": junit, "--sarif": sarif, "--reproduce": reproduce}
    refuse_unwritable(files)
    from ..conformance import check_optimizer
    from ..verdict import Verdict

    out = console()
    given = {key: literal(value) for key, value in arguments.items()}
    with progress_bar(out, target) as progress:
        verdict = check_optimizer(
            target,
            algorithm,
            arguments=given,
            rename=rename,
            decisions=decide,
            allow=allow,
            expect=expect,
            profile=profile,
            dtypes=dtypes or None,
            device=device,
            seed=seed,
            legacy=legacy,
            sharded=sharded,
            timeout=timeout,
            memory=memory,
            in_process=in_process,
            decay=decay or "",
            progress=progress,
        )
    verdict = replace(verdict, environment={**verdict.environment, "command": command_line()})
    if json_file:
        write(json_file, verdict.to_json())
    if html or junit or sarif:  # of the document, so that `report` renders the same again
        write_reports(Verdict.from_json(verdict.to_json()), html, junit, sarif)
    show(verdict, out)
    if reproduce and verdict.first_divergence is not None:
        from ..reports.reproduction import reproduction

        script = reproduction(verdict, target, given, rename, device, Path(reproduce).name)
        write(reproduce, with_shim(script) if legacy else script)
        click.echo(f"reproduction: python {shlex.quote(reproduce)}")
    elif reproduce:
        click.echo("nothing to reproduce: no difference was found")
    sys.exit(verdict.exit_code)


def with_shim(script: str) -> str:
    """A reproduction script that carries the shim for old code."""
    from ..reports.legacy_script import carrying_shim  # of torch

    return carrying_shim(script)
