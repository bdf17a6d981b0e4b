"""Verify the implementation, test the theory: AdaNorm (WACV 2023) and every PyTorch optimizer that claims to be it."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Verdict", "__version__", "check_optimizer"]

if TYPE_CHECKING:
    from .conformance import check_optimizer
    from .verdict import Verdict


def __getattr__(name: str) -> Any:
    # Importing torch takes over a second; `adanorm-verify --help` must not pay for it.
    if name == "check_optimizer":
        from .conformance import check_optimizer

        return check_optimizer
    if name == "Verdict":
        from .verdict import Verdict

        return Verdict
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
