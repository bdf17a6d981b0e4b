"""The gate: every shipped optimizer, on every path, dtype and device present."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context

from .conformance import Progress, check_optimizer
from .subject import DTYPES
from .verdict import Verdict

SHIPPED = {
    "AdamNorm": "adamnorm",
    "DiffGrad": "diffgrad",
    "DiffGradNorm": "diffgradnorm",
    "RAdamNorm": "radamnorm",
    "AdaBelief": "adabelief",
    "AdaBeliefNorm": "adabeliefnorm",
}
"""Class of `adanorm_verify.optim` to the algorithm that it is."""


def devices(device: str) -> list[str]:
    """The devices to run on; "all" are those that are present.

    Raises:
        ValueError: a device that is not there.
    """
    import torch

    present = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    if device == "all":
        return present
    if device not in present:
        raise ValueError(f"device {device!r} is not present; present: {', '.join(present)}")
    return [device]


def check_shipped(name: str, profile: str, device: str, seed: int) -> Verdict:
    """The verdict on one shipped optimizer in all four dtypes."""
    verdict = check_optimizer(
        f"adanorm_verify.optim:{name}",
        SHIPPED[name],
        profile=profile,
        dtypes=tuple(DTYPES),
        device=device,
        seed=seed,
    )
    return replace(verdict, environment={**verdict.environment, "device_kind": device})


def single_threaded() -> None:
    """Workers share the cores; tiny tensors gain nothing from threads."""
    import torch

    torch.set_num_threads(1)


def run_gate(
    profile: str, device: str, seeds: Sequence[int], jobs: int | None = None, progress: Progress | None = None
) -> Iterator[Verdict]:
    """Yield the verdicts as they come in, so that a kill loses nothing that was finished.

    Args:
        profile: a key of `conformance.PROFILES`.
        device: "cpu", "cuda" or "all".
        seeds: of the generated cases.
        jobs: processes; one a core by default.
        progress: called as verdicts come in.
    """
    work = [(name, where, seed) for seed in seeds for where in devices(device) for name in SHIPPED]
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs or os.cpu_count() or 1, context, initializer=single_threaded) as pool:
        futures = {pool.submit(check_shipped, name, profile, where, seed): name for name, where, seed in work}
        for done, future in enumerate(as_completed(futures), 1):
            if progress is not None:
                progress(f"gate: {futures[future]}", done, len(work))
            yield future.result()
