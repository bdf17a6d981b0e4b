"""Lemma 1: lines 10 to 12 of its proof, where the terms are summed."""

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .lemma1_hypotheses import DEFAULTS, DOMAIN, PROOF

ONES = [*DEFAULTS, ("G", "1"), ("G_inf", "1"), ("eta", "beta1**2/sqrt(beta2)")]


def ones(rounds: int, says: str) -> tuple[dict[str, object], dict[str, object]]:
    """An instance, the gradient 1 in every round, and the step that it satisfies (H)."""
    instance: dict[str, object] = {
        "let": ONES,
        "run": {"start": ["0"], "losses": [[[["1"], "0"]]], "rounds": str(rounds), "step": "1"},
    }
    step = claims(
        says,
        "all(n[t] <= G for t in range(1, T+1))",
        "all(abs(g[t]) <= G_inf for t in range(1, T+1))",
        "all(e[t] <= G_inf for t in range(1, T+1))",
        "all(e[t]/n[t] <= G_inf/G for t in range(1, T+1))",
        "eta < 1",
        role="hypothesis",
    )
    return instance, dict(step)


def rest_of_terms() -> Finding:
    instance, hypothesis = ones(2, "g = 1 twice, (H)")
    steps = (
        hypothesis,
        claims(
            "line 9 for t = 1 and t = 2, added, is more than line 10 (both times sqrt(1-beta2) G^2/G_inf^2)",
            "sum(sqrt(t)*sum(eta**(t-k)*abs(g[k]) for k in range(1, t+1)) for t in range(1, T+1)) > "
            "sum(abs(g[t])/sqrt(t)*sum(t*eta**j for j in range(0, T-t+1)) for t in range(1, T+1))",
            role="violation",
        ),
        sign(
            "in general: exchanged, line 9 has sum_k |g_k| sum_j sqrt(k+j) eta^j, line 10 sum_k |g_k| sqrt(k) sum_j "
            "eta^j, and r = sqrt(k+j) >= q = sqrt(k)",
            "r*y*a >= q*y*a",
            "(r-q)*y*a",
            "r q y a",
            ["r-q >= 0", "y >= 0", "a >= 0"],
        ),
    )
    return Finding(steps, instance)


def line_ten() -> Finding:
    instance = {
        "let": [*DEFAULTS, ("eta", "beta1**2/sqrt(beta2)"), ("g", "1"), ("d", "36"), ("n", "sqrt(d*g**2)"), ("G", "6"),
                ("G_inf", "1"), ("e", "(1-gamma)*n"), ("m_hat", "max(1, e/n)*g"), ("v_hat", "g**2")],
    }  # fmt: skip
    steps = (
        identity(
            "rep.cauchy for beta1^j |g_k| = a b with a^2 = y |g_k|/sqrt(k) and b^2 = sqrt(k) p^2/y |g_k|, where j = "
            "t-k, p = beta1^j, y = beta2^(j/2), so that p^2/y = eta^j; r = sqrt(k), g = |g_k|",
            "(y*g/r)*(r*(p**2/y)*g)",
            "(p*g)**2",
            "y g r p",
        ),
        sign(
            "and once more: Q = (sum_(k<=t) beta2^((t-k)/2) |g_k|/sqrt(k))^2 is at most H_t sum beta2^(t-k) g_k^2 = "
            "H_t v_t/(1-beta2), and H_t <= t, each of its t summands being at most 1",
            "t*v/(1-beta2) >= Q",
            "(h*v/(1-beta2) - Q) + (t-h)*v/(1-beta2)",
            "t h v beta2 Q",
            ["h*v/(1-beta2) - Q >= 0", "t - h >= 0", "v >= 0", "1-beta2 > 0"],
        ),
        sign(
            "so with |s_k| <= C |g_k|, C = G_inf/G >= c_k because G_inf >= G: m_t^2 <= C^2 (1-beta1)^2 sqrt(t v_t)/d "
            "Y, d = sqrt(1-beta2), Y = sum_k sqrt(k) eta^(t-k) |g_k|. The term m_hat_t^2/sqrt(t v_hat_t) is m_t^2/(r "
            "u) times z/h^2, where r u = sqrt(t v_t) > 0, z = sqrt(1-beta2^t) <= 1, h = 1-beta1^t >= 1-beta1: it is at "
            "most C^2/d Y (where v_t = 0 it is 0)",
            "C**2/d*Y >= z/h**2*m**2/(r*u)",
            "z/(h**2*r*u)*(C**2*(1-b)**2*r*u/d*Y - m**2) + (1-z)*C**2*(1-b)**2*Y/(d*h**2)"
            " + C**2*Y*(h - (1-b))*(h + (1-b))/(d*h**2)",
            "C d Y z h m r u b",
            [
                "z >= 0",
                "h > 0",
                "r > 0",
                "u > 0",
                "d > 0",
                "Y >= 0",
                "C**2*(1-b)**2*r*u/d*Y - m**2 >= 0",
                "1-z >= 0",
                "h - (1-b) >= 0",
                "h + (1-b) >= 0",
            ],
        ),
        identity(
            "summed over t >= k: |g_k| sqrt(k) sum_j eta^j, which is |g_k|/sqrt(k) sum_j k eta^j", "r", "r**2/r", "r"
        ),
        claims(
            "without G_inf >= G: T = 1, default betas and gamma, the gradient with 36 coordinates 1, (H)",
            *DOMAIN,
            "n <= G",
            "abs(g) <= G_inf",
            "e <= G_inf",
            "e/n <= G_inf/G",
            role="hypothesis",
        ),
        claims(
            "the sum is 1, line 10 is 0.88",
            "m_hat**2/sqrt(v_hat) > G_inf**2/(G**2*sqrt(1-beta2))*abs(g)",
            role="violation",
        ),
    )
    return Finding(steps, instance)


def longer_sum() -> Finding:
    return Finding(
        (
            sign(
                "each added summand t eta^j is not negative",
                "t*y >= 0",
                "t*y",
                "t y",
                ["t >= 0", "y >= 0"],
            ),
        )
    )


def arithmetic_geometric() -> Finding:
    steps = (
        identity("the closed form of sum_(t<=n) t eta^t by induction: n = 1", "x*(1 - 2*x + x*x)/(1-x)**2", "x", "x"),
        identity(
            "y = eta^n: one more term (n+1) eta y",
            "x*(1 - (n+1)*y + n*x*y)/(1-x)**2 + (n+1)*x*y",
            "x*(1 - (n+2)*x*y + (n+1)*x*x*y)/(1-x)**2",
            "x y n",
        ),
        sign(
            "it stays below 1/(1-eta)^2 by at least 1/(1-eta), for every n and so in the limit (x = eta)",
            "1/(1-x)**2 - x*(1 - (n+1)*y + n*x*y)/(1-x)**2 >= 1/(1-x)",
            "x*y*(1 + n*(1-x))/(1-x)**2",
            "x y n",
            ["x >= 0", "y >= 0", "n >= 0", "1-x > 0"],
        ),
    )
    return Finding(steps)


def fixed_t() -> Finding:
    instance = {"let": [*DEFAULTS, ("eta", "beta1**2/sqrt(beta2)"), ("t", "7"), ("T", "7")]}
    steps = (
        claims("the defaults", "eta < 1", "1 <= t <= T", role="hypothesis"),
        claims("t = T = 7", "sum(t*eta**j for j in range(0, T+1)) > 1/(1-eta)**2", role="violation"),
        sign(
            "in general sum_(j<=T) t eta^j >= t, which has no bound",
            "t*(1 + y) >= t",
            "t*y",
            "t y",
            ["t >= 0", "y >= 0"],
        ),
    )
    return Finding(steps, instance)


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "lem1.10.a",
        f"{PROOF}, line 10",
        "Line 10, (G_inf^2/(G^2 sqrt(1-beta2))) sum_t (|g_t|/sqrt(t)) sum_(j<=T-t) t eta^j, follows from line 9, added "
        "up over t.",
        "refuted",
        rest_of_terms,
        "Line 9 for round t has the factor t/sqrt(t) of that round. When the sums are exchanged, gradient k meets the "
        "factors of all later rounds, sqrt(k+j); the paper keeps sqrt(k). What is printed is smaller than what was "
        "proved, by as much as T/k under the root.",
        repair="sqrt(t+j) in the inner sum; better, no factor T at all: rep.lemma1.",
        uses=("lem1.9",),
    ),
    Entry(
        "lem1.10.b",
        f"{PROOF}, line 10",
        "Under (H): sum_(t<=T) m_hat_t^2/sqrt(t v_hat_t) <= (G_inf^2/(G^2 sqrt(1-beta2))) sum_t (|g_t|/sqrt(t)) "
        "sum_(j<=T-t) t eta^j.",
        "needs-hypothesis",
        line_ten,
        "As an inequality the line holds in spite of its derivation whenever G_inf >= G, which makes G_inf/G a bound "
        "on the ratios: the inequality of Cauchy and Schwarz used twice, with weights, in place of line 2. With the "
        "smallest bounds, where G_inf < G, it fails: one gradient with 36 equal coordinates, default hyperparameters.",
        repair="G_inf >= G; or C^2, c_t <= C, in place of G_inf^2/G^2.",
        uses=("lem1.10.a",),
        rests_on=("rep.cauchy",),
    ),
    Entry(
        "lem1.11",
        f"{PROOF}, line 11",
        "For eta >= 0: sum_(j<=T-t) t eta^j <= sum_(j<=T) t eta^j, so that line 11 follows from line 10.",
        "proved",
        longer_sum,
        "More terms, none negative.",
        uses=("lem1.10.b",),
    ),
    Entry(
        "lem1.12.a",
        f"{PROOF}, after line 11",
        "For 0 <= eta < 1: sum_(t<=n) t eta^t < 1/(1-eta)^2 for all n, and for the series.",
        "proved",
        arithmetic_geometric,
        "The arithmetic-geometric series, whose value is eta/(1-eta)^2.",
    ),
    Entry(
        "lem1.12.b",
        f"{PROOF}, after line 11",
        "For 0 <= eta < 1 and 1 <= t <= T: sum_(j<=T) t eta^j <= 1/(1-eta)^2.",
        "refuted",
        fixed_t,
        "The series is applied to a sum whose running index is j, not t: there t is a factor in front of a plain "
        "geometric series, and t/(1-eta) grows without bound. At the default betas it fails from t = 7 on. This is "
        "where the factor T of line 2 disappears from the proof.",
        repair="Nothing in this place; without the factor T of line 2 there would be no such sum.",
        uses=("lem1.12.a",),
    ),
)
