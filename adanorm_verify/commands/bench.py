"""`adanorm-verify bench`: step times."""

from __future__ import annotations

from functools import partial

import click

from .options import command_line, console, progress_bar, write


@click.command()
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--rounds", type=click.IntRange(3), default=15, show_default=True, help="Interleaved rounds.")
@click.option(
    "--optimizer", "names", multiple=True, metavar="NAME", help="Some of the shipped classes; all by default."
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write the timings as JSON.")
def bench(device: str, rounds: int, names: tuple[str, ...], json_file: str | None) -> None:
    """Step time side by side with torch.optim.Adam on ResNet-50-shaped parameters."""
    from ..bench import NAMES, measure
    from ..reports import timings

    out = console()
    results = []
    for path in ("single", "foreach"):
        with progress_bar(out, f"{path}: rounds") as progress:
            tick = None if progress is None else partial(progress, f"{path}: rounds")
            results.append(measure(names or NAMES, device, rounds, path=path, progress=tick))
        for line in timings.lines(results[-1]):
            click.echo(line)
    if json_file:
        write(json_file, timings.document([timing for path in results for timing in path], command_line()))
