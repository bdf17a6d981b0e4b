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
WIDTH, HEIGHT = 118, 26
STEP_X, STEP_Y = 132, 58
MARGIN, TOP = 16, 96
LANE_GAP = 26
WRAPPED = 5
"""Nodes of one depth in a lane, side by side, at most."""


@dataclass(frozen=True)
class Node:
    entry: Entry
    x: float
    y: float


def graph(entries: Sequence[Entry]) -> str:
    """The SVG of every entry that uses another one or is used.

    Raises:
        graphlib.CycleError: entries use each other in a circle.
    """
    by_id = {entry.id: entry for entry in entries}
    edges = {entry.id: [name for name in entry.uses if name in by_id] for entry in entries}
    used = {name for names in edges.values() for name in names}
    shown = [entry for entry in entries if edges[entry.id] or entry.id in used]
    depth = depths({entry.id: edges[entry.id] for entry in shown})
    nodes, lanes, width, height = placed(shown, depth)
    parts = [head(width, height), legend(width)]
    parts += [lane_title(title, x, right, height) for title, x, right in lanes]
    parts += [arrow(nodes[name], nodes[entry.id]) for entry in shown for name in edges[entry.id]]
    parts += [box(node) for node in nodes.values()]
    return "\n".join([*parts, "</svg>"]) + "\n"


def depths(edges: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The longest way up from each node."""
    found: dict[str, int] = {}
    for name in TopologicalSorter(edges).static_order():
        found[name] = max((found[other] + 1 for other in edges.get(name, ())), default=0)
    return found


def placed(
    shown: Sequence[Entry], depth: Mapping[str, int]
) -> tuple[dict[str, Node], list[tuple[str, float, float]], float, float]:
    """Nodes by id, lanes with their ends, and the size: rows by depth, broken where a lane has many of one depth."""
    lanes: dict[str, dict[int, list[Entry]]] = {}
    for entry in shown:
        lanes.setdefault(section(entry), {}).setdefault(depth[entry.id], []).append(entry)
    rows = {d: max(-(-len(lane.get(d, ())) // WRAPPED) for lane in lanes.values()) for d in sorted(set(depth.values()))}
    first_row = {d: sum(rows[other] for other in rows if other < d) for d in rows}
    nodes, ends, left = {}, [], float(MARGIN)
    for title, lane in lanes.items():
        across = min(WRAPPED, max(len(those) for those in lane.values()))
        for d, those in lane.items():
            for i, entry in enumerate(those):
                row, column = divmod(i, WRAPPED)
                inset = (across - min(WRAPPED, len(those) - row * WRAPPED)) / 2
                y = TOP + (first_row[d] + row) * STEP_Y
                nodes[entry.id] = Node(entry, left + (inset + column) * STEP_X, y)
        right = left + across * STEP_X - (STEP_X - WIDTH)
        ends.append((title, left, right))
        left = right + LANE_GAP
    return nodes, ends, left - LANE_GAP + MARGIN, TOP + sum(rows.values()) * STEP_Y


def head(width: float, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12">\n<title>What rests on what, by verdict</title>\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n<defs><marker id="tip" viewBox="0 0 8 8" refX="7" '
        f'refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 L8 4 L0 8 Z" fill="#666666"/>'
        f"</marker></defs>"
    )


def legend(width: float) -> str:
    parts, x = [], float(MARGIN)
    for verdict, (fill, line, mark) in COLOURS.items():
        parts.append(f'<rect x="{x}" y="12" width="16" height="16" rx="3" fill="{fill}" stroke="{line}"/>')
        parts.append(f'<text x="{x + 8}" y="24" text-anchor="middle" fill="{line}">{mark}</text>')
        parts.append(f'<text x="{x + 22}" y="24">{verdict}</text>')
        x += 34 + 7.2 * len(verdict)
    parts.append(
        f'<text x="{MARGIN}" y="48" fill="#555555">an arrow leads from a statement to one that rests on it</text>'
    )
    return "\n".join(parts)


def lane_title(title: str, left: float, right: float, height: float) -> str:
    words = title.split(": ")[-1] if right - left < 200 else title
    return (
        f'<rect x="{left - 8}" y="58" width="{right - left + 16}" height="{height - 66}" rx="6" fill="none" '
        f'stroke="#dddddd"/>\n<text x="{left}" y="78" font-weight="bold">{escape(words)}</text>'
    )


def arrow(start: Node, end: Node) -> str:
    x0, y0, x1, y1 = start.x + WIDTH / 2, start.y + HEIGHT, end.x + WIDTH / 2, end.y
    bend = max(18.0, (y1 - y0) / 2)
    broken = start.entry.verdict in ("refuted", "ill-posed")
    style = 'stroke="#a3200d" stroke-dasharray="4 3"' if broken else 'stroke="#666666"'
    return (
        f'<path d="M{x0:.0f} {y0:.0f} C{x0:.0f} {y0 + bend:.0f} {x1:.0f} {y1 - bend:.0f} {x1:.0f} {y1 - 1:.0f}" '
        f'fill="none" {style} stroke-width="1.1" marker-end="url(#tip)"/>'
    )


def box(node: Node) -> str:
    fill, line, mark = COLOURS[node.entry.verdict]
    return (
        f"<g><title>{escape(node.entry.id)}: {node.entry.verdict}. {escape(node.entry.statement)}</title>"
        f'<rect x="{node.x:.0f}" y="{node.y:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="5" fill="{fill}" '
        f'stroke="{line}" stroke-width="1.4"/><text x="{node.x + 8:.0f}" y="{node.y + 17:.0f}" fill="{line}" '
        f'font-weight="bold">{mark}</text><text x="{node.x + 24:.0f}" y="{node.y + 17:.0f}">{escape(node.entry.id)}'
        f"</text></g>"
    )
