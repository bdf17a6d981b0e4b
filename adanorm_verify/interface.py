"""What a subject takes, as it was asked, and how it is called in the paper's names, wherever the subject itself is."""

from __future__ import annotations

import inspect
import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from .cases import Case
from .errors import CannotCheck
from .paper import Hyperparameters
from .texts import cut, said

DECAYS = ("coupled", "decoupled")
"""What a weight decay may claim to be: a penalty in the gradient, or parameters that shrink."""
BETAS = ("beta1", "beta2")
USUAL_NAMES = {
    "lr": ("lr", "learning_rate"),
    "beta1": ("beta1", "beta_1"),
    "beta2": ("beta2", "beta_2"),
    "gamma": ("gamma",),
    "eps": ("eps", "epsilon"),
}
"""What constructors and groups call the hyperparameters, where not `betas`; the usual name first."""
PATHS = {
    "single-tensor": {"foreach": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
    "capturable": {"capturable": True},
}
"""Execution paths by the constructor argument that selects them, as torch.optim spells it."""
Snapshot = dict[str, np.ndarray]
"""`theta` and the subject's own state keys, as float64."""
Kind = Literal["named", "any-positional", "any-named"]


class SubjectRaised(Exception):
    """The subject's own code raised.

    Args:
        step: from 1; 0 is the constructor.
        error: what was raised; its type and first line where that was in another process.
    """

    def __init__(self, step: int, error: BaseException | str) -> None:
        super().__init__(error if isinstance(error, str) else said(error))
        self.step = step
        self.error = error


class Opaque:
    """Stands for a value that is no plain number, word or switch."""

    def __repr__(self) -> str:
        return "<object>"


OPAQUE = Opaque()


def plain(value: Any) -> Any:
    """A value as data that another process can have: numbers, words, switches, and tuples of them."""
    if type(value) in (bool, int, float, type(None)):
        return value
    if isinstance(value, numbers.Real):  # one of NumPy's
        return float(value)
    if type(value) is str:
        return cut(value)
    if (number := as_number(value)) is not None:  # of a tensor of one element, say
        return number
    if type(value) in (tuple, list) and len(value) <= LONGEST_TUPLE:
        return tuple(map(plain, value))
    return OPAQUE


def as_number(value: Any) -> float | None:
    """A number of any kind, or a tensor of one element; None where it is none."""
    try:
        if isinstance(value, bool) or not (isinstance(value, numbers.Real) or value.numel() == 1):
            return None
        return float(value)
    except Exception:  # a foreign object may raise anything
        return None


LONGEST_TUPLE = 16


@dataclass(frozen=True)
class Argument:
    """A parameter of a constructor.

    Args:
        name: as it is spelled there.
        kind: it has a name, or takes any further arguments without or with one.
        default: as plain data; `inspect.Parameter.empty` where it has none.
    """

    name: str
    kind: Kind
    default: Any = inspect.Parameter.empty


def asked_signature(factory: Callable[..., Any], target: str) -> tuple[Argument, ...]:
    """The constructor's parameters; where it passes `**kwargs` on, those of the base classes' constructors too.

    Raises:
        CannotCheck: it cannot be inspected.
    """
    constructors: list[Callable[..., Any]] = [factory]
    if isinstance(factory, type):
        constructors += [vars(base)["__init__"] for base in factory.__mro__[1:] if "__init__" in vars(base)]
    found: dict[str, inspect.Parameter] = {}
    for constructor in constructors:
        try:
            parameters = inspect.signature(constructor).parameters
        except (TypeError, ValueError) as error:
            raise CannotCheck(f"{target}: its constructor cannot be inspected ({cut(str(error))})") from error
        for name, parameter in parameters.items():
            found.setdefault(name, parameter)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            break
    return tuple(argument(p) for name, p in found.items() if name not in ("self", "defaults"))


def argument(parameter: inspect.Parameter) -> Argument:
    kinds: dict[Any, Kind] = {parameter.VAR_KEYWORD: "any-named", parameter.VAR_POSITIONAL: "any-positional"}
    empty = parameter.default is parameter.empty
    default = parameter.empty if empty else plain(parameter.default)
    return Argument(cut(parameter.name), kinds.get(parameter.kind, "named"), default)


@dataclass(frozen=True)
class Holdings:
    """What an optimizer that was built holds by name, as plain data.

    Args:
        group: the options of its first parameter group; none where its groups are no dicts.
        defaults: its `defaults`.
        attributes: its own attributes.
    """

    group: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


class SubjectInterface(ABC):
    """How an optimizer class or factory is called in the paper's names. Subclasses are dataclasses with these fields.

    Args:
        target: how it was named, for reports.
        arguments: fixed constructor arguments.
        rename: paper's hyperparameter (or `betas`) to the constructor's argument.
        read: the hyperparameters of the algorithm; an argument `gamma` of an Adam is another thing.
        signature: the constructor's parameters.
    """

    target: str
    arguments: Mapping[str, Any]
    rename: Mapping[str, str]
    read: tuple[str, ...]
    signature: tuple[Argument, ...]

    @abstractmethod
    def holdings(self, case: Case, path: Mapping[str, Any], dtype: str, device: str) -> Holdings:
        """What a built optimizer holds by name.

        Raises:
            SubjectRaised: the constructor refused.
        """

    def unread(self, case: Case, path: str, dtype: str, device: str) -> str:
        """Why there is no such path, where `step` never looks at what selects it; see `implemented.unread`."""
        return ""

    @abstractmethod
    def drive(
        self,
        case: Case,
        path: Mapping[str, Any],
        dtype: str,
        device: str,
        grouped: frozenset[str],
        keys: frozenset[str] | None = None,
    ) -> Iterator[list[Snapshot]]:
        """Step by step, a snapshot of every tensor.

        Args:
            case: representable in `dtype`.
            path: one of `paths`' values.
            dtype: a key of `formats.ROUNDED`.
            device: of the parameters.
            grouped: hyperparameters that parameter groups may set for themselves.
            keys: the state keys to record; all of them when not given.

        Raises:
            SubjectRaised: the constructor or a step raised.
        """

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

    @property
    def parameters(self) -> dict[str, Argument]:
        """Those that have a name."""
        return {p.name: p for p in self.signature if p.kind == "named"}

    @property
    def takes_anything(self) -> bool:
        return any(p.kind == "any-named" for p in self.signature)

    @cached_property
    def spelling(self) -> dict[str, str]:
        """Paper's hyperparameter to the constructor's argument, where it has one; betas come as a pair or singly."""
        usual = {name: next(filter(self._takes, names), "") for name, names in USUAL_NAMES.items()}
        spelled = {name: theirs for name, theirs in usual.items() if theirs}
        betas = self.rename.get("betas", "betas")
        if self._takes(betas):
            spelled |= dict.fromkeys(BETAS, betas)
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
