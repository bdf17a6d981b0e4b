"""How sharp the check is: every wrong optimizer of the shelf is caught, every faithful rewriting passes."""

from __future__ import annotations

import pytest

from adanorm_verify import check_optimizer
from adanorm_verify.shelf import ALGORITHMS, FAITHFUL, WRONG


def name(subject: type) -> str:
    return subject.__name__


def test_the_shelf_is_large_and_covers_every_algorithm():
    assert len(WRONG) >= 60
    assert len(FAITHFUL) >= 15
    for algorithm in ALGORITHMS:
        assert sum(subject.algorithm == algorithm for subject in WRONG) >= 3
        assert any(subject.algorithm == algorithm for subject in FAITHFUL)


@pytest.mark.parametrize("subject", WRONG, ids=name)
def test_wrong_optimizer_is_caught(subject):
    verdict = check_optimizer(subject, subject.algorithm, explain=False)
    assert verdict.outcome == "differs", verdict.summary()
    caught = {run.dtype for run in verdict.runs if run.outcome == "differs"}
    assert caught == ({"float64"} if subject.wrong_in_double_only else {"float64", "float32"})


@pytest.mark.parametrize("subject", FAITHFUL, ids=name)
def test_faithful_rewriting_passes_in_every_dtype(subject):
    dtypes = ["float64", "float32", "bfloat16", "float16"]
    verdict = check_optimizer(subject, subject.algorithm, profile="quick", dtypes=dtypes)
    assert verdict.conforms, verdict.summary()
    assert all(run.outcome == "conforms" for run in verdict.runs)


def test_largest_ratio_over_faithful_rewritings_is_below_one(capsys):
    """Prints the evidence for the roundings charged in `adanorm_verify.rounding`."""
    largest: dict[str, tuple[float, str]] = {}
    for subject in FAITHFUL:
        verdict = check_optimizer(subject, subject.algorithm, profile="quick", seed=1)
        for record in verdict.records:
            if record.quantity == "theta":
                largest[record.dtype] = max(largest.get(record.dtype, (0.0, "")), (record.ratio, name(subject)))
    with capsys.disabled():
        print(f"\nlargest error/bound over {len(FAITHFUL)} faithful rewritings: {largest}")
    assert all(ratio < 1 for ratio, _ in largest.values())
