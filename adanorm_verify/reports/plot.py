"""The largest error/bound at each step, laid out as a drawing: a chart a dtype, a line a quantity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, isfinite, log10

from ..verdict import Record

LEFT, RIGHT, TOP, BOTTOM = 42, 336, 14, 232
"""Of the plotting area; names of lines stand to the right of it."""
BAND = 16
"""Height of the rows for zero and for infinity, which a logarithmic axis does not reach."""
LABEL_GAP = 15
MARKERS = 12
"""Markers on a line, at most: enough to tell lines apart in print."""


@dataclass(frozen=True)
class Style:
    """How a line is drawn: told apart by colour, by dashes and by markers, each alone sufficient."""

    colour: str
    dash: str
    marker: str


STYLES = (
    Style("#111111", "", "circle"),
    Style("#0072b2", "7 3", "square"),
    Style("#b34700", "2 3", "triangle"),
    Style("#00664b", "9 3 2 3", "diamond"),
    Style("#7a3e9d", "4 2", "cross"),
)
"""Dark enough on white, after the palette of Okabe and Ito; the parameters come first."""


@dataclass(frozen=True)
class Line:
    """A quantity: its path, its markers, and where its name stands.

    Args:
        name: of the quantity.
        style: of the line.
        path: SVG path data.
        markers: where they are.
        label: height of the name.
    """

    name: str
    style: Style
    path: str
    markers: tuple[tuple[float, float], ...]
    label: float


@dataclass(frozen=True)
class Chart:
    """One drawing, in units of a view 400 wide and 276 high.

    Args:
        dtype: of the runs.
        description: what it shows, for who cannot see it.
        steps: horizontal place and label.
        ratios: vertical place and label.
        limit: the height of 1.
        lines: one a quantity.
    """

    dtype: str
    description: str
    steps: tuple[tuple[float, str], ...]
    ratios: tuple[tuple[float, str], ...]
    limit: float
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Scale:
    """From ratios to heights: logarithmic between decades, with rows of their own for zero and infinity."""

    low: int
    high: int
    zero: bool
    infinite: bool

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Scale:
        logs = [log10(ratio) for ratio in ratios if ratio > 0 and isfinite(ratio)]
        low, high = floor(min([*logs, -1.0])), ceil(max([*logs, 1.0]))
        return cls(low, high, 0.0 in ratios, inf in ratios)

    @property
    def bottom(self) -> float:
        return BOTTOM - BAND * self.zero

    @property
    def top(self) -> float:
        return TOP + BAND * self.infinite

    def height(self, ratio: float) -> float:
        if ratio == 0 or ratio == inf:
            return float(TOP if ratio else BOTTOM)
        return self.bottom - (log10(ratio) - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        every = ceil((self.high - self.low) / 7)
        decades = [n for n in range(self.low, self.high + 1) if n % every == 0]
        zero = [(self.height(0.0), "0")] if self.zero else []
        infinite = [(self.height(inf), "∞")] if self.infinite else []
        return (*zero, *((self.height(10.0**n), power_of_ten(n)) for n in decades), *infinite)


def power_of_ten(exponent: int) -> str:
    """As one writes it."""
    if exponent in (0, 1):
        return "10"[: exponent + 1]
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def across(step: int, steps: int) -> float:
    """The horizontal place of a step; a single one stands in the middle."""
    return (LEFT + RIGHT) / 2 if steps == 1 else LEFT + 6 + (step - 1) / (steps - 1) * (RIGHT - LEFT - 6)


def step_ticks(steps: int) -> tuple[tuple[float, str], ...]:
    every = next(n for n in (1, 2, 5, 10, 20, 50) if steps / n <= 6 or n == 50)
    marked = sorted({1, *range(every, steps + 1, every)}) if every > 1 else range(1, steps + 1)
    return tuple((across(step, steps), str(step)) for step in marked)


def path_data(points: Sequence[tuple[float, float]], ratios: Sequence[float]) -> str:
    """The line, broken where it leaves or enters the rows of zero and infinity."""
    parts = []
    for i, (x, y) in enumerate(points):
        joined = i > 0 and special(ratios[i]) == special(ratios[i - 1])
        parts.append(f"{'L' if joined else 'M'}{x:.1f} {y:.1f}")
    return " ".join(parts)


def special(ratio: float) -> float | None:
    return ratio if ratio in (0.0, inf) else None


def marked(ratios: Sequence[float]) -> list[int]:
    """Indices with a marker: some at equal distances, the largest, and points that no line reaches."""
    every = ceil(len(ratios) / MARKERS)
    kinds = [special(ratio) for ratio in ratios]
    alone = [i for i, kind in enumerate(kinds) if kind not in (kinds[i - 1 : i] + kinds[i + 1 : i + 2])]
    return sorted({*range(every - 1, len(ratios), every), ratios.index(max(ratios)), *alone})


def spread(heights: Sequence[float]) -> list[float]:
    """Heights of names, as near to those of their lines as names have room, from top to bottom in the lines' order."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = [0.0] * len(heights)
    above = float(TOP - LABEL_GAP)
    for i in order:
        above = placed[i] = max(heights[i], above + LABEL_GAP)
    below = float(BOTTOM + LABEL_GAP)
    for i in reversed(order):
        below = placed[i] = min(placed[i], below - LABEL_GAP)
    return placed


def told(ratios: Sequence[float], name: str) -> str:
    """What a line shows, in words."""
    largest = max(ratios)
    outside = [step for step, ratio in enumerate(ratios, 1) if ratio > 1]
    over = (
        f"above 1 at {len(outside)} of {len(ratios)} steps, first at step {outside[0]}" if outside else "never above 1"
    )
    return f"{name}: at most {largest:.3g}, at step {ratios.index(largest) + 1}; {over}."


def chart(dtype: str, series: dict[str, tuple[float, ...]], styles: dict[str, Style]) -> Chart:
    """The drawing of one dtype; `series` maps quantities to their ratios by step."""
    steps = max(map(len, series.values()))
    scale = Scale.of([ratio for ratios in series.values() for ratio in ratios])
    points = {
        name: [(across(step, steps), scale.height(ratio)) for step, ratio in enumerate(ratios, 1)]
        for name, ratios in series.items()
    }
    labels = spread([of_it[-1][1] for of_it in points.values()])
    lines = []
    for (name, ratios), label in zip(series.items(), labels, strict=True):
        marks = tuple(points[name][i] for i in marked(ratios))
        lines.append(Line(name, styles[name], path_data(points[name], ratios), marks, label))
    description = " ".join(told(ratios, name) for name, ratios in series.items())
    return Chart(dtype, description, step_ticks(steps), scale.ticks(), scale.height(1.0), tuple(lines))


def charts(records: Sequence[Record]) -> list[Chart]:
    """A chart a dtype; of the paths, the largest ratio at each step."""
    drawn = [record for record in records if record.by_step]
    names = sorted(dict.fromkeys(record.quantity for record in drawn), key=lambda name: name != "theta")
    styles = {name: STYLES[i % len(STYLES)] for i, name in enumerate(names)}
    found = []
    for dtype in dict.fromkeys(record.dtype for record in drawn):
        series = {}
        for name in names:
            of_it = [r.by_step for r in drawn if r.dtype == dtype and r.quantity == name]
            if of_it:
                length = max(map(len, of_it))
                padded = [(*ratios, *[0.0] * (length - len(ratios))) for ratios in of_it]
                series[name] = tuple(map(max, zip(*padded, strict=True)))
        found.append(chart(dtype, series, styles))
    return found
