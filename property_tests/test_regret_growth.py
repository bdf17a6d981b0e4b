"""Growth of regret: which law is seen, when nothing is said, and that what is said is not wrong."""

import json

import numpy as np
import pytest

from adanorm_verify.regret.growth import KINDS, Growth, grow
from adanorm_verify.regret.powers import fit, increments

T = 2 ** np.arange(4, 15)
K = np.log2(T)
LOG = np.log(T)
MIDDLE = T[len(T) // 2]

LAWS = {
    "log T": (LOG, "log T"),
    "T^0.3": (T**0.3, "T^p"),
    "sqrt(T) and a constant": (1e4 + T**0.5, "sqrt(T)"),
    "sqrt(T) less a fourth root": (T**0.5 - T**0.25, "sqrt(T)"),
    "T^(2/3)": (T ** (2 / 3), "T^p"),
    "T^(3/4) and sqrt(T)": (T**0.75 + 3 * T**0.5, "T^p"),
    "linear": (T * 1.0, "linear"),
    "a limit": (5 - 5 / T, "bounded"),
    "a slow limit": (5 - 5 * T**-0.25, "bounded"),
    "linear, then still": (np.minimum(T, MIDDLE) * 1.0, "bounded"),
    "a limit, then linear": (10 - 10 / T + np.maximum(T - MIDDLE, 0), "linear"),
    "no change at all": (0 * T + 3.0, "bounded"),
}
OPEN = {
    "log log T": np.log(LOG),
    "log^2 T": LOG**2,
    "log^3 T": LOG**3,
    "sqrt(T log T)": (T * LOG) ** 0.5,
    "sqrt(T) log T": T**0.5 * LOG,
    "T/log T": T / LOG,
    "waves": T**0.5 * (1 + 0.3 * np.sin(2 * np.pi * K / 4)),
    "rising and falling": T**0.5 * np.sin(LOG),
    "linear, then still for the last octaves": np.minimum(T, T[-3]) * 1.0,
    "falling, then linear": -(T**0.5) + T / T[-1] ** 0.5,
}


def judged(regret: np.ndarray, width: float = 1e-9, horizons=T) -> Growth:
    return grow([int(t) for t in horizons], regret - width, regret + width)


def equal(mean: np.ndarray, runs: int = 8) -> np.ndarray:
    return np.repeat(np.asarray(mean, float)[:, None], runs, axis=1)


def noisy(mean: np.ndarray, kind: str, rng: np.random.Generator, runs: int = 32) -> np.ndarray:
    """Runs about a mean: a random walk, increments that are correlated along a run, amplitudes and shares of it."""
    steps = np.diff(mean)[:, None]
    shape = len(steps), runs
    own = np.abs(steps)
    if kind == "walk":
        steps = steps + 1.3 * own[-1] * np.sqrt(T[:-1, None] / T[-2]) * rng.normal(size=shape)
    if kind == "correlated":
        z = rng.normal(size=shape)
        for k in range(1, len(z)):
            z[k] = 0.7 * z[k - 1] + np.sqrt(1 - 0.7**2) * z[k]
        steps = steps + 1.3 * own * z
    if kind == "amplitudes":  # infinite variance
        steps = steps * (rng.pareto(1.5, size=runs) + 1) / 3
    if kind == "lognormal":
        steps = steps * np.exp(1.2 * rng.normal(size=shape) - 0.72)
    if kind == "heavy":
        steps = steps + 0.7 * own * rng.standard_t(2.1, size=shape)
    return np.concatenate([np.full((1, runs), mean[0]), mean[0] + np.cumsum(steps + 0 * own, axis=0)])


NOISES = ("walk", "correlated", "amplitudes", "lognormal", "heavy")


@pytest.mark.parametrize("name", LAWS)
def test_exact_growth_is_recognised(name):
    mean, kind = LAWS[name]
    found = judged(equal(mean))
    assert found.kind == kind, found.reason


@pytest.mark.parametrize("name", OPEN)
def test_growth_of_no_class_is_left_open(name):
    found = judged(equal(OPEN[name]))
    assert found.kind == "cannot tell", (name, found)
    assert found.reason


def test_equal_runs_have_an_interval_of_some_width():
    found = judged(equal(T**0.5))
    assert found.low < 0.5 < found.high
    assert found.high - found.low > 0.5 / np.log(T[-1])


@pytest.mark.parametrize("p", [0.5, 1.0])
def test_regret_that_falls_is_bounded_above_and_said_to_fall(p):
    found = judged(noisy(-(T**p), "lognormal", np.random.default_rng(0)))
    assert (found.kind, found.sign) == ("bounded", -1)
    assert found.low < p < found.high
    assert "falls" in found.reason
    rising = judged(noisy(T**p, "lognormal", np.random.default_rng(1), runs=128))
    assert (rising.kind, rising.sign) == ({0.5: "sqrt(T)", 1.0: "linear"}[p], 1)


def test_negative_regret_that_rises_is_not_clipped():
    assert judged(equal(T**0.5 - 1e4)).kind == "sqrt(T)"


def test_constants_and_units_change_nothing():
    regret = noisy(T**0.5, "walk", np.random.default_rng(1))
    plain = judged(regret, 0.0)
    for other in (judged(regret + 1000.0, 0.0), judged(regret * 1024, 0.0), judged(regret[:, ::-1], 0.0)):
        assert other.kind == plain.kind
        assert [other.low, other.high] == pytest.approx([plain.low, plain.high], abs=1e-12)  # observed: 4e-16


@pytest.mark.parametrize(
    ("regret", "horizons", "word"),
    [
        (equal(T**0.5, 1), T, "one run"),
        (equal(T**0.5)[:5], T[:5], "4 octaves"),
        (equal(T**0.5)[:1], T[:1], "0 octaves"),
        (equal(T**0.5)[[0, 2, 4, 6, 8]], T[[0, 2, 4, 6, 8]], "0 octaves"),
        (equal(0 * T), T, "within their enclosures"),
        (equal(np.where(T < MIDDLE, T**0.5, np.inf)), T, "not finite"),
        (equal(np.where(T < MIDDLE, T**0.5, np.nan)), T, "not finite"),
    ],
)
def test_too_little_is_left_open_with_the_reason(regret, horizons, word):
    found = judged(regret, horizons=horizons)
    assert found.kind == "cannot tell"
    assert word in found.reason
    assert found.low is None
    assert found.high is None


def test_regret_that_is_exactly_zero_is_bounded():
    assert judged(equal(0 * T), width=0.0).kind == "bounded"


def test_mean_zero_walks_have_no_growth():
    rng = np.random.default_rng(2)
    regret = np.cumsum(np.sqrt(T)[:, None] * rng.normal(size=(len(T), 32)), axis=0)
    assert judged(regret).kind == "cannot tell"


def test_enclosures_widen_the_interval_until_nothing_is_said():
    regret = equal(T**0.5)
    ends = [judged(regret, width) for width in (1e-9, 0.05, 0.3, 3.0, 1e3)]
    widths = [np.inf if one.low is None else one.high - one.low for one in ends]
    assert widths == sorted(widths)
    assert widths[0] < widths[2]
    assert [one.kind for one in ends][::4] == ["sqrt(T)", "cannot tell"]


@pytest.mark.parametrize("width", [50.0, 200.0])
def test_growth_that_wide_enclosures_hide_is_not_called_bounded(width):
    assert judged(equal(1e4 + T**0.5), width).kind == "cannot tell"


def test_a_last_horizon_that_does_not_double_is_no_octave():
    plain = judged(equal(T**0.5))
    more = [*T, T[-1] + 5]
    assert judged(equal(np.append(T**0.5, 1e6)), horizons=more) == plain


@pytest.mark.parametrize(
    ("horizons", "low", "high", "word"),
    [
        ([1, 2], np.zeros(2), np.zeros(2), "shape"),
        ([1, 2, 4], np.zeros((2, 2)), np.zeros((2, 2)), "shape"),
        ([2, 1], np.zeros((2, 2)), np.zeros((2, 2)), "grow"),
        ([1, 2], np.ones((2, 2)), np.zeros((2, 2)), "low > high"),
    ],
)
def test_what_is_no_enclosure_is_refused(horizons, low, high, word):
    with pytest.raises(ValueError, match=word):
        grow(horizons, low, high)


def test_the_result_is_json():
    for mean in (T**0.5, 0 * T + 3.0, np.minimum(T, MIDDLE)):
        found = judged(equal(mean))
        assert json.loads(json.dumps(found.to_json(), allow_nan=False))["kind"] == found.kind
        assert found.kind in KINDS


@pytest.mark.parametrize("kind", ["walk", "correlated", "lognormal"])
def test_the_interval_over_runs_covers_and_half_of_it_does_not(kind):
    rng = np.random.default_rng(3)
    covered = halved = 0
    for _ in range(200):
        regret = noisy(T**0.5, kind, rng)
        found = fit(increments([int(t) for t in T], regret, regret))
        covered += found.low <= 0.5 <= found.high
        middle = found.exponent
        halved += (found.low + middle) / 2 <= 0.5 <= (found.high + middle) / 2
    # four standard errors of 200 experiments below 95 % are 89 %; half of a normal 95 % interval covers 67 %
    assert covered >= 178
    assert halved < 178


# Measured on 30 repetitions of every law and noise: in one cell 13 % (T/log T as linear), in others at most 7 %
# (sqrt(T) log T as sqrt(T)), elsewhere 3 % or none. Left out, as 32 such runs do not tell them apart: sqrt(T log T),
# 0.07 above the exponent 1/2 (up to 33 %), and laws that overtake log T only at the last horizon (up to 50 %).
@pytest.mark.parametrize("kind", NOISES)
def test_under_noise_wrong_answers_are_rare(kind):
    rng = np.random.default_rng(4)
    wrong, many = [], 0
    laws = {name: mean for name, mean in OPEN.items() if name != "sqrt(T log T)"}
    for name, (mean, right) in {**{n: (m, None) for n, m in laws.items()}, **LAWS}.items():
        for _ in range(6):
            found = judged(noisy(mean, kind, rng)).kind
            many += 1
            if found not in ("cannot tell", right):
                wrong.append((name, found))
    assert len(wrong) <= 0.05 * many, wrong
