"""The subject: somebody's PyTorch optimizer, asked what it takes, built, and driven through a case."""

from __future__ import annotations

import contextlib
import inspect
import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from .cases import Case
from .errors import CannotCheck
from .paper import HYPERPARAMETERS, Hyperparameters

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
BETAS = ("beta1", "beta2")
USUAL_ARGUMENTS = {"lr": "lr", "gamma": "gamma", "eps": "eps"}
PATHS = {
    "single-tensor": {"foreach": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
    "capturable": {"capturable": True},
}
"""Execution paths by the constructor argument that selects them, as torch.optim spells it."""
Snapshot = dict[str, np.ndarray]
"""`theta` and the subject's own state keys, as float64."""


class SubjectRaised(Exception):
    """The subject's own code raised; `step` counts from 1, 0 is the constructor."""

    def __init__(self, step: int, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__}: {first_line(error)}")
        self.step = step
        self.error = error


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]


@dataclass(frozen=True)
class Subject:
    """An optimizer class or factory, and how it is called.

    Args:
        factory: called as `factory(parameter_groups, **arguments)`.
        target: how it was named, for reports.
        arguments: fixed constructor arguments.
        rename: paper's hyperparameter (or `betas`) to the constructor's argument.
        read: the hyperparameters of the algorithm; an argument `gamma` of an Adam is another thing.
    """

    factory: Callable[..., torch.optim.Optimizer]
    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    read: tuple[str, ...] = HYPERPARAMETERS

    def __post_init__(self) -> None:
        allowed = ("lr", "betas", "beta1", "beta2", "gamma", "eps")
        for ours, theirs in self.rename.items():
            if ours not in allowed:
                raise CannotCheck(f"--rename {ours}={theirs}: {ours!r} is none of the paper's {', '.join(allowed)}")
            self._refuse_unknown(theirs, f"--rename {ours}={theirs}")
            if ours not in (*self.read, "betas"):
                raise CannotCheck(f"--rename {ours}={theirs}: the algorithm has no {ours}")
        taken = [theirs for ours, theirs in self.spelling.items() if not (ours in BETAS and self._paired(ours))]
        if len(set(taken)) < len(taken):
            raise CannotCheck(f"--rename: two hyperparameters cannot be one argument, got {self.spelling}")
        for name, value in self.arguments.items():
            self._refuse_unknown(name, f"--arg {name}={value}")

    def _refuse_unknown(self, argument: str, option: str) -> None:
        if argument not in self.parameters and not self.takes_anything:
            known = ", ".join(list(self.parameters)[1:]) or "none"
            raise CannotCheck(f"{option}: {self.target} takes no argument {argument!r}; it takes {known}")

    @cached_property
    def signature(self) -> list[inspect.Parameter]:
        """The constructor's parameters; where it passes `**kwargs` on, those of the base classes' constructors too."""
        constructors: list[Callable[..., Any]] = [self.factory]
        if isinstance(self.factory, type):
            constructors += [vars(base)["__init__"] for base in self.factory.__mro__[1:] if "__init__" in vars(base)]
        found: dict[str, inspect.Parameter] = {}
        for constructor in constructors:
            try:
                parameters = inspect.signature(constructor).parameters
            except (TypeError, ValueError) as error:
                raise CannotCheck(f"{self.target}: its constructor cannot be inspected ({error})") from error
            for name, parameter in parameters.items():
                found.setdefault(name, parameter)
            if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
                break
        return [parameter for name, parameter in found.items() if name not in ("self", "defaults")]

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """Those that have a name."""
        return {p.name: p for p in self.signature if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}

    @property
    def takes_anything(self) -> bool:
        return any(p.kind is p.VAR_KEYWORD for p in self.signature)

    @cached_property
    def spelling(self) -> dict[str, str]:
        """Paper's hyperparameter to the constructor's argument, where it has one; betas come as a pair or singly."""
        spelled = {name: theirs for name, theirs in USUAL_ARGUMENTS.items() if self._takes(theirs)}
        betas = self.rename.get("betas", "betas")
        for name in BETAS:
            if self._takes(betas):
                spelled[name] = betas
            elif self._takes(name):
                spelled[name] = name
        spelled |= {ours: theirs for ours, theirs in self.rename.items() if ours != "betas"}
        return {name: theirs for name, theirs in spelled.items() if name in self.read}

    def _takes(self, argument: str) -> bool:
        named = argument in self.arguments or argument in self.rename.values()
        return argument in self.parameters or (self.takes_anything and named)

    @cached_property
    def pinned(self) -> dict[str, Any]:
        """Hyperparameters that the caller fixed by `arguments`."""
        fixed: dict[str, Any] = {}
        for name, theirs in self.spelling.items():
            if theirs in self.arguments:
                value = self.arguments[theirs]
                pair = name in BETAS and self._paired(name)
                if pair and not (isinstance(value, list | tuple) and len(value) == 2):
                    raise CannotCheck(f"--arg {theirs}={value!r}: two numbers are wanted, such as {theirs}=(0.9,0.999)")
                if not pair and np.size(value) != 1:
                    raise CannotCheck(f"--arg {theirs}={value!r}: one number is wanted")
                fixed[name] = value[int(name == "beta2")] if pair else value
        return fixed

    @cached_property
    def base(self) -> Hyperparameters:
        """The paper's defaults, with what the caller pinned."""
        try:
            return Hyperparameters(**self.pinned)
        except (ValueError, TypeError) as error:
            raise CannotCheck(f"--arg: {error}") from error

    def _paired(self, name: str) -> bool:
        return self.spelling[name] == self.rename.get("betas", "betas")

    @property
    def settable(self) -> frozenset[str]:
        """Hyperparameters that a case may choose."""
        return frozenset(self.spelling) - frozenset(self.pinned)

    @cached_property
    def paths(self) -> dict[str, dict[str, Any]]:
        """Execution paths that the constructor's arguments offer; one, "default", where it offers no choice."""
        flags = ("foreach", "fused", "capturable")
        settled = {"foreach", "fused"} if self.arguments.get("foreach") or self.arguments.get("fused") else set()
        free = [flag for flag in flags if flag in self.parameters and flag not in {*self.arguments, *settled}]
        offered = {name: flags for name, flags in PATHS.items() if all(flag in free for flag in flags)}
        return offered if "foreach" in free else {"default": {}} | offered

    def keeps_step_on_device(self, path: str) -> bool:
        """Whether a path keeps its step in a tensor on the device: where it is capturable."""
        by_default = self.parameters["capturable"].default if "capturable" in self.parameters else False
        return {**self.arguments, **self.paths.get(path, {})}.get("capturable", by_default) is True

    def options(self, hyperparameters: Hyperparameters, names: frozenset[str]) -> dict[str, Any]:
        """Constructor (or group) arguments for those hyperparameters that are in `names`."""
        values = {name: float(value) for name, value in hyperparameters.items().items()}
        options: dict[str, Any] = {}
        for name in names:
            paired = name in BETAS and self._paired(name)
            options[self.spelling[name]] = (values["beta1"], values["beta2"]) if paired else values[name]
        return options

    def fitted(self, case: Case, base: Hyperparameters, grouped: frozenset[str]) -> Case:
        """`case` with hyperparameters that the subject can be given; others are those of `base`."""
        first = case.hyperparameters[0]

        def fit(own: Hyperparameters) -> Hyperparameters:
            chosen = {name: getattr(own if name in grouped else first, name) for name in self.settable}
            return replace(base, **chosen)

        return replace(case, hyperparameters=tuple(fit(own) for own in case.hyperparameters))

    def build(self, case: Case, path: Mapping[str, Any], dtype: str, device: str, grouped: frozenset[str]):
        """The optimizer and its parameters, in the case's order.

        Raises:
            SubjectRaised: the constructor refused.
        """
        parameters = [torch.nn.Parameter(self.placed(theta, dtype, device)) for theta in case.theta]
        groups = [
            {
                "params": [p for p, group in zip(parameters, case.groups, strict=True) if group == number],
                **(self.options(own, grouped & self.settable) if number else {}),
            }
            for number, own in enumerate(case.hyperparameters)
        ]
        arguments = {**self.options(case.hyperparameters[0], self.settable), **self.arguments, **path}
        try:
            with quiet():
                optimizer = self.factory(groups if len(groups) > 1 else parameters, **arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a constructor may raise anything: it becomes a refusal with its message
            raise SubjectRaised(0, error) from error
        if not callable(getattr(optimizer, "step", None)):
            raise SubjectRaised(0, TypeError(f"it returned {type(optimizer).__name__}, which has no step()"))
        return optimizer, parameters

    def drive(
        self,
        case: Case,
        path: Mapping[str, Any],
        dtype: str,
        device: str,
        grouped: frozenset[str],
        keys: frozenset[str] | None = None,
    ):
        """Yield, step by step, a snapshot of every tensor.

        Args:
            case: representable in `dtype`.
            path: one of `paths`' values.
            dtype: a key of `DTYPES`.
            device: of the parameters.
            grouped: hyperparameters that parameter groups may set for themselves.
            keys: the state keys to record; all of them when not given.

        Raises:
            SubjectRaised: the constructor or a step raised.
        """
        optimizer, parameters = self.build(case, path, dtype, device, grouped)
        for number, gradients in enumerate(case.steps, 1):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = None if gradient is None else self.placed(gradient, dtype, device)
            try:
                with quiet(), torch.set_grad_enabled(torch.is_grad_enabled()):  # the subject may leave it otherwise
                    optimizer.step()
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # the subject may raise anything: it is reported, with the step
                raise SubjectRaised(number, error) from error
            yield [self.seen(optimizer, parameter, keys) for parameter in parameters]

    def placed(self, array: np.ndarray, dtype: str, device: str) -> torch.Tensor:
        """A parameter's values, or a gradient's, as a tensor of its own."""
        return torch.tensor(array, dtype=DTYPES[dtype], device=device)

    def seen(self, optimizer: torch.optim.Optimizer, parameter: torch.Tensor, keys: frozenset[str] | None) -> Snapshot:
        """See `snapshot`."""
        return snapshot(optimizer, parameter, keys)


@contextlib.contextmanager
def quiet():
    """Some optimizers print or warn; neither belongs in a report."""
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def snapshot(optimizer: torch.optim.Optimizer, parameter: torch.Tensor, keys: frozenset[str] | None) -> Snapshot:
    """The parameter and its numeric state."""
    states = getattr(optimizer, "state", None)
    state = states.get(parameter) if isinstance(states, Mapping) else None
    if not isinstance(state, Mapping):  # kept elsewhere or in another form: the parameters decide alone
        return {"theta": as_array(parameter)}
    numbers = {
        key: array
        for key, value in state.items()
        if isinstance(key, str) and (keys is None or key in keys) and (array := numeric(value)) is not None
    }
    return {**numbers, "theta": as_array(parameter)}


def numeric(value: Any) -> np.ndarray | None:
    if isinstance(value, torch.Tensor) and value.layout is torch.strided and not value.is_complex():
        return as_array(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= float(np.finfo(np.float64).max):
        return np.asarray(float(value))
    return None


def groups_of(optimizer: Any) -> list[dict[Any, Any]] | None:
    """The parameter groups of an optimizer; None where they are not the dicts that torch's optimizers have."""
    groups = getattr(optimizer, "param_groups", None)
    if not isinstance(groups, list | tuple) or not all(isinstance(group, dict) for group in groups):
        return None
    return list(groups) or None


def as_array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to(device="cpu", dtype=torch.float64, copy=True).numpy()


def representable(case: Case, dtype: str) -> Case:
    """`case` with all its arrays rounded to `dtype`, so that subject and reference start from the same numbers."""

    def rounded(array: np.ndarray) -> np.ndarray:
        return torch.tensor(array, dtype=DTYPES[dtype]).to(torch.float64).numpy()

    steps = tuple(tuple(None if g is None else rounded(g) for g in gradients) for gradients in case.steps)
    return replace(case, theta=tuple(rounded(theta) for theta in case.theta), steps=steps)
