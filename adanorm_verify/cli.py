"""The command line: the group of commands, and what becomes of their errors."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import click

from . import __version__
from .commands import COMMANDS


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
    # Hypothesis would leave a .hypothesis of what it read in the caller's folder; it does without where it cannot.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.devnull)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a narrow terminal must not change a verdict


for command in COMMANDS:
    main.add_command(command)

if __name__ == "__main__":
    main()
