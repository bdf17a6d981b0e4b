"""Workers end with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from contextlib import suppress

import pytest

from adanorm_verify.processes import workers

STARTS_A_WORKER = """
import os, sys, time
from adanorm_verify.processes import workers
if __name__ == "__main__":
    with workers(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600)
        time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="asks the system which processes run through /proc")
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "terminate"])
def test_a_killed_run_leaves_no_worker_behind(tmp_path, kill):
    script = tmp_path / "run.py"
    script.write_text(STARTS_A_WORKER)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        worker = int(run.stdout.readline())
        assert alive(worker)
        run.send_signal(kill)
        run.wait()
        for _ in range(200):
            if not alive(worker):
                return
            time.sleep(0.05)
    pytest.fail(f"worker {worker} still runs")


def interrupted() -> list[Future[None]]:
    """What was submitted to a block that is left by an interruption."""
    waiting = []
    with suppress(KeyboardInterrupt), workers(1) as pool:
        waiting += [pool.submit(time.sleep, 0.2) for _ in range(20)]
        raise KeyboardInterrupt
    return waiting


def test_an_interrupted_block_cancels_what_was_not_begun():
    assert sum(future.cancelled() for future in interrupted()) > 10
