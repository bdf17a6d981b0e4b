"""What follows for a person who trains on rare positives, in plain sentences, each of figures in the records.

A record is what `imbalance.measure` returns. A sentence that no record supports is not said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

HARMLESS = 0.05
"""Relative; the sentences name it wherever they call a bias harmless."""

Record = Mapping[str, Any]


def advice(records: Sequence[Record]) -> list[str]:
    """Sentences on the bias of corrected optimizers, where it is harmless, and what to do.

    Args:
        records: of kind `logistic`; of any optimizers, rates and batches.

    Raises:
        ValueError: no record at all.
    """
    if not records:
        raise ValueError("advice needs at least one record of kind logistic, got none")
    alone = [record for record in records if not record["features"]]
    corrected = [r for r in alone if r["gamma"] > 0 and r["guard"] in (None, "none")]
    plain = [r for r in alone if r["gamma"] == 0]
    guarded = [r for r in alone if r["gamma"] > 0 and r["guard"] == "decaying"]
    sentences = [
        *_worst(corrected),
        *_harmless(corrected),
        *_others("Without the correction", plain),
        *_others("With the guard `decaying`", guarded),
        *_features([r for r in records if r["features"] and r["gamma"] > 0]),
        *_law(corrected),
        *_remedies(corrected, plain, guarded),
    ]
    return sentences or ["No record is of a corrected optimizer, or tells its bias from its error bars."]


def biased(record: Record) -> bool:
    """Whether the true rate lies outside of the 95 % interval of what was learned."""
    return not record["low"] <= record["rate"] <= record["high"]


def farthest(record: Record) -> float:
    """The largest relative distance to the true rate that the interval allows."""
    return max(abs(record["low"] / record["rate"] - 1), abs(record["high"] / record["rate"] - 1))


def percent(value: float, digits: int = 3) -> str:
    return f"{100 * value:.{digits}g} %"


def batches(size: int) -> str:
    return "single examples" if size == 1 else f"batches of {size}"


def instead(record: Record) -> str:
    """What was learned in the place of what."""
    learned, low, high = (percent(record[key], 4) for key in ("learned", "low", "high"))
    return f"{learned} ({low} to {high}) in the place of {percent(record['rate'])} with {batches(record['batch'])}"


def _worst(corrected: list[Record]) -> list[str]:
    found = [r for r in corrected if biased(r)]
    low = [r for r in found if r["learned"] < r["rate"]]
    high = [r for r in found if r["learned"] > r["rate"]]
    sentences = []
    if low:
        r = min(low, key=lambda one: one["learned"] / one["rate"])
        sentences.append(f"{r['optimizer']} learns {instead(r)}: {r['rate'] / r['learned']:.3g} times too small.")
    if high:
        r = max(high, key=lambda one: one["learned"] / one["rate"])
        sentences.append(f"The bias can have the other sign: {r['optimizer']} learns {instead(r)}.")
    return sentences


def _threshold(corrected: list[Record]) -> float | None:
    """The least number of positives that a batch holds on average from which on the bias was harmless in all cells."""
    rare = sorted(((_rarer(r) * r["batch"], farthest(r) <= HARMLESS) for r in corrected), reverse=True)
    found = None
    for positives, harmless in rare:
        if not harmless:
            break
        found = positives
    return found


def _rarer(record: Record) -> float:
    return min(record["rate"], 1 - record["rate"])


def _harmless(corrected: list[Record]) -> list[str]:
    sentences = []
    threshold = _threshold(corrected)
    if threshold is not None:
        counted = [r for r in corrected if _rarer(r) * r["batch"] >= threshold]
        worst = max(counted, key=farthest)
        sentences.append(
            f"In all {len(counted)} cells whose batches hold {threshold:.3g} examples of the rarer class or more "
            f"on average the bias was harmless, below {percent(HARMLESS)} of the rate: at most "
            f"{percent(farthest(worst))}."
        )
    even = [r for r in corrected if r["rate"] == 0.5]
    if even and not any(biased(r) for r in even):
        sentences.append(f"Where both classes are as frequent nothing is biased ({len(even)} cells).")
    return sentences


def _others(how: str, records: list[Record]) -> list[str]:
    if not records:
        return []
    worst = max(records, key=farthest)
    return [
        f"{how} the true rate was learned to {percent(farthest(worst))} or better in {len(records)} cells (the "
        f"farthest: {worst['optimizer']}, {percent(worst['learned'])} for {percent(worst['rate'])} with "
        f"{batches(worst['batch'])})."
    ]


def _features(records: list[Record]) -> list[str]:
    found = [r for r in records if biased(r)]
    if not found:
        return []
    r = max(found, key=lambda one: abs(log(one["learned"] / one["rate"])))
    slope = "" if r["slope"] is None else f"; the slope of the calibration is {r['slope']:.3g}"
    return [
        f"Features do not remove the bias: with {r['features']} of them {r['optimizer']} predicts, on average, "
        f"{instead(r)}{slope}."
    ]


def _law(corrected: list[Record]) -> list[str]:
    known = [r for r in corrected if r["predicted"] is not None]
    if not known:
        return []
    worst = max(known, key=lambda r: abs(r["learned"] / r["predicted"] - 1))
    apart = abs(worst["learned"] / worst["predicted"] - 1)
    within = sum(r["matches_predicted"] for r in known)
    return [
        f"The law for the step size predicts {within} of {len(known)} cells within their 95 % error bars, and all of "
        f"them to {percent(apart)}."
    ]


def _remedies(corrected: list[Record], plain: list[Record], guarded: list[Record]) -> list[str]:
    found = [r for r in corrected if farthest(r) > HARMLESS and biased(r)]
    if not found:
        return []
    ways = []
    if plain and max(map(farthest, plain)) <= HARMLESS:
        ways.append("turn the correction off (gamma = 0)")
    if guarded and max(map(farthest, guarded)) <= HARMLESS:
        ways.append("set the guard `decaying`")
    threshold = _threshold(corrected)
    if threshold is not None:
        ways.append(f"use batches that hold {threshold:.3g} examples of the rarer class or more")
    r = max(found, key=farthest)
    shift = log(r["rate"] / (1 - r["rate"])) - log(r["learned"] / (1 - r["learned"]))
    ways.append(
        f"fit the intercept again after training ({shift:+.2f} for {percent(r['rate'])} and {batches(r['batch'])})"
    )
    return ["Where probabilities matter: " + ", or ".join(ways) + "."]
