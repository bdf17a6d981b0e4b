"""Guarded corrections whose regret is O(sqrt(T))."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
