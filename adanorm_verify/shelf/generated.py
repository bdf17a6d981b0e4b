"""Optimizers generated from the paper's lists: the lists as printed, with each deviation, and with pairs of them."""

from __future__ import annotations

import random
from itertools import combinations

from ..deviations import DEVIATIONS, Deviation, fixed
from ..paper import ALGORITHMS, Algorithm, algorithm
from .interpreted import Interpreted, InterpretedNorm

HARD_CODED = {
    "gamma": 0.9, "beta1": 0.8, "beta2": 0.98, "eps": 1e-6, "weight_decay": 1e-2,
    "value_bound": 3.0, "norm_bound": 1.5, "warmup_steps": 7.0,
}  # fmt: skip
"""What stands in the code of an optimizer with a number of its own: none is the paper's default."""
PAIRS = 60
"""Pairs of deviations generated for each algorithm."""
PAPER = {name: algorithm(name) for name in ALGORITHMS}
GUARDED = algorithm("adamnorm", {"guard": "decaying"})


def changed(paper: Algorithm, *deviations: Deviation) -> Algorithm:
    """The list with every deviation in it, one after the other."""
    for deviation in deviations:
        paper = deviation.change(paper)
        if deviation.solves:
            paper = fixed(deviation.solves, HARD_CODED[deviation.solves])(paper)
    return paper


def concerning(paper: Algorithm) -> list[Deviation]:
    return [deviation for deviation in DEVIATIONS if deviation.concerns(paper)]


def compatible(paper: Algorithm, first: Deviation, second: Deviation) -> bool:
    """Whether both replace something, and neither what the other put there, in either order."""
    return (
        first.equation != second.equation
        and second.concerns(changed(paper, first))
        and first.concerns(changed(paper, second))
        and formulas(changed(paper, first, second)) == formulas(changed(paper, second, first))
    )


def formulas(listed: Algorithm) -> dict[str, object]:
    """What each equation computes, for comparing lists: their order apart."""
    code = {e.name: (e.function.__code__, tuple(e.inputs.items())) for e in listed.equations}
    return {**code, "": (dict(listed.constants), dict(listed.conventions))}


def sampled(paper: Algorithm, number: int = PAIRS) -> list[tuple[Deviation, Deviation]]:
    """Compatible pairs of deviations, drawn with the algorithm's name as the seed."""
    pairs = list(combinations(concerning(paper), 2))
    random.Random(paper.name).shuffle(pairs)
    fitting = (pair for pair in pairs if compatible(paper, *pair))
    return [pair for pair, _ in zip(fitting, range(number), strict=False)]


def named(paper: Algorithm, *deviations: Deviation) -> type[Interpreted]:
    """The optimizer class of a list, put into this module so that other processes find it."""
    guard = "cap" in paper
    title = ("Guarded" if guard else "") + paper.title[0].upper() + paper.title[1:]
    name = title + ("And".join(camel(deviation.name) for deviation in deviations) or "Listed")
    if name in globals():
        raise ValueError(f"two generated optimizers have the name {name}")
    body = {
        "__doc__": "; ".join(deviation.meaning for deviation in deviations) or "The list as printed.",
        "__module__": __name__,
        "algorithm": paper.name,
        "decisions": {"guard": "decaying"} if guard else {},
        "listed": changed(paper, *deviations),
        "deviations": tuple(deviation.name for deviation in deviations),
    }
    base = InterpretedNorm if "s" in paper else Interpreted
    globals()[name] = made = type(name, (base,), body)
    return made


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


GENERATED_FAITHFUL = tuple(named(paper) for paper in (*PAPER.values(), GUARDED))
OF_GUARD = tuple(deviation for deviation in concerning(GUARDED) if "cap" in (deviation.equation, *deviation.needs))
BEHIND_V = ("v", "v_max", "v_hat", "root", "denominator", "ratio")
"""Where AMSGrad's lists are not Adam's: elsewhere a deviation of the one is that of the other."""
GENERATED = (
    *(
        named(paper, deviation)
        for paper in PAPER.values()
        for deviation in concerning(paper)
        if "v_max" not in paper or deviation.equation in BEHIND_V
    ),
    *(named(GUARDED, deviation) for deviation in OF_GUARD),
)
GENERATED_PAIRS = tuple(named(paper, *pair) for paper in PAPER.values() for pair in sampled(paper))
