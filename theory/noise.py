"""Which noise the correction turns into a bias: stationary points of the mean iteration in closed form."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
