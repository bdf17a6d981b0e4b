"""What the paper leaves open or seems to misprint: each an explicit decision with a default and its reason.

A decision changes an algorithm's list (one equation replaced) or one of its `conventions`, never the interpreters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from .equations import Algorithm
from .guard import guarded


@dataclass(frozen=True)
class Option:
    """One answer: what it means, and what it does to a list that has the default answer."""

    meaning: str
    apply: Callable[[Algorithm], Algorithm] = field(default=lambda algorithm: algorithm)


@dataclass(frozen=True)
class Decision:
    """An open question.

    Args:
        key: as `--decide KEY=VALUE` spells it.
        question: what the paper leaves open.
        default: the key of the default option.
        reason: why that one.
        options: key to answer.
        concerns: whether an algorithm has the question at all.
        equivalent: the paper supports the other options as well as the default, so that an implementation of any of
            them is an implementation of the paper (`check` says which one it found).
        observable: whether a comparison of finite numbers can tell the options apart.
    """

    key: str
    question: str
    default: str
    reason: str
    options: Mapping[str, Option]
    concerns: Callable[[Algorithm], bool]
    equivalent: bool = False
    observable: bool = True


def convention(key: str, value: str) -> Callable[[Algorithm], Algorithm]:
    return lambda algorithm: replace(algorithm, conventions={**algorithm.conventions, key: value})


def exchanged(name: str, function: Callable) -> Callable[[Algorithm], Algorithm]:
    """Replace the right-hand side of one equation; the quantities that it reads keep their bindings."""
    return lambda algorithm: algorithm.replacing(replace(algorithm[name], function=function))


def rebound(name: str, **reads: str) -> Callable[[Algorithm], Algorithm]:
    return lambda algorithm: algorithm.replacing(algorithm[name].reading(**reads))


def over_vector(algorithm: Algorithm) -> Algorithm:
    """The norm is that of all tensors of the group, which share one average."""
    return convention("norm_scope", "vector")(rebound("g_norm", g="g_vector", axes="vector_axes")(algorithm))


def s_as_printed(g, e, g_norm):
    return np.where(e > g_norm, e / g_norm * g, g)


def ratio_as_printed(m_hat, denominator):
    return m_hat / denominator


def xi_from_first(g, g_prev, t):
    return 1 / (1 + np.exp(-np.where(t == 1, 0 * g, np.abs(g - g_prev))))


def rho_as_printed(beta2, rho_u, rho_d):
    return np.sqrt((1 - beta2) * rho_u / rho_d)


def eps_inside_root(v_hat, eps):
    return np.sqrt(v_hat + eps)


def eps_before_correction(root, eps, beta2, t):
    return (root * np.sqrt(1 - beta2**t) + eps) / np.sqrt(1 - beta2**t)


def corrected(algorithm: Algorithm) -> bool:
    return "s" in algorithm


DECISIONS = (
    Decision(
        "guard",
        "Equation 3 may lift a gradient by any factor, and its regret is then not bounded; is there a limit?",
        "none",
        "the paper has no guard: an optimizer with one is another algorithm until that is decided.",
        {
            "none": Option("s = max(1, e/||g||) g"),
            "decaying": Option(
                "s = min(max(1, e/||g||), 1 + 1/sqrt(t)) g: ours, proved in theory (guard.decaying)", guarded
            ),
        },
        corrected,
    ),
    Decision(
        "zero_gradient",
        "Equation 3 is 0/0 where the gradient is zero and its average norm is not.",
        "zero",
        "s = 0: the limit of c*g for bounded c; one NaN would stay in m for ever.",
        {
            "zero": Option("s = g = 0"),
            "printed": Option("0/0, a NaN that stays", exchanged("s", s_as_printed)),
        },
        lambda algorithm: corrected(algorithm) and "cap" not in algorithm,  # a guard leaves a zero gradient zero
        observable=False,
    ),
    Decision(
        "norm_scope",
        "Equation 2 takes the norm over all k elements of the gradient vector; is that one tensor or all of them?",
        "tensor",
        "one tensor: what every public implementation does, the authors' own included.",
        {
            "tensor": Option("the norm of each parameter tensor"),
            "vector": Option("the norm over all tensors of a group together", over_vector),
        },
        corrected,
    ),
    Decision(
        "corrected_moments",
        "Which moments use s in place of g (Table 3 of the paper)?",
        "first",
        "the first: Algorithms 2, 4, 6 and 8, and the best row of Table 3.",
        {
            "first": Option("m from s, v from g"),
            "second": Option("m from g, v from s", lambda a: rebound("v", g="s")(rebound("m", g="g")(a))),
            "both": Option("m and v from s", rebound("v", g="s")),
        },
        corrected,
    ),
    Decision(
        "belief",
        "Algorithm 8 prints (g - m)^2 while its m averages s.",
        "s",
        "(s - m)^2: the belief is the distance of a gradient from its own average; the authors' released code has it.",
        {
            "s": Option("v from (s - m)^2", rebound("v", g="s")),
            "g": Option("v from (g - m)^2, as printed", rebound("v", g="g")),
        },
        lambda algorithm: algorithm.name == "adabeliefnorm",
        equivalent=True,
    ),
    Decision(
        "previous_gradient",
        "Algorithms 3 and 4 read g_0 at the first step and never define it.",
        "zero",
        "g_0 = 0 like every other initial value; the implementations agree.",
        {
            "zero": Option("g_0 = 0"),
            "first": Option("g_0 = g_1, so that the first friction is 1/2", exchanged("xi", xi_from_first)),
        },
        lambda algorithm: "xi" in algorithm,
    ),
    Decision(
        "rectification",
        "Algorithms 5 and 6 print sqrt((1 - beta2) rho_u/rho_d).",
        "power",
        "1 - beta2^t, as in RAdam's own paper and in every implementation; the printed line lacks a t.",
        {
            "power": Option("sqrt((1 - beta2^t) rho_u/rho_d)"),
            "printed": Option("sqrt((1 - beta2) rho_u/rho_d)", exchanged("rho", rho_as_printed)),
        },
        lambda algorithm: "rho" in algorithm,
    ),
    Decision(
        "unrectifiable",
        "With rho_inf <= 4 (beta2 <= 0.6) rho_t never reaches 5, and rho_d need not be positive.",
        "plain",
        "the printed branch: every step is the plain one, and the square root is never taken.",
        {
            "plain": Option("every step is the plain one"),
            "refuse": Option("a ValueError", convention("unrectifiable", "refuse")),
        },
        lambda algorithm: "rho" in algorithm,
        observable=False,
    ),
    Decision(
        "zero_denominator",
        "With eps = 0, or with AdaBelief's v = 0, the denominator can be zero.",
        "stay",
        "a coordinate whose denominator is exactly zero does not move; with eps > 0 this changes nothing.",
        {
            "stay": Option("that coordinate does not move"),
            "printed": Option("m_hat/0", exchanged("ratio", ratio_as_printed)),
        },
        lambda algorithm: True,
        equivalent=True,
    ),
    Decision(
        "eps_placement",
        "Where eps stands relative to the root and the bias correction.",
        "outside",
        "outside the root, after the bias correction of v: every printed algorithm.",
        {
            "outside": Option("sqrt(v_hat) + eps"),
            "inside": Option("sqrt(v_hat + eps)", exchanged("denominator", eps_inside_root)),
            "scaled": Option(
                "(sqrt(v) + eps)/sqrt(1 - beta2^t)",
                exchanged("denominator", eps_before_correction),
            ),
        },
        lambda algorithm: "v_hat" in algorithm,
    ),
    Decision(
        "non_finite",
        "NaN and infinity in a gradient.",
        "propagate",
        "the printed arithmetic, tensor by tensor: a NaN makes e NaN, and no later e > g_norm of that tensor holds.",
        {
            "propagate": Option("IEEE arithmetic, tensor by tensor"),
            "refuse": Option("a ValueError", convention("non_finite", "refuse")),
        },
        lambda algorithm: True,
        observable=False,
    ),
)

BY_KEY = {decision.key: decision for decision in DECISIONS}


def decided(algorithm: Algorithm, answers: Mapping[str, str] | None = None) -> Algorithm:
    """`algorithm` with each open question answered: the defaults, and `answers` in their place.

    Raises:
        ValueError: an unknown question or answer, or a question that the algorithm does not have.
    """
    answers = dict(answers or {})
    for key, value in answers.items():
        decision = BY_KEY.get(key)
        if decision is None:
            raise ValueError(f"unknown decision {key!r}; the decisions are {', '.join(BY_KEY)}")
        if value not in decision.options:
            raise ValueError(f"decision {key} cannot be {value!r}; it is one of {', '.join(decision.options)}")
    asked: list[Decision] = []
    for decision in DECISIONS:  # in order: an answer may settle a later question
        if decision.concerns(algorithm):
            algorithm = decision.options[answers.get(decision.key, decision.default)].apply(algorithm)
            asked.append(decision)
    for key in (key for key in answers if BY_KEY[key] not in asked):
        others = "".join(f" with {name}={value}" for name, value in answers.items() if name != key)
        has = ", ".join(decision.key for decision in asked)
        raise ValueError(f"decision {key} does not concern {algorithm.name}{others}; its decisions are {has}")
    return algorithm
