"""Certificates of the hunt: the checker accepts them, no altered number passes, and what is false is not certified."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from adanorm_verify.ledger import folder
from adanorm_verify.paper import Equation
from adanorm_verify.regret import certifying, distributions
from adanorm_verify.regret.certifying import certificate, evidence, first_rounds, renamed, run_of
from adanorm_verify.regret.confirming import Confirmation, Played
from adanorm_verify.regret.hunting import natural
from adanorm_verify.regret.methods import method_of
from adanorm_verify.regret.settled import settle
from adanorm_verify.regret.trophies import Written, below, limit
from adanorm_verify.regret.unparsing import LIMIT, Language, Undecided

checker = folder.checker()
SIMPLEST = (3, -1, -1)
CORRECTED = ("adamnorm", "diffgradnorm", "radamnorm", "adabeliefnorm", "amsgradnorm", "sgdnorm", "adagradnorm")
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])")


def made(settings, sequence=SIMPLEST, name="hunt.x"):
    memories = settle(method_of(settings), np.array([sequence]).T).memories
    return certificate(settings, sequence, memories, name)


@cache
def known(name):
    return made(natural(name))


def signed(contents):
    return {**contents, "sha256": checker.digest(contents)}


@pytest.mark.parametrize("name", CORRECTED)
def test_the_failure_of_every_corrected_optimizer_is_proved(name):
    contents = known(name)
    assert contents["verdict"] == "proved"
    assert "R(T)/T to 2/3" in contents["statement"]
    assert checker.check(contents) >= 8


def test_the_script_accepts_the_file(tmp_path):
    contents = renamed(known("adamnorm"), "trophy")
    file = tmp_path / "trophy.json"
    file.write_text(json.dumps(contents))
    ran = subprocess.run([sys.executable, folder.folder() / "checker.py", file], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    assert "1 of 1 certificates hold" in ran.stdout


def test_the_cycle_is_closed_exactly():
    [cycle] = [step for step in known("adamnorm")["steps"] if "e_3 == e_0" in step.get("claims", ())]
    assert {"e_3 == e_0", "m_3 == m_0", "v_3 == v_0"} <= set(cycle["claims"])
    names = checker.defined(cycle)
    assert names["e_1"].low == names["e_1"].high == checker.Fraction(1941, 1141)  # as `cex.cycle` of the ledger has it


@pytest.mark.parametrize(
    ("settings", "sequence"),
    [
        ({"name": "adam", "beta1": 0.0, "beta2": 0.1}, SIMPLEST),
        ({"name": "adam"}, (75, *[-1] * 74)),
        ({"name": "adamnorm", "decay": 0.5}, SIMPLEST),
        ({"name": "adamnorm", "steps": "constant"}, SIMPLEST),
        ({"name": "sgdnorm", "gamma": 0.5}, (5, -2, -2)),
        ({"name": "radamnorm", "beta2": 0.9}, SIMPLEST),
        ({"name": "diffgradnorm", "gamma": 0.0}, (21, 21, -13, -28)),
    ],
)
def test_other_failures_are_proved(settings, sequence):
    assert checker.check(made(settings, sequence))


@pytest.mark.parametrize(
    ("settings", "sequence"),
    [
        *((natural(name), SIMPLEST) for name in ("sgd", "adagrad", "amsgrad", "adam", "diffgrad")),
        ({"name": "adamnorm", "guard": "decaying"}, SIMPLEST),
        ({"name": "sgdnorm"}, (4, -1, -1)),
        ({"name": "adam"}, (65, *[-1] * 64)),
    ],
)
def test_what_does_not_fail_is_not_certified(settings, sequence):
    assert made(settings, sequence) is None


def numbers(contents):
    """Every number of every expression, as (step, path to the text, match)."""
    for i, step in enumerate(contents["steps"]):
        for key in ("claims", "let", "left", "right", "claim", "as"):
            texts = step.get(key, [])
            for j, text in enumerate([texts] if isinstance(texts, str) else texts):
                plain = text[1] if isinstance(text, list) else text
                for match in NUMBER.finditer(plain):
                    yield i, key, j, match


def altered(contents, i, key, j, match):
    changed = copy.deepcopy(contents)
    step = changed["steps"][i]
    old = step[key] if isinstance(step[key], str) else step[key][j]
    text = old[1] if isinstance(old, list) else old
    new = f"{text[: match.start()]}({match.group()} + 1){text[match.end() :]}"
    if isinstance(step[key], str):
        step[key] = new
    else:
        step[key][j] = [old[0], new] if isinstance(old, list) else new
    return changed


@pytest.mark.parametrize("name", ["sgdnorm", "adamnorm"])
def test_no_altered_number_passes(name):
    contents = known(name)
    every = list(numbers(contents))
    assert len(every) > 100
    for place in every[:: max(1, len(every) // 60)]:
        with pytest.raises(checker.Refused):
            checker.check(altered(contents, *place))


def test_no_altered_definition_passes_with_a_new_digest():
    """Nor does a certificate that was signed again: what is defined is claimed."""
    contents = known("sgdnorm")
    [i] = [i for i, step in enumerate(contents["steps"]) if "e_3 == e_0" in step.get("claims", ())]
    places = [place for place in numbers(contents) if place[0] == i and place[1] == "let"]
    passed = []
    for place in places:
        try:
            checker.check(signed(altered(contents, *place)))
        except checker.Refused:
            continue
        passed.append((contents["steps"][i]["let"][place[2]], place[3].start()))
    assert len(places) > 20
    assert passed == []


def test_a_larger_drift_than_there_is_is_refused():
    contents = copy.deepcopy(known("adamnorm"))
    for step in contents["steps"]:
        for pair in step.get("let", []):
            if pair[0] == "D":
                pair[1] = f"2*({pair[1]})"
    with pytest.raises(checker.Refused, match=r"not certain: move_1 \+ move_2 \+ move_3 >= D"):
        checker.check(signed(contents))


@pytest.mark.parametrize("name", ["adamnorm", "diffgradnorm", "adabeliefnorm", "amsgradnorm", "sgdnorm"])
def test_the_first_rounds_are_those_of_the_checkers_own_optimizer(name):
    """The list's equations and the checker's run are written apart; both meet what was played."""
    method = method_of(natural(name))
    step = evidence(method, SIMPLEST)
    assert step["run"] == run_of(method, SIMPLEST)
    checker.check_claims(step, {})
    let, _ = first_rounds(method, SIMPLEST)
    language = Language(1, 256)
    for key, text in let:
        language.know(key, text)
    ran = checker.defined(step)["theta"]
    for k in range(1, certifying.ROUNDS + 1):
        assert abs(float(ran[(k + 1,)].low - language.names[f"theta_{k}"].low)) < 1e-60


def test_the_first_rounds_of_another_optimizer_are_refused():
    step = dict(evidence(method_of(natural("adamnorm")), SIMPLEST))
    step["run"] = {**step["run"], "second": "s**2"}
    with pytest.raises(checker.Refused):
        checker.check_claims(step, {})


def jump(x):
    return np.where(x > 1, 2 * x, x)


def kink(x):
    return np.where(x > 1, 2 * x, x + 1)


def test_a_branch_that_only_tends_to_equality_is_undecided_unless_both_meet():
    """The norm's average tends to the norm of equal gradients: the corrected gradient is the same on either side."""
    language = Language(LIMIT, 256)
    language.know("x_1", "1")
    with pytest.raises(Undecided):
        language.written(Equation("y", jump, "y"), {"x": "x_1"})
    assert language.written(Equation("y", kink, "y"), {"x": "x_1"}) == ("x_1 + 1", ["(2 * x_1) == (x_1 + 1)"])
    language.know("x_2", "2")
    assert language.written(Equation("y", jump, "y"), {"x": "x_2"}) == ("2 * x_2", ["x_2 > 1"])
    assert Written(method_of({"name": "sgdnorm"}), (1,), {"e": "average"}).claims


def test_the_limit_and_the_short_decimal():
    assert limit(SIMPLEST) == checker.Fraction(2, 3)
    x = checker.Fraction(15613683, 10**8)
    assert below(x) == "15/10**2"
    assert below(checker.Fraction(250)) == "250"


def played(rises):
    late = 0.2 if rises else 0.05
    return Played(0.1, late, 0.01, 0.01)


def test_a_distribution_is_supported_by_exact_means_and_by_play():
    law = distributions.Law(3, 3)
    method = method_of(natural("sgdnorm"))
    right = Confirmation(1000, played(True), played(True), played(False), played(False))
    contents = distributions.certificate(natural("sgdnorm"), method, law, right)
    assert contents["verdict"] == "supported"
    assert checker.check(contents) == 3
    wrong = Confirmation(1000, played(True), played(True), played(False), played(True))
    with pytest.raises(checker.Refused):
        checker.check(distributions.certificate(natural("sgdnorm"), method, law, wrong))
    with pytest.raises(checker.Refused):  # 5 with probability 1/3: the corrected mean is positive
        checker.check(distributions.certificate(natural("sgdnorm"), method, distributions.Law(3, 5), right))
