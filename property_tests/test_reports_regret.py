"""The report of a sweep: every kind is told, drawn and tabled; what is lacking stands at the top of the page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from adanorm_verify.regret.cells import KINDS, Cell, documents, measured
from adanorm_verify.regret.configuration import cells
from adanorm_verify.regret.sequences import shown
from adanorm_verify.regret.summary import summary
from adanorm_verify.reports import regret as rendering
from adanorm_verify.reports.regret import other
from adanorm_verify.reports.regret_figures import draw, short_names, style

SWEEP = """
[[calibration]]
name = ["linear, leader", "falling"]
repetitions = 4
runs = 4
first = 8
last = 512

[[regret]]
problem = "counterexample"
optimizer = [{ name = "sgd", lr = 1.0 }, { name = "adamnorm", lr = 1.0, decay = 0.9 }]
runs = 2
first = 16
last = 1024

[[phase]]
optimizer = "sgdnorm"
gamma = 0.9
periods = [3, 4]
ratios = [1.02, 3.0, 12]

[[hunt]]
optimizer = "sgd"
control = "adagrad"
class = "periodic-linear"
effort = 20

[[logistic]]
optimizer = [{ name = "sgd", lr = 0.05, steps = "constant" }, { name = "sgdnorm", lr = 0.05, steps = "constant" }]
rate = 0.2
batch = [1, 4]
runs = 4

[[landscape]]
scenario = "S2"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("cells")
    for cell in cells(SWEEP, "sweep"):
        (out / cell.name).write_text(measured(cell))
    return out


@pytest.fixture(scope="module")
def whole(folder):
    found = documents(cells(SWEEP, "sweep"), folder)
    assert len(found) == 11
    return summary(found)


NAMESPACES = {"www.w3.org", "purl.org", "creativecommons.org"}
"""Of the vocabularies in a figure's metadata, from which nothing is loaded."""


class Tags(HTMLParser):
    """Every opened element is closed, in order."""

    VOID = frozenset({"meta", "br", "hr", "img", "input", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag


def page_of(whole) -> str:
    return rendering.page(whole, draw(whole))


def test_the_summary_has_what_is_promised(whole):
    assert {"class", "coverage", "repetitions"} <= whole["calibration"][0].keys()
    growth = {"problem", "optimizer", "horizons", "low", "high", "exponent", "interval", "class", "claimed"}
    assert growth <= whole["regret"][0].keys()
    assert {"optimizer", "rate", "batch", "gamma", "learned", "low", "high", "closed_form"} <= whole["logistic"][
        0
    ].keys()
    assert {"optimizer", "gamma", "axes", "measured", "closed_form"} <= whole["phase"][0].keys()
    for record in whole["regret"]:
        assert len(record["low"]) == len(record["horizons"])
    json.dumps(whole, allow_nan=False)


def test_every_kind_has_a_line_a_section_and_a_table(whole):
    told = [line.split(":")[0] for line in rendering.lines(whole)]
    html = page_of(whole)
    for kind in KINDS:
        present = bool(whole[kind])
        assert (kind in told) == present
        assert (f'<h2 id="{kind}">' in html) == present
    assert html.count("<table>") == sum(bool(whole[kind]) for kind in KINDS)


def test_the_page_is_whole_and_stands_alone(whole):
    html = page_of(whole)
    parser = Tags()
    parser.feed(html)
    assert parser.open == []
    assert "<script" not in html
    assert all(link.startswith(("#", "data:")) for link in re.findall(r'(?:src|href)="([^"]*)"', html))
    assert all(place in NAMESPACES for place in re.findall(r"https?://([^/\"]*)", html)), "names, not places"


def test_the_same_records_make_the_same_bytes(whole):
    assert page_of(whole) == page_of(json.loads(json.dumps(whole)))


def test_a_figure_for_what_can_be_drawn(whole):
    kinds = {name.split("-")[0] for name in draw(whole)}
    assert kinds == {"regret", "phase", "logistic", "landscape"}
    assert all(svg.startswith("<svg") for svg in draw(whole).values())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"calibrated": False}, "The calibration does not pass"),
        ({"calibrated": None}, "Nothing was calibrated"),
        ({"missing": 3}, "3 cells of the sweep were not measured"),
    ],
)
def test_what_is_lacking_stands_at_the_top(whole, change, words):
    sound = {**whole, "calibrated": True, "missing": 0}
    assert words not in page_of(sound)
    assert words in page_of({**sound, **change})


def test_one_calibration_that_fails_is_no_calibration(folder):
    found = documents(cells(SWEEP, "sweep"), folder)
    for document in found:
        if document["kind"] == "calibration":
            document["record"]["passes"] = True
    assert summary(found)["calibrated"] is True
    found[0]["record"]["passes"] = False
    assert summary(found)["calibrated"] is False
    assert summary([one for one in found if one["kind"] != "calibration"])["calibrated"] is None


def test_a_violated_claim_is_told_first(whole):
    record = next(record for record in whole["regret"] if record["claimed"] is not None)
    violated = {**record, "first_violation": 512}
    told = rendering.lines({**whole, "regret": [record, violated]})
    assert any("the claim of Theorem 1 is violated" in line and "512" in line for line in told)
    assert not any("violated" in line for line in rendering.lines({**whole, "regret": [record]}))


def test_names_are_short_where_they_tell_apart():
    assert short_names(["Adam (lr=1)", "SGD (lr=1)"]) == {"Adam (lr=1)": "Adam", "SGD (lr=1)": "SGD"}
    assert short_names(["Adam (lr=1)", "Adam"]) == {"Adam (lr=1)": "Adam (lr=1)", "Adam": "Adam"}


def test_a_folder_of_another_version_is_rendered_and_not_reused(folder, monkeypatch):
    monkeypatch.setattr("adanorm_verify.regret.cells.sources", lambda: "other")
    wanted = cells(SWEEP, "sweep")
    assert documents(wanted, folder) == []
    assert len(documents(wanted, folder, of_any_sources=True)) == len(wanted)
    assert documents([Cell("landscape", {"scenario": "S1"})], folder, of_any_sources=True) == []


def test_an_optimizer_has_one_look_whatever_follows_its_name():
    assert style("AdamNorm, β2 0.9999") == style("AdamNorm (lr=0.1)") == style("adamnorm") != style("Adam")


def test_a_failure_away_from_the_defaults_says_where():
    assert other({"beta1": 0.0, "beta2": 0.1, "lr": 0.001}) == " at beta1 0, beta2 0.1"
    assert other({"beta1": 0.9, "beta2": 0.999}) == ""


def test_cells_of_several_versions_are_told_apart(whole):
    assert "different versions" not in page_of(whole)
    assert "measured by 2 different versions" in page_of({**whole, "revisions": 2})


def test_a_two_point_law_is_told_as_one():
    assert shown({"A": 3, "a": 1, "p": "1/3"}) == "3 with probability 1/3, -1 otherwise"
    assert shown([75, *[-1] * 74]) == "75, 74 times -1"
    assert shown([3, -1, -1]) == "3, -1, -1"
