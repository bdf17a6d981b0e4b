"""Lemma 1: lines 1 to 5 of its proof, which expand one term and bound its denominator.

A line is judged as printed, for one coordinate `g_k` of the gradients, from the line before it and (H), which
`lemma1_hypotheses` writes out.
"""

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .lemma1_hypotheses import DEFAULTS, DOMAIN, PROOF


def expansion() -> Finding:
    steps = (
        identity(
            "m_t = sum_k (1-b) b^(t-k) s_k: one more round turns the sum M into b M + (1-b) s, term by term "
            "((1-b) b^j s_k into (1-b) b^(j+1) s_k); v_t likewise with beta2 and g^2",
            "b*((1-b)*p*x) + (1-b)*s",
            "(1-b)*(b*p)*x + (1-b)*s",
            "b p x s",
        ),
        identity(
            "the term: h = 1 - beta1^T, w^2 = 1 - beta2^T, u^2 = v_T > 0, r^2 = T: m_hat^2/sqrt(T v_hat) = "
            "w/h^2 m^2/(r u)",
            "(m/h)**2/(r*u/w)",
            "w/h**2*m**2/(r*u)",
            "m h w u r",
        ),
    )
    return Finding(steps)


def expansion_of_theorem() -> Finding:
    instance = {
        "let": [*DEFAULTS, ("lam", "99999999/100000000"), ("G", "1"), ("G_inf", "1")],
        "run": {
            "start": ["0"],
            "losses": [[[["1"], "0"]]],
            "rounds": "2",
            "step": "1/1000/sqrt(t)",
            "beta1_t": "beta1*lam**(t-1)",
        },
        "then": [
            ("printed", "sum((1-beta1)*beta1**(2-k)*s[k] for k in range(1, 3))"),
            ("term", "m_hat[2]**2/sqrt(2*v_hat[2])"),
            (
                "expanded",
                "sqrt(1-beta2**2)/(1-beta1**2)**2*printed**2"
                "/sqrt(2*sum((1-beta2)*beta2**(2-j)*g[j]**2 for j in range(1, 3)))",
            ),
        ],
    }
    steps = (
        claims(
            "g = 1 twice, lambda = 1 - 10^-8, (H)",
            "all(n[t] <= G for t in range(1, 3))",
            "all(abs(g[t]) <= G_inf for t in range(1, 3))",
            "all(e[t] <= G_inf for t in range(1, 3))",
            "all(e[t]/n[t] <= G_inf/G for t in range(1, 3))",
            *DOMAIN,
            "0 < lam < 1",
            role="hypothesis",
        ),
        claims(
            "m_2 is not the printed sum, nor the term of the lemma its expansion",
            "m[2] != printed",
            "term > expanded",
            role="violation",
        ),
    )
    return Finding(steps, instance)


def square_of_sum() -> Finding:
    steps = (
        sign("T = 1: equality", "a**2 >= a**2", "0", "a"),
        sign(
            "one more number a: S the sum of T numbers, Q of their squares, S^2 <= T Q so far",
            "(T+1)*(Q + a**2) >= (S + a)**2",
            "(1 + 1/T)*(T*Q - S**2) + (S - T*a)**2/T",
            "T Q S a",
            ["T > 0", "T*Q - S**2 >= 0"],
        ),
    )
    return Finding(steps)


def zero_summand() -> Finding:
    instance = {
        "let": [*DEFAULTS, ("G", "5"), ("G_inf", "5"), ("g_1", "4"), ("g_2", "0"), ("n_1", "sqrt(3**2 + g_1**2)"),
                ("n_2", "sqrt(5**2 + g_2**2)")],
        "then": [("e_1", "(1-gamma)*n_1"), ("e_2", "gamma*e_1 + (1-gamma)*n_2"),
                 ("s_2", "max(1, e_2/n_2)*g_2"), ("numerator", "2*((1-beta1)*s_2)**2"),
                 ("summand", "sqrt(2*(1-beta2)*g_2**2)")],
    }  # fmt: skip
    step = claims(
        "gradients (3, 4) and (5, 0), second coordinate, T = 2, k = 2; (H) holds: zero divided by zero",
        *DOMAIN,
        "n_1 <= G",
        "n_2 <= G",
        "e_2 <= G_inf",
        "e_1/n_1 <= G_inf/G",
        "e_2/n_2 <= G_inf/G",
        "numerator == 0",
        "summand == 0",
        role="undefined",
    )
    return Finding((step,), instance)


def one_summand() -> Finding:
    steps = (
        sign(
            "a = (1-beta2) beta2^(T-k) g_k^2 > 0 is one summand, y >= 0 the sum of the others",
            "a + y >= a",
            "y",
            "a y",
            ["y >= 0"],
        ),
        sign(
            "so that, with r >= q > 0 the two roots, x >= 0 the numerator, the fraction only grows",
            "x/q >= x/r",
            "x*(r-q)/(q*r)",
            "x q r",
            ["x >= 0", "r-q >= 0", "q > 0", "r > 0"],
        ),
    )
    return Finding(steps)


def factor_replaced() -> Finding:
    step = sign(
        "N >= 0 is the sum, which does not change; a <= b are the factor and its bound (lem1.h3)",
        "b*N >= a*N",
        "(b-a)*N",
        "a b N",
        ["b-a >= 0", "N >= 0"],
    )
    return Finding((step,))


def cancelled() -> Finding:
    step = identity(
        "a term: r = sqrt(T (1-beta2)), h = sqrt(beta2^(T-k) g_k^2), p = beta1^(T-k); sqrt(T (1-beta2) beta2^(T-k) "
        "g_k^2) = r h, both being roots of numbers that are not negative",
        "1/(1-b)**2*(T*((1-b)*p*s)**2/(r*h))",
        "T/r*((p*s)**2/h)",
        "b T p s r h",
    )
    return Finding((step,))


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "lem1.1.a",
        f"{PROOF}, line 1",
        "For constant beta1 and v_T > 0: m_hat_T^2/sqrt(T v_hat_T) = sqrt(1-beta2^T)/(1-beta1^T)^2 (sum_(k<=T) "
        "(1-beta1) beta1^(T-k) s_k)^2/sqrt(T sum_(j<=T) (1-beta2) beta2^(T-j) g_j^2).",
        "proved",
        expansion,
        "Unrolling the two averages, for beta1 that does not change. Where all gradients so far are zero both sides "
        "are 0/0.",
    ),
    Entry(
        "lem1.1.b",
        f"{PROOF}, line 1",
        "The same for the theorem's beta1_t = beta1 lambda^(t-1), lambda in (0, 1).",
        "refuted",
        expansion_of_theorem,
        "With decaying beta1_t the weight of s_k is (1 - beta1_k) times a product of later beta1_j, not (1-beta1) "
        "beta1^(T-k); m_2 differs already for two unit gradients, and the term of the lemma is larger than its "
        "expansion. The theorem applies the lemma to an algorithm that it is not about.",
        repair="rep.lemma1.decaying, rep.lemma1.slowly.",
        uses=("lem1.1.a",),
    ),
    Entry(
        "lem1.2",
        f"{PROOF}, line 2",
        "For all real a_1, ..., a_T: (sum a_k)^2 <= T sum a_k^2, and so line 2 follows from line 1.",
        "proved",
        square_of_sum,
        "Right, and the step where the factor T enters that the lemma never gets rid of: the weights beta1^(T-k) "
        "decay, so that a weighted form of the inequality gives a constant in place of T (rep.moment).",
        uses=("lem1.1.a",),
    ),
    Entry(
        "lem1.3",
        f"{PROOF}, line 3",
        "For all gradients with (H): sum_k T a_k^2/sqrt(T sum_j b_j) <= sum_k T a_k^2/sqrt(T b_k), where a_k = "
        "(1-beta1) beta1^(T-k) s_k, b_k = (1-beta2) beta2^(T-k) g_k^2.",
        "ill-posed",
        zero_summand,
        "Where a coordinate of one gradient is zero, which (H) allows, its summand on the right is 0/0. Otherwise the "
        "line is right: lem1.3.repaired.",
        repair="Leave out the k with g_k = 0, whose s_k is 0 as well.",
        uses=("lem1.2",),
    ),
    Entry(
        "lem1.3.repaired",
        f"{PROOF}, line 3, where no g_k is zero",
        "The same with all g_k != 0.",
        "proved",
        one_summand,
        "A sum of squares is at least each of them.",
        uses=("lem1.3",),
    ),
    Entry(
        "lem1.4",
        f"{PROOF}, line 4",
        "Line 4 follows from line 3 by lem1.h3 (all g_k != 0).",
        "proved",
        factor_replaced,
        "The sum that is multiplied is not negative, so a larger factor only enlarges it.",
        uses=("lem1.3", "lem1.h3"),
        rests_on=("lem1.h3",),
    ),
    Entry(
        "lem1.5",
        f"{PROOF}, line 5",
        "Line 5 equals line 4 (all g_k != 0).",
        "proved",
        cancelled,
        "(1-beta1)^2 stands once above and once below.",
        uses=("lem1.4",),
    ),
)
