"""Lemma 1 and every line of its proof."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
