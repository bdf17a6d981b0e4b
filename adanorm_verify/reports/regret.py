"""A sweep of the regret laboratory, rendered: lines for a terminal, figures, one self-contained page."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..files import write_atomically
from ..paper import Hyperparameters
from ..regret.advice import advice
from ..regret.hunting import title
from ..regret.imbalance import agreement
from ..regret.sequences import shown
from . import regret_figures, regret_tables
from .html import environment

TITLES = {
    "calibration": "Calibration: is growth of a known kind recognised?",
    "regret": "How regret grows",
    "phase": "Where the failure starts",
    "hunt": "The hunt: losses on which regret grows linearly",
    "logistic": "Rare positives: the probability that is learned",
    "landscape": "The paper's three scenarios",
    "norms": "Gradient norms while a network is trained",
}
"""Kind to the title of its section, in the page's order."""


ORDER = ("linear", "T^p", "sqrt(T)", "log T", "bounded", "cannot tell")
"""Classes of growth, the worst first."""


def lines(summary: Mapping[str, Any]) -> list[str]:
    """What a sweep found, a line a finding."""
    found: list[str] = []
    for kind in TITLES:
        found += [f"{kind}: {sentence}" for sentence in SENTENCES[kind](summary[kind])] if summary[kind] else []
    return found


def percent(share: float) -> str:
    """A probability as one reads it, to three digits."""
    return f"{100 * share:.3g} %"


def of_calibration(records: list[Mapping[str, Any]]) -> list[str]:
    passed = sum(record["passes"] for record in records)
    told = [f"{passed} of {len(records)} kinds of known growth are recognised"]
    for record in records:
        told.append(
            f"{record['name']}: the 95 % interval has the truth in {percent(record['coverage'])} of "
            f"{record['repetitions']} experiments; class right {record['right']}, cannot tell {record['undecided']}, "
            f"wrong {record['wrong']}{'' if record['passes'] else ': does not pass'}"
        )
    return told


def of_regret(records: list[Mapping[str, Any]]) -> list[str]:
    """An optimizer a line: how its regret grows, and on how many of the problems."""
    told = [
        f"the claim of Theorem 1 is violated: {record['optimizer']} on {record['problem']}, regret certainly above it, "
        f"first seen at T = {record['first_violation']:,} (at {record['horizons'][-1]:,}: {record['low'][-1]:.3g} "
        f"where {record['claimed'][-1]:.3g} is claimed)"
        for record in records
        if record["first_violation"] is not None
    ]
    names = regret_figures.short_names([record["optimizer"] for record in records])
    for optimizer, name in names.items():
        classes: dict[str, list[str]] = {}
        for record in records:
            if record["optimizer"] == optimizer:
                classes.setdefault(record["class"], []).append(record["problem"])
        told.append(
            f"{name}: "
            + ", ".join(
                f"{kind} on {len(problems)} ({', '.join(problems)})"
                if kind == "linear"
                else f"{kind} on {len(problems)}"
                for kind, problems in sorted(classes.items(), key=lambda item: ORDER.index(item[0]))
            )
        )
    return told


def of_phase(records: list[Mapping[str, Any]]) -> list[str]:
    boundaries = sum(len(record["measured"]) for record in records)
    agreeing, settled = (sum(bool(record[key]) for record in records) for key in ("agrees", "agrees_settled"))
    return [
        f"{boundaries} boundaries in {len(records)} diagrams: every one lies on the closed form of the correction "
        f"alone in {agreeing} of them, on the settled cycle of the optimizer's whole list in {settled}, within the grid"
    ]


def of_hunt(records: list[Mapping[str, Any]]) -> list[str]:
    """The failures one by one, and those of whom nothing was found together."""
    told = [
        f"{title(record['optimizer'])}{other(record['hyperparameters'])} fails on {shown(record['sequence'])}: average "
        f"regret {record['average_regret']:.3g} after {record['horizon']:,} rounds, of {title(record['control'])} "
        f"{record['control_average']:.2g}"
        for record in records
        if record["found"]
    ]
    spared = [title(record["optimizer"]) for record in records if not record["found"]]
    return [*told, *([f"nothing found for {', '.join(spared)}"] if spared else [])]


def other(hyperparameters: Mapping[str, float]) -> str:
    """Hyperparameters that are not the defaults, in brackets."""
    defaults = {name: float(value) for name, value in Hyperparameters().items().items()}
    changed = [f"{name} {value:g}" for name, value in hyperparameters.items() if value != defaults.get(name, value)]
    return f" at {', '.join(changed)}" if changed else ""


def of_logistic(records: list[Mapping[str, Any]]) -> list[str]:
    return [*of_law(records), *advice(records)]


def of_law(records: list[Mapping[str, Any]]) -> list[str]:
    """Whether measurements agree with the law, by the memory of the second moment, in which it is of first order."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        if record["predicted_standard_errors"] is not None:
            plain = record["name"] in ("sgd", "sgdnorm")
            groups.setdefault("without a second moment" if plain else f"at beta2 {record['beta2']}", []).append(record)
    told = []
    for where, those in groups.items():
        found = agreement(those)
        told.append(
            f"{where} the law for the step size lies within the error bars of {found['within']} of {found['cells']} "
            f"cells; the farthest is {found['largest']:.2g} standard errors away, where chance explains "
            f"{found['limit']:.2g}: {'they agree' if found['agrees'] else 'they do not agree'}"
        )
    return told


def of_landscape(records: list[Mapping[str, Any]]) -> list[str]:
    return [f"{r['scenario']}: \u201c{s['sentence']}\u201d {s['verdict']}" for r in records for s in r["sentences"]]


def of_norms(records: list[Mapping[str, Any]]) -> list[str]:
    return [
        f"\u201c{record['sentence']}\u201d {record['verdict']}: {record['why']}. {record['accuracies']}"
        for record in records
    ]


SENTENCES = {
    "calibration": of_calibration,
    "regret": of_regret,
    "phase": of_phase,
    "hunt": of_hunt,
    "logistic": of_logistic,
    "landscape": of_landscape,
    "norms": of_norms,
}


ABOUT = {
    "calibration": "The whole analysis is run on problems whose growth is known before it says anything about AdaNorm: "
    "the interval must have the truth in at least 90 % of repeated experiments, and the class must be right.",
    "regret": "Regret against the best fixed point of each prefix, as an enclosure, averaged over runs; bands are "
    "95 %. A base is dashed, its corrected form solid in the same colour. The axis is linear about 0: regret may be "
    "negative.",
    "phase": "One gradient of size A in P rounds, all others of size a the other way. Between P - 1 and the closed "
    "form 1 + (P - 2)(1 - γ^P)/(1 - γ) the corrected method goes to the wrong end (ledger: cex.threshold).",
    "hunt": "Short sequences of small integers, simplest first, on which the optimizer's average regret does not "
    "vanish while the control's does; each is confirmed at ten times the horizon and has an exact certificate.",
    "logistic": "Logistic regression, labels with the true rate; the probability that is learned in the long run. "
    "Orange dashes: where the mean corrected gradient vanishes (ledger: noise.logistic).",
    "landscape": "Section 3.1 of the paper explains the correction by three scenarios; what it says of each is tested "
    "on runs.",
    "norms": "The paper's Figure 3 on a small network trained here.",
}
METHODS = (
    "Optimizers are played from the very lists of equations that check implementations, compiled to a loop; it is "
    "held against the NumPy reference in the tests.",
    "The best fixed point is exact where a closed form exists; elsewhere a solver's point gives one end of the "
    "enclosure, and weak duality the other, whatever the solver did.",
    "The theorem's right-hand side is evaluated from the largest gradients and distances of the same run.",
    "Randomness is a hash of seed, run and round: the same seed gives the same bytes whatever the number of workers.",
)
SHOWN = {"calibration": 1}
"""How many of a kind's sentences stand at the top; the others are rows of its table."""


def write_report(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write `report.html` and, beside it, its figures as SVG files."""
    drawn = regret_figures.draw(summary)
    for name, svg in drawn.items():
        write_atomically(folder / "figures" / f"{name}.svg", svg)
    write_atomically(folder / "report.html", page(summary, drawn))


def page(summary: Mapping[str, Any], drawn: Mapping[str, str]) -> str:
    """The page's text.

    Args:
        summary: of `regret.summary`.
        drawn: name to SVG, as `regret_figures.draw` gives them; a name begins with the kind of its section.
    """
    sentences = {kind: SENTENCES[kind](summary[kind]) for kind in TITLES if summary[kind]}
    context = {
        "summary": summary,
        "titles": {kind: title for kind, title in TITLES.items() if summary[kind]},
        "sentences": sentences,
        "shown": {kind: SHOWN.get(kind, len(told)) for kind, told in sentences.items()},
        "about": ABOUT,
        "tables": {kind: regret_tables.TABLES[kind](summary[kind]) for kind in sentences},
        "drawn": drawn,
        "methods": METHODS,
    }
    template = files(__package__).joinpath("regret_page.html").read_text(encoding="utf-8")
    return environment().from_string(template).render(context)
