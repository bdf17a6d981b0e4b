"""Step time and memory traffic side by side with torch.optim."""

import gc
import inspect
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.optim import Optimizer

from . import optim

Factory: TypeAlias = Callable[[list[Tensor]], Optimizer]
Shapes: TypeAlias = Sequence[tuple[int, ...]]

PATHS = {"single": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}
"""The arguments that choose a path; an optimizer is timed on those that its constructor has."""
BASELINE = "Adam"
OURS = tuple(optim.__all__)
OTHERS = {"AdaNorm": "pytorch_optimizer"}
"""Optimizers of other packages, timed where those are installed."""
NAMES = (BASELINE, "RAdam", *OTHERS, *OURS)

# Tensors of the parameters' size that a step cannot do without: theta, m and v are read and written, and the
# gradient is read. The norm reads the gradient before the update can; diffGrad reads and writes the previous one.
_MOMENTS = {"theta": 2, "m": 2, "v": 2, "g": 1}
_NORM = {"g, for its norm": 1}
_PREVIOUS = {"previous g": 2}
TRAFFIC: dict[str, dict[str, int]] = {
    "Adam": _MOMENTS,
    "RAdam": _MOMENTS,
    "AdaNorm": _MOMENTS | _NORM,
    "AdamNorm": _MOMENTS | _NORM,
    "DiffGrad": _MOMENTS | _PREVIOUS,
    "DiffGradNorm": _MOMENTS | _PREVIOUS | _NORM,
    "RAdamNorm": _MOMENTS | _NORM,
    "AdaBelief": _MOMENTS,
    "AdaBeliefNorm": _MOMENTS | _NORM,
}
"""How often each step reads or writes an element of what."""

# On a device as training does it: the next step is launched while this one runs, so that a step takes as long as the
# slower of host and device needs for it.
_IN_A_ROW = 10

# RAdam divides by v only from the sixth step on: what is timed must be the step that training takes.
_WARMUP_STEPS = 6


class Ratio(NamedTuple):
    """Of step times of the same round, over the rounds."""

    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Timing:
    """One contender's step time.

    Args:
        bytes_per_element: that a step must move, by `TRAFFIC`; None for a contender that it does not know.
        copy_bandwidth: bytes a second, read and written, of a plain copy of as many elements in the same rounds.
        to_adam: ratio to torch's Adam on the same path, None where it was not timed.
        to_fused: ratio to torch's Adam on its fused path, likewise.
    """

    name: str
    path: str
    workload: str
    device: str
    threads: int
    rounds: int
    tensors: int
    elements: int
    bytes_per_element: int | None
    copy_bandwidth: float
    median_seconds: float
    min_seconds: float
    max_seconds: float
    to_adam: Ratio | None
    to_fused: Ratio | None

    @property
    def bandwidth(self) -> float | None:
        """Bytes a second: those that the step must move, in its median time."""
        moved = self.bytes_per_element
        return None if moved is None else moved * self.elements / self.median_seconds


def resnet50_shapes() -> tuple[tuple[int, ...], ...]:
    """The shapes of ResNet-50's 161 parameters in order (He et al., 2016, table 1, 1000 classes)."""
    shapes: list[tuple[int, ...]] = []

    def convolution(channels_in: int, channels_out: int, kernel: int) -> None:
        shapes.append((channels_out, channels_in, kernel, kernel))
        shapes.extend([(channels_out,), (channels_out,)])  # its batch norm

    convolution(3, 64, 7)
    channels = 64
    for blocks, width in ((3, 64), (4, 128), (6, 256), (3, 512)):
        for block in range(blocks):
            convolution(channels, width, 1)
            convolution(width, width, 3)
            convolution(width, 4 * width, 1)
            if block == 0:
                convolution(channels, 4 * width, 1)  # the shortcut
            channels = 4 * width
    shapes.extend([(1000, channels), (1000,)])
    return tuple(shapes)


RESNET50_SHAPES = resnet50_shapes()
WORKLOADS: dict[str, Shapes] = {
    "resnet50": RESNET50_SHAPES,
    "one": ((16_000_000,),),
    "many": ((1_000,),) * 1_000,
    "large": ((10**8,),),
}
"""Lists of parameters to step."""


def bytes_per_element(name: str) -> int | None:
    """What a float32 step of `name` must move for each element of the parameters."""
    return 4 * sum(TRAFFIC[name].values()) if name in TRAFFIC else None


def available() -> tuple[str, ...]:
    """Those of `NAMES` whose package is installed."""
    return tuple(name for name in NAMES if find_spec(OTHERS.get(name, "torch")))


def measure(
    names: Sequence[str] | None = None,
    device: str = "cpu",
    rounds: int = 15,
    shapes: Shapes = RESNET50_SHAPES,
    paths: Sequence[str] = tuple(PATHS),
    *,
    workload: str = "",
    extra: Mapping[str, Factory] | None = None,
    progress: Callable[[int, int], None] | None = None,
    seed: int = 0,
) -> list[Timing]:
    """Time steps of float32 parameters, every contender in each round: A B C A B C ...

    A round has one step of each, on CUDA ten in a row.

    Args:
        names: of `NAMES`, all that are available by default; the baseline, torch's Adam, is always timed and first.
        device: as torch spells it.
        rounds: at least 1.
        shapes: of the parameters.
        paths: of `PATHS`; an optimizer is timed on those that it offers.
        workload: what the shapes are called.
        extra: more contenders, each a function of the parameters that returns an optimizer.
        progress: called after every round with the rounds done and the rounds in all.
        seed: of parameters and gradients.

    Raises:
        ValueError: for an unknown name or path, a name whose package is not installed, no path, fewer than one round,
            or a label given twice.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}")
    factories = _factories(available() if names is None else names, paths, extra or {})
    copy, contenders = _set_up(factories, torch.device(device), shapes, seed)
    copied, seconds = _run(copy, contenders, torch.device(device), rounds, progress)
    elements = sum(math.prod(shape) for shape in shapes)

    def timing(name: str, path: str) -> Timing:
        own = seconds[name, path]
        return Timing(
            name=name,
            path=path,
            workload=workload,
            device=device,
            threads=torch.get_num_threads(),
            rounds=rounds,
            tensors=len(shapes),
            elements=elements,
            bytes_per_element=bytes_per_element(name),
            copy_bandwidth=2 * 4 * elements / statistics.median(copied),
            median_seconds=statistics.median(own),
            min_seconds=min(own),
            max_seconds=max(own),
            to_adam=_ratio(own, seconds.get((BASELINE, path))),
            to_fused=_ratio(own, seconds.get((BASELINE, "fused"))),
        )

    return [timing(*label) for label in contenders]


def _ratio(own: Sequence[float], base: Sequence[float] | None) -> Ratio | None:
    if base is None:
        return None
    ratios = [mine / other for mine, other in zip(own, base, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def _factories(
    names: Sequence[str], paths: Sequence[str], extra: Mapping[str, Factory]
) -> dict[tuple[str, str], Factory]:
    if not paths:
        raise ValueError(f"paths must be some of {', '.join(PATHS)}, got none")
    if wrong := [path for path in paths if path not in PATHS]:
        raise ValueError(f"unknown path {wrong[0]!r}, expected one of {', '.join(PATHS)}")
    if unknown := [name for name in names if name not in NAMES]:
        raise ValueError(f"unknown optimizer {unknown[0]!r}, expected one of {', '.join(NAMES)}")
    if absent := [name for name in names if name not in available()]:
        raise ValueError(f"{absent[0]} needs {OTHERS[absent[0]]}, which is not installed")
    if taken := [label for label in extra if label in NAMES]:
        raise ValueError(f"the label {taken[0]!r} is taken")
    chosen = dict.fromkeys([BASELINE, *names])
    found = {(name, path): factory for path in paths for name in chosen for factory in _on_path(name, path)}
    return found | {(label, "default"): factory for label, factory in extra.items()}


def _on_path(name: str, path: str) -> Iterator[Factory]:
    """The one factory, or none where the optimizer lacks the path."""
    module = optim if name in OURS else import_module(OTHERS.get(name, "torch.optim"))
    cls, arguments = getattr(module, name), PATHS[path]
    if arguments.keys() <= inspect.signature(cls).parameters.keys():
        yield lambda params: cls(params, **arguments)


def _set_up(
    factories: Mapping[tuple[str, str], Factory], device: torch.device, shapes: Shapes, seed: int
) -> tuple[Callable[[], object], dict[tuple[str, str], Callable[[], object]]]:
    """A plain copy, and the contenders' steps. They share parameters and gradients: only the state is their own."""
    generator = torch.Generator().manual_seed(seed)
    params = [torch.nn.Parameter(torch.randn(shape, generator=generator).to(device)) for shape in shapes]
    for param in params:
        param.grad = torch.randn(param.shape, generator=generator).to(device)
    # Ones, because memory of zeros may be one page that is never read.
    source, target = torch.ones(2, sum(param.numel() for param in params), device=device)
    return lambda: target.copy_(source), {label: factory(list(params)).step for label, factory in factories.items()}


def _run(
    copy: Callable[[], object],
    contenders: Mapping[tuple[str, str], Callable[[], object]],
    device: torch.device,
    rounds: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[float], dict[tuple[str, str], list[float]]]:
    for work in (copy, *contenders.values()):
        for _ in range(_WARMUP_STEPS):
            work()
    copied: list[float] = []
    seconds: dict[tuple[str, str], list[float]] = {label: [] for label in contenders}
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for done in range(1, rounds + 1):
            copied.append(_seconds(copy, device))
            for label, step in contenders.items():
                seconds[label].append(_seconds(step, device))
            if progress is not None:
                progress(done, rounds)
    finally:
        if collecting:
            gc.enable()
    return copied, seconds


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    if device.type != "cuda":
        start = time.perf_counter()
        work()
        return time.perf_counter() - start
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    with torch.cuda.device(device):
        begin.record()
        for _ in range(_IN_A_ROW):
            work()
        end.record()
    torch.cuda.synchronize(device)
    return begin.elapsed_time(end) / 1000.0 / _IN_A_ROW  # milliseconds
