"""Lemma 1: lines 6 to 9 of its proof, from one summand to the norm of its gradient."""

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .lemma1_hypotheses import DEFAULTS, DOMAIN, PROOF


def power() -> Finding:
    instance = {"let": [*DEFAULTS, ("g", "-1"), ("s", "-1"), ("G", "1"), ("G_inf", "1"), ("e", "(1-gamma)*abs(g)")]}
    steps = (
        identity(
            "g_k > 0: sqrt(beta2^(T-k) g_k^2) = q^(T-k) g_k with q = sqrt(beta2); p and y stand for beta1^(T-k) and "
            "q^(T-k), and (beta1^2/q)^(T-k) for p^2/y",
            "(p*s)**2/(y*g)",
            "p**2/y*(s**2/g)",
            "p s y g",
        ),
        claims(
            "T = k = 1, g_1 = -1: (H), and line 5 is defined",
            *DOMAIN,
            "abs(g) <= G",
            "abs(g) <= G_inf",
            "e <= G_inf",
            "e/abs(g) <= G_inf/G",
            "s == max(1, e/abs(g))*g",
            "g != 0",
            role="hypothesis",
        ),
        claims("the left side is 1, the right side -1", "s**2/sqrt(g**2) == 1", "s**2/g == -1", role="violation"),
    )
    return Finding(steps, instance)


def root_of_negative() -> Finding:
    step = claims("g_1 = -1: its square root is asked for", "g < 0", role="undefined")
    return Finding((step,), {"let": [("g", "-1")]})


def root_of_positive() -> Finding:
    return Finding((identity("g_k > 0, r = sqrt(g_k)", "s**2/(r**2)", "(s/r)**2", "s r"),))


def maximum() -> Finding:
    steps = (
        identity("e > n: equation 3 gives (e/n) g, and max(1, e/n) = e/n, as", "(e/n)*g", "e/n*g", "e n g"),
        sign("e/n > 1", "e/n > 1", "(e-n)/n", "e n", ["e-n > 0", "n > 0"]),
        sign(
            "e <= n: it gives g, and max(1, e/n) = 1, as e/n <= 1", "1 >= e/n", "(n-e)/n", "e n", ["n-e >= 0", "n > 0"]
        ),
    )
    return Finding(steps)


def ratio_of_bounds() -> Finding:
    instance = {
        "let": [*DEFAULTS, ("g_1", "3"), ("g_2", "4"), ("n", "sqrt(g_1**2 + g_2**2)"), ("G", "5"), ("G_inf", "4"),
                ("e", "(1-gamma)*n"), ("c", "max(1, e/n)")],
    }  # fmt: skip
    steps = (
        sign(
            "G_inf >= G, R = G_inf/G >= 1 and e/||g|| <= R: c = max(1, e/||g||) is at most R, hence c^2 |g| <= R^2 "
            "|g|, a = |g|; the square of c g/sqrt(|g|) is c^2 |g|",
            "R**2*a >= c**2*a",
            "(R-c)*(R+c)*a",
            "R c a",
            ["R-c >= 0", "R+c >= 0", "a >= 0"],
        ),
        identity("r = sqrt(|g|), g = +-r^2: the square of c g/r", "(c*r**2/r)**2", "c**2*r**2", "c r"),
        claims(
            "one round, gradient (3, 4), smallest bounds, (H); first coordinate",
            *DOMAIN,
            "n <= G",
            "g_1 <= G_inf",
            "g_2 <= G_inf",
            "e <= G_inf",
            "e/n <= G_inf/G",
            role="hypothesis",
        ),
        claims("3 on the left, 16/25 times 3 on the right", "c**2*g_1 > G_inf**2/G**2*g_1", role="violation"),
    )
    return Finding(steps, instance)


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "lem1.6",
        f"{PROOF}, line 6",
        "For all g_k != 0: (beta1^(T-k) s_k)^2/sqrt(beta2^(T-k) g_k^2) = (beta1^2/sqrt(beta2))^(T-k) s_k^2/g_k.",
        "needs-hypothesis",
        power,
        "The root of g_k^2 is |g_k|. For a negative coordinate the right side has the wrong sign, and from there on "
        "the proof bounds a sum in which terms cancel that do not. It is right if all coordinates are positive.",
        repair="Write |g_k|.",
        uses=("lem1.5",),
    ),
    Entry(
        "lem1.7",
        f"{PROOF}, line 7",
        "For all g_k != 0: s_k^2/g_k = (s_k/sqrt(g_k))^2.",
        "ill-posed",
        root_of_negative,
        "The square root of a coordinate of a gradient, which may be negative. For positive ones: lem1.7.repaired.",
        repair="Write |g_k| in lines 6 to 8.",
        uses=("lem1.6",),
    ),
    Entry(
        "lem1.7.repaired",
        f"{PROOF}, line 7, for positive coordinates",
        "For all g_k > 0: s_k^2/g_k = (s_k/sqrt(g_k))^2; likewise with |g_k| for all g_k != 0.",
        "proved",
        root_of_positive,
        "A root squared.",
        uses=("lem1.7",),
    ),
    Entry(
        "lem1.8",
        f"{PROOF}, line 8",
        "For ||g_k||_2 > 0 equation 3 is s_k = max(1, e_k/||g_k||_2) g_k.",
        "proved",
        maximum,
        "The two cases of equation 3 in one expression. (At a zero gradient equation 3 has no value: sec2.1.)",
        uses=("lem1.7",),
    ),
    Entry(
        "lem1.9",
        f"{PROOF}, line 9",
        "Under (H), with |g_k| under the root so that it exists: (max(1, e_k/||g_k||_2) g_k/sqrt(|g_k|))^2 <= "
        "(G_inf^2/G^2) |g_k|.",
        "needs-hypothesis",
        ratio_of_bounds,
        "The ratio c_k is at least one, while G_inf/G may be less: for the gradient (3, 4) it is 4/5 with the smallest "
        "bounds, and c_k^2 = 1 is not at most 16/25. It is right when G_inf >= G. In one dimension that is so, but "
        "then G_inf/G is 1 and there is no correction, unless G_inf is taken larger than the smallest bound.",
        repair="max(1, G_inf/G)^2, or c_k <= C and C^2.",
        uses=("lem1.8", "lem1.h1", "lem1.h2"),
    ),
)
