"""Where the failure starts: how rare and how large the large gradients must be, as a function of gamma."""

from __future__ import annotations

from fractions import Fraction

from adanorm_verify.ledger import Entry, Finding, Step, claims, identity, sign

from .counterexample_cycle import settled

THRESHOLD = "(1 + (P - 2)*(1 - Y)/(1 - g))"
"""q* with Y = g^P."""
LOSSES = "f_t(x) = A|x + 1| for t = 1 mod P and a|x - 1| otherwise, A > (P - 1) a > 0 (so that -1 is the best point)"


def drift() -> tuple[Step, ...]:
    """The corrected gradients of a period, summed."""
    return (
        identity(
            "the sum of g^j over 1 <= j <= n is (g - g^(n+1))/(1 - g) (base n = 0: 0). Step, y = g^(n+1)",
            "(g - y)/(1 - g) + y",
            "(g - g*y)/(1 - g)",
            "g y",
        ),
        identity(
            "between the minima the settled corrected gradients A, -p_1, ..., -p_{P-1} (cex.cycle: p_j = a + g^j (A - "
            "a)(1 - g)/(1 - g^P)) sum to (1 - g)/(1 - g^P) (A - q* a); Y = g^P",
            "A - ((P - 1)*a + (A - a)*(1 - g)/(1 - Y)*(g - Y)/(1 - g))",
            f"(1 - g)/(1 - Y)*(A - {THRESHOLD}*a)",
            "A a g Y P",
        ),
        sign(
            "p_j >= a, so that a small s is max(a, e_t) <= p_j and >= e_t = p_j - g^t p_{P-1}; a large one is A",
            f"{settled('z')} >= a",
            "z*(A - a)*(1 - g)/(1 - Y)",
            "A a g Y z",
            ["z > 0", "A - a >= 0", "1 - g > 0", "1 - Y > 0"],
        ),
        sign(
            "A < q* a: let D > 0 be minus that sum. P rounds in a row below 1, from a round on where g^t (P - 1) "
            "p_{P-1} <= D/2 (here y), have s that sum to at most -D/2, whatever their first phase",
            "-D/2 >= -D + y",
            "D/2 - y",
            "D y",
            ["D/2 - y >= 0"],
        ),
    )


def weighted_sums() -> tuple[Step, ...]:
    """From sums of s to sums weighted with steps that never grow."""
    return (
        sign(
            "if all partial sums S_j of s_tau, ..., s_j are at most M >= 0 and alpha_k > 0 never grows, then the sum "
            "of alpha_k s_k from tau to t is at most alpha_tau M - alpha_t (M - S_t) <= alpha_tau M. Base",
            "x*M - x*(M - s) >= x*s",
            "0",
            "x M s",
        ),
        sign(
            "step from t (sum X, step x) to t + 1 (s, step y <= x)",
            "x0*M - y*(M - S - s) >= X + y*s",
            "(x0*M - x*(M - S) - X) + (x - y)*(M - S)",
            "x0 x y M S s X",
            ["x0*M - x*(M - S) - X >= 0", "x - y >= 0", "M - S >= 0"],
        ),
        sign(
            "below 1, with s_k + D/(2 P) in the place of s_k: P rounds in a row sum to at most 0, tau alone and what "
            "is left over (less than P rounds, at most one large) to at most A + D/2 each. So the sum of alpha_k s_k "
            "is at most (2 A + D) alpha_tau - D/(2 P) times the sum of alpha_k: theta_{t+1} >= theta_tau - (2 A + D) "
            "alpha_tau, and the point comes back to 1, because the alpha_k sum to infinity. X is the sum of alpha_k "
            "s_k, S that of alpha_k",
            "theta - X >= theta - M*x",
            "(M*x - k*S - X) + k*S",
            "theta X M x k S",
            ["M*x - k*S - X >= 0", "k > 0", "S >= 0"],
        ),
    )


def both_ends() -> tuple[Step, ...]:
    return (
        sign(
            "above 1 all s_k are at least a: from tau, the last round with theta <= 1, theta_{t+1} <= theta_tau + A "
            "alpha_tau - a times the sum of the later alpha_k (S): it comes back. So theta_t tends to 1, as alpha_t "
            "to 0",
            "theta + A*x >= theta + A*x - a*S",
            "a*S",
            "theta A x a S",
            ["a >= 0", "S >= 0"],
        ),
        sign(
            "after K large and L <= (P - 1) K small rounds no point is better than -1: p = |x + 1|, q = |x - 1| >= 2 "
            "- p",
            "A*K*p + a*L*(q - 2) >= 0",
            "a*L*(q - (2 - p)) + (A*K - a*L)*p",
            "A a K L p q",
            ["a > 0", "L >= 0", "q - (2 - p) >= 0", "A*K - a*L >= 0", "p >= 0"],
        ),
        identity(
            "and at 1 a period costs 2 A - 2 a (P - 1) > 0 more than at -1: R(T)/T tends to a P-th of that",
            "(A*2 + 0*(P - 1)*a) - (0*A + 2*a*(P - 1))",
            "2*(A - (P - 1)*a)",
            "A P a",
        ),
        sign(
            "A > q* a: above -1, P rounds in a row have s that sum to at least D = (1 - g)/(1 - g^P) (A - q* a) > 0, "
            "because a large s is A and a small one at least -p_j; with s_k - D/P in the place of s_k, to at least 0. "
            "tau alone and what is left over (less than P rounds) sum to at least -P A - D. By the same two steps with "
            "-s, theta_{t+1} <= theta_tau + (P A + D) alpha_tau - D/P times the sum of alpha_k, and comes back to -1; "
            "below -1 all s are at most -a. So theta_t tends to -1 and R(T)/T to 0. Of p_j <= A:",
            f"A >= {settled('z')}",
            "(A - a)*((1 - z) + z*(g - Y)/(1 - Y))",
            "A a g Y z",
            ["A - a >= 0", "1 - z >= 0", "z >= 0", "g - Y >= 0", "1 - Y > 0"],
        ),
    )


def curve() -> tuple[Step, ...]:
    """What the threshold looks like."""
    return (
        identity("P = 2: q* = 1, below P - 1 < A/a only if nothing is: a period of two never fails", "1 + 0*(1 + g)",
                 "1", "g"),
        sign(
            "P >= 3: q* > P - 1 for every g > 0, so that some A/a fails: S = (1 - g^P)/(1 - g) = 1 + g + ... > 1",
            "1 + (P - 2)*S > P - 1",
            "(P - 2)*(S - 1)",
            "P S",
            ["P - 2 > 0", "S - 1 > 0"],
        ),
        sign(
            "S <= P, with equality at g = 1 only, where the polynomial S is P: q* grows to 1 + (P - 2) P = (P - 1)^2 "
            "as gamma tends to 1. Step from n to n + 1 terms",
            "(n + 1) >= 1 + g*S",
            "g*(n - S) + n*(1 - g)",
            "n g S",
            ["g >= 0", "n - S >= 0", "n >= 0", "1 - g >= 0"],
        ),
        identity("the limit", "1 + (P - 2)*P", "(P - 1)**2", "P"),
        claims(
            "at gamma = 0.95: q* = 3.8525 for P = 3, 8.4... for P = 4, 65.2... for P = 10",
            "1 + (3 - 2)*(1 - gamma**3)/(1 - gamma) == 3.8525",
            "8.41 < 1 + (4 - 2)*(1 - gamma**4)/(1 - gamma) < 8.43",
            "65.20 < 1 + (10 - 2)*(1 - gamma**10)/(1 - gamma) < 65.21",
            let=[("gamma", "19/20")],
        ),
    )  # fmt: skip


def table() -> dict[str, list[str]]:
    """(P - 1, q*) by period and gamma: A/a between the two fails."""
    return {
        f"gamma = {g}": [
            f"P = {P}: {P - 1} to {float(1 + (P - 2) * (1 - Fraction(g) ** P) / (1 - Fraction(g))):.4g}"
            for P in (3, 4, 5, 10, 100)
        ]
        for g in ("0.5", "0.9", "0.95", "0.99", "0.999")
    }


ENTRIES = (
    Entry(
        "cex.threshold",
        "ours: the counterexample",
        f"Let {LOSSES}, 0 < gamma < 1, P >= 2, and theta_{{t+1}} = theta_t - alpha_t s_t with alpha_t > 0 that never "
        "grows, tends to 0 and sums to infinity, from any start. With q* = 1 + (P - 2)(1 - gamma^P)/(1 - gamma): if A "
        "< q* a, then theta_t tends to 1 and R(T)/T to 2 (A - (P - 1) a)/P > 0; if A > q* a, then theta_t tends to -1 "
        "and R(T)/T to 0. q* = 1 at P = 2; q* > P - 1 at P >= 3; q* grows to (P - 1)^2 as gamma tends to 1.",
        "proved",
        lambda: Finding((*drift(), *weighted_sums(), *both_ends(), *curve()), figures={"failing A/a": table()}),
        "One large gradient A and P - 1 small ones a of the other sign: the correction on SGD goes to the wrong end if "
        "and only if P - 1 < A/a < q* (but for equality). The corrected gradients of a period sum to (1 - gamma)/(1 - "
        "gamma^P) (A - q* a). At gamma = 0.95 that is 2 to 3.85 for a period of three, 9 to 65 for one of ten; the "
        "rarer the large gradients, the wider the range, up to a factor 1/(1 - gamma). For every gamma > 0 some three "
        "losses fail.",
        uses=("thm2.b", "cex.sgd"),
        rests_on=("cex.cycle",),
    ),
)
