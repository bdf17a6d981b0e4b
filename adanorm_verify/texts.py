"""Texts that a subject is the author of: its messages and names, cut to a length that a person reads."""

from __future__ import annotations

LONGEST = 300
"""Characters of a message or a name; longer ones end in an ellipsis. A sentence of torch's has about a hundred."""
LONGEST_KEY = 100
"""Characters of a key of a subject's state; what has a longer one is not recorded."""


def cut(text: str, longest: int = LONGEST) -> str:
    """At most `longest` characters of a text."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def first_line(error: BaseException) -> str:
    """The first line of what an exception says; empty where saying it raises."""
    try:
        return cut((str(error).strip().splitlines() or [""])[0])
    except Exception:  # a foreign exception's own __str__ may raise anything
        return ""


def said(error: BaseException) -> str:
    """Type and first line of an exception."""
    name, line = cut(type(error).__name__, LONGEST_KEY), first_line(error)
    return f"{name}: {line}" if line else name
