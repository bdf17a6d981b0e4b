"""Certificates: a finding as the file that the small checker reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..files import write_atomically
from .entry import Entry, Finding
from .folder import checker, folder


def certificate(entry: Entry, finding: Finding) -> dict[str, Any]:
    """The contents of an entry's file."""
    contents: dict[str, Any] = {
        "id": entry.id,
        "where": entry.where,
        "statement": entry.statement,
        "verdict": entry.verdict,
        "rests_on": list(entry.rests_on),
        "bits": finding.bits,
    }
    if finding.instance:
        contents["instance"] = dict(finding.instance)
    contents["steps"] = [dict(step) for step in finding.steps]
    if finding.figures:
        contents["figures"] = dict(finding.figures)
    contents = json.loads(json.dumps(contents))  # tuples as lists, as they will be read back
    return contents | {"sha256": checker().digest(contents)}


def write(contents: Mapping[str, Any]) -> None:
    text = json.dumps(contents, indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder() / "certificates" / f"{contents['id']}.json", text)


def derived(contents: Mapping[str, Any]) -> Any:
    """What must come out the same whenever the check is run: all but the evidence and figures of a search."""
    steps = [step for step in contents["steps"] if step["role"] != "evidence"]
    kept = ("id", "where", "statement", "verdict", "rests_on", "bits", "instance")
    return {key: contents[key] for key in kept if key in contents} | {"steps": steps}
