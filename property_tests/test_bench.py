"""Step timing: what is timed, in which order, and what is reported."""

import dataclasses
import gc
import json
import math

import pytest
import torch

from adanorm_verify import bench

SMALL = [(3,), (2, 2)]


def test_the_shapes_are_resnet50s():
    assert len(bench.RESNET50_SHAPES) == 161
    assert sum(math.prod(shape) for shape in bench.RESNET50_SHAPES) == 25_557_032
    assert bench.RESNET50_SHAPES[0] == (64, 3, 7, 7)
    assert bench.RESNET50_SHAPES[-2:] == ((1000, 2048), (1000,))


@pytest.mark.parametrize("path", ["single", "foreach"])
def test_every_contender_is_timed_against_adam(path):
    timings = bench.measure(rounds=3, shapes=SMALL, path=path)
    assert [t.name for t in timings] == list(bench.NAMES)
    assert {t.path for t in timings} == {path}
    assert (timings[0].min_ratio, timings[0].median_ratio, timings[0].max_ratio) == (1.0, 1.0, 1.0)
    for timing in timings:
        assert 0 < timing.min_seconds <= timing.median_seconds <= timing.max_seconds
        assert timing.min_ratio <= timing.median_ratio <= timing.max_ratio
        assert (timing.rounds, timing.tensors, timing.elements) == (3, 2, 7)
    json.dumps([dataclasses.asdict(t) for t in timings], allow_nan=False)


def test_contenders_take_turns_and_the_collector_rests():
    calls = []

    class Recorder(torch.optim.SGD):
        def __init__(self, params, label):
            super().__init__(params)
            self.label = label

        def step(self, closure=None):
            calls.append((self.label, gc.isenabled()))

    extra = {label: lambda params, label=label: Recorder(params, label) for label in "XY"}
    done = []
    timings = bench.measure([], rounds=3, shapes=SMALL, extra=extra, progress=lambda i, total: done.append((i, total)))
    assert [t.name for t in timings] == ["Adam", "X", "Y"]
    assert calls[-6:] == [("X", False), ("Y", False)] * 3
    assert gc.isenabled()
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_the_foreach_path_is_the_one_asked_for(monkeypatch):
    used = []
    for path in ("single", "foreach"):
        foreach = bench._factory("AdamNorm", path == "foreach")([torch.nn.Parameter(torch.ones(1))])
        used.append(foreach.defaults["foreach"])
    assert used == [False, True]


def test_ratios_are_of_the_same_round():
    timing = bench._timing("X", "single", "cpu", SMALL, {"Adam": [1.0, 2.0, 4.0], "X": [2.0, 2.0, 2.0]})
    assert (timing.min_ratio, timing.median_ratio, timing.max_ratio) == (0.5, 1.0, 2.0)
    assert timing.median_seconds == 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"path": "fused"}, "got 'fused'"),
        ({"names": ["Adamm"]}, "unknown optimizer 'Adamm'"),
        ({"extra": {"Adam": torch.optim.SGD}}, "the label 'Adam' is taken"),
    ],
)
def test_what_cannot_be_timed_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        bench.measure(**{"shapes": SMALL} | arguments)
