"""Phase diagrams: the measured boundary lies on the closed form where there is one, and a wrong line is seen."""

from __future__ import annotations

import json

import numpy as np
import pytest

from adanorm_verify.regret import phase
from adanorm_verify.regret.phase import boundary, check, closed_form, measure, near, settled_line

PERIODIC = {
    "optimizer": {"name": "sgdnorm"},
    "gamma": 0.95,
    "periods": [3, 5, 10],
    "ratios": [1.05, 9.0, 121],
    "seed": 0,
}
ADAM = {**PERIODIC, "optimizer": {"name": "adamnorm"}, "periods": [3, 5]}
RANDOM = {"optimizer": {"name": "sgdnorm"}, "gamma": 0.9, "rarities": [0.3], "ratios": [1.1, 4.0, 12], "seed": 1}


@pytest.mark.parametrize("settings", [PERIODIC, ADAM, RANDOM], ids=["sgdnorm", "adamnorm", "two-point"])
def test_the_boundary_is_where_the_closed_form_has_it(settings):
    check(settings)
    record = measure(settings)
    assert record["agrees"]
    for measured, line, resolution in zip(record["measured"], record["closed_form"], record["resolution"], strict=True):
        assert phase.holds(measured, resolution, line)
        step = record["axes"]["ratio"][1] / record["axes"]["ratio"][0] - 1
        # Two values of the grid, and of random gradients as many more as the runs do not tell apart.
        assert resolution <= (2 * step * line if "periods" in settings else 0.6 * line)
    for row, line, unit in zip(record["map"], record["closed_form"], units(settings), strict=True):
        below = np.array(record["axes"]["ratio"]) * unit < line * 0.8
        above = np.array(record["axes"]["ratio"]) * unit > line * 1.25
        assert np.all(np.array(row)[below] > 0.6)
        assert np.all(np.array(row)[above] < 0.4)


def units(settings):
    return [phase.balance(settings, where) for where in phase.axis(settings)]


@pytest.mark.parametrize("gamma", [0.5, 0.9, 0.99])
def test_the_line_moves_with_gamma(gamma):
    settings = {**PERIODIC, "gamma": gamma, "periods": [3, 4]}
    check(settings)
    assert measure(settings)["agrees"]


def test_the_settled_cycle_of_the_whole_list_has_the_line_where_the_correction_alone_does_not():
    """diffGrad's friction is no part of the closed form; its boundary is that of its own cycle all the same."""
    settings = {**PERIODIC, "optimizer": {"name": "diffgradnorm"}, "periods": [3, 5]}
    record = measure(settings)
    assert record["agrees_settled"]
    assert not record["agrees"]


def test_a_line_of_another_gamma_does_not_agree():
    record = measure(PERIODIC)
    rows = [{"measured": m, "resolution": r} for m, r in zip(record["measured"], record["resolution"], strict=True)]
    assert near(rows, record["closed_form"])
    other = {**PERIODIC, "gamma": 0.8}
    assert not near(rows, [closed_form(other, P) for P in PERIODIC["periods"]])


def test_the_threshold_of_the_ledger():
    """3.8525 at P = 3, and a boundary of AdamNorm beside it (cex.threshold, cex.threshold.adam)."""
    assert closed_form(PERIODIC, 3) == 3.8525
    method = phase.method_of({"name": "adamnorm"})
    assert 3.8525 < settled_line(method, ADAM, 3) < 3.854


def test_a_boundary_that_was_not_measured_agrees_with_nothing():
    sizes, errors = np.array([1.0, 2.0, 3.0]), np.full(3, 0.1)
    assert boundary(sizes, np.array([1.0, 1.0, 1.0]), errors) is None
    assert boundary(sizes, np.array([-1.0, 1.0, -1.0]), errors) is None
    assert boundary(sizes, np.array([1.0, 0.05, -1.0]), errors) == (1.0, 3.0)
    assert not near([{"measured": None, "resolution": None}], [2.0])
    assert not near([], [])


def test_a_cell_is_the_same_whenever_it_is_measured():
    small = {**PERIODIC, "periods": [3], "ratios": [1.05, 3.0, 5]}
    assert json.dumps(measure(small), allow_nan=False) == json.dumps(measure(small), allow_nan=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gamma": 1}, "gamma must be in"),
        ({"gamma": 0}, "gamma must be in"),
        ({"periods": [2]}, "periods must be"),
        ({"periods": []}, "periods must be"),
        ({"ratios": [0.5, 2, 10]}, "1 < low < high"),
        ({"ratios": [1.1, 1.2, 10]}, "do not hold the closed form"),
        ({"ratios": [1.1, 9, 1]}, "n of ratios"),
        ({"optimizer": {"name": "adam"}}, "no norm correction"),
        ({"optimizer": {"name": "nope"}}, "unknown optimizer"),
        ({"rarities": [0.1]}, "either periods or rarities"),
        ({"seed": -1}, "seed must be"),
        ({"depth": 1}, "unknown setting"),
    ],
)
def test_a_wrong_cell_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        check({**PERIODIC, **change})
