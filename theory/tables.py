"""Tables 1 to 5 and the sentences about them, from the printed figures alone."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
