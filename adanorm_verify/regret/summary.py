"""What a sweep found, in one JSON-able document: every record, without what is only of a single run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .cells import KINDS, versions

OF_ONE_RUN = ("low", "high")
"""Of a `regret` record: arrays with a number a run, in whose place the means over the runs stand."""


def summary(documents: Sequence[Mapping[str, Any]], missing: int = 0) -> dict[str, Any]:
    """The documents of cells by kind, with what they show.

    Args:
        documents: as `cells.documents` gives them.
        missing: how many cells of the sweep have none.
    """
    found: dict[str, Any] = {kind: [] for kind in KINDS}
    for document in documents:
        record = document["record"]
        found[document["kind"]].append(short(record) if document["kind"] == "regret" else record)
    return {
        "versions": documents[0]["versions"] if documents else versions(),
        "revisions": len({(document["sources"], str(document["versions"])) for document in documents}),
        "seeds": sorted({document["settings"]["seed"] for document in documents if "seed" in document["settings"]}),
        "missing": missing,
        "calibrated": calibrated(found["calibration"]),
        **found,
    }


def short(record: Mapping[str, Any]) -> dict[str, Any]:
    """A `regret` record with the means over its runs for `low` and `high`, and its growth beside them."""
    kept = {key: value for key, value in record.items() if key not in (*OF_ONE_RUN, "mean_low", "mean_high", "growth")}
    growth = record["growth"]
    interval = {"exponent": growth["exponent"], "interval": [growth["low"], growth["high"]], "class": growth["kind"]}
    return {**kept, "low": record["mean_low"], "high": record["mean_high"], **interval, "growth": growth}


def calibrated(records: Sequence[Mapping[str, Any]]) -> bool | None:
    """Whether growth of every kind was recognised; None where nothing was calibrated."""
    return all(record["passes"] for record in records) if records else None
