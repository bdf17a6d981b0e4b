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
from typing import Any, Literal

import numpy as np

from .powers import HALF, LEAST, Increments, fit, increments

Kind = Literal["bounded", "log T", "sqrt(T)", "T^p", "linear", "cannot tell"]
KINDS = ("bounded", "log T", "sqrt(T)", "T^p", "linear", "cannot tell")
NAMED: dict[Kind, float] = {"log T": 0.0, "sqrt(T)": 0.5, "linear": 1.0}
"""Exponents of the increments of the classes that are one law; "T^p" and "bounded" are what lies between and below."""

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
    kept = Increments(found.octaves[known], found.middle[known], found.width[known], found.before)
    if len(kept.octaves) < OCTAVES:
        return _unknown(f"the enclosures separate only {len(kept.octaves)} increments from zero, {OCTAVES} are wanted")
    return _decided(kept)


def _unknown(reason: str) -> Growth:
    return Growth(None, None, None, "cannot tell", reason, 0)


def _settled(found: Increments, still: int) -> Growth:
    """Regret whose last increments are zero to within their enclosures."""
    most = (np.abs(found.middle) + found.width).mean(axis=1)
    start = len(most) - still
    least = max(found.before[0], -found.before[1], 0.0)
    earlier = max([least, *(np.abs(found.middle[:start].mean(axis=1)) - found.width[:start].mean(axis=1))])
    rise = float(most[start:].sum())
    if rise <= 0:
        return Growth(None, None, None, "bounded", f"the regret does not change over the last {still} octaves", 0)
    if not earlier > 0:
        return _unknown(f"the increments are zero to within their enclosures, {rise:.2g} in all")
    slopes = np.log2(most[start:] / earlier) / np.arange(1, still + 1)
    high = float(slopes.max())
    if high < 0:
        reason = f"the last {still} octaves change the regret by at most {rise:.2g}, one before them by {earlier:.2g}"
        return Growth(None, None, high, "bounded", reason, 0)
    return _unknown(f"the last {still} increments are zero to within their enclosures, which are too wide")


def _decided(found: Increments) -> Growth:
    many = len(found.octaves)
    fits = [fit(found.since(start)) for start in range(many - LEAST + 1)]
    first = next((start for start, one in enumerate(fits) if not one.bent), len(fits) - 1)
    chosen = fits[first]
    kept = [one for one in fits[first:] if one.information >= chosen.information / 2]
    if not chosen.certain:
        return _unknown("the mean increments are not separated from zero by this many runs")
    finest = HALF / float(found.logarithms[first:].mean())
    low = min(chosen.exponent - finest, *(one.low for one in kept))
    high = max(chosen.exponent + finest, *(one.high for one in kept))
    if not (np.isfinite(low) and np.isfinite(high)):
        return Growth(chosen.exponent, None, None, "cannot tell", "the runs leave the exponent open", 0)
    sign = int(np.sign(chosen.level))
    kind, reason = classed(low, high, (min(low, chosen.straight[0]), max(high, chosen.straight[1])))
    if sign < 0:
        kind, reason = (
            "bounded",
            f"the regret falls: its increments are negative, with exponent in [{low:.2f}, {high:.2f}]",
        )
    return Growth(chosen.exponent, low, high, kind, reason, sign)


def classed(low: float, high: float, wide: tuple[float, float]) -> tuple[Kind, str]:
    """The class of an interval of exponents, and of the wider one that allows for a logarithmic factor."""
    shown = f"[{low:.2f}, {high:.2f}]"
    inside = [name for name, exponent in NAMED.items() if low <= exponent <= high]
    if len(inside) > 1:
        return "cannot tell", f"the interval {shown} holds {' and '.join(inside)}"
    if inside and low > -0.5:
        return inside[0], f"of the classes, the interval {shown} holds only {inside[0]}"
    if inside:
        return "cannot tell", f"the interval {shown} holds {inside[0]} and increments that vanish like T^-1/2"
    near = [name for name, exponent in NAMED.items() if wide[0] <= exponent <= wide[1]]
    if near:
        return "cannot tell", f"with a power of log T as a factor, the interval {shown} allows {' and '.join(near)}"
    if wide[1] < 0:
        return "bounded", f"the increments vanish: the interval {shown} lies below 0"
    return "T^p", f"the interval {shown} holds the exponent of no other class"
