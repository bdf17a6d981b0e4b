"""Numbers that are kept in a coarse format: hyperparameters rounded before use, and scalars made of the step count."""

from functools import reduce

from ..paper.decisions import convention
from .deviation import Change, Deviation, both

HYPERPARAMETERS = (
    ("lr", "theta", ("lr",)),
    ("betas", "m", ("beta1", "beta2")),
    ("gamma", "e", ("gamma",)),
    ("eps", "denominator", ("eps",)),
)
"""Each with the equation that reads it first, and the paper's names."""


def kept_in(dtype: str, *names: str) -> Change:
    return reduce(both, (convention(f"{name}_in", dtype) for name in names))


def rounded_to(dtype: str) -> tuple[Deviation, ...]:
    return tuple(
        Deviation(
            f"{name}-in-{dtype}",
            "defect",
            f"{name} {'are' if name == 'betas' else 'is'} rounded to {dtype} before use",
            equation,
            kept_in(dtype, *names),
            names,
        )
        for name, equation, names in HYPERPARAMETERS
    )


ROUNDED = (*rounded_to("bfloat16"), *rounded_to("float16"))
"""Hyperparameters in half formats."""
ROUNDED_TO_SINGLE = rounded_to("float32")
"""The same in float32, which only float64 tensors show."""

RUNNING_PRODUCTS = tuple(
    Deviation(
        "powers-in-float32",
        "defect",
        f"beta^t is a running product kept in float32{of}",
        "theta",
        convention("scalars", scalars),
    )
    for scalars, of in (("float32 products", ""), ("float32 products of doubles", ", multiplied by beta in double"))
)
SCALARS_IN_SINGLE = Deviation(
    "scalars-in-float32",
    "convention",
    "what is computed from the step count (beta^t, bias corrections, rectification) is computed in float32",
    "theta",
    convention("scalars", "float32"),
)
IN_SINGLE = Deviation(
    "computed-in-float32",
    "defect",
    "float64 tensors are computed, or their state is kept, in float32",
    "theta",
    convention("arithmetic", "float32"),
)
"""Not searched like the others: it is seen in the numbers that a float64 run keeps; the rest is searched from there."""
