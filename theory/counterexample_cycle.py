"""The averages of a periodic sequence: what e, v and m settle to, and what momentum makes of it."""

from __future__ import annotations

from fractions import Fraction

from adanorm_verify.ledger import Entry, Finding, Step, claims, cover, identity, sign

SETTLED = 90
"""From this round on the bounds on e, and those of the effective steps, hold. It ends a period of three."""
CORRECTED = ("3", "-33/20", "-8/5")
"""What the corrected gradient is at most while the point is below 1, from round SETTLED on: large, small, small."""
PLAIN = ("-3", "1", "1")
"""What minus the gradient is at most while the point is above -1."""
NEAR = "26/25"
"""The ratio of effective steps in three consecutive rounds that any momentum allows."""
LET_CYCLE = (
    ("gamma", "19/20"),
    ("unit", "(1 - gamma)/(1 - gamma**3)"),
    *((f"p_{j}", f"1 + gamma**{j}*2*unit") for j in range(3)),
)
"""The e-cycle of the norms 3, 1, 1 at the default gamma."""


def settled(weight: str) -> str:
    """The phase of a settled average that has seen weight = g^j of the large value; Y = g^P."""
    return f"(a + {weight}*(A - a)*(1 - g)/(1 - Y))"


def cycle() -> Finding:
    first, last = settled("1"), settled("Y/g")
    gamma = Fraction(19, 20)
    phases = [1 + gamma**j * 2 * (1 - gamma) / (1 - gamma**3) for j in range(3)]
    steps = (
        identity(
            "base: t = 0 ends a period (k = 0, phase P - 1), and x_0 = p_{P-1} - 1*p_{P-1} = 0", f"{last} - 1*{last}",
            "0", "g A a Y",
        ),
        identity(
            "step to a large value, from the last phase; y = g^t, Y = g^P, so that g^(P-1) = Y/g",
            f"g*({last} - y*{last}) + (1 - g)*A",
            f"{first} - g*y*{last}",
            "g A a Y y",
        ),
        identity(
            "step to a small value, from phase j to j + 1; z = g^j",
            f"g*({settled('z')} - y*{last}) + (1 - g)*a",
            f"{settled('g*z')} - g*y*{last}",
            "g A a Y y z",
        ),
        sign(
            "x_t <= A for all t, as an average: the correction never fires at a large value. Step, with n the value",
            "A >= g*x + (1 - g)*n",
            "g*(A - x) + (1 - g)*(A - n)",
            "A g x n",
            ["g >= 0", "1 - g >= 0", "A - x >= 0", "A - n >= 0"],
        ),
        sign(
            "in a fixed phase x_t grows with t: u = g^T, y = g^t with T <= t",
            f"p - y*{last} >= p - u*{last}",
            f"(u - y)*{last}",
            "p g A a Y y u",
            ["u - y >= 0", "a > 0", "Y > 0", "g > 0", "A - a >= 0", "1 - g > 0", "1 - Y > 0"],
        ),
        claims(
            "gamma = 0.95, norms 3, 1, 1: e tends to 1941/1141, 1901/1141, 1863/1141 in turn; the correction fires at "
            "every small gradient in the end, and the two corrected ones sum to 3764/1141, more than 3: per period the "
            "corrected gradients 3, -e', -e'' sum to -341/1141, where the true ones sum to 1",
            *(f"p_{j} == {phase}" for j, phase in enumerate(phases)),
            "3 - p_1 - p_2 == -341/1141",
            let=LET_CYCLE,
        ),
        claims(
            "from round 90 on (the small rounds are 90, 92, 93, 95, ...): e >= 33/20 at the first small gradient of a "
            "period and e >= 8/5 at the second",
            f"p_1 - gamma**{SETTLED + 2}*p_2 >= -({CORRECTED[1]})",
            f"p_2 - gamma**{SETTLED}*p_2 >= -({CORRECTED[2]})",
            let=LET_CYCLE,
        ),
    )  # fmt: skip
    return Finding(steps)


# What momentum makes of a cycle ----------------------------------------------------------------------------------


def average(p: str, q: str, r: str, b: str = "b") -> str:
    """The settled average with weight `b` of a period of three, at the value p that q and, before it, r precede."""
    return f"(({p}) + {b}*({q}) + {b}**2*({r}))/(1 + {b} + {b}**2)"


def rotations(values: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
    """For each phase its value, the one before it and the one before that."""
    return tuple((values[i], values[i - 1], values[i - 2]) for i in range(3))


SLOPE = "((q - p) + (b + c)*(r - p) + b*c*(r - q))/((1 + b + b**2)*(1 + c + c**2))"
"""The difference quotient of `average` between the weights b and c."""


def splitting() -> tuple[Step, ...]:
    """m is at most the settled average of the present weight, and a remainder that shrinks."""
    return (
        sign(
            "let x_tau = m_tau and x_k = b_k x_{k-1} + (1 - b_k) sigma_k: m_k <= x_k for all k in [tau, t]. Step, m "
            "and x the ones before, s <= sigma (h)",
            "b*x + (1 - b)*h >= b*m + (1 - b)*s",
            "b*(x - m) + (1 - b)*(h - s)",
            "b x m h s",
            ["b >= 0", "1 - b >= 0", "x - m >= 0", "h - s >= 0"],
        ),
        identity(
            "let M_i(b) be the settled average in phase i: p = sigma_i, q = sigma_{i-1}, r = sigma_{i-2}. M_i(b) = b "
            "M_{i-1}(b) + (1 - b) sigma_i",
            average("p", "q", "r"),
            f"b*{average('q', 'r', 'p')} + (1 - b)*p",
            "b p q r",
        ),
        identity(
            "so d_k = x_k - M_k(b_k) (k in M_k names a phase) obeys d_k = b_k (d_{k-1} + M_{k-1}(b_{k-1}) - "
            "M_{k-1}(b_k)); here x = x_{k-1}, old = M_{k-1}(b_{k-1}), new = M_{k-1}(b_k), M_k(b_k) = b_k new + (1 - "
            "b_k) sigma_k",
            "(b*x + (1 - b)*h) - (b*new + (1 - b)*h)",
            "b*((x - old) + (old - new))",
            "b x h old new",
        ),
        identity(
            "M_i(b) - M_i(c) = (b - c) K",
            f"{average('p', 'q', 'r')} - {average('p', 'q', 'r', 'c')}",
            f"(b - c)*{SLOPE}",
            "b c p q r",
        ),
        *(
            cover(
                f"|K| <= 5 for b, c in [0, 1], sigma = {', '.join(values)}, at the value {p}",
                {"b": ("0", "1"), "c": ("0", "1")},
                f"-5 <= {SLOPE}",
                f"{SLOPE} <= 5",
                depth=12,
                let=[("p", p), ("q", q), ("r", r)],
            )
            for values in (CORRECTED, PLAIN)
            for p, q, r in rotations(values)
        ),
        sign(
            "so B_k = |d_k| obeys B_k <= b (B_{k-1} + 5 (b_{k-1} - b_k)), b the bound on all b_k, and the sum of B_k "
            "over tau < k <= t is at most b/(1 - b) (B_tau + 5 b_tau): with B, w before and B2, w2 after, the "
            "potential b/(1 - b) (B + 5 w) pays for B2",
            "b/(1 - b)*(B + 5*w) >= B2 + b/(1 - b)*(B2 + 5*w2)",
            "(b*(B + 5*(w - w2)) - B2)/(1 - b)",
            "b B B2 w w2",
            ["b*(B + 5*(w - w2)) - B2 >= 0", "1 - b > 0"],
        ),
        *(
            sign(
                f"|M_i| <= 3: {bound}",
                f"3 >= {sgn}{average('p', 'q', 'r')}",
                f"((3 {op} p) + b*(3 {op} q) + b**2*(3 {op} r))/(1 + b + b**2)",
                "b p q r",
                ["b >= 0", f"3 {op} p >= 0", f"3 {op} q >= 0", f"3 {op} r >= 0"],
            )
            for bound, sgn, op in (("above", "", "-"), ("below", "-", "+"))
        ),
        sign(
            "|m_tau| <= 3 and |M| <= 3 give B_tau <= 6, and b_tau <= b: the sum of all B_k, tau <= k <= t, is at most "
            "(6 + 5 b^2)/(1 - b), and at most 6/(1 - b) where b_k is constant (no 5 w then)",
            "(6 + 5*b**2)/(1 - b) >= B + b/(1 - b)*(B + 5*w)",
            "((6 - B) + 5*b*(b - w))/(1 - b)",
            "b B w",
            ["6 - B >= 0", "b >= 0", "b - w >= 0", "1 - b > 0"],
        ),
    )


def windows() -> tuple[Step, ...]:
    """Three rounds in a row weigh against the sign."""
    sums = {values: " + ".join(f"max(0, {average(*r)})" for r in rotations(values)) for values in (CORRECTED, PLAIN)}
    return (
        identity(
            "the sum of a_k m_k is at most that of a_k M_k(b_k), and A times the sum of B_k. Three phases: M_0 + M_1 + "
            "M_2 is the sum of sigma, whatever b",
            " + ".join(average(*rotation) for rotation in rotations(("p", "q", "r"))),
            "p + q + r",
            "b p q r",
        ),
        sign(
            "case 1. Three rounds in a row, smallest effective step 1, the others 1 + x with x <= 1/25: with Q = "
            "max(0, M), (1 + x) M <= M + Q/25",
            "M + Q/25 >= (1 + x)*M",
            "(1/25 - x)*Q + x*(Q - M)",
            "M Q x",
            ["x >= 0", "1/25 - x >= 0", "Q >= 0", "Q - M >= 0"],
        ),
        *(
            cover(
                f"sigma = {', '.join(values)}: the three Q sum to at most {bound}, for every b in [0, 1]",
                {"b": ("0", "1")},
                f"{sums[values]} <= {bound}",
                depth=10,
            )
            for values, bound in ((CORRECTED, "7/2"), (PLAIN, "5/2"))
        ),
        claims(
            "so the three a M(b) sum to at most -11/100 and -9/10; and that is at most -mu times the sum of the three "
            "steps, itself at most 3*26/25: mu = 3/100 and 1/4",
            "3 - 33/20 - 8/5 + 7/2/25 <= -11/100",
            "-3 + 1 + 1 + 5/2/25 <= -9/10",
            f"3/100*3*{NEAR} <= 11/100",
            f"1/4*3*{NEAR} <= 9/10",
        ),
        identity(
            "in a window the three averages have weights b_j >= b_{j+1} >= b_{j+2}; with b_j in place of the others "
            "they change by at most 5 A (b_j - b_{j+1}) + 5 A (b_j - b_{j+2}) <= 10 A (b_j - b_{j+2}), over all "
            "windows at most 10 A b: the windows are disjoint and b_k never grows. The slack",
            "10*A*(x - z) - 5*A*(x - y) - 5*A*(x - z)",
            "5*A*(y - z)",
            "A x y z",
        ),
        claims(
            "case 2, b = 9/10, sigma = 3, -33/20, -8/5: the averages are positive at the large value only; three "
            "rounds in a row, smallest step 1, the others at most 3: the sum is at most 3 M_0 + M_1 + M_2; mu = 1/125, "
            "because the steps sum to at most 9",
            "M_0 > 0",
            "M_1 < 0",
            "M_2 < 0",
            "3*M_0 + M_1 + M_2 <= -9/125",
            let=nine_tenths(CORRECTED),
        ),
        claims(
            "at most two rounds are left over at an end, where a M <= 3 a = (3 + mu) a - mu a: they cost at most 2 (3 "
            "+ mu) A <= 7 A",
            "2*(3 + 1/4) <= 7",
        ),
        claims(
            "case 3, b = 9/10, sigma = -3, 1, 1: all three averages are below -19/100, whatever the steps; B_tau <= 3 "
            "+ 12/25, so that the sum of all B_k is at most 35",
            "max(M_0, M_1, M_2) <= -19/100",
            "min(M_0, M_1, M_2) >= -12/25",
            "(3 + 12/25)/(1 - 9/10) <= 35",
            let=nine_tenths(PLAIN),
        ),
        claims(
            "C: (6 + 5 b^2)/(1 - b) + 10 b + 7 in case 1, 13 at b = 0 and below 117 at b = 9/10, and 67 for constant "
            "b = 9/10; 67 in case 2",
            "(6 + 5*(9/10)**2)/(1 - 9/10) + 10*9/10 + 7 <= 117",
            "6/(1 - 9/10) + 7 <= 67",
        ),
    )


def nine_tenths(values: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("b", "9/10"), *((f"M_{i}", average(*rotation)) for i, rotation in enumerate(rotations(values)))]


ENTRIES = (
    Entry(
        "cex.cycle",
        "ours: the counterexample",
        "Let 0 < g < 1, P >= 1, x_0 = 0 and x_t = g x_{t-1} + (1 - g) n_t, where n_t = A for t = 1 mod P and n_t = a "
        "otherwise, A >= a > 0. Then x_t = p_j - g^t p_{P-1} for t = kP + 1 + j, 0 <= j < P, with p_j = a + g^j (A - "
        "a)(1 - g)/(1 - g^P). For the norms 3, 1, 1 and gamma = 0.95, e settles to 1941/1141, 1901/1141, 1863/1141.",
        "proved",
        cycle,
        "The average of a periodic sequence settles to a cycle, at the rate g^t exactly; e (of the norms, with gamma) "
        "and v (of the squares, with beta2) are such averages wherever the norms do not depend on the point. After one "
        "gradient of norm 3 the two of norm 1 that follow are lifted to 1.666 and 1.633: more than the 3 that they "
        "should only partly cancel.",
        uses=("sec2.7.a", "thm2.4.b"),
    ),
    Entry(
        "cex.momentum",
        "ours: the counterexample",
        "Let m_k = b_k m_{k-1} + (1 - b_k) s_k and 0 < a_k <= A for tau <= k <= t, where |m_tau| <= 3 and s_k <= "
        "sigma_k for tau < k <= t, sigma of period three. Then the sum of a_k m_k over k = tau, ..., t is at most C A "
        "- mu times the sum of a_k, in these cases. 1: 0 <= b_k <= b < 1, b_k never grows, any two of three "
        "consecutive a_k have a ratio of at most 26/25, C = (6 + 5 b^2)/(1 - b) + 10 b + 7 (6/(1 - b) + 7 for "
        "constant b_k); mu = 3/100 for sigma = (3, -1.65, -1.6), mu = 1/4 for sigma = (-3, 1, 1). 2: b_k = 0.9, ratios "
        "at most 3, sigma = (3, -1.65, -1.6), C = 67, mu = 1/125. 3: b_k = 0.9, any a_k, sigma = (-3, 1, 1), C = 35, "
        "mu = 19/100.",
        "proved",
        lambda: Finding((*splitting(), *windows())),
        "While the signs of the gradients are known, momentum forgets where it came from at a geometric rate and "
        "settles to the average of a cycle. Three rounds in a row then push one way, unless the effective steps "
        "change much within three rounds. How much is allowed: a few percent for any momentum (also one that decays, "
        "as the theorem's beta1_t does), a factor of three at beta1 = 0.9, because momentum has by then averaged the "
        "large gradient with the small ones.",
        uses=("cex.cycle",),
    ),
)
