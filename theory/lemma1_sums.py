"""x."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
