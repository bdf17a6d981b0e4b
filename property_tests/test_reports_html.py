"""The page: everything is on it, nothing comes from elsewhere, and what others wrote stays text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from math import inf

import pytest
from verdicts import ALLOWED, CHECKS, CONFORMS, DIFFERS, HALF_CHECKED, HOSTILE_VERDICT, NAMES, NOT_CHECKED, every

from adanorm_verify.reports.html import page
from adanorm_verify.reports.plot import BOTTOM, LABEL_GAP, STYLES, TOP, Scale, charts, marked, path_data, spread
from adanorm_verify.verdict import CheckResult, FoundDeviation, Record, Verdict

VOID = {"meta", "rect", "line", "path", "circle", "br"}


class Page(HTMLParser):
    """Tags, attributes and text; a tag that is not closed is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def text_of(verdict):
    return re.sub(r"\s+", " ", Page(page(verdict)).text)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_stands_alone_and_is_well_formed(name):
    text = page(every()[name])
    made = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert not {"script", "link", "img", "iframe", "object", "base"} & {tag for tag, _ in made.tags}
    assert not {"src", "href", "onload", "onclick", "style"} & {key for _, own in made.tags for key in own}
    assert not re.search(r"https?:|url\(|@import", re.sub(r"<main>.*", "", text, flags=re.S))
    identifiers = [own["id"] for _, own in made.tags if "id" in own]
    assert len(set(identifiers)) == len(identifiers)
    assert all(own.get("scope") in ("col", "row") for own in made.all("th"))
    assert len(made.all("h1")) == 1
    for own in made.all("svg"):
        assert own["role"] == "img"
        assert set(own["aria-labelledby"].split()) <= set(identifiers)


@pytest.mark.parametrize("name", NAMES)
def test_later_is_the_same_as_at_once(name):
    verdict = every()[name]
    assert page(Verdict.from_json(verdict.to_json())) == page(verdict)


def test_a_page_of_a_failure_has_all_of_it():
    text = text_of(DIFFERS)
    for said in (
        "✗ mine.py:Mine(r=0.9, betas=(0.9, 0.99), x=inf) differs from adamnorm",
        "Is Adam up to eps-scaled: the correction never takes part (e-never-updated).",
        "e-never-updated",
        "e = gamma * e_prev + (1 - gamma) * g_norm",
        "Algorithm 2, equation 4",
        "0.050000000000000044",
        "eps = 0.3",
        "[1, 0.1]",
        "none",
        "state-survives-saving",
        "step 3 differs after loading",
        "reason given: wrapped elsewhere",
        "the norm was lifted",
        "the constructor takes no gamma",
        "fused: not offered in float64; fused is not for this device",
        "adanorm-verify check mine.py:Mine -a adamnorm --rename gamma=r",
        "mine.py:12",
        "versions.torch",
        "5e+06",
    ):
        assert said in text, said


def test_failures_come_first():
    text = text_of(replace(DIFFERS, checks=tuple(reversed(CHECKS))))
    order = ("Checks that need a reader", "failed", "stale", "Other checks", "closure", "sparse", "gamma-zero")
    places = [text.index(said, text.index("Checks that need a reader")) for said in order]
    assert places == sorted(places)


def test_a_page_of_a_success_says_how_close_it_was():
    text = text_of(CONFORMS)
    assert "✓ torch.optim:Adam conforms to adam" in text
    assert "error/bound is at most 0.4, and 1 is the limit" in text
    assert "First difference" not in text
    assert "Without that it would first leave" in text_of(ALLOWED)
    assert "Allowed by the caller: eps-scaled" in text_of(ALLOWED)
    assert "Held against the paper with the allowed deviations" in text_of(ALLOWED)
    assert "Held against" not in text_of(DIFFERS)


def test_a_page_of_nothing_says_that_nothing_was_decided():
    assert "Nothing was decided: step 1 raised ValueError: no" in text_of(NOT_CHECKED)
    assert "never happened in the cases that ran: correction" in text_of(HALF_CHECKED)


def test_hostile_text_stays_text():
    text = page(HOSTILE_VERDICT)
    assert "<script" not in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", text)
    text.encode()
    assert r"<script>alert('&')</script> \x00\x1b[31m \ud800 ]]>" in Page(text).text


def test_state_kept_in_another_form_is_not_drawn_as_an_error():
    kept = replace(CONFORMS.records[0], quantity="v", ratio=1e9, by_step=(1e9,) * 4)
    verdict = replace(CONFORMS, records=(*CONFORMS.records, kept))
    assert "kept in another form: v in float64" in text_of(verdict)
    assert "other form" in text_of(verdict)
    assert "10⁹" not in text_of(verdict)


def test_axis_is_logarithmic_with_the_limit_on_it():
    scale = Scale.of([1e-4, 0.0, 1e3, inf])
    heights = [scale.height(10.0**n) for n in range(-4, 4)]
    gaps = [lower - higher for lower, higher in pairwise(heights)]
    assert all(gap == pytest.approx(gaps[0]) for gap in gaps)
    assert gaps[0] > 0  # larger ratios stand higher, at smaller y
    assert TOP == scale.height(inf) < scale.height(1e3)
    assert BOTTOM == scale.height(0.0) > scale.height(1e-4)
    assert [label for _, label in Scale.of([0.5]).ticks()] == ["10⁻¹", "1", "10"]
    labels = [label for _, label in Scale.of([1e-9, 0.0, 1e11, inf]).ticks()]
    assert labels == ["0", "10⁻⁹", "10⁻⁶", "10⁻³", "1", "10³", "10⁶", "10⁹", "∞"]


def test_chart_takes_the_worst_of_the_paths():
    def record(path, *by_step):
        return Record(path, "float64", "theta", 9, 0, max(by_step), 0.0, 1.0, by_step=by_step)

    [chart] = charts([record("single-tensor", 0.1, 0.2), record("foreach", 0.01, 20.0, 0.3)])
    assert chart.description == "theta: at most 20, at step 2; above 1 at 1 of 3 steps, first at step 2."
    assert chart.lines[0].markers[1][1] < chart.limit < chart.lines[0].markers[0][1]
    assert [label for _, label in chart.steps] == ["1", "2", "3"]


def test_names_of_lines_do_not_overlap_and_stay_inside():
    for heights in ([100.0, 101, 99, 100], [232.0] * 5, [14.0] * 5, [50.0, 200.0]):
        placed = spread(heights)
        assert all(b - a >= LABEL_GAP - 1e-9 for a, b in pairwise(sorted(placed)))
        assert min(placed) >= TOP - 1e-9
        assert max(placed) <= BOTTOM + 1e-9
    assert spread([50.0, 200.0]) == [50.0, 200.0]


def test_lines_break_at_zero_and_infinity_and_lone_points_are_marked():
    ratios = [0.1, 0.2, 0.0, 0.3, 0.4, inf, *[0.5] * 60]
    data = path_data([(float(i), 0.0) for i in range(len(ratios))], ratios)
    assert re.findall(r"M(\d+)", data) == ["0", "2", "3", "5", "6"]
    assert {2, 5} <= set(marked(ratios))
    assert len(marked(ratios)) <= 14


def test_lines_are_told_apart_without_colour():
    assert len({style.dash for style in STYLES}) == len({style.marker for style in STYLES}) == len(STYLES)


def test_what_has_no_formula_gets_none_and_what_would_be_accepted_is_told():
    meaning, paper = "t counts the calls of step()", "theta = theta_prev - lr * ratio"
    counted = FoundDeviation("step-of-group", meaning, "convention", "theta", paper, meaning)
    failed = CheckResult("closure", "interface", "failed", "default", "float64", "called twice\nat step 3")
    text = text_of(replace(DIFFERS, deviations=(counted,), checks=(failed,)))
    assert "no formula shows it" in text
    assert f"paper: {paper}" not in text
    assert "called twice; at step 3" in text
    assert "To accept what was found: --allow step-of-group --allow closure" in text
