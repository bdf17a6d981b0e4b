"""Which statement rests on which, as one SVG: a lane a part of the paper, downwards from what is assumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from html import escape

from ..ledger.entry import Entry, Verdict
from ..ledger.sections import section

COLOURS: dict[Verdict, tuple[str, str, str]] = {
    "proved": ("#cfe8df", "#00664b", "✓"),
    "needs-hypothesis": ("#fff0c2", "#8a5a00", "+"),
    "supported": ("#dbe9f6", "#0b5394", "~"),
    "open": ("#eeeeee", "#555555", "?"),
    "ill-posed": ("#eadcf2", "#6a2c91", "∅"),
    "refuted": ("#f7cfc4", "#a3200d", "✗"),
}
"""Verdict to fill, outline and sign: any one of them tells it."""
BANDS = (
    ("Lemma 1 and its proof", "Theorem 2 and its proof", "Theorem 1 and Corollary 1"),
    ("Section 2: the method", "Section 3.1: intuition", "Section 3.2: remarks", "Tables"),
    ("Scales and constants", "The counterexample"),
    ("Noise", "Repaired results"),
)
"""Lanes side by side, band beneath band: the printed proof, the sentences around it, and what is ours."""
OURS = frozenset(title for band in BANDS[2:] for title in band)
HEIGHT, STEP_Y = 26, 54
LETTER = 6.9
"""Width of a letter, at most on average, in the font size below."""
MARGIN, TOP, TITLE = 16, 64, 34
GAP, LANE_GAP, BAND_GAP = 14, 30, 26
WRAPPED = 5
"""Nodes of one depth in a lane, side by side, at most."""


@dataclass(frozen=True)
class Node:
    """An entry and its box."""

    entry: Entry
    x: float
    y: float
    width: float
    band: int


@dataclass(frozen=True)
class Lane:
    """A section and its frame."""

    title: str
    left: float
    top: float
    right: float
    bottom: float


def graph(entries: Sequence[Entry]) -> str:
    """The SVG of every entry that uses another one or is used.

    Raises:
        graphlib.CycleError: entries use each other in a circle.
    """
    by_id = {entry.id: entry for entry in entries}
    edges = {entry.id: [name for name in leading_to(entry, by_id) if name in by_id] for entry in entries}
    used = {name for names in edges.values() for name in names}
    shown = [entry for entry in entries if edges[entry.id] or entry.id in used]
    nodes, lanes = placed(shown, edges)
    width = max((lane.right for lane in lanes), default=640.0) + MARGIN
    height = max((lane.bottom for lane in lanes), default=float(TOP)) + MARGIN
    parts = [head(width, height), legend()]
    parts += [frame(lane) for lane in lanes]
    parts += [arrow(nodes[name], nodes[entry.id]) for entry in shown for name in edges[entry.id]]
    parts += [box(node) for node in nodes.values()]
    return "\n".join([*parts, "</svg>"]) + "\n"


def leading_to(entry: Entry, by_id: Mapping[str, Entry]) -> list[str]:
    """What an arrow leads from: what the paper uses; for what is ours, also what its proof rests on among ours."""
    ours = [name for name in entry.rests_on if name in by_id and section(by_id[name]) in OURS]
    return list(dict.fromkeys([*entry.uses, *(ours if section(entry) in OURS else [])]))


def depths(edges: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The longest way up from each node."""
    found: dict[str, int] = {}
    for name in TopologicalSorter(edges).static_order():
        found[name] = max((found[other] + 1 for other in edges.get(name, ())), default=0)
    return found


def placed(shown: Sequence[Entry], edges: Mapping[str, Sequence[str]]) -> tuple[dict[str, Node], list[Lane]]:
    """Nodes by id, and lanes: rows by depth within a band, broken where a lane has many of one depth.

    Raises:
        graphlib.CycleError: entries use each other in a circle.
    """
    depths(edges)
    nodes: dict[str, Node] = {}
    lanes: list[Lane] = []
    top = float(TOP)
    for number, titles in enumerate(BANDS):
        here = {title: [entry for entry in shown if section(entry) == title] for title in titles}
        here = {title: those for title, those in here.items() if those}
        if not here:
            continue
        names = {entry.id for those in here.values() for entry in those}
        depth = depths({name: [other for other in edges[name] if other in names] for name in names})
        rows = {title: by_level([(depth[entry.id], entry) for entry in those]) for title, those in here.items()}
        levels = range(max(depth.values()) + 1)
        tall = [max(-(-len(lane.get(level, ())) // WRAPPED) for lane in rows.values()) for level in levels]
        bottom = top + TITLE + sum(tall) * STEP_Y
        left = float(MARGIN)
        for title, lane in rows.items():
            step = max(len(entry.id) for entry in here[title]) * LETTER + 30 + GAP
            across = min(WRAPPED, max(len(those) for those in lane.values()))
            for level, those in lane.items():
                for i, entry in enumerate(those):
                    row, column = divmod(i, WRAPPED)
                    inset = (across - min(WRAPPED, len(those) - row * WRAPPED)) / 2
                    y = top + TITLE + (sum(tall[:level]) + row) * STEP_Y
                    nodes[entry.id] = Node(entry, left + 10 + (inset + column) * step, y, step - GAP, number)
            right = left + max(across * step - GAP + 20, len(title) * LETTER * 1.1 + 20)
            lanes.append(Lane(title, left, top, right, bottom))
            left = right + LANE_GAP
        top = bottom + BAND_GAP
    return nodes, lanes


def by_level(leveled: Sequence[tuple[int, Entry]]) -> dict[int, list[Entry]]:
    found: dict[int, list[Entry]] = {}
    for level, entry in leveled:
        found.setdefault(level, []).append(entry)
    return found


def head(width: float, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12">\n<title>What rests on what, by verdict</title>\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n<defs><marker id="tip" viewBox="0 0 8 8" refX="7" '
        f'refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 L8 4 L0 8 Z" fill="#666666"/>'
        f"</marker></defs>"
    )


def legend() -> str:
    parts, x = [], float(MARGIN)
    for verdict, (fill, line, mark) in COLOURS.items():
        parts.append(f'<rect x="{x:.0f}" y="12" width="18" height="18" rx="3" fill="{fill}" stroke="{line}"/>')
        parts.append(f'<text x="{x + 9:.0f}" y="25" text-anchor="middle" fill="{line}">{mark}</text>')
        parts.append(f'<text x="{x + 24:.0f}" y="25">{verdict}</text>')
        x += 44 + LETTER * len(verdict)
    parts.append(
        f'<text x="{MARGIN}" y="48" fill="#555555">An arrow leads from a statement to one that the paper rests on it, '
        f"or that takes it up; dashed and red from what is refuted or ill-posed.</text>"
    )
    return "\n".join(parts)


def frame(lane: Lane) -> str:
    return (
        f'<rect x="{lane.left:.0f}" y="{lane.top:.0f}" width="{lane.right - lane.left:.0f}" '
        f'height="{lane.bottom - lane.top:.0f}" rx="6" fill="none" stroke="#dddddd"/>\n'
        f'<text x="{lane.left + 10:.0f}" y="{lane.top + 21:.0f}" font-weight="bold">{escape(lane.title)}</text>'
    )


def arrow(start: Node, end: Node) -> str:
    x0, y0, x1, y1 = start.x + start.width / 2, start.y + HEIGHT, end.x + end.width / 2, end.y
    if y1 <= y0:  # sideways or up, to a band above
        y0, y1 = start.y, end.y + HEIGHT
    bend = (y1 - y0) / 2
    broken = start.entry.verdict in ("refuted", "ill-posed")
    style = 'stroke="#a3200d" stroke-dasharray="4 3"' if broken else 'stroke="#666666"'
    faint = "" if start.band == end.band else ' stroke-opacity="0.25"'
    return (
        f'<path d="M{x0:.0f} {y0:.0f} C{x0:.0f} {y0 + bend:.0f} {x1:.0f} {y1 - bend:.0f} {x1:.0f} {y1:.0f}" '
        f'fill="none" {style}{faint} stroke-width="1.1" marker-end="url(#tip)"/>'
    )


def box(node: Node) -> str:
    fill, line, mark = COLOURS[node.entry.verdict]
    return (
        f"<g><title>{escape(node.entry.id)}: {node.entry.verdict}. {escape(node.entry.statement)}</title>"
        f'<rect x="{node.x:.0f}" y="{node.y:.0f}" width="{node.width:.0f}" height="{HEIGHT}" rx="5" fill="{fill}" '
        f'stroke="{line}" stroke-width="1.4"/><text x="{node.x + 8:.0f}" y="{node.y + 17:.0f}" fill="{line}" '
        f'font-weight="bold">{mark}</text><text x="{node.x + 24:.0f}" y="{node.y + 17:.0f}">{escape(node.entry.id)}'
        f"</text></g>"
    )
