"""Step time side by side with torch.optim."""

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.optim import Optimizer

from . import optim

Path: TypeAlias = Literal["single", "foreach"]
Factory: TypeAlias = Callable[[list[Tensor]], Optimizer]
Shapes: TypeAlias = Sequence[tuple[int, ...]]

BASELINE = "Adam"
OURS = tuple(optim.__all__)
NAMES = (BASELINE, "RAdam", *OURS)

# RAdam divides by v only from the sixth step on: what is timed must be the step that training takes.
_WARMUP_STEPS = 6


@dataclass(frozen=True)
class Timing:
    """One contender's step time; ratios are to the baseline's step of the same round."""

    name: str
    path: str
    device: str
    threads: int
    rounds: int
    tensors: int
    elements: int
    median_seconds: float
    min_seconds: float
    max_seconds: float
    median_ratio: float
    min_ratio: float
    max_ratio: float


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


def measure(
    names: Sequence[str] = NAMES,
    device: str = "cpu",
    rounds: int = 15,
    shapes: Shapes = RESNET50_SHAPES,
    path: Path = "foreach",
    *,
    extra: Mapping[str, Factory] | None = None,
    progress: Callable[[int, int], None] | None = None,
    seed: int = 0,
) -> list[Timing]:
    """Time steps of float32 parameters, one step of every contender in each round: A B C A B C ...

    Args:
        names: of `NAMES`; the baseline, torch's Adam on the same path, is always timed, and comes first.
        device: as torch spells it.
        rounds: at least 1.
        shapes: of the parameters.
        path: "single" or "foreach".
        extra: more contenders, each a function of the parameters that returns an optimizer.
        progress: called after every round with the rounds done and the rounds in all.
        seed: of parameters and gradients.

    Raises:
        ValueError: for an unknown name or path, for fewer than one round, or for a label given twice.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}")
    factories = _factories(names, path, extra or {})
    contenders = _set_up(factories, torch.device(device), shapes, seed)
    seconds = _run(contenders, torch.device(device), rounds, progress)
    return [_timing(name, path, device, shapes, seconds) for name in contenders]


def _factories(names: Sequence[str], path: str, extra: Mapping[str, Factory]) -> dict[str, Factory]:
    if path not in ("single", "foreach"):
        raise ValueError(f'path must be "single" or "foreach", got {path!r}')
    if unknown := [name for name in names if name not in NAMES]:
        raise ValueError(f"unknown optimizer {unknown[0]!r}, expected one of {', '.join(NAMES)}")
    if taken := [label for label in extra if label in NAMES]:
        raise ValueError(f"the label {taken[0]!r} is taken")
    chosen = dict.fromkeys([BASELINE, *names])
    return {name: _factory(name, foreach=path == "foreach") for name in chosen} | dict(extra)


def _factory(name: str, foreach: bool) -> Factory:
    cls = getattr(optim if name in OURS else torch.optim, name)
    return lambda params: cls(params, foreach=foreach)


def _set_up(factories: Mapping[str, Factory], device: torch.device, shapes: Shapes, seed: int) -> dict[str, Optimizer]:
    generator = torch.Generator().manual_seed(seed)
    start = [torch.randn(shape, generator=generator) for shape in shapes]
    # One set of gradients for all: no optimizer may write to them.
    grads = [torch.randn(shape, generator=generator).to(device) for shape in shapes]
    contenders = {}
    for name, factory in factories.items():
        params = [torch.nn.Parameter(p.to(device, copy=True)) for p in start]
        for param, grad in zip(params, grads, strict=True):
            param.grad = grad
        contenders[name] = factory(list(params))
    return contenders


def _run(
    contenders: Mapping[str, Optimizer],
    device: torch.device,
    rounds: int,
    progress: Callable[[int, int], None] | None,
) -> dict[str, list[float]]:
    for optimizer in contenders.values():
        for _ in range(_WARMUP_STEPS):
            optimizer.step()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for done in range(1, rounds + 1):
            for name, optimizer in contenders.items():
                seconds[name].append(_step_seconds(optimizer, device))
            if progress is not None:
                progress(done, rounds)
    finally:
        if collecting:
            gc.enable()
    return seconds


def _step_seconds(optimizer: Optimizer, device: torch.device) -> float:
    if device.type != "cuda":
        start = time.perf_counter()
        optimizer.step()
        return time.perf_counter() - start
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    with torch.cuda.device(device):
        begin.record()
        optimizer.step()
        end.record()
    torch.cuda.synchronize(device)
    return begin.elapsed_time(end) / 1000.0  # milliseconds


def _timing(name: str, path: str, device: str, shapes: Shapes, seconds: Mapping[str, Sequence[float]]) -> Timing:
    own = seconds[name]
    ratios = [mine / base for mine, base in zip(own, seconds[BASELINE], strict=True)]
    return Timing(
        name=name,
        path=path,
        device=device,
        threads=torch.get_num_threads(),
        rounds=len(own),
        tensors=len(shapes),
        elements=sum(math.prod(shape) for shape in shapes),
        median_seconds=statistics.median(own),
        min_seconds=min(own),
        max_seconds=max(own),
        median_ratio=statistics.median(ratios),
        min_ratio=min(ratios),
        max_ratio=max(ratios),
    )
