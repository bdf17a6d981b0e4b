"""Go on from a saved state in a process that never saw the optimizer at work."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..subject import as_array
from ..texts import said
from .pages import Failed, NotApplicable

NAME = "state-in-a-fresh-process"


def saved(state: Any) -> bytes:
    """What `torch.save` writes."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def loaded(data: bytes) -> Any:
    """What `torch.load` reads, by its safe default where that suffices."""
    try:
        return torch.load(io.BytesIO(data))
    except pickle.UnpicklingError:  # a class of its own among the state
        return torch.load(io.BytesIO(data), weights_only=False)


def continuation(
    arguments: Mapping[str, Any], state: bytes, parameters: Sequence[Tensor], steps: Sequence[Sequence[Tensor]]
) -> bytes:
    """All that a fresh process is given, besides the class.

    Args:
        arguments: of the constructor, besides the fixed ones.
        state: what `saved` made of the state dict.
        parameters: as they were when it was saved.
        steps: the gradients that follow.
    """
    return saved((dict(arguments), state, list(parameters), [list(step) for step in steps], torch.get_rng_state()))


def go_on(factory: Callable[..., Any], fixed: Mapping[str, Any], data: bytes) -> tuple[str, Any]:
    """Load, go on, and return "went on" with the parameters after each step, or "raised" with what was raised."""
    arguments, state, tensors, steps, generator = torch.load(io.BytesIO(data), weights_only=False)
    parameters = [torch.nn.Parameter(tensor) for tensor in tensors]
    path: list[list[np.ndarray]] = []
    try:
        optimizer = factory(parameters, **{**arguments, **fixed})
        optimizer.load_state_dict(loaded(state))
        torch.set_rng_state(generator)
        for gradients in steps:
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
            path.append([as_array(parameter) for parameter in parameters])
    except Exception as error:  # it is reported to the check
        return "raised", said(error)
    return "went on", path


def refuse_unnamed(factory: Any) -> None:
    """Raise `NotApplicable` for what pickle cannot find by its name: local classes and lambdas."""
    try:
        pickle.dumps(factory)
    except Exception as error:  # pickling raises PicklingError, AttributeError, TypeError
        name = getattr(factory, "__qualname__", repr(factory))
        raise NotApplicable(f"{name} cannot be imported by name; a fresh instance was tried in this process") from error


def gone_on(answer: tuple[str, Any]) -> list[list[np.ndarray]]:
    """The parameters after each step in the fresh process.

    Raises:
        Failed: it raised there.
    """
    kind, value = answer
    if kind == "raised":
        raise Failed(f"in a fresh process it raised {value}")
    return value
