"""A deviation: one equation of an algorithm's list replaced by another, with a name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ..paper import Algorithm, Equation
from ..paper.decisions import exchanged

Kind = Literal["convention", "defect"]
Change = Callable[[Algorithm], Algorithm]
MISSING = "a gradient is missing"
"""For `Deviation.until`."""


@dataclass(frozen=True)
class Deviation:
    """One way in which implementations leave the paper.

    Args:
        name: as reports and `--allow` spell it.
        kind: a convention is documented practice elsewhere; a defect is not.
        meaning: what is done in place of the paper's line.
        equation: the quantity whose equation is another one.
        change: does it to a list.
        needs: traits that a list must have (see `traits`); with a "-" in front, must not have.
        silences: the mechanism that no longer takes part, where that is the gist of it.
        solves: the hyperparameter whose hard-coded value is still to be found.
        replaces: the right-hand side is wholly another one, so that no second change of it can be seen.
        until: the event before which it changes nothing, where that is the gist of it.
    """

    name: str
    kind: Kind
    meaning: str
    equation: str
    change: Change = field(repr=False)
    needs: tuple[str, ...] = ()
    silences: str = ""
    solves: str = ""
    replaces: bool = False
    until: str = ""

    def concerns(self, algorithm: Algorithm) -> bool:
        """Whether `algorithm` has what this deviation replaces and reads."""
        has = traits(algorithm)
        return all((need.removeprefix("-") in has) != need.startswith("-") for need in (self.equation, *self.needs))


def traits(algorithm: Algorithm) -> frozenset[str]:
    """The quantities, hyperparameters and constants of a list, and "belief" where its v is of the distance from m."""
    belief = {"belief"} if "m" in algorithm["v"].inputs.values() else set()
    return frozenset({*algorithm.names, *algorithm.hyperparameters, *algorithm.constants, *belief})


def deviation(equation: str, kind: Kind, *needs: str, silences: str = "") -> Callable[[Callable], Deviation]:
    """The deviation whose right-hand side of `equation` is the decorated function; its docstring is the meaning."""

    def named(function: Callable) -> Deviation:
        change = exchanged(equation, function)
        return Deviation(spelled(function), kind, said(function), equation, change, needs, silences, replaces=True)

    return named


def adjustment(equation: str, kind: Kind, *needs: str) -> Callable[[Callable], Deviation]:
    """The deviation that goes on from the paper's value: the function reads it under the name `paper`."""

    def named(function: Callable) -> Deviation:
        return Deviation(spelled(function), kind, said(function), equation, adjusted(equation, function), needs)

    return named


def adjusted(equation: str, function: Callable) -> Change:
    """The equation goes on from the paper's value, which the function reads under the name `paper`."""

    def change(algorithm: Algorithm) -> Algorithm:
        paper = replace(algorithm[equation], name=f"paper_{equation}")
        changed = Equation(equation, function, paper.printed, paper.number, paper.extent, {"paper": paper.name})
        return algorithm.inserting(paper, before=equation).replacing(changed)

    return change


def spelled(function: Callable) -> str:
    return function.__name__.removesuffix("_").replace("_", "-")


def said(function: Callable) -> str:
    return (inspect.getdoc(function) or "").removesuffix(".")


def rewired(equation: str, **reads: str) -> Change:
    """The equation reads other quantities than the paper's."""
    return lambda algorithm: algorithm.replacing(algorithm[equation].reading(**reads))


def reading(equation: Equation, exchange: Mapping[str, str]) -> Equation:
    """The equation with every quantity of `exchange` read as the other one."""
    return equation.reading(**{n: exchange[q] for n, q in equation.inputs.items() if q in exchange})


def everywhere(**exchange: str) -> Change:
    """Every equation reads other quantities than the paper's."""
    return lambda a: replace(a, equations=tuple(reading(equation, exchange) for equation in a.equations))


def beginning(first: Sequence[Equation], algorithm: Algorithm, **exchange: str) -> Algorithm:
    """A list that begins with `first`, and whose other equations read what `exchange` says."""
    return replace(algorithm, equations=(*first, *(reading(equation, exchange) for equation in algorithm.equations)))


def both(first: Change, second: Change) -> Change:
    """One change after the other."""
    return lambda algorithm: second(first(algorithm))


def fixed(name: str, value: float) -> Change:
    """The list has `name` as a number of its own, in the place of a hyperparameter if it is one."""
    return lambda algorithm: replace(algorithm, constants={**algorithm.constants, name: value})
