"""Values changed in mid-run, memory exchanged, weight decay as it is claimed, and options in pairs."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from test_checks_faithful import contract, failures

from adanorm_verify import check_optimizer, shelf, streams
from adanorm_verify.checks import values_now
from adanorm_verify.checks.claims import claimed
from adanorm_verify.checks.exchange import halved
from adanorm_verify.paper import algorithm
from adanorm_verify.reports.html import page
from adanorm_verify.shelf import faithful_changing, wrong_changing, wrong_exchange
from adanorm_verify.subject import Subject
from adanorm_verify.targets import load
from adanorm_verify.trajectory import plainly

FAULTS = Path(__file__).parents[2] / "shared" / "faults"
SAYS = {
    "BetasOfFirstStep": ("changed-options", "betas changed from (0.9, 0.999) to (0.5, 0.999) at step 5"),
    "EpsOfFirstStep": (
        "changed-options",
        "eps changed from 1e-08 to 0.125 at step 5 in the second group has no effect",
    ),
    "GammaOfFirstStep": ("changed-options", "gamma changed from 0.95 to 0.5 at step 5"),
    "BetaAloneAtSecondGroup": ("changed-options", "does not count as the equations say"),
    "ZeroRateReturns": ("scheduler", "a warm-up (LambdaLR) that begins at lr 0"),
    "ZeroRateWaits": ("scheduler", "a warm-up (LambdaLR) that begins at lr 0"),
    "ZeroRateUncounted": ("scheduler", "lr 0 for two steps and then back"),
    "InitialRate": ("scheduler", "after StepLR divided lr by 4"),
    "DecayOfFirstStep": ("changed-switches", "weight_decay changed from 0.0 to 0.125 at step 5"),
    "DecayOnceOff": ("changed-switches", "weight_decay changed from 0.0 to 0.125 at step 5"),
    "MaximizeOfFirstStep": ("changed-switches", "maximize changed from False to True at step 5"),
    "AmsgradStays": ("changed-switches", "amsgrad changed from True to False at step 5 has no effect"),
    "AmsgradOnlyEarly": ("changed-switches", "amsgrad changed from False to True at step 5 has no effect"),
    "LoadingKeepsDecay": ("options-in-state", "built with another weight_decay it goes on otherwise"),
    "LoadingKeepsBetas": ("options-in-state", "built with another betas it goes on otherwise"),
    "RateWrittenInto": ("tensor-lr", "a step changes the caller's tensor lr from 0.0078125 to"),
    "TensorRateAsFloat16": ("tensor-lr", "does not count as the number"),
    "ScalarsRaiseCorrected": ("scalar-parameter", "step 2 raised RuntimeError"),
    "NegativeDecaySize": ("weight-decay", "a negative one is accepted, and is not that with its sign"),
    "ClaimsPenalty": ("weight-decay", "claims L2 (coupled) weight decay in its docstring, and does decoupled"),
    "PenaltyW": ("weight-decay", "claims decoupled weight decay by its name PenaltyW, and does coupled"),
    "DecayTurned": ("weight-decay", "with maximize=True is not coupled"),
    "CoupledDecayLost": ("option-pairs", "weight_decay=0.125 has no effect with decoupled=False"),
    "MaximizeLost": ("option-pairs", "maximize=True with amsgrad=True is not the run with negated gradients"),
    "DetachedOnce": ("exchanged-memory", "the parameter does not move in its new memory"),
    "MemoryIsNew": ("exchanged-memory", "the parameter does not move in its new memory"),
    "SharedGradientOnce": ("shared-gradient", "does not count for both"),
    "BufferFromStart": ("gradient-views", "views of one buffer count as others"),
    "PadsGradient": ("gradient-views", "step 1 writes into the buffer"),
    "ForgetsFrozen": ("frozen-meanwhile", "does not go on as before"),
    "MovesFrozen": ("frozen-meanwhile", "does not go on as before"),
    "FitsState": ("resized-parameter", "resized from (1, 3) to (2, 3) goes on silently"),
    "MetaForgotten": ("meta-parameter", "moved from meta before the first step do not move"),
}
"""Wrong subject to the one check that fails, and what it says."""
WRONG = (*wrong_changing.WRONG_CHANGING, *wrong_exchange.WRONG_EXCHANGE)
CHECKS = {check for check, _ in SAYS.values()} | {"maximize", "group-options"}


def failed(results) -> dict[str, str]:
    return {result.name: result.message for result in results if result.outcome == "failed"}


def outcomes(factory, name="adam", **arguments) -> dict[str, tuple[str, str]]:
    results = contract(factory, name, "quick", **arguments)
    return {result.name: (result.outcome, result.message) for result in results}


def test_every_wrong_subject_has_its_cause():
    assert set(SAYS) == {subject.__name__ for subject in WRONG}
    assert set(WRONG) <= set(shelf.INTERFACE)


@pytest.mark.parametrize("subject", WRONG, ids=lambda subject: subject.__name__)
def test_one_check_fails_and_names_the_cause(subject):
    check, text = SAYS[subject.__name__]
    found = failed(contract(subject, subject.algorithm, "quick"))
    assert set(found) == {check}
    assert text in found[check].splitlines()[0]


@pytest.mark.parametrize("subject", faithful_changing.FAITHFUL_CHANGING, ids=lambda subject: subject.__name__)
def test_right_and_odd_passes(subject):
    assert failures(contract(subject, subject.algorithm, "quick")) == []


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        (torch.optim.Adam, "adam"),
        (torch.optim.AdamW, "adam"),
        (torch.optim.RAdam, "radam"),
        (torch.optim.NAdam, "adam"),
    ],
)
def test_torch_passes_on_every_path(subject, name):
    results = [result for result in contract(subject, name, "quick") if result.name in CHECKS]
    assert failures(results) == []


def faulty(file: str, name: str = "Wrong"):
    if not FAULTS.exists():
        pytest.skip("the folder of publicly reported faults is absent")
    return load(f"{next(FAULTS.glob(file))}:{name}")


@pytest.mark.parametrize(
    ("file", "check", "text"),
    [
        ("07_*.py", "changed-options", "betas changed from (0.9, 0.999) to (0.5, 0.999) at step 5"),
        ("11_*.py", "weight-decay", "claims L2 (coupled) weight decay in its docstring, and does decoupled"),
        ("32_*.py", "exchanged-memory", "does not move in its new memory"),
        ("33_*.py", "scheduler", "a warm-up (LambdaLR) that begins at lr 0"),
    ],
)
def test_reported_fault_is_one_finding(file, check, text):
    found = {name: text for name, text in failed(contract(faulty(file), "adam", "quick")).items() if name in CHECKS}
    assert set(found) == {check}
    assert text in found[check]


@pytest.mark.parametrize("file", ["11_*.py", "32_*.py"])
def test_right_twin_of_a_reported_fault_passes(file):
    assert failures(contract(faulty(file, "Right"), "adam", "quick")) == []


# Weight decay.


class Undocumented(faithful_changing.DecayOption):
    pass


def test_claimed_weight_decay_decides():
    def verdict(decay):
        return check_optimizer(Undocumented, "adam", profile="quick", dtypes=["float32"], decay=decay)

    assert verdict("").conforms
    assert verdict("coupled").conforms
    wrong = verdict("decoupled")
    assert wrong.failed_checks == ("weight-decay",)
    assert "claims decoupled weight decay as --decay says, and does coupled (L2): g + lambda theta" in wrong.summary()
    with pytest.raises(ValueError, match="unknown weight decay 'l2'; it is one of coupled, decoupled"):
        verdict("l2")


def test_a_weight_decay_that_is_on_by_default_is_asked_for_its_meaning_too():
    verdict = check_optimizer("torch.optim:AdamW", "adam", profile="quick", dtypes=["float32"])
    assert tuple(d.name for d in verdict.deviations) == ("decoupled-weight-decay-left-on",)
    assert "weight decay is decoupled: theta (1 - lr lambda); a negative one is refused" in verdict.notes


def test_what_weight_decay_does_stands_in_every_report():
    line = "weight decay is coupled (L2): g + lambda theta; a negative one counts with its sign"
    verdict = check_optimizer(Undocumented, "adam", profile="quick", dtypes=["float32"])
    assert f"note: {line}" in verdict.summary().splitlines()
    assert line in verdict.notes
    assert line in verdict.to_json()
    assert line in page(verdict)


def documented(text: str, name: str = "Some"):
    return type(name, (torch.optim.Optimizer,), {"__doc__": text, "__init__": lambda self, params, lr=1.0: None})


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("weight_decay (float): weight decay (L2 penalty) (default: 0)", "coupled"),
        ("Adam with L2 regularisation.", "coupled"),
        ("The weight decay is added\n    to the gradient.", "coupled"),
        ("Adam with decoupled weight decay.", "decoupled"),
        ("Adam with classical weight decay. For the decoupled variant use AdamW.", None),
        ("Weight decay is applied directly to the weights, not as L2 regularization.", None),
        ("See also AdamW.", None),
        ("Weight decay, unlike AdamW.", None),
        ("The decay of the L2 norm of the gradient.", None),
        ("L2 penalty, or decoupled weight decay, as you like.", None),
        ("An optimizer.", None),
        (None, None),
    ],
)
def test_docstring_claims_only_what_is_clear(text, claim):
    found = claimed(Subject(documented(text), "some"))
    assert (found and found[0]) == claim


def test_name_signature_and_caller_come_before_the_docstring():
    l2 = documented("L2 penalty.", "SomeW")
    assert claimed(Subject(l2, "some")) == ("decoupled", "by its name SomeW")
    assert claimed(Subject(l2, "some", decay="coupled")) == ("coupled", "as --decay says")
    assert claimed(Subject(torch.optim.Adam, "adam")) == ("coupled", "by decoupled_weight_decay=False")
    decoupled = Subject(torch.optim.Adam, "adam", {"decoupled_weight_decay": True})
    assert claimed(decoupled) == ("decoupled", "by decoupled_weight_decay=True")


# The lists.


def run(changed, case) -> list[float]:
    return [float(known["theta"].item()) for (known,) in plainly(changed, case)]


def test_running_products_are_the_powers_while_betas_stay():
    for name in ("adam", "radam", "adabeliefnorm"):
        case = streams.case("x", [(1,)], [1.0, 0.5, 0.25] * 3)
        assert run(values_now.running_products(algorithm(name)), case) == pytest.approx(run(algorithm(name), case))


def test_running_products_remember_the_betas_that_were():
    case = streams.case("x", [(1,)], [1.0] * 3).changing(3, beta1=0.5)
    known = [known["m_hat"].item() for (known,) in plainly(values_now.running_products(algorithm("adam")), case)]
    plain = [known["m"].item() for (known,) in plainly(algorithm("adam"), case)]
    assert known[2] == pytest.approx(plain[2] / (1 - 0.9 * 0.9 * 0.5))


@pytest.mark.parametrize("kept", [values_now.SUM, values_now.UNBIASED])
def test_averages_in_another_form_are_the_same_while_betas_stay(kept):
    for name in ("adamnorm", "radamnorm", "diffgrad"):
        case = streams.case("x", [(2,)], [1.0, 0.5, 0.25] * 3).only(0)
        other = values_now.rescaled(algorithm(name), kept)
        ours = [known["theta"] for (known,) in plainly(other, case)]
        theirs = [known["theta"] for (known,) in plainly(algorithm(name), case)]
        assert all(abs(x - y).max() < 1e-12 for x, y in zip(ours, theirs, strict=True))


def test_a_sum_that_is_kept_takes_the_new_share_at_once():
    case = streams.case("x", [(1,)], [1.0, 1.0]).changing(2, beta1=0.5)
    (g,) = {abs(gradient[0].item()) for gradient in case.steps}
    changed = values_now.rescaled(algorithm("adam"), values_now.SUM)
    (_, (known,)) = list(plainly(changed, case))
    assert abs(known["m"].item()) == pytest.approx((1 - 0.5) * (0.5 * g + g))


def test_maximum_until_is_amsgrad_and_then_adam():
    case = streams.case("x", [(1,)], [1.0, 0.01, 0.01, 0.01]).changing(1, beta2=0.5)
    for end, denominators in ((9, "v_max"), (1, "v")):
        changed = values_now.maximum_until(algorithm("adam"), end)
        for (known,) in plainly(changed, case):
            t, v = known["t"], known[denominators].item()
            assert known["root"].item() == pytest.approx(math.sqrt(v / (1 - 0.5**t)))


def test_halved_parameters_are_halved_once():
    case = streams.case("x", [(1,)], [1.0] * 4, start=1.0).changing(1, lr=0.0)
    assert run(halved(algorithm("adam"), 3), case) == [x * run(algorithm("adam"), case)[0] for x in (1, 1, 0.5, 0.5)]
