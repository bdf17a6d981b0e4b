"""The ledger as one self-contained page: the graph of the proof, then every entry with the steps of its certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from ..ledger.entry import VERDICTS
from ..ledger.running import Claim
from ..ledger.sections import by_section, section
from . import ledger
from .html import environment
from .ledger_graph import BANDS, COLOURS, graph


def page(claims: Sequence[Claim], problems: Sequence[str], command: str) -> str:
    """The page's text."""
    known = {claim.entry.id: claim for claim in claims}
    entries = [claim.entry for claim in claims]
    proof = [entry for entry in entries if section(entry) in BANDS[0]]
    context: dict[str, Any] = {
        "total": len(claims),
        "counts": {v: sum(claim.entry.verdict == v for claim in claims) for v in VERDICTS},
        "problems": problems,
        "colours": COLOURS,
        "sections": {title: [known[e.id] for e in those] for title, those in by_section(entries).items()},
        "drawing": graph(proof) if any(entry.uses for entry in proof) else "",
        "content": ledger.content,
        "instance": lambda claim: instance(claim.certificate["instance"]),
        "command": command,
        "environment": ledger.environment(),
    }
    template = files(__package__).joinpath("ledger_page.html").read_text(encoding="utf-8")
    return environment().from_string(template).render(context)


def instance(parts: Mapping[str, Any]) -> list[str]:
    """What an instance defines, a line a name."""
    lines = [f"{name} = {rows}" for name, rows in parts.get("data", {}).items()]
    lines += [f"{name} = {text}" for name, text in parts.get("let", [])]
    lines += [f"run: {name} = {text}" for name, text in parts.get("run", {}).items()]
    return lines + [f"{name} = {text}" for name, text in parts.get("then", [])]
