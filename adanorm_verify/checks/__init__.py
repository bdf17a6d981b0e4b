"""The checks: plain functions, each with a page that says what it catches. Every file here registers its own."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from .pages import COMPARED, GROUPS, CheckPage, Failed, NotApplicable, registered

__all__ = ["CHECKS", "CheckPage", "Failed", "NotApplicable", "all_checks"]


def all_checks() -> tuple[CheckPage, ...]:
    """The pages of all checks that have a function; their modules, and with them torch, are imported."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return tuple(sorted(registered(), key=lambda page: GROUPS.index(page.group)))


def __getattr__(name: str) -> Any:
    if name == "CHECKS":  # what `check` looks at: the pages of `adanorm-verify list checks`
        return tuple(sorted((*COMPARED, *all_checks()), key=lambda page: GROUPS.index(page.group)))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
