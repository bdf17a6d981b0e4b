"""`check --sharded N`: optimizers in shards on real processes, and what is said of those that lose their meaning."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sharded_subjects as subjects

from adanorm_verify import Verdict, check_optimizer
from adanorm_verify.deviations import DEVIATIONS, SHARDED
from adanorm_verify.deviations.correction import shard_sums
from adanorm_verify.envelope import envelope
from adanorm_verify.paper import ALGORITHMS, algorithm
from adanorm_verify.replaying import replay
from adanorm_verify.rounding import PRECISIONS, Bounded
from adanorm_verify.sharding import ranks
from adanorm_verify.sharding.parts import Part, assembled
from adanorm_verify.shards import in_shards
from adanorm_verify.streams import designed
from adanorm_verify.trajectory import plainly

HERE = "sharded_subjects"


def checked(target: str, claimed: str = "adamnorm", sharded: int = 2, **options) -> Verdict:
    given = {"profile": "quick", "dtypes": ["float32"], "sharded": sharded} | options
    return check_optimizer(target, claimed, **given)


@pytest.mark.parametrize(
    ("sharded", "own", "paths"),
    [
        (2, {"capturable": False}, {"single-tensor, sharded 2", "foreach, sharded 2"}),
        (4, {"capturable": False, "foreach": True}, {"default, sharded 4"}),
    ],
    ids=["2", "4"],
)
def test_ours_conform(sharded, own, paths):
    verdict = checked("adanorm_verify.optim:AdamNorm", sharded=sharded, arguments=own)
    assert verdict.outcome == "conforms", verdict.summary()
    assert {run.path for run in verdict.runs if run.outcome == "conforms"} == paths
    fused = [run.note for run in verdict.runs if run.outcome == "not-offered"]
    assert all("fused=True does not support DTensors" in note for note in fused)
    assert any("left out" in note for note in verdict.notes)
    assert {r.quantity for r in verdict.records} >= {"theta", "m", "v", "e"}
    assert all(run.mechanisms["correction"] for run in verdict.runs if run.outcome == "conforms")
    assert verdict.setup.sharded == sharded
    assert Verdict.from_json(verdict.to_json()).setup.sharded == sharded


def test_torch_adam_conforms():
    verdict = checked("torch.optim:Adam", "adam", arguments={"fused": False, "capturable": False})
    assert verdict.outcome == "conforms", verdict.summary()
    assert {run.path for run in verdict.runs} == {"single-tensor, sharded 2", "foreach, sharded 2"}


def test_a_whole_norm_by_other_means_conforms():
    assert checked(f"{HERE}:OfWholeNorms").outcome == "conforms"


def test_the_norm_of_the_shard_is_caught_and_named():
    verdict = checked(f"{HERE}:OnLocalTensors", sharded=3)  # the command's test has 2
    assert verdict.outcome == "differs"
    assert verdict.exit_code == 1
    assert [found.name for found in verdict.deviations] == ["norm-of-shard"], verdict.summary()
    assert verdict.first_divergence is not None
    assert verdict.first_divergence.quantity in ("e", "m")
    assert "to accept what was found: --allow norm-of-shard" in verdict.summary()
    [again] = replay(Verdict.from_json(verdict.to_json()))
    assert again.outcome == "still-there"
    assert again.path == "default, sharded 3"
    whole = replace(verdict, setup=replace(verdict.setup, sharded=0))
    [again] = replay(whole)  # without shards it cannot even run
    assert again.outcome == "could-not-run"


def test_the_norm_of_the_shard_can_be_allowed():
    verdict = checked(f"{HERE}:OnLocalTensors", allow=["norm-of-shard"])
    assert verdict.outcome == "conforms-with-deviations", verdict.summary()


def test_copies_that_part_are_caught():
    verdict = checked(f"{HERE}:ReplicasApart", explain=False)
    assert verdict.outcome == "differs"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            "PlainTensorsOnly",
            "with its parameters in 2 shards: {}: step 1 raised RankRaised: rank 0: TypeError: DTensor is",
        ),
        ("RaisesOnOne", "with its parameters in 2 shards: {}: step 1 raised RankRaised: rank 1: ValueError: only here"),
        ("Dies", "rank 1: its process ended"),
        ("Sleeps", "rank 0: gave no answer; rank 1: gave no answer within 3 s, so it waits for what never comes"),
        ("WaitsInVain", "rank 0: gave no answer"),
        ("Nobody", "no class 'Nobody'"),
    ],
)
def test_what_cannot_be_sharded_is_not_checked_and_says_why(target, said, monkeypatch):
    monkeypatch.setattr(ranks, "PATIENCE", 3.0 if target in ("Sleeps", "WaitsInVain") else 60.0)
    begun = time.monotonic()
    verdict = checked(f"{HERE}:{target}")
    assert verdict.outcome == "not-checked"
    assert verdict.exit_code == 2
    assert said.format(f"{HERE}:{target}") in verdict.reason
    assert time.monotonic() - begun < 60


def test_a_class_that_other_processes_cannot_have_is_refused():
    class Local(subjects.OnLocalTensors):
        pass

    verdict = check_optimizer(Local, "adamnorm", sharded=2)
    assert verdict.outcome == "not-checked"
    assert "name it as package.module:Class" in verdict.reason
    assert check_optimizer(subjects.PlainTensorsOnly, "adam", sharded=2).reason.count("rank 0: TypeError")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sharded": 1}, "got 1"),
        ({"sharded": 17}, "got 17"),
        ({"sharded": -2}, "got -2"),
        ({"sharded": 2, "device": "cuda"}, "got device 'cuda'"),
        ({"sharded": 2, "legacy": True}, "legacy=True exclude each other"),
    ],
)
def test_options_that_exclude_each_other_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        checked("torch.optim:Adam", "adam", **options)


def test_the_command(command, tmp_path):
    file, page = tmp_path / "verdict.json", tmp_path / "page.html"
    options = ("--sharded", "2", "--profile", "quick", "--dtype", "float32", "--json", str(file), "--html", str(page))
    target = f"{subjects.__file__}:OnLocalTensors"
    done = command("check", target, "-a", "adamnorm", *options, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "equals AdamNorm up to `norm-of-shard`" in done.stdout
    assert "default, sharded 2, float32: differs" in done.stdout
    document = json.loads(file.read_text())
    assert document["deviations"] == ["norm-of-shard"]
    assert document["setup"]["sharded"] == 2
    assert "norm-of-shard" in page.read_text()
    done = command("check", target, "-a", "adamnorm", "--sharded", "2", "--reproduce", str(tmp_path / "x.py"))
    assert done.returncode == 2
    assert "--sharded 2 is of several" in done.stderr
    assert "norm-of-shard" in command("list", "deviations").stdout


SCRIPT = """
import os, sys, time
from adanorm_verify.sharding.ranks import Ranks
import sharded_subjects

if __name__ == "__main__":
    with Ranks(2) as ranks:
        print(*(answer.value for answer in ranks.call(sharded_subjects.process)), flush=True)
        time.sleep(600)
"""


def test_ranks_end_with_a_command_that_is_killed(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    path = os.pathsep.join([str(Path(subjects.__file__).parent), str(Path(subjects.__file__).parent.parent)])
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen([sys.executable, tmp_path / "script.py"], stdout=subprocess.PIPE, env=environment) as script:
        assert script.stdout is not None
        processes = [int(number) for number in script.stdout.readline().split()]
        assert len(processes) == 2
        script.kill()
    end = time.monotonic() + 60
    while any(map(alive, processes)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(alive, processes))


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended may wait to be asked for its exit code."""
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# What is put together, and the deviation itself, without processes.


def of_rows(*rows: list[float], **state: Part) -> list[dict[str, Part]]:
    return [{"theta": Part("shard", np.array(own)), **state} for own in rows]


def test_rows_are_put_together_and_empty_ranks_have_no_say():
    three = of_rows([1.0, 2.0], [3.0], [])
    for rank, (m, e) in enumerate([([1.0, 1.0], 5.0), ([2.0], 6.0), ([], 7.0)]):
        three[rank] |= {"m": Part("shard", np.array(m)), "e": Part("rank", np.array(e))}
    three[0] |= {"only": Part("rank", np.array(1.0))}
    found = assembled(three, (3,))
    assert found["theta"].tolist() == [1.0, 2.0, 3.0]
    assert found["m"].tolist() == [1.0, 1.0, 2.0]
    assert found["e"].tolist() == [5.0, 5.0, 6.0]
    assert "only" not in found


def test_copies_that_disagree_are_no_number():
    apart = [{"theta": Part("whole", np.array(x))} for x in ([1.0, 2.0], [1.0, 3.0])]
    theta = assembled(apart, (2,))["theta"]
    assert theta[0] == 1.0
    assert np.isnan(theta[1])


def test_sums_over_shards():
    x = np.arange(10.0).reshape(5, 2)
    sums = shard_sums(x, (-2, -1), 2)
    assert sums.tolist() == [[15.0] * 2] * 3 + [[30.0] * 2] * 2
    assert shard_sums(x, (-2, -1), 7).tolist() == [[s] * 2 for s in x.sum(axis=1)]
    assert shard_sums(np.float64(4.0), (), 2) == 4.0
    bounded = shard_sums(Bounded(x, np.zeros_like(x), PRECISIONS["float32"]), (-2, -1), 2)
    assert np.array_equal(bounded.value, sums)
    assert np.all(bounded.bound > 0)


@pytest.mark.parametrize("claimed", [name for name in ALGORITHMS if "s" in algorithm(name)])
@pytest.mark.parametrize("count", [2, 4])
def test_the_deviation_leaves_the_envelope_and_needs_shards(claimed, count):
    paper = algorithm(claimed)
    [deviation] = SHARDED
    assert deviation not in DEVIATIONS  # which are of whole parameters, and have optimizers on the shelf
    assert not deviation.concerns(paper)
    sharded = in_shards(paper, count)
    assert deviation.concerns(sharded)
    outside = 0
    for case in designed("float64")[:6]:
        steps = zip(
            envelope(sharded, case, PRECISIONS["float64"]), plainly(deviation.change(sharded), case), strict=True
        )
        for tensors, others in steps:
            for known, other in zip(tensors, others, strict=True):
                if known and other:
                    outside += int(np.sum(~(abs(other["theta"] - known["theta"].value) <= known["theta"].bound)))
    assert outside
