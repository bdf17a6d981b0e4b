"""The contract run: pages, expectations, what is not applicable, and fresh processes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_checks_faithful import contract, failures

from adanorm_verify import streams
from adanorm_verify.checks import CHECKS, Failed, fresh, tensors
from adanorm_verify.checks.judge import Changed, Judge
from adanorm_verify.hosting.checking import elsewhere
from adanorm_verify.hosting.source import Source
from adanorm_verify.paper import algorithm
from adanorm_verify.shelf import INTERFACE
from adanorm_verify.shelf._base import Adam, AdamNorm
from adanorm_verify.targets import load
from adanorm_verify.trajectory import plainly

SUBJECTS = {subject.__name__: subject for subject in INTERFACE}


def outcomes(results, name) -> set[str]:
    return {result.outcome for result in results if result.name == name}


def test_pages_are_complete_and_names_unique():
    names = [page.name for page in CHECKS]
    assert len(set(names)) == len(names)
    assert {"trajectory", "state-follows", "liveness"} <= set(names)
    for page in CHECKS:
        assert page.catches.endswith(".")
        assert page.sample
        assert page.switch == f"--expect {page.name}=REASON"


def test_expected_failure_keeps_its_message_and_reason():
    subject = SUBJECTS["ClosureTwice"]
    results = contract(subject, subject.algorithm, "quick", expect={"closure": "known, issue 12"})
    (found,) = [result for result in results if result.name == "closure"]
    assert (found.outcome, found.reason) == ("expected", "known, issue 12")
    assert "calls the closure 2 times" in found.message
    assert failures(results) == []


def test_expected_failure_that_passes_everywhere_is_stale():
    results = contract(Adam, "adam", "quick", expect={"closure": "it used to fail"})
    assert outcomes(results, "closure") == {"stale"}


def test_expectation_that_holds_on_one_path_is_not_stale():
    two_paths = torch.optim.Adam
    results = contract(two_paths, "adam", "quick", expect={"strided-gradient": "fused ignores strides"})
    if "expected" in outcomes(results, "strided-gradient"):
        assert "stale" not in outcomes(results, "strided-gradient")
    else:
        assert outcomes(results, "strided-gradient") == {"stale"}


def test_expecting_what_does_not_exist_lists_the_names():
    with pytest.raises(ValueError, match=r"expect 'closures': no such check; the checks are .*closure"):
        contract(Adam, "adam", "quick", expect={"closures": "typo"})


def test_optimizer_that_never_moves_shows_nothing():
    class Still(Adam):
        def move(self, param, update):
            pass

    results = contract(Still, "adam", "quick")
    assert {result.outcome for result in results} == {"not-applicable"}


def test_local_class_goes_on_in_a_fresh_process_too():
    class Local(AdamNorm):
        """Cannot be imported by name."""

    results = contract(Local, "adamnorm")
    assert failures(results) == []
    assert outcomes(results, "state-in-a-fresh-process") == {"passed"}
    assert outcomes(results, "pickling") == {"not-applicable"}


def test_whatever_a_subject_raises_is_a_failure_with_its_message():
    class Exits(Adam):
        def state_dict(self):
            raise SystemExit("no state today. Come again tomorrow")

    results = contract(Exits, "adam", "quick")
    (found,) = [result for result in results if result.name == "state-in-a-fresh-instance"]
    assert found.outcome == "failed"
    assert found.message == "raised SystemExit: no state today"


def test_switch_without_effect_is_a_note():
    class Switched(Adam):
        def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, amsgrad=False):
            super().__init__(params, lr, betas, eps)

    (found,) = [result for result in contract(Switched, "adam", "quick") if result.name == "switches"]
    assert (found.outcome, found.message) == ("passed", "no effect was seen of amsgrad")


def test_weight_decay_is_named():
    notes = {result.message for result in contract(torch.optim.Adam, "adam", "quick") if result.name == "weight-decay"}
    assert notes == {"weight decay is coupled (L2): g + lambda theta; a negative one is refused"}
    notes = {result.message for result in contract(torch.optim.AdamW, "adam", "quick") if result.name == "weight-decay"}
    assert notes == {"weight decay is decoupled: theta (1 - lr lambda); a negative one is refused"}


def test_torch_generator_is_left_as_it_was():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    contract(Adam, "adam", "quick")
    assert torch.equal(before, torch.get_rng_state())


def test_fresh_process_does_not_run_the_script_again(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\n"
        "print('begun')\n"
        "from test_checks_faithful import contract\n"
        "from adanorm_verify.optim import AdamNorm\n"
        "results = contract(AdamNorm, 'adamnorm')\n"
        "print([r.outcome for r in results if r.name == 'state-in-a-fresh-process'])\n"
    )
    import adanorm_verify

    root = adanorm_verify.__path__[0] + "/.."
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"{root}:{root}/property_tests"},
    )
    assert done.stdout.splitlines() == ["begun", str(["passed"] * 4)], done.stderr  # single, foreach, fused, capturable


def test_fresh_process_that_raises_says_what():
    data = fresh.continuation({"lr": -1.0}, b"", [torch.zeros(1)], [])
    answer = elsewhere(Source("torch.optim:Adam"), data)
    with pytest.raises(Failed, match="in a fresh process it raised ValueError: Invalid learning rate"):
        fresh.gone_on(answer)


def test_comparison_of_runs_fails_closed():
    judge, one = Judge(algorithm("adam")), [[np.zeros(2)]]
    assert judge.compared(one, one, [[np.full(2, np.inf)]]).kind == "nothing"
    found = judge.compared([[np.array([0.0, np.nan])]], one, [[np.ones(2)]])
    assert found.kind == "outside"
    assert found.text.startswith("tensor 0, element 1 after step 1: expected 0, found nan")
    assert judge.difference([[np.array([np.nan])]], [[np.array([np.nan])]]) == ""


def test_a_list_is_changed_by_functions_of_the_checks_alone():
    judge = Judge(algorithm("adam"))
    assert judge.listed(Changed("adanorm_verify.checks.decay:coupled", (0.5,))).names[0] == "decayed"
    with pytest.raises(ValueError, match="os:remove is no function of the checks"):
        judge.listed(Changed("os:remove", ()))


def test_a_case_whose_hyperparameters_change_follows_them_from_that_step_on():
    case = streams.case("x", [(1,)], [1.0] * 4).changing(3, lr=0.0)
    thetas = [known["theta"].item() for (known,) in plainly(algorithm("adam"), case)]
    assert thetas[0] > thetas[1] == thetas[2] == thetas[3]


def test_a_case_with_a_jump_counts_from_there():
    case = replace(streams.case("x", [(1,)], [1.0] * 3), jumps={3: 1000})
    assert [known["t"] for (known,) in plainly(algorithm("adam"), case)] == [1, 2, 1001]


@pytest.mark.parametrize("layout", tensors.LAYOUTS.values(), ids=tensors.LAYOUTS)
def test_layouts_keep_values_and_change_strides(layout):
    tensor = torch.arange(12.0).reshape(3, 4)
    assert torch.equal(layout(tensor), tensor)
    assert not layout(tensor).is_contiguous()


def test_optimizer_of_a_file_is_found_by_the_fresh_process(tmp_path, monkeypatch):
    file = tmp_path / "optimizer_of_mine.py"
    file.write_text("import torch\n\n\nclass Mine(torch.optim.Adam):\n    pass\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    results = contract(load(f"{file}:Mine"), "adam", foreach=False, fused=False)
    assert failures(results) == []
    assert outcomes(results, "state-in-a-fresh-process") == {"passed"}


def test_a_subject_that_switches_gradients_off_does_not_leave_them_off():
    subject = next(s for s in INTERFACE if s.__name__ == "GradLeftOff")
    contract(subject, subject.algorithm, "quick")
    assert torch.is_grad_enabled()
