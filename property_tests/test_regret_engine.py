"""The compiled loop is the list of equations: checked as any optimizer is, and over long runs against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from adanorm_verify import check_optimizer
from adanorm_verify.paper import ALGORITHMS, HYPERPARAMETERS, Algorithm, algorithm
from adanorm_verify.regret.compiling import Kernel, kernel
from adanorm_verify.regret.links import LINKS
from adanorm_verify.regret.tasks import BLOCK, LAYOUTS, Task
from adanorm_verify.runs import Check, probe, run_case
from adanorm_verify.shelf.interpreted import USUAL_KEYS, Interpreted, InterpretedNorm, joined
from adanorm_verify.streams import designed
from adanorm_verify.subject import Subject

LANE = 5
"""The run of a block whose state is looked at; the other runs are given other gradients."""


def one_round(listed: Algorithm, layout: str) -> Kernel:
    """A round of linear losses on the whole line, without a projection."""
    return kernel(Task(listed, LINKS["linear"], "cyclic", "line", LAYOUTS[layout], batched=False, measured=False))


class Played(Interpreted):
    """A step of a tensor is one round of the compiled loop, whose row is the gradient."""

    side_by_side: bool = False
    compiled: dict[str, Kernel]

    def step_one(self, p: Tensor, gradient: Tensor, vector: np.ndarray, group: dict[str, Any]) -> None:
        state = self.state[p]
        t = state["step"] = state.get("step", 0) + 1
        d = p.numel()
        name = "blocks" if self.side_by_side else "scalar" if d == 1 else "single"
        if name not in self.compiled:
            self.compiled[name] = one_round(self.listed, name)
        played = self.compiled[name]
        width, lane = (BLOCK, LANE) if name == "blocks" else (1, 0)
        elements = np.zeros((len(played.elements), 1, d, width))
        tensors = np.zeros((len(played.tensors), 1, width))
        for array, names in ((elements, played.elements), (tensors, played.tensors)):
            for n, quantity in enumerate(names):
                array[n, 0] = self.remembered(quantity, p)[..., None]
        known = self.numbers(group)
        numbers = tuple(float(known[one]) for one in (*HYPERPARAMETERS, *self.listed.constants))
        rows = np.outer(np.arange(width) - lane + 1.0, joined([gradient]))  # the lane's own has the factor 1
        ones, none, runs = np.ones(width), np.zeros((3, 1, d, width)), np.zeros((3, 1, width))
        with np.errstate(all="ignore"):
            played.play(
                *(t, t, 0, d, elements, tensors, numbers, rows, ones, ones, ones, 1, 1, 1.0),
                *(np.arange(width), np.zeros(width, np.uint64), 0.0, 0.0, 0.0),
                *(runs, np.zeros(1, np.int64), none[0], runs, none),
            )
        for array, names in ((elements, played.elements), (tensors, played.tensors)):
            for n, quantity in enumerate(names):
                part = self.shaped(quantity, array[n, 0, ..., lane].reshape(-1), p)
                if quantity == "theta":
                    p.copy_(part.reshape(p.shape))
                else:
                    state[USUAL_KEYS.get(quantity, quantity)] = part


class PlayedNorm(Played, InterpretedNorm):
    """The same with a `gamma`."""


def subject(listed: Algorithm, side_by_side: bool) -> type[Played]:
    base = PlayedNorm if "s" in listed else Played
    return type(f"Played{listed.title}", (base,), {"listed": listed, "side_by_side": side_by_side, "compiled": {}})


def compared(listed: Algorithm, paper: Algorithm, side_by_side: bool):
    """The outcome of every designed case, as the check compares any optimizer's."""
    torch.set_default_dtype(torch.float32)
    made = subject(listed, side_by_side)
    own = Subject(made, made.__name__, {}, {}, paper.hyperparameters)
    check = Check(own, paper, own.base, "cpu")
    combination = probe(check, "default", "float64")
    for case in designed("float64"):
        run_case(check, case, [combination])
    return combination


if __name__ == "__main__":
    import time

    for n in ALGORITHMS:
        for side in (False, True):
            t = time.time()
            c = compared(algorithm(n), algorithm(n), side)
            print(n, side, c.cases, c.failure and c.failure[0].name, c.moved, time.time() - t, vars(c.tallies["theta"]))
    for n in ("adamnorm",):
        for side in (False, True):
            t = time.time()
            v = check_optimizer(subject(algorithm(n), side), n, profile="quick", dtypes=["float64"], explain=False)
            print(n, side, v.outcome, time.time() - t)
