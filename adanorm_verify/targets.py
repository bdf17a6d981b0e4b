"""Find the class or factory that a user named."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .errors import CannotCheck
from .subject import first_line, quiet


def load(target: str) -> Callable[..., torch.optim.Optimizer]:
    """The class or factory that `package.module:Class` or `path/to/file.py:Class` names.

    Raises:
        CannotCheck: it cannot be found or imported.
    """
    place, separator, name = target.rpartition(":")
    if not separator or not place or not name:
        raise CannotCheck(f"target {target!r} is not of the form package.module:Class or path/to/file.py:Class")
    module = load_file(Path(place)) if place.endswith(".py") else load_module(place)
    found: Any = module
    try:
        for part in name.split("."):
            found = getattr(found, part, None)
    except Exception as error:  # a module's own __getattr__ may raise anything
        raise CannotCheck(f"looking up {name} in {place} raised {type(error).__name__}: {first_line(error)}") from error
    if not callable(found):
        near = sorted(
            n for n, x in vars(module).items() if isinstance(x, type) and issubclass(x, torch.optim.Optimizer)
        )
        listed = f"; it has the optimizers {', '.join(near[:12])}" if near else ""
        raise CannotCheck(f"no class {name!r} in {place}{listed}")
    return found


def load_module(name: str) -> Any:
    if "" not in sys.path and "." not in sys.path:
        sys.path.insert(0, "")
    try:
        with quiet():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.split(".")[0]
        if error.name and name.startswith(error.name):
            raise CannotCheck(
                f"no module named {error.name!r}; is the package that has {package!r} installed?"
            ) from error
        raise CannotCheck(f"importing {name} needs the module {error.name!r}, which is not installed") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # foreign top-level code may raise anything, SystemExit included
        raise CannotCheck(f"importing {name} raised {type(error).__name__}: {first_line(error)}") from error


def load_file(path: Path) -> Any:
    if not path.is_file():
        raise CannotCheck(f"no file {str(path)!r}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None  # a .py file always has a specification
    assert spec.loader is not None  # and a loader
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    sys.path.insert(0, str(path.parent.resolve()))  # and it stays, as for a script: steps may import siblings too
    try:
        with quiet():
            spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # foreign top-level code may raise anything, SystemExit included
        raise CannotCheck(f"importing {path} raised {type(error).__name__}: {first_line(error)}") from error
    return module
