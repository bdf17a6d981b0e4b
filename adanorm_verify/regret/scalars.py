"""Equations over arrays as text over scalars, and what of them need not be computed again for each element.

A sum becomes a name that a loop has filled. Division by a quantity of a step becomes a product with its reciprocal,
which is computed once a round: one roundoff more, in every layout alike.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..paper import HYPERPARAMETERS, PREVIOUS, Algorithm, Equation

POWERS = {"beta1": "beta1_to_t", "beta2": "beta2_to_t"}
"""Decay to the name of its power, which is computed once a round, and only until it vanishes."""


class _Scalars(ast.NodeTransformer):
    """NumPy's functions of arrays as expressions over scalars."""

    def __init__(self) -> None:
        self.sums: list[str] = []

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if name == "where":
            condition, chosen, other = (self.visit(argument) for argument in node.args)
            return ast.IfExp(condition, chosen, other)
        if name == "sum":
            self.sums.append(ast.unparse(self.visit(node.args[0])))
            return ast.Name(f"sum_{len(self.sums)}")
        if name in ("maximum", "minimum"):
            first, second = (self.visit(argument) for argument in node.args)
            order = ast.Gt() if name == "maximum" else ast.Lt()
            return ast.IfExp(ast.Compare(first, [order], [second]), first, second)
        self.generic_visit(node)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.BinOp(left=ast.Name(id=base), op=ast.Pow(), right=ast.Name(id="t")) if base in POWERS:
                return ast.Name(POWERS[base])
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=2)):
                return ast.BinOp(left, ast.Mult(), left)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):  # pow, not the squarings of an integer's power
                return ast.BinOp(left, ast.Pow(), ast.parse(f"np.float64({ast.unparse(right)})", mode="eval").body)
            case ast.BinOp(op=ast.BitAnd()):
                return ast.BoolOp(ast.And(), [node.left, node.right])
        return node


@dataclass(frozen=True)
class Line:
    """One equation: the quantity, the summands of its sums, and the right-hand side, in which they are `sum_1`, ..."""

    name: str
    sums: tuple[str, ...]
    text: str


def scalar(equation: Equation) -> Line:
    """An equation over scalars."""
    transformer = _Scalars()
    tree = transformer.visit(ast.parse(equation.formula, mode="eval"))
    return Line(equation.name, tuple(transformer.sums), ast.unparse(ast.fix_missing_locations(tree)))


class _Indexed(ast.NodeTransformer):
    def __init__(self, suffix: dict[str, str]) -> None:
        self.suffix = suffix

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(node.id + self.suffix.get(node.id, ""), mode="eval").body


def indexed(text: str, suffix: dict[str, str]) -> str:
    """`text` with the names that are arrays indexed."""
    return ast.unparse(_Indexed(suffix).visit(ast.parse(text, mode="eval")))


def names(node: ast.AST) -> set[str]:
    """The quantities of an expression."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} - {"np"}


def reads(text: str) -> set[str]:
    """The quantities of the text of an expression."""
    return names(ast.parse(text, mode="eval"))


def divides(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Div) for part in ast.walk(node))


class _Lifted(ast.NodeTransformer):
    """Expressions that `chosen` takes, exchanged for names; `found` has them by their text."""

    def __init__(self, chosen: Callable[[ast.expr], ast.expr | None], prefix: str, found: dict[str, str]) -> None:
        self.chosen, self.prefix, self.found = chosen, prefix, found

    def named(self, node: ast.expr) -> ast.Name:
        return ast.Name(self.found.setdefault(ast.unparse(node), f"{self.prefix}_{len(self.found) + 1}"))

    def visit(self, node: ast.AST) -> ast.AST:
        taken = self.chosen(node) if isinstance(node, ast.expr) else None
        if taken is None:
            return self.generic_visit(node)
        if isinstance(node, ast.BinOp) and taken is node.right:  # a divisor
            return ast.BinOp(self.visit(node.left), ast.Mult(), self.named(taken))  # type: ignore[arg-type]
        return self.named(taken)


@dataclass(frozen=True)
class Scalars:
    """The list of an algorithm over scalars, each group in the list's order.

    Args:
        step: computed once a round.
        tensor: once a run.
        element: once an element.
        reciprocals: divisor to the name of its reciprocal, of a step.
        shared: expression with a division to its name, of a run: what elements read of quantities of a run.
    """

    step: tuple[Line, ...]
    tensor: tuple[Line, ...]
    element: tuple[Line, ...]
    reciprocals: dict[str, str] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All of it, for looking up names."""
        lines = (*self.step, *self.tensor, *self.element)
        return " ".join([*(text for line in lines for text in (*line.sums, line.text)), *self.reciprocals])


def split(algorithm: Algorithm) -> tuple[list[Equation], list[Equation], list[Equation]]:
    """The equations of a step, of a tensor and of an element, each group in the list's order.

    Raises:
        ValueError: one reads what comes only after it in this order.
    """
    groups: dict[str, list[Equation]] = {"step": [], "tensor": [], "element": []}
    for equation in algorithm.equations:
        groups[equation.extent].append(equation)
    known = {*HYPERPARAMETERS, *algorithm.constants, "t", "g", "axes"}
    for equation in (*groups["step"], *groups["tensor"], *groups["element"]):
        read = {quantity for quantity in equation.inputs.values() if not quantity.endswith(PREVIOUS)}
        if missing := sorted(read - known):
            raise ValueError(f"{algorithm.name}: {equation.name} reads {missing[0]}, which is not known before a round")
        known.add(equation.name)
    return groups["step"], groups["tensor"], groups["element"]


def over_scalars(algorithm: Algorithm) -> Scalars:
    """The list over scalars, with reciprocals and shared expressions taken out of the innermost loops.

    Raises:
        ValueError: as `split`, and a sum in an equation of an element.
    """
    step, tensor, element = (tuple(scalar(equation) for equation in group) for group in split(algorithm))
    if summing := [line.name for line in (*step, *element) if line.sums]:
        raise ValueError(f"{algorithm.name}: {summing[0]} sums over a tensor, but is not one value a tensor")
    of_step = {*HYPERPARAMETERS, *algorithm.constants, "t", *POWERS.values(), *(line.name for line in step)}
    of_run = {line.name for line in tensor}
    of_run |= {name + PREVIOUS for name in algorithm.state if algorithm.extent(name) == "tensor"}

    def divisor(node: ast.expr) -> ast.expr | None:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and set() < names(node.right) <= of_step:
            return node.right
        return None

    def of_a_run(node: ast.expr) -> ast.expr | None:
        taken = divides(node) and names(node) <= of_run | of_step and names(node) & of_run
        return node if taken else None

    reciprocals: dict[str, str] = {}
    shared: dict[str, str] = {}
    tensor = tuple(_lifting(tensor, divisor, "reciprocal", reciprocals))
    element = tuple(_lifting(element, divisor, "reciprocal", reciprocals))
    element = tuple(_lifting(element, of_a_run, "shared", shared))
    return Scalars(step, tensor, element, reciprocals, shared)


def _lifting(lines: Iterable[Line], chosen: Callable[[ast.expr], ast.expr | None], prefix: str, found: dict[str, str]):
    transformer = _Lifted(chosen, prefix, found)

    def lifted(text: str) -> str:
        tree = transformer.visit(ast.parse(text, mode="eval"))
        return ast.unparse(ast.fix_missing_locations(tree))

    for line in lines:
        yield Line(line.name, tuple(map(lifted, line.sums)), lifted(line.text))
