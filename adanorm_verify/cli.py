"""The command line. Heavy imports stand inside the commands: `--help` must answer at once."""

from __future__ import annotations

import ast
import io
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from .verdict import Verdict

PROFILE_NAMES = ("quick", "default", "thorough")
DTYPE_NAMES = ("float64", "float32", "bfloat16", "float16")


class Main(click.Group):
    """Errors of the user's are one or two lines and exit code 2; `--debug` shows the traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        from .errors import CannotCheck

        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (KeyboardInterrupt, click.Abort):
            click.echo("adanorm-verify: interrupted, nothing was decided", err=True)
        except BrokenPipeError:
            # The reader has gone; nothing more can be said, and the interpreter must not try at its end either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (CannotCheck, ValueError, OSError) as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"adanorm-verify: {error}", err=True)
        except Exception as error:  # an error of ours must not look like a verdict: exit code 1 is "differs"
            if ctx.params.get("debug"):
                raise
            click.echo(
                f"adanorm-verify: internal error, nothing was decided: {error!r} (--debug shows where)", err=True
            )
        sys.exit(2)


@click.group(cls=Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="adanorm-verify")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Verify the implementation, test the theory: AdaNorm (WACV 2023) and every optimizer that claims to be it.

    Exit codes: 0 conforms, 1 differs, 2 could not be checked.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a narrow terminal must not change a verdict


def pairs(option: str) -> Any:
    """A click callback that turns KEY=VALUE strings into a dictionary."""

    def parse(ctx: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
        parsed: dict[str, str] = {}
        for text in values:
            key, separator, value = text.partition("=")
            if not separator or not key or not value:
                raise click.BadParameter(f"{text!r} is not of the form {option}")
            if key in parsed:
                raise click.BadParameter(f"{key} is given twice, as {parsed[key]!r} and {value!r}")
            parsed[key] = value
        return parsed

    return parse


def literal(text: str) -> Any:
    """A Python literal, `true`/`false`/`none` in any case, or the text itself."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def console() -> Console:
    from rich.console import Console

    return Console()


@contextmanager
def progress_bar(out: Console, what: str) -> Iterator[Any]:
    """A progress callback that draws on a terminal and does nothing in a pipe."""
    if not out.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda doing, done, total: bar.update(task, description=doing, completed=done, total=total)


def command_line() -> str:
    return shlex.join(["adanorm-verify", *sys.argv[1:]])


@main.command()
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
    seed: int,
    json_file: str | None,
    reproduce: str | None,
) -> None:
    """Check one optimizer: TARGET is package.module:Class or path/to/file.py:Class."""
    from .paper import algorithm as paper_algorithm

    paper_algorithm(algorithm, decide)  # refuses a wrong name before torch is imported
    for file in (json_file, reproduce):
        if file and not os.access(existing_folder(Path(file)), os.W_OK):
            raise OSError(f"cannot write {file!r}: no permission in its folder")
    from .conformance import check_optimizer
    from .reports.reproduction import reproduction

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
            progress=progress,
        )
    verdict = replace(verdict, environment={**verdict.environment, "command": command_line()})
    if json_file:
        write(json_file, verdict.to_json())
    show(verdict, out)
    if reproduce and verdict.first_divergence is not None:
        write(reproduce, reproduction(verdict, target, given, rename, device, Path(reproduce).name))
        click.echo(f"reproduction: python {shlex.quote(reproduce)}")
    elif reproduce:
        click.echo("nothing to reproduce: no difference was found")
    sys.exit(verdict.exit_code)


def existing_folder(path: Path) -> Path:
    """The nearest folder above `path` that exists."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())


def write(path: str, text: str) -> None:
    from .files import write_atomically

    write_atomically(path, text)


def show(verdict: Verdict, out: Console) -> None:
    """A table on a terminal, plain lines in a pipe."""
    if verdict.outcome == "not-checked":
        click.echo(verdict.summary(), err=True)
    elif out.is_terminal:
        from .reports import terminal

        terminal.show(verdict, out)
    else:
        click.echo(verdict.summary())


@main.command()
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
    """Check every shipped optimizer on every path, dtype and device present."""
    from .gate import run_gate

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
                kind, number = verdict.environment["device_kind"], verdict.environment["seed"]
                write(str(Path(folder) / f"{verdict.algorithm}-{kind}-seed{number}.json"), verdict.to_json())
            outcomes.append(verdict.exit_code)
            cases += sum(run.cases for run in verdict.runs)
    click.echo(f"gate: {outcomes.count(0)} of {len(outcomes)} checks conform, {cases} cases")
    sys.exit(max(outcomes, default=2))


def gate_line(verdict: Verdict) -> str:
    paths = ", ".join(dict.fromkeys(run.path for run in verdict.runs if run.cases))
    dtypes = ", ".join(dict.fromkeys(run.dtype for run in verdict.runs if run.cases))
    worst = max(record.ratio for record in verdict.records if record.quantity == "theta")
    cases = sum(run.cases for run in verdict.runs)
    ran = f"{paths}; {dtypes}; {cases} cases"
    return f"{verdict.target} conforms to {verdict.algorithm}: {ran}, error/bound at most {worst:.3g}"


@main.group(name="list")
def listing() -> None:
    """What there is: algorithms, decisions, checks."""


@listing.command(name="algorithms")
def list_algorithms() -> None:
    """The eight algorithms as lists of named equations."""
    from .paper import PRINTED, algorithm

    for name in PRINTED:
        paper = algorithm(name)
        click.echo(f"{name}: {paper.title} ({paper.source})")
        width = max(len(n) for n in paper.names)
        for equation in paper.equations:
            number = f"  ({equation.number})" if equation.number else ""
            click.echo(f"  {equation.name:<{width}}  {equation.text}{number}")


@listing.command(name="decisions")
def list_decisions() -> None:
    """What the paper leaves open, the default answer and its reason."""
    from .paper import DECISIONS

    for decision in DECISIONS:
        click.echo(f"{decision.key}: {decision.question}")
        click.echo(f"  default {decision.default}: {decision.reason}")
        for name, option in decision.options.items():
            click.echo(f"  {decision.key}={name}: {option.meaning}")


@listing.command(name="checks")
def list_checks() -> None:
    """What `check` looks at, and what makes it fail."""
    from .checks import CHECKS

    for item in CHECKS:
        click.echo(f"{item.name}: {item.catches}")
        click.echo(f"  for example: {item.sample}")


@main.command()
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--rounds", type=click.IntRange(3), default=15, show_default=True, help="Interleaved rounds.")
@click.option(
    "--optimizer", "names", multiple=True, metavar="NAME", help="Some of the shipped classes; all by default."
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write the timings as JSON.")
def bench(device: str, rounds: int, names: tuple[str, ...], json_file: str | None) -> None:
    """Step time side by side with torch.optim.Adam on ResNet-50-shaped parameters."""
    from .bench import NAMES, measure
    from .reports import timings

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


if __name__ == "__main__":
    main()
