"""One run of a subject held against the envelope, step by step and quantity by quantity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .cases import Case
from .rounding import Bounded
from .subject import Snapshot
from .trajectory import Quantities

USUAL_NAMES = {
    "exp_avg": "m",
    "m": "m",
    "exp_avg_sq": "v",
    "exp_avg_var": "v",
    "v": "v",
    "exp_grad_norm": "e",
    "exp_grad_adanorm": "e",
    "e": "e",
    "previous_grad": "g",
    "prev_grad": "g",
}
"""State keys as torch and the public implementations name them, and the paper's symbol."""


@dataclass(frozen=True)
class Difference:
    """A value outside its envelope.

    Args:
        quantity: the paper's symbol.
        step: from 1.
        tensor: index in the case.
        element: flat index in the tensor.
        expected: of the reference.
        got: of the subject.
        error: their distance.
        bound: what rounding can do.
    """

    quantity: str
    step: int
    tensor: int
    element: int
    expected: float
    got: float
    error: float
    bound: float

    @property
    def ratio(self) -> float:
        return self.error / self.bound if self.bound else np.inf


@dataclass
class Tally:
    """What was compared for one quantity.

    Args:
        compared: elements judged.
        unjudged: elements for which the bound was infinite: float arithmetic says nothing there.
        worst: the largest ratio error/bound.
        error: the error there.
        bound: the bound there.
    """

    compared: int = 0
    unjudged: int = 0
    worst: float = 0.0
    error: float = 0.0
    bound: float = 0.0

    def add(self, other: Tally) -> None:
        self.compared += other.compared
        self.unjudged += other.unjudged
        if other.worst >= self.worst:
            self.worst, self.error, self.bound = other.worst, other.error, other.bound


@dataclass
class Comparison:
    """The outcome of one run.

    Args:
        differences: the first of each quantity that left its envelope, by tensor.
        tallies: quantity to what was compared.
        scaled: (quantity, tensor) pairs that differ by one non-zero constant factor: another representation.
        moved: whether a judged parameter was away from its start.
    """

    differences: list[Difference] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    scaled: set[tuple[str, int]] = field(default_factory=set)
    moved: bool = False

    @property
    def diverged(self) -> bool:
        """Whether the parameters left the envelope. They are the algorithm; state may be kept in another form."""
        return any(difference.quantity == "theta" for difference in self.differences)

    @property
    def represented(self) -> frozenset[str]:
        """Quantities that a conforming run kept in another form: off by one constant factor in every tensor."""
        if self.diverged:
            return frozenset()
        unscaled = {d.quantity for d in self.differences if (d.quantity, d.tensor) not in self.scaled}
        return frozenset({d.quantity for d in self.differences} - unscaled)

    def first(self, order: Sequence[str], represented: frozenset[str] = frozenset()) -> Difference | None:
        """The earliest difference, by step and then by the order of the equations, other representations aside."""
        own = [d for d in self.differences if d.quantity not in represented]
        return min(own, key=lambda d: (d.step, order.index(d.quantity), d.tensor), default=None)


def judged(expected: Bounded, got: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Flat arrays: expected value, got, error and bound, in float64; a NaN of the subject is an infinite error."""
    flat, value, bound = np.ravel(got), np.ravel(expected.value), np.ravel(expected.bound)
    if value.size != flat.size:
        value = np.broadcast_to(value, flat.shape)
    if bound.size != flat.size:
        bound = np.broadcast_to(bound, flat.shape)
    with np.errstate(all="ignore"):
        error = np.abs(flat - value)
    return value, flat, np.where(np.isnan(error), np.inf, error), np.where(np.isnan(bound), np.inf, bound)


def tally(error: np.ndarray, bound: np.ndarray) -> tuple[Tally, np.ndarray]:
    """The tally of one array, and its ratios (0 where nothing can be judged)."""
    known = np.isfinite(bound)
    with np.errstate(all="ignore"):
        ratio = np.where(known, np.where(error == 0, 0.0, error / bound), 0.0)
    count = int(known.sum())
    if not count:
        return Tally(0, known.size), ratio
    at = int(np.argmax(ratio))
    return Tally(count, known.size - count, float(ratio[at]), float(error[at]), float(bound[at])), ratio


def compatible(expected: Bounded, got: np.ndarray) -> bool:
    return np.size(got) == np.size(expected.value) or np.size(expected.value) == 1


def compare(
    case: Case,
    steps: Iterable[Sequence[Quantities | None]],
    snapshots: Iterable[Sequence[Snapshot]],
    mapping: Mapping[str, str],
) -> Comparison:
    """Compare a run with its envelope until the parameters leave it.

    Args:
        case: what was run.
        steps: of `envelope.envelope`.
        snapshots: of `Subject.drive`.
        mapping: state key to quantity.
    """
    result = Comparison()
    seen: set[tuple[str, int]] = set()
    factors: dict[tuple[str, int], tuple[float, float] | None] = {}
    for number, (quantities, tensors) in enumerate(zip(steps, snapshots, strict=True), 1):
        for i, (known, snapshot) in enumerate(zip(quantities, tensors, strict=True)):
            if known is None:
                continue
            for key, quantity in (*mapping.items(), ("theta", "theta")):
                if key not in snapshot or not compatible(known[quantity], snapshot[key]):
                    continue
                expected, got, error, bound = judged(known[quantity], snapshot[key])
                if not error.size:
                    continue
                counted, ratio = tally(error, bound)
                result.tallies.setdefault(quantity, Tally()).add(counted)
                if quantity == "theta" and counted.compared:
                    result.moved |= bool(np.any(got[np.isfinite(bound)] != np.ravel(case.theta[i])[np.isfinite(bound)]))
                if quantity != "theta" and (counted.worst > 1 or (quantity, i) in factors):
                    narrow(factors, (quantity, i), expected, got, bound)
                if counted.worst > 1 and (quantity, i) not in seen:
                    seen.add((quantity, i))
                    at = int(np.argmax(ratio))
                    result.differences.append(
                        Difference(quantity, number, i, at, *(float(x[at]) for x in (expected, got, error, bound)))
                    )
        if result.diverged:
            break
    result.scaled = {key for key, factor in factors.items() if factor is not None}
    return result


def narrow(
    factors: dict[tuple[str, int], tuple[float, float] | None],
    key: tuple[str, int],
    expected: np.ndarray,
    got: np.ndarray,
    bound: np.ndarray,
) -> None:
    """Keep the interval of constant factors k with got = k * expected so far; None once there is none."""
    known = np.isfinite(bound) & (np.abs(expected) > bound) & (expected != 0)
    interval = factors.get(key, (0.0, np.inf))
    if interval is None or not known.any():
        return
    with np.errstate(all="ignore"):
        quotient = got[known] / expected[known]
        slack = np.abs(quotient) * (bound[known] / (np.abs(expected[known]) - bound[known]))
    low, high = (
        max(interval[0], float(np.max(quotient - slack))),
        min(interval[1], float(np.min(quotient + slack))),
    )
    factors[key] = (low, high) if high > 0 and low <= high else None


def mapped(keys: Iterable[str], names: Sequence[str]) -> dict[str, str]:
    """State keys that usual names map to quantities of the list; the first key of a quantity counts."""
    mapping: dict[str, str] = {}
    for key in keys:
        quantity = USUAL_NAMES.get(key)
        if quantity in (*names, "g") and quantity not in mapping.values():
            mapping[key] = quantity
    return mapping


def mapped_by_value(
    steps: Sequence[Sequence[Quantities | None]],
    snapshots: Sequence[Sequence[Snapshot]],
    names: Sequence[str],
    known: Mapping[str, str],
) -> dict[str, str]:
    """State keys of unknown name whose values follow one quantity of the list all along a run.

    Args:
        steps: of the envelope.
        snapshots: with all state keys.
        names: candidate quantities.
        known: keys that names have mapped already.
    """
    keys = {key for tensors in snapshots for snapshot in tensors for key in snapshot} - {"theta", *known}
    free = [name for name in names if name not in known.values() and name != "theta"]
    mapping: dict[str, str] = {}
    for key in sorted(keys):
        for name in free:
            if name not in mapping.values() and follows(key, name, steps, snapshots):
                mapping[key] = name
                break
    return mapping


def follows(
    key: str, name: str, steps: Sequence[Sequence[Quantities | None]], snapshots: Sequence[Sequence[Snapshot]]
) -> bool:
    compared = 0
    for quantities, tensors in zip(steps, snapshots, strict=True):
        for known, snapshot in zip(quantities, tensors, strict=True):
            if known is None or key not in snapshot:
                continue
            if not isinstance(known[name], Bounded) or np.size(snapshot[key]) != np.size(known[name].value):
                return False
            _, _, error, bound = judged(known[name], snapshot[key])
            counted, _ = tally(error, bound)
            if counted.worst > 1:
                return False
            compared += counted.compared
    return compared > 0
