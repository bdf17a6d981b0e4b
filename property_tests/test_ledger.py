"""The ledger runs, says what no longer follows, and its renderings show it."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from flint import ctx

from adanorm_verify.cli import main
from adanorm_verify.ledger import Entry, Finding, certificates, claims, cover, folder, identity, running, sign
from adanorm_verify.ledger.evaluation import certain, value
from adanorm_verify.ledger.rederiving import Disagreement, rederive
from adanorm_verify.ledger.sections import SECTIONS, by_section
from adanorm_verify.reports import ledger as report
from adanorm_verify.reports.ledger_graph import COLOURS, depths, graph, leading_to
from adanorm_verify.reports.ledger_page import page

ROOT = Path(__file__).parent.parent
ENTRIES = folder.entries()


def entry(name="sec2.9", verdict="proved", steps=None, **parts):
    steps = steps if steps is not None else [claims("one is less than two", "1 < 2")]
    settings = {"where": "here", "statement": "so it is", "reading": "It is so.", **parts}
    return Entry(name, verdict=verdict, check=lambda: Finding(steps), **settings)


@pytest.fixture
def ledger(monkeypatch, tmp_path):
    """A ledger of given entries, and the certificates recorded of them or of others; ids are those of the entries."""

    def make(*entries, recorded=None):
        monkeypatch.setattr(folder, "entries", lambda: entries)
        monkeypatch.setattr(folder, "ids", lambda: tuple(e.id for e in entries))
        then = entries if recorded is None else recorded
        stored = {e.id: certificates.certificate(e, e.check()) for e in then}
        monkeypatch.setattr(folder, "recorded", lambda: stored)
        return stored

    return make


def problems(*entries):
    return [problem for claim in running.run_ledger(entries, jobs=1) for problem in claim.problems]


def test_what_follows_has_no_problem(ledger):
    ledger(entry())
    assert problems(entry()) == []
    assert running.missing_things([entry()]) == []


@pytest.mark.parametrize(
    "steps",
    [
        [claims("", "2 < 1")],
        [identity("", "a", "2*a", "a")],
        [sign("", "a >= 0", "a", "a")],
        [cover("", {"x": ("0", "2")}, "x < 1", depth=3)],
        [],
    ],
    ids=["claim", "identity", "sign", "cover", "nothing"],
)
def test_a_verdict_that_its_check_does_not_bear_out_is_a_problem(ledger, steps):
    ledger(entry(steps=steps))
    assert any("fails" in problem or "disagrees" in problem for problem in problems(entry(steps=steps)))


def test_another_verdict_than_the_recorded_one_is_a_problem(ledger):
    ledger(entry(verdict="refuted"), recorded=[entry()])
    assert any("certificate fails" in problem for problem in problems(*folder.entries()))


def test_a_stale_or_missing_certificate_is_a_problem(ledger):
    ledger(entry(steps=[claims("", "1 < 3")]), recorded=[entry()])
    assert any("another one" in p for p in problems(*folder.entries()))
    ledger(entry(), recorded=())
    assert any("no recorded certificate" in p for p in problems(entry()))


def test_a_spoiled_recorded_certificate_is_a_problem(ledger):
    stored = ledger(entry())
    stored["sec2.9"] = {**stored["sec2.9"], "sha256": "0" * 64}
    assert any("recorded certificate fails" in p for p in problems(entry()))


def test_evidence_of_a_search_may_differ(ledger):
    proof = claims("", "1 < 2")
    now, then = (entry(steps=[proof, claims("", text, role="evidence")]) for text in ("3 < 5", "3 < 4"))
    ledger(now, recorded=[then])
    assert problems(now) == []


def test_what_the_ledger_lacks_is_said(ledger, monkeypatch):
    stored = ledger(entry(uses=("lem1.77",)), entry("sec2.8"))
    monkeypatch.setattr(folder, "ids", lambda: ("sec2.9", "sec2.8", "thm9"))
    stored["thm8"] = stored["sec2.9"]
    said = running.missing_things([*folder.entries(), entry("sec2.8")])
    for words in ("thm9 has no entry", "names lem1.77", "thm8.json belongs to no entry", "sec2.8 has 2 entries"):
        assert any(words in problem for problem in said), words
    circle = [entry("sec2.1", uses=("sec2.2",)), entry("sec2.2", uses=("sec2.1",))]
    assert any("in a circle" in problem for problem in running.missing_things(circle))


def test_without_an_extra_the_recorded_certificate_is_checked(ledger):
    one = entry(extras=("no_such_package",))
    ledger(one)
    (claim,) = running.run_ledger([one], jobs=1)
    assert claim.missing == ("no_such_package",)
    assert claim.problems == ()
    ledger(one, recorded=())
    (claim,) = running.run_ledger([one], jobs=1)
    assert "needs no_such_package" in claim.problems[0]


@pytest.mark.parametrize("name", ["id", "where", "statement", "reading"])
def test_an_entry_without_a_part_is_refused(name):
    with pytest.raises(ValueError, match=f"needs its {name}"):
        replace(entry(), **{name: " "})


def test_an_unknown_verdict_is_refused():
    with pytest.raises(ValueError, match="got 'true'"):
        entry(verdict="true")


# The second derivation -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (claims("", "1 < 1"), "not certain in balls"),
        (claims("", "sqrt(2)**2 == 2.1"), "not certain in balls"),
        (identity("", "(a + b)**2", "a**2 + b**2", "a b"), "sympy"),
        (sign("", "a**2 + b**2 >= 3*a*b", "a**2 + b**2 - 3*a*b", "a b"), "z3: .* fails at"),
        (sign("", "a >= 1", "a", "a", ["a >= 0"]), "sympy"),
        (cover("", {"x": ("0", "1")}, "x*(1 - x) <= 0.24", depth=3), "not so at"),
    ],
)
def test_the_second_derivation_disagrees_with_what_is_wrong(step, words):
    with pytest.raises(Disagreement, match=f"step 1: .*{words}"):
        rederive({"steps": [step]})


def test_the_second_derivation_agrees_with_what_is_right():
    steps = [
        claims(
            "", "sqrt(1/9) == 1/3", "sum(1/k for k in range(1, 4)) == 11/6", "x[x[2] + 1] > 0.5", data={"x": ["0", "1"]}
        ),
        identity("", "(a + b)**2", "a**2 + 2*a*b + b**2", "a b"),
        sign("", "a/b + b/a >= 2", "(a - b)**2/(a*b)", "a b", ["a > 0", "b > 0"]),
        cover("", {"x": ("0", "1")}, "x*(1 - x) <= 0.26", depth=8),
    ]
    assert rederive({"steps": steps}) == ()


def test_division_of_whole_numbers_is_exact():
    assert value("1/3 + 1/3 + 1/3", {}) == 1
    with ctx.workprec(128):
        assert certain("0.1 + 0.2 == 0.3", {})
        assert not certain("0.1 + 0.2 < 0.3", {})


# The ledger itself -----------------------------------------------------------------------------------------------


def test_every_verdict_of_the_ledger_stands():
    """All checks once more, as `adanorm-verify theory` runs them."""
    claims = list(running.run_ledger(ENTRIES, jobs=1))
    wrong = [f"{claim.entry.id}: {problem}" for claim in claims for problem in claim.problems]
    assert not wrong + running.missing_things(ENTRIES)
    assert len(claims) == len(ENTRIES)


def test_nothing_is_left_open_without_reasons():
    for one in ENTRIES:
        if one.verdict == "open":
            assert len(one.reading) > 1500, f"{one.id} is open without a page of reasons"


def test_every_entry_has_a_section():
    assert sum(len(those) for those in by_section(ENTRIES).values()) == len(ENTRIES)
    with pytest.raises(ValueError, match="no section"):
        by_section([entry("other.1")])


# Renderings ------------------------------------------------------------------------------------------------------


def run(*arguments):
    return CliRunner().invoke(main, ["theory", *arguments])


def test_the_command_shows_one_entry_whole_and_writes_its_renderings(tmp_path):
    files = {name: tmp_path / f"ledger.{name}" for name in ("json", "html", "svg")}
    options = ["--json", str(files["json"]), "--html", str(files["html"]), "--graph", str(files["svg"])]
    done = run("--id", "sec2.1", *options)
    assert done.exit_code == 0, done.output
    assert "sec2.1: ill-posed" in done.output
    assert "1 entries: 1 ill-posed; 0 problems" in done.output
    (claim,) = json.loads(files["json"].read_text())["claims"]
    assert {"id", "where", "statement", "verdict", "certificate", "uses", "seconds"} <= claim.keys()
    assert (ROOT / claim["certificate"]).is_file()
    assert 'id="sec2.1"' in files["html"].read_text()
    ElementTree.fromstring(files["svg"].read_text())


def test_a_problem_makes_the_command_fail(ledger):
    ledger(entry(), recorded=())
    done = run("--jobs", "1")
    assert done.exit_code == 1
    assert "no recorded certificate" in done.output


def test_nothing_to_run_is_no_success():
    done = run("--id", "lem9*")
    assert done.exit_code == 2
    assert "no entry is named lem9*" in done.output


def test_record_writes_what_holds_and_nothing_else(ledger, monkeypatch, tmp_path):
    right, wrong = entry("sec2.8"), entry("sec2.9", steps=[claims("", "2 < 1")])
    ledger(right, wrong, recorded=())
    written = []
    monkeypatch.setattr(certificates, "write", lambda contents: written.append(contents["id"]))
    list(running.run_ledger([right, wrong], record=True, jobs=1))
    assert written == ["sec2.8"]


def test_the_graph_has_every_entry_with_an_arrow_and_every_arrow():
    svg = ElementTree.fromstring(graph(ENTRIES))
    space = "{http://www.w3.org/2000/svg}"
    titles = [title.text.split(":")[0] for title in svg.findall(f"{space}g/{space}title")]
    arrows = svg.findall(f"{space}path")
    by_id = {one.id: one for one in ENTRIES}
    edges = [(name, one.id) for one in ENTRIES for name in leading_to(one, by_id)]
    assert {(name, one.id) for one in ENTRIES for name in one.uses} <= set(edges)
    assert sorted(titles) == sorted({name for edge in edges for name in edge})
    assert len(arrows) == len(edges)


def test_depth_is_the_longest_way():
    assert depths({"a": [], "b": ["a"], "c": ["a", "b"]}) == {"a": 0, "b": 1, "c": 2}


def test_every_verdict_has_a_sign_of_its_own():
    assert len({mark for _, _, mark in COLOURS.values()}) == len(COLOURS)


def test_the_page_needs_no_network_and_escapes_what_it_shows(ledger):
    odd = entry(statement="a < b & <script>", uses=())
    ledger(odd)
    text = page(list(running.run_ledger([odd], jobs=1)), ["a <b> problem"], "adanorm-verify theory")
    assert "<script>" not in text
    assert "a &lt;b&gt; problem" in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")


def test_counts_name_each_verdict_once(ledger):
    ledger(entry("sec2.8"), entry("sec2.9"))
    assert report.counts(list(running.run_ledger(folder.entries(), jobs=1))) == "2 proved"


def test_a_wheel_has_every_folder_of_the_package():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "adanorm_verify").rglob("*.py")}
    names = {".".join(path.parts) for path in folders} | {"adanorm_verify.theory"}
    assert set(settings["packages"]) == names


def test_sections_do_not_share_a_prefix():
    prefixes = [prefix for those in SECTIONS.values() for prefix in those]
    assert len(set(prefixes)) == len(prefixes)
