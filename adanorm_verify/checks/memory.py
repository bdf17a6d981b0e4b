"""Checks of memory: whose tensors a step writes, and whose it keeps."""

from __future__ import annotations

import inspect
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from ..subject import groups_of
from .options import DECAY
from .pages import Failed, NotApplicable, Warned, check_page
from .trial import Trial, like


@check_page(
    "interface",
    catches="a step that writes into the caller's gradients, also with weight decay and maximize.",
    sample="step 1 changes the caller's gradient of tensor 0 (weight_decay=0.125)",
)
def check_gradients_untouched(trial: Trial) -> None:
    hold_gradients(trial, "")
    for option, value in {"weight_decay": DECAY, "maximize": True}.items():
        try:
            chosen = trial.given(**{option: value})
        except NotApplicable:
            continue
        hold_gradients(chosen, f" ({option}={value})")


def hold_gradients(trial: Trial, how: str) -> None:
    case = trial.case()
    live = trial.start(case.theta)
    for step, gradients in enumerate(case.steps, 1):
        own = [like(g, p) for g, p in zip(gradients, live.parameters, strict=True) if g is not None]
        before = [g.clone() for g in own]
        live.step(own)
        for tensor, (gradient, copy, parameter) in enumerate(zip(own, before, live.parameters, strict=True)):
            if not torch.equal(gradient, copy):
                raise Failed(f"step {step} changes the caller's gradient of tensor {tensor}{how}")
            if parameter.grad is not gradient:
                raise Failed(f"step {step} replaces the caller's gradient of tensor {tensor}{how}")


@check_page(
    "interface",
    catches="state that is the caller's gradient and changes with it, when the caller writes into it after a step.",
    sample="a gradient overwritten after its step changes later steps: tensor 0, element 0 after step 2: ...",
    why="zero-grad asks the same of the optimizer's own zero_grad; here the caller writes, and no zeros.",
)
def check_gradients_kept(trial: Trial) -> None:
    case = trial.case()
    live = trial.start(case.theta)
    found = []
    for gradients in case.steps:
        own = [like(g, p) for g, p in zip(gradients, live.parameters, strict=True) if g is not None]
        live.step(own)
        found.append(live.thetas)
        for gradient in own:
            gradient.fill_(torch.nan)
    trial.same(found, trial.plain, "a gradient overwritten after its step changes later steps")


@check_page(
    "interface",
    catches="gradients kept in the same memory from step to step, zeroed and written again, that count as others.",
    sample="gradients reused by zero_grad(set_to_none=False) count as others: tensor 0, element 0 after step 2: ...",
    why="zero_grad may be the optimizer's own.",
)
def check_zero_grad(trial: Trial) -> None:
    case = trial.case()
    live = trial.start(case.theta)
    refuse_without_zero_grad(live.optimizer)
    for parameter in live.parameters:
        parameter.grad = torch.zeros_like(parameter)
    found = []
    for gradients in case.steps:
        live.optimizer.zero_grad(set_to_none=False)
        for tensor, (parameter, gradient) in enumerate(zip(live.parameters, gradients, strict=True)):
            if parameter.grad is None:
                raise Warned("zero_grad(set_to_none=False) drops gradients, as if it were asked to set them to None")
            if parameter.grad.any():
                raise Failed(f"zero_grad(set_to_none=False) leaves the gradient of tensor {tensor} as it was")
            parameter.grad += like(np.asarray(gradient), parameter)
        live.advance()
        found.append(live.thetas)
    trial.same(found, trial.plain, "gradients reused by zero_grad(set_to_none=False) count as others")
    live.optimizer.zero_grad(set_to_none=True)
    if any(parameter.grad is not None for parameter in live.parameters):
        raise Failed("zero_grad(set_to_none=True) leaves gradients")


def refuse_without_zero_grad(optimizer: Any) -> None:
    """Raise `NotApplicable` where there is no zero_grad, or none that may be told to keep the memory."""
    if not hasattr(optimizer, "zero_grad"):
        raise NotApplicable("it has no zero_grad")
    try:
        inspect.signature(optimizer.zero_grad).bind(set_to_none=False)
    except TypeError as error:
        raise NotApplicable("its zero_grad() takes no set_to_none") from error
    except ValueError:  # one without a signature is called
        return


@check_page(
    "interface",
    catches="parameters that are replaced and not updated in place, which leaves their views behind.",
    sample="after step 1 a view of tensor 0 does not see the parameter's new values",
)
def check_in_place(trial: Trial) -> None:
    case = trial.case()
    live = trial.start(case.theta)
    owners = [id(parameter) for parameter in live.parameters]
    views = [parameter.detach().view(-1) for parameter in live.parameters]
    for step, gradients in enumerate(case.steps, 1):
        live.step(gradients)
        hold_place(live.parameters, views, step)
    groups = groups_of(live.optimizer) or []
    if groups and [id(p) for group in groups for p in group["params"]] != owners:
        raise Failed("its param_groups no longer hold the parameters that it was given")


def hold_place(parameters: list[Tensor], views: list[Tensor], step: int) -> None:
    for tensor, (parameter, view) in enumerate(zip(parameters, views, strict=True)):
        moved = parameter.data_ptr() != view.data_ptr() or not torch.equal(parameter.detach().view(-1), view)
        if moved:
            raise Failed(f"after step {step} a view of tensor {tensor} does not see the parameter's new values")
        if not (parameter.is_leaf and parameter.requires_grad):
            raise Failed(f"after step {step} tensor {tensor} is no leaf that requires a gradient")


@check_page(
    "interface",
    catches="state in the memory of a parameter or a gradient, or shared between two parameters.",
    sample="state exp_avg of tensor 0 is in the memory of the parameter of tensor 0",
    why="what shares memory is found here before it does harm: the runs above overwrite gradients only.",
)
def check_state_memory(trial: Trial) -> None:
    case = trial.case()
    live = trial.start(case.theta)
    for gradients in case.steps[:2]:
        live.step(gradients)
    owners: dict[int, str] = {}
    for tensor, parameter in enumerate(live.parameters):
        owners[place(parameter)] = f"the parameter of tensor {tensor}"
        if parameter.grad is not None:
            owners[place(parameter.grad)] = f"the gradient of tensor {tensor}"
    seen: dict[int, int] = {}
    for tensor in range(len(live.parameters)):
        for key, value in live.state(tensor).items():
            if not dense(value) or value.numel() != live.parameters[tensor].numel():
                continue
            if place(value) in owners:
                raise Failed(f"state {key} of tensor {tensor} is in the memory of {owners[place(value)]}")
            if seen.setdefault(first_element(value), tensor) != tensor:
                raise Failed(f"state {key} of tensor {tensor} is also that of tensor {seen[first_element(value)]}")


def dense(value: Any) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.layout is torch.strided


def place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def first_element(tensor: Tensor) -> int:
    return tensor.data_ptr()
