"""A trial: the subject on one path in one dtype, and the few verbs with which checks run it."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import heartbeat, streams
from ..cases import Case
from ..formats import representable
from ..interface import SubjectRaised
from ..paper import Hyperparameters
from ..runs import Combination
from ..subject import DTYPES, Subject, as_array, groups_of
from ..texts import said
from ..trajectory import Quantities
from .comparing import Path, added
from .judge import Changed, Judge, Outline
from .pages import Failed, NotApplicable

SHAPES: tuple[streams.Shape, ...] = ((3,), (2, 2))
MAGNITUDES = (1.0, 0.03125, 0.5, 1.0, 0.125, 0.25, 0.5, 0.25)
"""Norms that fall and rise, so that the correction acts and rests; long enough for RAdam to rectify."""
HALF = len(MAGNITUDES) // 2
"""Where runs are interrupted: the correction has acted before, and acts after; the gradient
that follows is small, so that a maximum that was lost is missed."""
FALLING = (1.0, 0.0078125, 0.5, 1.0, 0.03125, 0.25, 0.0078125, 0.5)
"""Norms that fall a hundredfold and more, so that the correction acts hard, and from the second step on."""
DIRECTION = 27
"""Normal, with a fixed seed."""
START = 2.0**-4
"""Of parameters: not zero, and so small that steps are not lost beside it."""
SEED = 0
"""Of torch's generator before every run, so that seeded randomness repeats."""


@contextmanager
def refusable(what: str) -> Iterator[None]:
    """Whatever the subject raises here means that it does not offer `what`."""
    try:
        yield
    except (KeyboardInterrupt, Failed, NotApplicable):
        raise
    except BaseException as error:  # a foreign constructor or step may raise anything
        cause = error if isinstance(error, SubjectRaised) else SubjectRaised(0, error)
        raise NotApplicable(f"refuses {what}: {cause}") from error


def deliberate(error: BaseException) -> bool:
    """Whether an exception comes from a `raise` in code that is not torch's: a refusal that somebody wrote.

    An operation that does not fit raises from within an expression, and an assertion is about the code itself.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or isinstance(error, AssertionError):
        return False
    frame = trace.tb_frame
    raising = frame.f_code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return raising and not str(frame.f_globals.get("__name__", "")).startswith("torch.")


@dataclass
class Live:
    """An optimizer at work, with its parameters in the order in which a check thinks of them."""

    optimizer: Any
    parameters: list[Tensor]
    steps: int = 0

    def step(self, gradients: Sequence[np.ndarray | Tensor | None], closure: Callable[[], Any] | None = None) -> Any:
        """Give every parameter its gradient, a tensor of its own or the one that is passed, and step.

        Raises:
            SubjectRaised: the step raised.
        """
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else like(gradient, parameter)
        return self.advance(closure)

    def advance(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step with the gradients that are there."""
        self.steps += 1
        heartbeat.beat(self.steps)
        try:
            return self.optimizer.step() if closure is None else self.optimizer.step(closure)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the subject may raise anything: it is reported, with the step
            raise SubjectRaised(self.steps, error) from error

    def go(self, steps: Sequence[Sequence[np.ndarray | Tensor | None]]) -> list[list[np.ndarray]]:
        """Step along `steps`; the parameters after each."""
        path = []
        for gradients in steps:
            self.step(gradients)
            path.append(self.thetas)
        return path

    @property
    def thetas(self) -> list[np.ndarray]:
        """The parameters now; a complex one as pairs of reals."""
        return [as_array(real(parameter.detach())) for parameter in self.parameters]

    @property
    def groups(self) -> list[dict[Any, Any]]:
        """The parameter groups; `NotApplicable` where they are no dicts."""
        if not getattr(self.optimizer, "param_groups", None):
            raise NotApplicable("it has no param_groups")
        groups = groups_of(self.optimizer)
        if groups is None:
            raise NotApplicable("param_groups are not dicts")
        return groups

    def state(self, parameter: int) -> dict[str, Any]:
        """What the optimizer keeps for a parameter."""
        states = getattr(self.optimizer, "state", None)
        kept = states.get(self.parameters[parameter]) if isinstance(states, Mapping) else None
        return dict(kept) if isinstance(kept, Mapping) else {}


def real(tensor: Tensor) -> Tensor:
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def like(gradient: np.ndarray | Tensor, parameter: Tensor) -> Tensor:
    if isinstance(gradient, Tensor):
        return gradient
    return torch.tensor(gradient, dtype=parameter.dtype, device=parameter.device)


def seed(device: str) -> None:
    """Seed torch's generator; that of the CPU alone where no other is used, which is much quicker."""
    if device == "cpu":
        torch.default_generator.manual_seed(SEED)
    else:
        torch.manual_seed(SEED)


@dataclass(frozen=True)
class Trial:
    """The subject on one path in one dtype, with chosen hyperparameters and further constructor arguments.

    Args:
        subject: the optimizer, and how it is called.
        outline: of the best-known list of what the subject is.
        device: of the tensors.
        judge: knows that list, and compares numbers.
        combination: path and dtype, probed.
        hyperparameters: of the runs.
        options: further constructor arguments.
        step_in_tensor: the step may be a float32 tensor also where the path does not say so: compiled, differentiable.
        known: cases and expected runs made so far, shared by the trials of one check.
        elsewhere: goes on from a saved state in a process that never saw the optimizer at work, see `fresh`.
    """

    subject: Subject
    outline: Outline
    device: str
    judge: Judge
    combination: Combination
    hyperparameters: Hyperparameters
    options: Mapping[str, Any] = field(default_factory=dict)
    step_in_tensor: bool = False
    known: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    elsewhere: Callable[[bytes], tuple[str, Any]] | None = field(default=None, repr=False, compare=False)

    @property
    def dtype(self) -> torch.dtype:
        return DTYPES[self.combination.dtype]

    @property
    def half(self) -> bool:
        """Whether the format is so coarse that small effects can be lost in it."""
        return self.dtype.itemsize < torch.float32.itemsize

    @property
    def one_vector(self) -> bool:
        """Whether the norm is meant over all tensors, so that they do influence each other."""
        return self.outline.conventions.get("norm_scope") == "vector"

    # What it may be given.

    def using(self, **values: float) -> Trial:
        """With other hyperparameters, in the paper's names; `NotApplicable` where the subject cannot be given them."""
        for name in values:
            if name not in self.subject.settable:
                pinned = name in self.subject.pinned
                raise NotApplicable(f"{name} is fixed by the caller" if pinned else f"takes no {name}")
        return replace(self, hyperparameters=replace(self.hyperparameters, **values))

    def given(self, **options: Any) -> Trial:
        """With further constructor arguments; `NotApplicable` where the constructor has no such parameter."""
        for name in options:
            if name not in self.subject.parameters:
                raise NotApplicable(f"its constructor has no parameter {name}")
            if name in self.subject.arguments:
                raise NotApplicable(f"{name} is fixed by the caller")
        return replace(self, options={**self.options, **options})

    def on(self, path: str) -> Trial:
        """On another of its paths."""
        return replace(self, combination=replace(self.combination, path=path))

    def within(self, dtype: str) -> Trial:
        """In another dtype."""
        return replace(self, combination=replace(self.combination, dtype=dtype))

    @property
    def chosen(self) -> dict[str, Any]:
        """What the constructor is called with, besides the parameters and what the caller fixed."""
        own = self.subject.options(self.hyperparameters, self.subject.settable)
        return {**own, **self.subject.paths[self.combination.path], **self.options}

    @property
    def arguments(self) -> dict[str, Any]:
        """What the constructor is called with, besides the parameters."""
        return {**self.subject.arguments, **self.chosen}

    # What it is run on.

    def case(
        self, magnitudes: Sequence[float] = MAGNITUDES, shapes: Sequence[streams.Shape] = SHAPES, start: float = START
    ) -> Case:
        """An ordinary case at these hyperparameters, its numbers representable in the dtype."""
        chosen = (self.hyperparameters,)

        def make() -> Case:
            made = streams.case("contract", shapes, magnitudes, kind=DIRECTION, start=start, hyperparameters=chosen)
            return representable(made, self.combination.dtype)

        return self.once(
            ("case", *magnitudes, *shapes, start, *map(float, chosen[0].items().values()), self.combination.dtype), make
        )

    def once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What `make` makes, made once for all trials of the check."""
        if key not in self.known:
            self.known[key] = make()
        return self.known[key]

    def start(self, theta: Sequence[np.ndarray | Tensor], **arguments: Any) -> Live:
        """A new optimizer over parameters that start at `theta`; a tensor keeps its memory and strides."""
        parameters = self.parameters(theta)
        return self.over(parameters, list(parameters), **arguments)

    def parameters(self, theta: Sequence[np.ndarray | Tensor]) -> list[Tensor]:
        """Leaves that require a gradient; arrays become tensors of the trial's dtype."""
        tensors = [x if isinstance(x, Tensor) else torch.tensor(x, dtype=self.dtype, device=self.device) for x in theta]
        return [torch.nn.Parameter(tensor) for tensor in tensors]

    def over(self, parameters: Sequence[Tensor], groups: Any, **arguments: Any) -> Live:
        """A new optimizer over `groups` of parameters that exist.

        Raises:
            SubjectRaised: the constructor refused what it accepts elsewhere.
            NotApplicable: it refused hyperparameters or options other than its usual ones.
        """
        seed(self.device)
        called = {**self.arguments, **arguments}
        try:
            return Live(self.subject.factory(groups, **called), list(parameters))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a constructor may raise anything
            raise NotApplicable(f"its constructor refuses: {said(error)}") from error

    def run(self, case: Case) -> Path:
        """The parameters after each step of a case on a new optimizer."""
        return self.start(case.theta).go(case.steps)

    # What is expected of it.

    def changed(self, change: Callable[..., Any], *arguments: float) -> Changed:
        """The best-known list changed by a function of the checks' own modules."""
        return Changed(f"{change.__module__}:{change.__qualname__}", arguments)

    @property
    def arithmetic(self) -> tuple[str, bool]:
        """The dtype, and whether the step is kept on the device: what an envelope depends on besides list and case."""
        on_device = self.subject.keeps_step_on_device(self.combination.path)
        return self.combination.dtype, self.step_in_tensor or on_device

    def quantities(self, case: Case, changed: Changed | None = None) -> list[list[Quantities | None]]:
        """The envelope of every quantity along a case, of the best-known list or another one."""
        return self.judge.quantities(case, *self.arithmetic, changed)

    def expected(self, case: Case, changed: Changed | None = None) -> tuple[Path, Path]:
        """The list's parameters after each step, and what rounding can do to them."""
        key = ("expected", *self.arithmetic, changed, case.fingerprint)
        return self.once(key, lambda: self.judge.expected(case, *self.arithmetic, changed))

    def sure(self, case: Case) -> Path:
        """Where, step by step, every quantity so far is sure to be finite in any correct implementation."""
        key = ("sure", *self.arithmetic, case.fingerprint)
        return self.once(key, lambda: self.judge.sure(case, *self.arithmetic))

    def allowed(self, case: Case) -> Path:
        """What rounding can do to the parameters along a case, by the best-known list."""
        return self.expected(case)[1]

    def twice(self, case: Case) -> Path:
        """How far two runs of the same exact result may be apart."""
        return added(self.allowed(case), self.allowed(case))

    @cached_property
    def plain(self) -> Path:
        """The parameters along the ordinary case."""
        return self.run(self.case())

    @cached_property
    def unsteady(self) -> str:
        """Where a plain repeat differs, from zero so that no bit of a step is lost; empty where it is bit-identical."""
        case = self.case(start=0.0)
        return self.difference(self.run(case), self.run(case))

    @cached_property
    def draws(self) -> bool:
        """Whether a run leaves torch's generator elsewhere: the subject draws random numbers."""
        seed(self.device)
        before = torch.get_rng_state()
        self.run(self.case())
        return not torch.equal(before, torch.get_rng_state())

    @cached_property
    def conforms(self) -> bool:
        """Whether the ordinary case stays in the envelope of the best-known list."""
        return self.fits(self.plain, self.case())

    def alike(self, found: Path, expected: Path, allowed: Path, what: str) -> None:
        """Raise `Failed` with `what` unless every judged element is within `allowed`.

        Raises:
            NotApplicable: no element can be judged.
        """
        finding = self.judge.compared(found, expected, allowed)
        if finding.kind == "outside":
            raise Failed(f"{what}\n{finding.text}")
        if finding.kind == "nothing":
            raise NotApplicable("nothing could be compared: float arithmetic says nothing about any element")

    def follows(self, found: Path, case: Case, what: str, changed: Changed | None = None) -> None:
        """Raise `Failed` with `what` unless a run of a case is what the equations say; see `alike`."""
        self.alike(found, *self.expected(case, changed), what)

    def follows_one(self, found: Path, readings: Sequence[tuple[Case, Changed | None]], what: str) -> None:
        """Raise `Failed` with `what`, and where the first reading is left, unless a run follows one of several."""
        failures = []
        for case, changed in readings:
            try:
                return self.follows(found, case, what, changed)
            except Failed as failure:
                failures.append(failure)
        raise failures[0]

    def anchored(self, found: Path, case: Case, otherwise: Callable[[], Path], what: str) -> None:
        """Raise `Failed` unless a run is what the equations say, or what `otherwise` gives where they do not hold."""
        if self.conforms:
            self.follows(found, case, what)
        else:
            self.alike(found, otherwise(), self.twice(case), what)

    def fits(self, found: Path, case: Case, changed: Changed | None = None) -> bool:
        """Whether a run stays in the envelope of the best-known list or another one, where that says anything."""
        return self.judge.compared(found, *self.expected(case, changed)).kind == "inside"

    def difference(self, found: Path, expected: Path) -> str:
        """The first place where two runs are not bit-identical; empty where they are."""
        return self.judge.difference(found, expected)

    def distance(self, found: Path, expected: Path, allowed: Path) -> float:
        """The largest error in units of what is allowed."""
        return self.judge.distance(found, expected, allowed)

    def same(self, found: Path, expected: Path, what: str) -> None:
        """Raise `Failed` unless two runs are bit-identical; `NotApplicable` where not even a plain repeat is."""
        difference = self.difference(found, expected)
        if difference and self.unsteady:
            raise NotApplicable("a plain repeat of the subject is not bit-identical; see the check repeats")
        if difference:
            raise Failed(f"{what}\n{difference}")
