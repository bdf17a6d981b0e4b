"""The checks: plain functions, each with a page that says what it catches."""

from importlib import import_module
from pkgutil import iter_modules

from .pages import COMPARED, CheckPage, Failed, NotApplicable, registered
from .runner import run_checks

for _module in iter_modules(__path__):  # each file registers the pages of its checks
    import_module(f"{__name__}.{_module.name}")

GROUPS = ("trajectory", "laws", "liveness", "state", "robustness", "interface")

CHECKS: tuple[CheckPage, ...] = tuple(sorted((*COMPARED, *registered()), key=lambda page: GROUPS.index(page.group)))
"""What `check` looks at: the pages of `adanorm-verify list checks`."""

__all__ = ["CHECKS", "CheckPage", "Failed", "NotApplicable", "run_checks"]
