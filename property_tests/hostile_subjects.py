"""Adams that do to their process, or to its surroundings, what no optimizer should; see test_hostile_subjects."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adanorm_verify.shelf._base import Adam, Now

WHEN = 3
"""The step at which most of them do it."""


class AtStep(Adam):
    """A right Adam that does something once, before a step."""

    def step(self, closure: Any = None) -> Any:
        self.steps = getattr(self, "steps", 0) + 1
        if self.steps == WHEN:
            self.act()
        return super().step(closure)

    def act(self) -> None:
        raise NotImplementedError


class WrongAtStep(AtStep):
    """The same, wrong from the first step on: its second bias correction is missing."""

    def bc2(self, now: Now) -> float:
        return 1.0


class Exits(AtStep):
    def act(self) -> None:
        os._exit(0)


class ExitsAfterDiffering(WrongAtStep):
    def act(self) -> None:
        os._exit(0)


class ExitsInConstructor(Adam):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        os._exit(0)


class SysExits(AtStep):
    def act(self) -> None:
        sys.exit(0)


class AtExitZero(WrongAtStep):
    def act(self) -> None:
        atexit.register(os._exit, 0)


class Segfaults(AtStep):
    def act(self) -> None:
        ctypes.string_at(0)


class Aborts(AtStep):
    def act(self) -> None:
        os.abort()


class KillsItself(AtStep):
    def act(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Sleeps(AtStep):
    def act(self) -> None:
        time.sleep(3600)


class Spins(AtStep):
    def act(self) -> None:
        while True:
            pass


class IgnoresSignals(AtStep):
    def act(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        time.sleep(3600)


class SpinsInC(AtStep):
    def act(self) -> None:
        sum(range(10**18))


class Forks(AtStep):
    def act(self) -> None:
        os.fork()


class ForksAndStays(AtStep):
    def act(self) -> None:
        if os.fork() == 0:
            time.sleep(3600)


class LeavesThread(AtStep):
    def act(self) -> None:
        threading.Thread(target=time.sleep, args=(3600,), daemon=False).start()


class ChangesFolder(AtStep):
    def act(self) -> None:
        os.chdir("/")


class DeletesFiles(AtStep):
    def act(self) -> None:
        for file in Path().iterdir():
            if file.is_file():
                file.unlink()


class PatchesNumpy(WrongAtStep):
    def act(self) -> None:
        np.abs = np.isfinite = lambda array, *_, **__: np.zeros_like(array)  # type: ignore[assignment]
        np.array_equal = lambda *_, **__: True  # type: ignore[assignment]


class PatchesTorch(WrongAtStep):
    def act(self) -> None:
        torch.equal = torch.allclose = lambda *_, **__: True  # type: ignore[assignment]


def yes(*_: Any, **__: Any) -> bool:
    return True


class PatchesTorchAlike(AtStep):
    """What it puts there is the same each time."""

    def act(self) -> None:
        torch.equal = torch.allclose = yes  # type: ignore[assignment]


class ChangesEnvironment(AtStep):
    def act(self) -> None:
        os.environ["OMP_SCHEDULE"] = "static"


class LeavesSession(AtStep):
    """A process that it leaves behind in a session of its own."""

    def act(self) -> None:
        subprocess.Popen(["sleep", LONG_SLEEP], start_new_session=True)


LONG_SLEEP = "3601"
"""Seconds, as no other process of a test sleeps."""


class HoldsOddThings(Adam):
    """Its groups hold an object whose methods raise."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.param_groups[0]["odd"] = Odd()


class Odd:
    def numel(self) -> int:
        raise RuntimeError("no number")


class ChangesDefaultDtype(AtStep):
    def act(self) -> None:
        torch.set_default_dtype(torch.float16)


class TakesMemory(AtStep):
    def act(self) -> None:
        self.taken = [bytearray(1 << 28) for _ in range(64)]


class RecursesInPython(AtStep):
    def act(self) -> None:
        self.act()


class RecursesInC(AtStep):
    def act(self) -> None:
        sys.setrecursionlimit(1 << 30)
        self.again()

    def again(self) -> None:
        self.again()


class Prints(AtStep):
    def act(self) -> None:
        print("x" * 100_000_000)
        os.write(1, b"x" * 1_000_000)


class SaysMuch(AtStep):
    def act(self) -> None:
        raise RuntimeError("x" * 100_000)


class SaysNothing(AtStep):
    def act(self) -> None:
        class Silent(Exception):
            def __str__(self) -> str:
                raise ValueError("no words")

        raise Silent


class KeepsLongKeys(Adam):
    """The names of its state are long."""

    def fresh_state(self, g: torch.Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**super().fresh_state(g, group), "k" * 100_000: torch.zeros(())}


STRANGE = "Not an identifier; 'quoted'\n"
globals()[STRANGE] = type(STRANGE, (WrongAtStep,), {"act": lambda _: None})
