"""The figures of a sweep as SVG: small panels of one size, that stand side by side on a wide page and in a column on a
narrow one. A base and its corrected form share a colour; dashes and markers tell them apart without it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..regret.methods import label

WIDTH, HEIGHT = 4.6, 3.5
"""Inches of a panel; at 72 points an inch its 9-point text is read at 330 pixels as well as at 460."""
COLOURS = {
    "sgd": "#111111",
    "adagrad": "#7a7a7a",
    "adam": "#0072b2",
    "amsgrad": "#7a3e9d",
    "diffgrad": "#b34700",
    "radam": "#00664b",
    "adabelief": "#b0447f",
    "leader": "#8a6d00",
}
"""A base to its colour, after the palette of Okabe and Ito, dark enough on white."""
MARKERS = dict(zip(COLOURS, "osD^vPXd", strict=True))
REFERENCE = "#555555"
USUAL_BETA2 = 0.999
OFF_THE_SCALE = 1e4
"""A line that begins so many times above everything else would leave no room to see it."""
RC: dict[Any, Any] = {
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "lines.linewidth": 1.5,
    "lines.markersize": 3.6,
}


@dataclass(frozen=True)
class Style:
    """How an optimizer is drawn."""

    color: str
    linestyle: str
    marker: str
    markerfacecolor: str


def style(label: str) -> Style:
    """Of an optimizer's label: what its first word is of decides."""
    name = label.split()[0].strip(",").lower()
    base = name.removesuffix("norm")
    colour = COLOURS.get(base, "#111111")
    corrected = name.endswith("norm")
    return Style(colour, "-" if corrected else "--", MARKERS.get(base, "o"), colour if corrected else "white")


def panel(name: str, title: str, draw: Callable[[Axes], None]) -> str:
    """One panel as SVG: the same bytes for the same data."""
    with matplotlib.rc_context({**RC, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title, loc="left")
        draw(axes)
        handles, labels = axes.get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=3 if max(map(len, labels)) < 16 else 2)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def short_names(labels: Sequence[str]) -> dict[str, str]:
    """Label to the name without what differs from the defaults, where that tells them apart."""
    names = {label: label.split(" (")[0] for label in dict.fromkeys(labels)}
    return names if len(set(names.values())) == len(names) else {label: label for label in names}


def draw(summary: Mapping[str, Any]) -> dict[str, str]:
    """Name to SVG of every figure; a name begins with the kind of its records."""
    found: dict[str, str] = {}
    for kind, drawing in DRAWINGS.items():
        if summary[kind]:
            found |= drawing(summary[kind])
    return found


def grouped(records: Sequence[Mapping[str, Any]], *keys: str) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for record in records:
        groups.setdefault(tuple(record[key] for key in keys), []).append(record)
    return groups


def of_regret(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found = {}
    alike = grouped([{**record, "until": record["horizons"][-1]} for record in records], "problem", "until")
    for number, ((problem, _), those) in enumerate(alike.items(), 1):
        found[f"regret-{number:02d}-total"] = panel(f"total {number}", f"{problem}: regret", regret_total(those))
        found[f"regret-{number:02d}-average"] = panel(f"average {number}", f"{problem}: R(T)/T", regret_average(those))
    return found


def regret_total(records: Sequence[Mapping[str, Any]]) -> Callable[[Axes], None]:
    def draw_on(axes: Axes) -> None:
        names = short_names([record["optimizer"] for record in records])
        for record in records:
            horizons, mean, bars = curve(record)
            look = style(record["optimizer"])
            axes.fill_between(horizons, mean - bars, mean + bars, color=look.color, alpha=0.15, linewidth=0)
            axes.plot(horizons, mean, label=names[record["optimizer"]], **vars(look))
        horizons = np.asarray(records[0]["horizons"], dtype=float)
        means = np.array([curve(record)[1] for record in records])
        size = np.abs(means[means != 0])
        anchor = float(np.median(size)) if size.size else 1.0
        middle = horizons[len(horizons) // 2]
        axes.plot(horizons, anchor * np.sqrt(horizons / middle), color=REFERENCE, linestyle=":", label="√T")
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=anchor / 10) if np.any(means <= 0) else axes.set_yscale("log")
        axes.set_xlabel("rounds T")
        claims(axes, records)

    return draw_on


def claims(axes: Axes, records: Sequence[Mapping[str, Any]]) -> None:
    """What Theorem 1 claims of AdamNorm, or in the legend that it lies above the picture."""
    for record in records:
        if record["claimed"] is None or not record["optimizer"].startswith("AdamNorm"):
            continue
        high = axes.get_ylim()[1]
        claimed = np.asarray(record["claimed"], dtype=float)
        if claimed.min() > OFF_THE_SCALE * high:
            axes.plot([], [], color=REFERENCE, linestyle="-.", label=f"Theorem 1: from {claimed.min():.1g}, above")
            continue
        axes.plot(record["horizons"], claimed, color=REFERENCE, linestyle="-.", label="Theorem 1")


def regret_average(records: Sequence[Mapping[str, Any]]) -> Callable[[Axes], None]:
    def draw_on(axes: Axes) -> None:
        names = short_names([record["optimizer"] for record in records])
        for record in records:
            horizons, mean, bars = curve(record)
            look, name = style(record["optimizer"]), names[record["optimizer"]]
            axes.errorbar(horizons, mean / horizons, bars / horizons, label=name, **vars(look))
        axes.axhline(0, color=REFERENCE, linewidth=0.8)
        axes.set_xscale("log")
        axes.set_xlabel("rounds T")

    return draw_on


def curve(record: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Horizons, mean regret, and half the width of its 95 % band, the enclosure's width included."""
    low, high = np.asarray(record["low"], dtype=float), np.asarray(record["high"], dtype=float)
    errors = np.asarray(record["errors"], dtype=float)
    return np.asarray(record["horizons"], dtype=float), (low + high) / 2, (high - low) / 2 + errors


def of_phase(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found = {}
    for number, record in enumerate(records, 1):
        title = f"{label({'name': record['optimizer']['name']})}, γ = {record['gamma']:g}: R(T)/T"
        found[f"phase-{number:02d}"] = panel(f"phase {number}", title, phase_map(record))
    return found


def phase_map(record: Mapping[str, Any]) -> Callable[[Axes], None]:
    def draw_on(axes: Axes) -> None:
        how = next(axis for axis in record["axes"] if axis != "ratio")
        rare, ratios = record["axes"][how], np.asarray(record["axes"]["ratio"], dtype=float)
        half = (ratios[1] / ratios[0]) ** 0.5
        edges = np.append(ratios / half, ratios[-1] * half)
        image = np.clip(np.array(record["map"], dtype=float), 0, 1).T
        mesh = axes.pcolormesh(np.arange(len(rare) + 1) - 0.5, edges, image, cmap="cividis", vmin=0, vmax=1)
        mesh.set_edgecolor("face")  # no seams between cells
        figure = axes.figure
        assert figure is not None
        figure.colorbar(mesh, ax=axes, label="average regret / that of the wrong end")
        place = np.arange(len(rare))
        balance = np.array([p - 1 if how == "period" else (1 - p) / p for p in rare], dtype=float)
        measured = np.array([np.nan if m is None else m for m in record["measured"]]) / balance
        for column, height in enumerate(np.asarray(record["closed_form"], dtype=float) / balance):
            name = "closed form" if column == 0 else None
            axes.plot([column - 0.5, column + 0.5], [height, height], color="#d55e00", linewidth=2, label=name)
        axes.plot(place, measured, "o", color="white", markeredgecolor="#d55e00", label="measured boundary")
        axes.set_xticks(place, [str(p) for p in rare])
        axes.set_yscale("log")
        axes.set_xlabel(f"{how} of the large gradients")
        axes.set_ylabel("A/a over that of a mean gradient of zero")
        axes.grid(visible=False)

    return draw_on


def of_logistic(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found = {}
    groups = grouped(records, "features", "rate")
    for number, ((features, rate), those) in enumerate(sorted(groups.items()), 1):
        with_what = f"{features} features" if features else "intercept only"
        title = f"true rate {100 * rate:g} %, {with_what}"
        found[f"logistic-{number:02d}"] = panel(f"logistic {number}", title, logistic_panel(those, rate))
    return found


def trained(record: Mapping[str, Any]) -> str:
    """A trained optimizer in a few words: steps differ from cell to cell, and are in the table."""
    guard = " with the guard" if record["guard"] not in (None, "none") else ""
    memory = f", β2 {record['beta2']}" if "sgd" not in record["name"] and record["beta2"] != USUAL_BETA2 else ""
    return f"{label({'name': record['name']})}{guard}{memory}"


def logistic_panel(records: Sequence[Mapping[str, Any]], rate: float) -> Callable[[Axes], None]:
    def draw_on(axes: Axes) -> None:
        for (optimizer,), those in grouped([{**one, "shown": trained(one)} for one in records], "shown").items():
            those = sorted(those, key=lambda record: record["batch"])
            batch = [record["batch"] for record in those]
            learned = np.array([record["learned"] for record in those])
            bars = np.abs(np.array([[record["low"], record["high"]] for record in those]).T - learned)
            look = style(optimizer)
            axes.errorbar(batch, learned / rate, bars / rate, label=optimizer, capsize=2, **vars(look))
            lawful = [(r["batch"], r["predicted"] / rate) for r in those if r["predicted"] is not None]
            if lawful and "Norm" in optimizer:
                axes.plot(*zip(*lawful, strict=True), "_", color="#d55e00", markersize=11, markeredgewidth=1.8)
        axes.plot([], [], "_", color="#d55e00", markersize=11, markeredgewidth=1.8, label="law")
        axes.axhline(1, color=REFERENCE, linewidth=0.8)
        axes.set_xscale("log", base=2)
        axes.set_xlabel("batch size")
        axes.set_ylabel("learned / true rate")

    return draw_on


def of_landscape(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found = {}
    for record in records:
        name = record["scenario"]
        found[f"landscape-{name}-path"] = panel(f"{name} path", f"{name}: the way over the landscape", path(record))
        found[f"landscape-{name}-update"] = panel(f"{name} update", f"{name}: size of the update", updates(record))
    return found


def path(record: Mapping[str, Any]) -> Callable[[Axes], None]:
    def draw_on(axes: Axes) -> None:
        x, y = (np.asarray(record["loss"][name], dtype=float) for name in ("x", "f"))
        axes.plot(x, y, color=REFERENCE, linewidth=1, label="loss")
        for name, theta in record["theta"].items():
            look = style(name)
            places = np.asarray(theta, dtype=float)
            thin = places[:: max(1, len(places) // 25)]
            height = np.interp(thin, x, y)
            axes.plot(thin, height, label=label({"name": name}), **{**vars(look), "linestyle": "none"})
        axes.set_xlabel("θ")

    return draw_on


def updates(record: Mapping[str, Any]) -> Callable[[Axes], None]:
    def draw_on(axes: Axes) -> None:
        for name, sizes in record["update"].items():
            look = style(name)
            steps = np.arange(1, len(sizes) + 1)
            axes.plot(
                steps, np.abs(sizes), label=label({"name": name}), markevery=max(1, len(steps) // 8), **vars(look)
            )
        axes.set_yscale("log")
        axes.set_xlabel("step")

    return draw_on


def of_norms(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {
        "norms-gradient": panel("norms", "mean gradient norm while training", norm_curves(records)),
    }


def norm_curves(records: Sequence[Mapping[str, Any]]) -> Callable[[Axes], None]:
    def draw_on(axes: Axes) -> None:
        for record in records[:1]:
            for name, kinds in record["curves"].items():
                for kind, line in kinds.items():
                    if name == "adam" and kind == "corrected":
                        continue  # the same as its g
                    look = {**vars(style(name)), **({"linestyle": ":"} if name != "adam" and kind == "raw" else {})}
                    words = f"{label({'name': name})}: {'s' if kind == 'corrected' else 'g'}"
                    axes.fill_between(record["step"], line["low"], line["high"], color=look["color"], alpha=0.12)
                    axes.plot(record["step"], line["mean"], label=words, markevery=6, **look)
        axes.set_yscale("log")
        axes.set_xlabel("step")

    return draw_on


DRAWINGS: dict[str, Callable[[Sequence[Mapping[str, Any]]], dict[str, str]]] = {
    "regret": of_regret,
    "phase": of_phase,
    "logistic": of_logistic,
    "landscape": of_landscape,
    "norms": of_norms,
}
