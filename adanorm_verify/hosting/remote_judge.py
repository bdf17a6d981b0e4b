"""The judge as the subject's process has it: every question goes to the process that judges."""

from __future__ import annotations

from typing import Any

from ..cases import Case
from ..checks.comparing import Path
from ..checks.judge import Changed, Finding
from ..trajectory import Quantities
from .channel import Port


class RemoteJudge:
    """See `checks.judge.Judge`, whose methods these are.

    Args:
        port: to the process that has the judge.
    """

    def __init__(self, port: Port) -> None:
        self._port = port

    def quantities(
        self, case: Case, dtype: str, device_step: bool = False, changed: Changed | None = None
    ) -> list[list[Quantities | None]]:
        return self._port.ask("quantities", case, dtype, device_step, changed)

    def expected(
        self, case: Case, dtype: str, device_step: bool = False, changed: Changed | None = None
    ) -> tuple[Path, Path]:
        return self._port.ask("expected", case, dtype, device_step, changed)

    def sure(self, case: Case, dtype: str, device_step: bool = False) -> Path:
        return self._port.ask("sure", case, dtype, device_step)

    def compared(self, found: Path, expected: Path, allowed: Path) -> Finding:
        return self._port.ask("compared", found, expected, allowed)

    def difference(self, found: Path, expected: Path) -> str:
        return self._port.ask("difference", found, expected)

    def distance(self, found: Path, expected: Path, allowed: Path) -> float:
        return self._port.ask("distance", found, expected, allowed)


QUESTIONS: tuple[Any, ...] = tuple(name for name in vars(RemoteJudge) if not name.startswith("_"))
"""What may be asked."""
