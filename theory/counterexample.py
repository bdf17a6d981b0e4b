"""Linear regret of the corrected methods at the default hyperparameters, on losses of period three."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
