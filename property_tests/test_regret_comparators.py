"""The best fixed point in hindsight: enclosures that hold whatever the solver says, and are small."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from adanorm_verify.regret import comparators
from adanorm_verify.regret.certificates import SECOND, Region, dual, inside, objective, region
from adanorm_verify.regret.comparators import best
from adanorm_verify.regret.links import LINKS
from adanorm_verify.regret.minimising import central
from adanorm_verify.regret.problems import Problem, periodic
from adanorm_verify.regret.sets import Feasible

LOSSES = ("squares", "absolute", "hinge", "logistic")
GAP = 1e-9


def stream(link: str, rows: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, labels and weights whose best point is neither at 0 nor at infinity."""
    rng = np.random.default_rng(seed)
    a = rng.uniform(-1, 1, (rows, d))
    z = a @ rng.uniform(-1, 1, d) + rng.normal(0, 0.7, rows)
    y = {"hinge": np.sign(z), "logistic": (z > 0) * 1.0, "linear": 0 * z}.get(link, z)
    return a, y, rng.uniform(0.5, 2, rows)


def problem(link: str, kind: str, d: int, rows: int = 9, seed: int = 0, batch: int = 1) -> Problem:
    feasible = Feasible(kind, d, low=-0.6, high=0.8, radius=0.7)
    return Problem(f"{link} {kind}", link, feasible, "iid", *stream(link, rows, d, seed), batch=batch)


def grid(kind: str, d: int) -> np.ndarray:
    """Points of the set, some of them on its boundary."""
    if d == 1:
        ends = {"box": (-0.6, 0.8), "ball": (-0.7, 0.7), "simplex": (1, 1), "line": (-20, 20)}[kind]
        return np.linspace(*ends, 4001)[:, None]
    if kind == "simplex":
        return np.stack([np.linspace(0, 1, 4001), 1 - np.linspace(0, 1, 4001)], axis=1)
    if kind == "ball":
        angle, size = np.meshgrid(np.linspace(0, 2 * np.pi, 361), np.linspace(0, 0.7, 101))
        return np.stack([size * np.cos(angle), size * np.sin(angle)], axis=-1).reshape(-1, 2)
    side = np.linspace(-0.6, 0.8, 281) if kind == "box" else np.linspace(-5, 5, 401)
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)


def sums_at(one: Problem, q: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The sum of losses at each point."""
    z = points @ one.a.T
    known = {"z": z, "y": one.y, "w": 1.0}
    return one.law.loss(known) @ q


PAIRS = [
    *((link, kind, d) for link in (*LOSSES, "linear") for kind in ("box", "ball", "simplex") for d in (1, 2)),
    *((link, "line", 1) for link in LOSSES),
    ("squares", "line", 2),
]


@pytest.mark.parametrize(("link", "kind", "d"), PAIRS)
def test_no_point_of_a_grid_is_below_and_the_gap_is_small(link, kind, d):
    one = problem(link, kind, d)
    counts = np.array([[3, 0, 1, 4, 1, 5, 9, 2, 6], [1, 0, 0, 0, 0, 0, 0, 0, 0], [2, 7, 1, 8, 2, 8, 1, 8, 2]])
    found = best(one, counts=counts)
    points = grid(kind, d)
    q = counts * one.w
    for run in range(len(counts)):
        values = sums_at(one, q[run], points)
        assert found.low[run] <= values.min() + 1e-12 * q[run].sum()
        # the grid's best is above the minimum by at most the slope times the spacing
        lipschitz = q[run] @ np.abs(one.a).sum(axis=1) * (30 if link == "squares" else 1)
        assert values.min() <= found.high[run] + lipschitz * 0.03
        assert found.high[run] <= values.min() + 1e-12 * q[run].sum() + GAP * abs(values.min())
    free = kind == "line" and d == 2  # one row in the plane: its squares have no least curvature, and no low but 0
    scale = np.maximum(np.abs(found.high), 1e-3 * q.sum(axis=1))  # a minimum may be 0
    narrow = (found.high - found.low) / scale <= GAP
    assert np.all(narrow | (free & (found.low == 0)))
    assert all(one.feasible.contains(point) for point in found.points)


def exact_least(a, y, q, low, high, link) -> Fraction:
    """The minimum over [low, high] of absolute, hinge or square losses, in rationals: at a kink, an end or a root."""
    a, y, q = ([Fraction(float(number)) for number in part] for part in (a, y, q))
    low, high = Fraction(low), Fraction(high)

    def total(x):
        losses = {"absolute": lambda z, label: abs(z - label), "hinge": lambda z, label: max(0, 1 - label * z)}
        loss = losses.get(link, lambda z, label: (z - label) ** 2 / 2)
        return sum(weight * loss(row * x, label) for row, label, weight in zip(a, y, q, strict=True))

    candidates = [low, high]
    if link == "squares":
        curvature = sum(weight * row**2 for row, weight in zip(a, q, strict=True))
        moment = sum(weight * row * label for row, label, weight in zip(a, y, q, strict=True))
        candidates += [moment / curvature] if curvature else []
    elif link == "absolute":
        candidates += [label / row for row, label in zip(a, y, strict=True) if row]
    else:
        candidates += [1 / (label * row) for row, label in zip(a, y, strict=True) if row]
    return min(total(min(max(x, low), high)) for x in candidates)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(["absolute", "hinge", "squares"]),
    st.lists(
        st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.integers(0, 10**9)).filter(lambda row: abs(row[0]) > 1e-3),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_one_dimension_against_rational_arithmetic(link, rows, bounded):
    a, y, counts = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    if link == "hinge":
        y = np.where(y < 0, -1.0, 1.0)
    feasible = Feasible("box", 1, -0.3, 0.9) if bounded else Feasible("line", 1)
    one = Problem("rational", link, feasible, "iid", a[:, None], y, np.ones(len(y)))
    found = best(one, counts=counts[None])
    ends = (-0.3, 0.9) if bounded else (-1e9, 1e9)
    exact = exact_least(a, y, counts, *ends, link)
    assert Fraction(float(found.low[0])) <= exact <= Fraction(float(found.high[0]))
    assert found.high[0] - found.low[0] <= 1e-11 * counts.sum() + 1e-200


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0, 1), st.integers(1, 10**6)), min_size=1, max_size=4))
def test_logistic_losses_against_fifty_digits(rows):
    """At 50 digits, by bisection of the derivative; logarithms and exponentials are not the machine's."""
    one = Problem("digits", "logistic", Feasible("box", 1, -2, 1.5), "iid",
                  *(np.array(part) for part in ([[row[0]] for row in rows], [row[1] for row in rows],
                                                [1.0] * len(rows))))  # fmt: skip
    found = best(one, counts=[[row[2] for row in rows]])
    with mpmath.workdps(50):
        a, y, n = ([mpmath.mpf(x) for x in part] for part in zip(*rows, strict=True))

        def slope(x):
            return sum(k * r * (1 / (1 + mpmath.exp(-r * x)) - p) for r, p, k in zip(a, y, n, strict=True))

        low, high = mpmath.mpf(-2), mpmath.mpf(1.5)
        for _ in range(150):
            middle = (low + high) / 2
            low, high = (low, middle) if slope(middle) > 0 else (middle, high)
        exact = sum(k * (mpmath.log1p(mpmath.exp(r * low)) - p * r * low) for r, p, k in zip(a, y, n, strict=True))
        assert mpmath.mpf(found.low[0]) <= exact <= mpmath.mpf(found.high[0])
    assert found.high[0] - found.low[0] <= 1e-12 * sum(row[2] for row in rows)


def test_weighted_median_and_least_squares_by_hand():
    a, counts = np.ones((3, 1)), np.array([[1, 1, 3], [1, 1, 1], [5, 1, 1]])
    labels = np.array([-0.5, 0.25, 0.75])
    median = best(Problem("m", "absolute", Feasible("box", 1), "iid", a, labels, np.ones(3)), counts=counts)
    assert median.points[:, 0] == pytest.approx([0.75, 0.25, -0.5], abs=2.0**-52)  # neighbours of a kink
    mean = best(Problem("m", "squares", Feasible("line", 1), "iid", a, labels, np.ones(3)), counts=counts)
    assert mean.points[:, 0] == pytest.approx([0.4, 1 / 6, -1.5 / 7], abs=4 * 2.0**-53)  # sums of three


def test_a_kink_that_no_number_hits_still_has_a_small_gap():
    one = Problem("third", "absolute", Feasible("box", 1), "iid", np.array([[3.0]]), np.ones(1), np.ones(1))
    found = best(one, counts=[[10**8]])
    assert 0 <= found.low[0] <= found.high[0] <= 1e-7


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(LOSSES), st.sampled_from(["box", "ball", "simplex"]), st.integers(0, 2**32 - 1))
def test_no_multiplier_lifts_the_low_side_above_the_minimum(link, kind, seed):
    one = problem(link, kind, 2)
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 50, (1, 9))
    counts[0, 0] = 1
    q = counts * one.w
    found = best(one, counts=counts)
    s = rng.normal(0, rng.choice([0.1, 1, 10]), (1, 9))
    area = region(one.feasible)
    assert dual(area, one.law, one.a[None], one.y[None], q, s)[0] <= found.high[0]
    x, outside = inside(area, rng.normal(0, 1, (1, 2)) if kind != "simplex" else rng.uniform(0.1, 1, (1, 2)))
    value, rounding = objective(one.law, one.a[None], one.y[None], q, x, outside)
    assert value[0] + rounding[0] >= found.low[0]


def test_a_multiplier_outside_the_domain_is_worth_nothing_and_would_have_lied():
    one = Problem("one", "absolute", Feasible("box", 1), "iid", np.ones((1, 1)), np.array([-2.0]), np.ones(1))
    area, q, s = region(one.feasible), np.ones((1, 1)), np.full((1, 1), 5.0)
    assert dual(area, one.law, one.a[None], one.y[None], q, s)[0] == -np.inf
    # without the domain, phi*(s, y) = s y alone would claim 5: the minimum of |x + 2| on [-1, 1] is 1
    assert area.least(s * 1.0, np.zeros((1, 1)))[0][0] - (s * one.y)[0, 0] == 5
    assert best(one, counts=[[1]]).high[0] == pytest.approx(1)


@pytest.mark.parametrize("link", LOSSES)
def test_a_solver_that_lies_widens_the_enclosure_and_is_not_believed(link, monkeypatch):
    one, counts = problem(link, "box", 2), np.arange(1, 10)[None]
    true = best(one, counts=counts)
    rng = np.random.default_rng(1)
    low, high = one.law.domain(one.y)

    def liar(*_):
        wild = rng.normal(0, 1, 9) if link == "squares" else rng.uniform(low, high)
        yield rng.normal(0, 3, 2), wild

    monkeypatch.setattr(comparators, "central", liar)
    found = best(one, counts=counts)
    assert found.low[0] <= true.low[0] + 1e-6
    assert found.high[0] >= true.high[0] - 1e-6
    assert found.high[0] - found.low[0] > 1e-3
    assert one.feasible.contains(found.points[0])


def linear_program(one: Problem, q: np.ndarray) -> float:
    """The least sum of absolute or hinge losses on a box or the simplex by HiGHS."""
    rows, d = one.a.shape
    if one.link == "absolute":  # t >= z - y and t >= y - z
        turned, right = np.concatenate([one.a, -one.a]), np.concatenate([one.y, -one.y])
    else:  # t >= 1 - y z
        turned, right = -one.y[:, None] * one.a, -np.ones(rows)
    slack = -np.tile(np.eye(rows), (len(right) // rows, 1))
    sides = [(-0.6, 0.8)] * d if one.feasible.kind == "box" else [(0, None)] * d
    whole = {"A_eq": [[1.0] * d + [0.0] * rows], "b_eq": [1.0]} if one.feasible.kind == "simplex" else {}
    cost = np.concatenate([np.zeros(d), q])
    return linprog(cost, np.hstack([turned, slack]), right, bounds=[*sides, *[(0, None)] * rows], **whole).fun


@pytest.mark.parametrize("kind", ["box", "simplex"])
@pytest.mark.parametrize("link", ["absolute", "hinge"])
@pytest.mark.parametrize("d", [2, 6])
def test_linear_programming_agrees(link, kind, d):
    one, counts = problem(link, kind, d, rows=60), np.arange(1, 61)
    found = best(one, counts=counts[None])
    program = linear_program(one, counts * one.w)
    assert found.low[0] <= program * (1 + 1e-9)
    assert found.high[0] >= program * (1 - 1e-9)
    assert found.high[0] - found.low[0] <= 1e-9 * program


@pytest.mark.parametrize("link", LOSSES)
def test_bisection_and_the_path_agree_in_one_dimension(link):
    one, q = problem(link, "box", 1), np.arange(1.0, 10)
    found = best(one, counts=np.arange(1, 10)[None])
    area = region(one.feasible)
    *_, (x, s) = central(area, one.law, one.a, one.y, q * one.w)
    other = comparators.certified(area, one.law, one.a[None], one.y[None], (q * one.w)[None], x[None], s[None])
    assert other.low[0] <= found.high[0]
    assert found.low[0] <= other.high[0]
    assert found.high[0] == pytest.approx(other.high[0], rel=1e-10)  # the gap at which the path stops


def test_linear_losses_are_the_support_function():
    one = periodic([3, -1, -1])
    found = best(one, counts=[[4, 3, 3], [1, 1, 1], [1, 4, 4]])
    assert found.points[:, 0].tolist()[0::2] == [-1, 1]
    assert np.all(found.low <= [-6, -1, -5])
    assert np.all(found.high >= [-6, -1, -5])
    assert np.all(found.high - found.low < 1e-13)
    signs = Problem("s", "linear", Feasible("ball", 2, radius=2), "signs", np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    found = best(signs, sums=[[3, 4]])
    assert found.low[0] <= -10 <= found.high[0]
    assert found.points[0] == pytest.approx([-1.2, -1.6])
    wide = best(signs, sums=[[3, 4]], sums_error=0.1)
    worst = -10 - 2 * 0.1 * np.sqrt(2)
    assert worst - 2 * (SECOND - 1) <= wide.low[0] <= worst


def test_a_batch_counts_rows_and_divides_by_its_size():
    one, four = problem("squares", "box", 1), problem("squares", "box", 1, batch=4)
    counts = np.arange(1, 10)[None]
    assert best(four, counts=4 * counts).high == pytest.approx(best(one, counts=counts).high)


def test_tables_are_of_each_run():
    one = problem("absolute", "box", 2)
    a, y, w = (np.stack([part, part[::-1]]) for part in (one.a, one.y, one.w))
    counts = np.stack([np.arange(1, 10), np.arange(9, 0, -1)])
    found = best(one, counts=counts, tables=(a, y, w))
    assert found.high[0] == pytest.approx(found.high[1])
    assert found.high[0] == pytest.approx(best(one, counts=counts[:1]).high[0])


def test_separable_logistic_losses_on_the_line_are_between_zero_and_little():
    one = Problem("sep", "logistic", Feasible("line", 1), "iid", np.array([[1.0], [-2.0]]), np.array([1.0, 0.0]),
                  np.ones(2))  # fmt: skip
    found = best(one, counts=[[1000, 10]])
    assert found.low[0] == 0  # the infimum, which no bounded interval shows
    assert 0 <= found.high[0] < 1e-9  # rounding of 1010 losses


def test_nothing_met_is_nothing_lost():
    for kind, d in (("box", 2), ("box", 1), ("line", 1)):
        found = best(problem("absolute", kind, d), counts=np.zeros((1, 9)))
        assert found.low[0] == 0
        assert found.high[0] < 1e-200


def test_what_has_no_certified_minimum_is_refused():
    line = Problem("l", "linear", Feasible("line", 1), "iid", np.ones((1, 1)), np.zeros(1), np.ones(1))
    with pytest.raises(ValueError, match="minus infinity"):
        best(line, counts=[[1]])
    for link in ("absolute", "hinge", "logistic"):
        with pytest.raises(ValueError, match="not certified"):
            best(problem(link, "line", 2), counts=np.ones((1, 9)))
    with pytest.raises(ValueError, match="one of counts and sums"):
        best(problem("hinge", "box", 1))
    with pytest.raises(ValueError, match="linear losses only"):
        best(problem("hinge", "box", 1), sums=[[1.0]])
    with pytest.raises(ValueError, match="1 or -1"):
        best(Problem("h", "hinge", Feasible("box", 1), "iid", np.ones((1, 1)), np.zeros(1), np.ones(1)), counts=[[1]])
    with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
        best(Problem("h", "logistic", Feasible("box", 1), "iid", np.ones((1, 1)), -np.ones(1), np.ones(1)),
             counts=[[1]])  # fmt: skip
    with pytest.raises(ValueError, match="shape"):
        best(problem("hinge", "box", 1), counts=[[1, 2]])
    with pytest.raises(ValueError, match="at least 0"):
        best(problem("hinge", "box", 1), counts=-np.ones((1, 9)))


def test_regions_of_runs_have_their_own_ends():
    area = Region("box", np.array([[-1.0], [0.0]]), np.array([[1.0], [2.0]]))
    found, off = area.least(np.ones((2, 1)), np.zeros((2, 1)))
    assert found.tolist() == [-1, 0]
    assert np.all(off > 0)
    assert set(LINKS) == {*LOSSES, "linear"}
