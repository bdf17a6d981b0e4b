"""One run of a subject held against the envelope, step by step and quantity by quantity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np

from .cases import Case
from .errors import CannotCheck
from .interface import Snapshot, SubjectRaised
from .rounding import Bounded
from .trajectory import Quantities

USUAL_NAMES = {
    "exp_avg": "m",
    "m": "m",
    "exp_avg_sq": "v",
    "exp_avg_var": "v",
    "v": "v",
    "max_exp_avg_sq": "v_max",
    "v_max": "v_max",
    "exp_grad_norm": "e",
    "exp_grad_adanorm": "e",
    "e": "e",
    "previous_grad": "g",
    "prev_grad": "g",
}
"""State keys as torch and the public implementations name them, and the paper's symbol."""


KEPT_STEPS = 100
"""Steps whose largest ratios are kept: the designed cases end there, but for one long run."""


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
        by_step: the largest ratio at each of the first `KEPT_STEPS` steps.
    """

    compared: int = 0
    unjudged: int = 0
    worst: float = 0.0
    error: float = 0.0
    bound: float = 0.0
    by_step: np.ndarray = field(default_factory=lambda: np.zeros(0), compare=False)

    def add(self, other: Tally) -> None:
        self.compared += other.compared
        self.unjudged += other.unjudged
        if other.worst >= self.worst:
            self.worst, self.error, self.bound = other.worst, other.error, other.bound
        short, long = sorted((self.by_step, other.by_step), key=len)
        self.by_step = np.concatenate([np.maximum(short, long[: len(short)]), long[len(short) :]])

    def rounded_by_step(self, steps: int | None = None) -> tuple[float, ...]:
        """`by_step` to three digits, for a drawing; of the first `steps` where given."""
        return tuple(float(f"{ratio:.3g}") for ratio in self.by_step[:steps])


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
    def unfollowed(self) -> frozenset[str]:
        """Quantities outside their envelope in a conforming run, by no constant factor: another thing is kept."""
        if self.diverged:
            return frozenset()
        return frozenset(d.quantity for d in self.differences if (d.quantity, d.tensor) not in self.scaled)

    @property
    def represented(self) -> frozenset[str]:
        """Quantities that a conforming run kept in another form: off by one constant factor in every tensor."""
        return frozenset() if self.diverged else frozenset(d.quantity for d in self.differences) - self.unfollowed

    def first(self, order: Sequence[str], represented: frozenset[str] = frozenset()) -> Difference | None:
        """The earliest difference, by step and then by the order of the equations, other representations aside."""
        own = [d for d in self.differences if d.quantity not in represented]
        return min(own, key=lambda d: (d.step, order.index(d.quantity), d.tensor), default=None)


@dataclass(frozen=True)
class Piece:
    """One quantity of one tensor at one step, flat: what the envelope expects, and what the subject has."""

    quantity: str
    step: int
    tensor: int
    value: np.ndarray
    bound: np.ndarray
    got: np.ndarray


def piece(quantity: str, step: int, tensor: int, expected: Bounded, got: np.ndarray) -> Piece | None:
    """The piece, or None where the sizes do not match: the subject keeps something else under that name."""
    flat, value, bound = got.ravel(), np.ravel(expected.value), np.ravel(expected.bound)
    if value.size not in (1, flat.size) or not flat.size:
        return None
    if value.size != flat.size:
        value = np.broadcast_to(value, flat.shape)
    if bound.size != flat.size:
        bound = np.broadcast_to(bound, flat.shape)
    return Piece(quantity, step, tensor, value, bound, flat)


def errors(value: np.ndarray, bound: np.ndarray, got: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Error, bound and ratio; a NaN of the subject is an infinite error, a NaN bound an infinite one (ratio 0)."""
    with np.errstate(all="ignore"):
        error = np.abs(got - value)
        error = np.where(np.isnan(error), np.inf, error)
        known = np.isfinite(bound)
        ratio = np.where(known & (error != 0), error / bound, 0.0)
    return error, np.where(known, bound, np.inf), ratio


def tally(error: np.ndarray, bound: np.ndarray, ratio: np.ndarray) -> Tally:
    """What was compared, of the results of `errors`."""
    count = int(np.isfinite(bound).sum())
    if not count:
        return Tally(0, bound.size)
    at = int(np.argmax(ratio))
    return Tally(count, bound.size - count, float(ratio[at]), float(error[at]), float(bound[at]))


def by_step(pieces: Sequence[Piece], ratio: np.ndarray) -> np.ndarray:
    """The largest ratio at each of the first `KEPT_STEPS` steps, from the ratios of all pieces end to end."""
    starts: dict[int, int] = {}
    end = 0
    for one in pieces:  # in the order of their steps
        starts.setdefault(one.step, end)
        end += one.value.size
    steps = list(starts)
    largest = np.zeros(steps[-1])
    largest[np.array(steps) - 1] = np.maximum.reduceat(ratio, list(starts.values()))
    return largest[:KEPT_STEPS]


def joined(pieces: Sequence[Piece]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value, bound and got of all pieces, end to end."""
    return (
        np.concatenate([p.value for p in pieces]),
        np.concatenate([p.bound for p in pieces]),
        np.concatenate([p.got for p in pieces]),
    )


def compare(
    case: Case,
    steps: Iterable[Sequence[Quantities | None]],
    snapshots: Iterable[Sequence[Snapshot]],
    mapping: Mapping[str, str],
) -> Comparison:
    """Compare a run with its envelope: all of it at once, and piece by piece only if something is outside.

    Args:
        case: what was run.
        steps: of `envelope.envelope`.
        snapshots: of `Subject.drive`.
        mapping: state key to quantity.

    Raises:
        SubjectRaised, CannotCheck: a step raised, or the subject's process ended, and the parameters were inside until
            then.
    """
    pieces: dict[str, list[Piece]] = {}
    keys = (*mapping.items(), ("theta", "theta"))
    raised: SubjectRaised | CannotCheck | None = None
    try:
        for number, (quantities, tensors) in enumerate(zip(steps, snapshots, strict=True), 1):
            for i, (known, snapshot) in enumerate(zip(quantities, tensors, strict=True)):
                if known is None:
                    continue
                for key, quantity in keys:
                    if key in snapshot and (one := piece(quantity, number, i, known[quantity], snapshot[key])):
                        pieces.setdefault(quantity, []).append(one)
    except (SubjectRaised, CannotCheck) as error:
        raised = error
    result = Comparison()
    for quantity, of_it in pieces.items():
        value, bound, got = joined(of_it)
        judged = errors(value, bound, got)
        result.tallies[quantity] = tally(*judged)
        result.tallies[quantity].by_step = by_step(of_it, judged[2])
        if quantity == "theta":
            start = np.concatenate([case.theta[p.tensor].ravel() for p in of_it])
            result.moved = bool(np.any((got != start) & np.isfinite(bound)))
    if any(counted.worst > 1 for counted in result.tallies.values()):
        diagnose(result, pieces)
    if raised is not None and not result.diverged:
        raise raised
    return result


def diagnose(result: Comparison, pieces: Mapping[str, Sequence[Piece]]) -> None:
    """Find the first difference of each quantity up to the step where the parameters leave, and constant factors."""
    factors: dict[tuple[str, int], tuple[float, float] | None] = {}
    seen: set[tuple[str, int]] = set()
    left = np.inf
    for one in sorted((p for of_it in pieces.values() for p in of_it), key=lambda p: p.step):
        if one.step > left:
            break
        key = one.quantity, one.tensor
        error, bound, ratio = errors(one.value, one.bound, one.got)
        at = int(np.argmax(ratio))
        if one.quantity != "theta" and (ratio[at] > 1 or key in factors):
            narrow(factors, key, one.value, one.got, bound)
        if ratio[at] > 1 and key not in seen:
            seen.add(key)
            numbers = (float(x[at]) for x in (one.value, one.got, error, bound))
            result.differences.append(Difference(one.quantity, one.step, one.tensor, at, *numbers))
            if one.quantity == "theta":
                left = one.step
    result.scaled = {key for key, factor in factors.items() if factor is not None and (factor[0] > 0 or factor[1] < 0)}


def narrow(
    factors: dict[tuple[str, int], tuple[float, float] | None],
    key: tuple[str, int],
    expected: np.ndarray,
    got: np.ndarray,
    bound: np.ndarray,
) -> None:
    """Keep the interval of constant factors k with got = k * expected so far; None once there is none. Its sign is the
    subject's affair: a state may be kept negated."""
    known = np.isfinite(bound) & (np.abs(expected) > bound) & (expected != 0)
    interval = factors.get(key, (-np.inf, np.inf))
    if interval is None or not known.any():
        return
    with np.errstate(all="ignore"):
        quotient = got[known] / expected[known]
        slack = np.abs(quotient) * (bound[known] / (np.abs(expected[known]) - bound[known]))
    low, high = (
        max(interval[0], float(np.max(quotient - slack))),
        min(interval[1], float(np.min(quotient + slack))),
    )
    factors[key] = (low, high) if low <= high else None


def mapped(
    steps: Sequence[Sequence[Quantities | None]], snapshots: Sequence[Sequence[Snapshot]], names: Sequence[str]
) -> dict[str, str]:
    """State keys that usual names map to quantities of the list; the first key of a quantity counts.

    A key whose values have another size than the quantity means something else, whatever its name.
    """
    keys = dict.fromkeys(key for tensors in snapshots for snapshot in tensors for key in snapshot)
    mapping: dict[str, str] = {}
    for key in keys:
        quantity = USUAL_NAMES.get(key)
        if quantity in (*names, "g") and quantity not in mapping.values() and fits(key, quantity, steps, snapshots):
            mapping[key] = quantity
    return mapping


def fits(
    key: str, name: str, steps: Sequence[Sequence[Quantities | None]], snapshots: Sequence[Sequence[Snapshot]]
) -> bool:
    return all(
        np.size(known[name].value) in (1, np.size(snapshot[key]))
        for quantities, tensors in zip(steps, snapshots, strict=True)
        for known, snapshot in zip(quantities, tensors, strict=True)
        if known is not None and key in snapshot
    )


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
            if name not in mapping.values() and follows(key, itemgetter(name), steps, snapshots):
                mapping[key] = name
                break
    return mapping


def follows(
    key: str,
    quantity: Callable[[Quantities], Any],
    steps: Sequence[Sequence[Quantities | None]],
    snapshots: Sequence[Sequence[Snapshot]],
) -> bool:
    """Whether a state key stays within the bounds of a quantity, or of what is made of quantities, all along a run."""
    pieces = []
    for number, (quantities, tensors) in enumerate(zip(steps, snapshots, strict=True), 1):
        for i, (known, snapshot) in enumerate(zip(quantities, tensors, strict=True)):
            if known is None or key not in snapshot:
                continue
            with np.errstate(all="ignore"):  # a form may have no value, such as the root of a negative number
                expected = quantity(known)
            if not isinstance(expected, Bounded) or np.size(snapshot[key]) != np.size(expected.value):
                return False
            one = piece(key, number, i, expected, snapshot[key])
            pieces += [one] if one else []
    counted = tally(*errors(*joined(pieces))) if pieces else Tally()
    return counted.compared > 0 and counted.worst <= 1
