"""The tables of a sweep: names of columns, and rows of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..regret.hunting import title
from ..regret.methods import label
from ..regret.phase import holds
from ..regret.sequences import shown

Record = Mapping[str, Any]
Table = tuple[list[str], list[list[str]]]


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.4g} %"


def number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}g}"


def calibration(records: Sequence[Record]) -> Table:
    names = ["growth", "exponent", "experiments", "truth in the interval", "right", "cannot tell", "wrong", "verdict"]
    rows = [
        [
            f"{r['name']}: {r['class']}",
            number(r["exponent"]),
            str(r["repetitions"]),
            f"{100 * r['coverage']:.1f} %",
            str(r["right"]),
            str(r["undecided"]),
            str(r["wrong"]),
            "passes" if r["passes"] else "does not pass",
        ]
        for r in records
    ]
    return names, rows


def regret(records: Sequence[Record]) -> Table:
    names = [
        "problem",
        "optimizer",
        "T",
        "regret",
        "growth",
        "exponent",
        "Theorem 1",
        "first violated",
        "not trivial from",
    ]
    rows = []
    for r in records:
        low, high = r["interval"]
        measured = (r["low"][-1] + r["high"][-1]) / 2
        rows.append(
            [
                r["problem"],
                r["optimizer"],
                f"{r['horizons'][-1]:,}",
                number(measured, 4),
                r["class"],
                "–" if low is None else f"{r['exponent']:.2f} [{low:.2f}, {high:.2f}]",
                number(r["claimed"][-1], 4) if r["claimed"] is not None else "does not apply",
                number(r["first_violation"]),
                number(r["first_informative"]),
            ]
        )
    return names, rows


def phase(records: Sequence[Record]) -> Table:
    names = ["optimizer", "γ", "large gradients", "measured A/a", "resolution", "closed form", "on it", "settled cycle"]
    rows = []
    for r in records:
        how = next(axis for axis in r["axes"] if axis != "ratio")
        columns = zip(r["axes"][how], r["measured"], r["resolution"], r["closed_form"], r["settled"], strict=True)
        for rarity, measured, resolution, closed, settled in columns:
            place = (label(r["optimizer"]), number(r["gamma"]), f"{how} {rarity}")
            lines = (number(closed, 5), "yes" if holds(measured, resolution, closed) else "no", number(settled, 5))
            rows.append([*place, number(measured, 5), number(resolution), *lines])
    return names, rows


def hunt(records: Sequence[Record]) -> Table:
    names = ["optimizer", "control", "found", "with", "average regret", "of the control", "rounds", "examined"]
    rows = [
        [
            title(r["optimizer"]),
            title(r["control"]),
            shown(r["sequence"]) if r["found"] else "nothing",
            ", ".join(f"{name} {value}" for name, value in r["hyperparameters"].items()),
            number(r["average_regret"]),
            number(r["control_average"]),
            f"{r['horizon']:,}" if r["horizon"] else "–",
            ", ".join(f"{count:,} {stage}" for stage, count in r["examined"].items()),
        ]
        for r in records
    ]
    return names, rows


def logistic(records: Sequence[Record]) -> Table:
    names = ["optimizer", "true rate", "batch", "features", "learned", "95 % interval"]
    names += ["zero of the mean", "law at this step", "matches"]
    rows = [
        [
            r["optimizer"],
            f"{100 * r['rate']:g} %",
            str(r["batch"]),
            str(r["features"]),
            percent(r["learned"]),
            f"{100 * r['low']:.4g} to {percent(r['high'])}",
            percent(r["closed_form"]),
            percent(r["predicted"]),
            "–" if r["predicted"] is None else "yes" if r["matches_predicted"] else "no",
        ]
        for r in records
    ]
    return names, rows


def landscape(records: Sequence[Record]) -> Table:
    rows = [[r["scenario"], s["sentence"], s["verdict"], s["why"]] for r in records for s in r["sentences"]]
    return ["scenario", "the paper's sentence", "verdict", "what was measured"], rows


def norms(records: Sequence[Record]) -> Table:
    rows = [[r["sentence"], r["verdict"], f"{r['why']}; lifted in {100 * r['lifted']:.3g} % of steps"] for r in records]
    return ["the paper's sentence", "verdict", "what was measured"], rows


TABLES: dict[str, Callable[[Sequence[Record]], Table]] = {
    "calibration": calibration,
    "regret": regret,
    "phase": phase,
    "hunt": hunt,
    "logistic": logistic,
    "landscape": landscape,
    "norms": norms,
}
