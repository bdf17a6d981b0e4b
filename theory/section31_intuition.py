"""Section 3.1: the three scenarios, in one dimension and without bias correction."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
