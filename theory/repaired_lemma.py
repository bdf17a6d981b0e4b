"""A corrected Lemma 1 with explicit constants."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
