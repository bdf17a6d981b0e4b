"""Problems by name, each with a sentence.

Reddi: Reddi, Kale and Kumar, "On the Convergence of Adam and Beyond", ICLR 2018. Experts: Cesa-Bianchi and Lugosi,
"Prediction, Learning, and Games", 2006, chapter 2.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from .problems import WORD, Problem, periodic, table
from .sets import Feasible, Kind

Builder = Callable[..., Problem]
"""Of keywords: `seed`, where it draws a table; `dimension`, where that may vary; and numbers of its own."""
ROWS = 300
"""Of a synthetic table."""
SETS: dict[str, Kind] = {"": "box", "-box": "box", "-ball": "ball", "-simplex": "simplex"}
"""Ending of a name to the set of linear losses; without an ending, the interval [-1, 1]."""


# linear losses ---------------------------------------------------------------------------------------------------


def made_up(sampling: Any, kind: Kind, about: str, *, dimension: int, scale: float) -> Problem:
    empty = np.zeros((0, dimension)), np.zeros(0), np.zeros(0)
    return Problem(about, "linear", Feasible(kind, dimension), sampling, *empty, scale=scale)


def random_rows(about: str, feasible: Feasible, rows: Any, chances: np.ndarray | None = None) -> Problem:
    a, y, w = table(rows)
    return Problem(about, "linear", feasible, "iid", a, y, w, chances)


def signs(kind: Kind, about: str, *, dimension: int) -> Problem:
    return made_up("signs", kind, about, dimension=dimension, scale=1.0)


def heavy(kind: Kind, about: str, *, dimension: int, index: float = 1.5) -> Problem:
    return made_up("heavy", kind, about, dimension=dimension, scale=_above("index", index, 1))


def drift(kind: Kind, about: str, *, dimension: int, period: float = 10.0) -> Problem:
    return made_up("drift", kind, about, dimension=dimension, scale=_above("period", period, 0))


def turns(kind: Kind, about: str, *, dimension: int, seed: int, rows: int = 7) -> Problem:
    drawn = np.random.default_rng([seed, 1]).integers(-3, 4, (_whole("rows", rows), dimension))
    return Problem(about, "linear", Feasible(kind, dimension), "cyclic", *table(drawn))


def two_point(kind: Kind, about: str, *, dimension: int, large: float = 10.0, chance: float = 0.1) -> Problem:
    """`large` with that chance, -1 else, times a fixed direction of which no two coordinates are equal."""
    way = np.cos(np.arange(dimension))
    return random_rows(about, Feasible(kind, dimension), [_above("large", large, 0) * way, -way], _chances(chance))


def gradients(about: str, *, gradients: Any = (1.0, -1.0)) -> Problem:
    try:
        turn = np.asarray(gradients, dtype=np.float64)
    except (TypeError, ValueError):
        turn = np.zeros(0)
    if turn.ndim != 1 or not turn.size or not np.all(np.isfinite(turn)):
        raise ValueError(f"gradients = {gradients!r}; they are a list of numbers")
    return periodic(turn.tolist(), name=f"{about}: {', '.join(f'{g:g}' for g in turn)}")


def reddi(about: str, *, C: float = 3.0) -> Problem:
    return periodic([_above("C", C, 2), -1, -1], name=f"{about}, C = {C:g}")


def reddi_random(about: str, *, C: float = 20.0, delta: float = 0.1) -> Problem:
    chance = (1 + _above("delta", delta, 0)) / (_above("C", C, delta) + 1)
    return random_rows(f"{about}, C = {C:g}", Feasible("box", 1), [[C], [-1.0]], _chances(chance))


def reddi_experiment(about: str) -> Problem:
    return periodic([1010.0] + [-10.0] * 100, name=about)


def reddi_experiment_random(about: str) -> Problem:
    return random_rows(about, Feasible("box", 1), [[1010.0], [-10.0]], _chances(0.01))


def experts(about: str, *, dimension: int, seed: int) -> Problem:
    """Losses in [0, 1]; the mean of expert i is about (1 + i/d)/3."""
    rng = np.random.default_rng([seed, 2])
    shape = 1 + np.arange(dimension) / dimension
    losses = rng.uniform(0, 1, (ROWS, dimension)) ** (3 / shape - 1)  # u^k has mean 1/(k + 1)
    return random_rows(about, Feasible("simplex", dimension), losses)


def rotating_experts(about: str, *, dimension: int) -> Problem:
    """In turn each expert loses 1, and so no leader stays one; the first losses break the tie."""
    return Problem(about, "linear", Feasible("simplex", dimension), "cyclic", *table(np.eye(dimension)))


# predictions -----------------------------------------------------------------------------------------------------


def counterexample(about: str) -> Problem:
    rows = table([[1.0], [1.0], [1.0]], [-1.0, 1.0, 1.0], [3.0, 1.0, 1.0])
    return Problem(about, "absolute", Feasible("line", 1), "cyclic", *rows)


def synthetic(link: str, kind: Kind, about: str, *, dimension: int, seed: int) -> Problem:
    """Rows uniform in [-1, 1]^d, labels of a hidden point in the set with noise of half their size."""
    rng = np.random.default_rng([seed, 3])
    feasible = Feasible(kind, dimension)
    a = rng.uniform(-1, 1, (ROWS, dimension))
    z = a @ feasible.project(rng.uniform(-1, 1, dimension))
    z = z + rng.normal(0, np.std(z) / 2, ROWS)
    return Problem(about, link, feasible, "iid", a, labels(link, z), np.ones(ROWS))


def labels(link: str, z: np.ndarray) -> np.ndarray:
    """What a link has as labels: z itself, its sign as 1 or -1, or as 1 or 0."""
    return {"hinge": np.where(z > 0, 1.0, -1.0), "logistic": np.where(z > 0, 1.0, 0.0)}.get(link, z)


def real(link: str, loader: str, about: str) -> Problem:
    """Columns centred, each divided by its largest size, with one of ones; rows of norm at most 1; box of side 20."""
    a, y = bundled(loader)
    return Problem(about, link, Feasible("box", a.shape[1], -10.0, 10.0), "iid", a, labels(link, y), np.ones(len(a)))


@cache
def bundled(loader: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows and centred targets in [-1, 1] of one of scikit-learn's sets.

    Raises:
        ValueError: scikit-learn is not installed.
    """
    try:
        from sklearn import datasets
    except ModuleNotFoundError:
        raise ValueError("real data need scikit-learn: pip install 'adanorm-verify[data]'") from None
    a, y = getattr(datasets, loader)(return_X_y=True)
    a = np.column_stack([_scaled(column) for column in np.asarray(a, np.float64).T] + [np.ones(len(a))])
    return a / np.sqrt(a.shape[1]), _scaled(np.asarray(y, np.float64))


def _scaled(column: np.ndarray) -> np.ndarray:
    centred = column - np.mean(column)
    return centred / np.max(np.abs(centred))


# names -----------------------------------------------------------------------------------------------------------

LINEAR: dict[str, tuple[Callable[..., Problem], str]] = {
    "signs": (signs, "linear losses, each coordinate of the gradient 1 or -1 by a fair coin"),
    "heavy": (heavy, "linear losses, symmetric gradients of tail x^-1.5: mean zero, no variance"),
    "drift": (drift, "linear losses, gradients cos(2 pi sqrt(t)/10 + i), ever slower"),
    "turns": (turns, "linear losses, seven gradients of small integers in turn"),
    "two-point": (two_point, "linear losses, iid: 10 with chance 0.1, -1 else, times a direction"),
}
WHERE = {"": "on [-1, 1]", "-box": "on [-1, 1]^d", "-ball": "on the unit ball", "-simplex": "on the simplex"}
STREAMS = {
    "squares": "online least squares",
    "absolute": "online regression by absolute losses",
    "hinge": "hinge losses of a noisy linear rule",
    "logistic": "online logistic regression",
}
REAL = {
    "diabetes-squares": ("squares", "load_diabetes", "least squares on the diabetes data (442 rows)"),
    "diabetes-absolute": ("absolute", "load_diabetes", "absolute losses on the diabetes data (442 rows)"),
    "cancer-hinge": ("hinge", "load_breast_cancer", "hinge losses on the breast cancer data (569 rows)"),
    "cancer-logistic": ("logistic", "load_breast_cancer", "logistic losses on the breast cancer data (569 rows)"),
}
SINGLE: dict[str, tuple[Callable[..., Problem], str]] = {
    "periodic": (gradients, "linear losses on [-1, 1], the given gradients in turn"),
    "reddi": (reddi, "C x, -x, -x in turn on [-1, 1] (Reddi, section 3, Theorem 1: C > 2)"),
    "reddi-random": (reddi_random, "C x with chance (1 + delta)/(C + 1), -x else, on [-1, 1] (Reddi, section 3)"),
    "reddi-experiment": (reddi_experiment, "1010 x once in 101 rounds, -10 x else, on [-1, 1] (Reddi, section 5)"),
    "reddi-experiment-random": (
        reddi_experiment_random,
        "1010 x with chance 0.01, -10 x else, on [-1, 1] (Reddi, section 5)",
    ),
    "counterexample": (counterexample, "3|x + 1|, |x - 1|, |x - 1| in turn on the line (the ledger's cex.adam)"),
    "experts": (experts, "expert advice: iid losses in [0, 1] on the simplex"),
    "experts-rotating": (rotating_experts, "expert advice: each expert loses in turn, so that every leader is wrong"),
}


def _named() -> tuple[dict[str, Builder], dict[str, str]]:
    builders: dict[str, Builder] = {}
    sentences: dict[str, str] = {}

    def add(name: str, build: Callable[..., Problem], *first: Any, about: str, **fixed: Any) -> None:
        builders[name], sentences[name] = partial(build, *first, about, **fixed), about

    for family, (build, about) in LINEAR.items():
        for ending, kind in SETS.items():
            fixed = {} if ending else {"dimension": 1}
            add(family + ending, build, kind, about=f"{about}, {WHERE[ending]}", **fixed)
    for link, about in STREAMS.items():
        for ending, kind in (("", "box"), ("-ball", "ball"), ("-simplex", "simplex")):
            add(link + ending, synthetic, link, kind, about=f"{about}, {ROWS} rows, {WHERE[ending or '-box']}")
    for name, (link, loader, about) in REAL.items():
        add(name, real, link, loader, about=about)
    for name, (build, about) in SINGLE.items():
        add(name, build, about=about)
    return builders, sentences


PROBLEMS, SENTENCES = _named()
"""Name to builder, and name to what the problem is in a sentence."""
DIMENSION = 5
"""Where a problem has several coordinates and none is asked for."""


def problem(given: str | Mapping[str, Any], dimension: int | None = None, seed: int = 0) -> Problem:
    """The problem of a name, or of a dict with `name`, `dimension`, `seed`, `batch` and what its builder takes.

    Args:
        given: a key of `PROBLEMS`, alone or in a dict.
        dimension: where the dict has none and the problem lets it vary; 5 when not given.
        seed: of the table, where one is drawn and the dict has none.

    Raises:
        ValueError: an unknown name or key, or a value outside its range, with what is allowed; scikit-learn is missing.
    """
    if not isinstance(given, str | Mapping):
        raise ValueError(f"a problem is a name, or a table with a name, got {given!r}")
    settings: dict[str, Any] = {"name": given} if isinstance(given, str) else dict(given)
    name = settings.pop("name", None)
    if not isinstance(name, str) or name not in PROBLEMS:
        raise ValueError(f"unknown problem {name!r}; the problems are {', '.join(PROBLEMS)}")
    build = PROBLEMS[name]
    known = [p.name for p in inspect.signature(build).parameters.values() if p.kind is p.KEYWORD_ONLY]
    fixed = build.keywords if isinstance(build, partial) else {}
    open_ = [key for key in known if key not in fixed]
    batch = settings.pop("batch", 1)
    seed = settings.pop("seed", seed)
    if unknown := [key for key in settings if key not in open_]:
        allowed = ", ".join(("name", *open_, "seed", "batch"))
        raise ValueError(f"problem {name}: unknown key {unknown[0]!r}; the keys are {allowed}")
    if "dimension" in open_:
        settings.setdefault("dimension", DIMENSION if dimension is None else dimension)
        _whole("dimension", settings["dimension"], 2 if "simplex" in name or "ball" in name or "experts" in name else 1)
        if "signs" in name and settings["dimension"] > WORD:
            raise ValueError(f"problem {name}: dimension = {settings['dimension']}; it is at most {WORD}")
    elif dimension not in (None, 1):
        raise ValueError(f"problem {name}: dimension = {dimension!r}; it has its own")
    if "seed" in open_:
        settings["seed"] = _whole("seed", seed, 0)
    found = build(**settings)
    return replace(found, batch=_whole("batch", batch)) if batch != 1 else found


def _whole(key: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{key} = {value!r}; it is a whole number >= {least}")
    return value


def _above(key: str, value: Any, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least < value < np.inf:
        raise ValueError(f"{key} = {value!r}; it is a number above {least:g}")
    return float(value)


def _chances(chance: Any) -> np.ndarray:
    if isinstance(chance, bool) or not isinstance(chance, (int, float)) or not 0 < chance < 1:
        raise ValueError(f"chance = {chance!r}; it is a number between 0 and 1")
    return np.array([chance, 1 - chance])
