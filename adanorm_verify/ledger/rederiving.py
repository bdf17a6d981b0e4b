"""The steps of a certificate a second time, by other means than the checker's: sympy, Arb balls, z3."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from .evaluation import certain, defined
from .evaluation import value as evaluated

SMT = "z3"
SMT_MILLISECONDS = 2000
"""z3 may leave a nonlinear question open after that; it counts as not derived again, never as agreement."""
FURTHER_HALVINGS = 6
"""Balls widen more than intervals do, so that a cover may need a finer mesh here."""


class Disagreement(Exception):
    """A second derivation does not come to the same; the message says at which step."""


def rederive(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """Derive every step again; return what could not be: `z3` if it is not installed, or `step 2: z3 leaves it open`.

    Raises:
        Disagreement: a step does not follow.
    """
    from flint import ctx

    lacking: list[str] = []
    with ctx.workprec(2 * int(certificate.get("bits", 256))):
        names = defined(certificate.get("instance", {}))
        for i, step in enumerate(certificate["steps"], 1):
            try:
                again = DERIVATIONS[step["kind"]](step, names)
            except Disagreement as error:
                raise Disagreement(f"step {i}: {error}") from None
            except (ArithmeticError, LookupError, ValueError, TypeError, NameError) as error:
                raise Disagreement(f"step {i}: {type(error).__name__}: {error}") from None
            if again:
                lacking.append(again if again == SMT else f"step {i}: {again}")
    return tuple(dict.fromkeys(lacking))


def claims_again(step: Mapping[str, Any], names: Mapping[str, Any]) -> str:
    """In Arb balls of twice the precision."""
    own = {**names, **defined(step)}
    for claim in step["claims"]:
        if not certain(claim, own):
            raise Disagreement(f"not certain in balls: {claim}")
    return ""


def identity_again(step: Mapping[str, Any], names: Mapping[str, Any]) -> str:
    """By sympy's normal form of rational functions."""
    same(step["left"], step["right"], step["variables"])
    return ""


def same(left: str, right: str, variables: Sequence[str]) -> None:
    import sympy

    symbols = {name: sympy.Symbol(name) for name in variables}
    difference = sympy.cancel(symbolic(left, symbols) - symbolic(right, symbols))
    if difference != 0:
        raise Disagreement(f"sympy: the difference of {left} and {right} is {difference}")


def symbolic(text: str, symbols: Mapping[str, Any]) -> Any:
    """An expression over symbols, with decimals and quotients of whole numbers exact."""
    import sympy

    def build(node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=x):
                return sympy.Rational(str(x))
            case ast.Name(id=name):
                return symbols[name]
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -build(inner)
            case ast.BinOp(left=left, op=op, right=right):
                a, b = build(left), build(right)
                match op:
                    case ast.Add():
                        return a + b
                    case ast.Sub():
                        return a - b
                    case ast.Mult():
                        return a * b
                    case ast.Div():
                        return a / b
                    case ast.Pow():
                        return a**b
        raise Disagreement(f"no rational function: {ast.unparse(node)}")

    return build(ast.parse(text.strip(), mode="eval").body)


def sign_again(step: Mapping[str, Any], names: Mapping[str, Any]) -> str:
    """By sympy for the form; and by z3, which looks for numbers that satisfy all assumptions and not the claim."""
    left, right = sides(step["claim"])
    same(f"({left}) - ({right})", step["as"], step["variables"])
    if find_spec(SMT) is None:
        return SMT
    import z3

    texts = [*step["assume"], step["claim"]]  # an assumption may speak of more than the claim does
    names_read = {n.id for text in texts for n in ast.walk(ast.parse(text.strip())) if isinstance(n, ast.Name)}
    symbols = {name: z3.Real(name) for name in sorted(names_read)}
    solver = z3.Solver()
    solver.set("timeout", SMT_MILLISECONDS)
    denominators: list[Any] = []
    for text in step["assume"]:
        solver.add(question(text, symbols, denominators))
    solver.add(z3.Not(question(step["claim"], symbols, denominators)))
    solver.add(*(denominator != 0 for denominator in denominators))
    answer = solver.check()
    if answer == z3.sat:
        raise Disagreement(f"z3: {step['claim']} fails at {solver.model()}")
    return "" if answer == z3.unsat else "z3 leaves it open"


def sides(comparison: str) -> tuple[str, str]:
    node = ast.parse(comparison.strip(), mode="eval").body
    assert isinstance(node, ast.Compare)
    return ast.unparse(node.left), ast.unparse(node.comparators[0])


def question(comparison: str, symbols: Mapping[str, Any], denominators: list[Any]) -> Any:
    """A comparison for z3; what it divides by is added to `denominators`."""
    import z3

    def build(node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=x):
                return z3.RealVal(str(x))
            case ast.Name(id=name):
                return symbols[name]
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -build(inner)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                base, power = build(left), int(ast.literal_eval(right))
                if power < 0:
                    denominators.append(base)
                product: Any = z3.RealVal(1)
                for _ in range(abs(power)):
                    product = product * base
                return product if power >= 0 else 1 / product
            case ast.BinOp(left=left, op=op, right=right):
                a, b = build(left), build(right)
                match op:
                    case ast.Add():
                        return a + b
                    case ast.Sub():
                        return a - b
                    case ast.Mult():
                        return a * b
                    case ast.Div():
                        denominators.append(b)
                        return a / b
        raise Disagreement(f"no rational function: {ast.unparse(node)}")

    node = ast.parse(comparison.strip(), mode="eval").body
    assert isinstance(node, ast.Compare)
    a, b = build(node.left), build(node.comparators[0])
    return a > b if isinstance(node.ops[0], ast.Gt) else a >= b


def cover_again(step: Mapping[str, Any], names: Mapping[str, Any]) -> str:
    """In Arb balls, on halves of halves; balls are wider than intervals, and may leave it open."""
    domain = {name: (evaluated(low, {}), evaluated(high, {})) for name, (low, high) in step["domain"].items()}
    for claim in step["claims"]:
        if not covered(claim, domain, step.get("let", []), step["depth"] + FURTHER_HALVINGS):
            return "balls leave it open"
    return ""


def covered(claim: str, domain: Mapping[str, tuple[Any, Any]], let: Sequence[Sequence[str]], depth: int) -> bool:
    from flint import arb, fmpq

    if certain(claim, named({name: arb(low).union(arb(high)) for name, (low, high) in domain.items()}, let)):
        return True
    middles = {name: (fmpq(low) + fmpq(high)) / 2 for name, (low, high) in domain.items()}
    if not certain(claim, named(middles, let)):
        raise Disagreement(f"not so at {middles}: {claim}")
    if depth == 0:
        return False
    widest = max(domain, key=lambda name: float(arb(domain[name][1]) - arb(domain[name][0])))
    (low, high), middle = domain[widest], middles[widest]
    return all(covered(claim, {**domain, widest: half}, let, depth - 1) for half in ((low, middle), (middle, high)))


def named(names: Mapping[str, Any], let: Sequence[Sequence[str]]) -> dict[str, Any]:
    known = dict(names)
    for name, text in let:
        known[name] = evaluated(text, known)
    return known


DERIVATIONS = {
    "claims": claims_again,
    "identity": identity_again,
    "sign": sign_again,
    "cover": cover_again,
}
