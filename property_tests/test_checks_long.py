"""Long runs without running long: counts are found, set forward and watched; old instances are set back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from single_checks import failing, fault, looked_at, trials

from adanorm_verify.checks.counts import Count, counts_in, holds, numbers, set_count
from adanorm_verify.paper import algorithm
from adanorm_verify.shelf._base import Adam, AdamNorm, Now
from adanorm_verify.shelf.faithful_states import PowersForCounts
from adanorm_verify.shelf.wrong_long import WRONG_LONG, WRONG_VERY_LONG
from adanorm_verify.streams import case
from adanorm_verify.trajectory import plainly

COUNTED = ("large-counts", "large-counts-in-half-precision")
SAID = {
    "CountInParameterDtype": "does not go on counting after 255 steps",
    "CountCastByLoading": "['num_updates'] does not go on counting after 255 steps",
    "CountInFloat16": "does not go on counting after 2,047 steps",
    "CountInAByte": "does not go on counting after 255 steps",
    "CountInSixteenBits": "set to 32,767 (kept as torch.int16) it raises OverflowError",
    "RateFallsAfterAThousand": "set to 2,047",
    "DebiasingEndsEarly": "set to 255",
    "CountIsCapped": "set to 2,047",
    "GammaGrowsLate": "set to ",
    "LoadingCapsCount": "does not go on counting after 255 steps",
    "PowersLoseGround": "set to 2,047",
}


@pytest.mark.parametrize("subject", WRONG_LONG, ids=lambda subject: subject.__name__)
def test_what_goes_wrong_late_is_found_once_and_named(subject):
    found = failing(looked_at(subject, subject.algorithm, COUNTED))
    half = subject.__name__ in ("CountInParameterDtype", "CountCastByLoading")
    assert set(found) == {COUNTED[half]}
    assert SAID[subject.__name__] in found[COUNTED[half]]


@pytest.mark.parametrize(
    ("file", "name", "failed"),
    [
        ("01_step_in_param_dtype", "Wrong", "large-counts-in-half-precision"),
        ("01_step_in_param_dtype", "Right", ""),
        ("29_count_cast_on_load", "Wrong", "large-counts-in-half-precision"),
        ("29_count_cast_on_load", "Right", ""),
        ("20_overflowing_radam_warm", "Wrong", "large-counts"),
        ("49_stochastic_rounding", "Right", ""),
        ("58b_master_weights", "Right", ""),
        ("59_kahan", "Right", ""),
    ],
)
def test_real_faults_of_long_runs_and_right_code_that_looks_odd(file, name, failed):
    assert set(failing(looked_at(fault(file, name), "adam", COUNTED))) == ({failed} if failed else set())


def test_adam_of_torch_stands_still_where_nothing_depends_on_it():
    results = looked_at(torch.optim.Adam, "adam", COUNTED)
    assert {result.outcome for result in results} == {"passed"}
    assert "stands still at 16,777,216, where nothing depends on it any more" in results[0].message


def test_a_count_that_stands_still_and_is_never_read_does_not_matter():
    class Told(AdamNorm):
        """Beside its count it keeps one in the parameter's dtype for its reader."""

        def step_tensor(self, param, grad, group):
            super().step_tensor(param, grad, group)
            told = self.state[param].setdefault("told", torch.zeros((), dtype=param.dtype))
            told += 1

    assert failing(looked_at(Told, "adamnorm", COUNTED)) == {}


def test_the_same_count_fails_where_it_is_read():
    class Read(AdamNorm):
        def look(self, group, state, g):
            now = super().look(group, state, g)
            state["step"] = now.t if now.t < 256 else 256
            return now

    assert "does not go on counting" in failing(looked_at(Read, "adamnorm", COUNTED))["large-counts"]


def test_a_subject_without_a_saved_count_is_not_applicable():
    class Hidden(Adam):
        def fresh_state(self, g, group):
            self.hidden = 0
            return {key: value for key, value in super().fresh_state(g, group).items() if key != "step"}

        def look(self, group, state, g):
            self.hidden += 1
            return Now(group, state, g, self.hidden)

    results = looked_at(Hidden, "adam", COUNTED)
    assert {result.outcome for result in results} == {"not-applicable"}
    assert results[0].message == "no number in its state_dict counts the steps"


def test_a_count_kept_twice_cannot_be_set():
    class Twice(Adam):
        """A count in the state is there, and another one decides."""

        seen = 0

        def look(self, group, state, g):
            super().look(group, state, g)
            self.seen += 1
            return Now(group, state, g, self.seen)

    results = looked_at(Twice, "adam", COUNTED)
    assert {result.outcome for result in results} == {"not-applicable"}
    assert "does not set the whole optimizer forward" in results[0].message


def test_an_optimizer_without_state_dict_is_not_applicable():
    class Foreign:
        """Not a torch optimizer."""

        def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
            self.inner = torch.optim.Adam(params, lr, betas, eps, foreach=False)
            self.param_groups = [tuple(self.inner.param_groups)]

        def step(self):
            self.inner.step()

    results = looked_at(Foreign, "adam", COUNTED)
    assert {result.outcome for result in results} == {"not-applicable"}
    assert results[0].message == "it has no state_dict"


def test_counts_are_found_wherever_they_are_kept_and_no_others():
    def state(t):
        saved = {"step": t, "next": torch.tensor(float(t + 1)), "deep": {"n": torch.tensor([t])}, "cycle": t % 5}
        saved |= {"power": 0.9**t, "rest": torch.tensor(1 - 0.999**t), "flag": True, "one": 1.0}
        group = {"lr": 1e-3, "params": [0, 1, 2], "steps": [t], "betas": (0.9, 0.999)}
        return {"state": {0: saved}, "param_groups": [group], "calls": t}

    seen = [{place: float(x) for place, x in numbers(state(t))} for t in range(1, 13)]
    found = {str(count): count for count in counts_in(seen, (0.9, 0.999))}
    assert {"".join(f"[{key!r}]" for key in count.place) for count in found.values()} == {
        "['state'][0]['step']",
        "['state'][0]['next']",
        "['state'][0]['deep']['n']",
        "['state'][0]['power']",
        "['state'][0]['rest']",
        "['param_groups'][0]['steps'][0]",
        "['calls']",
    }
    saved = state(12)
    for count in found.values():
        set_count(saved, count, 255)
    assert {place: float(x) for place, x in numbers(saved)} == pytest.approx(
        {place: float(x) for place, x in numbers(state(255) | {"param_groups": state(255)["param_groups"]})}
        | {("state", 0, "cycle"): 12 % 5}
    )
    assert saved["state"][0]["deep"]["n"].dtype == torch.int64
    assert type(saved["calls"]) is int


def test_types_hold_what_they_can_count_to():
    assert holds(torch.zeros((), dtype=torch.uint8), 255)
    assert not holds(torch.zeros((), dtype=torch.int16), 65_535)
    assert not holds(torch.zeros((), dtype=torch.bfloat16), 2_047)
    assert holds(torch.zeros((), dtype=torch.float16), 2_047)
    assert not holds(torch.zeros((), dtype=torch.float16), 1_000_000)
    assert holds(torch.zeros(()), 2**24)
    assert holds(0, 2**70)


def test_powers_are_counts_too():
    (trial,) = trials(PowersForCounts, "adabelief")
    live = trial.start(trial.case().theta)
    seen = []
    for gradients in (*trial.case().steps, *trial.case().steps[:4]):
        live.step(gradients)
        seen.append({place: float(x) for place, x in numbers(live.optimizer.state_dict())})
    counts = counts_in(seen, (0.9, 0.999))
    assert [(count.base, count.complement) for count in counts] == [(0.9, True), (0.999, True)] * 2
    assert Count((), 0, 0.5, complement=True).after(2) == 0.75


@pytest.mark.parametrize("decision", ["tensor", "group"])
def test_a_case_jumps_for_counts_of_tensors_and_of_groups(decision):
    paper = algorithm("adam")
    paper = replace(paper, conventions={**paper.conventions, "step_count": decision})
    run = case("jumping", [(2,)], [1.0] * 4)
    jumping = replace(run, jumps={3: 99})
    corrections = [float(known["m"][0] / known["m_hat"][0]) for (known,) in plainly(paper, jumping)]
    assert corrections == pytest.approx([1 - 0.9**t for t in (1, 2, 100, 101)], rel=1e-14)  # found: exact


@pytest.mark.parametrize("subject", WRONG_VERY_LONG, ids=lambda subject: subject.__name__)
def test_what_follows_no_saved_count_is_found_by_ageing(subject):
    found = failing(looked_at(subject, subject.algorithm, ["long-run", *COUNTED]))
    assert set(found) == {"long-run"}
    assert "at the age of 1" in found["long-run"]


@pytest.mark.parametrize(("subject", "name"), [(AdamNorm, "adamnorm"), (torch.optim.Adam, "adam")])
def test_old_instances_of_right_optimizers_are_young_again(subject, name):
    results = looked_at(subject, name, ["long-run"])
    assert {(result.outcome, result.message) for result in results} == {("passed", "set back to an early state")}


def test_without_a_state_to_load_every_step_is_held_against_the_equations(monkeypatch):
    from adanorm_verify.checks import ageing

    class Unloadable(Adam):
        def load_state_dict(self, state_dict):
            raise NotImplementedError("nothing can be loaded")

    class Late(Unloadable):
        def update(self, now):
            return super().update(now) * (1 if now.t <= 150 else 0.5)

    monkeypatch.setattr(ageing, "AGES", (1, 200))
    (right,) = looked_at(Unloadable, "adam", ["long-run"])
    assert (right.outcome, right.message) == ("passed", "every step was held against the equations")
    (wrong,) = looked_at(Late, "adam", ["long-run"])
    assert wrong.outcome == "failed"
    assert "after step 151" in wrong.message


@pytest.mark.parametrize("size", [3, 2000])
def test_cases_are_told_apart_to_the_last_bit_however_long_they_are(size):
    one = case("bits", [(size,)], [1.0], start=1.0)
    last = [theta.copy() for theta in one.theta]
    last[0][-1] *= 1 + 2.0**-52
    assert one.fingerprint != replace(one, theta=tuple(last)).fingerprint
    assert one.fingerprint == replace(one, name="again").fingerprint
