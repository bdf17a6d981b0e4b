"""An entry of the ledger: one statement, what was decided about it, and the function that decides it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Verdict = Literal["proved", "refuted", "needs-hypothesis", "ill-posed", "supported", "open"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
Role = Literal["proof", "hypothesis", "violation", "undefined", "evidence"]
Step = Mapping[str, Any]
"""One step of a certificate as it stands in the file; `ledger.steps` builds them."""


@dataclass(frozen=True)
class Finding:
    """What a check derived.

    Args:
        steps: from which the verdict follows, in order.
        instance: what hypotheses and violation are about: `let`, `data`, `run`, `then` (see `theory/checker.py`).
        figures: numbers for the reader, by name: (claimed, computed) pairs, ratios of an attack, horizons.
        bits: of the enclosures.
    """

    steps: Sequence[Step]
    instance: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    bits: int = 256


@dataclass(frozen=True)
class Entry:
    """One statement and its verdict.

    Args:
        id: stable; those of the paper's statements are listed in `theory/ids.txt`.
        where: its place in the paper, or "ours".
        statement: restated with its quantifiers and domains.
        verdict: the recorded one, which the finding must bear out.
        check: derives the finding from nothing but code; deterministic.
        reading: one plain paragraph for the reader.
        repair: what would make it true, where it is not.
        uses: ids on which the paper lets the statement rest, or which a repair concerns; the graph draws them.
        rests_on: ids whose proofs this one's certificate relies on; each must be proved, and none in a circle.
        extras: what its check needs beyond the core packages.
    """

    id: str
    where: str
    statement: str
    verdict: Verdict
    check: Callable[[], Finding]
    reading: str
    repair: str = ""
    uses: tuple[str, ...] = ()
    rests_on: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"{self.id}: verdict must be one of {', '.join(VERDICTS)}, got {self.verdict!r}")
        for name in ("id", "where", "statement", "reading"):
            if not getattr(self, name).strip():
                raise ValueError(f"{self.id}: an entry needs its {name}")
