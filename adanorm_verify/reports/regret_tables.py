"""The tables of a sweep: names of columns, and rows of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
Table = tuple[list[str], list[list[str]]]


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
    names = ["problem", "optimizer", "T", "regret", "growth", "exponent", "Theorem 1", "first violated", "not trivial from"]
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
    names = ["optimizer", "γ", "period P", "measured A/a", "closed form", "resolution", "agree"]
    rows = []
    for r in records:
        columns = zip(r["axes"]["periods"], r["measured"], r["closed_form"], r["resolution"], strict=True)
        for period, measured, closed, resolution in columns:
            rows.append(
                [r["optimizer"], number(r["gamma"]), str(period), number(measured, 5), number(closed, 5)]
                + [number(resolution), "yes" if r["agrees"] else "no"]
            )
    return names, rows


def hunt(records: Sequence[Record]) -> Table:
    names = ["optimizer", "control", "found", "average regret", "of the control", "rounds", "examined"]
    rows = [
        [
            r["optimizer"],
            r["control"],
            str(r["sequence"]) if r["found"] else "nothing",
            number(r["average_regret"]),
            number(r["control_average_regret"]),
            f"{r['horizon']:,}" if r["horizon"] else "–",
            f"{r['examined']:,}",
        ]
        for r in records
    ]
    return names, rows


def logistic(records: Sequence[Record]) -> Table:
    names = ["optimizer", "true rate", "batch", "features", "γ", "learned", "95 % interval", "law", "matches"]
    rows = [
        [
            r["optimizer"],
            f"{100 * r['rate']:g} %",
            str(r["batch"]),
            str(r["features"]),
            number(r["gamma"]),
            f"{100 * r['learned']:.4g} %",
            f"{100 * r['low']:.4g} to {100 * r['high']:.4g} %",
            "–" if r["closed_form"] is None else f"{100 * r['closed_form']:.4g} %",
            "–" if r["closed_form"] is None else "yes" if r["matches"] else "no",
        ]
        for r in records
    ]
    return names, rows


def landscape(records: Sequence[Record]) -> Table:
    rows = [[r["scenario"], r["sentence"], r["verdict"], r["why"]] for r in records]
    return ["scenario", "the paper's sentence", "verdict", "what was measured"], rows


def norms(records: Sequence[Record]) -> Table:
    return ["what was measured"], [[r["sentence"]] for r in records]


TABLES: dict[str, Callable[[Sequence[Record]], Table]] = {
    "calibration": calibration,
    "regret": regret,
    "phase": phase,
    "hunt": hunt,
    "logistic": logistic,
    "landscape": landscape,
    "norms": norms,
}
