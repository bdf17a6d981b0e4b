"""Whether scalars alone can be what is off: a wrong scalar moves every element of a tensor by one factor.

The bounds of coarse scalars (see `counting`) are wide, and a wrong formula may hide in them. But where eps is small
beside the root, the scalars of a step multiply the whole displacement of a tensor. So the elements must agree on the
factor between what was found and what is expected, to within the bounds of exact scalars.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .cases import Case
from .comparison import Difference
from .paper import PREVIOUS, Algorithm
from .representing import scalar
from .trajectory import Quantities

Steps = Sequence[Sequence[Quantities | None]]


def multiplies(algorithm: Algorithm) -> bool:
    """Whether the step count enters a list only by factors: after the averages, and beside one quantity an equation."""
    after: set[str] = set()
    for equation in (*algorithm.equations, *algorithm.equations):  # twice, as averages read their past
        arrays = {q for q in equation.inputs.values() if not scalar(algorithm, q)}
        if "t" in equation.inputs.values() and len(arrays) > 1:
            return False
        if any(q == "t" or q.removesuffix(PREVIOUS) in after for q in equation.inputs.values()):
            after.add(equation.name)
    return not after & set(algorithm.state) - {"theta"}


def unshared(case: Case, exact: Steps, coarse: Steps, thetas: Sequence[Sequence[np.ndarray]]) -> Iterator[Difference]:
    """The elements of a tensor that are off by another factor than its others, the farthest of the first step.

    Args:
        case: what was run.
        exact: the envelope with exact scalars.
        coarse: the envelope with coarse ones.
        thetas: the subject's parameters, by step and tensor.
    """
    start = [(theta, np.zeros(theta.shape), theta, 0.0) for theta in case.theta]
    for number, (quantities, others, found) in enumerate(zip(exact, coarse, thetas, strict=False), 1):
        for i, (known, other) in enumerate(zip(quantities, others, strict=True)):
            if known is None or other is None:
                continue
            theta = known["theta"]
            before, bound, former, margin = start[i]
            start[i] = theta.value, theta.bound, found[i], other["theta"].bound
            expected, got, slack = theta.value - before, found[i] - former, theta.bound + bound
            with np.errstate(invalid="ignore"):  # infinite bounds leave nothing settled
                settled = abs(expected) > 2 * (other["theta"].bound - margin)
            at = outlying(expected, got, slack, turned(known, other), settled)
            if at is not None:
                value, there, error = expected.ravel()[at], got.ravel()[at], slack.ravel()[at]
                yield Difference("theta", number, i, at, *map(float, (value, there, abs(there - value), error)))
                return


@np.errstate(all="ignore")
def outlying(
    expected: np.ndarray, got: np.ndarray, slack: np.ndarray, turned: np.ndarray, settled: np.ndarray
) -> int | None:
    """The element whose factor got/expected the others cannot share, or None.

    Args:
        expected: displacements.
        got: the subject's.
        slack: what rounding can do to a displacement.
        turned: relative, what coarse scalars can do to an element beyond a factor.
        settled: where coarse scalars leave half of the displacement; where not, they may turn a branch.
    """
    usable = np.isfinite(slack) & (abs(expected) > slack) & np.isfinite(got) & np.isfinite(turned)
    if usable.sum() < 2 or not settled[usable].all():
        return None
    factor = np.where(usable, got / expected, 1.0)
    width = (1 + abs(factor)) * slack / (abs(expected) - slack) + abs(factor) * turned
    low, high = np.where(usable, factor - width, -np.inf), np.where(usable, factor + width, np.inf)
    if low.max() <= high.min():
        return None
    farthest = np.where(usable, abs(factor - np.median(factor[usable])) - width, -np.inf)
    return int(np.argmax(farthest))


@np.errstate(all="ignore")
def turned(known: Quantities, coarse: Quantities) -> np.ndarray:
    """What coarse scalars under the root can do beyond a factor: eps beside the root does not move with them."""
    exact, root, denominator = known["root"].value, coarse["root"], known["denominator"].value
    share = abs(denominator - exact) / abs(denominator)
    return 2 * share * (abs(root.value - exact) + root.bound) / abs(exact)
