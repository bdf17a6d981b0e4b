"""Text that other people's code produced, made fit for XML and HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..verdict import CheckResult, Run

UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no place for, and control characters that it discourages."""


def printable(text: str) -> str:
    """The text with control characters and half characters spelled out, as Python spells them."""
    return UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)


def combination(of: Run | CheckResult) -> str:
    """The path and dtype that something was run on."""
    return ", ".join(part for part in (of.path, of.dtype) if part)


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as (dotted name, text) pairs."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
