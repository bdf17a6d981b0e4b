"""Re-checks every certificate of the ledger with Python's standard library alone.

    python theory/checker.py [FILE ...]

A certificate is a JSON file that names a statement, its verdict, and the steps from which the verdict follows. Each
step is re-computed here, in exact rationals or in intervals whose ends are rationals rounded outwards; nothing that
the file says about a result is believed. Kinds of steps:

    claims    comparisons between expressions; `let` names values, `data` tables, `run` a run of an optimizer
    identity  two expressions that are equal as rational functions of their variables: compared at random points
    sign      left - right equals `as`, and `as` has that sign by its form, from the signs that are assumed
    cover     comparisons on a whole box, by enclosures on halves of halves of it

`says` is for the reader. Roles of steps: `proof`; `hypothesis` and `violation` (an instance that satisfies all
hypotheses and violates the conclusion); `undefined` (what is printed has no value); `evidence` (of a search).
Exit code 0: every certificate holds. 1: one does not. 2: there was none.
"""

from __future__ import annotations

import ast
import hashlib
import json
import operator
import random
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import Any

POINTS = 4
"""Random points for an identity."""
RANGE = 2**61 - 1
"""Variables are drawn from 1..RANGE: a false identity of degree d survives a point with probability below d/RANGE."""
NEEDED = {
    "proved": {"proof"},
    "refuted": {"hypothesis", "violation"},
    "needs-hypothesis": {"proof", "hypothesis", "violation"},
    "ill-posed": {"undefined"},
    "supported": {"evidence"},
    "open": {"evidence"},
}
"""Verdict to the roles that its steps must have."""


class Refused(Exception):
    """A certificate does not hold; the message says where."""


class Interval:
    """All reals between two rationals; operations enclose, and are exact while the ends are short."""

    __slots__ = ("high", "low")

    bits = 256
    """Significant bits of an end that is rounded; ends with shorter denominators stay exact."""

    def __init__(self, low: Fraction, high: Fraction | None = None) -> None:
        self.low = low
        self.high = low if high is None else high

    def rounded(self) -> Interval:
        self.low, self.high = shortened(self.low, -1), shortened(self.high, 1)
        return self

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high).rounded()

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval) -> Interval:
        if self.low >= 0 and other.low >= 0:
            return Interval(self.low * other.low, self.high * other.high).rounded()
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(ends), max(ends)).rounded()

    def __truediv__(self, other: Interval) -> Interval:
        if other.low <= 0 <= other.high:
            raise ZeroDivisionError("a denominator may be zero")
        return self * Interval(1 / other.high, 1 / other.low)

    def __pow__(self, n: int) -> Interval:
        if n < 0:
            return Interval(Fraction(1)) / self ** (-n)
        if n == 0:
            return Interval(Fraction(1))
        if n % 2 == 0 and self.low < 0:
            largest = max(-self.low, self.high)
            least = Fraction(0) if self.high >= 0 else -self.high
            return Interval(least**n, largest**n).rounded()
        return Interval(self.low**n, self.high**n).rounded()


def shortened(x: Fraction, direction: int) -> Fraction:
    """`x`, or a rational of `Interval.bits` significant bits below (direction -1) or above it."""
    if x.denominator.bit_length() <= 2 * Interval.bits:
        return x
    shift = Interval.bits - (abs(x.numerator).bit_length() - x.denominator.bit_length())
    scaled = x * Fraction(2) ** shift
    whole = scaled.numerator // scaled.denominator
    return Fraction(whole + (direction > 0)) / Fraction(2) ** shift


def square_root(x: Interval) -> Interval:
    if x.low < 0:
        raise ValueError("the root of a number that may be negative")
    return Interval(root_end(x.low, -1), root_end(x.high, 1))


def root_end(x: Fraction, direction: int) -> Fraction:
    """A rational below or above the root of `x`; the root itself where it is rational."""
    p, q = isqrt(x.numerator), isqrt(x.denominator)
    if p * p == x.numerator and q * q == x.denominator:
        return Fraction(p, q)
    shift = max(0, Interval.bits - (x.numerator.bit_length() - x.denominator.bit_length()) // 2)
    whole = isqrt((x.numerator << 2 * shift) // x.denominator)
    return Fraction(whole + (direction > 0), 1 << shift)


def exponential(x: Interval) -> Interval:
    return Interval(exp_end(x.low).low, exp_end(x.high).high)


def exp_end(x: Fraction) -> Interval:
    """Taylor's polynomial at x/2^k, |x|/2^k <= 1/2, with twice the next term as its error; then squared k times."""
    halvings = max(0, (abs(x.numerator) // x.denominator).bit_length() + 1)
    small = Interval(shortened(x / 2**halvings, -1), shortened(x / 2**halvings, 1))
    total, term, n = Interval(Fraction(1)), Interval(Fraction(1)), 0
    while max(abs(term.low), abs(term.high)) * 2 ** (Interval.bits + halvings) > 1:
        n += 1
        term = term * small / Interval(Fraction(n))
        total = total + term
    error = 2 * max(abs(term.low), abs(term.high))
    total = total + Interval(-error, error)
    for _ in range(halvings):
        total = total * total
    return total


def logarithm(x: Interval) -> Interval:
    if x.low <= 0:
        raise ValueError("the logarithm of a number that may be zero or negative")
    return Interval(log_end(x.low).low, log_end(x.high).high)


def log_end(x: Fraction) -> Interval:
    """k log 2 + 2 artanh((y - 1)/(y + 1)) for x = 2^k y and y in [2/3, 4/3]."""
    k = 0
    while x > Fraction(4, 3):
        x, k = x / 2, k + 1
    while x < Fraction(2, 3):
        x, k = x * 2, k - 1
    two = Interval(Fraction(2))
    return Interval(Fraction(k)) * (two * artanh(Fraction(1, 3))) + two * artanh((x - 1) / (x + 1))


def artanh(z: Fraction) -> Interval:
    """The odd series for |z| <= 1/3, with the geometric bound on what is left out."""
    base = Interval(z).rounded()
    square, power, total, n = base * base, base, base, 1
    while max(abs(power.low), abs(power.high)) * 2**Interval.bits > 1:
        n += 2
        power = power * square
        total = total + power / Interval(Fraction(n))
    error = 2 * max(abs(power.low), abs(power.high))
    return total + Interval(-error, error)


def absolute(x: Interval) -> Interval:
    return x if x.low >= 0 else -x if x.high <= 0 else Interval(Fraction(0), max(-x.low, x.high))


def largest(*several: Interval) -> Interval:
    return Interval(max(x.low for x in several), max(x.high for x in several))


def least(*several: Interval) -> Interval:
    return Interval(min(x.low for x in several), min(x.high for x in several))


FUNCTIONS: dict[str, Callable[..., Interval]] = {
    "sqrt": square_root,
    "exp": exponential,
    "log": logarithm,
    "abs": absolute,
    "max": largest,
    "min": least,
}
OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
RELATIONS: dict[type, Callable[[Interval, Interval], bool]] = {
    ast.Lt: lambda a, b: a.high < b.low,
    ast.LtE: lambda a, b: a.high <= b.low,
    ast.Gt: lambda a, b: a.low > b.high,
    ast.GtE: lambda a, b: a.low >= b.high,
    ast.Eq: lambda a, b: a.low == a.high == b.low == b.high,
    ast.NotEq: lambda a, b: a.high < b.low or a.low > b.high,
}


DECIMAL = re.compile(r"(?<![\w.])(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?")


def parsed(text: str) -> ast.expr:
    """The expression; a decimal with more digits than the parser keeps would be read as another number."""
    for decimal in DECIMAL.findall(text):
        if Fraction(str(float(decimal))) != Fraction(decimal):
            raise Refused(f"too many digits: write {decimal} as a fraction")
    return ast.parse(text.strip(), mode="eval").body


def number(node: ast.Constant) -> Fraction:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise Refused(f"{node.value!r} is no number")
    return Fraction(str(node.value))


def whole(x: Interval, what: str) -> int:
    if x.low != x.high or x.low.denominator != 1:
        raise Refused(f"{what} must be a whole number")
    return int(x.low)


def value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """An enclosure of an expression; names are intervals, tables (dictionaries by index) or functions."""
    match node:
        case ast.Constant():
            return Interval(number(node))
        case ast.Name(id=name):
            if name not in names:
                raise Refused(f"{name} is not defined")
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -value(inner, names)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return value(left, names) ** whole(value(right, names), "an exponent")
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](value(left, names), value(right, names))
        case ast.Subscript(value=ast.Name(id=name), slice=index):
            parts = index.elts if isinstance(index, ast.Tuple) else [index]
            key = tuple(whole(value(part, names), "an index") for part in parts)
            if key not in names.get(name, {}):
                raise Refused(f"{name} has no element {key}")
            return names[name][key]
        case ast.Call(func=ast.Name(id=name), args=[ast.GeneratorExp(elt=inner, generators=[over])]):
            items = list(each(inner, over, names))
            if name == "sum":
                return sum(items, Interval(Fraction(0)))
            if name in ("max", "min") and items:
                return FUNCTIONS[name](*items)
            raise Refused(f"no {name} of a range, or an empty one")
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in FUNCTIONS:
            return FUNCTIONS[name](*(value(argument, names) for argument in arguments))
        case ast.Call(func=ast.Name(id="loss"), args=[round_, *point]) if "loss" in names:
            return names["loss"](whole(value(round_, names), "a round"), [value(x, names) for x in point])
    raise Refused(f"not part of the language: {ast.unparse(node)}")


def each(inner: ast.expr, over: ast.comprehension, names: Mapping[str, Any]) -> Any:
    """The values of `inner for i in range(a, b)`."""
    for index, i in ranged(over, names):
        yield value(inner, {**names, index: i})


def ranged(over: ast.comprehension, names: Mapping[str, Any]) -> Any:
    """The name and the values of the index in `for i in range(a, b)`."""
    match over:
        case ast.comprehension(
            target=ast.Name(id=index), iter=ast.Call(func=ast.Name(id="range"), args=[first, last]), ifs=[]
        ):
            ends = [whole(value(end, names), "an end of a range") for end in (first, last)]
            yield from ((index, Interval(Fraction(i))) for i in range(*ends))
        case _:
            raise Refused("an index runs over `i in range(a, b)`")


def holds(claim: str, names: Mapping[str, Any]) -> bool:
    """Whether a comparison (or a chain of them, or `all(... for i in range(a, b))`) is certainly true."""
    node = parsed(claim)
    match node:
        case ast.Call(func=ast.Name(id="all"), args=[ast.GeneratorExp(elt=ast.Compare() as inner, generators=[over])]):
            verdicts = [compared(inner, {**names, index: i}) for index, i in ranged(over, names)]
            if not verdicts:
                raise Refused(f"nothing is compared: {claim}")
            return all(verdicts)
        case ast.Compare():
            return compared(node, names)
    raise Refused(f"no comparison: {claim}")


def compared(node: ast.Compare, names: Mapping[str, Any]) -> bool:
    sides = [value(side, names) for side in (node.left, *node.comparators)]
    return all(RELATIONS[type(op)](a, b) for op, a, b in zip(node.ops, sides, sides[1:], strict=False))


# A run of an optimizer -------------------------------------------------------------------------------------------

RUN = {
    "ratio": "max(1, e/n)",
    "first": "c*g",
    "second": "g**2",
    "preconditioner": "sqrt(v_hat)",
    "scale": "1",
    "beta1_t": "beta1",
}
"""What a run does where its certificate does not say otherwise: AdamNorm with eps = 0."""
OF_ROUND = ("n", "e", "c", "f")
OF_COORDINATE = ("g", "s", "m", "v", "m_hat", "v_hat", "v_max", "theta")


def optimizer_run(run: Mapping[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """The quantities of a run, as tables from round 1 on; coordinates are numbered from 1 (none where there is one).

    `losses` are convex and piecewise linear, f(x) = max over pieces of a.x + b, and come again after the last; where
    pieces tie, the first listed one gives the gradient. `theta[t]` is the point at which `f_t` is met, `theta[1]` the
    start. `box`, where given, holds the pairs of ends onto which each step is projected. The formulas may read
    `g, n, e, e_prev, c, s, m, v, m_hat, v_hat, v_max, g_prev, t, beta1, beta2, gamma`.
    """
    formulas = {key: parsed(run.get(key, default)) for key, default in RUN.items()} | {"step": parsed(run["step"])}
    losses = [[([value(parsed(a), names) for a in slopes], value(parsed(b), names)) for slopes, b in pieces]
              for pieces in run["losses"]]  # fmt: skip
    theta = [value(parsed(x), names) for x in run["start"]]
    box = [[value(parsed(end), names) for end in ends] for ends in run["box"]] if run.get("box") else None
    size, zero = len(theta), Interval(Fraction(0))
    found: dict[str, Any] = {key: {} for key in (*OF_ROUND, *OF_COORDINATE)}

    def affine(piece: tuple[list[Interval], Interval], x: Sequence[Interval]) -> Interval:
        return sum((a * y for a, y in zip(piece[0], x, strict=True)), piece[1])

    def loss(t: int, x: Sequence[Interval]) -> Interval:
        return largest(*(affine(piece, x) for piece in losses[(t - 1) % len(losses)]))

    def slopes(t: int, x: Sequence[Interval]) -> list[Interval]:
        pieces = losses[(t - 1) % len(losses)]
        values = [affine(piece, x) for piece in pieces]
        for i, piece in enumerate(pieces):
            ahead = (
                values[i].low > y.high or (j > i and values[i].low >= y.high) for j, y in enumerate(values) if j != i
            )
            if all(ahead):
                return piece[0]
        raise Refused(f"round {t}: the intervals do not tell which piece is the largest")

    state = {"e": zero, "m": [zero] * size, "v": [zero] * size, "v_max": [zero] * size, "g": [zero] * size}
    for t in range(1, whole(value(parsed(run["rounds"]), names), "rounds") + 1):
        g = slopes(t, theta)
        known = {
            **names,
            "t": Interval(Fraction(t)),
            "n": square_root(sum((x * x for x in g), zero)),
            "e_prev": state["e"],
        }
        known["e"] = known["gamma"] * state["e"] + (Interval(Fraction(1)) - known["gamma"]) * known["n"]
        known["c"] = value(formulas["ratio"], known)
        known["b"] = value(formulas["beta1_t"], known)
        step = value(formulas["step"], known)
        known["f"] = loss(t, theta)
        record({key: known[key] for key in OF_ROUND}, found, t)
        nexts = []
        for i in range(size):
            own = {**known, "g": g[i], "g_prev": state["g"][i]}
            one = Interval(Fraction(1))
            own["s"] = value(formulas["first"], own)
            own["m"] = own["b"] * state["m"][i] + (one - own["b"]) * own["s"]
            own["v"] = own["beta2"] * state["v"][i] + (one - own["beta2"]) * value(formulas["second"], own)
            own["m_hat"] = own["m"] / (one - own["beta1"] ** t)
            own["v_hat"] = own["v"] / (one - own["beta2"] ** t)
            own["v_max"] = largest(state["v_max"][i], own["v"])
            own["theta"] = theta[i]
            record({key: own[key] for key in OF_COORDINATE}, found, t, i + 1 if size > 1 else 0)
            moved = theta[i] - step * value(formulas["scale"], own) * own["m_hat"] / value(
                formulas["preconditioner"], own
            )
            nexts.append(least(largest(moved, box[i][0]), box[i][1]) if box else moved)
            for key in ("m", "v", "v_max"):
                state[key] = [*state[key][:i], own[key], *state[key][i + 1 :]]
        state["e"], state["g"], theta = known["e"], g, nexts
    last = whole(value(parsed(run["rounds"]), names), "rounds") + 1
    for i, x in enumerate(theta):
        record({"theta": x}, found, last, i + 1 if size > 1 else 0)
    return {**found, "loss": loss, "T": Interval(Fraction(last - 1))}


def record(values: Mapping[str, Interval], found: dict[str, Any], t: int, i: int = 0) -> None:
    for name, x in values.items():
        found[name][(t, i) if i else (t,)] = x


# Kinds of steps --------------------------------------------------------------------------------------------------


def check_claims(step: Mapping[str, Any], instance: Mapping[str, Any]) -> None:
    if step["role"] in ("hypothesis", "violation") and step.keys() & {"let", "data", "run", "then"}:
        raise Refused("hypotheses and violation are about one instance, which is the certificate's")
    names = {**instance, **defined(step)}
    if not step["claims"]:
        raise Refused("a step without a claim")
    for claim in step["claims"]:
        if not holds(claim, names):
            raise Refused(f"not certain: {claim}")


def defined(by: Mapping[str, Any]) -> dict[str, Any]:
    """The names that a step or an instance defines: tables, values, a run, and values made of it."""
    names: dict[str, Any] = {name: dict(table(rows)) for name, rows in by.get("data", {}).items()}
    for name, text in by.get("let", []):
        names[name] = value(parsed(text), names)
    if "run" in by:
        names |= optimizer_run(by["run"], names)
    for name, text in by.get("then", []):
        names[name] = value(parsed(text), names)
    return names


def table(rows: Any, at: tuple[int, ...] = ()) -> Any:
    """The elements of nested lists of numbers, by their indices from 1."""
    if isinstance(rows, list):
        for i, row in enumerate(rows, 1):
            yield from table(row, (*at, i))
    else:
        yield at, Interval(Fraction(rows))


def check_identity(step: Mapping[str, Any], instance: Mapping[str, Any]) -> None:
    equal(parsed(step["left"]), parsed(step["right"]), step["variables"])


def equal(left: ast.expr, right: ast.expr, variables: Sequence[str]) -> None:
    """Refuse unless two rational functions agree at random points."""
    if degree(left) + degree(right) > RANGE >> 32:
        raise Refused("the degree is too large for random points")
    for _ in range(POINTS):
        names = {name: Fraction(random.SystemRandom().randint(1, RANGE)) for name in variables}
        a, b = rational(left, names), rational(right, names)
        if a != b:
            raise Refused(f"not equal: {ast.unparse(left)} and {ast.unparse(right)}")


def rational(node: ast.expr, names: Mapping[str, Fraction]) -> Fraction:
    """The value of a rational function at a point."""
    match node:
        case ast.Constant():
            return number(node)
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -rational(inner, names)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            exponent = rational(right, {})
            if exponent.denominator != 1 or abs(exponent) > 64:
                raise Refused("exponents of an identity are small whole numbers")
            return rational(left, names) ** int(exponent)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](rational(left, names), rational(right, names))
    raise Refused(f"no rational function of the variables: {ast.unparse(node)}")


def degree(node: ast.expr) -> int:
    """A bound on the degrees of numerator and denominator together."""
    match node:
        case ast.Constant():
            return 0
        case ast.Name():
            return 1
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return degree(left) * abs(int(rational(right, {})))
        case ast.BinOp(left=left, right=right):
            return degree(left) + degree(right)
    return degree(node.operand) if isinstance(node, ast.UnaryOp) else RANGE


SIGNS = {ast.Gt: 2, ast.GtE: 1}
"""2: positive, 1: not negative."""


def check_sign(step: Mapping[str, Any], instance: Mapping[str, Any]) -> None:
    assumed: dict[str, int] = {}
    for text in step["assume"]:
        node = parsed(text)
        if not isinstance(node, ast.Compare) or len(node.ops) != 1 or type(node.ops[0]) not in SIGNS:
            raise Refused(f"assumptions read `x > 0` or `a >= b`: {text}")
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        assumed[left if right == "0" else ast.unparse(parsed(f"({left}) - ({right})"))] = SIGNS[type(node.ops[0])]
    claim, form = parsed(step["claim"]), parsed(step["as"])
    if not isinstance(claim, ast.Compare) or len(claim.ops) != 1 or type(claim.ops[0]) not in SIGNS:
        raise Refused("a claim of a sign reads `a > b` or `a >= b`")
    equal(ast.BinOp(claim.left, ast.Sub(), claim.comparators[0]), form, step["variables"])
    if sign(form, assumed) < SIGNS[type(claim.ops[0])]:
        raise Refused(f"the form does not show the sign: {step['as']}")


def sign(node: ast.expr, assumed: Mapping[str, int]) -> int:
    """2 if an expression is positive by its form, 1 if it is not negative, 0 if that does not show."""
    if ast.unparse(node) in assumed:
        return assumed[ast.unparse(node)]
    match node:
        case ast.Constant():
            x = number(node)
            return 2 if x > 0 else 1 if x == 0 else 0
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            signs = sign(left, assumed), sign(right, assumed)
            return max(signs) if min(signs) else 0
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return min(sign(left, assumed), sign(right, assumed))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return sign(left, assumed) if sign(right, assumed) == 2 else 0
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as n)) if n >= 0:
            return max(sign(left, assumed), 1 if n % 2 == 0 else 0)
    return 0


def check_cover(step: Mapping[str, Any], instance: Mapping[str, Any]) -> None:
    domain = {name: Interval(Fraction(low), Fraction(high)) for name, (low, high) in step["domain"].items()}
    if not domain or not step["claims"] or any(x.low > x.high for x in domain.values()):
        raise Refused("a cover without a domain or a claim")
    for claim in step["claims"]:
        covered(claim, domain, step.get("let", []), int(step["depth"]))


def covered(claim: str, box: dict[str, Interval], let: Sequence[Sequence[str]], depth: int) -> None:
    names: dict[str, Any] = dict(box)
    try:
        for name, text in let:
            names[name] = value(parsed(text), names)
        certain = holds(claim, names)
    except (ZeroDivisionError, ValueError):
        certain = False
    if certain:
        return
    if depth == 0:
        raise Refused(f"not certain on {', '.join(f'{k} in [{v.low}, {v.high}]' for k, v in box.items())}: {claim}")
    widest = max(box, key=lambda name: box[name].high - box[name].low)
    low, high = box[widest].low, box[widest].high
    for half in (Interval(low, (low + high) / 2), Interval((low + high) / 2, high)):
        covered(claim, {**box, widest: half}, let, depth - 1)


KINDS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], None]] = {
    "claims": check_claims,
    "identity": check_identity,
    "sign": check_sign,
    "cover": check_cover,
}


# Certificates ----------------------------------------------------------------------------------------------------


def digest(certificate: Mapping[str, Any]) -> str:
    """Of everything but the digest itself: a file that was cut or edited by accident does not pass."""
    rest = {key: certificate[key] for key in certificate if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def check(certificate: Mapping[str, Any]) -> int:
    """Re-check one certificate and return its number of steps.

    Raises:
        Refused: it does not hold, or it says nothing.
    """
    if certificate.get("sha256") != digest(certificate):
        raise Refused("its sha256 is not that of its contents")
    verdict, steps = certificate["verdict"], certificate["steps"]
    if verdict not in NEEDED:
        raise Refused(f"unknown verdict {verdict!r}")
    if missing := NEEDED[verdict] - {step["role"] for step in steps}:
        raise Refused(f"{verdict} without a step in the role of {', '.join(sorted(missing))}")
    for i, step in enumerate(steps, 1):
        if step["role"] in ("hypothesis", "violation") and step["kind"] != "claims":
            raise Refused(f"step {i}: a {step['role']} is a claim about the instance, not of kind {step['kind']}")
    Interval.bits = int(certificate.get("bits", 256))
    instance = attempted("instance", defined, certificate.get("instance", {}))
    for i, step in enumerate(steps, 1):
        attempted(f"step {i}", KINDS[step["kind"]], step, instance)
    return len(steps)


def attempted(where: str, do: Callable[..., Any], *arguments: Any) -> Any:
    """`do`, with every way in which it can fail as a refusal that says where."""
    try:
        return do(*arguments)
    except Refused as error:
        raise Refused(f"{where}: {error}") from None
    except (ArithmeticError, LookupError, TypeError, ValueError, SyntaxError) as error:
        raise Refused(f"{where}: {type(error).__name__}: {error}") from None


def check_links(certificates: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Id to what is wrong with what its proof rests on: that must be there, be proved, and not rest on it in turn."""
    wrong, done = {}, set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            wrong[name] = f"rests on itself: {' > '.join((*above, name))}"
        if name in done or name in above:
            return
        for other in certificates[name].get("rests_on", []):
            if other not in certificates:
                wrong[name] = f"rests on {other}, which has no certificate"
            elif certificates[other]["verdict"] not in ("proved", "needs-hypothesis"):
                wrong[name] = f"rests on {other}, which is {certificates[other]['verdict']}"
            else:
                visit(other, (*above, name))
        done.add(name)

    for name in certificates:
        visit(name, ())
    return wrong


def main(arguments: Sequence[str]) -> int:
    folder = Path(__file__).parent / "certificates"
    files = [Path(argument) for argument in arguments] or sorted(folder.glob("*.json"))
    if not files:
        print(f"no certificates in {folder}")
        return 2
    certificates, failures = {}, 0
    for file in files:
        certificate = json.loads(file.read_text(encoding="utf-8"))
        certificates[certificate["id"]] = certificate
        start = time.perf_counter()
        try:
            if file.stem != certificate["id"]:
                raise Refused(f"the file of {certificate['id']} must be named after it")
            said = f"{certificate['verdict']:16} {check(certificate)} steps"
        except Refused as error:
            said, failures = f"FAILS: {error}", failures + 1
        print(f"{certificate['id']:24} {said}, {time.perf_counter() - start:.2f} s")
    if not arguments:
        for name, problem in check_links(certificates).items():
            print(f"{name:24} FAILS: {problem}")
            failures += 1
    print(f"{len(files) - failures} of {len(files)} certificates hold; a false identity of degree d would pass with "
          f"probability below (d/{RANGE})^{POINTS}")  # fmt: skip
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
