"""The judge of a check: it knows the equations and holds numbers against them, and never touches the subject."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..cases import Case
from ..comparison import errors
from ..envelope import envelope
from ..paper import Algorithm
from ..rounding import PRECISIONS, Bounded
from ..scalar_steps import step_of
from ..trajectory import Quantities
from .comparing import Path, first_difference, told

LISTS = __name__.rpartition(".")[0] + "."
"""Where the functions that change a list for a check are defined."""


@dataclass(frozen=True)
class Changed:
    """The best-known list of equations after a function of a check has changed it.

    Args:
        function: its place and name, `package.module:name`, below `adanorm_verify.checks`.
        arguments: after the list.
    """

    function: str
    arguments: tuple[float, ...] = ()


@dataclass(frozen=True)
class Outline:
    """What a check may know of the list that the subject is held against, as plain data.

    Args:
        name: of the algorithm.
        names: the quantities that it defines, in order.
        hyperparameters: that it reads.
        conventions: answers to open questions that are not equations.
    """

    name: str
    names: tuple[str, ...]
    hyperparameters: tuple[str, ...]
    conventions: Mapping[str, str]

    def __contains__(self, name: object) -> bool:
        return name in self.names


def outlined(algorithm: Algorithm) -> Outline:
    """The outline of a list."""
    return Outline(algorithm.name, algorithm.names, algorithm.hyperparameters, dict(algorithm.conventions))


@dataclass(frozen=True)
class Finding:
    """The judge's answer to a comparison.

    Args:
        kind: inside the bounds, outside somewhere, or nothing that could be compared.
        text: where and by how much.
    """

    kind: Literal["inside", "outside", "nothing"]
    text: str = ""


@dataclass(frozen=True)
class Judge:
    """See the module.

    Args:
        algorithm: the best-known list of what the subject is.
        known: lists and envelopes made so far.
    """

    algorithm: Algorithm
    known: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def listed(self, changed: Changed | None) -> Algorithm:
        """The list, or what a check makes of it; the same object each time."""
        if changed is None:
            return self.algorithm
        if changed not in self.known:
            if not changed.function.startswith(LISTS):
                raise ValueError(f"{changed.function} is no function of the checks")
            change = pkgutil.resolve_name(changed.function)
            self.known[changed] = change(self.algorithm, *changed.arguments)
        return self.known[changed]

    def quantities(
        self, case: Case, dtype: str, device_step: bool = False, changed: Changed | None = None
    ) -> list[list[Quantities | None]]:
        """The envelope of every quantity along a case.

        Args:
            case: its arrays representable in `dtype`.
            dtype: of the tensors.
            device_step: the subject keeps its step on the device.
            changed: another list than the best-known one.
        """
        key = (dtype, device_step, changed, case.fingerprint)
        if key not in self.known:
            listed = self.listed(changed)
            self.known[key] = list(envelope(listed, case, PRECISIONS[dtype], step_of(listed, device_step)))
        return self.known[key]

    def expected(
        self, case: Case, dtype: str, device_step: bool = False, changed: Changed | None = None
    ) -> tuple[Path, Path]:
        """The list's parameters after each step, and what rounding can do to them; arguments as for `quantities`."""
        values, bounds = list(case.theta), [np.zeros_like(theta) for theta in case.theta]
        path, allowed = [], []
        for known in self.quantities(case, dtype, device_step, changed):
            for i, quantities in enumerate(known):
                if quantities is not None:
                    values[i] = np.asarray(quantities["theta"].value)
                    bounds[i] = np.broadcast_to(quantities["theta"].bound, values[i].shape)
            path.append(list(values))
            allowed.append(list(bounds))
        return path, allowed

    def sure(self, case: Case, dtype: str, device_step: bool = False) -> Path:
        """Where, step by step, every quantity so far is sure to be finite in any correct implementation.

        Every one and not only the parameters: branches are often computed both, and one is multiplied by zero.
        """
        masks = [np.ones(theta.shape, dtype=bool) for theta in case.theta]
        path = []
        for known in self.quantities(case, dtype, device_step):
            for i, quantities in enumerate(known):
                for x in (quantities or {}).values():
                    if isinstance(x, Bounded) and np.ndim(x.value) in (0, masks[i].ndim):
                        masks[i] = masks[i] & np.isfinite(x.value) & np.isfinite(x.bound)
            path.append(list(masks))
        return path

    def compared(self, found: Path, expected: Path, allowed: Path) -> Finding:
        """Whether every judged element of a run is within `allowed` of another."""
        judged = 0
        for step, (ours, theirs, bounds) in enumerate(zip(found, expected, allowed, strict=True), 1):
            for tensor, (x, y, bound) in enumerate(zip(ours, theirs, bounds, strict=True)):
                if not x.size:
                    continue
                _, limit, ratio = (a.ravel() for a in errors(y, np.broadcast_to(bound, y.shape), x))
                judged += int(np.isfinite(limit).sum())
                at = int(np.argmax(ratio))
                if ratio[at] > 1:
                    where = f"tensor {tensor}, element {at} after step {step}"
                    values = told(y.ravel()[at], x.ravel()[at])
                    return Finding("outside", f"{where}: {values}, where rounding explains {limit[at]:.1e}")
        return Finding("inside" if judged else "nothing")

    def difference(self, found: Path, expected: Path) -> str:
        """The first place where two runs are not bit-identical; empty where they are."""
        return first_difference(found, expected)

    def distance(self, found: Path, expected: Path, allowed: Path) -> float:
        """The largest error in units of what is allowed."""
        pairs = zip(found, expected, allowed, strict=True)
        with np.errstate(all="ignore"):
            every = [np.abs(x - y) / b for xs, ys, bs in pairs for x, y, b in zip(xs, ys, bs, strict=True) if x.size]
        return max(float(np.nan_to_num(ratio, nan=0.0).max()) for ratio in every)
