"""What a state key holds: the quantity that its name says, or another form of it, told from the values of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from .comparison import follows
from .interface import Snapshot
from .paper import Algorithm
from .paper.equations import GIVEN, PREVIOUS
from .trajectory import Quantities

Steps = Sequence[Sequence[Quantities | None]]
DECAYS = ("beta1", "beta2", "gamma")


def reassigned(
    mapping: Mapping[str, str], algorithm: Algorithm, steps: Steps, snapshots: Sequence[Sequence[Snapshot]]
) -> tuple[dict[str, str], dict[str, str]]:
    """The mapping with every key that keeps another form of its quantity mapped to that one where the list has it,
    and without it elsewhere; and state key to the form, as text.

    Args:
        mapping: state key to the quantity that its name says.
        algorithm: the list.
        steps: of its envelope.
        snapshots: with all state keys.
    """
    kept, forms = dict(mapping), {}
    for key, quantity in mapping.items():
        if quantity not in algorithm or follows(key, itemgetter(quantity), steps, snapshots):
            continue
        for text, value in (*listed_forms(algorithm, quantity), *other_forms(algorithm, quantity)):
            if text not in kept.values() and follows(key, value, steps, snapshots):
                forms[key] = text
                del kept[key]
                kept |= {key: text} if text in algorithm else {}
                break
    return kept, forms


def listed_forms(algorithm: Algorithm, quantity: str) -> Iterator[tuple[str, Callable[[Quantities], Any]]]:
    """Quantities that are made of this one and of scalars alone, such as m_hat of m."""
    alike = {quantity}
    for equation in algorithm.equations:
        made_of = {q for q in equation.inputs.values() if not scalar(algorithm, q)}
        if equation.extent != "step" and equation.name != "theta" and made_of and made_of <= alike:
            alike.add(equation.name)
            yield equation.name, itemgetter(equation.name)


def scalar(algorithm: Algorithm, quantity: str) -> bool:
    """Whether it is one number a step: a hyperparameter, a constant, the step, or made of these."""
    given = quantity in GIVEN and quantity not in ("g", "g_vector")
    return given or quantity in algorithm.constants or algorithm.extent(quantity) == "step"


def other_forms(algorithm: Algorithm, quantity: str) -> Iterator[tuple[str, Callable[[Quantities], Any]]]:
    """Forms that no line of the list has: debiased, and under a root."""
    inputs = algorithm[quantity].inputs.values()
    decay = next((name for name in DECAYS if name in inputs), None)
    if decay is not None and quantity + PREVIOUS in inputs:
        yield f"{quantity}/(1 - {decay}^t)", lambda known: known[quantity] / (1 - known[decay] ** known["t"])
    yield f"sqrt({quantity})", lambda known: np.sqrt(known[quantity])
