"""Hyperparameters that are not what was set: written into the code, or the constructor's in every group."""

from functools import reduce

from ..paper.decisions import convention
from .deviation import Change, Deviation, both, fixed

FIXED = tuple(
    Deviation(
        f"{name}-hard-coded",
        "defect",
        f"{name} is hard-coded",
        quantity,
        fixed(name, 0.0),  # the diagnosis finds the value
        (name,),
        solves=name,
    )
    for name, quantity in (("gamma", "e"), ("beta1", "m"), ("beta2", "v"), ("eps", "denominator"))
)


def of_constructor(*names: str) -> Change:
    return reduce(both, (convention(f"{name}_of", "constructor") for name in names))


SHARED = tuple(
    Deviation(
        f"{name}-of-constructor",
        "defect",
        f"every group has the constructor's {name}, whatever its own is",
        equation,
        of_constructor(*names),
        names,
    )
    for name, equation, names in (
        ("lr", "theta", ("lr",)),
        ("betas", "m", ("beta1", "beta2")),
        ("beta1", "m", ("beta1",)),
        ("beta2", "v", ("beta2",)),
        ("gamma", "e", ("gamma",)),
        ("eps", "denominator", ("eps",)),
    )
)
