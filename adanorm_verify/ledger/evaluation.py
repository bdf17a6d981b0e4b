"""The language of certificates in Arb balls: a second interpreter, which shares nothing with the small checker."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache, reduce
from typing import Any

from flint import arb, ctx, fmpq

Names = Mapping[str, Any]
"""Name to whole number, rational, ball, table (dictionary by index) or function."""


def ball(x: Any) -> arb:
    return x if isinstance(x, arb) else arb(x)


def exact(text: Any) -> Any:
    """A number of a certificate as a rational."""
    fraction = Fraction(str(text))
    return fmpq(fraction.numerator, fraction.denominator)


def divide(a: Any, b: Any) -> Any:
    return fmpq(a) / fmpq(b) if isinstance(a, int) and isinstance(b, int) else a / b


def extreme(pick: str) -> Callable[..., Any]:
    return lambda *several: reduce(lambda a, b: getattr(ball(a), pick)(ball(b)), several)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": lambda x: ball(x).sqrt(),
    "exp": lambda x: ball(x).exp(),
    "log": lambda x: ball(x).log(),
    "abs": lambda x: abs(ball(x)),
    "max": lambda *xs: extreme("max")(*(xs[0] if len(xs) == 1 else xs)),
    "min": lambda *xs: extreme("min")(*(xs[0] if len(xs) == 1 else xs)),
    "sum": lambda xs: sum(xs, fmpq(0)),
    "range": range,
    "divide_": divide,
    "exact_": exact,
}


class _Arithmetic(ast.NodeTransformer):
    """Division and decimals made exact, so that Python itself can evaluate the rest."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Div):
            return ast.Call(ast.Name("divide_", ast.Load()), [left, right], [])
        return ast.BinOp(left, node.op, right)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, float):
            return ast.Call(ast.Name("exact_", ast.Load()), [ast.Constant(str(node.value))], [])
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        inner = self.visit(node.slice)
        index = inner if isinstance(inner, ast.Tuple) else ast.Tuple([inner], ast.Load())
        return ast.Subscript(node.value, index, node.ctx)


@cache
def compiled(text: str) -> Any:
    tree = ast.Expression(_Arithmetic().visit(ast.parse(text.strip(), mode="eval").body))
    return compile(ast.fix_missing_locations(tree), text, "eval")


def value(text: str, names: Names) -> Any:
    """An expression as a whole number, a rational or a ball."""
    return eval(compiled(text), {"__builtins__": {}, **FUNCTIONS, **names})


def certain(claim: str, names: Names) -> bool:
    """Whether a comparison certainly holds; equality of balls counts where they overlap.

    The small checker decides equalities in exact rationals; this one only looks whether something is amiss.
    """
    node = ast.parse(claim.strip(), mode="eval").body
    if isinstance(node, ast.Call):  # all(... for i in range(a, b))
        inner = node.args[0]
        assert isinstance(inner, ast.GeneratorExp)
        over = inner.generators[0]
        assert isinstance(over.target, ast.Name)
        indices = value(ast.unparse(over.iter), names)
        return all(certain(ast.unparse(inner.elt), {**names, over.target.id: i}) for i in indices)
    assert isinstance(node, ast.Compare)
    sides = [value(ast.unparse(side), names) for side in (node.left, *node.comparators)]
    return all(related(op, ball(a), ball(b)) for op, a, b in zip(node.ops, sides, sides[1:], strict=False))


def related(op: ast.cmpop, a: arb, b: arb) -> bool:
    match op:
        case ast.Lt():
            return bool(a < b)
        case ast.Gt():
            return bool(a > b)
        case ast.LtE():
            return bool(a <= b) or close(a, b)
        case ast.GtE():
            return bool(a >= b) or close(a, b)
        case ast.NotEq():
            return not a.overlaps(b)
    return close(a, b)


def defined(by: Mapping[str, Any]) -> dict[str, Any]:
    """The names that a step or an instance defines."""
    names: dict[str, Any] = {name: dict(table(rows)) for name, rows in by.get("data", {}).items()}
    for name, text in by.get("let", []):
        names[name] = value(text, names)
    if "run" in by:
        names |= run(by["run"], names)
    for name, text in by.get("then", []):
        names[name] = value(text, names)
    return names


def table(rows: Any, at: tuple[int, ...] = ()) -> Any:
    if isinstance(rows, list):
        for i, row in enumerate(rows, 1):
            yield from table(row, (*at, i))
    else:
        yield at, exact(rows)


DEFAULTS = {
    "ratio": "max(1, e/n)",
    "first": "c*g",
    "second": "g**2",
    "preconditioner": "sqrt(v_hat)",
    "scale": "1",
    "beta1_t": "beta1",
}
"""AdamNorm with eps = 0."""


def run(spec: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """An optimizer's run on piecewise linear losses, all quantities by round; see `theory/checker.py`."""
    law = {**DEFAULTS, **{key: spec[key] for key in (*DEFAULTS, "step") if key in spec}}
    losses = [[([value(a, names) for a in slopes], value(b, names)) for slopes, b in loss] for loss in spec["losses"]]
    theta = [ball(value(x, names)) for x in spec["start"]]
    box = [[ball(value(end, names)) for end in ends] for ends in spec.get("box") or []]
    rounds = int(value(spec["rounds"], names))
    out: dict[str, Any] = {key: {} for key in ("n", "e", "c", "f", *OF_COORDINATE)}
    past = [dict.fromkeys(("m", "v", "v_max", "g"), arb(0)) for _ in theta]
    e = arb(0)
    for t in range(1, rounds + 1):
        pieces = losses[(t - 1) % len(losses)]
        heights = [affine(piece, theta) for piece in pieces]
        g = pieces[steepest(heights)][0]
        n = ball(sum((ball(x) ** 2 for x in g), arb(0))).sqrt()
        common = {**names, "t": t, "n": n, "e_prev": e}
        e = ball(common["gamma"] * e + (1 - common["gamma"]) * n)
        common |= {"e": e}
        common["c"] = value(law["ratio"], common)
        b, step = value(law["beta1_t"], common), value(law["step"], common)
        for name in ("n", "e", "c"):
            out[name][(t,)] = common[name]
        out["f"][(t,)] = extreme("max")(*heights)
        following = []
        for i, x in enumerate(theta):
            own = {**common, "g": g[i], "g_prev": past[i]["g"], "theta": x}
            own["s"] = value(law["first"], own)
            own["m"] = b * past[i]["m"] + (1 - b) * own["s"]
            own["v"] = own["beta2"] * past[i]["v"] + (1 - own["beta2"]) * value(law["second"], own)
            own["m_hat"] = divide(own["m"], 1 - own["beta1"] ** t)
            own["v_hat"] = divide(own["v"], 1 - own["beta2"] ** t)
            own["v_max"] = ball(past[i]["v_max"]).max(ball(own["v"]))
            for name in OF_COORDINATE:
                out[name][(t, i + 1) if len(theta) > 1 else (t,)] = own[name]
            moved = x - step * value(law["scale"], own) * own["m_hat"] / ball(value(law["preconditioner"], own))
            following.append(ball(moved).max(box[i][0]).min(box[i][1]) if box else ball(moved))
            past[i] = {name: own[name] for name in past[i]}
        theta = following
    for i, x in enumerate(theta):
        out["theta"][(rounds + 1, i + 1) if len(theta) > 1 else (rounds + 1,)] = x

    def loss(t: int, *point: Any) -> Any:
        return extreme("max")(*(affine(piece, point) for piece in losses[(t - 1) % len(losses)]))

    return {**out, "loss": loss, "T": rounds}


def close(a: arb, b: arb) -> bool:
    """Whether two balls may be one number, and say so to half their digits: sqrt(1/9) and 1/3, not two wide balls."""
    return bool(a.overlaps(b)) and min(ball(a - b + 1).rel_accuracy_bits(), ctx.prec) > ctx.prec // 2


OF_COORDINATE = ("g", "s", "m", "v", "m_hat", "v_hat", "v_max", "theta")


def affine(piece: tuple[Sequence[Any], Any], x: Sequence[Any]) -> Any:
    return ball(sum((a * y for a, y in zip(piece[0], x, strict=True)), piece[1]))


def steepest(heights: Sequence[arb]) -> int:
    """The first piece that no other one is certainly above: ties are broken as listed, unlike in the checker."""
    return next(i for i, h in enumerate(heights) if not any(bool(other > h) for other in heights))
