"""What the correction makes of an intercept and of a quantile: stationary points in closed form."""

from fractions import Fraction
from math import sqrt

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .noise_formulas import logistic_mean, logistic_stationary, pinball_mean, pinball_stationary, two_size_mean

MEMORY = ["gamma >= 0", "1 - gamma > 0"]
RATE = [*MEMORY, "pi > 0", "1 - pi > 0"]
H = "q - pi + gamma*pi*(1 - pi)*(1 - 2*q)"
"""The mean corrected gradient of the intercept."""
SLOPE = "(1 - 2*gamma*pi*(1 - pi))"
STATIONARY = f"pi*(1 - gamma*(1 - pi))/{SLOPE}"


def logistic() -> Finding:
    pi, gamma = Fraction(1, 100), Fraction(19, 20)
    for q in (Fraction(1, 1000), Fraction(1, 3), Fraction(3, 4)):
        large, small, sizes = -pi * (1 - q), (1 - pi) * q, (1 - q, q)
        if q > Fraction(1, 2):
            large, small, sizes = small, large, (q, 1 - q)
        chance = pi if q < Fraction(1, 2) else 1 - pi
        assert two_size_mean(large, small, chance, *sizes, gamma) == logistic_mean(q, pi, gamma)
    learned = logistic_stationary(pi, gamma)
    return Finding(
        (
            identity(
                "the gradient in the intercept is q - y: -(1-q) with probability pi, q otherwise. For q < 1/2 the "
                "positive labels give the large one: noise.two-sizes with P = pi, A = 1-q, a = q, L = -pi(1-q), S = "
                "(1-pi)q",
                "-pi*(1 - q) + (1 - pi)*q + gamma*pi*((1 - q)/q - 1)*((1 - pi)*q)",
                H,
                "q pi gamma",
            ),
            identity(
                "for q > 1/2 the negative ones do: P = 1-pi, A = q, a = 1-q, L = (1-pi)q, S = -pi(1-q); the same "
                "function (and q = 1/2, where all sizes are equal and nothing is corrected, gives 1/2 - pi, its value "
                "there)",
                "(1 - pi)*q - pi*(1 - q) + gamma*(1 - pi)*(q/(1 - q) - 1)*(-pi*(1 - q))",
                H,
                "q pi gamma",
            ),
            identity("h is linear in q, with this zero q*", H, f"{SLOPE}*(q - {STATIONARY})", "q pi gamma"),
            sign(
                "and its slope is above 1/2, so the zero is the only one, and the mean iteration in theta, q = "
                "1/(1+exp(-theta)), moves towards it from either side",
                f"{SLOPE} > 1/2",
                "(1 - gamma)/2 + gamma*2*(pi - 1/2)**2",
                "pi gamma",
                RATE,
            ),
            sign(
                "it moves without overshooting for every step size alpha <= 4: the derivative of theta - alpha h is 1 "
                "- alpha slope q(1-q), where slope <= 1 and q(1-q) <= 1/4",
                "1/4 >= q*(1 - q)",
                "(q - 1/2)**2",
                "q",
            ),
            identity(
                "in odds: q*/(1-q*) is pi/(1-pi) times (1 - gamma(1-pi))/(1 - gamma pi); both factors below are "
                "positive, so q* is in (0, 1)",
                f"{STATIONARY}/(1 - {STATIONARY})",
                "pi/(1 - pi)*((1 - gamma*(1 - pi))/(1 - gamma*pi))",
                "pi gamma",
            ),
            sign("numerator", "1 - gamma*(1 - pi) > 0", "(1 - gamma) + gamma*pi", "pi gamma", RATE),
            sign("denominator", "1 - gamma*pi > 0", "(1 - gamma) + gamma*(1 - pi)", "pi gamma", RATE),
            sign(
                "a rare class (pi < 1/2) is learned as rarer than it is",
                "pi > " + STATIONARY,
                f"gamma*pi*(1 - pi)*(1 - 2*pi)/{SLOPE}",
                "pi gamma",
                ["gamma > 0", "pi > 0", "1 - pi > 0", "1 - 2*pi > 0", "1 - 2*gamma*pi*(1 - pi) > 0"],
            ),
            identity("gamma = 0 learns pi", "pi*(1 - 0*(1 - pi))/(1 - 2*0*pi*(1 - pi))", "pi", "pi"),
            identity(
                "gamma towards 1 squares the odds: (pi/(1-pi))^2",
                "pi/(1 - pi)*((1 - 1*(1 - pi))/(1 - 1*pi))",
                "(pi/(1 - pi))**2",
                "pi",
            ),
            claims(
                "pi = 1/100 at gamma = 0.95: 119/196238 is learned, 16.49 times too small",
                f"{STATIONARY} == {learned}",
                f"16.49 < pi/({STATIONARY}) < 16.5",
                let=[("pi", "1/100"), ("gamma", "19/20")],
            ),
        ),
        figures={
            "learned rate, gamma 0.95": {
                rate: float(f"{float(logistic_stationary(Fraction(rate), gamma)):.4g}")
                for rate in ("0.001", "0.01", "0.1", "0.3", "0.5")
            },
            "learned rate of 0.01 by gamma": {
                g: float(f"{float(logistic_stationary(pi, Fraction(g))):.4g}")
                for g in ("0", "0.5", "0.9", "0.95", "0.999")
            },
        },
    )


def features() -> Finding:
    return Finding(
        (
            identity(
                "at weights zero the gradient is (q - y) z with z = (1, x), ||z|| = r constant: norms (1-q) r and q r "
                "(q < 1/2), so noise.two-sizes holds in every coordinate; the coordinate of z has the mean k, "
                "independent of y: 1 for the intercept, 0 for a feature of mean zero",
                "-pi*(1 - q)*k + (1 - pi)*q*k + gamma*pi*((1 - q)*r/(q*r) - 1)*((1 - pi)*q*k)",
                f"k*({H})",
                "q pi gamma k r",
            ),
            identity("which is zero for k = 0", f"0*({H})", "0", "q pi gamma"),
            identity("and for the intercept at q*", H.replace("q", f"({STATIONARY})"), "0", "pi gamma"),
        )
    )


K = "(gamma*(2*tau - 1))"
Z = "tau - F - gamma*(2*tau - 1)*F*(1 - F)"
"""The mean corrected gradient of the pinball loss, with the sign of a step upwards."""


def pinball() -> Finding:
    gamma, tau = Fraction(19, 20), Fraction(9, 10)
    for F in (Fraction(1, 5), Fraction(3, 4)):
        assert two_size_mean(-tau * (1 - F), (1 - tau) * F, 1 - F, tau, 1 - tau, gamma) == pinball_mean(F, tau, gamma)
        other = 1 - tau
        assert two_size_mean((1 - other) * F, -other * (1 - F), F, 1 - other, other, gamma) == pinball_mean(
            F, other, gamma
        )
    limit = sqrt(0.9) / (sqrt(0.9) + sqrt(0.1))
    return Finding(
        (
            identity(
                "the gradient is 1-tau where y < theta, with probability F, and -tau elsewhere. For tau > 1/2: "
                "noise.two-sizes with P = 1-F, A = tau, a = 1-tau; -h is",
                "(1 - F)*tau - F*(1 - tau) + gamma*(1 - F)*(tau/(1 - tau) - 1)*(-F*(1 - tau))",
                Z,
                "tau F gamma",
            ),
            identity(
                "for tau < 1/2: P = F, A = 1-tau, a = tau; the same function (tau = 1/2: nothing is corrected, tau - "
                "F)",
                "-F*(1 - tau) + (1 - F)*tau + gamma*F*((1 - tau)/tau - 1)*((1 - F)*tau)",
                Z,
                "tau F gamma",
            ),
            identity(
                "as a quadratic in F, with k = gamma (2 tau - 1)", Z, f"{K}*F**2 - (1 + {K})*F + tau", "tau F gamma"
            ),
            identity(
                "its zero is F* = 2 tau/(1 + k + w), w = sqrt((1+k)^2 - 4 k tau): k F^2 - (1+k) F + tau at F = 2 "
                "tau/(1+k+w) is a multiple of (1+k)^2 - 4 k tau - w^2",
                "k*(2*tau/(1 + k + w))**2 - (1 + k)*(2*tau/(1 + k + w)) + tau",
                "tau*(w**2 - (1 + k)**2 + 4*k*tau)/(1 + k + w)**2",
                "k tau w",
            ),
            sign(
                "under the root: positive, as (1+k)^2 - 4 k tau = (1-k)^2 + 4 k (1-tau) for k >= 0",
                "(1 + k)**2 - 4*k*tau > 0",
                "(1 - k)**2 + 4*k*(1 - tau)",
                "k tau",
                ["k >= 0", "1 - tau > 0", "(1 - k)**2 > 0"],
            ),
            sign(
                "and for k = -j <= 0",
                "(1 - j)**2 + 4*j*tau > 0",
                "(1 - j)**2 + 4*j*tau",
                "j tau",
                ["j >= 0", "tau > 0", "(1 - j)**2 > 0"],
            ),
            sign(
                "so w > |2 tau - 1 - k|, and F* < 1",
                "(1 + k)**2 - 4*k*tau > (2*tau - 1 - k)**2",
                "4*tau*(1 - tau)",
                "k tau",
                ["tau > 0", "1 - tau > 0"],
            ),
            sign(
                "-h falls in F, at the slope -(1 + k (1 - 2F)) with |k| < 1, from tau at F = 0 to tau - 1 at F = 1: "
                "so F* is the only zero in [0, 1], and the mean iteration moves towards it; k >= 0, where 1-2F >= -1,",
                "1 + k*(1 - 2*F) > 0",
                "(1 - k) + 2*k*(1 - F)",
                "k F",
                ["k >= 0", "1 - k > 0", "1 - F >= 0"],
            ),
            sign("and k = -j", "1 - j*(1 - 2*F) > 0", "(1 - j) + 2*j*F", "j F", ["j >= 0", "1 - j > 0", "F >= 0"]),
            identity(
                "at F = tau, -h is -gamma (2 tau - 1) tau (1-tau): negative for tau > 1/2, so F* < tau; positive for "
                "tau < 1/2; zero at 1/2, the median is learned without a bias",
                Z.replace("F", "tau"),
                "-gamma*(2*tau - 1)*tau*(1 - tau)",
                "tau gamma",
            ),
            identity(
                "gamma towards 1 takes the root of the odds: F* = r/(r + s) with r^2 = tau = r^2/(r^2 + s^2), s^2 = "
                "1-tau",
                "r**2/(r**2 + s**2) - r/(r + s) - 1*((r**2 - s**2)/(r**2 + s**2))*(r/(r + s))*(s/(r + s))",
                "0",
                "r s",
            ),
            claims(
                "tau = 0.9 at gamma = 0.95: the quantile of level 0.762 is learned",
                "0.76228 < 2*tau/(1 + k + sqrt((1 + k)**2 - 4*k*tau)) < 0.76229",
                let=[("tau", "9/10"), ("gamma", "19/20"), ("k", "gamma*(2*tau - 1)")],
            ),
            claims(
                "tau = 0.99: 0.927; one value in 14 exceeds it, not one in 100",
                "0.92698 < 2*tau/(1 + k + sqrt((1 + k)**2 - 4*k*tau)) < 0.92700",
                let=[("tau", "99/100"), ("gamma", "19/20"), ("k", "gamma*(2*tau - 1)")],
            ),
        ),
        figures={
            "level learned, gamma 0.95": {
                str(level): float(f"{pinball_stationary(level, 0.95):.5f}")
                for level in (0.1, 0.5, 0.75, 0.9, 0.95, 0.99)
            },
            "level learned for 0.9 as gamma tends to 1": float(f"{limit:.5f}"),
        },
    )


def momentum() -> Finding:
    return Finding(
        (
            identity(
                "E m_t = beta1 E m_{t-1} + (1-beta1) E s_t: its distance from h shrinks by beta1 and takes (1-beta1) "
                "of that of E s_t, which tends to zero; so E m_t tends to h (b is beta1)",
                "b*m + (1 - b)*s - h",
                "b*(m - h) + (1 - b)*(s - h)",
                "b m s h",
            ),
            identity(
                "a preconditioner that does not change divides the mean step, coordinate by coordinate, by a positive "
                "number",
                "alpha*h/A",
                "(alpha/A)*h",
                "alpha h A",
            ),
            sign(
                "which has the same zeros and signs: the product with h is positive unless h is zero",
                "(alpha*h/A)*h > 0",
                "alpha/A*h**2",
                "alpha h A",
                ["alpha > 0", "A > 0", "h**2 > 0"],
            ),
        )
    )


ENTRIES = (
    Entry(
        "noise.logistic",
        "ours",
        "Logistic regression with an intercept alone, labels i.i.d. with rate pi in (0, 1), one label a step: h = q - "
        "pi + gamma pi (1-pi)(1-2q) with q the probability that the model gives; its only zero is q* = pi "
        "(1-gamma(1-pi))/(1 - 2 gamma pi (1-pi)), to which the mean iteration tends from every start for step sizes "
        "up to 4.",
        "proved",
        logistic,
        "A model that only has to learn how frequent the positive class is learns a wrong rate, in closed form: the "
        "odds are multiplied by (1-gamma(1-pi))/(1-gamma pi). A rate of 1 % becomes 0.0606 %, 16.5 times too small; "
        "as gamma tends to 1 the odds are squared. The same holds for the mean of 0/1 targets under the squared loss, "
        "whose gradient is q - y too. Without the correction, or with a rate of 1/2, the rate is learned.",
        rests_on=("noise.mean", "noise.two-sizes"),
    ),
    Entry(
        "noise.logistic.features",
        "ours",
        "Logistic regression with an intercept and features x of mean zero and constant norm, independent of the "
        "labels, one example a step: weights zero with the intercept at q* of noise.logistic (q* < 1/2) are "
        "stationary for h.",
        "proved",
        features,
        "Features that carry nothing and have a constant norm (signs, normalized embeddings) leave the bias of the "
        "intercept as it is.",
        rests_on=("noise.two-sizes", "noise.logistic"),
    ),
    Entry(
        "noise.pinball",
        "ours",
        "Quantile regression of an intercept at level tau in (0, 1), targets i.i.d. with a continuous distribution "
        "function F, one target a step: h vanishes exactly where F(theta) = F* = 2 tau/(1 + k + sqrt((1+k)^2 - 4 k "
        "tau)), k = gamma (2 tau - 1); below, the mean iteration moves up, and above it moves down.",
        "proved",
        pinball,
        "A 90 % quantile is learned as the 76.2 % quantile, a 99 % quantile as the 92.7 % one, whatever the data: the "
        "quantiles move towards the median, which alone is learned without a bias. As gamma tends to 1 the odds "
        "tau/(1-tau) are replaced by their square root (0.9 becomes 0.75).",
        rests_on=("noise.mean", "noise.two-sizes"),
    ),
    Entry(
        "noise.momentum",
        "ours",
        "At a fixed point E m_t tends to h for every beta1 in [0, 1), and division by a preconditioner that no longer "
        "changes leaves the zeros and the signs of the mean step, coordinate by coordinate, as they are.",
        "proved",
        momentum,
        "Momentum does not move the stationary points, nor does a preconditioner that has come to rest, as AMSGrad's "
        "does: the closed forms hold for them too. Adam's own preconditioner keeps moving with the gradients and has "
        "a small bias of its own, with or without the correction (noise.adam).",
        rests_on=("noise.mean",),
    ),
)
