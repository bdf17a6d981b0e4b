"""What several commands share: how options are read, progress is drawn, and files are written."""

from __future__ import annotations

import ast
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from ..verdict import Verdict

PROFILE_NAMES = ("quick", "default", "thorough")
DECAY_NAMES = ("coupled", "decoupled")
DTYPE_NAMES = ("float64", "float32", "bfloat16", "float16")


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


arguments_option = click.option(
    "--arg",
    "arguments",
    multiple=True,
    callback=pairs("KEY=VALUE"),
    metavar="KEY=VALUE",
    help="A constructor argument.",
)
rename_option = click.option(
    "--rename",
    multiple=True,
    callback=pairs("PAPER=THEIRS"),
    metavar="PAPER=THEIRS",
    help="A hyperparameter's name there: gamma=r.",
)


LIMITS = (
    ("--timeout", "SECONDS", 60.0, "Without a step begun in that time the subject counts as hung, and is ended."),
    ("--memory", "GIB", 8.0, "Memory that the subject's process may take."),
)


def process_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of the process that a subject runs in; their defaults are those of `hosting.source`."""
    text = "Run the subject in this process, for a debugger: nothing keeps it from ending or changing that."
    command = click.option("--in-process", is_flag=True, help=text)(command)
    for name, unit, default, meaning in reversed(LIMITS):
        positive = click.FloatRange(0, min_open=True)
        command = click.option(name, type=positive, metavar=unit, default=default, show_default=True, help=meaning)(
            command
        )
    return command


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
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    described, rate, left = TextColumn("{task.description}"), TextColumn("{task.fields[rate]}"), TextColumn("left")
    columns = (described, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), rate, TimeRemainingColumn(), left)
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(what, total=None, rate="")

        def tell(doing: str, done: int, total: int) -> None:
            bar.update(task, description=doing, completed=done, total=total, rate=rate_of(bar.tasks[task].speed))

        yield tell


def rate_of(speed: float | None) -> str:
    """Steps a second as one reads them: a minute where they are slower than one a second."""
    return "" if not speed else f"{speed:.1f}/s" if speed >= 1 else f"{60 * speed:.1f}/min"


def command_line() -> str:
    return shlex.join(["adanorm-verify", *sys.argv[1:]])


def refuse_unwritable(files: Mapping[str, str | None], reads: str | None = None) -> None:
    """Find out before the work whether its results can be written, each into a file of its own.

    Args:
        files: option to the file that it names.
        reads: a file that the command reads.

    Raises:
        OSError: no permission.
        ValueError: no such folder, or one file for two things.
    """
    taken = {os.path.realpath(reads): "the file that is read"} if reads else {}
    for option, file in files.items():
        if not file:
            continue
        folder = Path(file).absolute().parent
        if not folder.is_dir():
            raise ValueError(f"{option} {file!r}: there is no folder {str(folder)!r}")
        if not os.access(folder, os.W_OK):
            raise OSError(f"cannot write {file!r}: no permission in its folder")
        other = taken.setdefault(os.path.realpath(file), option)
        if other != option and not os.path.realpath(file) == os.devnull:
            raise ValueError(f"{option} {file!r} is also {other}; each needs a file of its own")


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that render a verdict into files."""
    options = (
        ("--html", "Write a page to read or to send: one file, no network."),
        ("--junit", "Write JUnit XML, for CI."),
        ("--sarif", "Write SARIF 2.1.0, to annotate the optimizer's source."),
    )
    for name, text in reversed(options):
        command = click.option(name, type=click.Path(dir_okay=False), metavar="FILE", help=text)(command)
    return command


def verdict_of(file: str) -> Verdict:
    """The verdict of a JSON document.

    Raises:
        ValueError: it is none; the message names the file.
    """
    from ..document import read

    try:
        return read(Path(file).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def write_reports(verdict: Verdict, html: str | None, junit: str | None, sarif: str | None) -> None:
    """Write those that were asked for."""
    if html:
        from ..reports.html import page

        write(html, page(verdict))
    if junit:
        from ..reports.junit import junit as junit_text

        write(junit, junit_text(verdict))
    if sarif:
        from ..reports.sarif import sarif as sarif_text

        write(sarif, sarif_text(verdict))


def write(path: str, text: str) -> None:
    from ..files import write_atomically

    write_atomically(path, text)


def show(verdict: Verdict, out: Console) -> None:
    """A table on a terminal, plain lines in a pipe."""
    if verdict.outcome == "not-checked":
        click.echo(verdict.summary(), err=True)
    elif out.is_terminal:
        from ..reports import terminal

        terminal.show(verdict, out)
    else:
        click.echo(verdict.summary())
