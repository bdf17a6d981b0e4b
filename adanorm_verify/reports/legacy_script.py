"""A reproduction script for code that runs under the legacy shim: the shim written into it."""

from __future__ import annotations

import inspect

from .. import legacy

BEFORE = "sys.excepthook = could_not_run\n"
"""The line of the script's template after which the subject is loaded."""


def carrying_shim(script: str) -> str:
    """The script with the shim's own source in it, so that it needs nothing of this project."""
    head, mark, tail = script.partition(BEFORE)
    if not mark:
        raise ValueError("the reproduction script has no place for the legacy shim")
    return f"{head}{mark}\n# {inspect.getsource(legacy).strip()}\n\n\nold_torch = shim()\nold_torch.__enter__()\n{tail}"
