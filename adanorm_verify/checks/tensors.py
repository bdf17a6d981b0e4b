"""Checks of robustness to kinds of tensors: empty, scalar, strided, sparse, complex."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from ..cases import Case
from ..interface import SubjectRaised
from .pages import Failed, NotApplicable, Warned, check_page
from .trial import FALLING, Live, Trial, real


@check_page(
    "robustness",
    catches="a tensor without elements that raises, or that disturbs the tensors beside it.",
    sample="step 1 raised RuntimeError: max(): Expected reduction dim to be specified for input.numel() == 0",
)
def check_empty_tensor(trial: Trial) -> None:
    case = trial.case(FALLING, [(0,), (3,), (0, 2)])
    found = [[thetas[1]] for thetas in trial.run(case)]
    beside = case.only(1)
    what = "a tensor without elements disturbs the one beside it"
    trial.anchored(found, beside, lambda: trial.run(beside), what)


@check_page(
    "robustness",
    catches="a parameter without dimensions that raises, changes its shape, or moves otherwise than one of shape (1,).",
    sample="a parameter of shape () does not move as one of shape (1,): tensor 0, element 0 after step 1: ...",
)
def check_scalar_parameter(trial: Trial) -> None:
    case = trial.case(FALLING, [()])
    wide = replace(
        case,
        theta=tuple(x.reshape(1) for x in case.theta),
        steps=tuple(tuple(g.reshape(1) for g in step if g is not None) for step in case.steps),
    )
    live = trial.start(case.theta)
    try:
        found = live.go(case.steps)
    except SubjectRaised as error:
        if error.step == 1 and isinstance(error.error, REFUSALS):
            raise Warned(f"refuses parameters of shape (): {error}") from error
        raise
    if live.parameters[0].shape != ():
        raise Failed(f"a parameter of shape () has become one of shape {tuple(live.parameters[0].shape)}")
    trial.anchored(
        found,
        case,
        lambda: [[theta.reshape(()) for theta in thetas] for thetas in trial.run(wide)],
        "a parameter of shape () does not move as one of shape (1,)",
    )
    trial.anchored(trial.run(wide), wide, lambda: trial.run(wide), "a parameter of shape (1,) does not move as others")


REFUSALS = (ValueError, NotImplementedError)
"""What a refusal that was meant raises; torch raises others where an operation does not fit."""
MATRIX = ((3, 4),)
Layout = Callable[[Tensor], Tensor]


def transposed(tensor: Tensor) -> Tensor:
    return tensor.t().contiguous().t()


def sliced(tensor: Tensor) -> Tensor:
    """The same values with an offset and gaps in memory."""
    around = tensor.new_full([n + 2 for n in tensor.shape], 7.0)
    around[1:-1, 1:-1] = tensor
    return around[1:-1, 1:-1]


def every_second(tensor: Tensor) -> Tensor:
    return tensor.repeat_interleave(2, dim=1)[:, ::2]


LAYOUTS: dict[str, Layout] = {"transposed": transposed, "sliced": sliced, "every second column": every_second}


@check_page(
    "robustness",
    catches="parameters that are not contiguous (transposed, sliced) and move otherwise than a copy would.",
    sample="a transposed parameter does not move as a contiguous one: tensor 0, element 1 after step 1: ...",
)
def check_strided_parameter(trial: Trial) -> None:
    case = trial.case(FALLING, MATRIX)
    for name, layout in LAYOUTS.items():
        memory = layout(torch.tensor(case.theta[0], dtype=trial.dtype, device=trial.device))
        around = torch.as_strided(memory, (memory.untyped_storage().nbytes() // memory.itemsize,), (1,), 0).clone()
        live = trial.start([memory])
        parameter = live.parameters[0]
        found = live.go(case.steps)
        what = f"a parameter, {name}, does not move as a contiguous one"
        trial.anchored(found, case, lambda: trial.run(case), what)
        outside_unchanged(parameter.detach(), around, name)


def outside_unchanged(view: Tensor, before: Tensor, name: str) -> None:
    """Raise `Failed` where memory around a view was written."""
    after = torch.as_strided(view, before.shape, (1,), 0).clone()
    for flat in (before, after):
        torch.as_strided(flat, view.shape, view.stride(), view.storage_offset()).zero_()
    if not torch.equal(before, after):
        raise Failed(f"a step on a parameter, {name}, writes into the memory around it")


@check_page(
    "robustness",
    catches="gradients whose strides are not their parameter's (transposed, expanded, sliced) and count as others.",
    sample="a gradient, transposed, does not count as its contiguous copy: tensor 0, element 1 after step 1: ...",
)
def check_strided_gradient(trial: Trial) -> None:
    case = trial.case(FALLING, MATRIX)
    for name, layout in LAYOUTS.items():
        live = trial.start(case.theta)
        found = live.go([[layout(g) for g in tensors_of(trial, step)] for step in case.steps])
        what = f"a gradient, {name}, does not count as its contiguous copy"
        trial.anchored(found, case, lambda: trial.run(case), what)
    rows = replace(case, steps=tuple(tuple(np.ones((3, 1)) * g[:1] for g in s if g is not None) for s in case.steps))
    live = trial.start(rows.theta)
    found = live.go([[g[:1].expand(3, 4) for g in tensors_of(trial, step)] for step in rows.steps])
    what = "a gradient, expanded, does not count as its contiguous copy"
    trial.anchored(found, rows, lambda: trial.run(rows), what)


def tensors_of(trial: Trial, gradients: Any) -> list[Tensor]:
    return [torch.tensor(g, dtype=trial.dtype, device=trial.device) for g in gradients if g is not None]


def refused_untouched(trial: Trial, live: Live, gradients: list[Tensor], kind: str) -> str:
    """Step; empty where that worked, else what was said. A refusal must have changed nothing."""
    before, state = live.thetas, kept(live)
    try:
        live.step(gradients)
    except SubjectRaised as error:
        if difference := trial.difference([live.thetas], [before]):
            raise Failed(f"{kind} is refused after the parameters moved ({error})\n{difference}") from error
        if state != kept(live):
            raise Warned(f"{kind} is refused after the state changed ({error})") from error
        return str(error)
    return ""


def plain_tensor(value: Any) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.layout is torch.strided


def kept(live: Live) -> list[dict[str, Any]]:
    """The state of every parameter, tensors as lists, to be compared."""
    return [
        {k: real(v.detach()).tolist() if plain_tensor(v) else repr(v) for k, v in live.state(i).items()}
        for i in range(len(live.parameters))
    ]


@check_page(
    "robustness",
    catches="sparse gradients that count as others than their dense form, or are refused with the work half done.",
    sample="a sparse gradient does not count as its dense form: tensor 0, element 1 after step 4: ...",
)
def check_sparse_gradient(trial: Trial) -> str:
    case = ending_sparse(trial.case(FALLING, MATRIX))
    live = trial.start(case.theta)
    found = live.go(case.steps[:-1])
    (last,) = tensors_of(trial, case.steps[-1])
    if refusal := refused_untouched(trial, live, [last.to_sparse()], "a sparse gradient"):
        return f"refuses sparse gradients: {refusal}"
    what = "a sparse gradient does not count as its dense form"
    trial.anchored([*found, live.thetas], case, lambda: trial.run(case), what)
    return "takes sparse gradients"


def ending_sparse(case: Case) -> Case:
    """The second row of the last gradient is zero; its moments are not."""
    last = tuple(np.where(np.arange(len(g))[:, None] == 1, 0.0, g) for g in case.steps[-1] if g is not None)
    return replace(case, steps=(*case.steps[:-1], last))


@check_page(
    "robustness",
    catches="complex parameters that do not move as pairs of reals, or are refused with the work half done.",
    sample="a complex parameter does not move as pairs of reals: tensor 0, element 1 after step 1: ...",
)
def check_complex_parameter(trial: Trial) -> str:
    if trial.dtype not in (torch.float32, torch.float64):
        raise NotApplicable(f"there are no complex numbers of {trial.combination.dtype}")
    case = trial.case(FALLING, [(3, 2)])
    (theta,) = tensors_of(trial, case.theta)
    try:
        live = trial.start([torch.view_as_complex(theta.clone())])
    except NotApplicable as error:
        return f"refuses complex parameters: {error}"
    found = []
    for gradients in case.steps:
        (gradient,) = tensors_of(trial, gradients)
        if refusal := refused_untouched(trial, live, [torch.view_as_complex(gradient)], "a complex parameter"):
            return f"refuses complex parameters: {refusal}"
        found.append(live.thetas)
    try:
        what = "a complex parameter does not move as pairs of reals"
        trial.anchored(found, case, lambda: trial.run(case), what)
    except Failed as error:
        if speaks_of("complex", live.optimizer):
            raise
        raise Warned(f"{error}\nits code never speaks of complex parameters, nor refuses them") from error
    return "takes complex parameters"


def speaks_of(word: str, optimizer: Any) -> bool:
    """Whether the code of an optimizer's classes, its comments and strings apart, has a word.

    A class of torch counts only where its step is the one that runs: of an inherited constructor nothing follows.
    """
    running = inspect.unwrap(type(optimizer).step).__module__  # torch puts its hook into the class itself
    classes = [c for c in type(optimizer).__mro__ if c not in (torch.optim.Optimizer, object)]
    counting = [c for c in classes if c.__module__ == running or not f"{c.__module__}.".startswith("torch.")]
    texts = [code_of(c) if not f"{c.__module__}.".startswith("torch.") else module_code(c) for c in counting]
    return any(word in text for text in texts)


def code_of(thing: Any) -> str:
    """The code of a class or module without its strings and comments; empty where it cannot be read."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError):  # without a file, or not Python's own text
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.unparse(tree)


def module_code(owner: type) -> str:
    """The code of a class's module: torch's classes leave their steps to its functions."""
    return code_of(sys.modules.get(owner.__module__))
