"""The catalogue: every deviation is another algorithm, no two of one algorithm are the same, and each is told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from adanorm_verify import streams
from adanorm_verify.deviations import DEVIATIONS, NAMES, Deviation, fixed
from adanorm_verify.envelope import envelope
from adanorm_verify.paper import ALGORITHMS, Algorithm, algorithm
from adanorm_verify.rounding import PRECISIONS
from adanorm_verify.shelf.generated import HARD_CODED as VALUES
from adanorm_verify.trajectory import plainly

STARTED = [
    streams.case("zero first", [(2,)], [0.0, 1.0, 0.25]),
    streams.case("started at one", [(2,), (2,)], [1.0, 0.25, 0.5, 1.0], start=1.0, missing=[(0, 1)]),
]
CASES = [case for case in (*STARTED, *streams.designed("float64")) if case.name != "long tensor"]


PAPERS = [*(algorithm(name) for name in ALGORITHMS), algorithm("adamnorm", {"guard": "decaying"})]
IDS = [*ALGORITHMS, "guarded"]


def changed(deviation: Deviation, paper: Algorithm) -> Algorithm:
    listed = deviation.change(paper)
    return fixed(deviation.solves, VALUES[deviation.solves])(listed) if deviation.solves else listed


def along(listed: Algorithm) -> Iterator[np.ndarray]:
    """The parameters after each step of each case, in plain float64."""
    for case in CASES:
        for quantities, gradients in zip(plainly(listed, case), case.steps, strict=True):
            stepped = [known for known, g in zip(quantities, gradients, strict=True) if known and g is not None]
            yield np.concatenate([np.ravel(known["theta"]) for known in stepped])


@pytest.mark.parametrize("paper", PAPERS, ids=IDS)
def test_every_deviation_leaves_the_envelope_of_the_paper(paper):
    bounds = [
        [known["theta"] for known in quantities if known is not None]
        for case in CASES
        for quantities in envelope(paper, case, PRECISIONS["float64"])
    ]
    for deviation in DEVIATIONS:
        if not deviation.concerns(paper):
            continue
        outside = 0
        for theta, expected in zip(along(changed(deviation, paper)), bounds, strict=True):
            value, bound = (np.concatenate([np.ravel(getattr(x, key)) for x in expected]) for key in ("value", "bound"))
            with np.errstate(invalid="ignore"):
                outside += int(np.sum(~(abs(theta - value) <= bound)))
        assert outside, f"{deviation.name} cannot be told from {paper.name} on the designed cases"


@pytest.mark.parametrize("paper", PAPERS, ids=IDS)
def test_no_two_deviations_of_an_algorithm_are_the_same(paper):
    seen: dict[bytes, str] = {}
    for deviation in DEVIATIONS:
        if not deviation.concerns(paper):
            continue
        listed = changed(deviation, paper)
        values = np.concatenate([*along(listed), *state(listed)])
        with np.errstate(over="ignore"):
            key = np.nan_to_num(values, nan=7.0).astype(np.float32).tobytes()
        assert seen.setdefault(key, deviation.name) == deviation.name


def state(listed: Algorithm) -> Iterator[np.ndarray]:
    """The norm average and the moments, by which deviations of equal parameters differ."""
    for quantities in plainly(listed, CASES[2]):
        yield from (np.ravel(known[name]) for known in quantities if known for name in ("e", "m", "v") if name in known)


def test_every_deviation_is_told_and_concerns_something():
    for deviation in DEVIATIONS:
        assert deviation.kind in ("convention", "defect")
        assert len(deviation.meaning) > 10, deviation.name
        assert any(deviation.concerns(paper) for paper in PAPERS), deviation.name
    assert len(NAMES) >= 60
    for paper in PAPERS:
        names = [deviation.name for deviation in DEVIATIONS if deviation.concerns(paper)]
        assert len(set(names)) == len(names), "a name stands for one equation of an algorithm"


def test_lists_of_deviations_are_lists_of_the_same_algorithm():
    for paper in PAPERS:
        for deviation in DEVIATIONS:
            if deviation.concerns(paper):
                listed = deviation.change(paper)
                assert listed.names[-1] == "theta"
                assert listed.name == paper.name
