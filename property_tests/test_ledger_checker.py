"""The small checker believes nothing: each kind of step fails on something wrong, and no altered field passes."""

from __future__ import annotations

import ast
import copy
import json
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx

from adanorm_verify.cases import Case
from adanorm_verify.ledger import claims, cover, folder, identity, sign
from adanorm_verify.oracle import oracle
from adanorm_verify.paper import Hyperparameters, algorithm

checker = folder.checker()
CERTIFICATES = folder.recorded()
DEFAULTS = [["alpha", "1/1000"], ["beta1", "0.9"], ["beta2", "0.999"], ["gamma", "0.95"]]


def certificate(*steps, verdict="proved", **parts):
    contents = {"id": "x", "where": "here", "statement": "it is so", "verdict": verdict, "rests_on": [], **parts}
    contents["steps"] = [dict(step) for step in steps]
    return signed(contents)


def signed(contents):
    """With the digest that belongs to the contents, so that a test reaches what the digest does not see."""
    return {**contents, "sha256": checker.digest(contents)}


RIGHT = {
    "claims": claims("", "2/3 < sqrt(1/2) < 5/7", "sum(k for k in range(1, 5)) == 10"),
    "tables": claims("", "all(x[i] >= 1 for i in range(1, 4))", "x[3] == 2.5", data={"x": ["1", "2", "2.5"]}),
    "functions": claims(
        "", "2.718 < exp(1) < 2.719", "0.693 < log(2) < 0.694", "max(abs(-3), 2) == 3", "min(1, 2) == 1"
    ),
    "identity": identity("", "(a + b)**2/a", "a + 2*b + b**2/a", "a b"),
    "sign": sign("", "a/b + b/a >= 2", "(a - b)**2/(a*b)", "a b", ["a > 0", "b > 0"]),
    "cover": cover("", {"x": ("0", "1")}, "x*(1 - x) <= 0.26", depth=8),
}
WRONG = {
    "claim": claims("", "2/3 > sqrt(1/2)"),
    "undecided": claims("", "sqrt(2)**2 == 2"),
    "one of several": claims("", "1 < 2", "2 < 1"),
    "no claim": claims(""),
    "empty range": claims("", "all(i < 0 for i in range(1, 1))"),
    "no comparison": claims("", "1 + 1"),
    "unknown name": claims("", "x < 1"),
    "other code": claims("", "__import__('os').getpid() > 0"),
    "attribute": claims("", "x.low > 0", let=[("x", "1")]),
    "division by what may be zero": claims("", "1/x > 0", let=[("x", "sqrt(2) - sqrt(2)")]),
    "root of what may be negative": claims("", "sqrt(x) < 1", let=[("x", "sqrt(2)*sqrt(2) - 2")]),
    "identity": identity("", "(a + b)**2", "a**2 + b**2", "a b"),
    "identity of functions": identity("", "sqrt(a)", "sqrt(a)", "a"),
    "sign by wrong form": sign("", "a**2 + b**2 >= 2*a*b", "(a + b)**2", "a b"),
    "sign that does not show": sign("", "a*b >= 0", "a*b", "a b", ["a >= 0"]),
    "strict sign": sign("", "a**2 > 0", "a**2", "a"),
    "division by what may be zero, as a sign": sign("", "a/b >= 0", "a/b", "a b", ["a >= 0", "b >= 0"]),
    "negative constant": sign("", "-1*a >= 0", "-1*a", "a", ["a >= 0"]),
    "odd power": sign("", "a**3 >= 0", "a**3", "a"),
    "assumption of another kind": sign("", "a >= 0", "a", "a", ["a != 0"]),
    "cover": cover("", {"x": ("0", "1")}, "x*(1 - x) <= 0.24", depth=8),
    "cover of nothing": cover("", {"x": ("1", "0")}, "x > 2", depth=2),
    "cover without a domain": cover("", {}, "1 < 2", depth=2),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_step_passes(name):
    assert checker.check(certificate(RIGHT[name])) == 1


@pytest.mark.parametrize("name", WRONG)
def test_wrong_step_is_refused(name):
    with pytest.raises(checker.Refused, match="step 1"):
        checker.check(certificate(WRONG[name]))


@pytest.mark.parametrize("verdict", ["proved", "refuted", "needs-hypothesis", "ill-posed", "supported", "certain"])
def test_verdict_without_its_steps_is_refused(verdict):
    others = {"proof": "violation"}.get("proof" if verdict in ("proved", "needs-hypothesis") else "", "proof")
    step = {**RIGHT["claims"], "role": others}
    with pytest.raises(checker.Refused):
        checker.check(certificate(step, verdict=verdict))


def test_hypotheses_and_violation_are_about_one_instance():
    instance = {"let": [["x", "1"]]}
    hypothesis = claims("", "x > 0", role="hypothesis")
    violation = claims("", "x < 2", role="violation")
    assert checker.check(certificate(hypothesis, violation, verdict="refuted", instance=instance)) == 2
    other = claims("", "x < -2", role="violation", let=[("x", "-3")])
    with pytest.raises(checker.Refused, match="one instance"):
        checker.check(certificate(hypothesis, other, verdict="refuted", instance=instance))


def test_what_a_proof_rests_on_is_proved_and_no_circle():
    def there(name, rests_on, verdict="proved"):
        return {"id": name, "rests_on": rests_on, "verdict": verdict}

    assert not checker.check_links({"a": there("a", ["b"]), "b": there("b", [])})
    assert "itself" in checker.check_links({"a": there("a", ["b"]), "b": there("b", ["a"])})["a"]
    assert "refuted" in checker.check_links({"a": there("a", ["b"]), "b": there("b", [], "refuted")})["a"]
    assert "no certificate" in checker.check_links({"a": there("a", ["b"])})["a"]


@pytest.mark.parametrize("x", ["-40", "-7/3", "0", "1e-9", "5/2", "30"])
def test_functions_enclose_the_true_value_and_little_else(x):
    point = checker.Interval(Fraction(x))
    pairs = [(checker.exponential(point), arb(Fraction(x).numerator) / Fraction(x).denominator, "exp")]
    if Fraction(x) > 0:
        pairs += [(checker.logarithm(point), pairs[0][1], "log"), (checker.square_root(point), pairs[0][1], "sqrt")]
    for found, there, function in pairs:
        true = getattr(there, function)()
        low, high = (arb(end.numerator) / end.denominator for end in (found.low, found.high))
        assert bool(low <= true.upper())
        assert bool(high >= true.lower())
        assert (found.high - found.low) * 2**200 < max(1, abs(found.high))


def run_of(**changes):
    # kinks at +1 and -1: gradients of 3, -1, -1 in between
    losses = [[[["3"], "3"], [["-3"], "-3"]], [[["-1"], "1"], [["1"], "-1"]], [[["-1"], "1"], [["1"], "-1"]]]
    return {"rounds": "40", "start": ["1/2"], "step": "alpha", "losses": losses, **changes}


LISTS = {
    "adamnorm": {},
    "adam": {"ratio": "1"},
    "diffgradnorm": {"scale": "1/(1 + exp(-abs(g - g_prev)))"},
    "adabelief": {"ratio": "1", "second": "(g - m)**2"},
}


@pytest.mark.parametrize("name", LISTS)
def test_a_run_of_the_checker_is_the_papers_list(name):
    """Independent of it: the equations of `paper`, in Arb balls."""
    rounds = 40
    found = checker.defined({"let": DEFAULTS, "run": run_of(**LISTS[name])})
    gradients = tuple((np.array([float(found["g"][(t,)].low)]),) for t in range(1, rounds + 1))
    # decimals are exact in the checker and binary in a case, so both are given what float64 makes of them
    binary = [[key, str(Fraction(float(Fraction(text))))] for key, text in DEFAULTS]
    found = checker.defined({"let": binary, "run": run_of(**LISTS[name])})
    case = Case(
        "kinks", theta=(np.array([0.5]),), steps=gradients, groups=(0,), hyperparameters=(Hyperparameters(eps=0.0),)
    )
    compared = 0
    for t, (known,) in enumerate(oracle(algorithm(name), case), 1):
        for quantity, at in (("m", t), ("v", t), ("theta", t + 1)):
            mine, theirs = found[quantity][(at,)], np.ravel(known[quantity])[0]
            middle = (mine.low + mine.high) / 2
            with ctx.workprec(256):
                assert abs(theirs - arb(middle.numerator) / middle.denominator) < arb(2) ** -150
            compared += 1
    assert compared == 3 * rounds


def test_a_tie_of_pieces_that_intervals_cannot_break_is_refused():
    run = run_of(start=["sqrt(2)*sqrt(2)/2 - 2"])
    with pytest.raises(checker.Refused, match="which piece"):
        checker.defined({"let": DEFAULTS, "run": run})


# The recorded certificates ---------------------------------------------------------------------------------------


def leaves(contents, path=()):
    """Every text and number of a certificate with its path."""
    if isinstance(contents, dict | list):
        items = contents.items() if isinstance(contents, dict) else enumerate(contents)
        for key, inner in items:
            yield from leaves(inner, (*path, key))
    else:
        yield path, contents


def altered(contents, path, value):
    changed = copy.deepcopy(contents)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", CERTIFICATES)
def test_no_field_of_a_certificate_can_be_edited(name):
    """By the digest: every leaf, one at a time."""
    whole = CERTIFICATES[name]
    tried = 0
    for path, leaf in leaves(whole):
        other = leaf + " " if isinstance(leaf, str) else not leaf if isinstance(leaf, bool | None) else 2 * leaf + 1
        with pytest.raises(checker.Refused):
            checker.check(altered(whole, path, other))
        tried += 1
    assert tried


NEGATED = {ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}


def negated(comparison):
    """The comparison that holds where this one does not (of a chain: with its first relation turned)."""
    node = ast.parse(comparison.strip(), mode="eval").body
    inner = node.args[0].elt if isinstance(node, ast.Call) else node
    inner.ops[0] = NEGATED[type(inner.ops[0])]()
    return ast.unparse(node)


@pytest.mark.parametrize("name", CERTIFICATES)
def test_no_claim_of_a_certificate_can_be_turned(name):
    """With the digest made anew: each claim negated, each form and each side of an identity changed."""
    whole = CERTIFICATES[name]
    tried = 0
    for i, step in enumerate(whole["steps"]):
        changes = [(("claims", j), negated(claim)) for j, claim in enumerate(step.get("claims", []))]
        changes += [(("as",), f"({step['as']}) + 1")] if "as" in step else []
        changes += [(("left",), f"({step['left']}) + 1")] if "left" in step else []
        for path, value in changes:
            with pytest.raises(checker.Refused):
                checker.check(signed(altered(whole, ("steps", i, *path), value)))
            tried += 1
    assert tried


def test_the_checker_needs_python_alone():
    """Isolated and without site-packages, from another folder; and it says what it did."""
    file = folder.folder() / "checker.py"
    done = subprocess.run([sys.executable, "-I", "-S", str(file)], capture_output=True, text=True, cwd="/")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(lines) == len(CERTIFICATES) + 1
    assert lines[-1].startswith(f"{len(CERTIFICATES)} of {len(CERTIFICATES)} certificates hold")


def test_the_checker_imports_nothing_but_the_standard_library():
    tree = ast.parse((folder.folder() / "checker.py").read_text())
    names = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    names |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names


def test_a_broken_certificate_makes_the_checker_fail(tmp_path):
    name, contents = next(iter(CERTIFICATES.items()))
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps({**contents, "verdict": "supported"}))
    assert checker.main([str(file)]) == 1
