"""Step times side by side: lines, and the JSON document."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ..bench import Timing

SCHEMA = 1


def lines(timings: Sequence[Timing]) -> Iterator[str]:
    """A heading a path, then a line a contender: median time, and the ratio to torch's Adam of the same round."""
    first = timings[0]
    size = f"{first.tensors} tensors, {first.elements:,} float32 elements"
    yield f"{first.path}, {first.device}: {size}, {first.rounds} rounds"
    for timing in timings:
        yield (
            f"  {timing.name:<14} {timing.median_seconds * 1e3:8.2f} ms"
            f"   {timing.median_ratio:5.2f} x Adam ({timing.min_ratio:.2f} to {timing.max_ratio:.2f})"
        )


def document(timings: Sequence[Timing], command: str) -> str:
    """The versioned JSON document."""
    import torch

    environment: dict[str, Any] = {
        "schema": SCHEMA,
        "command": command,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name() if timings[0].device == "cuda" else platform.processor() or "cpu",
    }
    return json.dumps({**environment, "timings": [asdict(timing) for timing in timings]}, indent=2) + "\n"
