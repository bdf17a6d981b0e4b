"""A method: an algorithm's list with the steps and momentum that the theory gives it, as more equations of the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..paper import ALGORITHMS, Algorithm, Equation, Hyperparameters, algorithm
from ..paper.controls import CONTROLS


def constant(lr):
    return lr


def inverse_root(lr, t):
    return lr / np.sqrt(t)


def inverse(lr, t):
    return lr / t


def inverse_fourth_root(lr, t):
    return lr / np.sqrt(np.sqrt(t))


def beta1_t(beta1, decay, t):
    return beta1 * decay ** (t - 1)


STEPS: dict[str, Callable] = {
    "constant": constant,
    "inverse-root": inverse_root,
    "inverse": inverse,
    "inverse-fourth-root": inverse_fourth_root,
}
"""How alpha_t follows from alpha, by name; the theorem's is `inverse-root`."""


def metric(denominator):
    return denominator


def metric_of_friction(denominator, xi):
    return denominator / xi


def metric_of_rectified(denominator, rho_t):
    return np.where(rho_t >= 5, denominator, 1)


@dataclass(frozen=True)
class Method:
    """An optimizer as it is played.

    Args:
        name: of `ALGORITHMS` or `CONTROLS`.
        hyperparameters: the defaults when not given; one float each.
        steps: a key of `STEPS`.
        decay: lambda of beta1_t = beta1 lambda^(t-1), in (0, 1]; None for a constant beta1.
        decisions: what the paper leaves open, and `guard`.

    Raises:
        ValueError: an unknown name, or a number outside its range.
    """

    name: str
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)
    steps: str = "inverse-root"
    decay: float | None = None
    decisions: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.name not in (*ALGORITHMS, *CONTROLS):
            known = ", ".join((*ALGORITHMS, *CONTROLS))
            raise ValueError(f"unknown optimizer {self.name!r}; the optimizers are {known}")
        if self.steps not in STEPS:
            raise ValueError(f"unknown steps {self.steps!r}; they are {', '.join(STEPS)}")
        if self.decay is not None and not 0 < self.decay <= 1:
            raise ValueError(f"decay must be in (0, 1], got {self.decay!r}")

    @property
    def listed(self) -> Algorithm:
        """The list that is played, without a projection."""
        plain = CONTROLS[self.name] if self.name in CONTROLS else algorithm(self.name, dict(self.decisions))
        found = _reading(plain, "lr", Equation("lr_t", STEPS[self.steps], "α_t", extent="step"))
        if self.decay is not None and "beta1" in plain["m"].inputs.values():
            found = replace(found, constants={**found.constants, "decay": self.decay})
            average = found["m"].reading(beta1="beta1_t")
            momentum = Equation("beta1_t", beta1_t, "β1_t = β1 λ^{{t−1}}", extent="step")
            found = found.inserting(momentum, before=found.names[0]).replacing(average)
        return found.inserting(_metric(found), before="theta") if "denominator" in found else found


def _reading(plain: Algorithm, name: str, equation: Equation) -> Algorithm:
    """`plain` with `equation` in front, and its quantity read wherever `name` was."""
    readers = [
        one.reading(**{parameter: equation.name for parameter, quantity in one.inputs.items() if quantity == name})
        for one in plain.equations
        if name in one.inputs.values()
    ]
    return plain.inserting(equation, before=plain.names[0]).replacing(*readers) if readers else plain


def _metric(listed: Algorithm) -> Equation:
    """The diagonal in whose norm the step is projected: the theory's sqrt(v_hat) and the like."""
    if "xi" in listed:
        return Equation("metric", metric_of_friction, "√v̂_t/ξ_t")
    if "rho_t" in listed:
        return Equation("metric", metric_of_rectified, "√v_t where it is divided by, else 1")
    return Equation("metric", metric, "√v̂_t + ε")
