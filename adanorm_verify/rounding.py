"""Running error bounds: what rounding can do to any correct order of the same operations.

A `Bounded` number carries a float64 value and a bound on how far a correct floating-point computation of it may be
away. It stands in for a NumPy array, so the equations of the paper run on it unchanged. The rules are the textbook
ones (Higham, Accuracy and Stability of Numerical Algorithms, chapters 2 to 4), kept rigorous where a denominator or a
root comes near zero: there the bound grows to infinity, and the comparison does not judge the element.

Two roundoffs, because implementations compute bias corrections, `1 - gamma` or RAdam's `rho` as host scalars in double
whatever the dtype of the tensors, and those cancel: at beta2 = 0.999 the first `1 - beta2^t` is good to 1e-13 only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

REWRITING = 2
"""Roundings charged for one printed operation.

Rewritings of the lists (folded step sizes, reciprocals, fused or split multiply-adds, other dtypes of the parts) take
fewer than twice the printed operations. The largest ratio error/bound over the faithful rewritings of the tests is
`LARGEST` in `property_tests/test_shelf.py`, and asserted there.
"""
ULPS_EXP = 8
"""Error of an exponential or logistic function in roundoffs: SLEEF's 3.5 ulp variants are 7; it enters the friction
`xi` only, where an error of the exponential is at most halved."""
SUMMATION = 4
"""Roundings charged for each term of a sum of squares beyond the first: one for any order of summation, doubled for
scaled accumulation (hypot), whose each step rounds the root and not the square."""


@dataclass(frozen=True)
class Precision:
    """A binary floating-point format together with the float64 of the reference.

    Args:
        name: such as "float32".
        roundoff: u of the format plus u of the reference, since a comparison sees both errors.
        tiny: absolute error of an underflowing product.
        huge: beyond this a product may have overflowed in some order of the operations.
        scalar: of host scalars, which tensor operations round to the tensor's own format.
    """

    name: str
    roundoff: float
    tiny: float
    huge: float
    scalar: bool = False


FLOAT64 = np.finfo(np.float64)
REFERENCE_ROUNDOFF = float(FLOAT64.eps) / 2


def precision(name: str, mantissa_bits: int, smallest_subnormal: float, largest: float) -> Precision:
    return Precision(name, 2.0 ** -(mantissa_bits + 1) + REFERENCE_ROUNDOFF, smallest_subnormal, largest / 2)


PRECISIONS = {
    "float64": precision("float64", 52, float(FLOAT64.smallest_subnormal), float(FLOAT64.max)),
    "float32": precision("float32", 23, 2.0**-149, float(np.finfo(np.float32).max)),
    "bfloat16": precision("bfloat16", 7, 2.0**-133, (2 - 2.0**-7) * 2.0**127),
    "float16": precision("float16", 10, 2.0**-24, 65504.0),
}
HOST = replace(PRECISIONS["float64"], name="host", scalar=True)
"""The precision of host scalars: Python floats."""
DEVICE_SCALARS = replace(PRECISIONS["float32"], name="device scalars", scalar=True)
"""The precision of what a capturable optimizer derives from its step, which it keeps in float32 on the device."""


class Step(int):
    """A step count: itself exact, but its root is a rounded host scalar."""

    precision = HOST

    def __add__(self, other: int) -> Step:
        return type(self)(int(self) + other)

    def __sub__(self, other: int) -> Step:
        return type(self)(int(self) - other)

    def power_of(self, base: Bounded, precision: Precision | None = None) -> Bounded:
        """`base^t` of a scalar: by pow, or by a running product of t factors."""
        value = base.value ** int(self)
        precision = precision or base.precision
        return Bounded(value, base.bound + abs(value) * int(self) * precision.roundoff, precision)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or ufunc not in UFUNCS or kwargs:
            return NotImplemented
        return UFUNCS[ufunc](*(lift(operand) for operand in inputs))


class DeviceStep(Step):
    """A step count kept on the device: its powers `beta^t`, and what is made of them, are float32 numbers."""

    precision = DEVICE_SCALARS

    def power_of(self, base: Bounded, precision: Precision | None = None) -> Bounded:
        return super().power_of(base, precision or self.precision)


def common(a: Precision, b: Precision) -> Precision:
    """The format of a result: the tensor's where a scalar meets a tensor, else the coarser one."""
    return max(a, b, key=lambda precision: (not precision.scalar, precision.roundoff))


class Truth:
    """The outcome of a comparison: its value, and whether rounding could have turned it."""

    __slots__ = ("certain", "value")

    def __init__(self, value: Any, certain: Any) -> None:
        self.value = value
        self.certain = certain

    def __and__(self, other: Truth) -> Truth:
        settled = (self.certain & ~self.value) | (other.certain & ~other.value)
        return Truth(self.value & other.value, settled | (self.certain & other.certain))

    def __bool__(self) -> bool:
        raise TypeError("a comparison that rounding may turn has no truth value; use np.where")

    def __array_function__(self, function, types, args, kwargs):
        return dispatch(function, args, kwargs)


class Bounded:
    """A float64 value, and a bound on its distance from any correct computation in `precision`.

    Args:
        value: array or scalar, float64.
        bound: >= 0, broadcasts with `value`; infinite or NaN where nothing can be said.
        precision: the format that the quantity is rounded to.
    """

    __slots__ = ("_exact_zero", "bound", "precision", "value")

    def __init__(self, value: Any, bound: Any = 0.0, precision: Precision = HOST, exact_zero: Any = None) -> None:
        self.value = value
        self.bound = bound
        self.precision = precision
        self._exact_zero = exact_zero  # where that is known already

    def __repr__(self) -> str:
        return f"Bounded({self.value}, ±{self.bound}, {self.precision.name})"

    @property
    def exact_zero(self) -> Any:
        """Where the value is zero and nothing can change that."""
        if self._exact_zero is None:
            self._exact_zero = (self.value == 0) & (self.bound == 0)
        return self._exact_zero

    def _operands(self, other: Any) -> tuple[Bounded, Bounded, Precision]:
        other = lift(other)
        if self.precision is other.precision:
            return self, other, self.precision
        precision = common(self.precision, other.precision)
        return self._rounded_to(precision), other._rounded_to(precision), precision

    def _rounded_to(self, precision: Precision) -> Bounded:
        """A host scalar on its way into a tensor operation is rounded to the tensor's format."""
        if self.precision is precision:
            return self
        if not math.isfinite(self.value) or self.value == 0:
            return Bounded(self.value, self.bound, precision)
        size = abs(self.value) + self.bound
        if size > precision.huge:
            return Bounded(self.value, np.inf, precision)
        return Bounded(self.value, self.bound + precision.roundoff * size + precision.tiny, precision)

    def _product(self, value: Any, bound: Any, zero: Any, precision: Precision) -> Bounded:
        size = abs(value) + bound  # the roundings are at the size of what was computed
        bound = bound + REWRITING * (precision.roundoff * size + precision.tiny)
        if precision.scalar:  # the same without arrays: most products are of host scalars
            return Bounded(np.float64(0.0), 0.0, precision) if zero else Bounded(value, bound, precision)
        bound = np.where(size > precision.huge, np.inf, bound)
        if np.count_nonzero(zero):
            value, bound = np.where(zero, 0.0, value), np.where(zero, 0.0, bound)
        return Bounded(value, bound, precision, zero)  # a bound is at least `tiny` where nothing is exactly zero

    def __add__(self, other: Any) -> Bounded:
        a, b, precision = self._operands(other)
        if precision.scalar:  # the same without arrays
            return a._plus(b, precision)
        larger = np.maximum(abs(a.value) + a.bound, abs(b.value) + b.bound)
        # Adding an exact zero is exact; otherwise charge the operands, which covers every form of a moving average.
        inexact = REWRITING * precision.roundoff * larger
        if np.count_nonzero(exact := a.exact_zero | b.exact_zero):
            inexact = inexact * np.logical_not(exact)
        bound = a.bound + b.bound + inexact
        return Bounded(a.value + b.value, np.where(larger > precision.huge, np.inf, bound), precision)

    __radd__ = __add__

    def _plus(self, other: Bounded, precision: Precision) -> Bounded:
        """The sum of two scalars."""
        value, one, two = self.value + other.value, abs(self.value) + self.bound, abs(other.value) + other.bound
        larger = two if one < two or two != two else one  # NaN where one of them is
        if larger > precision.huge:
            return Bounded(value, np.inf, precision)
        exact = bool(self.exact_zero or other.exact_zero)
        inexact = REWRITING * precision.roundoff * larger * (not exact)  # NaN stays NaN
        return Bounded(value, self.bound + other.bound + inexact, precision)

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.bound, self.precision)

    def __sub__(self, other: Any) -> Bounded:
        return self + -lift(other)

    def __rsub__(self, other: Any) -> Bounded:
        return lift(other) + -self

    def __mul__(self, other: Any) -> Bounded:
        a, b, precision = self._operands(other)
        bound = abs(a.value) * b.bound + abs(b.value) * a.bound + a.bound * b.bound
        zero = a.exact_zero | b.exact_zero
        if np.count_nonzero(zero):
            zero = (a.exact_zero & (b.bound < np.inf)) | (b.exact_zero & (a.bound < np.inf))  # 0 * inf is NaN
        return self._product(a.value * b.value, bound, zero, precision)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Bounded:
        a, b, precision = self._operands(other)
        nearest = abs(b.value) - b.bound
        value = a.value / b.value
        if precision.scalar:
            bound = (a.bound + abs(value) * b.bound) / nearest if nearest > 0 else np.inf
            return self._product(value, bound, a.exact_zero & (nearest > 0), precision)
        bound = np.where(nearest > 0, (a.bound + np.where(a.exact_zero, 0.0, abs(value)) * b.bound) / nearest, np.inf)
        return self._product(value, bound, a.exact_zero & (nearest > 0), precision)

    def __rtruediv__(self, other: Any) -> Bounded:
        return lift(other) / self

    def __pow__(self, exponent: int) -> Bounded:
        if self.precision.scalar:
            return (exponent if isinstance(exponent, Step) else Step(exponent)).power_of(self)
        if exponent != 2:
            raise ValueError(f"only squares of tensors are bounded, got exponent {exponent!r}")
        return self * self

    def _order(self, other: Any, value: Any) -> Truth:
        other = lift(other)
        slack = self.bound + other.bound
        return Truth(value, (abs(self.value - other.value) > slack) | (slack == 0))

    def __gt__(self, other: Any) -> Truth:
        return self._order(other, self.value > lift(other).value)

    def __ge__(self, other: Any) -> Truth:
        return self._order(other, self.value >= lift(other).value)

    def __eq__(self, other: Any) -> Truth:  # type: ignore[override]
        return self._order(other, self.value == lift(other).value)

    __hash__ = None  # type: ignore[assignment]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or ufunc not in UFUNCS or kwargs:
            return NotImplemented
        return UFUNCS[ufunc](*(lift(operand) for operand in inputs))

    def __array_function__(self, function, types, args, kwargs):
        return dispatch(function, args, kwargs)


def lift(number: Any) -> Bounded:
    """An exact number as `Bounded`."""
    if isinstance(number, Bounded):
        return number
    return Bounded(np.float64(number), 0.0, number.precision if isinstance(number, Step) else HOST)


def dispatch(function: Any, args: tuple, kwargs: dict[str, Any]) -> Bounded:
    if function not in FUNCTIONS:
        raise TypeError(f"no error bound is known for numpy.{function.__name__}")
    return FUNCTIONS[function](*args, **kwargs)


def sqrt(x: Bounded) -> Bounded:
    root = np.sqrt(x.value)
    low = np.sqrt(np.maximum(x.value - x.bound, 0.0))
    distance = np.where(x.bound < x.value, x.bound / (root + low), np.sqrt(x.value + x.bound))
    distance = np.where(x.exact_zero, 0.0, distance)
    return Bounded(root, distance + REWRITING * x.precision.roundoff * (root + distance), x.precision)


def exp(x: Bounded) -> Bounded:
    value = np.exp(x.value)
    top = np.exp(x.value + x.bound)
    apart = np.where(np.isfinite(top), np.maximum(top - value, value * np.expm1(x.bound)), np.inf)
    bound = apart + ULPS_EXP * x.precision.roundoff * top + x.precision.tiny
    return Bounded(value, np.where(value + bound > x.precision.huge, np.inf, bound), x.precision)


def absolute(x: Bounded) -> Bounded:
    return Bounded(abs(x.value), x.bound, x.precision)


def maximum(x: Bounded, y: Bounded) -> Bounded:
    """The larger one, which is exact; where rounding cannot change which one that is, with its bound alone."""
    a, b, precision = x._operands(y)
    apart = a.value - b.value
    slack = a.bound + b.bound
    bound = np.where(apart > slack, a.bound, np.where(-apart > slack, b.bound, np.maximum(a.bound, b.bound)))
    return Bounded(np.maximum(a.value, b.value), bound, precision)


def minimum(x: Bounded, y: Bounded) -> Bounded:
    """The smaller one, likewise."""
    return -maximum(-x, -y)


def where(condition: Truth | bool, chosen: Any, other: Any) -> Bounded:
    """The taken branch; where rounding can turn the condition, the bound spans both branches."""
    if not isinstance(condition, Truth):
        condition = Truth(np.asarray(condition), np.True_)
    chosen, other = lift(chosen), lift(other)
    value = np.where(condition.value, chosen.value, other.value)
    bound = np.where(condition.value, chosen.bound, other.bound)
    if not np.all(condition.certain):
        apart = np.where(chosen.value == other.value, 0.0, abs(chosen.value - other.value))
        span = chosen.bound + other.bound + apart
        bound = np.where(condition.certain, bound, np.where(np.isnan(span), np.inf, span))
    return Bounded(value, bound, common(chosen.precision, other.precision))


def total(x: Bounded, axis: tuple[int, ...], keepdims: bool) -> Bounded:
    """A sum, in any order of summation."""
    terms = int(np.prod([np.shape(x.value)[i] for i in axis], dtype=int))
    value = np.sum(x.value, axis=axis, keepdims=keepdims)
    bound = np.sum(np.broadcast_to(x.bound, np.shape(x.value)), axis=axis, keepdims=keepdims)
    size = np.sum(abs(x.value), axis=axis, keepdims=keepdims) + bound
    bound = bound + SUMMATION * max(terms - 1, 0) * x.precision.roundoff * size
    return Bounded(value, np.where(size + bound > x.precision.huge, np.inf, bound), x.precision)


def largest(x: Bounded, axis: tuple[int, ...], keepdims: bool, initial: float) -> Bounded:
    """The largest of several non-negative values, which is exact."""
    value = np.max(x.value, axis=axis, keepdims=keepdims, initial=initial)
    bound = np.max(np.broadcast_to(x.bound, np.shape(x.value)), axis=axis, keepdims=keepdims, initial=0)
    return Bounded(value, bound, x.precision)


UFUNCS: dict[Any, Any] = {
    np.sqrt: sqrt,
    np.exp: exp,
    np.absolute: absolute,
    np.maximum: maximum,
    np.minimum: minimum,
    np.negative: Bounded.__neg__,
    np.add: Bounded.__add__,
    np.subtract: Bounded.__sub__,
    np.multiply: Bounded.__mul__,
    np.divide: Bounded.__truediv__,
    np.greater: Bounded.__gt__,
    np.greater_equal: Bounded.__ge__,
    np.equal: Bounded.__eq__,
}
FUNCTIONS: dict[Any, Any] = {
    np.where: where,
    np.sum: total,
    np.max: largest,
    np.size: lambda x: np.size(x.value),
    np.shape: lambda x: np.shape(x.value),
}
