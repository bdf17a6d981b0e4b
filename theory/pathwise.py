"""A pathwise regret bound for norm-corrected methods with any ratios c_t >= 1 on a box."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
