"""Running cells on an executor: local processes, or a Dask cluster; each result is kept as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import CannotCheck
from ..processes import workers
from .cells import Cell, keep, measured

Progress = Callable[[str, int, int], None]
Executors = Callable[[], AbstractContextManager[Executor]]

LOST_AT_MOST = 3
"""Times in a row that a pool may die without a single result: then it is the cell's fault and not an accident."""
CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Failure:
    """A cell that could not be measured, and why."""

    cell: Cell
    why: str


def local(jobs: int | None) -> Executors:
    """Processes of this machine, one a core by default."""
    return lambda: workers(jobs)


def dask(address: str) -> Executors:
    """The workers of a running Dask scheduler, which have this package installed; a lost worker's cells go to others.

    Raises:
        CannotCheck: `distributed` is not installed.
    """
    try:
        import distributed
    except ImportError:
        raise CannotCheck("--dask needs the extra `dask`: pip install 'adanorm-verify[dask]'") from None

    @contextmanager
    def connected() -> Iterator[Executor]:
        try:
            client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise CannotCheck(f"--dask {address}: no scheduler answers there ({type(error).__name__})") from error
        with client:
            yield client.get_executor()

    return connected


def run(cells: Sequence[Cell], folder: Path, executors: Executors, progress: Progress | None = None) -> list[Failure]:
    """Measure the cells that a folder lacks, and return those that could not be.

    Args:
        cells: in the order in which they are begun.
        folder: of their files; each is written, whole, as its cell ends.
        executors: a context that has the executor; entered again where its workers are lost.
        progress: called as cells end, those that were there already included.
    """
    left = [cell for cell in cells if not (folder / cell.name).is_file()]
    failures: list[Failure] = []
    lost = 0
    if progress is not None:
        progress("regret", len(cells) - len(left), len(cells))
    while left:
        before = len(left)
        try:
            with executors() as executor:
                futures: dict[Future[str], Cell] = {executor.submit(measured, cell): cell for cell in left}
                for future in as_completed(futures):
                    cell = futures[future]
                    try:
                        keep(cell, folder, future.result())
                    except BrokenProcessPool:
                        raise
                    except Exception as error:  # one cell's failure is reported, and the others go on
                        failures.append(Failure(cell, f"{type(error).__name__}: {error}"))
                    left.remove(cell)
                    if progress is not None:
                        progress(cell.kind, len(cells) - len(left), len(cells))
        except BrokenProcessPool:
            lost = lost + 1 if len(left) == before else 0
            if lost >= LOST_AT_MOST:
                failures += [Failure(cell, "its worker died again and again") for cell in left]
                break
    return failures
