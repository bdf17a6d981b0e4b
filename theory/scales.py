"""Degrees of both sides of each inequality in gradients, parameters and step size; constants and horizons."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
