"""Lemma 1: what it assumes.

(H) is: `beta1, beta2 in [0, 1)`, `eta = beta1^2/sqrt(beta2) < 1`, and for all t: `||g_t||_2 <= G`,
`||g_t||_inf <= G_inf`, `e_t <= G_inf`, `e_t/||g_t||_2 <= G_inf/G`. G and G_inf are any numbers that bound; "smallest"
says so.
"""

from adanorm_verify.ledger import Entry, Finding, claims, sign

PROOF = "supplement A, proof of Lemma 1"
DEFAULTS = [("beta1", "9/10"), ("beta2", "999/1000"), ("gamma", "19/20")]
DOMAIN = ("0 <= beta1 < 1", "0 < beta2 < 1", "0 <= gamma < 1", "beta1**4 < beta2")
"""Of the hyperparameters; the last one is eta < 1."""


def average_bounded() -> Finding:
    instance = {
        "let": [*DEFAULTS, ("G", "5"), ("G_inf", "4")],
        "run": {"start": ["0", "0"], "losses": [[[["3", "4"], "0"]]], "rounds": "32", "step": "1"},
    }
    steps = (
        sign(
            "with a bound B on all norms and e_0 = 0 <= B, by induction e_t <= B: e = e_{t-1}, n = ||g_t||_2. Where "
            "G_inf >= G this B is G, and in one dimension, where ||g||_2 = ||g||_inf, it is G_inf",
            "B >= gamma*e + (1-gamma)*n",
            "gamma*(B-e) + (1-gamma)*(B-n)",
            "B e n gamma",
            ["gamma >= 0", "1-gamma >= 0", "B-e >= 0", "B-n >= 0"],
        ),
        claims(
            "the gradient (3, 4) in every round, G = 5 and G_inf = 4 the smallest bounds",
            *DOMAIN,
            "all(n[t] <= G for t in range(1, T+1))",
            "all(max(abs(g[t, 1]), abs(g[t, 2])) <= G_inf for t in range(1, T+1))",
            role="hypothesis",
        ),
        claims("after 32 rounds the average has passed G_inf", "e[32] > G_inf", role="violation"),
    )
    return Finding(steps, instance)


def ratio_bounded() -> Finding:
    instance = {
        "let": [*DEFAULTS, ("G", "1"), ("G_inf", "1"), ("g_1", "1"), ("g_2", "1/100")],
        "then": [("e_1", "(1-gamma)*abs(g_1)"), ("e_2", "gamma*e_1 + (1-gamma)*abs(g_2)")],
    }
    steps = (
        claims("g = 1, then 1/100", *DOMAIN, "abs(g_1) <= G", "abs(g_2) <= G", "abs(g_1) <= G_inf", "abs(g_2) <= G_inf",
               role="hypothesis"),
        claims("the ratio is 4.8, and G_inf/G is 1", "e_2/abs(g_2) > G_inf/G", role="violation"),
        sign(
            "whatever G and G_inf: no R bounds the ratio. After g_1 = 1 the gradient x = gamma (1-gamma)/R has "
            "e_2 = gamma (1-gamma) + (1-gamma) x, which is more than R x = gamma (1-gamma)",
            "gamma*(1-gamma) + (1-gamma)*x > gamma*(1-gamma)",
            "(1-gamma)*x",
            "gamma x",
            ["1-gamma > 0", "x > 0"],
        ),
    )  # fmt: skip
    return Finding(steps, instance)


def no_room() -> Finding:
    steps = (
        sign(
            "G is the largest ||g_t||_2 and G_inf the largest ||g_t||_inf, each of which is at most the norm of the "
            "same gradient; so G_inf <= G, and e_t/||g_t||_2 <= G_inf/G gives e_t <= ||g_t||_2 (r = G_inf/G <= 1)",
            "n >= e",
            "(1-r)*n + (r*n - e)",
            "n e r",
            ["1-r >= 0", "n >= 0", "r*n - e >= 0"],
        ),
        sign(
            "and then c_t = max(1, e_t/||g_t||_2) is 1: the second argument does not exceed the first",
            "1 >= e/n",
            "(n-e)/n",
            "n e",
            ["n-e >= 0", "n > 0"],
        ),
        sign(
            "the largest coordinate of a vector is not longer than the vector: x the largest, y the squares of the "
            "rest",
            "x**2 + y >= x**2",
            "y",
            "x y",
            ["y >= 0"],
        ),
    )
    return Finding(steps)


def bias_factor() -> Finding:
    steps = (
        sign(
            "beta1^t <= beta1 for t >= 1: one more factor (y = beta1^t <= b)",
            "b >= b*y",
            "b*(1-y)",
            "b y",
            ["b >= 0", "1-y >= 0"],
        ),
        sign(
            "z = sqrt(1-beta2^t) is in [0, 1], y = beta1^t <= b",
            "1/(1-b)**2 >= z/(1-y)**2",
            "(1-z)/(1-b)**2 + z*(b-y)*((1-b)+(1-y))/((1-b)**2*(1-y)**2)",
            "b y z",
            ["1-z >= 0", "z >= 0", "b-y >= 0", "1-b > 0", "1-y > 0"],
        ),
    )
    return Finding(steps)


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "lem1.h1",
        "supplement A, Lemma 1, hypotheses",
        "For all gradients with ||g_t||_2 <= G and ||g_t||_inf <= G_inf, and all gamma in [0, 1): e_t <= G_inf.",
        "needs-hypothesis",
        average_bounded,
        "The average of the 2-norms stays below G, not below G_inf, which bounds single coordinates and is smaller as "
        "soon as gradients have two of them that count. With gradients (3, 4) and gamma = 0.95 the average exceeds the "
        "largest coordinate from round 32 on. In one dimension, or with a G_inf chosen at least as large as G, it "
        "holds.",
        repair="e_t <= G; or G_inf >= G, which in one dimension costs nothing.",
    ),
    Entry(
        "lem1.h2",
        "supplement A, Lemma 1, hypotheses",
        "For all gradients with ||g_t||_2 <= G, ||g_t||_inf <= G_inf: e_t/||g_t||_2 <= G_inf/G; and with the smallest "
        "such G, G_inf some of them have c_t > 1.",
        "refuted",
        ratio_bounded,
        "Upper bounds on gradients say nothing about how small one may be, and it is a small gradient after larger "
        "ones that makes the ratio large: no G_inf/G bounds it, however chosen. The other half fails as well, "
        "lem1.h2.room: with the smallest bounds the hypothesis allows no ratio above one. Only larger numbers than the "
        "smallest, with G_inf > G, make it a hypothesis on the correction, namely that all c_t are at most G_inf/G.",
        repair="Assume c_t <= C outright.",
        uses=("lem1.h1",),
    ),
    Entry(
        "lem1.h2.room",
        "supplement A, Lemma 1, hypotheses",
        "With the smallest G and G_inf, e_t/||g_t||_2 <= G_inf/G for all t (and ||g_t||_2 > 0) implies c_t = 1 for all "
        "t.",
        "proved",
        no_room,
        "A vector's largest coordinate is at most its length, so the smallest bounds satisfy G_inf <= G, the "
        "hypothesis says e_t <= ||g_t||, and the correction never fires: read in this way the lemma is one about Adam.",
        uses=("lem1.h2",),
    ),
    Entry(
        "lem1.h3",
        f"{PROOF}, first sentence",
        "For all beta1, beta2 in [0, 1) and t >= 1: sqrt(1-beta2^t)/(1-beta1^t)^2 <= 1/(1-beta1)^2.",
        "proved",
        bias_factor,
        "Called an assumption, and always true. It gives much away: at the defaults the right side is 100 and the left "
        "one at most 3.2, at most 1 from the third round on.",
    ),
)
