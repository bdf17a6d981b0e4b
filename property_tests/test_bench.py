"""Step timing: what is timed, in which order, and what is reported."""

import gc
import json
import math
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from adanorm_verify import bench, optim
from adanorm_verify.cli import main
from adanorm_verify.reports import timings as report

SMALL = [(3,), (2, 2)]
TORCH = [name for name in bench.NAMES if name not in bench.OTHERS]


def test_the_shapes_are_resnet50s():
    assert len(bench.RESNET50_SHAPES) == 161
    assert sum(math.prod(shape) for shape in bench.RESNET50_SHAPES) == 25_557_032
    assert bench.RESNET50_SHAPES[0] == (64, 3, 7, 7)
    assert bench.RESNET50_SHAPES[-2:] == ((1000, 2048), (1000,))


@pytest.mark.parametrize("path", bench.PATHS)
def test_every_contender_is_timed_against_adam(path):
    timings = bench.measure(TORCH, rounds=3, shapes=SMALL, paths=[path])
    assert [t.name for t in timings] == [name for name in TORCH if (name, path) != ("RAdam", "fused")]
    assert {t.path for t in timings} == {path}
    assert timings[0].to_adam == (1.0, 1.0, 1.0)
    for timing in timings:
        assert 0 < timing.min_seconds <= timing.median_seconds <= timing.max_seconds
        assert timing.to_adam.least <= timing.to_adam.median <= timing.to_adam.most
        assert timing.to_fused == (timing.to_adam if path == "fused" else None)
        assert (timing.rounds, timing.tensors, timing.elements) == (3, 2, 7)
        assert timing.bandwidth == timing.bytes_per_element * 7 / timing.median_seconds
        assert timing.copy_bandwidth > 0


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
    timings = bench.measure(
        [], rounds=3, shapes=SMALL, paths=["single"], extra=extra, progress=lambda i, total: done.append((i, total))
    )
    assert [(t.name, t.path) for t in timings] == [("Adam", "single"), ("X", "default"), ("Y", "default")]
    assert [t.to_adam is None for t in timings] == [False, True, True]
    assert calls[-6:] == [("X", False), ("Y", False)] * 3
    assert gc.isenabled()
    assert done == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("path", bench.PATHS)
def test_the_path_is_the_one_asked_for(path):
    [factory] = bench._on_path("AdamNorm", path)
    [(flag, value)] = bench.PATHS[path].items()
    assert factory([torch.nn.Parameter(torch.ones(1))]).defaults[flag] is value


def test_a_path_that_an_optimizer_lacks_is_left_out():
    assert not list(bench._on_path("RAdam", "fused"))
    assert list(bench._on_path("RAdam", "foreach"))


def test_ratios_are_of_the_same_round():
    assert bench._ratio([2.0, 2.0, 2.0], [1.0, 2.0, 4.0]) == (1.0, 0.5, 2.0)
    assert bench._ratio([1.0], None) is None


def test_the_bytes_of_a_step_are_those_of_its_state():
    """Each moment is read and written, the gradient is read, once more for a norm: 4 bytes each."""
    assert set(bench.TRAFFIC) == set(bench.NAMES)
    assert (bench.bytes_per_element("Adam"), bench.bytes_per_element("AdamNorm")) == (28, 32)
    for name in optim.__all__:
        param = torch.nn.Parameter(torch.ones(3, 5))
        param.grad = torch.ones(3, 5)
        optimizer = getattr(optim, name)([param])
        optimizer.step()
        kept = sum(value.shape == param.shape for value in optimizer.state[param].values())
        assert bench.bytes_per_element(name) == 4 * (2 + 2 * kept + 1 + name.endswith("Norm"))
    assert bench.bytes_per_element("X") is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"paths": ["fuse"]}, "unknown path 'fuse', expected one of single, foreach, fused"),
        ({"paths": []}, "got none"),
        ({"names": ["Adamm"]}, "unknown optimizer 'Adamm'"),
        ({"extra": {"Adam": torch.optim.SGD}}, "the label 'Adam' is taken"),
    ],
)
def test_what_cannot_be_timed_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        bench.measure(**{"shapes": SMALL} | arguments)


@pytest.fixture
def other_package(tmp_path, monkeypatch):
    """A stand-in for pytorch_optimizer, which offers two paths."""
    (tmp_path / "pytorch_optimizer.py").write_text(
        "import torch\n"
        "class AdaNorm(torch.optim.SGD):\n"
        "    def __init__(self, params, foreach=None):\n"
        "        super().__init__(params, foreach=foreach)\n"
    )
    folder = tmp_path / "pytorch_optimizer-9.9.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: pytorch-optimizer\nVersion: 9.9\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("other_package")
def test_the_command_times_what_is_installed_and_writes_it_down(tmp_path, monkeypatch):
    monkeypatch.setitem(bench.WORKLOADS, "many", SMALL)
    file = tmp_path / "timings.json"
    names = ["--optimizer", "AdaNorm", "--optimizer", "AdamNorm"]
    done = CliRunner().invoke(main, ["bench", "--rounds", "3", "--workload", "many", *names, "--json", str(file)])
    assert done.exit_code == 0, done.output
    written = json.loads(file.read_text())
    assert written["versions"]["pytorch_optimizer"] == "9.9"
    assert {"python", "torch", "cuda", "numba"} <= written["versions"].keys()
    contenders = [(timing["name"], timing["path"]) for timing in written["timings"]]
    assert contenders == [
        *(("Adam", "single"), ("AdaNorm", "single"), ("AdamNorm", "single")),
        *(("Adam", "foreach"), ("AdaNorm", "foreach"), ("AdamNorm", "foreach")),
        *(("Adam", "fused"), ("AdamNorm", "fused")),
    ]
    assert all(set(timing["to_fused"]) == {"median", "least", "most"} for timing in written["timings"])
    heading, columns, *rows = done.output.splitlines()
    assert heading.startswith("many, cpu, ")
    assert "2 tensors, 7 float32 elements, 3 rounds, copy " in heading
    assert columns.split()[:3] == ["optimizer", "path", "time"]
    assert [tuple(row.split()[:2]) for row in rows] == contenders


def test_a_row_says_time_bandwidth_and_ratios():
    [timing] = bench.measure([], rounds=1, shapes=SMALL, paths=["fused"], workload="one")
    timing = replace(
        timing,
        elements=10**6,
        copy_bandwidth=20e9,
        median_seconds=2.8e-3,
        to_adam=bench.Ratio(1.0, 0.5, 2.0),
        to_fused=None,
    )
    *_, row = report.lines([timing])
    assert row.split() == ["Adam", "fused", "2.80", "ms", "28", "10.0", "GB/s", "50%", "1.00", "(0.50", "to", "2.00)"]
    *_, row = report.lines([replace(timing, name="X", bytes_per_element=None, to_adam=None)])
    assert row.split() == ["X", "fused", "2.80", "ms"]


def test_the_commands_choices_are_those_of_the_bench():
    choices = {option.name: getattr(option.type, "choices", None) for option in main.commands["bench"].params}
    assert list(choices["paths"]) == list(bench.PATHS)
    assert list(choices["workloads"]) == list(bench.WORKLOADS)
