"""Hyperparameters that do nothing: a value that is written into the code."""

from .deviation import Deviation, fixed

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
