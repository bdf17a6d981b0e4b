"""Gradient streams: designed cases that make every mechanism happen, and Hypothesis strategies that shrink well.

A generated stream is a few segments, each `magnitude * ratio^i` along a direction: one draw says what a person would
say ("1, then 0.01 four times"), and a counterexample shrinks to one tensor, a step or two, and round numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from .cases import Case
from .paper import Hyperparameters

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Range:
    """Powers of ten of gradient magnitudes that a dtype can square and average without leaving its range."""

    low: int
    high: int


RANGES = {
    "float64": Range(-12, 12),
    "float32": Range(-12, 12),
    "bfloat16": Range(-12, 12),
    # (1 - beta2) g^2 must stay a normal float16 (6e-5 to 65504) at beta2 = 0.999, within a factor of ten.
    "float16": Range(-1, 1),
}

DEFAULTS = Hyperparameters()
VARIANTS = {
    "lr": (1e-3, 1.0, 0.1),
    "beta1": (0.9, 0.5, 0.0, 0.99),
    "beta2": (0.999, 0.9, 0.99, 0.5, 0.7, 0.0),
    "gamma": (0.95, 0.5, 0.9, 0.99, 0.0),
    "eps": (1e-8, 1e-3, 1e-12, 1.0),
}
"""Values that are tried, simplest first; which of them a subject takes is asked of the subject."""


def direction(kind: int, shape: Shape, step: int, tensor: int) -> np.ndarray:
    """A unit-sized array: kind 0 is all ones, 1 alternates signs, 2 has zeros, others are random (3, 4, ... seeds).

    Odd seeds are normal, even ones heavy-tailed (Student's t with 1.5 degrees of freedom, clipped at 100).
    """
    size = int(np.prod(shape))
    if kind == 0:
        return np.ones(shape)
    if kind == 1:
        return np.where(np.arange(size) % 2, -1.0, 1.0).reshape(shape)
    if kind == 2:
        return np.where(np.arange(size) % 3 == 1, 0.0, 1.0 + np.arange(size) % 4).reshape(shape)
    generator = np.random.default_rng([kind, step, tensor])
    if kind % 2:
        return generator.normal(size=shape)
    return np.clip(generator.standard_t(1.5, size=shape), -100, 100)


def case(
    name: str,
    shapes: Sequence[Shape],
    magnitudes: Sequence[float],
    *,
    kind: int = 0,
    hyperparameters: Sequence[Hyperparameters] = (DEFAULTS,),
    groups: Sequence[int] | None = None,
    start: float = 0.0,
    missing: Sequence[tuple[int, int]] = (),
) -> Case:
    """A case from the magnitude of each step; `missing` are (step, tensor) pairs without a gradient, from 0."""
    absent = set(missing)
    steps = tuple(
        tuple(None if (t, i) in absent else magnitude * direction(kind, shape, t, i) for i, shape in enumerate(shapes))
        for t, magnitude in enumerate(magnitudes)
    )
    theta = tuple(start * direction(1, shape, 0, i) for i, shape in enumerate(shapes))
    return Case(name, theta, tuple(groups or [0] * len(shapes)), tuple(hyperparameters), steps)


def designed(dtype: str) -> tuple[Case, ...]:
    """The cases that every run begins with, rarest mechanisms first; between them every mechanism fires."""
    vectors: list[Shape] = [(3,), (2, 3)]
    mixed: list[Shape] = [(), (1,), (0,), (3,), (2, 3), (2, 2, 2)]
    two_groups = (Hyperparameters(), Hyperparameters(lr=1e-2, beta1=0.5, beta2=0.9, gamma=0.5, eps=1e-3))
    cases = [
        case("norm drops", vectors, [1.0, 0.125, 0.125, 0.25, 1.0, 0.125]),
        case("zeros after non-zeros", vectors, [1.0, 0.0, 2.0, 0.0, 0.0, 0.5, 0.5], kind=3),
        case("alternating norms", [(3,), (4, 5)], [8.0, 0.125] * 6, kind=5),
        case("sign flips", [(1,), (2,)], [1.0, -1.0, 1.0, -0.5, 0.5, -0.25, 1.0, 1.0], kind=1),
        case(
            "groups, missing gradients, all shapes",
            mixed,
            [1.0, 0.5, 4.0, 0.125, 0.25, 1.0, 0.5, 0.5],
            kind=7,
            hyperparameters=two_groups,
            groups=[0, 0, 0, 1, 1, 1],
            start=1.0,
            missing=[(0, 3), (1, 4), (2, 0), (2, 4), (3, 1), (5, 3), (6, 3)],
        ),
        # A tie, and after a zero a lift that a guard does not cut.
        case(
            "ties e = ||g||",
            [(1,)],
            [1.0, 0.5, 0.5, 0.5, 4.0, 0.0, 0.75],
            hyperparameters=[Hyperparameters(gamma=0.5)],
        ),
        case("slow decay", vectors, [0.8**t for t in range(10)], kind=9),
        case("constant", [(2,)], [1.0] * 8),
        case("zeros among non-zeros", vectors, [1.0, 0.125, 0.5, 0.25, 1.0], kind=2),
        case("heavy tails", [(4,), (3, 2)], [0.25] * 10, kind=4),
        case(
            "short memory",
            vectors,
            [1.0, 0.25, 0.5, 0.125, 1.0, 0.25, 0.5, 0.25, 1.0],
            kind=11,
            hyperparameters=[Hyperparameters(lr=0.1, beta1=0.5, beta2=0.7, gamma=0.9)],
        ),
        case(
            "no memory",
            [(2,)],
            [1.0, 0.25, 2.0, 1.0],
            kind=13,
            hyperparameters=[Hyperparameters(beta1=0.0, beta2=0.0, gamma=0.0)],
        ),
        case(
            "rectification switches early",
            [(3,)],
            [1.0, 0.5, 0.25, 2.0, 1.0, 0.5, 0.5],
            kind=15,
            hyperparameters=[Hyperparameters(beta2=0.9)],
        ),
        case(
            "large eps",
            vectors,
            [0.5, 0.25, 0.5, 0.125, 0.5, 0.25],
            kind=19,
            hyperparameters=[Hyperparameters(eps=0.125)],
        ),
    ]
    cases.append(
        case("missing in turn", vectors, [1.0, 0.5, 0.25, 1.0, 0.5], kind=35, missing=[(0, 1), (2, 0), (3, 1)])
    )
    # An optimizer that makes its state at the first step alone refuses the case before, but may be asked this one.
    # Long enough for rectified steps: one that skips the others moves in no shorter one.
    later = [1.0, 0.5, 0.25, 1.0, 0.5, 0.25, 1.0, 0.5, 0.25]
    cases.append(case("missing later", vectors, later, kind=37, missing=[(2, 0), (3, 1), (7, 0)]))
    if dtype in ("bfloat16", "float16"):  # where a correction with a guard is hardly more than rounding elsewhere
        own = Hyperparameters(beta1=0.5, beta2=0.7, gamma=0.9)
        cases.append(case("small after one large", vectors, [1.0] + [2.0**-5] * 7, kind=5, hyperparameters=[own]))
    if dtype in ("float64", "float32"):  # half formats lose so many steps, or terms of a sum, in rounding
        cases += [
            case("long tensor", [(300,)], [0.5, 0.125, 0.25, 0.125], kind=17),
            case("long run", [(2,)], [1.0, 0.5, 0.25, 2.0, 0.125] * 20, kind=29),
            case("spike after quiet", [(2,)], [2.0**-10] * 110 + [8.0], hyperparameters=[Hyperparameters(beta1=0.0)]),
        ]
    if RANGES[dtype].high >= 12:
        cases += [
            case("norms near eps", vectors, [2.0**-21, 2.0**-26] * 5, kind=21),
            case("norm falls a thousandfold", vectors, [1.0, 2.0**-10, 2.0**-10, 2.0**-20, 1.0, 2.0**-14], kind=31),
            case("tiny after small", vectors, [2.0**-30, 2.0**-45, 2.0**-46, 2.0**-44, 2.0**-30, 2.0**-45], kind=33),
            case("tiny", vectors, [1e-12, 1e-9, 1e-12, 3e-12], kind=23),
            case("huge", vectors, [1e12, 1e9, 1e12, 1e10], kind=25),
        ]
    return tuple(cases)


@st.composite
def hyperparameters(draw, settable: frozenset[str], dtype: str) -> Hyperparameters:
    """Hyperparameters that the subject lets one set; the others keep the paper's defaults."""
    return Hyperparameters(
        **{name: draw(st.sampled_from(values)) for name, values in VARIANTS.items() if name in settable}
    )


@st.composite
def magnitudes(draw, dtype: str, max_steps: int) -> list[float]:
    """Magnitude of every step: up to four segments `10^power * ratio^i`, repeated."""
    span = RANGES[dtype]
    powers = sorted({0, *range(-2, 3), -7, -8, span.low, span.high}, key=lambda p: (abs(p), p < 0))
    segments = draw(
        st.lists(
            st.tuples(
                st.sampled_from([p for p in powers if span.low <= p <= span.high]),
                st.sampled_from([1.0, 0.5, 2.0, 3.0, 0.0]),
                st.sampled_from([1.0, 0.5, -1.0, 0.9, -0.5]),
                st.integers(1, max_steps // 2),
            ),
            min_size=1,
            max_size=4,
        )
    )
    once = [10.0**power * factor * ratio**i for power, factor, ratio, length in segments for i in range(length)]
    repeats = draw(st.sampled_from([1, 2, 4]))
    return (once * repeats)[:max_steps]


@st.composite
def kinds(draw) -> int:
    """A direction's kind. A random one takes many draws, so that shrinking prefers a second segment of plain ones."""
    plain = draw(st.sampled_from([0, 1, 2, None]))
    if plain is not None:
        return plain
    digits = draw(st.tuples(*[st.integers(0, 1)] * 20))
    return 3 + int("".join(map(str, digits)), 2)


SHAPES: tuple[Shape, ...] = ((1,), (2,), (), (3,), (2, 2), (0,), (5,), (3, 4))


@st.composite
def cases(draw, *, dtype: str, settable: frozenset[str], grouped: frozenset[str], max_steps: int) -> Case:
    """Generated cases.

    Args:
        draw: given by Hypothesis.
        dtype: of the subject's tensors; sets the range of magnitudes.
        settable: hyperparameters that the subject takes.
        grouped: those of them that may differ between parameter groups.
        max_steps: longest run.
    """
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    sizes = draw(magnitudes(dtype, max_steps))
    kind = draw(kinds())
    first = draw(hyperparameters(settable, dtype))
    start = draw(st.sampled_from([0.0, 1.0]))
    several = len(shapes) > 1 and bool(grouped) and draw(st.booleans())
    second = draw(hyperparameters(grouped, dtype)) if several else first
    shared = {name: getattr(first, name) for name in VARIANTS if name not in grouped}
    second = Hyperparameters(**{**{name: getattr(second, name) for name in VARIANTS}, **shared})
    absent = st.lists(st.tuples(st.integers(0, len(sizes) - 1), st.integers(0, len(shapes) - 1)), max_size=3)
    missing = draw(absent)
    return case(
        "generated",
        shapes,
        sizes,
        kind=kind,
        hyperparameters=(first, second) if several else (first,),
        groups=[int(several and i > 0) for i in range(len(shapes))],
        start=start,
        missing=missing,
    )


PROBE = case("probe", [(3,), (2, 2)], [1.0, 0.25, 2.0, 0.125, 1.0, 0.5], kind=27)
"""A plain case on which a subject is first run, to ask what it keeps and to name its state by value."""
