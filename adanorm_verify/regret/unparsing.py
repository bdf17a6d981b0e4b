"""Equations of a list as expressions of the checker's language, for one coordinate: at a round, or in the long run."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ..ledger.folder import checker
from ..paper import Equation

LIMIT = None
"""In the place of a round: t so large that b^t and t b^t are 0 for every decay b, and 1/t and 1/sqrt(t) as well."""
FUNCTIONS = {"maximum": "max", "minimum": "min", "sqrt": "sqrt", "exp": "exp", "abs": "abs"}
NEGATED: dict[type, type[ast.cmpop]] = {
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
OPEN = (ast.Gt, ast.Lt, ast.NotEq)
"""Comparisons that stay true near by."""


class Undecided(ValueError):
    """A branch that enclosures cannot tell, or that the long run may take either way."""


class Language:
    """Names with their enclosures, and equations written in terms of them.

    Args:
        t: the round, or `LIMIT`.
        bits: of the enclosures.
    """

    def __init__(self, t: int | None, bits: int) -> None:
        self.t, self.names, self.checker = t, dict[str, Any](), checker()
        self.checker.Interval.bits = bits

    def know(self, name: str, text: str) -> None:
        """Add a name with the value of its expression."""
        self.names[name] = self.value(text)

    def value(self, text: str) -> Any:
        return self.checker.value(self.checker.parsed(text), self.names)

    def written(self, equation: Equation, names: Mapping[str, str]) -> tuple[str, list[str]]:
        """The right-hand side with `names` for its quantities, and the comparisons that chose its branches.

        Raises:
            Undecided: a branch.
        """
        writer = _Writer(self, names)
        tree = writer.visit(ast.parse(equation.formula, mode="eval"))
        return ast.unparse(ast.fix_missing_locations(tree)), writer.branches


class _Writer(ast.NodeTransformer):
    def __init__(self, language: Language, names: Mapping[str, str]) -> None:
        self.language, self.names, self.branches = language, names, list[str]()

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id == "t" and self.language.t is not LIMIT:
            return ast.Constant(self.language.t)
        return ast.parse(self.names.get(node.id, node.id), mode="eval").body

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if name == "where":
            condition, chosen, other = node.args
            try:
                return self.visit(chosen if self.holds(condition) else other)
            except Undecided:
                return self.meeting(chosen, other)
        if name == "sum":
            return self.visit(node.args[0])  # of one coordinate
        if name in FUNCTIONS:
            return ast.Call(ast.Name(FUNCTIONS[name]), [self.visit(argument) for argument in node.args], [])
        raise ValueError(f"no part of the checker's language: {ast.unparse(node)}")

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if self.language.t is not LIMIT:
            return node
        match node:
            case ast.BinOp(op=ast.Pow(), right=exponent) if mentions(exponent, "t"):
                return ast.Constant(0)
            case ast.BinOp(op=ast.Div(), right=ast.Name(id="t") | ast.Call(args=[ast.Name(id="t")])):
                return ast.Constant(0)
            case (
                ast.BinOp(op=ast.Mult(), left=ast.Constant(value=0))
                | ast.BinOp(op=ast.Mult() | ast.Div(), right=ast.Constant(value=0))
            ) if isinstance(node.op, ast.Mult):
                return ast.Constant(0)
            case ast.BinOp(op=ast.Div(), left=ast.Constant(value=0)):
                return ast.Constant(0)
        return node

    def meeting(self, chosen: ast.expr, other: ast.expr) -> ast.expr:
        """The common value of two branches, where a condition does not tell which is taken: both tend to it.

        Raises:
            Undecided: they are not the same there.
        """
        sides = [self.visit(side) for side in (chosen, other)]
        texts = [f"({ast.unparse(side)})" for side in sides]
        if not self.language.checker.RELATIONS[ast.Eq](*map(self.language.value, texts)):
            raise Undecided(f"{' or '.join(texts)}: the branch is not told")
        self.branches.append(" == ".join(texts))
        return sides[1]

    def holds(self, condition: ast.expr) -> bool:
        """Whether the condition of a branch holds; what shows it is kept."""
        match condition:
            case ast.BinOp(left=left, op=ast.BitAnd(), right=right):
                return self.holds(left) and self.holds(right)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                sides = [ast.unparse(self.visit(side)) for side in (left, right)]
                names = {inner.id for inner in ast.walk(condition) if isinstance(inner, ast.Name)}
                low, high = (self.language.value(side) for side in sides)
                for chosen in (type(op), NEGATED[type(op)]):
                    if not self.language.checker.RELATIONS[chosen](low, high):
                        continue
                    strict = self.language.checker.RELATIONS[ast.NotEq](low, high)
                    if self.language.t is LIMIT and not strict and not names <= {"g", "g_norm"}:
                        break  # what only tends to equality may stay on either side
                    text = ast.unparse(ast.Compare(ast.Name(sides[0]), [chosen()], [ast.Name(sides[1])]))
                    self.branches.append(text)
                    return chosen is type(op)
                raise Undecided(f"{' and '.join(sides)} are not told apart")
        raise ValueError(f"no condition of the checker's language: {ast.unparse(condition)}")


def mentions(node: ast.expr, name: str) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(node))


def variables(*texts: str) -> str:
    """The names that expressions mention, besides functions; with spaces between them."""
    found = set()
    for text in texts:
        tree = ast.parse(text, mode="eval")
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        found |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}
    return " ".join(sorted(found))
