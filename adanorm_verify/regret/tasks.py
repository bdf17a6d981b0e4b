"""What a loop over rounds is written for, and how its quantities are indexed.

Three layouts of one text: scalars (one run of one coordinate), one run, and blocks of runs side by side, whose inner
loops the compiler vectorises.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from textwrap import indent

from ..paper import PREVIOUS, Algorithm
from .links import Link
from .scalars import Line, Scalars, indexed, over_scalars, reads, scalar

BLOCK = 32
"""Runs side by side: four vectors of AVX-512, and the state of ten coordinates in the first cache."""

ARGUMENTS = (
    "first, last, block, d, elements, tensors, numbers, rows_a, rows_y, rows_w, cumulative, rows, batch, scale, "
    "offsets, keys, low, high, radius, totals, counts, sums_all, peaks, ranges"
)
LOCALS = (
    "i, r, j, a, z, y, w, g_all, loss, slope, row, bits, phase, weights, now, met_total, met_lost, met_size, met_part, "
    "sums, largest, norm, squares, lowest, highest, np, word, uniform, drawn, heavy, two_sum"
)
OWN = frozenset(f"{ARGUMENTS}, {LOCALS}".split(", "))
"""Names of the text that no quantity of a list may have."""


@dataclass(frozen=True)
class Layout:
    """How quantities are indexed in the text.

    Args:
        element: suffix of one value an element.
        run: suffix of one value a run.
        over_elements: the loop over coordinates; empty where there is one.
        over_runs: the loop over the runs of a block; empty where there is one.
        number: of the run.
        whole: what is taken of an array with a value an element, and how it is put back.
        one: the same of an array with a value a run.
    """

    element: str
    run: str
    over_elements: str
    over_runs: str
    number: str
    whole: tuple[str, str]
    one: tuple[str, str]


# Arrays are copied and put back, so that threads that play neighbouring blocks never write to one line of a cache.
LAYOUTS = {
    "scalar": Layout(
        *("", "", "", "", "block"),
        ("{x} = {array}[block, 0, 0]", "{array}[block, 0, 0] = {x}"),
        ("{x} = {array}[block, 0]", "{array}[block, 0] = {x}"),
    ),
    "single": Layout(
        *("[i]", "", "for i in range(d):", "", "block"),
        ("{x} = {array}[block].copy().reshape(d)", "{array}[block] = {x}.reshape((d, 1))"),
        ("{x} = {array}[block, 0]", "{array}[block, 0] = {x}"),
    ),
    "blocks": Layout(
        *("[i, r]", "[r]", "for i in range(d):", f"for r in range({BLOCK}):", f"block * {BLOCK} + r"),
        ("{x} = {array}[block].copy()", "{array}[block] = {x}"),
        ("{x} = {array}[block].copy()", "{array}[block] = {x}"),
    ),
}


@dataclass(frozen=True)
class Task:
    """What a text is for.

    Args:
        algorithm: the list.
        link: the loss.
        sampling: of the rows.
        kind: of the feasible set.
        layout: how runs are laid out.
        batched: several rows a round.
        measured: whether the largest gradients, the range of theta and the sums of g^2 are kept.

    Raises:
        ValueError: a quantity with a name of the text's own, or a set of one coordinate that is not a box or line.
    """

    algorithm: Algorithm
    link: Link
    sampling: str
    kind: str
    layout: Layout
    batched: bool
    measured: bool

    def __post_init__(self) -> None:
        if taken := sorted(OWN & {*self.algorithm.names, *self.algorithm.constants}):
            raise ValueError(f"{self.algorithm.name}: {taken[0]} is a name of the loop's own; give it another")
        if not self.layout.element and self.kind in ("ball", "simplex"):
            raise ValueError(f"a {self.kind} of one coordinate is an interval: use a box")

    @cached_property
    def scalars(self) -> Scalars:
        return over_scalars(self.algorithm)

    @property
    def projected(self) -> bool:
        """Whether a projection needs all coordinates."""
        return self.kind in ("ball", "simplex")

    def of(self, extent: str) -> list[str]:
        """The quantities of the state with one value an element, or a tensor."""
        return [name for name in self.algorithm.state if self.algorithm.extent(name) == extent]

    @cached_property
    def suffix(self) -> dict[str, str]:
        """Names that are arrays, with their indices."""
        E, T = self.layout.element, self.layout.run
        runs = [line.name for line in self.scalars.tensor] + [f"sum_{n}" for n in range(1, self.sums + 1)]
        return {
            **{name + PREVIOUS: E for name in self.of("element")},
            **{name + PREVIOUS: T for name in self.of("tensor")},
            **dict.fromkeys([*runs, *self.scalars.shared.values()], T),
        }

    @property
    def sums(self) -> int:
        return max((len(line.sums) for line in self.scalars.tensor), default=0)

    @cached_property
    def slope(self) -> str:
        """Of the loss at a prediction z, over scalars."""
        return scalar(self.link.slope).text

    @property
    def known(self) -> bool:
        """Whether the gradient of a round does not depend on its prediction, as with linear losses."""
        return "z" not in self.link.slope.inputs.values() and not self.batched

    @property
    def gradient(self) -> str:
        E, T = self.layout.element, self.layout.run
        return f"g_all{E}" if self.batched or self.known else f"slope{T} * a{E}"

    def summed(self, line: Line) -> list[str]:
        """The lines of an element that fill the sums of a tensor's equation."""
        summands = enumerate(line.sums, 1)
        return [f"sum_{n}{self.layout.run} += {self.written(summand)}" for n, summand in summands]

    @property
    def early(self) -> tuple[Line, ...]:
        """The first equation of a tensor, where its sums are of a known gradient: filled while predicting."""
        return self.scalars.tensor[:1] if self.known and all(reads(s) <= {"g"} for s in self.first_sums) else ()

    @property
    def first_sums(self) -> tuple[str, ...]:
        return self.scalars.tensor[0].sums if self.scalars.tensor else ()

    def written(self, text: str) -> str:
        return indexed(text, self.suffix)


Part = tuple[str, list[str]]
"""A loop, `RUNS`, `ELEMENTS` or none, and the lines in it."""
ROUND, RUNS, ELEMENTS = "round", "runs", "elements"


def within(loop: str, *lines: str) -> str:
    """Lines as the body of a loop; as they are where there is none."""
    body = "\n".join(lines)
    return f"{loop}\n{indent(body, '    ')}" if loop and body else body


def laid(layout: Layout, parts: Iterable[Part]) -> str:
    """Parts in their loops, those over coordinates outside; neighbours over runs share one, as runs are independent."""
    texts = []
    for loop, group in groupby(parts, key=itemgetter(0)):
        if loop == RUNS:
            texts.append(within(layout.over_runs, *(line for _, lines in group for line in lines)))
            continue
        for _, lines in group:
            one = within(layout.over_runs, *lines) if loop == ELEMENTS else "\n".join(lines)
            texts.append(within(layout.over_elements if loop == ELEMENTS else "", one))
    return "\n".join(text for text in texts if text)
