"""Code written for an old torch runs unedited under the shim, and the verdict names it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
import torch
from click.testing import CliRunner

from adanorm_verify import check_optimizer, legacy
from adanorm_verify.cli import main

OLD_ADAM = """
import math
from torch._six import inf
from torch.optim.optimizer import Optimizer, required

class Adam(Optimizer):
    def __init__(self, params, lr=required, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps))

    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                grad, state = p.grad.data, self.state[p]
                if len(state) == 0:
                    state.update(step=0, exp_avg=grad * 0, exp_avg_sq=grad * 0)
                state["step"] += 1
                c1, c2 = 1 - beta1 ** state["step"], 1 - beta2 ** state["step"]
                state["exp_avg"].mul_(beta1).add_(1 - beta1, grad)
                state["exp_avg_sq"].mul_(beta2).addcmul_(1 - beta2, grad, grad)
                denom = (state["exp_avg_sq"] / c2).sqrt().add_(group["eps"])
                p.data.addcdiv_(-group["lr"] / c1, state["exp_avg"], denom)
"""


@pytest.fixture
def new_torch(monkeypatch):
    """A torch that has dropped the positional scalars; today's only announces that."""

    def strict(today):
        def call(tensor, *given, **options):
            if len(given) > 1 and not isinstance(given[0], torch.Tensor):
                raise TypeError("positional scalar")
            return today(tensor, *given, **options)

        return call

    for name in legacy.POSITIONAL:
        monkeypatch.setattr(torch, name, strict(getattr(torch, name)))
        for method in (name, f"{name}_"):
            monkeypatch.setattr(torch.Tensor, method, strict(getattr(torch.Tensor, method)), raising=False)


@pytest.fixture
def old_adam(tmp_path):
    path = tmp_path / "old_adam.py"
    path.write_text(OLD_ADAM)
    return f"{path}:Adam"


def test_old_code_does_not_run_without_the_shim(new_torch, old_adam):
    assert check_optimizer(old_adam, "adam", profile="quick").outcome == "not-checked"


def test_old_code_runs_unedited_and_the_verdict_names_the_shim(new_torch, old_adam):
    verdict = check_optimizer(old_adam, "adam", profile="quick", legacy=True)
    assert verdict.first_divergence is None, verdict.summary()
    named = verdict.notes[-1]
    assert named.startswith("run under --legacy: translated add_(alpha, other) ")
    assert "addcdiv_(value, tensor1, tensor2) " in named
    assert "torch._six.inf once" in named


def test_wrong_old_code_is_still_wrong(new_torch, tmp_path):
    path = tmp_path / "wrong_adam.py"
    path.write_text(OLD_ADAM.replace(".add_(1 - beta1, grad)", ".add_(1, grad)"))
    verdict = check_optimizer(f"{path}:Adam", "adam", profile="quick", legacy=True)
    assert verdict.outcome == "differs", verdict.summary()
    assert verdict.first_divergence.quantity == "m"


def test_code_that_needs_nothing_is_said_to_need_nothing():
    verdict = check_optimizer("torch.optim:Adam", "adam", profile="quick", dtypes=["float64"], legacy=True)
    assert verdict.conforms
    assert verdict.notes[-1] == "run under --legacy: nothing had to be translated"


OLD_CALLS = {
    "add": lambda a, b: (a.add(2, b), a + 2 * b),
    "add_": lambda a, b: (a.clone().add_(2, b), a + 2 * b),
    "sub": lambda a, b: (a.sub(2, b), a - 2 * b),
    "sub_": lambda a, b: (a.clone().sub_(2, b), a - 2 * b),
    "addcmul": lambda a, b: (a.addcmul(2, a, b), a + 2 * a * b),
    "addcmul_": lambda a, b: (a.clone().addcmul_(2, a, b), a + 2 * a * b),
    "addcdiv": lambda a, b: (a.addcdiv(2, a, b), a + 2 * a / b),
    "addcdiv_": lambda a, b: (a.clone().addcdiv_(torch.tensor(2.0), a, b), a + 2 * a / b),
    "torch.add": lambda a, b: (torch.add(a, 2, b), a + 2 * b),
    "torch.addcdiv": lambda a, b: (torch.addcdiv(a, 2, a, b), a + 2 * a / b),
}
NEW_CALLS = {
    "add": lambda a, b: (a.add(b, alpha=2), a + 2 * b),
    "scalar": lambda a, b: (a.add(2), a + 2),
    "tensor of no axes": lambda a, b: (a.clone().add_(torch.tensor(2.0)), a + 2),
    "addcmul": lambda a, b: (a.addcmul(a, b, value=2), a + 2 * a * b),
    "addcdiv without value": lambda a, b: (a.addcdiv(a, b), a + a / b),
    "torch.sub": lambda a, b: (torch.sub(a, b, alpha=2), a - 2 * b),
}
A, B = torch.tensor([1.0, 2.0]), torch.tensor([4.0, 8.0])


@pytest.mark.parametrize("name", OLD_CALLS)
def test_old_calls_are_translated_and_counted(new_torch, name):
    with legacy.shim() as used:
        found, expected = OLD_CALLS[name](A, B)
    assert torch.equal(found, expected)
    assert sum(used.values()) == 1


@pytest.mark.parametrize("name", NEW_CALLS)
def test_new_calls_pass_through_uncounted(new_torch, name):
    with legacy.shim() as used:
        found, expected = NEW_CALLS[name](A, B)
    assert torch.equal(found, expected)
    assert not used


def test_everything_is_put_back_even_after_an_error():
    def state():
        optimizer = sys.modules["torch.optim.optimizer"]
        return {**vars(torch.Tensor)}, torch.add, torch.addcdiv, {**vars(optimizer)}, "torch._six" in sys.modules

    def interrupted():
        with legacy.shim():
            assert state() != before
            raise RuntimeError

    before = state()
    with pytest.raises(RuntimeError):
        interrupted()
    assert state() == before


def test_a_name_that_a_module_lacks_is_offered_and_counted():
    used = Counter()
    with legacy.offering("torch.optim.optimizer", {"gone": 1, "Optimizer": 2}, used):
        from torch.optim.optimizer import Optimizer, gone
    assert (gone, Optimizer) == (1, torch.optim.Optimizer)
    assert used == {"torch.optim.optimizer.gone": 1}


def test_a_name_that_old_torch_had_not_is_still_missing():
    with legacy.shim() as used, pytest.raises(ImportError):
        exec("from torch.optim.optimizer import no_such_name")
    assert not used


def test_reproduction_of_old_code_stands_alone(old_adam, tmp_path):
    source = tmp_path / "old_adam.py"
    source.write_text(OLD_ADAM.replace(".add_(1 - beta1, grad)", ".add_(1, grad)"))
    script = tmp_path / "reproduce.py"
    arguments = ["check", old_adam, "-a", "adam", "--legacy", "--profile", "quick", "--reproduce", str(script)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1, done.output
    assert "run under --legacy" in done.output
    code = "import sys; sys.modules['adanorm_verify'] = None; exec(open(sys.argv[1]).read())"
    alone = subprocess.run([sys.executable, "-c", code, str(script)], capture_output=True, text=True)
    assert alone.returncode == 1, alone.stderr
    assert "theta differs from the paper" in alone.stdout
