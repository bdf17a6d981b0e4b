"""Algorithms as data: an ordered list of named equations, and the few verbs that compose such lists.

An equation is a small pure function written with plain NumPy. Its parameters are the names of the quantities it
reads: hyperparameters (`lr, beta1, beta2, gamma, eps`), the step `t` (from 1), the gradient `g`, quantities defined
by earlier equations, and `x_prev` for the value of quantity `x` at the step before. Whatever can stand in for a NumPy
array (error bounds, high precision, symbols) can therefore interpret the same list.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, Literal

PREVIOUS = "_prev"

Extent = Literal["element", "tensor", "step"]
"""How far one value of a quantity reaches: one an element, one a tensor, or one a step (a host scalar)."""


@dataclass(frozen=True)
class Equation:
    """One line of an algorithm.

    Args:
        name: the quantity that the line defines.
        function: the right-hand side; its parameter names are the quantities it reads.
        printed: the line as the paper prints it; quantities that composition may exchange stand in braces.
        number: the number of the displayed equation in the paper's body, where it has one.
        extent: one value an element, a tensor or a step.
        reads: parameter name to quantity, where they differ.
    """

    name: str
    function: Callable[..., Any]
    printed: str
    number: int | None = None
    extent: Extent = "element"
    reads: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def inputs(self) -> dict[str, str]:
        """Parameter of `function` to the quantity that it is given."""
        return {name: self.reads.get(name, name) for name in parameters(self.function)}

    @property
    def text(self) -> str:
        """The printed line with the quantities that it reads in this algorithm."""
        return self.printed.format_map(_Reading(self.reads))

    @property
    def formula(self) -> str:
        """The right-hand side as Python source over quantities of this algorithm."""
        tree = ast.parse(textwrap.dedent(inspect.getsource(self.function)))
        returned = next(node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value)
        return ast.unparse(_Rename(self.inputs).visit(returned))

    def reading(self, **exchange: str) -> Equation:
        """The same line with parameters bound to other quantities: `m.reading(g="s")`."""
        return replace(self, reads={**self.reads, **exchange})

    def __call__(self, quantities: Mapping[str, Any]) -> Any:
        return self.function(*map(quantities.__getitem__, self.inputs.values()))  # in the order of the parameters


@cache
def parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's parameters."""
    return tuple(inspect.signature(function).parameters)


class _Reading(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key


class _Rename(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(self.names.get(node.id, node.id), node.ctx), node)


After = Callable[[Equation, Any, Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Algorithm:
    """An optimizer: its name, where it is printed, and its equations in order.

    Args:
        name: as the command line spells it.
        title: as the paper spells it.
        source: where it is printed: "Algorithm 2", or another paper.
        equations: the list; the last one defines `theta`.
        conventions: answers to open questions that are not equations (see `decisions`).
        constants: numbers that the list has besides its hyperparameters, or in their place (see `deviations`).
        base: the title of the algorithm that it is without its norm correction.
    """

    name: str
    title: str
    source: str
    equations: tuple[Equation, ...]
    conventions: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)
    base: str = ""

    def __post_init__(self) -> None:
        known = {*GIVEN, *self.constants}
        past = {name + PREVIOUS for name in (*self.names, *known)}
        for equation in self.equations:
            for quantity in equation.inputs.values():
                if quantity not in known and quantity not in past:
                    raise ValueError(f"{self.name}: {equation.name} reads {quantity} before a definition")
            known.add(equation.name)

    def __getitem__(self, name: str) -> Equation:
        for equation in self.equations:
            if equation.name == name:
                return equation
        raise KeyError(f"{self.name} has no equation {name!r}; it has {', '.join(self.names)}")

    def __contains__(self, name: object) -> bool:
        return name in self.names

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The quantities that the list defines, in order."""
        return tuple(equation.name for equation in self.equations)

    @cached_property
    def state(self) -> tuple[str, ...]:
        """The quantities carried from step to step, in order: those read as `x_prev`."""
        read = {q for equation in self.equations for q in equation.inputs.values()}
        return tuple(name for name in ("g", *self.names) if name + PREVIOUS in read)

    @cached_property
    def hyperparameters(self) -> tuple[str, ...]:
        """The hyperparameters that the list reads."""
        read = {q for equation in self.equations for q in equation.inputs.values()}
        return tuple(name for name in HYPERPARAMETERS if name in read)

    def extent(self, name: str) -> Extent:
        """How far one value of a quantity reaches; `x_prev` as far as `x`, given ones an element."""
        plain = name.removesuffix(PREVIOUS)
        return self[plain].extent if plain in self.names else "element"

    def where(self, name: str) -> str:
        """The place of quantity `name` in the paper: "Algorithm 2, equation 4"."""
        number = self[name].number if name in self else None
        return self.source if number is None else f"{self.source}, equation {number}"

    def replacing(self, *equations: Equation) -> Algorithm:
        """The same list with the equations of the same names exchanged; a name that is not there is a KeyError."""
        new = {equation.name: equation for equation in equations}
        for name in new:
            self[name]
        return replace(self, equations=tuple(new.get(old.name, old) for old in self.equations))

    def inserting(self, *equations: Equation, before: str) -> Algorithm:
        """The same list with equations put in front of the one that defines `before`."""
        at = self.names.index(before)
        return replace(self, equations=(*self.equations[:at], *equations, *self.equations[at:]))

    def evaluate(self, quantities: Mapping[str, Any], after: After | None = None) -> dict[str, Any]:
        """All quantities of one step, from the given ones (`g`, `t`, hyperparameters, `x_prev` of the state).

        `after(equation, value, known)`, where given, replaces each value as it is computed.
        """
        known = dict(quantities)
        for equation in self.equations:
            value = equation(known)
            known[equation.name] = value if after is None else after(equation, value, known)
        return known


HYPERPARAMETERS = ("lr", "beta1", "beta2", "gamma", "eps")
FIRST = "_first"
GIVEN = (*HYPERPARAMETERS, *(name + FIRST for name in HYPERPARAMETERS), "t", "g", "axes", "g_vector", "vector_axes")
"""What every list may read without defining it; `lr_first` and the like are those of the first parameter group, `axes`
the trailing axes of one parameter tensor, `g_vector` the gradients of all tensors of the group end to end, and
`vector_axes` its axes."""
