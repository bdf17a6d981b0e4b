"""The order in which a reader meets the ledger: sections of the paper, then what is ours."""

from __future__ import annotations

from collections.abc import Sequence

from .entry import Entry

SECTIONS = {
    "Section 2: the method": ("sec2",),
    "Section 3.1: intuition": ("sec31",),
    "Section 3.2: remarks": ("sec32",),
    "Lemma 1 and its proof": ("lem1",),
    "Theorem 2 and its proof": ("thm2",),
    "Theorem 1 and Corollary 1": ("thm1", "cor1"),
    "Tables": ("tab", "tab1", "tab2", "tab3", "tab4", "tab5"),
    "Scales and constants": ("scale",),
    "The counterexample": ("cex",),
    "Noise": ("noise",),
    "Repaired results": ("aux", "rep", "path", "cond", "guard"),
}
"""Title to the first parts of the ids that it holds."""


def section(entry: Entry) -> str:
    """The title under which an entry stands.

    Raises:
        ValueError: its id begins with nothing that is known.
    """
    first = entry.id.split(".")[0]
    for title, prefixes in SECTIONS.items():
        if first in prefixes:
            return title
    raise ValueError(f"no section for the id {entry.id!r}; ids begin with {', '.join(sum(SECTIONS.values(), ()))}")


def by_section(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Title to its entries, both in order; sections without an entry are left out."""
    titles = {entry.id: section(entry) for entry in entries}
    grouped = {title: [entry for entry in entries if titles[entry.id] == title] for title in SECTIONS}
    return {title: those for title, those in grouped.items() if those}
