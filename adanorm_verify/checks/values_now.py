"""What a list may mean by values that change in mid-run: its bias corrections, averages and maxima."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..paper import PREVIOUS, Algorithm, Equation


class Powers:
    """In the place of a beta: its power `t` is the product of the betas so far."""

    def __init__(self, product: Any) -> None:
        self.product = product

    def __pow__(self, t: Any) -> Any:
        return self.product


def running_products(algorithm: Algorithm) -> Algorithm:
    """The list with products of the betas that were in the place of the powers of the beta that is."""
    for beta in ("beta1", "beta2"):
        algorithm = with_product(algorithm, beta)
    return algorithm


def with_product(algorithm: Algorithm, beta: str) -> Algorithm:
    """The product of one beta; what reads it together with `t` reads its power."""
    product, power = f"{beta}_product", f"{beta}_powers"
    listed = [
        equation.reading(**{name: power for name, q in equation.inputs.items() if q == beta})
        if {beta, "t"} <= set(equation.inputs.values())
        else equation
        for equation in algorithm.equations
    ]
    multiplied = Equation(
        product,
        lambda now, before, t: now if t == 1 else before * now,
        "Π β",
        extent="step",
        reads={"now": beta, "before": product + PREVIOUS},
    )
    powers = Equation(power, Powers, "Π β", extent="step", reads={"product": product})
    return replace(algorithm, equations=(multiplied, powers, *listed))


SUM, UNBIASED = 0.0, 1.0
"""Forms in which an average may be kept: divided by `1 - beta`, or by `1 - beta^t`."""


def rescaled(algorithm: Algorithm, kept: float) -> Algorithm:
    """The list whose averages are kept in another form, which the factor that is now turns back."""
    for average, factor in {"m": "beta1", "v": "beta2", "e": "gamma"}.items():
        if average + PREVIOUS in (algorithm[average].inputs.values() if average in algorithm else ()):
            algorithm = with_form(algorithm, average, factor, kept)
    return algorithm


def with_form(algorithm: Algorithm, average: str, factor: str, kept: float) -> Algorithm:
    """One average in another form: its past is that of the factor now."""

    def turned_back(past: Any, now: Any, before: Any, t: Any) -> Any:
        if t == 1:
            return past
        return past * ((1 - now) / (1 - before) if kept == SUM else (1 - now ** (t - 1)) / (1 - before ** (t - 1)))

    own, name = f"{average}_past", f"{factor}_of_{average}"
    reads = {"past": average + PREVIOUS, "now": factor, "before": name + PREVIOUS}
    past = Equation(own, turned_back, f"{average}_{{t−1}}", reads=reads)
    factor_now = Equation(name, lambda now: now, factor, extent="step", reads={"now": factor})
    reading = algorithm[average].reading(**readers(algorithm[average], average + PREVIOUS, own))
    others = (reading if equation.name == average else equation for equation in algorithm.equations)
    return replace(algorithm, equations=(past, factor_now, *others))


def previous_turned(algorithm: Algorithm, at: float) -> Algorithm:
    """The previous gradient has the other sign at step `at`: it was kept as the caller gave it."""
    previous = "g" + PREVIOUS
    turned = Equation("g_turned", lambda kept, t: -kept if t == at else kept, "g_{{t−1}}", reads={"kept": previous})
    listed = (
        equation.reading(**{name: "g_turned" for name, q in equation.inputs.items() if q == previous})
        for equation in algorithm.equations
    )
    return replace(algorithm, equations=(turned, *listed)) if "g" in algorithm.state else algorithm


def maximum_until(algorithm: Algorithm, end: float) -> Algorithm:
    """The list divides by the largest v so far, as AMSGrad does, and from step `end` on by v again."""
    return keeping(algorithm, lambda largest, v, t: largest if t < end else v, 1)


def maximum_since(algorithm: Algorithm, start: float, kept: float) -> Algorithm:
    """The list divides by the largest v since step `kept`, from step `start` on; before that by v."""
    return keeping(algorithm, lambda largest, v, t: largest if t >= start else v, kept)


def keeping(algorithm: Algorithm, choice: Any, kept: float) -> Algorithm:
    """What stands behind v reads `choice` of the largest v since step `kept` and v."""
    at = algorithm.names.index("v") + 1
    largest = Equation(
        "v_max", lambda v_max_prev, v, t: np.maximum(v_max_prev, v) if t > kept else v, "max(v_max_{{t−1}}, v_t)"
    )
    chosen = Equation("v_chosen", choice, "v", reads={"largest": "v_max"})
    behind = (equation.reading(**readers(equation, "v", "v_chosen")) for equation in algorithm.equations[at:])
    return replace(algorithm, equations=(*algorithm.equations[:at], largest, chosen, *behind))


def readers(equation: Equation, quantity: str, other: str) -> dict[str, str]:
    """The parameters of an equation that read a quantity, to be given another."""
    return {name: other for name, read in equation.inputs.items() if read == quantity}
