"""Where a subject's process begins. What it needs of torch is imported there, and not by the process that judges."""

from __future__ import annotations

from multiprocessing.connection import Connection

from .source import Source


def serve(connection: Connection, source: Source, private: str, memory: float | None, threaded: bool) -> None:
    """See `host.serve`."""
    from .host import serve as serve_requests

    serve_requests(connection, source, private, memory, threaded)
