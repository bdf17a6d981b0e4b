"""Section 3.2: the remarks after Theorem 1."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
