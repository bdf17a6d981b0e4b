"""Which algorithm a subject is, and up to what, without being told what it claims to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .calling import spelled
from .diagnosis import Evidence, Explanation, explain
from .errors import CannotCheck
from .hosting.lending import Lent, lent
from .hosting.source import MEMORY, TIMEOUT, Limits, Source
from .paper import ALGORITHMS, PRINTED, Algorithm, algorithm
from .runs import Check, Combination, checked, probe
from .verdict import FoundDeviation

if TYPE_CHECKING:
    import torch

Progress = Callable[[str, int, int], None]
FORMATS = ("float64", "float32")
"""Tried in this order: float64 parts more."""
LARGEST_SET = 4
"""Deviations in a set, at most: eight algorithms are searched, and with enough deviations one is the other."""


@dataclass(frozen=True)
class Identity:
    """One algorithm that a subject equals.

    Args:
        algorithm: its name.
        title: as the paper spells it.
        deviations: the smallest set found up to which it does; empty for an exact match.
        sentence: the same in words.
        path: the execution path that was asked.
        dtype: of its tensors.
        unfollowed: state quantities that do not follow the list.
    """

    algorithm: str
    title: str
    deviations: tuple[FoundDeviation, ...]
    sentence: str
    path: str
    dtype: str
    unfollowed: int


def identify(
    target: str | Callable[..., torch.optim.Optimizer],
    *,
    arguments: Mapping[str, Any] | None = None,
    rename: Mapping[str, str] | None = None,
    device: str = "cpu",
    timeout: float = TIMEOUT,
    memory: float = MEMORY,
    in_process: bool = False,
    progress: Progress | None = None,
) -> tuple[Identity, ...]:
    """Rank the algorithms that a subject equals up to named deviations, fewest deviations first.

    One and two deviations are tried for every algorithm; three and more only where nothing else was found.

    Args:
        target: as for `check_optimizer`.
        arguments: fixed constructor arguments.
        rename: paper's hyperparameter to the constructor's argument.
        device: of the tensors.
        timeout: as for `check_optimizer`.
        memory: likewise.
        in_process: likewise.
        progress: called as algorithms are done.

    Raises:
        CannotCheck: the target cannot be found, or takes no plain step.
    """
    name = target if isinstance(target, str) else spelled(target)
    source = Source(name, None if isinstance(target, str) else target, dict(arguments or {}), device=device)
    with lent(source, Limits(timeout, memory), in_process) as lender:
        _ = lender.about  # found out here whether there is such a thing at all
        return ranked(lender, rename or {}, device, progress)


def ranked(lender: Lent, rename: Mapping[str, str], device: str, progress: Progress | None) -> tuple[Identity, ...]:
    """See `identify`."""
    asked = [asking(lender, algorithm(key), rename, device) for key in ALGORITHMS]
    printed = asked[: len(PRINTED)]  # AMSGrad is one deviation from Adam: few more are found from there
    found: list[Identity] = []
    for sizes, of in ((range(3), asked), (range(3, LARGEST_SET + 1), printed)):
        for done, (check, combination) in enumerate(of, 1):
            explanation = explain(check, combination, Evidence(), [check.algorithm], sizes=sizes)
            if explanation:
                found.append(identity(check, combination, explanation))
            if progress is not None:
                progress(check.algorithm.name, done, len(of))
        if found:
            break
    return tuple(sorted(found, key=lambda one: (len(one.deviations), one.unfollowed)))


def asking(lender: Lent, paper: Algorithm, rename: Mapping[str, str], device: str) -> tuple[Check, Combination]:
    """The subject as one algorithm, on its first path, in the best format that it takes."""
    known = {ours: theirs for ours, theirs in rename.items() if ours in (*paper.hyperparameters, "betas")}
    subject = lender.subject(known, paper.hyperparameters)
    check = checked(subject, paper, device)
    tried = [probe(check, next(iter(subject.paths)), dtype) for dtype in FORMATS]
    plain = next((combination for combination in tried if not combination.note), None)
    if plain is None:
        raise CannotCheck(f"{subject.target}: {tried[0].note}")
    return check, plain


def identity(check: Check, combination: Combination, explanation: Explanation) -> Identity:
    paper = check.algorithm
    deviations = explanation.found(())
    return Identity(
        paper.name,
        paper.title,
        deviations,
        explanation.sentence(),
        combination.path,
        combination.dtype,
        explanation.unfollowed,
    )
