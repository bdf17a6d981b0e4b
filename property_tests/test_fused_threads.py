"""The threads of the fused step on a CPU: torch's or Python's, how many, and in which processes."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from fused_steps import SHAPES, gradients, moved, ones, python, starts
from hypothesis import given, settings
from hypothesis import strategies as st

from adanorm_verify import optim
from adanorm_verify.optim import _fused_cpu, _threads

THREADS = pytest.mark.parametrize("whose", ["torch's", "Python's"])


def use_threads(whose, monkeypatch, number):
    monkeypatch.setattr(torch, "get_num_threads", lambda: number)
    if whose == "Python's":
        monkeypatch.setattr(_threads, "_parallel_region", lambda: None)
    elif _threads._parallel_region() is None:
        pytest.skip("torch was built without GNU's OpenMP")


@THREADS
@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(0, 70), min_size=1, max_size=12),
    task=st.integers(1, 40),
    window=st.integers(1, 200),
    threads=st.integers(1, 5),
    name=st.sampled_from(["AdamNorm", "AdaBelief"]),
)
def test_neither_threads_nor_how_the_work_is_cut_change_a_bit(whose, sizes, task, window, threads, name):
    """Elements are whole numbers over one power of two: norms do not depend on the order of summation."""
    shapes = [(size,) for size in sizes]
    steps = [[(5 * g).round() / 32**i for g in step] for i, step in enumerate(gradients(shapes, 3))]  # they are lifted
    found = []
    for cut in ((2**16, 2**20, 1), (task, window, threads)):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(_fused_cpu, "_TASK", cut[0])
            patched.setattr(_fused_cpu, "_WINDOW", cut[1])
            use_threads(whose, patched, cut[2])
            params = [torch.nn.Parameter(start) for start in starts(shapes)]
            optimizer = getattr(optim, name)(params, fused=True, lr=0.1)
            found.append([*moved(optimizer, params, steps), *(v for p in params for v in optimizer.state[p].values())])
    assert all(torch.equal(p, q) for p, q in zip(*found, strict=True))


def test_one_thread_asks_for_no_other(monkeypatch):
    monkeypatch.setattr(_fused_cpu, "_TASK", 50)
    monkeypatch.setattr(_threads, "_pool", lambda: pytest.fail("another thread"))
    monkeypatch.setattr(_threads, "_parallel_region", lambda: pytest.fail("a parallel region"))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    params = [torch.nn.Parameter(start) for start in starts(SHAPES)]
    moved(optim.AdamNorm(params, fused=True), params, gradients(SHAPES))


@THREADS
def test_each_thread_has_a_row_of_its_own(whose, monkeypatch):
    """The gradient with its decay is laid down in one."""
    numel, found = 2**21, []
    for number in (1, 2):
        use_threads(whose, monkeypatch, number)
        [p] = params = [torch.nn.Parameter(torch.linspace(-1, 1, numel))]
        moved(optim.AdamNorm(params, fused=True, lr=0.1, weight_decay=0.1), params, gradients([(numel,)], 3))
        found.append(p)
    assert torch.equal(*found)


class Called:
    """In place of a compiled function: what each thread that calls it does."""

    def __init__(self, function):
        self.ctypes = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(function)
        self.address = ctypes.cast(self.ctypes, ctypes.c_void_p).value


@THREADS
def test_all_threads_take_part_at_once(whose, monkeypatch):
    use_threads(whose, monkeypatch, 3)
    together, seen = threading.Barrier(3, timeout=60), []

    def function(argument):
        together.wait()
        seen.append((argument, threading.get_ident()))

    _threads.run(Called(function), 7, threads=3, tasks=3, keep=None)
    assert [argument for argument, _ in seen] == [7, 7, 7]
    assert len({thread for _, thread in seen}) == 3


def test_what_a_thread_still_uses_outlives_an_interrupt(monkeypatch):
    use_threads("Python's", monkeypatch, 2)
    here, go_on, kept = threading.get_ident(), threading.Event(), ones()
    alive = weakref.ref(kept)

    def function(argument):
        if threading.get_ident() != here:
            assert go_on.wait(60)

    class Interrupted(Future):
        def cancel(self):
            return False

        def result(self, timeout=None):
            raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(_threads, "_pool", lambda: SimpleNamespace(submit=submit))

        def submit(*arguments):
            pool.submit(*arguments)
            return Interrupted()

        with pytest.raises(KeyboardInterrupt):
            _threads.run(SimpleNamespace(ctypes=function), 0, threads=2, tasks=2, keep=kept)
        del kept
        gc.collect()
        assert alive() is not None
        go_on.set()
    gc.collect()
    assert alive() is None


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system does not list threads there")
def test_torchs_own_threads_do_the_work():
    threads = python(
        "import os, torch; from adanorm_verify.optim import AdamNorm, _fused_cpu, _threads\n"
        "torch.set_num_threads(4); _fused_cpu._TASK = 50; large = torch.ones(2**20)\n"
        "p = torch.ones(100, requires_grad=True); p.grad = p.detach() + 1\n"  # two tasks, four threads
        "optimizer = AdamNorm([p], fused=True); large.add_(1); optimizer.step(); large.add_(1)\n"
        "threads = lambda: '-'.join(sorted(os.listdir('/proc/self/task')))\n"
        "if _threads._parallel_region() is None: print('none')\n"
        "else:\n"
        "    before = threads(); [(optimizer.step(), large.add_(1)) for _ in range(9)]\n"
        "    print(before, threads(), _threads._pool.cache_info().misses)"
    ).split()
    if threads == ["none"]:
        pytest.skip("torch was built without GNU's OpenMP")
    assert threads[0] == threads[1]
    assert threads[2] == "0"


@THREADS
def test_optimizers_may_step_at_once(whose, monkeypatch):
    monkeypatch.setattr(_fused_cpu, "_TASK", 50)
    monkeypatch.setattr(_fused_cpu, "_WINDOW", 500)
    use_threads(whose, monkeypatch, 3)

    def run(seed):
        params = [torch.nn.Parameter(start) for start in starts(SHAPES)]
        return moved(optim.DiffGradNorm(params, fused=True), params, gradients(SHAPES, 30, seed=seed))

    alone = [run(seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(run, range(6)))
    assert all(torch.equal(p, q) for a, b in zip(alone, together, strict=True) for p, q in zip(a, b, strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_steps_on():
    python(
        "import os, torch; from adanorm_verify.optim import AdamNorm, _fused_cpu, _threads\n"
        "torch.set_num_threads(2); _fused_cpu._TASK = 50\n"
        "p = torch.ones(999, requires_grad=True); p.grad = torch.ones(999); optimizer = AdamNorm([p], fused=True)\n"
        "optimizer.step()\n"
        "child = os.fork()\n"
        "optimizer.step()\n"
        "used = _threads._pool.cache_info().currsize\n"
        "if not child: os._exit(0 if optimizer.state[p]['step'] == 2 and used else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0"
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere torch's threads are not used")
def test_a_forked_process_may_be_the_first_to_fuse():
    """Torch's threads, which its parent had, are not there."""
    python(
        "import os, signal, torch; from adanorm_verify.optim import AdamNorm\n"
        "torch.set_num_threads(2); torch.ones(2**20).add_(1)\n"
        "p = torch.ones(200_000, requires_grad=True); p.grad = torch.ones(200_000)\n"
        "state = {'exp_avg': torch.zeros(200_000), 'exp_avg_sq': torch.zeros(200_000)}\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    signal.alarm(60); optimizer = AdamNorm([p], fused=True); optimizer.state[p].update(state)\n"
        "    optimizer.step(); os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0"
    )
