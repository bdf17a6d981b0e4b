"""Lemma 1 for gradients that are not small: what is left of it when the unit of the loss is kind."""

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .lemma1_hypotheses import DEFAULTS
from .lemma1_verdict import CONSTANT


def large_gradient() -> Finding:
    instance = {
        "let": [("beta1", "9/10"), ("beta2", "999/1000"), ("gamma", "99/100"), ("eta", "beta1**2/sqrt(beta2)"),
                ("g", "1"), ("d", "10000"), ("n", "sqrt(d*g**2)"), ("G", "100"), ("G_inf", "1"), ("e", "(1-gamma)*n"),
                ("m_hat", "max(1, e/n)*g"), ("v_hat", "g**2")],
    }  # fmt: skip
    steps = (
        claims(
            "one round, the gradient with 10,000 coordinates 1, smallest bounds, gamma = 0.99, (H), and G_inf >= 1",
            "eta < 1",
            "n <= G",
            "abs(g) <= G_inf",
            "e <= G_inf",
            "e/n <= G_inf/G",
            "G_inf >= 1",
            role="hypothesis",
        ),
        claims("the sum is 1, the bound 0.176", f"m_hat**2/sqrt(v_hat) > {CONSTANT}*abs(g)", role="violation"),
    )
    return Finding(steps, instance)


def at_default_gamma() -> Finding:
    instance = {
        "let": [
            *DEFAULTS,
            ("eta", "beta1**2/sqrt(beta2)"),
            ("G", "1"),
            ("G_inf", "3/2"),
            ("H", "1 + 10**8/2"),
            ("norm", "sqrt(H)"),
            ("sum_at_least", "98/100*(H - 126/10)"),
        ],
    }
    steps = (
        identity(
            "T <= 1000: e_1/||g_1|| = 1 - gamma (in the first round with a gradient), so R = G_inf/G >= 1/20 by (H)",
            "(1-x)*n/n",
            "1-x",
            "x n",
        ),
        claims(
            "c_t <= max(1, R). If R < 1, rep.sharp's bound 1.92 sqrt(5) ||g|| is less than the printed one, whose "
            "factor R^2 G_inf is at least 1/400",
            "48/25*sqrt(5) < (1/20)**2*2/((1-eta)**2*sqrt(1-beta2))",
            let=[*DEFAULTS, ("eta", "beta1**2/sqrt(beta2)")],
        ),
        sign(
            "if R >= 1, rep.sharp's has the factor R^2 and the printed one R^2 G_inf: p the printed number, q ours",
            "p*R**2*G >= q*R**2",
            "((p-q) + p*(G-1))*R**2",
            "p q R G",
            ["p-q >= 0", "p >= 0", "G-1 >= 0"],
        ),
        claims(
            "g_t = 1/sqrt(t) for T = 2^(10^8) rounds, in one dimension: its harmonic number is at least H, as each "
            "doubling adds 1/2. (H) with G = 1, G_inf = 3/2: e_t <= 1, and e_t sqrt(t) <= 3/2 up to t = 30 and, by one "
            "more round at a time, for ever: sqrt(31/30) bounds sqrt((t+1)/t)",
            "eta < 1",
            "G_inf >= 1",
            "all(sum((1-gamma)*gamma**(t-k)/sqrt(k) for k in range(1, t+1))*sqrt(t) <= G_inf/G for t in range(1, 31))",
            "gamma*G_inf*sqrt(31/30) + (1-gamma) <= G_inf",
            role="hypothesis",
        ),
        claims(
            "by rep.log the sum is at least 0.98 (H_T - 12.6) and ||g|| is sqrt(H_T); the difference of the two sides "
            "grows with H_T from here on",
            f"sum_at_least > {CONSTANT}*norm",
            f"2*norm*98/100 > {CONSTANT}",
            role="violation",
        ),
    )
    figures = {"R^2 G_inf 1759.45 at its smallest (printed), 1.92 sqrt(5) (proved)": [4.3986, 4.2933]}
    return Finding(steps, instance, figures)


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "lem1.large",
        "ours, on Lemma 1",
        "Lemma 1 with the default betas, gradients large enough that G_inf >= 1 and any gamma in [0, 1).",
        "refuted",
        large_gradient,
        "Small gradients are not the only fault. The factor G_inf^2/G^2 shrinks with the dimension while the sum of "
        "one coordinate does not: one gradient with ten thousand coordinates equal to 1, at gamma = 0.99.",
        repair="max(1, G_inf/G).",
        uses=("lem1",),
    ),
    Entry(
        "lem1.horizon",
        "ours, on Lemma 1",
        "Lemma 1 with the default betas and gamma = 0.95, and G_inf >= 1, for all T.",
        "needs-hypothesis",
        at_default_gamma,
        "With the default gamma and gradients of size one or more the inequality is true for every run of at most a "
        "thousand rounds, by our own bound, and not by the printed proof; the constant 1759 is that generous. It is "
        "false for some longer runs, since the sum has a logarithm that the bound lacks; the run that we can name is "
        "of 2^(10^8) rounds, and we do not know the shortest.",
        repair="T <= 1000.",
        uses=("lem1",),
        rests_on=("rep.sharp", "rep.log"),
    ),
)
