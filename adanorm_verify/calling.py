"""How a subject is called, as plain data that a document can hold; and back again."""

from __future__ import annotations

import ast
import functools
import inspect
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import CannotCheck
from .texts import cut
from .verdict import Setup

NOT_LITERAL = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}
"""Floats whose `repr` is not a Python literal."""


def setup(arguments: Mapping[str, Any], rename: Mapping[str, str], device: str, sharded: int = 0) -> Setup:
    """The record of a call."""
    return Setup({name: repr(value) for name, value in arguments.items()}, dict(rename), device, sharded=sharded)


def arguments_of(recorded: Setup) -> dict[str, Any]:
    """The constructor arguments of a record.

    Raises:
        CannotCheck: one was an object that has no Python literal.
    """
    return {name: value_of(name, source) for name, source in recorded.arguments.items()}


def value_of(name: str, source: str) -> Any:
    if source in NOT_LITERAL:
        return NOT_LITERAL[source]
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise CannotCheck(f"argument {name} was {source}, which cannot be made again from a document") from None


def place_of(factory: Callable[..., Any], target: str, folder: str) -> tuple[str, int]:
    """File and line of a class or factory's definition, seen from a folder; "" and 0 where they cannot be found."""
    while isinstance(factory, functools.partial):
        factory = factory.func
    function = own_function(factory)
    try:
        file = function.__code__.co_filename if function else source_file(factory, target)
        path = Path(folder, file).resolve(strict=True)
        line = function.__code__.co_firstlineno if function and not isinstance(factory, type) else 0
        line = line or class_line(path.read_text(encoding="utf-8"), factory.__qualname__)
    except (OSError, TypeError, ValueError, SyntaxError, AttributeError):
        return "", 0
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix(), line


def spelled(target: Any) -> str:
    """A name for a class or factory; a `functools.partial` has none of its own."""
    name = getattr(target, "__qualname__", None)
    return cut(f"{target.__module__}:{name}" if name else repr(target))


def translated_note(used: Mapping[str, int]) -> str:
    """One line that names the shim for old code and what it did."""
    counts = ", ".join(f"{name} {'once' if n == 1 else f'{n} times'}" for name, n in sorted(used.items()))
    return f"run under --legacy: {f'translated {counts}' if counts else 'nothing had to be translated'}"


def own_function(factory: Any) -> types.FunctionType | None:
    """The function itself, or one that a class defines: its code knows its file, whatever the module is called."""
    defined = vars(factory).values() if isinstance(factory, type) else (factory,)
    unwrapped = [inspect.unwrap(member) for member in defined if callable(member)]
    scope = f"{factory.__qualname__}." if isinstance(factory, type) else ""
    functions = (f for f in unwrapped if isinstance(f, types.FunctionType) and f.__qualname__.startswith(scope))
    return next(functions, None)


def source_file(factory: Any, target: str) -> str:
    """The file of a class without functions of its own; a module of its name may have come from another file."""
    place = target.rpartition(":")[0]
    if place.endswith(".py") and factory.__module__ == Path(place).stem:
        return place
    return inspect.getsourcefile(factory) or ""


def class_line(source: str, qualname: str) -> int:
    """The line of a class definition.

    Raises:
        ValueError: there is none of that name.
    """
    nodes: list[ast.AST] = [ast.parse(source)]
    for part in qualname.replace("<locals>.", "").split("."):
        inside = [node for outer in nodes for node in ast.iter_child_nodes(outer)]
        scopes = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        nodes = [node for node in inside if isinstance(node, scopes) and node.name == part]
    if not nodes or not isinstance(nodes[-1], ast.ClassDef):
        raise ValueError(f"no class {qualname}")
    return nodes[-1].lineno
