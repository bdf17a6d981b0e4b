"""When plain regret O(sqrt(T)) follows from the pathwise bound, and when it does not."""

from adanorm_verify.ledger import Entry

ENTRIES: tuple[Entry, ...] = ()
