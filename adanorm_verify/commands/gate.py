"""`adanorm-verify gate`: every shipped optimizer."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import PROFILE_NAMES, command_line, console, progress_bar, show, write

if TYPE_CHECKING:
    from ..verdict import Verdict


@click.command()
@click.option("--profile", type=click.Choice(PROFILE_NAMES), default="default", show_default=True)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda", "all"]),
    default="all",
    show_default=True,
    help="All: every device present.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="How many seeds, from --seed on.")
@click.option("--jobs", type=click.IntRange(1), default=None, help="Processes; all cores by default.")
@click.option("--out", "folder", type=click.Path(file_okay=False), help="Write each verdict there as JSON.")
def gate(profile: str, device: str, seed: int, seeds: int, jobs: int | None, folder: str | None) -> None:
    """Check every shipped optimizer on every path, dtype and device present.

    The contract's checks draw nothing from a seed, and run under the first.
    """
    from ..gate import run_gate

    out = console()
    outcomes, cases = [], 0
    with progress_bar(out, "gate") as progress:
        for verdict in run_gate(profile, device, range(seed, seed + seeds), jobs, progress):
            verdict = replace(verdict, environment={**verdict.environment, "command": command_line()})
            if verdict.conforms:
                click.echo(gate_line(verdict))
            else:
                show(verdict, out)
            if folder:
                write(str(Path(folder) / file_name(verdict)), verdict.to_json())
            outcomes.append(verdict.exit_code)
            cases += sum(run.cases for run in verdict.runs)
    click.echo(f"gate: {outcomes.count(0)} of {len(outcomes)} checks conform, {cases} cases")
    sys.exit(max(outcomes, default=2))


def file_name(verdict: Verdict) -> str:
    """Such as `adamnorm-decaying-cpu-seed0.json`."""
    kind, number = verdict.environment["device_kind"], verdict.environment["seed"]
    return "-".join([verdict.algorithm, *verdict.decisions.values(), kind, f"seed{number}"]) + ".json"


def gate_line(verdict: Verdict) -> str:
    from ..summary import headline

    paths = ", ".join(dict.fromkeys(run.path for run in verdict.runs if run.cases))
    dtypes = ", ".join(dict.fromkeys(run.dtype for run in verdict.runs if run.cases))
    worst = max(record.ratio for record in verdict.records if record.quantity == "theta")
    cases = sum(run.cases for run in verdict.runs)
    ran = f"{paths}; {dtypes}; {cases} cases"
    return f"{headline(verdict)}: {ran}, error/bound at most {worst:.3g}"
