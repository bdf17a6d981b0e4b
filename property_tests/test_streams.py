"""The streams make every mechanism happen, stay in range, and shrink to what a person can read."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import find, settings

from adanorm_verify import streams
from adanorm_verify.cases import Case
from adanorm_verify.envelope import envelope
from adanorm_verify.formats import representable
from adanorm_verify.mechanisms import mechanisms_of
from adanorm_verify.paper import ALGORITHMS, HYPERPARAMETERS, Hyperparameters, algorithm
from adanorm_verify.rounding import PRECISIONS
from adanorm_verify.runs import mechanisms_in
from adanorm_verify.search import PROFILES
from adanorm_verify.shrinking import complexity, simplest
from adanorm_verify.subject import DTYPES

ALL = frozenset(HYPERPARAMETERS)


def generated(dtype: str = "float64"):
    return streams.cases(dtype=dtype, settable=ALL, grouped=ALL, max_steps=10)


def numbers(case: Case) -> list[float]:
    return [float(x) for gradients in case.steps for g in gradients if g is not None for x in np.ravel(g)]


CASES_OF_A_SEED = """
import importlib.util, sys
from adanorm_verify.paper import algorithm
from adanorm_verify.search import PROFILES, foreseeable

if len(sys.argv) > 1:
    spec = importlib.util.spec_from_file_location("mine", sys.argv[1])
    sys.modules["mine"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["mine"])
cases = foreseeable(algorithm("adam"), PROFILES["default"], ("float32",), 0)
print(*(case.fingerprint for _, case in cases if case.name == "generated"), sep="\\n")
"""


def test_a_seed_gives_the_same_cases_whatever_else_the_caller_has_imported(tmp_path):
    """Hypothesis alone would draw numbers from the sources of local modules."""
    mine = tmp_path / "mine.py"
    mine.write_text("SIZES = [" + ", ".join(map(str, range(40))) + "]\n")
    run = [sys.executable, "-c", CASES_OF_A_SEED]
    first, second = (subprocess.run(c, capture_output=True, text=True, check=True).stdout for c in (run, [*run, mine]))
    assert first == second
    assert len(first.splitlines()) == PROFILES["default"].generated


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_designed_cases_make_every_mechanism_happen(name, dtype):
    paper, counts, mattered = algorithm(name), Counter(), Counter()
    for case in streams.designed(dtype):
        prepared = representable(case, dtype)
        steps = list(envelope(paper, prepared, PRECISIONS[dtype]))
        for total, found in zip((counts, mattered), mechanisms_in(paper, prepared, steps), strict=True):
            total.update(found)
    assert all(counts[mechanism.name] for mechanism in mechanisms_of(paper)), counts
    assert all(mattered[mechanism.name] for mechanism in mechanisms_of(paper) if mechanism.without), mattered
    assert counts["missing gradient"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_designed_cases_are_judged_almost_everywhere(dtype):
    """A case in which the envelope says nothing would be a case in vain."""
    known = total = 0
    for case in streams.designed(dtype):
        for quantities in envelope(algorithm("adamnorm"), representable(case, dtype), PRECISIONS[dtype]):
            for q in quantities:
                if q is not None:
                    bound = np.broadcast_to(q["theta"].bound, np.shape(q["theta"].value))
                    known, total = known + int(np.isfinite(bound).sum()), total + bound.size
    assert total > 500
    assert known >= 0.95 * total  # the rest: "no memory" and one tensor of mixed shapes, in half formats


def test_ties_are_exact():
    [tie] = [case for case in streams.designed("float64") if case.name.startswith("ties")]
    steps = list(envelope(algorithm("adamnorm"), tie, PRECISIONS["float64"]))
    assert any(q[0]["e"].value == q[0]["g_norm"].value for q in steps)


@pytest.mark.parametrize(
    ("what", "fails"),
    [
        (
            "a correction",
            lambda case: any(abs(b) < abs(a) for a, b in zip(numbers(case), numbers(case)[1:], strict=False)),
        ),
        ("two groups", lambda case: len(case.hyperparameters) == 2),
        ("a missing gradient", lambda case: any(g is None for gradients in case.steps for g in gradients)),
        ("a large magnitude", lambda case: any(abs(x) > 1e9 for x in numbers(case))),
        ("a tiny magnitude", lambda case: any(0 < abs(x) < 1e-11 for x in numbers(case))),
        ("a zero after a non-zero", lambda case: [x != 0 for x in numbers(case)][:2] == [True, False]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hypothesis_shrinks_to_a_few_numbers(what, fails):
    found = find(generated(), fails, settings=settings(max_examples=2000, database=None, derandomize=True))
    assert sum(array.size for array in found.arrays()) <= 4
    assert all(float(f"{x:.2g}") == x for x in numbers(found))


def test_simplest_keeps_only_what_the_failure_needs():
    start = next(case for case in streams.designed("float64") if case.name.startswith("groups"))

    def fails(case: Case) -> Case | None:
        return case if any(own.gamma == 0.5 for own in case.hyperparameters) and len(case.steps) >= 2 else None

    found = simplest(start, fails, Hyperparameters())
    assert len(found.theta) == 1
    assert len(found.steps) == 2
    assert found.hyperparameters == (Hyperparameters(gamma=0.5),)
    assert complexity(found, Hyperparameters()) < complexity(start, Hyperparameters())
    assert set(numbers(found)) <= {1.0}


def test_cases_survive_json_exactly():
    import json

    for case in streams.designed("float64"):
        again = Case.from_json(json.loads(json.dumps(case.to_json())))
        for a, b in zip(case.arrays(), again.arrays(), strict=True):
            assert a.shape == b.shape
            assert a.tobytes() == b.tobytes()
        assert again.hyperparameters == case.hyperparameters
