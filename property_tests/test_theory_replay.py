"""The losses of the counterexample, replayed through the NumPy references and the PyTorch optimizers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from adanorm_verify import optim
from adanorm_verify.paper import Hyperparameters, algorithm
from adanorm_verify.paper.norm_correction import e as average_norm
from adanorm_verify.paper.norm_correction import s as corrected
from adanorm_verify.reference import initial_state, step
from theory.counterexample_runs import BASES, HORIZONS, MEASURED, RATES, regrets

ROUNDS = 3000
FOUR_DECIMALS = 5e-5
REFERENCES = {"adam": "adamnorm", "diffgrad": "diffgradnorm", "radam": "radamnorm", "adabelief": "adabeliefnorm"}
TORCH = {
    "adam": (torch.optim.Adam, optim.AdamNorm),
    "diffgrad": (optim.DiffGrad, optim.DiffGradNorm),
    "radam": (torch.optim.RAdam, optim.RAdamNorm),
    "adabelief": (optim.AdaBelief, optim.AdaBeliefNorm),
}


def loss_and_gradient(t: int, x: float) -> tuple[float, float]:
    """f_t(x) - f_t(-1) and the gradient: 3|x + 1|, |x - 1|, |x - 1| in turn."""
    if t % 3 == 1:
        return 3 * abs(x + 1), 3.0 if x >= -1 else -3.0
    return abs(x - 1) - 2, 1.0 if x >= 1 else -1.0


def averages(move: Callable[[float], float], start: float = 0.0) -> list[float]:
    """R(t)/t after each round; `move` takes a gradient and returns the next point."""
    x, total, found = start, 0.0, []
    for t in range(1, ROUNDS + 1):
        loss, gradient = loss_and_gradient(t, x)
        total += loss
        found.append(total / t)
        x = move(gradient)
    return found


def by_reference(name: str) -> list[float]:
    equations, hyperparameters = algorithm(name), Hyperparameters()
    state = initial_state(equations, [0.0])

    def move(gradient: float) -> float:
        nonlocal state
        state, _ = step(equations, state, [gradient], hyperparameters)
        return float(state.values["theta"][0])

    return averages(move)


def by_torch(make: Callable[..., torch.optim.Optimizer], correction: bool = False, **options: object) -> list[float]:
    """With `correction` the gradient is corrected before the optimizer sees it."""
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = make([parameter], lr=1e-3, **options)
    e = np.zeros(1)

    def move(gradient: float) -> float:
        nonlocal e
        g = np.array([gradient])
        e = average_norm(0.95, e, np.abs(g))
        parameter.grad = torch.from_numpy(corrected(g, e, np.abs(g)) if correction else g)
        optimizer.step()
        return parameter.item()

    return averages(move)


def linear(found: list[float]) -> bool:
    return min(found[999:]) > 0.3 and found[-1] > found[999]


def falling(found: list[float]) -> bool:
    return found[-1] < found[1999] < found[999]


@pytest.mark.parametrize("base", REFERENCES)
def test_references(base):
    without, with_correction = by_reference(base), by_reference(REFERENCES[base])
    assert falling(without)
    assert linear(with_correction)
    assert without[999] == pytest.approx(MEASURED["0.001"][base][0], abs=FOUR_DECIMALS)
    assert with_correction[999] == pytest.approx(MEASURED["0.001"][f"{base}+"][0], abs=FOUR_DECIMALS)


@pytest.mark.parametrize("base", TORCH)
def test_torch(base):
    without, with_correction = (by_torch(make) for make in TORCH[base])
    assert falling(without)
    assert linear(with_correction)
    assert without[999] == pytest.approx(MEASURED["0.001"][base][0], abs=FOUR_DECIMALS)
    assert with_correction[999] == pytest.approx(MEASURED["0.001"][f"{base}+"][0], abs=FOUR_DECIMALS)


def test_torch_sgd_and_amsgrad():
    assert falling(by_torch(torch.optim.SGD))
    assert linear(by_torch(torch.optim.SGD, correction=True))
    assert falling(by_torch(torch.optim.Adam, amsgrad=True))


def test_what_was_measured():
    """The first two columns, again."""
    for rate in RATES:
        for base in BASES:
            for correction in (False, True):
                row = MEASURED[rate][base + "+" * correction]
                assert len(row) == len(HORIZONS)
                assert regrets(base, correction, rate, HORIZONS[1]) == row[:2]
