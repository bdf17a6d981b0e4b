"""State that is overwritten by what is made of it: a root, a denominator or a bias correction taken in place."""

import numpy as np

from .deviation import Deviation, adjusted, both, exchanged


def rooted(paper):
    return np.sqrt(paper)


def rooted_with_eps(paper, eps):
    return np.sqrt(paper) + eps


def corrected_by_beta2(paper, beta2, t):
    return paper / (1 - beta2**t)


def corrected_by_beta1(paper, beta1, t):
    return paper / (1 - beta1**t)


def square_corrected(v, beta2, t):
    return v**2 / (1 - beta2**t)


def already_corrected(v):
    return v


def already_denominator(v, beta2, t):
    return v / np.sqrt(1 - beta2**t)


def corrected_already(m):
    return m


def made_in_place(kept: str, prefix: str, *needs: str) -> tuple[Deviation, ...]:
    """The deviations of a second moment that is kept under the name `kept`.

    Args:
        kept: v, or the largest v.
        prefix: of the names.
        needs: see `Deviation`.
    """
    used = {"v": kept}
    return (
        Deviation(
            f"{prefix}-rooted-in-place", "defect",
            f"the root is taken in place: the next step goes on from the root of {kept}", kept,
            both(adjusted(kept, rooted), exchanged("v_hat", square_corrected)), ("v_hat", *needs),
        ),
        Deviation(
            f"{prefix}-denominator-in-place", "defect",
            f"root and eps are taken in place: the next step goes on from sqrt({kept}) + eps", kept,
            both(adjusted(kept, rooted_with_eps), reading_kept("denominator", already_denominator, used)),
            ("v_hat", *needs),
        ),
        Deviation(
            f"{prefix}-corrected-in-place", "defect",
            f"the bias correction divides {kept} in place: the next step goes on from the corrected one", kept,
            both(adjusted(kept, corrected_by_beta2), exchanged("v_hat", already_corrected)), ("v_hat", *needs),
        ),
    )  # fmt: skip


def reading_kept(equation, function, reads):
    """The equation is the function, which reads what `reads` says."""
    return lambda a: exchanged(equation, function)(a.replacing(a[equation].reading(**reads)))


M_CORRECTED_IN_PLACE = Deviation(
    "m-corrected-in-place",
    "defect",
    "the bias correction divides m in place: the next step goes on from the corrected one",
    "m",
    both(adjusted("m", corrected_by_beta1), exchanged("m_hat", corrected_already)),
    ("m_hat",),
)
