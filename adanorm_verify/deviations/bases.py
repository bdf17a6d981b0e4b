"""What the bases add to Adam: RAdam's rectification, diffGrad's friction, and the update itself."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..paper import Algorithm, Equation
from ..paper.decisions import convention, rho_as_printed, xi_from_first
from ..paper.equations import FIRST
from .deviation import (
    MISSING,
    Deviation,
    Kind,
    adjusted,
    adjustment,
    beginning,
    both,
    deviation,
    exchanged,
    fixed,
    reading,
    said,
)


def rectified_from(threshold: float) -> Deviation:
    def theta(theta_prev, rho_t, alpha1, ratio, alpha2, m):
        return np.where(rho_t >= threshold, theta_prev - alpha1 * ratio, theta_prev - alpha2 * m)

    name = f"rectified-from-{threshold:g}"
    meaning = f"the step is rectified from rho_t >= {threshold:g} on, where the paper has 5"
    return Deviation(name, "convention", meaning, "theta", exchanged("theta", theta), ("rho",), replaces=True)


@deviation("theta", "convention", "rho")
def plain_step_skipped(theta_prev, rho_t, alpha1, ratio):
    """below the threshold nothing moves: the plain step is skipped"""
    return np.where(rho_t >= 5, theta_prev - alpha1 * ratio, theta_prev)


@deviation("alpha2", "convention")
def plain_step_without_bias_correction(lr):
    """the plain step has no bias correction: lr m"""
    return lr


@deviation("theta", "defect", "rho")
def plain_step_adaptive(theta_prev, rho_t, alpha1, ratio, alpha2, beta2, t):
    """below the threshold the step is Adam's, not the plain one"""
    return np.where(rho_t >= 5, theta_prev - alpha1 * ratio, theta_prev - alpha2 * np.sqrt(1 - beta2**t) * ratio)


@deviation("theta", "defect", "rho")
def never_rectified(theta_prev, alpha2, m):
    """every step is the plain one"""
    return theta_prev - alpha2 * m


@deviation("rho", "defect")
def rectification_missing(beta2, t):
    """the adaptive step is not rectified: rho lacks sqrt(rho_u/rho_d)"""
    return np.sqrt(1 - beta2**t)


@deviation("rho", "defect")
def rectified_without_second_bias(rho_u, rho_d):
    """rho lacks the bias correction sqrt(1 - beta2^t)"""
    return np.sqrt(rho_u / rho_d)


@deviation("rho", "defect")
def rectification_unrooted(beta2, t, rho_u, rho_d):
    """rho_u/rho_d is not rooted"""
    return np.sqrt(1 - beta2**t) * rho_u / rho_d


@deviation("rho", "defect")
def rectification_inverted(beta2, t, rho_u, rho_d):
    """rho has rho_d/rho_u"""
    return np.sqrt((1 - beta2**t) * rho_d / rho_u)


def rectified_as_first_group(algorithm: Algorithm) -> Algorithm:
    """The scalars of the step read the first group's betas; the moments their own."""
    scalars = [equation for equation in algorithm.equations if equation.extent == "step"]
    return algorithm.replacing(*(reading(equation, OF_FIRST_GROUP) for equation in scalars))


OF_FIRST_GROUP = {name: name + FIRST for name in ("beta1", "beta2")}


@deviation("rho_inf", "defect")
def rho_inf_without_one(beta2):
    """rho_inf lacks its - 1"""
    return 2 / (1 - beta2)


@deviation("rho_t", "defect")
def rho_t_without_two(rho_inf, beta2, t):
    """rho_t lacks the factor 2 before t beta2^t"""
    return rho_inf - t * beta2**t / (1 - beta2**t)


@deviation("xi", "defect", silences="friction")
def friction_unused(g):
    """there is no friction: xi = 1"""
    return 1 + 0 * g


@deviation("xi", "defect")
def friction_signed(g, g_prev):
    """the friction lacks the absolute value"""
    return 1 / (1 + np.exp(-(g - g_prev)))


@deviation("xi", "defect")
def friction_turned(g, g_prev):
    """the friction falls with the change of the gradient: 1/(1 + exp(|g_t - g_{t-1}|))"""
    return 1 / (1 + np.exp(np.abs(g - g_prev)))


@deviation("xi", "defect")
def friction_reversed(g, g_prev):
    """the change of the gradient has the other sign, and no absolute value"""
    return 1 / (1 + np.exp(g - g_prev))


@deviation("xi", "defect")
def friction_from_g(g):
    """the friction is of the gradient itself, not of its change"""
    return 1 / (1 + np.exp(-np.abs(g)))


def friction_of_s(algorithm: Algorithm) -> Algorithm:
    """The friction reads s and its predecessor, and stands behind s."""
    xi = algorithm["xi"].reading(g="s", g_prev="s_prev")
    others = [equation for equation in algorithm.equations if equation.name != "xi"]
    behind = 1 + [equation.name for equation in others].index("s")
    return replace(algorithm, equations=(*others[:behind], xi, *others[behind:]))


def stepping(name: str, kind: Kind, function: Callable[..., Any], solves: str = "") -> Deviation:
    """The learning rate that the update sees is another one."""

    def change(algorithm: Algorithm) -> Algorithm:
        rate = Equation("step_size", function, "", extent="step")
        listed = fixed(solves, 1.0)(algorithm) if solves else algorithm
        return beginning([rate], listed, lr="step_size")

    return Deviation(name, kind, said(function), "theta", change, solves=solves)


def negative(lr):
    """the update is added, not subtracted"""
    return -lr


def over_root_of_t(lr, t):
    """the learning rate is divided by sqrt(t)"""
    return lr / np.sqrt(t)


def warmed_up(lr, t, warmup_steps):
    """the learning rate rises linearly over the first warmup_steps steps: lr min(1, t/warmup_steps)"""
    return lr * np.minimum(t / warmup_steps, 1)


@adjustment("theta", "defect")
def first_step_skipped(paper, theta_prev, t):
    """the parameters do not move at the first step"""
    return np.where(t == 1, theta_prev, paper)


@deviation("ratio", "defect")
def v_unused(m_hat):
    """the second moment is not used: the step is lr m_hat"""
    return m_hat


def decayed(g, theta_prev, weight_decay):
    return g + weight_decay * theta_prev


def decay_coupled(algorithm: Algorithm) -> Algorithm:
    """Every equation reads the gradient of the loss and the penalty together."""
    penalised = Equation("g_decayed", decayed, "g_t + λ θ_{{t−1}}")
    return beginning([penalised], algorithm, g="g_decayed", g_prev="g_decayed_prev")


def shrunk(theta_prev, lr, weight_decay):
    return theta_prev - lr * weight_decay * theta_prev


def decay_decoupled(algorithm: Algorithm) -> Algorithm:
    """The parameters shrink before the update."""
    smaller = Equation("theta_decayed", shrunk, "θ_{{t−1}} − α λ θ_{{t−1}}")
    return beginning([smaller], algorithm, theta_prev="theta_decayed")


def shrunk_after(paper, lr, weight_decay):
    return paper - lr * weight_decay * paper


def counting(name: str, kind: Kind, key: str, meaning: str, until: str = "") -> Deviation:
    """The step t is another count."""
    return Deviation(name, kind, meaning, "theta", convention("step_count", key), until=until)


BASES = (
    rectified_from(4),
    rectified_from(6),
    plain_step_skipped,
    plain_step_without_bias_correction,
    plain_step_adaptive,
    never_rectified,
    Deviation(
        "rectification-as-printed", "defect", "rho has 1 - beta2 where RAdam has 1 - beta2^t", "rho",
        exchanged("rho", rho_as_printed), replaces=True,
    ),
    rectification_missing,
    rectified_without_second_bias,
    rectification_unrooted,
    rectification_inverted,
    rho_inf_without_one,
    rho_t_without_two,
    Deviation(
        "rectified-as-first-group", "defect",
        "the step size is looked up by the step in a table that groups share: it is of the first group's betas", "rho",
        rectified_as_first_group,
    ),
    friction_unused,
    friction_signed,
    friction_turned,
    friction_reversed,
    friction_from_g,
    Deviation(
        "friction-from-s", "defect", "the friction is of the change of s, not of g", "xi", friction_of_s, ("s",)
    ),
    stepping("ascends", "defect", negative),
    stepping("lr-decays", "defect", over_root_of_t),
    stepping("lr-warmup", "convention", warmed_up, "warmup_steps"),
    first_step_skipped,
    v_unused,
    counting(
        "step-of-group", "convention", "group",
        "t counts the calls of step(), not the gradients of each tensor: bias corrections differ after a missing one",
        MISSING,
    ),
    counting(
        "step-counts-tensors", "defect", "tensors",
        "t counts the gradients of all tensors of a group: it goes on from one tensor to the next",
    ),
    counting(
        "step-counts-all-tensors", "defect", "all tensors",
        "t counts the gradients of all tensors of all groups: it goes on from one tensor to the next",
    ),
    counting(
        "step-of-first-tensor", "defect", "first tensor",
        "t of every tensor is that of the group's first one with a gradient",
    ),
    counting(
        "step-of-last-tensor", "defect", "last tensor",
        "t of every tensor is that of the group's last one with a gradient",
    ),
    Deviation(
        "missing-is-zero", "convention", "a missing gradient counts as a zero one", "theta",
        convention("missing_gradient", "zero"), until=MISSING,
    ),
    Deviation(
        "previous-gradient-from-first", "convention", "g_0 = g_1, so that the first friction is 1/2", "xi",
        exchanged("xi", xi_from_first), replaces=True,
    ),
    Deviation(
        "weight-decay-left-on", "defect", "a weight decay is on: g + lambda theta in place of g", "theta",
        both(fixed("weight_decay", 0.0), decay_coupled), solves="weight_decay",
    ),
    Deviation(
        "decoupled-weight-decay-left-on", "defect", "a decoupled weight decay is on: theta (1 - lr lambda)", "theta",
        both(fixed("weight_decay", 0.0), decay_decoupled), solves="weight_decay",
    ),
    Deviation(
        "decoupled-weight-decay-after", "defect",
        "a decoupled weight decay is on, after the update: theta (1 - lr lambda)", "theta",
        both(fixed("weight_decay", 0.0), adjusted("theta", shrunk_after)), solves="weight_decay",
    ),
)  # fmt: skip
