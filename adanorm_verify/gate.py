"""The gate: every shipped optimizer, on every path, dtype and device present."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field, replace
from typing import Any

from .conformance import Progress, check_optimizer
from .formats import DTYPE_NAMES
from .processes import workers
from .verdict import Verdict


@dataclass(frozen=True)
class Shipped:
    """A class of `adanorm_verify.optim` with some of its options, and what it then is.

    Args:
        name: of the class.
        algorithm: that it is.
        arguments: of its constructor.
        decisions: the reading of the paper under which it is that.
    """

    name: str
    algorithm: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    decisions: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        return f"adanorm_verify.optim:{self.name}"


GUARDED = {"guard": "decaying"}
SHIPPED = (
    Shipped("AdamNorm", "adamnorm"),
    Shipped("DiffGrad", "diffgrad"),
    Shipped("DiffGradNorm", "diffgradnorm"),
    Shipped("RAdamNorm", "radamnorm"),
    Shipped("AdaBelief", "adabelief"),
    Shipped("AdaBeliefNorm", "adabeliefnorm"),
    Shipped("AdamNorm", "amsgradnorm", {"amsgrad": True}),
    Shipped("AdamNorm", "adamnorm", GUARDED, GUARDED),
    Shipped("DiffGradNorm", "diffgradnorm", GUARDED, GUARDED),
    Shipped("RAdamNorm", "radamnorm", GUARDED, GUARDED),
    Shipped("AdaBeliefNorm", "adabeliefnorm", GUARDED, GUARDED),
    Shipped("AdamNorm", "amsgradnorm", {"amsgrad": True, **GUARDED}, GUARDED),
)


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


def check_shipped(shipped: Shipped, profile: str, device: str, seed: int, contract: bool = True) -> Verdict:
    """The verdict on one shipped optimizer in all four dtypes; with or without the checks of the contract."""
    verdict = check_optimizer(
        shipped.target,
        shipped.algorithm,
        arguments=shipped.arguments,
        decisions=shipped.decisions,
        profile=profile,
        dtypes=DTYPE_NAMES,
        device=device,
        seed=seed,
        contract=contract,
    )
    return replace(verdict, environment={**verdict.environment, "device_kind": device})


def prepare_worker() -> None:
    """Workers share the cores, and tiny tensors gain nothing from threads; subjects' processes are copies of them."""
    import torch

    from .checks.compiling import set_up_compiler

    torch.set_num_threads(1)
    set_up_compiler()


def run_gate(
    profile: str, device: str, seeds: Sequence[int], jobs: int | None = None, progress: Progress | None = None
) -> Iterator[Verdict]:
    """Yield the verdicts as they come in, so that a kill loses nothing that was finished.

    Args:
        profile: a key of `conformance.PROFILES`.
        device: "cpu", "cuda" or "all".
        seeds: of the generated cases; the contract's checks, which draw nothing from them, run under the first.
        jobs: processes; one a core by default.
        progress: called as verdicts come in.
    """
    work = [(shipped, profile, where, seed) for seed in seeds for where in devices(device) for shipped in SHIPPED]
    with workers(jobs, prepare_worker) as pool:
        futures = {pool.submit(check_shipped, *one, contract=one[-1] == seeds[0]): one[0].name for one in work}
        for done, future in enumerate(as_completed(futures), 1):
            if progress is not None:
                progress(f"gate: {futures[future]}", done, len(work))
            yield future.result()
