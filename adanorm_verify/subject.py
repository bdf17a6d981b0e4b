"""The subject: somebody's PyTorch optimizer in this process, built and driven through a case."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from . import heartbeat
from .cases import Case
from .interface import Argument, Holdings, Snapshot, SubjectInterface, SubjectRaised, asked_signature, plain
from .paper import HYPERPARAMETERS
from .texts import LONGEST_KEY

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass(frozen=True)
class Subject(SubjectInterface):
    """An optimizer class or factory in this process, and how it is called.

    Args:
        factory: called as `factory(parameter_groups, **arguments)`.
        target: how it was named, for reports.
        arguments: fixed constructor arguments.
        rename: paper's hyperparameter (or `betas`) to the constructor's argument.
        read: the hyperparameters of the algorithm.
        decay: the weight decay that the caller says it has, "coupled" or "decoupled"; empty where that is asked of it.
    """

    factory: Callable[..., torch.optim.Optimizer]
    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    read: tuple[str, ...] = HYPERPARAMETERS
    decay: str = field(default="", kw_only=True)

    @cached_property
    def signature(self) -> tuple[Argument, ...]:  # type: ignore[override]
        return asked_signature(self.factory, self.target)

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
            heartbeat.beat(0)
            with undisturbed():
                optimizer = self.factory(groups if len(groups) > 1 else parameters, **arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a constructor may raise anything: it becomes a refusal with its message
            raise SubjectRaised(0, error) from error
        if not callable(getattr(optimizer, "step", None)):
            raise SubjectRaised(0, TypeError(f"it returned {type(optimizer).__name__}, which has no step()"))
        return optimizer, parameters

    def holdings(self, case: Case, path: Mapping[str, Any], dtype: str, device: str) -> Holdings:
        """See `SubjectInterface.holdings`."""
        optimizer, _ = self.build(case, path, dtype, device, frozenset())
        groups = groups_of(optimizer) or [{}]
        places = groups[0], getattr(optimizer, "defaults", None), getattr(optimizer, "__dict__", None)
        return Holdings(*map(named, places))

    def unread(self, case: Case, path: str, dtype: str, device: str) -> str:
        """See `SubjectInterface.unread`."""
        from .implemented import unread  # which watches subjects

        return unread(self, case, path, dtype, device)

    def drive(
        self,
        case: Case,
        path: Mapping[str, Any],
        dtype: str,
        device: str,
        grouped: frozenset[str],
        keys: frozenset[str] | None = None,
    ) -> Iterator[list[Snapshot]]:
        """See `SubjectInterface.drive`."""
        optimizer, parameters = self.build(case, path, dtype, device, grouped)
        for number, gradients in enumerate(case.steps, 1):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = None if gradient is None else self.placed(gradient, dtype, device)
            heartbeat.beat(number)
            try:
                with undisturbed():
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


class Nowhere(io.TextIOBase):
    """A stream that keeps nothing of what is written to it."""

    def write(self, text: str) -> int:
        return len(text)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Some optimizers print or warn; neither belongs in a report."""
    nowhere = Nowhere()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """What a subject's code leaves otherwise (gradients on or off, the default dtype) is put back; it is quiet, too."""
    dtype = torch.get_default_dtype()
    with quiet(), torch.set_grad_enabled(torch.is_grad_enabled()):
        try:
            yield
        finally:
            if torch.get_default_dtype() is not dtype:
                torch.set_default_dtype(dtype)


def snapshot(optimizer: torch.optim.Optimizer, parameter: torch.Tensor, keys: frozenset[str] | None) -> Snapshot:
    """The parameter and its numeric state."""
    states = getattr(optimizer, "state", None)
    state = states.get(parameter) if isinstance(states, Mapping) else None
    if not isinstance(state, Mapping):  # kept elsewhere or in another form: the parameters decide alone
        return {"theta": as_array(parameter)}
    wanted = {key: x for key, x in state.items() if isinstance(key, str) and (keys is None or key in keys)}
    read = {key: numeric(x) for key, x in wanted.items() if len(key) <= LONGEST_KEY}
    numbers = {key: array for key, array in read.items() if array is not None}
    return {**numbers, "theta": as_array(parameter)}


def numeric(value: Any) -> np.ndarray | None:
    if isinstance(value, torch.Tensor) and value.layout is torch.strided and not value.is_complex():
        return as_array(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= float(np.finfo(np.float64).max):
        return np.asarray(float(value))
    return None


def named(place: Any) -> dict[str, Any]:
    """What a mapping holds by name, as plain data, but for the parameters."""
    items = place.items() if isinstance(place, Mapping) else ()
    own = {key: x for key, x in items if isinstance(key, str) and key not in ("params", "param_groups", "state")}
    return {key: plain(x) for key, x in own.items() if len(key) <= LONGEST_KEY}


def groups_of(optimizer: Any) -> list[dict[Any, Any]] | None:
    """The parameter groups of an optimizer; None where they are not the dicts that torch's optimizers have."""
    groups = getattr(optimizer, "param_groups", None)
    if not isinstance(groups, list | tuple) or not all(isinstance(group, dict) for group in groups):
        return None
    return list(groups) or None


def as_array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to(device="cpu", dtype=torch.float64, copy=True).numpy()
