"""Go on from a saved state in a process that never saw the optimizer at work."""

from __future__ import annotations

import io
import multiprocessing
import pickle
import sys
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor

from .. import legacy
from ..processes import without_main
from .pages import Failed, NotApplicable

NAME = "state-in-a-fresh-process"
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PRELOADED = ["torch", "torch._dynamo", __name__]
"""Never the subject: its module must be imported afresh. The first optimizer of a process imports torch._dynamo."""


@dataclass(frozen=True)
class Continuation:
    """All that a fresh process is given.

    Args:
        factory: importable by name.
        arguments: of its constructor.
        saved: what `torch.save` wrote of the state dict.
        parameters: as they were when it was saved.
        steps: the gradients that follow.
        generator: torch's, as it was.
    """

    factory: Any
    arguments: dict[str, Any]
    saved: bytes
    parameters: list[Tensor]
    steps: list[list[Tensor]]
    generator: Tensor

    def __call__(self) -> list[list[Tensor]]:
        """Load, go on, and return the parameters after each step."""
        parameters = [torch.nn.Parameter(parameter) for parameter in self.parameters]
        optimizer = self.factory(parameters, **self.arguments)
        optimizer.load_state_dict(loaded(self.saved))
        torch.set_rng_state(self.generator)
        path = []
        for gradients in self.steps:
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
            path.append([parameter.detach().clone() for parameter in parameters])
        return path


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


def warm() -> None:
    """Let the server that forks fresh processes import torch while other checks run."""
    if METHOD == "forkserver":
        multiprocessing.get_context(METHOD).set_forkserver_preload(PRELOADED)
        with without_main():
            forkserver.ensure_running()


def in_fresh_process(continuation: Continuation) -> list[list[Tensor]]:
    """The parameters after each step, found in a fresh process.

    Raises:
        NotApplicable: the factory cannot be imported by name there.
        Failed: the process raised or died.
    """
    refuse_unimportable(continuation.factory)
    context: Any = multiprocessing.get_context(METHOD)
    here, there = context.Pipe(duplex=False)
    # Serialised by torch: tensors that cross a pipe otherwise share memory, whose handles a container may not allow.
    with without_main():
        process = context.Process(
            target=serve, args=(there, saved(continuation), sys.path, legacy.active()), daemon=True
        )
        process.start()
    there.close()
    try:
        answer = torch.load(io.BytesIO(here.recv_bytes()), weights_only=False)
    except EOFError:
        raise Failed("the fresh process died") from None
    finally:
        process.join()
    if isinstance(answer, str):
        raise Failed(f"in a fresh process it raised {answer}")
    return answer


def refuse_unnamed(factory: Any) -> None:
    """Raise `NotApplicable` for what pickle cannot find by its name: local classes and lambdas."""
    try:
        pickle.dumps(factory)
    except Exception as error:  # pickling raises PicklingError, AttributeError, TypeError
        name = getattr(factory, "__qualname__", repr(factory))
        raise NotApplicable(f"{name} cannot be imported by name; a fresh instance was tried in this process") from error


def refuse_unimportable(factory: Any) -> None:
    """Raise `NotApplicable` for what another process cannot import: local classes, lambdas, those of a script."""
    refuse_unnamed(factory)
    name = getattr(factory, "__qualname__", repr(factory))
    if getattr(factory, "__module__", "__main__") == "__main__":
        raise NotApplicable(f"{name} belongs to the running script; a fresh instance was tried in this process")


def serve(connection: Connection, data: bytes, path: list[str], old_torch: bool) -> None:
    """Answer with the result, or with what was raised."""
    sys.path[:] = path
    torch.set_num_threads(1)
    try:
        with legacy.shim() if old_torch else nullcontext():
            continuation = torch.load(io.BytesIO(data), weights_only=False)
            answer: Any = continuation()
    except BaseException as error:  # it is reported to the parent
        answer = f"{type(error).__name__}: {error}"
    with suppress(BrokenPipeError):
        connection.send_bytes(saved(answer))
    connection.close()
