"""The JSON document of a verdict: written, and read back."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from .cases import Case
from .paper import algorithm
from .verdict import SCHEMA, Divergence, Verdict

NOT_FINITE = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}
"""Floats as strings: JSON has no spelling for them."""

SPELLED = {"outcome": "verdict", "deviations": "explained_by"}
"""Fields of `Verdict` whose names in the document are others; `deviations` lists names there."""

NUMBERS = re.compile(r"\[\s+((?:-?[0-9][0-9.e+-]*,\s+)*-?[0-9][0-9.e+-]*)\s+\](?=,?\n)")
"""A list of numbers over several lines; no string holds a line break."""


def written(verdict: Verdict) -> str:
    """The document's text."""
    document = {
        "schema": SCHEMA,
        "verdict": verdict.outcome,
        "target": verdict.target,
        "algorithm": verdict.algorithm,
        "reason": verdict.reason,
        "deviations": [*(found.name for found in verdict.deviations), *verdict.failed_checks],
        "explanation": verdict.explanation,
        "explained_in_part": list(verdict.explained_in_part),
        "explained_by": [asdict(found) for found in verdict.deviations],
        "decisions": dict(verdict.decisions),
        "first_divergence": divergence(verdict.first_divergence) if verdict.first_divergence else None,
        "runs": [asdict(run) for run in verdict.runs],
        "records": [asdict(record) for record in verdict.records],
        "checks": [asdict(check) for check in verdict.checks],
        "notes": list(verdict.notes),
        "setup": asdict(verdict.setup),
        **verdict.environment,
    }
    text = json.dumps(finite(document), indent=2, ensure_ascii=False, allow_nan=False)
    return NUMBERS.sub(lambda match: "[" + re.sub(r",\s+", ", ", match[1]) + "]", text) + "\n"


def divergence(found: Divergence) -> dict[str, Any]:
    return {**asdict(found), "case": found.case.to_json(), "ratio": found.ratio}


def finite(value: Any) -> Any:
    """Non-finite floats as strings, tuples as lists."""
    if isinstance(value, dict):
        return {key: finite(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [finite(x) for x in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value


class Malformed(ValueError):
    """A place of a document does not hold what belongs there."""

    def __init__(self, at: str, value: Any, wanted: str) -> None:
        shown = repr(value)
        super().__init__(f"{at} is {shown if len(shown) <= 60 else shown[:59] + '…'}; {wanted} is wanted")


def read(text: str) -> Verdict:
    """The verdict of a document.

    Raises:
        ValueError: it is none, is of another schema, or lacks something.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(document, dict) or "schema" not in document:
        raise ValueError("not the JSON document of a check: it has no schema")
    if document["schema"] != SCHEMA:
        raise ValueError(f"its schema is {document['schema']!r}; this version reads {SCHEMA}")
    renamed = {field.name: SPELLED.get(field.name, field.name) for field in fields(Verdict)}
    given = {name: document[key] for name, key in renamed.items() if key in document and name != "environment"}
    known = {"schema", "deviations", *renamed.values()}
    environment = {key: value for key, value in document.items() if key not in known}
    for needed in ("verdict", "setup", "runs", "records"):
        if needed not in document:
            raise ValueError(f"it has no {needed}")
    verdict = decoded(Verdict, {**given, "environment": environment}, "")
    algorithm(verdict.algorithm, verdict.decisions)  # refuses names that it does not know
    return verdict


def decoded(hint: Any, value: Any, at: str) -> Any:
    """`value` of a JSON document as what a type says, checked all the way down.

    Args:
        hint: a dataclass, a plain type, or a tuple, mapping, literal or union of such.
        value: what the document has.
        at: its place, for errors.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if hint is float:
        return number(value, at)
    if hint in (str, int, bool):
        return plain(hint, value, at)
    if hint is Case:
        return case(value, at)
    if is_dataclass(hint) and isinstance(hint, type):
        return record(hint, value, at)
    if origin is Literal:
        if value not in parts:
            raise Malformed(at, value, f"one of {', '.join(map(repr, parts))}")
        return value
    if origin in (Union, types.UnionType):
        return None if value is None else decoded(parts[0], value, at)
    if origin is tuple:
        if not isinstance(value, list):
            raise Malformed(at, value, "a list")
        return tuple(decoded(parts[0], x, f"{at}[{i}]") for i, x in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, dict):
            raise Malformed(at, value, "an object")
        return {key: decoded(parts[1], x, f"{at}.{key}") for key, x in value.items()}
    raise TypeError(f"{at}: no way to read {hint}")


def number(value: Any, at: str) -> float:
    if isinstance(value, str) and value in NOT_FINITE:
        return NOT_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed(at, value, "a number")
    return float(value)


def plain(kind: type, value: Any, at: str) -> Any:
    if type(value) is not kind:
        raise Malformed(at, value, {str: "a string", int: "a whole number", bool: "true or false"}[kind])
    return value


def record(kind: type, value: Any, at: str) -> Any:
    """A dataclass of an object; keys that it does not know are left."""
    if not isinstance(value, dict):
        raise Malformed(at, value, "an object")
    hints = get_type_hints(kind)
    dot = f"{at}." if at else ""
    given = {}
    for field in fields(kind):
        if field.name in value:
            given[field.name] = decoded(hints[field.name], value[field.name], dot + SPELLED.get(field.name, field.name))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"it has no {dot}{field.name}")
    return kind(**given)


def case(value: Any, at: str) -> Case:
    """A case whose parts fit each other."""
    try:
        found = Case.from_json(value)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"{at} is not a case: {type(error).__name__}: {error}") from error
    numbered = set(found.groups) == set(range(len(found.hyperparameters)))
    if not found.theta or not found.steps or len(found.groups) != len(found.theta) or not numbered:
        raise ValueError(f"{at} is not a case: its tensors, groups and hyperparameters do not fit each other")
    for gradients in found.steps:
        shapes = [shape if g is None else g.shape for g, shape in zip(gradients, found.shapes, strict=False)]
        if len(gradients) != len(found.theta) or tuple(shapes) != found.shapes:
            raise ValueError(f"{at} is not a case: gradients of shapes {shapes} for tensors of {list(found.shapes)}")
    return found
