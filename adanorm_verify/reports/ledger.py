"""The ledger as lines of text and as a JSON document."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .. import __version__
from ..ledger.entry import VERDICTS
from ..ledger.running import Claim
from ..ledger.sections import by_section

SCHEMA = 1


def lines(claims: Sequence[Claim]) -> list[str]:
    """By section, a line an entry, its problems beneath it."""
    known = {claim.entry.id: claim for claim in claims}
    width = max(len(name) for name in known)
    text = []
    for title, entries in by_section([claim.entry for claim in claims]).items():
        text.append(f"{title} ({counts([known[entry.id] for entry in entries])})")
        for entry in entries:
            claim = known[entry.id]
            text.append(f"  {entry.id:{width}}  {entry.verdict:16}  {entry.statement}")
            text += [f"  {'':{width}}  PROBLEM: {problem}" for problem in claim.problems]
    return text


def whole(claim: Claim) -> list[str]:
    """One entry with all that a reader needs to follow its verdict."""
    entry = claim.entry
    text = [f"{entry.id}: {entry.verdict} ({entry.where})", f"  statement    {entry.statement}"]
    text.append(f"  reading      {entry.reading}")
    if entry.repair:
        text.append(f"  repair       {entry.repair}")
    for name, ids in (("uses", entry.uses), ("rests on", entry.rests_on)):
        if ids:
            text.append(f"  {name:11}  {', '.join(ids)}")
    for i, step in enumerate(claim.certificate.get("steps", []), 1):
        text.append(f"  step {i:<7} {step['role']}, {step['kind']}: {step['says']}")
        text += [f"               {line}" for line in content(step)]
    text += [f"  figure       {name} = {value}" for name, value in claim.certificate.get("figures", {}).items()]
    text.append(f"  certificate  theory/certificates/{entry.id}.json ({claim.seconds:.2f} s)")
    return text + [f"  PROBLEM      {problem}" for problem in claim.problems]


def content(step: Mapping[str, Any]) -> list[str]:
    """What a step says in formulas."""
    if step["kind"] == "identity":
        return [f"{step['left']} = {step['right']}"]
    if step["kind"] == "sign":
        assumed = f", given {', '.join(step['assume'])}" if step["assume"] else ""
        return [f"{step['claim']}{assumed}", f"difference = {step['as']}"]
    domain = ", ".join(f"{name} in [{low}, {high}]" for name, (low, high) in step.get("domain", {}).items())
    return [claim + (f" for all {domain}" if domain else "") for claim in step["claims"]]


def counts(claims: Sequence[Claim]) -> str:
    """ "3 proved, 2 refuted"."""
    found = Counter(claim.entry.verdict for claim in claims)
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in VERDICTS if found[verdict])


def summary(claims: Sequence[Claim], problems: int) -> list[str]:
    """What was decided, what could not be derived again, and how many problems there are."""
    lacking = Counter(what.rpartition(": ")[2] for claim in claims for what in claim.missing)
    text = [
        f"not derived a second time, though its certificate was checked: {what}, {n} times"
        for what, n in lacking.items()
    ]
    return [*text, f"theory: {len(claims)} entries: {counts(claims)}; {problems} problems"]


def document(claims: Sequence[Claim], problems: Sequence[str], command: str) -> dict[str, Any]:
    """The JSON document."""
    return {
        "schema": SCHEMA,
        "command": command,
        "environment": environment(),
        "counts": {v: sum(claim.entry.verdict == v for claim in claims) for v in VERDICTS},
        "problems": list(problems),
        "claims": [record(claim) for claim in claims],
    }


def environment() -> dict[str, str]:
    import flint
    import numpy
    import sympy

    versions = {"adanorm_verify": __version__, "python": platform.python_version(), "numpy": numpy.__version__}
    return versions | {"sympy": sympy.__version__, "python_flint": flint.__version__}


def record(claim: Claim) -> dict[str, Any]:
    entry = claim.entry
    return {
        "id": entry.id,
        "where": entry.where,
        "statement": entry.statement,
        "verdict": entry.verdict,
        "certificate": f"theory/certificates/{entry.id}.json",
        "uses": list(entry.uses),
        "rests_on": list(entry.rests_on),
        "reading": entry.reading,
        "repair": entry.repair,
        "figures": dict(claim.certificate.get("figures", {})),
        "problems": list(claim.problems),
        "not_derived_again": list(claim.missing),
        "seconds": claim.seconds,
    }
