"""A method: an algorithm's list with the steps and momentum that the theory gives it, as more equations of the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

import numpy as np

from ..paper import ALGORITHMS, HYPERPARAMETERS, Algorithm, Equation, Hyperparameters
from ..paper.controls import CONTROLS
from ..paper.decisions import BY_KEY, decided


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
        ValueError: an unknown name, a number outside its range, or a decision that the optimizer does not have.
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
        if self.steps not in tuple(STEPS):
            raise ValueError(f"unknown steps {self.steps!r}; they are {', '.join(STEPS)}")
        if self.decay is not None and not 0 < _number("decay", self.decay) <= 1:
            raise ValueError(f"decay must be in (0, 1], got {self.decay!r}")
        self.decided  # noqa: B018  (refuses a decision that the optimizer does not have)

    @property
    def decided(self) -> Algorithm:
        """The list as it is printed, with every open question answered."""
        return decided({**ALGORITHMS, **CONTROLS}[self.name], dict(self.decisions))

    @property
    def listed(self) -> Algorithm:
        """The list that is played, without a projection."""
        plain = self.decided
        found = _reading(plain, "lr", Equation("lr_t", STEPS[self.steps], "α_t", extent="step"))
        if self.decay is not None and "m" in plain and "beta1" in plain["m"].inputs.values():
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


DEFAULTS: Mapping[str, Any] = {
    **{name: float(value) for name, value in Hyperparameters().items().items()},
    "steps": "inverse-root",
    "decay": None,
    "guard": None,
}
"""What the settings of an optimizer may hold besides its name, with what is meant where they do not."""


def method_of(settings: Mapping[str, Any]) -> Method:
    """The method that settings name.

    Args:
        settings: `name`, and any of `DEFAULTS`; `guard` is None, "none" or "decaying".

    Raises:
        ValueError: a key that is not known, no name, or a value that is not allowed, with the key and the value.
    """
    if not isinstance(settings, Mapping):
        raise ValueError(f"an optimizer is a name, or a table with a name, got {settings!r}")
    if unknown := [key for key in settings if key != "name" and key not in DEFAULTS]:
        raise ValueError(f"unknown optimizer setting {unknown[0]!r}; the settings are name, {', '.join(DEFAULTS)}")
    if "name" not in settings:
        raise ValueError(f"an optimizer needs a name; the optimizers are {', '.join((*ALGORITHMS, *CONTROLS))}")
    known = {**DEFAULTS, **settings}
    numbers = {name: _number(name, known[name]) for name in HYPERPARAMETERS}
    guards = tuple(BY_KEY["guard"].options)
    if known["guard"] not in (None, *guards):
        raise ValueError(f"guard must be null or one of {', '.join(guards)}, got {known['guard']!r}")
    answers = (("guard", known["guard"]),) if known["guard"] in guards[1:] else ()  # "none" may be said of all
    return Method(known["name"], Hyperparameters(**numbers), known["steps"], known["decay"], answers)


def _number(key: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{key} must be a number, got {value!r}")
    return value


def label(settings: Mapping[str, Any]) -> str:
    """A name for people: the optimizer as the paper spells it, and in brackets what is not the default.

    Two settings have the same label only where they mean the same method.

    Raises:
        ValueError: as `method_of`.
    """
    method_of(settings)
    title = {**ALGORITHMS, **CONTROLS}[settings["name"]].title
    known = {**settings, "guard": None if settings.get("guard") == "none" else settings.get("guard")}
    told = [f"{key}={_shown(known[key])}" for key, value in DEFAULTS.items() if known.get(key, value) != value]
    return f"{title} ({', '.join(told)})" if told else title


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else repr(float(value)).removesuffix(".0")
