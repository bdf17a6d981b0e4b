"""Section 3.1: the flat region S1 and the region of large gradients S2, in one dimension."""

from __future__ import annotations

from math import ceil, log

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .section2_method import DEFAULTS, linear_losses

EPOCH = 782
"""Iterations an epoch in the paper's experiments on CIFAR: 50,000 images in batches of 64."""
FLAT = 0.001
"""Size of a gradient in the flat region over that before it, in S1's instance."""


def forgets_within_an_epoch() -> Finding:
    excess = "(1 - beta1)*sum(beta1**(N - j)*gamma**j*(E - d) for j in range(1, N + 1))"
    instance = {
        "let": [
            *DEFAULTS,
            ("N", str(EPOCH)),
            ("d", str(FLAT)),
            ("E", "1 - gamma**N"),
            ("s_first", "gamma*E + (1 - gamma)*d"),
            ("s_last", "d + gamma**N*(E - d)"),
            ("m_entry", "1 - beta1**N"),
            ("m_adam", "beta1**N*m_entry + (1 - beta1**N)*d"),
            ("m_norm", f"m_adam + {excess}"),
        ]
    }
    steps = (
        identity("in the flat region all norms are d: what e has above d shrinks by the factor gamma in each iteration",
                 "gamma*E + (1 - gamma)*d - d", "gamma*(E - d)", "gamma E d"),
        sign("and while e > d, s_t = e_t, so after k iterations s = d + gamma^k (E - d), with y = gamma^(k-1) there",
             "gamma*(d + y*(E - d)) + (1 - gamma)*d >= d", "gamma*y*(E - d)", "gamma d y E",
             ["gamma >= 0", "y >= 0", "E - d >= 0"]),
        identity("m's excess over Adam's, Z, gains (1 - beta1) times the excess of s: its recursion is that of the sum "
                 "in `m_norm`",
                 "(beta1*(M + Z) + (1 - beta1)*(d + u)) - (beta1*M + (1 - beta1)*d)", "beta1*Z + (1 - beta1)*u",
                 "beta1 M Z d u"),
        claims("an epoch of gradients 1, then one of gradients 1/1000 at the defaults; at the entry s is nearly the "
               "past norm", "d == 1/1000", "E > 1 - 1/10**15", "s_first > 0.95", role="hypothesis"),
        claims("at the end of that epoch s, and m, are those of plain Adam to twelve digits, a thousandth of the past "
               "norm", "d < s_last < (1 + 1/10**12)*d", "m_adam < m_norm < (1 + 1/10**12)*m_adam", role="violation"),
    )  # fmt: skip
    figures = {
        "iterations an epoch": EPOCH,
        "iterations until s is at most, times the raw gradient (past norm 1000)": {
            str(times): ceil(log((times - 1) / 999) / log(0.95)) for times in (100, 10, 2, 1.1, 1.01)
        },
    }
    return Finding(steps, instance, figures)


def adams_step_in_a_flat_region() -> Finding:
    instance = {"let": DEFAULTS, "run": linear_losses("1/1000", "1/1000", "1/1000") | {"ratio": "1"}}
    return Finding(
        (
            identity("a constant gradient d, b = beta1^(t-1): m_t = (1 - beta1^t) d by induction",
                     "beta1*(1 - b)*d + (1 - beta1)*d", "(1 - beta1*b)*d", "beta1 b d"),
            identity("v_t = (1 - beta2^t) d^2 alike, y = beta2^(t-1): the step is alpha for every d",
                     "beta2*(1 - y)*d**2 + (1 - beta2)*d**2", "(1 - beta2*y)*d**2", "beta2 y d"),
            claims("Adam (no correction), gradients 1/1000", "g[1] == 1/1000", "g[3] == 1/1000", role="hypothesis"),
            claims("its steps are alpha, the steps that it takes for gradients 1", "theta[1] - theta[2] == alpha",
                   "theta[2] - theta[3] == alpha", "theta[3] - theta[4] == alpha", role="violation"),
        ),
        instance,
    )  # fmt: skip


def smaller_momentum() -> Finding:
    instance = {
        "let": DEFAULTS,
        "run": linear_losses("100", "-1", "100"),
        "then": [("m_adam", "(1 - beta1)*(beta1**2*g[1] + beta1*g[2] + g[3])")],
    }
    return Finding(
        (
            sign("gradients of one sign, say positive: s = (1 + u) g with u >= 0. Both averages start at 0; M >= A "
                 ">= 0 for AdamNorm's M and Adam's A at t - 1 gives it at t",
                 "beta1*M + (1 - beta1)*(1 + u)*g >= beta1*A + (1 - beta1)*g",
                 "beta1*(M - A) + (1 - beta1)*u*g", "beta1 M A u g",
                 ["beta1 >= 0", "1 - beta1 >= 0", "M - A >= 0", "u >= 0", "g >= 0"]),
            sign("and A stays at or above 0, so these are the absolute values",
                 "beta1*A + (1 - beta1)*g >= 0", "beta1*A + (1 - beta1)*g", "beta1 A g",
                 ["beta1 >= 0", "1 - beta1 >= 0", "A >= 0", "g >= 0"]),
            claims("gradients 100, -1, 100 at the defaults; the last is in the large region, none was larger",
                   "n[3] >= n[1]", "n[3] > n[2]", role="hypothesis"),
            claims("m_3 is 17.668 in AdamNorm and 18.01 in Adam", "m[3] == 17.668", "m_adam == 18.01",
                   "abs(m[3]) < abs(m_adam)", role="violation"),
        ),
        instance,
    )  # fmt: skip


ENTRIES = (
    Entry(
        "sec31.S1",
        "section 3.1, scenario S1",
        "In a flat region, gradients of a thousandth of the size of those before it, s_t and m_t stay of the size of "
        "the past gradients throughout an epoch.",
        "refuted",
        forgets_within_an_epoch,
        "In the flat region the excess of s_t over the gradient shrinks by gamma an iteration, so at the default "
        "0.95 the correction remembers about 20 iterations, not epochs. After a fall of the gradients to a "
        "thousandth, s_t is less than twice the raw gradient after 135 iterations, a sixth of an epoch of the "
        "paper's smallest experiment, and at the epoch's end it is the raw gradient to twelve digits. What the "
        "correction gives is a push of some dozens of iterations after each fall of the norm.",
        repair="For about log(1/share)/(1 - gamma) iterations; or a gamma so close to 1 that gamma to the power of "
        "an epoch is not small (0.9999 for 782 iterations).",
        uses=("sec2.2.a",),
    ),
    Entry(
        "sec31.S1.adam",
        "section 3.1, scenario S1",
        "For Adam (eps = 0), constant gradients of 1/1000 give smaller steps than constant gradients of 1.",
        "refuted",
        adams_step_in_a_flat_region,
        "The difficulty that S1 wants to solve is not one of Adam: m and sqrt(v) shrink together, and the step does "
        "not depend on the size of the gradients at all. Small gradients shrink Adam's step only after larger ones, "
        "for as long as v remembers those, about 1/(1 - beta2) = 1000 iterations; the correction bridges about 20 of "
        "these.",
        repair="Right after a fall of the gradients, until v has forgotten.",
        uses=("sec31.S1",),
    ),
    Entry(
        "sec31.S2",
        "section 3.1, scenario S2",
        "For all sequences of gradients in one dimension, fed to AdamNorm and to Adam: |m_t| in AdamNorm is at least "
        "|m_t| in Adam where g_t is among the largest gradients.",
        "needs-hypothesis",
        smaller_momentum,
        "The correction enlarges small gradients of either sign. Where a small one opposed the large ones, it was "
        "made larger against them, and m is smaller than Adam's: 17.668 against 18.01 after 100, -1, 100."
        " For gradients of one sign the claim is true.",
        repair="All gradients so far of one sign (coordinate by coordinate, for the same c_t).",
    ),
)
