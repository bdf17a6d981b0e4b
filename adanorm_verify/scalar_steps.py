"""How a subject counts its steps, and in which format it computes what it makes of the count: scalars."""

from __future__ import annotations

from functools import cache

import numpy as np

from .paper import Algorithm
from .rounding import DEVICE_SCALARS, HOST, Bounded, DeviceStep, Precision, Step

CONVENTION = "scalars"
"""Of a list whose scalars are not doubles: a key of `COUNTS`."""
AFTER_PRODUCT = 8
"""Roundings in float32 charged after a running product: two each for `1 - beta^t`, its root, the quotient of the
learning rate, and their product."""


class RunningStep(DeviceStep):
    """A step count beside running products of beta, kept in float32, in the place of the powers `beta^t`.

    A product is known to the last bit: its factors are float32 numbers, and each multiplication rounds once.
    """

    factor: type[np.floating] = np.float32

    def power_of(self, base: Bounded, precision: Precision | None = None) -> Bounded:
        value = running_product(float(self.factor(base.value)), int(self))
        bound = base.bound + AFTER_PRODUCT * DEVICE_SCALARS.roundoff * abs(1 - value)
        return Bounded(np.float64(value), bound, HOST)


class RunningStepOfDoubles(RunningStep):
    """The same with factors that are doubles: only the product is rounded to float32."""

    factor = np.float64


@cache
def running_product(factor: float, count: int) -> float:
    """`factor^count` multiplied up from 1, each product rounded to float32."""
    product = 1.0
    for _ in range(count):
        former, product = product, float(np.float32(product * factor))
        if product == former:
            break
    return product


COUNTS: dict[str, type[Step]] = {
    "float32": DeviceStep,
    "float32 products": RunningStep,
    "float32 products of doubles": RunningStepOfDoubles,
}


def step_of(algorithm: Algorithm, on_device: bool) -> type[Step]:
    """What stands for the step in the bounds of a list.

    Args:
        algorithm: may say that its scalars are not doubles.
        on_device: the subject keeps its step on the device.
    """
    return COUNTS.get(algorithm.conventions.get(CONVENTION, ""), DeviceStep if on_device else Step)
