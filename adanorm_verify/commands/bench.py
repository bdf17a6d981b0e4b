"""`adanorm-verify bench`: step times."""

from __future__ import annotations

from functools import partial

import click

from .options import command_line, console, progress_bar, write


@click.command()
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--rounds", type=click.IntRange(3), default=15, show_default=True, help="Interleaved rounds.")
@click.option(
    "--optimizer",
    "names",
    multiple=True,
    metavar="NAME",
    help="Some of the optimizers; all that are installed by default.",
)
@click.option(
    "--path", "paths", type=click.Choice(["single", "foreach", "fused"]), multiple=True, help="All by default."
)
@click.option(
    "--workload",
    "workloads",
    type=click.Choice(["resnet50", "one", "many", "large"]),
    multiple=True,
    help="ResNet-50's parameters, 1.6e7 elements in one tensor, 1,000 tensors of 1,000, 1e8 in one. "
    "All by default, the last only on cuda.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write the timings as JSON.")
def bench(
    device: str,
    rounds: int,
    names: tuple[str, ...],
    paths: tuple[str, ...],
    workloads: tuple[str, ...],
    json_file: str | None,
) -> None:
    """Step time and bandwidth side by side with torch.optim.Adam, and with pytorch_optimizer.AdaNorm if installed."""
    from ..bench import PATHS, WORKLOADS, measure
    from ..gate import devices
    from ..reports import timings

    devices(device)
    out = console()
    results = []
    for workload in workloads or [name for name in WORKLOADS if name != "large" or device == "cuda"]:
        with progress_bar(out, f"{workload}: rounds") as progress:
            tick = None if progress is None else partial(progress, f"{workload}: rounds")
            shapes = WORKLOADS[workload]
            results += measure(
                names or None, device, rounds, shapes, paths or tuple(PATHS), workload=workload, progress=tick
            )
        for line in timings.lines([timing for timing in results if timing.workload == workload]):
            click.echo(line)
    if json_file:
        write(json_file, timings.document(results, command_line()))
