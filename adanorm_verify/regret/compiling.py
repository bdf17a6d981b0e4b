"""An algorithm's list as machine code: the same equations, written out as one loop over rounds for numba.

Nothing is transcribed: the right-hand sides are those of `paper`, unparsed into the body of the loop. Equations of a
step are computed once a round, those of a tensor after a loop that sums, those of an element in a loop over
coordinates. Powers of the decays are taken only until they vanish beside 1. Three layouts of one text: scalars (one
run of one coordinate), one run, and blocks of runs side by side, whose inner loops the compiler vectorises.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from textwrap import indent
from typing import Any

import numba
import numpy as np

from ..paper import HYPERPARAMETERS, PREVIOUS, Algorithm, Equation
from .links import Link
from .problems import TABLES, uniform, word
from .sets import project_ball, project_simplex

VANISHES = 2.0**-60
"""A power below it changes 1 minus it by less than a hundredth of a roundoff."""
BLOCK = 32
"""Runs side by side: four vectors of AVX-512, and the state of ten coordinates in the first cache."""
FLUSH = 1024
"""Rounds whose losses are added up before they join the total, so that rounding stays below FLUSH + T/FLUSH units."""
POWERS = {"beta1": "beta1_to_t", "beta2": "beta2_to_t"}


@dataclass(frozen=True)
class Layout:
    """How quantities are indexed in the text.

    Args:
        element: suffix of one value an element.
        tensor: suffix of one value a run.
        over_elements: the loop over coordinates; empty where there is one.
        over_runs: the loop over the runs of a block; empty where there is one.
    """

    element: str
    tensor: str
    over_elements: str
    over_runs: str


LAYOUTS = {
    "scalar": Layout("", "", "", ""),
    "single": Layout("[i]", "", "for i in range(d):", ""),
    "blocks": Layout("[i, r]", "[r]", "for i in range(d):", f"for r in range({BLOCK}):"),
}


class _Scalars(ast.NodeTransformer):
    """NumPy's functions of arrays as expressions over scalars; sums become names that a loop has filled."""

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
            case ast.BinOp(op=ast.BitAnd()):
                return ast.BoolOp(ast.And(), [node.left, node.right])
        return node


def scalar(equation: Equation) -> tuple[list[str], str]:
    """The summands of an equation's sums, and its right-hand side in their terms."""
    transformer = _Scalars()
    tree = transformer.visit(ast.parse(equation.formula, mode="eval"))
    return transformer.sums, ast.unparse(ast.fix_missing_locations(tree))


class _Indexed(ast.NodeTransformer):
    def __init__(self, suffix: dict[str, str]) -> None:
        self.suffix = suffix

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(node.id + self.suffix.get(node.id, ""), mode="eval").body


def indexed(text: str, suffix: dict[str, str]) -> str:
    """`text` with the names that are arrays indexed."""
    return ast.unparse(_Indexed(suffix).visit(ast.parse(text, mode="eval")))


def loops(layout: Layout, body: str, *, elements: bool = True) -> str:
    """`body` within the loops of the layout, those over coordinates outside."""
    for loop in (layout.over_runs, layout.over_elements if elements else ""):
        body = f"{loop}\n{indent(body, '    ')}" if loop else body
    return body


# What a round draws ----------------------------------------------------------------------------------------------

DRAW = {
    "cyclic": "row{T} = offsets[{N}] + phase",
    "iid": "row{T} = drawn(cumulative, offsets[{N}], rows, uniform(keys[{N}], {COUNTER}))",
    "signs": "bits{T} = word(keys[{N}], t)",
    "heavy": "",
    "drift": "",
}
"""Sampling to what is drawn once a round and run."""
COORDINATE = {
    "cyclic": "rows_a[row{T}, {I}]",
    "iid": "rows_a[row{T}, {I}]",
    "signs": "(1.0 - 2.0 * np.float64((bits{T} >> np.uint64({I})) & np.uint64(1)))",
    "heavy": "heavy(keys[{N}], t * d + {I}, scale)",
    "drift": "np.cos(2 * np.pi * np.sqrt(t) / scale + {I})",
}
"""Sampling to coordinate I of the row."""


@numba.njit(inline="always")
def drawn(cumulative, offset, rows, u):
    """The first row of a table whose cumulative probability is above u; binary search."""
    low, high = 0, rows - 1
    while low < high:
        middle = (low + high) // 2
        if u < cumulative[offset + middle]:
            high = middle
        else:
            low = middle + 1
    return offset + low


@numba.njit(inline="always")
def heavy(key, counter, index):
    """A number whose size has the tail x^-index and whose sign is fair: mean zero, infinite variance below index 2."""
    bits = word(key, counter)
    u = (np.float64(bits >> np.uint64(12)) + 0.5) * 2.0**-52
    size = u ** (-1 / index) - 1
    return size if bits & np.uint64(1) else -size


@numba.njit(inline="always")
def two_sum(total, lost, part):
    """Knuth's sum of two numbers with its rounding error, which is kept apart."""
    whole = total + part
    back = whole - total
    return whole, lost + ((total - (whole - back)) + (part - back))


NAMES = {
    "np": np,
    "word": word,
    "uniform": uniform,
    "drawn": drawn,
    "heavy": heavy,
    "two_sum": two_sum,
    "project_ball": project_ball,
    "project_simplex": project_simplex,
}


# The text --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kernel:
    """A compiled list.

    Args:
        elements: quantities of the state with a value an element, in the order of the rows of `elements`; theta first.
        tensors: those with one value.
        play: see `source`.
        text: its source.
    """

    elements: tuple[str, ...]
    tensors: tuple[str, ...]
    play: Callable[..., Any]
    text: str


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


def source(
    algorithm: Algorithm, link: Link, sampling: str, kind: str, layout_name: str, batched: bool, measured: bool
) -> str:
    """The text of `play(first, last, block, d, elements, tensors, ...)`: rounds first to last of one block of runs.

    Args:
        algorithm: the list.
        link: the loss.
        sampling: of the rows.
        kind: of the feasible set.
        layout_name: a key of `LAYOUTS`.
        batched: several rows a round.
        measured: whether the largest gradients, the range of theta and the sums of g^2 are kept.
    """
    layout = LAYOUTS[layout_name]
    E, T = layout.element, layout.tensor
    N = f"block * {BLOCK} + r" if T else "block"
    index = "i" if layout.over_elements else "0"
    step, tensor, element = split(algorithm)
    per_element = [name for name in algorithm.state if algorithm.extent(name) == "element"]
    per_tensor = [name for name in algorithm.state if algorithm.extent(name) == "tensor"]
    suffix = {f"{name}{PREVIOUS}": E for name in per_element} | {f"{name}{PREVIOUS}": T for name in per_tensor}
    suffix |= {equation.name: T for equation in tensor} | {"slope": T}
    scalar_layout = layout_name == "scalar"

    def written(equation: Equation) -> tuple[list[str], str]:
        sums, text = scalar(equation)
        sums_suffix = {f"sum_{n}": T for n in range(1, len(sums) + 1)}
        return [indexed(one, suffix) for one in sums], indexed(text, suffix | sums_suffix)

    COUNTER = "t * batch + j" if batched else "t"
    a = COORDINATE[sampling].format(T=T, I=index, N=N)
    row = f"row{T}" if sampling in TABLES else ""
    y, w = (f"rows_y[{row}]", f"rows_w[{row}]") if row else ("0.0", "1.0")
    loss, slope = (indexed(scalar(equation)[1], {"z": T}) for equation in (link.loss, link.slope))
    body: list[str] = []
    body += [f"{power} = {base} ** t if {power} > {VANISHES!r} else 0.0" for base, power in POWERS.items()]
    body += [f"{equation.name} = {written(equation)[1]}" for equation in step]

    # the row, the prediction, the loss
    first = ([DRAW[sampling].format(T=T, N=N, COUNTER=COUNTER)] if DRAW[sampling] else []) + [f"z{T} = 0.0"]
    inner = [loops(layout, "\n".join(first), elements=False), loops(layout, f"z{T} += {a} * theta_prev{E}")]
    share = " / batch" if batched else ""
    met = [f"y, w = {y}, {w}", f"value = ({loss}){share}", f"slope{T} = ({slope}){share}"]
    met += [f"part{T} += value", f"size{T} += abs(value)"]
    if sampling == "iid":
        met.append(f"counts[({N}) * rows + {row} - offsets[{N}]] += 1")
    inner.append(loops(layout, "\n".join(met), elements=False))
    if batched:
        inner.append(loops(layout, f"g_all{E} += slope{T} * {a}"))
        body.append(loops(layout, f"g_all{E} = 0.0"))
        body.append("for j in range(batch):\n" + indent("\n".join(inner), "    "))
        gradient = f"g_all{E}"
    else:
        body += inner
        gradient = f"slope{T} * {a}"

    # quantities of a tensor
    for equation in tensor:
        sums, text = written(equation)
        for n, summand in enumerate(sums, 1):
            body.append(loops(layout, f"sum_{n}{T} = 0.0", elements=False))
            body.append(loops(layout, f"g = {gradient}\nsum_{n}{T} += {summand}"))
        body.append(loops(layout, f"{equation.name}{T} = {text}", elements=False))
    for name in per_tensor:
        body.append(loops(layout, f"{name}{PREVIOUS}{T} = {name}{T}", elements=False))

    # quantities of an element
    each = [f"g = {gradient}"]
    if measured:
        each += [f"squares{E} += g * g", f"largest{T} = max(largest{T}, abs(g))", f"now{T} += g * g"]
        each += [f"lowest{E} = min(lowest{E}, theta_prev{E})", f"highest{E} = max(highest{E}, theta_prev{E})"]
        body.append(loops(layout, f"now{T} = 0.0", elements=False))
    each += [f"{equation.name} = {written(equation)[1]}" for equation in element]
    if kind == "box":
        each.append("theta = min(max(theta, low), high)")
    if sampling not in TABLES:
        each.append(f"sums{E} += g")
    each += [f"{name}{PREVIOUS}{E} = {name}" for name in per_element]
    if kind in ("ball", "simplex"):
        weight = "metric" if "metric" in algorithm else "1.0"
        each.append(f"weights{E} = {weight}")
    body.append(loops(layout, "\n".join(each)))
    if measured:
        body.append(loops(layout, f"norm{T} = max(norm{T}, now{T})", elements=False))
    if kind in ("ball", "simplex"):
        if scalar_layout:
            raise ValueError(f"a {kind} of one coordinate is an interval: use a box")
        column = "[:, r]" if T else ""
        radius = ", radius" if kind == "ball" else ""
        call = f"project_{kind}(theta_prev{column}, weights{column}{radius})"
        body.append(loops(layout, call, elements=False))
    if sampling == "cyclic":
        body.append("phase += 1\nif phase == rows:\n    phase = 0")
    flush = f"total{T}, lost{T} = two_sum(total{T}, lost{T}, part{T})\npart{T} = 0.0"
    body.append(f"if t % {FLUSH} == 0:\n" + indent(loops(layout, flush, elements=False), "    "))

    # what is kept from call to call
    kept_elements = [f"{name}{PREVIOUS}" for name in per_element]
    kept_tensors = [f"{name}{PREVIOUS}" for name in per_tensor]
    views: list[tuple[str, str]] = []
    whole = {"scalar": "[block, 0, 0]", "single": "[block, :, 0]", "blocks": "[block]"}[layout_name]
    one = {"scalar": "[block, 0]", "single": "[block, 0]", "blocks": "[block]"}[layout_name]
    views += [(name, f"elements[{n}]{whole}") for n, name in enumerate(kept_elements)]
    views += [(name, f"tensors[{n}]{one}") for n, name in enumerate(kept_tensors)]
    views += [("total", f"totals[0]{one}"), ("lost", f"totals[1]{one}"), ("size", f"totals[2]{one}")]
    if sampling not in TABLES:
        views.append(("sums", f"sums_all{whole}"))
    if measured:
        views += [("largest", f"peaks[0]{one}"), ("norm", f"peaks[1]{one}"), ("squares", f"ranges[0]{whole}")]
        views += [("lowest", f"ranges[1]{whole}"), ("highest", f"ranges[2]{whole}")]
    per_run = {name for name, where in views if where.endswith(one) and not where.endswith(whole)}
    scratch_runs = [*(equation.name for equation in tensor), "z", "slope", "part", "sum_1"]
    scratch_runs += ["now"] if measured else []
    typed = ["row"] if row else ["bits"] if sampling == "signs" else []
    scratch_elements = [*(["g_all"] if batched else []), *(["weights"] if kind in ("ball", "simplex") else [])]
    begin, end_ = [], []
    for name, where in views:
        begin.append(f"{name} = {where}")
        scalar_here = scalar_layout or (layout_name == "single" and name in per_run)
        if scalar_here:
            end_.append(f"{where} = {name}")
    if T:
        begin += [f"{name} = np.zeros({BLOCK})" for name in scratch_runs]
        begin += [f"{name} = np.zeros({BLOCK}, np.{'int64' if name == 'row' else 'uint64'})" for name in typed]
        begin += [f"{name} = np.zeros((d, {BLOCK}))" for name in scratch_elements]
    else:
        begin += ["part = 0.0"]
        begin += [f"{name} = 0.0" if scalar_layout else f"{name} = np.zeros(d)" for name in scratch_elements]
    begin += [f"{power} = {base} ** (first - 1) if first > 1 else 1.0" for base, power in POWERS.items()]
    begin += ["phase = (first - 1) % rows"] if sampling == "cyclic" else []
    flushed = loops(layout, flush, elements=False)
    numbers = ", ".join((*HYPERPARAMETERS, *algorithm.constants))
    signature = (
        "first, last, block, d, elements, tensors, numbers, rows_a, rows_y, rows_w, cumulative, rows, batch, scale, "
        "offsets, keys, low, high, radius, totals, counts, sums_all, peaks, ranges"
    )
    return "\n".join(
        [
            f"def play({signature}):",
            f"    {numbers}, = numbers",
            indent("\n".join(begin), "    "),
            "    for t in range(first, last + 1):",
            indent("\n".join(body), "        "),
            indent(flushed, "    "),
            indent("\n".join(end_) or "pass", "    "),
            "",
        ]
    )


def kernel(
    algorithm: Algorithm, link: Link, sampling: str, kind: str, layout: str, batched: bool, measured: bool
) -> Kernel:
    """`source`, compiled; without the global lock, so that threads share the blocks."""
    text = source(algorithm, link, sampling, kind, layout, batched, measured)
    names = [[n for n in algorithm.state if algorithm.extent(n) == extent] for extent in ("element", "tensor")]
    return Kernel(tuple(names[0]), tuple(names[1]), compiled(algorithm.name, text), text)


@cache
def compiled(name: str, text: str) -> Callable[..., Any]:
    """The function of a text; a traceback through it shows its lines."""
    file = f"<{name}-{sha256(text.encode()).hexdigest()[:12]}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names: dict[str, Any] = dict(NAMES)
    exec(compile(text, file, "exec"), names)
    play: Any = names["play"]
    return numba.njit(nogil=True, error_model="numpy")(play)
