"""What `check` looks at: the pages of `adanorm-verify list checks`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckPage:
    """One check: what it catches, and a sample of its message."""

    name: str
    catches: str
    sample: str


CHECKS = (
    CheckPage(
        "trajectory",
        "parameters that leave the envelope of what rounding can do to the printed equations, at any step of any case.",
        "first difference: e at step 1 (default, float64)  Algorithm 2, equation 4",
    ),
    CheckPage(
        "state",
        "the first mapped state quantity (m, v, e, previous g) outside its envelope names the equation; state kept "
        "times a constant is another representation and does not count.",
        "note: state e is kept times a constant; the parameters are not affected",
    ),
    CheckPage(
        "liveness",
        "a mechanism of the algorithm (correction, zero gradient, both branches of RAdam, friction) that took part in "
        "no case, or no parameter that moved: then nothing was shown, and the check does not pass.",
        "never happened in the cases that ran: correction",
    ),
)
