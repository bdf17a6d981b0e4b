"""Evidence from a GPU in one command and bounded time: step times, then the tests, each part's result as it ends.

    python gpu_tests/evidence.py

Exit codes: 0 all parts ran and passed, 1 something failed or was left out, 2 no GPU, or nothing ran.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from adanorm_verify.files import write_atomically  # noqa: E402  (the path above finds it)
from gpu_tests.parts import RESULTS, SECONDS, Part, parts  # noqa: E402

SCHEMA = 1
SUMMARY, OUTPUT, UNFINISHED = "summary.json", "output.log", "unfinished"
"""What lies in the folder: the document; what all parts printed; results of the part that is running, or was."""
GRACE = 5.0
"""Seconds from an interrupt, after which pytest prints what failed so far, to the end by force."""
DEVICE_SECONDS = 60.0
PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    started = time.monotonic()
    signal.signal(signal.SIGTERM, interrupt)
    try:
        with unpacked(options.wheels) as path:
            chosen = [part for part in parts(options.device, path) if part.name in (options.part or [part.name])]
            environment = surroundings(path)
            about, problem = asked(options.device, environment)
            if about is None:
                print(f"evidence: {problem}", file=sys.stderr)
                return 2
            document = heading(about, options.seconds, chosen)
            scale = max(1.0, options.seconds / SECONDS)
            return run(chosen, document, options.out, started + options.seconds, environment, scale=scale)
    except (OSError, zipfile.BadZipFile) as error:
        print(f"evidence: {error}", file=sys.stderr)
        return 2


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [part.name for part in parts("cuda", [])]
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("--device", choices=["cuda", "cpu"], default="cuda", help="cpu rehearses: fewer rounds, tests are skipped")
    add("--out", type=Path, default=ROOT / "gpu_tests" / "evidence", metavar="DIR", help="for results (%(default)s)")
    add("--seconds", type=positive, default=SECONDS, help="of the whole (%(default)s); budgets of parts grow with it")
    add("--wheels", type=folder_of_wheels, metavar="DIR", help="wheels of packages that are not installed")
    add("--part", action="append", choices=names, metavar="NAME", help=f"some only: {', '.join(names)}")
    return parser.parse_args(arguments)


def positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number of seconds, got {text}")
    return number


def folder_of_wheels(text: str) -> Path:
    if not list(Path(text).glob("*.whl")):
        raise argparse.ArgumentTypeError(f"must be a folder with wheels in it, got {text!r}")
    return Path(text)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def unpacked(wheels: Path | None) -> Iterator[list[str]]:
    """The folders in which the packages of the wheels are found; nothing is installed, and pip is not needed."""
    with tempfile.TemporaryDirectory() as folder:
        for wheel in sorted(wheels.glob("*.whl")) if wheels else ():
            zipfile.ZipFile(wheel).extractall(folder)
        yield [folder, *map(str, Path(folder).glob("*.data/*lib"))] if wheels else []


def surroundings(path: Sequence[str]) -> dict[str, str]:
    """The environment of every part: this checkout and the wheels come first, and cores are shared."""
    earlier = os.environ.get("PYTHONPATH")
    found = os.pathsep.join([str(ROOT), *path, *([earlier] if earlier else [])])
    # A plugin of pytest's that happens to be installed can change a result, and costs a start.
    return {**os.environ, "PYTHONPATH": found, "PYTHONUNBUFFERED": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def asked(device: str, environment: Mapping[str, str]) -> tuple[dict[str, Any] | None, str]:
    """What is known of the machine, or None and why; in a process of its own, since a broken driver may hang."""
    command = [sys.executable, "-m", "gpu_tests.machine", device]
    with tempfile.TemporaryFile("w+") as out:
        code = supervised(command, DEVICE_SECONDS, out, environment)
        out.seek(0)
        last = (out.read().strip().splitlines() or [""])[-1]
    if code is None:
        return None, f"the device did not answer within {DEVICE_SECONDS:.0f} s"
    return (json.loads(last), "") if code == 0 else (None, last or ended(code))


def heading(about: Mapping[str, Any], seconds: float, chosen: Sequence[Part]) -> dict[str, Any]:
    """The document before anything has run."""
    return {
        "schema": SCHEMA,
        "command": shlex.join([sys.executable, *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds_allowed": seconds,
        "machine": about,
        "parts": [
            {"name": part.name, "status": "not-begun", "command": shlex.join(part.command), "seconds": None}
            | {"note": "", "figures": None}
            for part in chosen
        ],
    }


def run(
    chosen: Sequence[Part],
    document: dict[str, Any],
    out: Path,
    deadline: float,
    environment: Mapping[str, str],
    *,
    scale: float = 1.0,
    grace: float = GRACE,
) -> int:
    """Run the parts in turn, and keep the document in `out` true at every moment; returns the exit code.

    Args:
        chosen: the parts.
        document: as `heading` makes it, with a record for each part.
        out: where files go.
        deadline: on `time.monotonic`.
        environment: of every part.
        scale: of the parts' budgets.
        grace: seconds that a part has to end by itself when its time is over.
    """

    def keep() -> None:
        write_atomically(out / SUMMARY, json.dumps(document, indent=1) + "\n")

    keep()
    unfinished = out / UNFINISHED
    with (out / OUTPUT).open("w", encoding="utf-8") as output:
        for part, record in zip(chosen, document["parts"], strict=True):
            limit = min(part.seconds * scale, deadline - time.monotonic() - grace)
            if limit <= 0:
                record["note"] = "no time was left"
                continue
            begin(part, record, output)
            keep()
            unfinished.write_text("")
            started = time.monotonic()
            try:
                code = supervised(with_results(part, unfinished), limit, output, environment, grace)
            except KeyboardInterrupt:
                document["interrupted"] = True
                conclude(part, record, "running", "interrupted", unfinished, time.monotonic() - started)
                break
            status = "timed-out" if code is None else "done" if code == 0 else "failed"
            note = f"ended after {limit:.0f} s" if code is None else ended(code)
            conclude(part, record, status, note, unfinished, time.monotonic() - started)
            keep()
    keep()
    print(last_words(document))
    return exit_code(document)


def begin(part: Part, record: dict[str, Any], output: IO[str]) -> None:
    record["status"] = "running"
    for stream in (output, sys.stdout):
        print(
            f"== {part.name}: {record['command']}" if stream is output else f"{part.name} ...", file=stream, flush=True
        )


def with_results(part: Part, file: Path) -> list[str]:
    return [str(file.absolute()) if word == RESULTS else word for word in part.command]


def conclude(part: Part, record: dict[str, Any], status: str, note: str, unfinished: Path, seconds: float) -> None:
    """Fill the record in. Results that cannot be read make a part fail, whatever its exit code was."""
    try:
        figures = part.figures(unfinished.read_text(encoding="utf-8"))
        line = part.line(figures)
    except (OSError, ValueError, LookupError, TypeError) as error:
        figures, line = None, f"its results cannot be read: {error!r}"
        status = "failed" if status == "done" else status
    record |= {"status": status, "seconds": round(seconds, 1), "note": note, "figures": figures}
    unfinished.unlink(missing_ok=True)
    print(f"{part.name}: {status}, {seconds:.0f} s. {'; '.join(filter(None, (note, line)))}".rstrip(), flush=True)


def ended(code: int) -> str:
    """How a process ended, in words; nothing for one that succeeded."""
    return f"exit code {code}" if code > 0 else f"ended by {signal.Signals(-code).name}" if code else ""


def last_words(document: Mapping[str, Any]) -> str:
    named: dict[str, list[str]] = {}
    for record in document["parts"]:
        named.setdefault(record["status"], []).append(record["name"])
    return "\n".join(f"{status}: {', '.join(names)}" for status, names in named.items())


def exit_code(document: Mapping[str, Any]) -> int:
    statuses = {record["status"] for record in document["parts"]}
    return 2 if statuses <= {"not-begun"} else 0 if statuses == {"done"} else 1


def supervised(
    command: Sequence[str], seconds: float, output: IO[str], environment: Mapping[str, str], grace: float = GRACE
) -> int | None:
    """The exit code of a command, None where its time was over; its process group ends with it in any case."""
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=end_with_parent(),
    )
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        signalled(child, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(grace)
        return None
    finally:
        signalled(child, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # what waits for a broken driver cannot be ended, nor waited for
            child.wait(grace)


def signalled(child: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def end_with_parent() -> Callable[[], object] | None:
    """What a child calls first, on Linux: it would go on holding the GPU after this process was killed."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
