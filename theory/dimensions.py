"""How an expression of the ledger scales: its degree in the gradients, in theta and in alpha, read off its form."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from fractions import Fraction

Degree = tuple[Fraction, ...]
"""In the gradients, in theta, in alpha."""


class Mismatch(Exception):
    """Terms that are added or compared scale differently; the message names them."""


def triple(gradients: int, theta: int = 0, alpha: int = 0) -> Degree:
    return (Fraction(gradients), Fraction(theta), Fraction(alpha))


NONE = triple(0)
SYMBOLS: Mapping[str, Degree] = (
    {name: triple(1) for name in ("g", "s", "n", "e", "m", "m_hat", "G", "G_inf")}
    | {name: triple(2) for name in ("v", "v_hat")}
    | {name: triple(0, 1) for name in ("theta", "theta_star", "D", "D_inf")}
    | {name: triple(1, 1) for name in ("f", "loss")}
    | {name: NONE for name in ("beta1", "beta2", "gamma", "eta", "lam", "t", "k", "j", "T", "d")}
    | {"alpha": triple(0, 0, 1)}
)
"""Averages of gradients scale as gradients, averages of their squares as squares, a loss as slope times distance."""


def degree(text: str) -> Degree:
    """The degree of a homogeneous expression.

    Raises:
        Mismatch: it is none.
    """
    return of(ast.parse(text, mode="eval").body)


def terms(text: str) -> list[str]:
    """The summands of an expression at its top level."""

    def split(node: ast.expr) -> list[ast.expr]:
        match node:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
                return [*split(left), *split(right)]
        return [node]

    return [ast.unparse(node) for node in split(ast.parse(text, mode="eval").body)]


def of(node: ast.expr) -> Degree:
    match node:
        case ast.Constant():
            return NONE
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)):
            return SYMBOLS[name]
        case ast.UnaryOp(operand=inner):
            return of(inner)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return same(node, of(left), of(right))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return tuple(a + b for a, b in zip(of(left), of(right), strict=True))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return tuple(a - b for a, b in zip(of(left), of(right), strict=True))
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as power)):
            return tuple(power * a for a in of(left))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return same(node, of(left), of(right), NONE)
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
            return tuple(a / 2 for a in of(inner))
        case ast.Call(func=ast.Name(id="loss")):
            return SYMBOLS["loss"]
        case ast.Call(func=ast.Name(id="sum"), args=[ast.GeneratorExp(elt=inner)]):
            return of(inner)
        case ast.Call(func=ast.Name(id="abs" | "max" | "min"), args=arguments):
            return same(node, *(of(argument) for argument in arguments))
    raise ValueError(f"no degree is known for {ast.unparse(node)}")


def same(node: ast.expr, first: Degree, *others: Degree) -> Degree:
    if any(other != first for other in others):
        raise Mismatch(ast.unparse(node))
    return first
