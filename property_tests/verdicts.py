"""Verdicts made by hand, with everything that a report has to show, and a few that checks returned."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import inf

import numpy as np

from adanorm_verify.cases import Case
from adanorm_verify.paper import Hyperparameters
from adanorm_verify.verdict import CheckResult, Divergence, FoundDeviation, Record, Run, Setup, Verdict

HOSTILE = "<script>alert('&')</script> \x00\x1b[31m \ud800 ]]> \"quoted\""
"""Markup, control characters, half a character."""

ENVIRONMENT = {
    "versions": {"adanorm_verify": "0.1.0", "python": "3.12.1", "torch": "2.13.0"},
    "platform": "Linux",
    "device": "cpu",
    "profile": "default",
    "seed": 7,
    "command": "adanorm-verify check mine.py:Mine -a adamnorm --rename gamma=r",
}

CASE = Case(
    "by hand",
    (np.zeros(2), np.array([[1.5, -2.0]])),
    (0, 1),
    (Hyperparameters(lr=0.1), Hyperparameters(lr=0.1, eps=0.3)),
    (
        (np.array([1.0, 0.1]), None),
        (np.array([1e-300, -0.0]), np.array([[3.0, 2.0**-1074]])),
        (np.array([1 / 3, 123456.789]), np.array([[1.0, 1.0]])),
    ),
)

DIVERGENCE = Divergence(
    quantity="e",
    equation="e_t = γ e_{t−1} + (1 − γ) g_norm",
    formula="gamma * e_prev + (1 - gamma) * g_norm",
    where="Algorithm 2, equation 4",
    step=2,
    tensor=1,
    element=0,
    expected=0.050000000000000044,
    got=0.0,
    error=inf,
    bound=5.1e-16,
    path="foreach",
    dtype="float64",
    case=CASE,
    by_step={"e": (0.25, inf, 3e13), "theta": (0.1, 0.2, 5e6)},
)

ACCEPTED = FoundDeviation(
    "eps-scaled",
    "eps is added before the second moment is debiased.",
    "convention",
    "denominator",
    "denominator = root + eps",
    "denominator = root + eps / np.sqrt(1 - beta2 ** t)",
    allowed=True,
)
DEFECT = FoundDeviation(
    "e-never-updated",
    "The average norm stays zero, so the correction never takes part.",
    "defect",
    "e",
    "e = gamma * e_prev + (1 - gamma) * g_norm",
    "e = e_prev",
)

RECORDS = tuple(
    Record("foreach", dtype, quantity, 500, 3, ratio, 1e-3, 1e-9, by_step=steps)
    for dtype in ("float64", "float32")
    for quantity, ratio, steps in (
        ("g", 0.0, (0.0, 0.0, 0.0)),
        ("e", inf, (0.25, inf, 3e13)),
        ("m", 0.3, (0.3, 0.0, 0.1)),
        ("v", 0.31, (0.3, 0.31, 0.1)),
        ("theta", 5e6, (0.1, 0.2, 5e6)),
    )
)

CHECKS = (
    CheckResult("gamma-zero-gives-base", "laws", "passed", "foreach", "float64"),
    CheckResult("gamma-zero-gives-base", "laws", "passed", "foreach", "float32"),
    CheckResult("state-survives-saving", "state", "failed", "foreach", "float64", "step 3 differs after loading"),
    CheckResult("state-survives-saving", "state", "failed", "foreach", "float32", "step 3 differs after loading"),
    CheckResult("sparse", "robustness", "not-applicable", "foreach", "float64", "the constructor refuses"),
    CheckResult("closure", "interface", "expected", "foreach", "float64", "no loss came back", "wrapped elsewhere"),
    CheckResult("maximize", "interface", "stale", "foreach", "float64", "", "not written yet"),
)

DIFFERS = Verdict(
    "differs",
    "mine.py:Mine",
    "adamnorm",
    DIVERGENCE,
    RECORDS,
    (
        Run(
            "foreach",
            "float64",
            "differs",
            12,
            1,
            "scalars, step 1: ValueError: no scalars",
            {"correction": 40, "step": 90},
            {"correction": 0, "step": 90},
            ("e-never-updated",),
        ),
        Run("foreach", "float32", "conforms", 12, mechanisms={"correction": 41, "step": 91}),
        Run("fused", "float64", "not-offered", 0, note="fused is not for this device"),
    ),
    (ACCEPTED, DEFECT),
    "is Adam up to `eps-scaled`: the correction never takes part (`e-never-updated`)",
    CHECKS,
    {"corrected_moments": "both"},
    ("the constructor takes no gamma",),
    Setup({"r": "0.9", "betas": "(0.9, 0.99)", "x": "inf"}, {"gamma": "r"}, "cpu", "mine.py", 12),
    ENVIRONMENT,
)

CONFORMS = Verdict(
    "conforms",
    "torch.optim:Adam",
    "adam",
    records=tuple(
        Record("foreach", "float64", quantity, 900, 0, 0.4, 4e-17, 1e-16, by_step=(0.4, 0.0, 0.2, 0.3))
        for quantity in ("m", "theta")
    ),
    runs=(Run("foreach", "float64", "conforms", 55, mechanisms={"step": 900}),),
    checks=CHECKS[:1],
    environment=ENVIRONMENT,
)

ALLOWED = replace(
    DIFFERS,
    outcome="conforms-with-deviations",
    deviations=(ACCEPTED,),
    explanation="equals AdamNorm up to `eps-scaled`",
    checks=CHECKS[:2],
)

UNEXPLAINED = replace(DIFFERS, deviations=(), explanation="", checks=())

NOT_CHECKED = Verdict(
    "not-checked", "mine.py:Mine", "adamnorm", environment=ENVIRONMENT, reason="step 1 raised ValueError: no"
)

HALF_CHECKED = replace(
    CONFORMS,
    outcome="not-checked",
    reason="foreach, float64: never happened in the cases that ran: correction",
    runs=(Run("foreach", "float64", "not-checked", 55, note="never happened in the cases that ran: correction"),),
)

HOSTILE_VERDICT = replace(
    DIFFERS,
    target=f"mine.py:{HOSTILE}",
    explanation=HOSTILE,
    notes=(HOSTILE,),
    checks=(CheckResult("closure", "interface", "failed", "foreach", "float64", HOSTILE, HOSTILE),),
    deviations=(replace(DEFECT, meaning=HOSTILE, found=HOSTILE),),
    environment={**ENVIRONMENT, "command": HOSTILE},
    setup=replace(DIFFERS.setup, file=f"{HOSTILE.replace('/', '')}.py"),
)

# No part of these says what the whole says: a report must follow the whole.
BAFFLING = replace(CONFORMS, outcome="differs")
UNDECIDED = replace(CONFORMS, outcome="not-checked", reason="interrupted")

ALL = {
    "differs": DIFFERS,
    "conforms": CONFORMS,
    "allowed": ALLOWED,
    "unexplained": UNEXPLAINED,
    "not-checked": NOT_CHECKED,
    "half-checked": HALF_CHECKED,
    "hostile": HOSTILE_VERDICT,
    "baffling": BAFFLING,
    "undecided": UNDECIDED,
}


@cache
def real() -> dict[str, Verdict]:
    """Verdicts of quick checks: not the algorithm, the algorithm, a mutant of the shelf, and one that refuses."""
    from adanorm_verify import check_optimizer

    asked = {
        "sgd": ("torch.optim:SGD", "adam"),
        "adam": ("torch.optim:Adam", "adam"),
        "mutant": ("adanorm_verify.shelf.wrong_correction:AverageFromFirstNorm", "adamnorm"),
        "refuses": ("torch.optim:LBFGS", "adam"),
    }
    return {name: check_optimizer(target, claimed, profile="quick") for name, (target, claimed) in asked.items()}


def every() -> dict[str, Verdict]:
    """All of them."""
    return {**ALL, **real()}


NAMES = (*ALL, "sgd", "adam", "mutant", "refuses")
