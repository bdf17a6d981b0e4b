"""Two sides of a minimum: a sum of losses at a point of the set, and what weak duality says of all other points.

F(x) = sum over rows k of q_k phi(a_k . x, y_k), q >= 0. For any s_k in the domain of the conjugate phi*,

    F(x) >= (sum_k q_k s_k a_k) . x - sum_k q_k phi*(s_k, y_k),

whose minimum over the set is its support function: no solver has to be believed. Rounding is added outwards. A sum of
n terms in any order errs by at most n u times the sum of sizes, u = 2^-53, and every product, quotient or root by u of
its size, to first order; `SECOND` covers the products of roundoffs (Higham, "Accuracy and Stability of Numerical
Algorithms", section 3.1). Arrays have the runs first: a (runs or 1, rows, d), y and q (runs or 1, rows), x (runs, d).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..paper import Equation
from .links import Link
from .sets import Feasible

UNIT = 2.0**-53
SECOND = 1 + 2.0**-20
"""(1 + u)^n <= 1 + n u SECOND for n up to 2^32: longer sums than any here."""
FLOOR = 2.0**-1000
"""Above n times the error of an underflow, 2^-1074."""
FUNCTION = 8
"""Roundoffs of exp, log and log1p: four units in the last place, NumPy's and SVML's promise, are eight roundoffs."""
PIECES = {"linear": 0, "squares": 4, "absolute": 2, "hinge": 2, "logistic": 2 * FUNCTION + 4}
"""Roundoffs of one loss beside those of its prediction, relative to `parts`: the operations of `links`, counted."""


@dataclass(frozen=True)
class Region:
    """A bounded set; as `Feasible`, but each run of an interval may have ends of its own.

    Args:
        kind: box, ball or simplex.
        low: lower ends of a box, (runs or 1, d).
        high: upper ends.
        radius: of a ball.
    """

    kind: str
    low: np.ndarray
    high: np.ndarray
    radius: float = 1.0

    def reach(self, sizes: np.ndarray) -> np.ndarray:
        """max over the set of sum_i sizes_i |x_i|, for sizes >= 0 of shape (..., d) that broadcast against the ends."""
        if self.kind == "box":
            return np.sum(sizes * np.maximum(np.abs(self.low), np.abs(self.high)), axis=-1)
        if self.kind == "ball":
            return self.radius * np.sqrt(np.sum(sizes**2, axis=-1))
        return np.max(sizes, axis=-1)

    def extreme(self, direction: np.ndarray) -> np.ndarray:
        """A point of the set at which <direction, x> is least, (runs, d)."""
        if self.kind == "box":
            return np.where(direction > 0, self.low, self.high) + 0 * direction
        if self.kind == "ball":
            norm = np.sqrt(np.sum(direction**2, axis=-1, keepdims=True))
            return -self.radius * direction / np.where(norm > 0, norm, 1.0)
        found = np.zeros_like(direction)
        np.put_along_axis(found, np.argmin(direction, axis=-1)[..., None], 1.0, axis=-1)
        return found

    def least(self, direction: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """min over the set of <v, x> and how far it may be off, where each v_i is within error_i of direction_i."""
        d = direction.shape[-1]
        if self.kind == "box":
            found = np.sum(np.minimum(direction * self.low, direction * self.high), axis=-1)
        else:
            found = Feasible("ball" if self.kind == "ball" else "simplex", d, radius=self.radius).least(direction)
        return found, SECOND * (self.reach(error) + (d + 3) * UNIT * self.reach(np.abs(direction))) + FLOOR


def region(feasible: Feasible) -> Region:
    """A bounded set as a region; of one coordinate, always an interval.

    Raises:
        ValueError: the whole space.
    """
    d = feasible.dimension
    ends = {"box": (feasible.low, feasible.high), "ball": (-feasible.radius, feasible.radius), "simplex": (1.0, 1.0)}
    if feasible.kind not in ends:
        raise ValueError("the whole space is not bounded; allowed are box, ball and simplex")
    low, high = (np.broadcast_to(np.asarray(end, dtype=np.float64), (1, d)) for end in ends[feasible.kind])
    return Region("box" if d == 1 else feasible.kind, low, high, feasible.radius)


def inside(area: Region, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x (runs, d) moved into the set, and by how much in the sum of absolutes a point of the set may still differ."""
    none = np.zeros(len(x))
    d = x.shape[-1]
    if area.kind == "box":
        return np.clip(x, area.low, area.high), none
    if area.kind == "ball":
        norm = np.sqrt(np.sum(x**2, axis=-1, keepdims=True))
        # the norm errs by d/2 + 1 roundoffs, the product and the quotient by one each
        fit = area.radius / np.where(norm > 0, norm, 1.0) * (1 - (d + 8) * UNIT)
        return np.where(fit < 1, x * fit, x), none
    x = np.maximum(x, 0)
    x = x / np.sum(x, axis=-1, keepdims=True)
    # of a point x >= 0, x/sum(x) lies in the simplex, at the distance |sum(x) - 1|
    return x, np.abs(np.sum(x, axis=-1) - 1) + SECOND * (d + 1) * UNIT


def evaluated(equation: Equation, z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A loss or a slope of `links` of weight 1."""
    with np.errstate(over="ignore"):  # 1/(1 + exp(-z)) of a very negative z is 0
        return equation({"z": z, "y": y, "w": 1.0}) + 0 * z


def predictions(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """a_k . x, (runs, rows)."""
    return np.matmul(a, x[..., None])[..., 0]


def parts(link: str, z: np.ndarray, y: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Bound on the sum of sizes of what a loss is added up from."""
    return np.log(2) + 2 * np.abs(z) * np.maximum(1, np.abs(y)) if link == "logistic" else np.abs(loss)


def steepness(link: str, z: np.ndarray, y: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Bound on |phi'| between z - around and z + around."""
    if link == "squares":
        return np.abs(z - y) + around
    return np.maximum(np.abs(y), np.abs(1 - y)) if link == "logistic" else np.ones_like(z)


def objective(
    law: Link, a: np.ndarray, y: np.ndarray, q: np.ndarray, x: np.ndarray, outside: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """F(x), and how far it may be from F at a point that is within `outside` of x in the sum of absolutes.

    Returns:
        two arrays (runs,).
    """
    rows, d = a.shape[-2:]
    z = predictions(a, x)
    sizes = np.abs(a)
    off = SECOND * d * UNIT * predictions(sizes, np.abs(x)) + np.max(sizes, axis=-1) * np.reshape(outside, (-1, 1))
    loss = evaluated(law.loss, z, y)
    each = steepness(law.name, z, y, off) * off + PIECES[law.name] * UNIT * parts(law.name, z, y, loss)
    # q itself is a product and a quotient, and then a factor: three roundoffs beside those of the sum
    rounding = np.sum(q * (each + (rows + 3) * UNIT * np.abs(loss)), axis=-1)
    return np.sum(q * loss, axis=-1), SECOND * rounding + FLOOR


def multipliers(law: Link, y: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes s, those of logistic losses rounded to p - y, with phi*(s, y) and the sizes that its rounding is of."""
    if law.name == "logistic":
        p = s + y
        good = (p >= 0) & (p <= 1)
        conjugate = np.where(good, law.conjugate(p, 0.0), np.inf)
        return p - y, conjugate, np.where(good, (2 * FUNCTION + 2) * np.abs(conjugate), 0.0)
    low, high = law.domain(y)
    good = (s >= low) & (s <= high)
    conjugate = law.conjugate(s, y)
    return s, np.where(good, conjugate, np.inf), 4 * (np.abs(s * y) + (s**2 / 2 if law.name == "squares" else 0.0))


def direction(a: np.ndarray, q: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sum_k q_k s_k a_k and how far it may be off, (runs, d)."""
    turned = np.swapaxes(a, -1, -2)
    rounding = (a.shape[-2] + 5) * UNIT * predictions(np.abs(turned), q * np.abs(s))
    return predictions(turned, q * s), SECOND * rounding + FLOOR


def dual(area: Region, law: Link, a: np.ndarray, y: np.ndarray, q: np.ndarray, s: np.ndarray) -> np.ndarray:
    """A bound below F on the set, from any s (runs, rows); -inf where one lies outside of the conjugate's domain."""
    s, conjugate, sizes = multipliers(law, y, s)
    found, off = area.least(*direction(a, q, s))
    used = np.where(q > 0, conjugate, 0.0)
    rounding = SECOND * UNIT * np.sum(q * (sizes + (a.shape[-2] + 3) * np.abs(np.where(q > 0, conjugate, 0))), axis=-1)
    with np.errstate(invalid="ignore"):
        low = found - np.sum(q * used, axis=-1) - off - rounding
    # the last subtractions
    low = low - 4 * UNIT * (np.abs(found) + np.abs(np.sum(q * used, axis=-1)))
    return np.where(np.isfinite(low), low, -np.inf)


def curved(a: np.ndarray, y: np.ndarray, q: np.ndarray, x: np.ndarray, law: Link) -> np.ndarray:
    """A bound below a sum of squares on the whole space: F(x) - |F'(x)|^2/(2 m), m the least curvature.

    0 where the curvature is not certified to be positive, as with fewer rows than coordinates.
    """
    rows, d = a.shape[-2:]
    z = predictions(a, x)
    off = SECOND * d * UNIT * predictions(np.abs(a), np.abs(x))
    slope, error = direction(a, q, z - y)
    error = error + SECOND * predictions(np.swapaxes(np.abs(a), -1, -2), q * (off + UNIT * np.abs(z - y)))
    steep = np.sum((np.abs(slope) + error) ** 2, axis=-1) * SECOND
    hessian = np.matmul(np.swapaxes(a, -1, -2) * q[..., None, :], a)
    trace = np.sum(q * np.sum(a**2, axis=-1), axis=-1)
    # rounding of the matrix: entry by entry (rows + 4) u sum q |a_i| |a_j|, whose norm is at most the trace; and of its
    # eigenvalues: a modest multiple of u times the norm (LAPACK Users' Guide, section 4.7), here 10 d^2
    certain = np.linalg.eigvalsh(hessian)[..., 0] - SECOND * (rows + 4 + 10 * d * d) * UNIT * trace
    value, rounding = objective(law, a, y, q, x)
    loss = np.where(certain > 0, steep / (2 * np.where(certain > 0, certain, 1.0)), np.inf)
    return np.maximum(value - rounding - SECOND * loss - 4 * UNIT * np.abs(value), 0.0)
