"""The notebooks run from a clean start, say what their text says, and draw what they promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.colors
import matplotlib.image
import numpy as np
import pytest

from adanorm_verify.reports.ledger_graph import COLOURS

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
ROOT = str(NOTEBOOKS.parent)


def run_notebook(name, figures):
    """What a notebook printed, and the folder of its figures."""
    ran = subprocess.run(
        [sys.executable, str(NOTEBOOKS / name)],
        cwd=figures,
        env={**os.environ, "PYTHONPATH": ROOT, "MPLBACKEND": "Agg", "NOTEBOOK_FIGURES": str(figures)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout, figures


@pytest.fixture(scope="module")
def conformance(tmp_path_factory):
    return run_notebook("01_conformance.py", tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="module")
def proof(tmp_path_factory):
    return run_notebook("02_proof.py", tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="module")
def regret(tmp_path_factory):
    return run_notebook("03_regret.py", tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="module")
def counterexamples(tmp_path_factory):
    return run_notebook("04_counterexamples.py", tmp_path_factory.mktemp("figures"))


def test_conformance_says_what_its_text_says(conformance):
    text, _ = conformance
    before, after = map(float, re.findall(r"^loss (\S+) before, (\S+) after", text, re.M)[0])
    assert after < before
    assert "is Adam: the correction never takes part (`e-never-updated`)" in text
    assert "first difference: e at step 1" in text
    assert "counterexample" in text
    assert "Repaired conforms to adamnorm" in text
    assert "equals AdamNorm up to `eps-scaled` - exit code 1" in text
    assert "conforms-with-deviations - exit code 0" in text
    assert "differs ['e-never-updated']" in text


def test_conformance_has_adams_losses(conformance):
    (distance,) = re.findall(r"losses of torch's Adam: (\S+)", conformance[0])
    steps, largest = 300, 12.0
    assert float(distance) <= steps * largest * np.finfo(float).eps, "a roundoff of the largest loss a step"


FIGURES = {
    "conformance": {"loss": ["#0072b2"], "ratios": ["#b34700", "#0072b2", "#00664b", "#7a3e9d"]},
    "proof": {
        "lines": [COLOURS["refuted"][0]],
        "regret": ["#0072b2"],
        "threshold": ["#0072b2", "#b34700"],
        "logistic": ["#0072b2", "#b34700"],
        "guard": ["#555555", "#0072b2"],
    },
    "regret": {
        "growth": ["#0072b2", "#b34700", "#00664b"],
        "claim": ["#0072b2", "#555555"],
        "rare": ["#0072b2", "#b34700"],
    },
    "counterexamples": {"average": ["#0072b2", "#b34700"], "boundary": ["#0072b2", "#b34700"]},
}
"""Notebook to its figures, and the colours of what runs across each."""


@pytest.mark.parametrize(
    ("notebook", "name", "colours"), [(n, name, those) for n, all_ in FIGURES.items() for name, those in all_.items()]
)
def test_a_notebook_draws_every_line(request, notebook, name, colours):
    pixels = matplotlib.image.imread(request.getfixturevalue(notebook)[1] / f"{name}.png")[..., :3]
    for colour in colours:
        drawn = np.isclose(pixels, matplotlib.colors.to_rgb(colour), atol=1 / 255).all(
            axis=-1
        )  # a level of the picture
        assert np.ptp(np.nonzero(drawn)[1]) > pixels.shape[1] / 3, f"{colour} crosses more than a third of the figure"


@pytest.mark.parametrize("notebook", FIGURES)
def test_a_notebook_leaves_nothing_else(request, notebook):
    left = {path.name for path in request.getfixturevalue(notebook)[1].iterdir()}
    assert left - {".hypothesis"} == {f"{name}.png" for name in FIGURES[notebook]}


def test_proof_says_what_its_text_says(proof):
    text, _ = proof
    adam, adamnorm = (
        float(re.search(rf"^{name}: average regret .* (\S+)$", text, re.M)[1]) for name in ("Adam", "AdamNorm")
    )
    assert adam < 0.05 < 0.4 < adamnorm
    assert "the corrected gradients of a period sum to -0.2989, the true ones to 1" in text
    assert re.search(r"^cex\.adam: proved, \d+ steps checked again$", text, re.M)
    assert re.search(r"^cor1\.a: refuted, \d+ steps checked again$", text, re.M)
    assert "0.0606 %, 16.49 times too small" in text


def test_regret_says_what_its_text_says(regret):
    text, _ = regret
    assert len(re.findall(r"^calibration, .*: truth in the interval \d+ of 20", text, re.M)) == 5
    for name, kind in (("SGD", "sqrt(T)"), ("Adam", "sqrt(T)"), ("AdamNorm", "linear")):
        assert f"{name}: {kind};" in text
    informative, violated = (int(T.replace(",", "")) for T in re.findall(r"from T = ([\d,]+) on", text))
    assert informative < violated
    assert float(re.search(r"^worst factor: (\S+)$", text, re.M)[1]) > 10


def test_counterexamples_says_what_its_text_says(counterexamples):
    text, _ = counterexamples
    assert "AdamNorm fails on [3, -1, -1]" in text
    assert re.search(r"^certificate: proved, \d+ steps checked$", text, re.M)
    assert "forged: refused" in text
    assert "on the line within the grid's resolution: True" in text


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.py")), ids=lambda path: path.name)
def test_every_notebook_is_in_percent_format_and_listed(path):
    cells = re.split(r"^# %%", path.read_text(), flags=re.M)
    texts = [cell.partition("\n")[2] for cell in cells if cell.startswith(" [markdown]")]
    assert cells[0] == ""
    assert len(texts) >= len(cells) / 2 - 1, "code is introduced by text"
    assert all(line.startswith("#") for text in texts for line in text.strip().splitlines())
    assert f"`{path.name}`" in (path.parent / "README.md").read_text()
