"""The checks: plain functions, each with a page that says what it catches."""

from . import calling, laws, memory, options, state, tensors, values  # noqa: F401  (they register their pages)
from .pages import COMPARED, CheckPage, Failed, NotApplicable, registered
from .runner import run_checks

GROUPS = ("trajectory", "laws", "liveness", "state", "robustness", "interface")

CHECKS: tuple[CheckPage, ...] = tuple(sorted((*COMPARED, *registered()), key=lambda page: GROUPS.index(page.group)))
"""What `check` looks at: the pages of `adanorm-verify list checks`."""

__all__ = ["CHECKS", "CheckPage", "Failed", "NotApplicable", "run_checks"]
