"""The paper's Figure 3 on a small network: norms of gradients while Adam and AdamNorm train it.

The paper plots "the mean gradient norm using the optimizers", and says that it is "significantly greater" with the
correction, not whether it is the norm of the gradient or of what replaces it in the first moment. Both are kept here,
per parameter tensor, as the optimizer sees them: of g for either optimizer, of s = max(1, e/||g||) g for AdamNorm.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from ..optim import AdamNorm
from .imbalance import interval
from .powers import LEVEL

DEFAULTS: dict[str, Any] = {
    "steps": 600,
    "batch": 64,
    "lr": 1e-3,
    "gamma": 0.95,
    "seeds": 3,
    "windows": 60,
    "data": "digits",
    "seed": 0,
}
DATA = ("digits", "made-up")
CLASSES, SIDE = 10, 8
HELD_OUT = 0.25
"""Of the examples, for the test accuracy."""
METHODS = ("adam", "adamnorm")
NORMAL = float(stats.norm.isf((1 - LEVEL) / 2))
"""The 97.5 % quantile of the normal law."""
STILL = 0.02
"""Of the steps at the start, whose norms are of the averages' filling, left out of the mean over the training."""


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that cannot be trained with.

    Raises:
        ValueError: the key, its value, and what is allowed.
    """
    for key in settings:
        if key not in DEFAULTS:
            raise ValueError(f"unknown setting {key!r} of kind norms; it has {', '.join(DEFAULTS)}")
    full = {**DEFAULTS, **settings}
    limits = {"steps": (10, 10**6), "batch": (1, 1024), "seeds": (2, 100), "windows": (1, 1000), "seed": (0, 2**31)}
    for key, (least, most) in limits.items():
        value = full[key]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{key} must be a whole number in [{least}, {most}], got {value!r}")
    for key, allowed, holds in (("lr", "> 0", lambda x: 0 < x < np.inf), ("gamma", "in [0, 1)", lambda x: 0 <= x < 1)):
        value = full[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not holds(value):
            raise ValueError(f"{key} must be {allowed}, got {value!r}")
    if full["data"] not in DATA:
        raise ValueError(f"data must be one of {', '.join(DATA)}, got {full['data']!r}")
    if full["windows"] > full["steps"]:
        raise ValueError(f"windows must be at most steps, {full['steps']}, got {full['windows']!r}")


def examples(data: str, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images (n, 1, 8, 8) and classes to train with, and others to test with.

    Args:
        data: scikit-learn's digits (1797 images), or images of ten made-up patterns in noise.
        seed: of which are held out.

    Raises:
        ValueError: scikit-learn is wanted and not installed.
    """
    random = np.random.default_rng([seed, 2])
    if data == "digits":
        try:
            from sklearn.datasets import load_digits
        except ImportError:
            raise ValueError("data 'digits' needs scikit-learn (pip install adanorm-verify[data])") from None
        images, classes = load_digits(return_X_y=True)
        images = images / 16
    else:
        patterns = np.random.default_rng(0).random((CLASSES, SIDE * SIDE))
        classes = random.integers(CLASSES, size=1800)
        images = patterns[classes] + 0.5 * random.standard_normal((len(classes), SIDE * SIDE))
    order = random.permutation(len(images))
    x = torch.tensor(images[order], dtype=torch.float32).reshape(-1, 1, SIDE, SIDE)
    y = torch.tensor(classes[order], dtype=torch.int64)
    held = round(HELD_OUT * len(x))
    return x[held:], y[held:], x[:held], y[:held]


def network(seed: int) -> nn.Module:
    """Two convolutions and a linear layer: six parameter tensors, 6,090 parameters."""
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    made = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * (SIDE // 4) ** 2, CLASSES)),
    )
    torch.random.set_rng_state(state)
    return made


def train(name: str, full: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """One training on one thread.

    Returns:
        `raw`, `corrected` (steps, tensors): norms of g and of s; `lifted`, the share of the two that differ;
        `accuracy` on what was held out, `tested`, how many examples those are; `loss` of the last tenth of the steps.
    """
    x, y, test_x, test_y = examples(full["data"], seed)
    model = network(seed)
    parameters = list(model.parameters())
    if name == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(parameters, lr=full["lr"])
    else:
        optimizer = AdamNorm(parameters, lr=full["lr"], gamma=full["gamma"])
    random = np.random.default_rng([seed, 3])
    raw = np.zeros((full["steps"], len(parameters)))
    average, averages, losses = np.zeros(len(parameters)), np.zeros_like(raw), []
    for number in range(full["steps"]):
        chosen = torch.as_tensor(random.integers(len(x), size=full["batch"]))
        loss = nn.functional.cross_entropy(model(x[chosen]), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        raw[number] = [float(torch.linalg.vector_norm(one.grad.double())) for one in parameters if one.grad is not None]
        average = full["gamma"] * average + (1 - full["gamma"]) * raw[number]
        averages[number] = average
        optimizer.step()
        losses.append(float(loss.detach()))
    # s is as long as the longer of g and e, unless g is zero
    corrected = np.where(raw > 0, np.maximum(raw, averages), raw) if name == "adamnorm" else raw
    with torch.no_grad():
        right = model(test_x).argmax(1) == test_y
    return {
        "raw": raw,
        "corrected": corrected,
        "lifted": float(np.mean(corrected > raw)),
        "accuracy": float(right.double().mean()),
        "tested": len(test_y),
        "loss": float(np.mean(losses[-max(len(losses) // 10, 1) :])),
    }


def measure(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Train with both optimizers, and say how their gradients' norms compare.

    Args:
        settings: any of `DEFAULTS`.

    Returns:
        `curves`: to `adam` and `adamnorm` and there to `raw` and `corrected`, the mean norm over tensors in windows of
        steps, with `low` and `high` over seeds; `ratios` of means over the training, to Adam's norm of g, with 95 %
        intervals over seeds; `lifted`; `accuracy` with its intervals; `sentence`, `verdict` and `why`.

    Raises:
        ValueError: as `check`, or scikit-learn is not installed.
    """
    check(settings)
    full = {**DEFAULTS, **settings}
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        seeds = range(full["seed"], full["seed"] + full["seeds"])
        runs = {name: [train(name, full, seed) for seed in seeds] for name in METHODS}
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
    kept = slice(int(STILL * full["steps"]), None)
    plain = np.array([run["raw"][kept].mean() for run in runs["adam"]])
    ratios = {
        kind: _interval(np.array([run[kind][kept].mean() for run in runs["adamnorm"]]) / plain)
        for kind in ("raw", "corrected")
    }
    accuracy = {name: _accuracy(runs[name]) for name in METHODS}
    return {
        **{key: full[key] for key in DEFAULTS},
        "step": _windows(np.arange(1, full["steps"] + 1)[:, None], full["windows"]).tolist(),
        "curves": {
            name: {kind: _curve([run[kind] for run in runs[name]], full["windows"]) for kind in ("raw", "corrected")}
            for name in METHODS
        },
        "ratios": ratios,
        "lifted": float(np.mean([run["lifted"] for run in runs["adamnorm"]])),
        "accuracy": accuracy,
        "loss": {name: float(np.mean([run["loss"] for run in runs[name]])) for name in METHODS},
        "sentence": "The gradient norm is significantly greater with the correction than without.",
        **_verdict(ratios),
        "accuracies": _accuracies(accuracy),
    }


def _windows(values: np.ndarray, windows: int) -> np.ndarray:
    """(steps, tensors) as means over tensors and over windows of steps."""
    return np.array([part.mean() for part in np.array_split(values, windows)])


def _curve(values: list[np.ndarray], windows: int) -> dict[str, list[float]]:
    every = np.array([_windows(one, windows) for one in values])
    return {"mean": every.mean(0).tolist(), "low": every.min(0).tolist(), "high": every.max(0).tolist()}


def _interval(values: np.ndarray) -> dict[str, float]:
    return dict(zip(("mean", "low", "high"), interval(values), strict=True))


def _accuracy(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Of all seeds together, with Wilson's interval of that many examples (of which some are tested twice)."""
    n = sum(run["tested"] for run in runs)
    p = sum(run["accuracy"] * run["tested"] for run in runs) / n
    middle = (p + NORMAL**2 / (2 * n)) / (1 + NORMAL**2 / n)
    half = NORMAL * sqrt(p * (1 - p) / n + NORMAL**2 / (4 * n**2)) / (1 + NORMAL**2 / n)
    return {"mean": p, "low": middle - half, "high": middle + half, "tested": n}


def _said(ratio: Mapping[str, float]) -> str:
    if ratio["low"] > 1:
        return "greater"
    return "smaller" if ratio["high"] < 1 else "not told apart"


def _verdict(ratios: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """The sentence about norms, of g and of s."""
    said = {kind: _said(ratio) for kind, ratio in ratios.items()}
    figures = {kind: f"{one['mean']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" for kind, one in ratios.items()}
    verdict = {
        ("greater", "greater"): "holds",
        ("greater", "smaller"): "of s only",
        ("greater", "not told apart"): "of s only",
    }
    return {
        "verdict": verdict.get((said["corrected"], said["raw"]), "fails"),
        "why": f"over Adam's mean norm of g: s of AdamNorm {figures['corrected']} ({said['corrected']}), its g "
        f"{figures['raw']} ({said['raw']})",
    }


def _accuracies(accuracy: Mapping[str, Mapping[str, float]]) -> str:
    """A sentence on the two accuracies."""
    one, other = accuracy["adamnorm"], accuracy["adam"]
    n, m = one["tested"], other["tested"]
    apart = one["mean"] - other["mean"]
    half = NORMAL * sqrt(one["mean"] * (1 - one["mean"]) / n + other["mean"] * (1 - other["mean"]) / m)
    told = "cannot be told apart" if abs(apart) <= half else "differ"
    return (
        f"Test accuracy {one['mean']:.2%} with AdamNorm and {other['mean']:.2%} with Adam, a difference of "
        f"{apart:+.2%} ± {half:.2%} on {n} examples each: they {told}."
    )
