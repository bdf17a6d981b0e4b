"""Step times side by side: lines, and the JSON document."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from ..bench import OTHERS, Ratio, Timing

SCHEMA = 2


def lines(timings: Sequence[Timing]) -> Iterator[str]:
    """A heading, then a row a contender: median time, achieved bandwidth, and ratios of times of the same round."""
    first = timings[0]
    size = f"{first.tensors:,} {'tensor' if first.tensors == 1 else 'tensors'}, {first.elements:,} float32 elements"
    where = first.device if first.device == "cuda" else f"{first.device}, {first.threads} threads"
    copy = f"copy {first.copy_bandwidth / 1e9:.1f} GB/s"
    yield f"{first.workload or 'step'}, {where}: {size}, {first.rounds} rounds, {copy}"
    yield (
        f"  {'optimizer':<14} {'path':<8} {'time':>10}   {'bytes':>5} {'bandwidth':>11} {'of copy':>8}"
        f"   {'x Adam on its path':<23}   x Adam, fused"
    )
    for timing in timings:
        what = f"{timing.name:<14} {timing.path:<8} {timing.median_seconds * 1e3:7.2f} ms"
        yield f"  {what}   {_traffic(timing)}   {_ratios(timing)}"


def _traffic(timing: Timing) -> str:
    if timing.bandwidth is None:
        return f"{'':>5} {'':>11} {'':>8}"
    of_copy = timing.bandwidth / timing.copy_bandwidth
    return f"{timing.bytes_per_element:>5} {timing.bandwidth / 1e9:>6.1f} GB/s {of_copy:>8.0%}"


def _ratios(timing: Timing) -> str:
    return f"{_range(timing.to_adam):<23}   {_range(timing.to_fused)}".rstrip()


def _range(ratio: Ratio | None) -> str:
    return "" if ratio is None else f"{ratio.median:5.2f} ({ratio.least:.2f} to {ratio.most:.2f})"


def document(timings: Sequence[Timing], command: str) -> str:
    """The versioned JSON document."""
    import torch

    others = {package: version(package) for package in (*OTHERS.values(), "triton", "numba") if find_spec(package)}
    environment: dict[str, Any] = {
        "schema": SCHEMA,
        "command": command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            **others,
        },
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name() if timings[0].device == "cuda" else platform.processor() or "cpu",
    }
    rows = [asdict(timing) | {"bandwidth": timing.bandwidth} for timing in timings]
    for row in rows:  # a ratio by its parts' names
        row |= {key: ratio and ratio._asdict() for key, ratio in row.items() if key.startswith("to_")}
    return json.dumps({**environment, "timings": rows}, indent=2) + "\n"
