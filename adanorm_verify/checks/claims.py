"""Which weight decay an optimizer claims: asked of the caller, of its signature, its name and its docstring."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from ..subject import Subject
from .decay import Claim

SWITCH = re.compile(r"decoupled?(_|$)")
"""In the name of a switch that says whether weight decay is decoupled: weight_decouple, decoupled_weight_decay."""
COUPLED = re.compile(
    r"\bL2[ -]+(penalty|regulari[sz]\w+|(weight )?decay)|\bweight[ _-]decay\b[^.\n]{0,60}\bL2\b(?![ -]+norm)"
    r"|\bdecay\b[^.]{0,60}\badded to the gradients?\b|\bcoupled weight decay",
    re.IGNORECASE,
)
DECOUPLED = re.compile(r"\bdecoupled\b[^.\n]{0,40}\bdecay|\bweight[ _-]decay\b[^.\n]{0,60}\bdecoupled\b", re.IGNORECASE)
"""What a docstring says; one that says both, or neither, claims nothing."""
CONTRAST = re.compile(
    r"\b(not|no|non|never|without|unlike|than|instead|opposed|contrast|compared?|see|variants?|use|versus|vs|rather|if)\b",
    re.IGNORECASE,
)
"""A sentence with such a word may speak of another optimizer, or deny, and claims nothing."""


def claimed(subject: Subject) -> tuple[Claim, str] | None:
    """The claim and who makes it: the caller, a switch of the signature, the name, the docstring; None if unclear."""
    if subject.decay:
        return ("coupled" if subject.decay == "coupled" else "decoupled"), "as --decay says"
    return by_switch(subject) or by_name(subject.factory) or by_docstring(subject.factory)


def by_switch(subject: Subject) -> tuple[Claim, str] | None:
    for name, parameter in subject.parameters.items():
        value = subject.arguments.get(name, parameter.default)
        if SWITCH.search(name) and isinstance(value, bool):
            return ("decoupled" if value else "coupled"), f"by {name}={value}"
    return None


def by_name(factory: Any) -> tuple[Claim, str] | None:
    """A name such as AdamW or SGDW."""
    name = getattr(unwrapped(factory), "__name__", "")
    return ("decoupled", f"by its name {name}") if re.search(r"([a-z]|SGD)W$", name) else None


def by_docstring(factory: Any) -> tuple[Claim, str] | None:
    sentences = re.split(r"(?<=[.;:])\s+|\n\n+", "\n\n".join(docstrings(factory)))
    text = "\n".join(sentence for sentence in sentences if not CONTRAST.search(sentence))
    said: list[Claim] = []
    if COUPLED.search(text):
        said.append("coupled")
    if DECOUPLED.search(text):
        said.append("decoupled")
    return (said[0], "in its docstring") if len(said) == 1 else None


def docstrings(factory: Any) -> Iterator[str]:
    """Its own and its constructor's, without those of its bases; lines joined."""
    own = unwrapped(factory)
    for documented in (own, vars(own).get("__init__") if isinstance(own, type) else None):
        text = getattr(documented, "__doc__", None)
        if isinstance(text, str):
            yield re.sub(r"[ \t]*\n[ \t]*(?!\n)", " ", text)


def unwrapped(factory: Any) -> Any:
    while isinstance(factory, functools.partial):
        factory = factory.func
    return factory
