"""Writing results so that a kill never leaves half a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

LONE_SURROGATES = "backslashreplace"
"""A foreign message may hold half a character; in JSON its escape reads back as the same half."""


def write_atomically(path: str | Path, text: str) -> None:
    """Write `text` to a temporary file beside `path`, then move it there; missing folders are made.

    What a link points to is replaced, not the link; a pipe or a device is written to as it is.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8", errors=LONE_SURROGATES)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors=LONE_SURROGATES) as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        raise OSError(error.errno, f"cannot write {str(path)!r}: {error.strerror or error}") from error
    except BaseException:
        os.unlink(temporary)
        raise
