"""What the subject is asked: its arguments, its paths, its state by name and by value."""

from __future__ import annotations

import pytest
import torch

from adanorm_verify import check_optimizer
from adanorm_verify.errors import CannotCheck
from adanorm_verify.files import write_atomically
from adanorm_verify.shelf import FAITHFUL
from adanorm_verify.subject import Subject


class Passes(torch.optim.Adam):
    """Hands its arguments on."""

    def __init__(self, params, *args, **kwargs):
        super().__init__(params, *args, **kwargs)


class Separate(torch.optim.Optimizer):
    """Adam with its decays as two arguments under other names, and state that no one else names so."""

    def __init__(self, params, alpha=1e-3, decay1=0.9, decay2=0.999, eps=1e-8):
        super().__init__(params, {"alpha": alpha, "decay1": decay1, "decay2": decay2, "eps": eps})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            b1, b2 = group["decay1"], group["decay2"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                state.setdefault("n", 0)
                state["n"] += 1
                mean = state.setdefault("mean", torch.zeros_like(p))
                spread = state.setdefault("spread", torch.zeros_like(p))
                mean.lerp_(p.grad, 1 - b1)
                spread.mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
                m_hat, v_hat = mean / (1 - b1 ** state["n"]), spread / (1 - b2 ** state["n"])
                p.sub_(group["alpha"] * m_hat / (v_hat.sqrt() + group["eps"]))


RENAME = {"lr": "alpha", "beta1": "decay1", "beta2": "decay2"}


def test_arguments_handed_on_to_a_base_class_are_found():
    assert Subject(Passes, "x").settable == {"lr", "beta1", "beta2", "eps"}
    assert set(Subject(Passes, "x").paths) == {"single-tensor", "foreach", "fused", "capturable"}


def test_renamed_arguments_and_state_known_by_value_are_compared():
    verdict = check_optimizer(Separate, "adam", rename=RENAME, profile="quick")
    assert verdict.conforms, verdict.summary()
    assert {record.quantity for record in verdict.records} == {"m", "v", "theta"}
    assert not verdict.notes


def test_state_under_unusual_names_is_mapped_by_value():
    [other] = [subject for subject in FAITHFUL if subject.__name__ == "OtherNames"]
    verdict = check_optimizer(other, "adabeliefnorm", profile="quick")
    assert {"e", "m", "v", "theta"} <= {record.quantity for record in verdict.records}


class OtherMeaning(torch.optim.Adam):
    """Adam with keys of its own that look like the paper's symbols."""

    def step(self, closure=None):
        loss = super().step(closure)
        for state in self.state.values():
            state.update(m="adaptive", v=7, e=None)
        return loss


def test_usual_names_that_mean_something_else_are_not_compared():
    verdict = check_optimizer(OtherMeaning, "adam", profile="quick")
    assert verdict.conforms
    assert all(record.ratio <= 1 for record in verdict.records)


def test_without_the_rename_the_hyperparameters_are_not_varied_and_that_is_said():
    verdict = check_optimizer(Separate, "adam", profile="quick")
    assert verdict.conforms
    assert any("takes no lr, beta1, beta2" in note for note in verdict.notes)


def test_pinned_pair_must_be_two_numbers():
    verdict = check_optimizer(torch.optim.Adam, "adam", arguments={"betas": 0.9})
    assert verdict.outcome == "not-checked"
    assert "two numbers are wanted" in verdict.reason


def test_pinned_path_is_the_only_one():
    assert set(Subject(torch.optim.Adam, "x", {"foreach": True, "fused": False}).paths) == {"default", "capturable"}
    for flag in ("foreach", "fused"):  # each refuses the other
        assert set(Subject(torch.optim.Adam, "x", {flag: True}).paths) == {"default", "capturable"}


def test_factory_that_cannot_be_inspected_is_refused():
    with pytest.raises(CannotCheck, match="cannot be inspected"):
        _ = Subject(type, "x").parameters


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "report.json"
    write_atomically(target, "old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
