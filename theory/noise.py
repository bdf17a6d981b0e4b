"""The mean of the corrected gradient at a fixed point: which noise the correction turns into a bias, and how large.

All entries speak of gradients drawn at a point that does not move. The mean iteration moves the point against
h = lim E s_t, which is what a small step size makes of the optimizer without its preconditioner.
"""

from fractions import Fraction
from itertools import product

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .noise_formulas import two_point_mean, two_point_ratio, two_size_mean

MEMORY = ["gamma >= 0", "1 - gamma > 0"]


def mean_iteration() -> Finding:
    return Finding(
        (
            sign(
                "where e_{t-1} >= n_t, e_t >= n_t: the correction is asked for (write x for e_{t-1})",
                "gamma*x + (1 - gamma)*n >= n",
                "gamma*(x - n)",
                "gamma x n",
                [*MEMORY, "x - n >= 0"],
            ),
            identity(
                "then s_t = (e_t/n_t) g_t = (1-gamma) g_t + gamma max(n_t, e_{t-1}) g_t/n_t, the maximum being "
                "e_{t-1}; g is any coordinate",
                "(gamma*x + (1 - gamma)*n)/n*g",
                "(1 - gamma)*g + gamma*x*(g/n)",
                "gamma x n g",
            ),
            sign(
                "where e_{t-1} <= n_t, e_t <= n_t: nothing is corrected",
                "n >= gamma*x + (1 - gamma)*n",
                "gamma*(n - x)",
                "gamma x n",
                [*MEMORY, "n - x >= 0"],
            ),
            identity(
                "then s_t = g_t, which is the same formula, the maximum being n_t",
                "g",
                "(1 - gamma)*g + gamma*n*(g/n)",
                "gamma n g",
            ),
            identity(
                "two averages e and e' that read the same gradients come closer by gamma a round, so that |e_t - "
                "e'_t| = gamma^t |e_0 - e'_0|; from e_0 = 0, the stationary e' = sum_k (1-gamma) gamma^k n_{t-k} "
                "(which converges almost surely, its terms being nonnegative and its mean finite) is the limit",
                "gamma*x + (1 - gamma)*n - (gamma*y + (1 - gamma)*n)",
                "gamma*(x - y)",
                "gamma x y n",
            ),
            identity("the mean of the stationary average is E n", "gamma*m + (1 - gamma)*m", "m", "gamma m"),
            sign(
                "max(n, .) brings two numbers no further apart (x >= y); of the three places of n: between them,",
                "x - y >= x - n",
                "n - y",
                "x y n",
                ["n - y >= 0"],
            ),
            sign(
                "below both, where the difference of the maxima is x - y, and above both, where it is 0; hence "
                "||E s_t - h|| <= gamma E|e_{t-1} - e'_{t-1}| = gamma gamma^{t-1} E n",
                "x - y >= 0",
                "x - y",
                "x y",
                ["x - y >= 0"],
            ),
        )
    )


def enumerated_mean(p: Fraction, A: Fraction, a: Fraction, gamma: Fraction, t: int) -> Fraction:
    """E s_t from e_0 = 0 by all 2^t sequences of two-point gradients."""
    mean = Fraction(0)
    for sequence in product((A, -a), repeat=t):
        chance, e = Fraction(1), Fraction(0)
        for g in sequence:
            chance *= p if g > 0 else 1 - p
            e = gamma * e + (1 - gamma) * abs(g)
        mean += chance * max(Fraction(1), e / abs(sequence[-1])) * sequence[-1]
    return mean


def two_sizes() -> Finding:
    within = ["gamma >= 0", "1 - gamma >= 0", "A - n >= 0", "n - a >= 0"]
    return Finding(
        (
            sign(
                "the stationary average never exceeds A (a mean of norms that do not; x is e_{t-1})",
                "A >= gamma*x + (1 - gamma)*n",
                "gamma*(A - x) + (1 - gamma)*(A - n)",
                "gamma x n A",
                [*within, "A - x >= 0"],
            ),
            sign(
                "nor falls below a; so max(n, e) is A where n = A, and e where n = a",
                "gamma*x + (1 - gamma)*n >= a",
                "gamma*(x - a) + (1 - gamma)*(n - a)",
                "gamma x n a",
                [*within, "x - a >= 0"],
            ),
            identity(
                "its mean m is E n = a + P (A - a): stationary under m = gamma m + (1-gamma) E n",
                "gamma*(a + P*(A - a)) + (1 - gamma)*(P*A + (1 - P)*a)",
                "a + P*(A - a)",
                "gamma a A P",
            ),
            identity(
                "h = (1-gamma) M + gamma E[max(n, e) g/n] by noise.mean; e_{t-1} is independent of g_t, so the last "
                "mean is A (L/A) + m (S/a), with L and S the parts of M = L + S where n = A and where n = a (a "
                "coordinate)",
                "(1 - gamma)*(L + S) + gamma*(A*(L/A) + (a + P*(A - a))*(S/a))",
                "L + S + gamma*P*(A/a - 1)*S",
                "gamma L S P A a",
            ),
        )
    )


def two_point() -> Finding:
    """By noise.two-sizes with L = pA and S = -(1-p)a; tried against all sequences of up to eight gradients."""
    worst = Fraction(0)
    for p, A, a, gamma in product(
        (Fraction(1, 3), Fraction(1, 100)),
        (Fraction(2), Fraction(50)),
        (Fraction(1),),
        (Fraction(19, 20), Fraction(1, 2)),
    ):
        assert two_size_mean(p * A, -(1 - p) * a, p, A, a, gamma) == two_point_mean(p, A, a, gamma)
        norm = p * A + (1 - p) * a
        for t in (1, 4, 8):
            off = abs(enumerated_mean(p, A, a, gamma, t) - two_point_mean(p, A, a, gamma)) / (gamma**t * norm)
            worst = max(worst, off)
    assert worst <= 1
    p, gamma = Fraction(1, 100), Fraction(19, 20)
    return Finding(
        (
            identity(
                "noise.two-sizes with L = pA, S = -(1-p)a, P = p",
                "p*A - (1 - p)*a + gamma*p*(A/a - 1)*(-(1 - p)*a)",
                "p*A - (1 - p)*a - gamma*p*(1 - p)*(A - a)",
                "p A a gamma",
            ),
            identity(
                "the same, as the frequent gradient lifted to the mean norm: E|s| given n = a is a + gamma p (A - a)",
                "p*A - (1 - p)*(a + gamma*p*(A - a))",
                "p*A - (1 - p)*a - gamma*p*(1 - p)*(A - a)",
                "p A a gamma",
            ),
            sign(
                "the bias is against the rare and large gradient, whatever the true mean",
                "p*A - (1 - p)*a > p*A - (1 - p)*a - gamma*p*(1 - p)*(A - a)",
                "gamma*p*(1 - p)*(A - a)",
                "p A a gamma",
                ["gamma > 0", "p > 0", "1 - p > 0", "A - a > 0"],
            ),
            claims(
                "gamma = 0.95, 150 with probability 1/100, else -1: the true mean is 0.51, the corrected one negative",
                "p*A - (1 - p)*a == 0.51",
                "p*A - (1 - p)*a - gamma*p*(1 - p)*(A - a) == -0.891345",
                let=[("gamma", "19/20"), ("p", "1/100"), ("A", "150"), ("a", "1")],
            ),
        ),
        figures={
            "worst of |E s_t - h|/(gamma^t E n) over 24 enumerations of all sequences": float(f"{float(worst):.4g}"),
            "gamma 0.95, p 0.01, A/a 150: true and corrected mean": [
                0.51,
                float(two_point_mean(p, Fraction(150), Fraction(1), gamma)),
            ],
        },
    )


def two_point_stationary() -> Finding:
    positive = ["p > 0", "1 - p > 0", "gamma > 0", "1 - gamma > 0", "a > 0", "A - a > 0"]
    gamma = Fraction(19, 20)
    return Finding(
        (
            identity(
                "h is a multiple of A/a - R with R = (1-p)(1-gamma p)/(p (1-gamma(1-p)))",
                "p*A - (1 - p)*a - gamma*p*(1 - p)*(A - a)",
                "a*p*(1 - gamma*(1 - p))*(A/a - (1 - p)*(1 - gamma*p)/(p*(1 - gamma*(1 - p))))",
                "p A a gamma",
            ),
            sign(
                "the multiple is positive, so h has the sign of A/a - R",
                "1 - gamma*(1 - p) > 0",
                "(1 - gamma) + gamma*p",
                "p gamma",
                positive,
            ),
            identity(
                "R is the ratio (1-p)/p, at which the true mean vanishes, times (1-gamma p)/(1-gamma(1-p))",
                "(1 - p)*(1 - gamma*p)/(p*(1 - gamma*(1 - p)))",
                "(1 - p)/p*((1 - gamma*p)/(1 - gamma*(1 - p)))",
                "p gamma",
            ),
            sign(
                "which exceeds 1 where p < 1/2: for (1-p)/p < A/a < R the true mean is positive and h negative",
                "1 - gamma*p > 1 - gamma*(1 - p)",
                "gamma*(1 - 2*p)",
                "p gamma",
                [*positive, "1 - 2*p > 0"],
            ),
            identity(
                "where p >= 1/2, R <= 1 < A/a, and h is positive as the true mean is: numerator less denominator of R",
                "(1 - p)*(1 - gamma*p) - p*(1 - gamma*(1 - p))",
                "-(2*p - 1)",
                "p gamma",
            ),
            sign(
                "as a function of p, h is convex (a square with a nonnegative factor) with the slope, at every p in "
                "[0, 1], (1-gamma) A + (1+gamma) a + 2 gamma (A-a) p > 0; as h is -a at 0 and A at 1, it has one zero",
                "(A + a - gamma*(A - a)) + 2*gamma*(A - a)*p > 0",
                "(1 - gamma)*((A - a) + a) + (1 + gamma)*a + 2*gamma*(A - a)*p",
                "p A a gamma",
                positive,
            ),
            identity(
                "h as a quadratic in p: the zero is p* = (-B + sqrt(B^2 + 4 gamma (A-a) a))/(2 gamma (A-a)), "
                "B = A + a - gamma (A-a)",
                "p*A - (1 - p)*a - gamma*p*(1 - p)*(A - a)",
                "gamma*(A - a)*p**2 + (A + a - gamma*(A - a))*p - a",
                "p A a gamma",
            ),
            claims(
                "at gamma = 0.95 and p = 1/100 the harm reaches from 99 to 1648 times the frequent gradient",
                "1648 < (1 - p)*(1 - gamma*p)/(p*(1 - gamma*(1 - p))) < 1648.1",
                "(1 - p)/p == 99",
                let=[("gamma", "19/20"), ("p", "1/100")],
            ),
        ),
        figures={
            "A/a at which the mean step vanishes, gamma 0.95": {
                str(float(p)): [float((1 - p) / p), float(f"{float(two_point_ratio(p, gamma)):.6g}")]
                for p in (Fraction(1, 1000), Fraction(1, 100), Fraction(1, 10), Fraction(1, 3))
            },
            "read as": "probability of the large gradient: [without the correction, with it]",
        },
    )


ENTRIES = (
    Entry(
        "noise.mean",
        "ours, about equation 4",
        "For gradients i.i.d. in R^d with finite mean norm (s = 0 where g = 0): s_t = (1-gamma) g_t + gamma max(n_t, "
        "e_{t-1}) g_t/n_t, and E s_t has the limit h = (1-gamma) E g + gamma E[max(n, e) g/n] with e stationary and "
        "independent of g; ||E s_t - h|| <= gamma^t E n.",
        "proved",
        mean_iteration,
        "The corrected gradient is a mixture of the gradient, in the share 1-gamma = 5 %, and, in the share of 95 %, "
        "of its direction with the length max(n_t, e_{t-1}). Small gradients thus count with the length of an average "
        "one, and the mean of what moves the parameters is no longer the mean gradient. The mean that the optimizer "
        "settles to at a fixed point, h, is reached at the rate gamma^t, and is what the other entries compute.",
    ),
    Entry(
        "noise.two-sizes",
        "ours",
        "If ||g|| is A with probability P and a otherwise, 0 < a < A, and S = E[g; ||g|| = a] is the small gradients' "
        "part of E g, then h = E g + gamma P (A/a - 1) S, in any dimension and for every gamma in [0, 1).",
        "proved",
        two_sizes,
        "Where gradients come in two lengths the average e_{t-1} always lies between them and is independent of the "
        "present gradient, so that only its mean enters, and the mean corrected gradient is exact: the small gradients "
        "are multiplied by 1 + gamma P (A/a - 1), the large ones are left alone.",
        rests_on=("noise.mean",),
    ),
    Entry(
        "noise.two-point",
        "ours",
        "If g = A with probability p and -a otherwise, 0 < a < A, then h = p A - (1-p) a - gamma p (1-p) (A - a), for "
        "every gamma in [0, 1); and |E s_t - h| <= gamma^t (p A + (1-p) a) from e_0 = 0.",
        "proved",
        two_point,
        "The correction takes gamma p (1-p) (A - a) from the mean of a two-point gradient, whatever that mean is: "
        "always away from the rare and large gradient. The gradient 150 once in a hundred times, -1 otherwise, has "
        "the mean 0.51; the optimizer sees -0.89 and goes the other way. With gamma = 0 the bias is gone, with p = "
        "1/2 it is largest in size but cannot change the sign.",
        rests_on=("noise.mean", "noise.two-sizes"),
    ),
    Entry(
        "noise.two-point.stationary",
        "ours",
        "For two-point gradients as in noise.two-point with gamma in (0, 1): h has the sign of A/a - R, R = "
        "(1-p)(1-gamma p)/(p (1-gamma(1-p))). If p < 1/2, the true mean and h have opposite signs exactly for (1-p)/p "
        "< A/a < R; if p >= 1/2, h > 0 always. For fixed A/a, h has exactly one zero in p.",
        "proved",
        two_point_stationary,
        "The mean step vanishes at A/a = R in the place of (1-p)/p, and between the two it points away from the "
        "minimum. The interval is wide: its ends are in the ratio (1-gamma p)/(1-gamma(1-p)), which for rare large "
        "gradients tends to 1/(1-gamma) = 20. At p = 1/100 it reaches from 99 to 1648.",
        rests_on=("noise.two-point",),
    ),
)
