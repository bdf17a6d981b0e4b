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

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
ROOT = str(NOTEBOOKS.parent)


@pytest.fixture(scope="module")
def conformance(tmp_path_factory):
    """What `01_conformance.py` printed, and the folder of its figures."""
    figures = tmp_path_factory.mktemp("figures")
    ran = subprocess.run(
        [sys.executable, str(NOTEBOOKS / "01_conformance.py")],
        cwd=figures,
        env={**os.environ, "PYTHONPATH": ROOT, "MPLBACKEND": "Agg", "NOTEBOOK_FIGURES": str(figures)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout, figures


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


@pytest.mark.parametrize(
    ("name", "colours"), [("loss", ["#0072b2"]), ("ratios", ["#b34700", "#0072b2", "#00664b", "#7a3e9d"])]
)
def test_conformance_draws_every_line(conformance, name, colours):
    pixels = matplotlib.image.imread(conformance[1] / f"{name}.png")[..., :3]
    for colour in colours:
        drawn = np.isclose(pixels, matplotlib.colors.to_rgb(colour), atol=1 / 255).all(axis=-1)
        assert np.ptp(np.nonzero(drawn)[1]) > pixels.shape[1] / 2, f"{colour} crosses more than half of the figure"


def test_conformance_leaves_nothing_else(conformance):
    assert {path.name for path in conformance[1].iterdir()} <= {"loss.png", "ratios.png", ".hypothesis"}


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.py")), ids=lambda path: path.name)
def test_every_notebook_is_in_percent_format_and_listed(path):
    cells = re.split(r"^# %%", path.read_text(), flags=re.M)
    texts = [cell.partition("\n")[2] for cell in cells if cell.startswith(" [markdown]")]
    assert cells[0] == ""
    assert len(texts) >= len(cells) / 2 - 1, "code is introduced by text"
    assert all(line.startswith("#") for text in texts for line in text.strip().splitlines())
    assert f"`{path.name}`" in (path.parent / "README.md").read_text()
