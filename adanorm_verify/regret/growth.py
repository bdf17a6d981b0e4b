"""How the expected regret grows, from enclosures of the regret of independent runs at T, 2T, 4T, ...

A power law is fitted to the increments over octaves (see `powers`), in which constants and the first rounds drop out:
p > 0 is regret like T^p, p = 0 like log T, p < 0 a limit that is reached like T^p. Regret may also fall.

Starting horizons. The fit starts at the first octave from which no logarithmic factor is significant; the interval is
the hull over that start and all later ones that keep half the information.

Resolution. T^p (log T)^a has the local exponent p + a/log T, so that no interval is narrower than 1/(4 log T) to either
side (see `powers.HALF`). For the same reason "T^p" and "bounded" are said only where the exponent without a logarithmic
factor, to which a fit with one extrapolates, allows no other class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from .powers import HALF, LEAST, Increments, fit, increments, signs

Kind = Literal["bounded", "log T", "sqrt(T)", "T^p", "linear", "cannot tell"]
KINDS = ("bounded", "log T", "sqrt(T)", "T^p", "linear", "cannot tell")
NAMED: dict[Kind, float] = {"log T": 0.0, "sqrt(T)": 0.5, "linear": 1.0}
"""Exponents of the increments of the classes that are one law; "T^p" and "bounded" are what lies between and below."""
RIVALS = tuple(map(Fraction, ("-1/4", "0", "1/4", "1/3", "1/2", "2/3", "3/4", "1")))
"""Exponents that theorems have: a class of one law is said where the interval holds no other of them, and none that
the law has with a factor log T or 1/log T, which look like 1/log T more or less."""

Interval = tuple[float, float]
OCTAVES = LEAST + 1
"""Octaves in all: two starts."""


@dataclass(frozen=True)
class Growth:
    """How regret grows.

    Args:
        exponent: p of the increments; None where no increment is known well enough.
        low: end of its 95 % interval; None where there is none.
        high: the other end.
        kind: one of `KINDS`; what falls is "bounded", from above.
        reason: one sentence.
        sign: 1 where regret rises, -1 where it falls, 0 where neither is certain.
    """

    exponent: float | None
    low: float | None
    high: float | None
    kind: Kind
    reason: str
    sign: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def grow(horizons: Sequence[int], low: np.ndarray, high: np.ndarray) -> Growth:
    """How regret grows, from its enclosures (horizons, runs) at horizons that double.

    Raises:
        ValueError: shapes that do not fit, horizons that do not grow, an enclosure with low > high.
    """
    found = increments(horizons, low, high)
    many, runs = found.middle.shape
    if not np.all(np.isfinite(found.middle)) or not np.all(np.isfinite(found.width)):
        return _unknown("the regret is not finite at some horizon")
    if runs < 2:
        return _unknown("one run has no spread: at least 2 are wanted")
    if many < OCTAVES:
        return _unknown(f"{many} octaves of horizons are too few: at least {OCTAVES} are wanted")
    known = np.abs(found.middle.mean(axis=1)) > found.width.mean(axis=1)
    still = many - (int(np.flatnonzero(known)[-1]) + 1 if known.any() else 0)
    if still >= LEAST:
        return _settled(found, still)
    if np.count_nonzero(known) < OCTAVES:
        return _unknown(f"the enclosures separate {np.count_nonzero(known)} increments from zero, {OCTAVES} are wanted")
    if {-1, 1} <= set(signs(found)):
        return _unknown("the regret rises over some octaves and falls over others")
    return _decided(found)


def _unknown(reason: str) -> Growth:
    return Growth(None, None, None, "cannot tell", reason, 0)


def _settled(found: Increments, still: int) -> Growth:
    """Regret whose last increments are zero to within their enclosures.

    A growing law may hide in wide enclosures: they have to shrink like 1/T, the fastest that a power law's limit is
    reached in theorems, from the largest increment before, or the mean one of the octaves before the first horizon.
    """
    most = (np.abs(found.middle) + found.width).mean(axis=1)
    start = len(most) - still
    least = max(found.before[0], -found.before[1], 0.0) / (found.octaves[0] + 1)
    earlier = max([least, *(np.abs(found.middle[:start].mean(axis=1)) - found.width[:start].mean(axis=1))])
    rise = float(most[start:].sum())
    if rise <= 0:
        return Growth(None, None, None, "bounded", f"the regret does not change over the last {still} octaves", 0)
    if not earlier > 0:
        return _unknown(f"the increments are zero to within their enclosures, {rise:.2g} in all")
    slopes = np.log2(most[start:] / earlier) / np.arange(1, still + 1)
    high = float(slopes.max())
    if high <= -1:
        reason = f"the last {still} octaves change the regret by at most {rise:.2g}, one before them by {earlier:.2g}"
        return Growth(None, None, high, "bounded", reason, 0)
    return _unknown(f"the last {still} increments are zero to within their enclosures, which are too wide")


def _decided(found: Increments) -> Growth:
    last = len(found.octaves) - LEAST
    first, chosen = 0, fit(found)
    while chosen.bent and first < last:
        first, chosen = first + 1, fit(found.since(first + 1))
    kept = [chosen]
    for start in range(first + 1, last + 1):
        later = fit(found.since(start))
        if later.information < chosen.information / 2:
            break
        kept.append(later)
    if not chosen.certain:
        return _unknown("the mean increments are not separated from zero by this many runs")
    if chosen.level * fit(found.since(last)).level < 0:
        return _unknown("the regret rises over some octaves and falls over others")
    finest = HALF / float(found.logarithms[first:].mean())
    ends = [(min(one.low, one.exponent - finest), max(one.high, one.exponent + finest)) for one in kept]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if not (np.isfinite(low) and np.isfinite(high)):
        return Growth(chosen.exponent, None, None, "cannot tell", "the runs leave the exponent open", 0)
    if chosen.level < 0:
        reason = f"the regret falls: increments < 0, with an exponent in [{low:.2f}, {high:.2f}]"
        return Growth(chosen.exponent, low, high, "bounded", reason, -1)
    core = max(end[0] for end in ends), min(end[1] for end in ends)
    wide = min(low, chosen.straight[0] - finest), max(high, chosen.straight[1] + finest)
    return Growth(chosen.exponent, low, high, *classed((low, high), core, wide, finest / HALF), 1)


def classed(hull: Interval, core: Interval, wide: Interval, factor: float) -> tuple[Kind, str]:
    """The class of an exponent, and why.

    Args:
        hull: of the intervals from all starting horizons.
        core: what they have in common.
        wide: where a power of log T is a factor.
        factor: what a factor log T adds to an exponent.
    """
    shown = f"[{hull[0]:.2f}, {hull[1]:.2f}]"
    inside = [name for name, exponent in NAMED.items() if hull[0] <= exponent <= hull[1]]
    if len(inside) > 1:
        return "cannot tell", f"the interval {shown} holds {' and '.join(inside)}"
    if inside:
        name, exponent = inside[0], NAMED[inside[0]]
        rivals = {f"T^({rival})": float(rival) for rival in RIVALS if rival != exponent}
        rivals |= {f"({name}) log T": exponent + factor, f"({name})/log T": exponent - factor}
        if others := [rival for rival, at in rivals.items() if hull[0] <= at <= hull[1]]:
            return "cannot tell", f"the interval {shown} holds {name} and {' and '.join(others)}"
        if not core[0] <= exponent <= core[1]:
            return "cannot tell", f"{name} is in the interval {shown}, but not from every starting horizon"
        return name, f"of the classes, the interval {shown} holds only {name}"
    near = [name for name, exponent in NAMED.items() if wide[0] <= exponent <= wide[1]]
    if near:
        return "cannot tell", f"with a power of log T as a factor, the interval {shown} allows {' and '.join(near)}"
    if wide[1] < 0:
        return "bounded", f"the increments vanish: the interval {shown} lies below 0"
    return "T^p", f"the interval {shown} holds the exponent of no other class"
