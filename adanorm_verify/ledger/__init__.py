"""The ledger's machinery: entries, the steps of their certificates, and what runs them again.

What the paper states, and what is decided about it, stands in the folder `theory`.
"""

from .entry import Entry, Finding, Step, Verdict
from .steps import claims, cover, identity, sign

__all__ = ["Entry", "Finding", "Step", "Verdict", "claims", "cover", "identity", "sign"]
