"""The proof of Theorem 2, its end: the root of v_hat and the sum of the decaying beta1_t."""

from math import sqrt

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .printed_runs import DEFAULTS, ETA, best, bounded, distance, near, parameters, run
from .theorem2_update import PLACE


def root_of_the_second_moment() -> Finding:
    instance = {
        "let": [*DEFAULTS, ("G", "1"), ("G_inf", "1"), ("star", "0"), ("D", "1")],
        "run": run([distance()], "1", 1),
    }
    violated = claims(
        "after bias correction v_hat_1 is g_1^2 itself: the claim is short by 1/sqrt(1 - beta2), more than 31 times",
        "sqrt(v_hat[1]) == 1",
        "sqrt(v_hat[1]) > 31*G_inf*sqrt(1 - beta2)",
        role="violation",
    )
    return Finding((parameters(), *bounded("1"), best("1"), near(), violated), instance)


def root_below_the_bound() -> Finding:
    return Finding(
        (
            identity("v_0 = 0 = (1 - beta2^0) H^2, with H = G_inf", "0*H**2", "(1 - 1)*H**2", "H"),
            sign(
                "step: if v_{t-1} <= (1 - y) H^2, y = beta2^(t-1), and g_t^2 <= H^2, then v_t <= (1 - beta2 y) H^2",
                "(1 - b*y)*H**2 >= b*v + (1 - b)*g**2",
                "b*((1 - y)*H**2 - v) + (1 - b)*(H**2 - g**2)",
                "b y H v g",
                ["b >= 0", "1 - b >= 0", "(1 - y)*H**2 - v >= 0", "H**2 - g**2 >= 0"],
            ),
            sign(
                "divided by 1 - beta2^t (w) > 0: v_hat_t <= H^2, and roots keep the order",
                "H**2 >= v/w",
                "(w*H**2 - v)/w",
                "H v w",
                ["w*H**2 - v >= 0", "w > 0"],
            ),
        )
    )


WEIGHTS = "sum(beta1*lam**(t - 1)/(1 - beta1*lam**(t - 1))*sqrt(t) for t in range(1, {} + 1))"


def horizon_of_the_weights() -> tuple[int, float]:
    """The first T at the defaults at which the sum passes what is claimed, and what is claimed."""
    beta1, beta2, lam = 0.9, 0.999, 1 - 1e-8
    claimed, total, T = 1 / ((1 - beta1) * (1 - beta1**2 / sqrt(beta2)) ** 2), 0.0, 0
    while total <= claimed:
        T += 1
        b = beta1 * lam ** (T - 1)
        total += b / (1 - b) * sqrt(T)
    return T, claimed


def weights_against_eta() -> Finding:
    T, claimed = horizon_of_the_weights()
    instance = {
        "let": [*DEFAULTS, ETA],
        "then": [("claimed", "1/((1 - beta1)*(1 - eta)**2)"), ("total", WEIGHTS.format(T))],
    }
    violated = claims(f"at the default hyperparameters, lambda included, from T = {T} on", "total > claimed",
                      role="violation")  # fmt: skip
    figures = {"first horizon": T, "claimed for every horizon": round(claimed, 2),
               "at horizon 10000": round(sum(9 * sqrt(t) for t in range(1, 10_001)))}  # fmt: skip
    return Finding((parameters(), violated), instance, figures)


def weights_against_lambda() -> Finding:
    return Finding(
        (
            sign(
                "one weight, y = lambda^(t-1) in (0, 1]: beta1 y/(1 - beta1 y) <= y/(1 - beta1)",
                "y/(1 - b) >= b*y/(1 - b*y)",
                "y*((1 - b)**2 + b*(1 - y))/((1 - b)*((1 - b) + b*(1 - y)))",
                "b y",
                ["y >= 0", "b >= 0", "1 - b > 0", "1 - y >= 0"],
            ),
            sign(
                "sqrt(t) <= t for t >= 1, z = sqrt(t) >= 1", "z**2 >= z", "((z - 1) + 1)*(z - 1)", "z", ["z - 1 >= 0"]
            ),
            identity(
                "S_n = sum_{t<=n} t lambda^(t-1) = (1 - (n+1) lambda^n + n lambda^(n+1))/(1 - lambda)^2. Base: n = 1",
                "1",
                "(1 - 2*L + L**2)/(1 - L)**2",
                "L",
            ),
            identity(
                "step from n to n + 1, with y = lambda^n",
                "(1 - (n + 1)*y + n*y*L)/(1 - L)**2 + (n + 1)*y",
                "(1 - (n + 2)*y*L + (n + 1)*y*L**2)/(1 - L)**2",
                "n y L",
            ),
            sign(
                "so S_n <= 1/(1 - lambda)^2, and the sum of weights times sqrt(t) is at most 1/((1 - beta1)(1 - "
                "lambda)^2)",
                "1/(1 - L)**2 >= (1 - (n + 1)*y + n*y*L)/(1 - L)**2",
                "y*(1 + n*(1 - L))/(1 - L)**2",
                "n y L",
                ["y >= 0", "n >= 0", "1 - L > 0"],
            ),
        ),
        figures={"bound at lambda = 1 - 1e-8, beta1 = 0.9": 1e17},
    )


ENTRIES = (
    Entry(
        "thm2.9",
        f"{PLACE}, the last but one line",
        "If |g_{k,i}| <= G_inf for all k <= t: sqrt(v_hat_{t,i}) <= G_inf sqrt(1 - beta2).",
        "refuted",
        root_of_the_second_moment,
        "The factor sqrt(1 - beta2) belongs to one term of v before bias correction; v_hat is a weighted mean of "
        "squares, so that G_inf alone bounds its root, and equality occurs (all gradients equal). At beta2 = 0.999 "
        "the third term of the theorem is too small by a factor of 31.6.",
        repair="G_inf without the factor (thm2.9.repaired).",
    ),
    Entry(
        "thm2.9.repaired",
        f"{PLACE}, the last but one line, without the factor",
        "If |g_{k,i}| <= G_inf for all k <= t and 0 <= beta2 < 1: sqrt(v_hat_{t,i}) <= G_inf.",
        "proved",
        root_below_the_bound,
        "v_hat is a weighted mean of the squares seen so far.",
        uses=("thm2.9",),
    ),
    Entry(
        "thm2.10",
        f"{PLACE}, the sum of beta1_t",
        "For all T, beta1, beta2 in [0, 1) with eta < 1 and lambda in (0, 1): sum_{t<=T} beta1_t/(1 - beta1_t) "
        "sqrt(t) <= 1/((1 - beta1)(1 - eta)^2).",
        "refuted",
        weights_against_eta,
        "The sum depends on lambda and not on eta, so that no bound in eta can hold for all lambda. At the default "
        "values the claimed 278 is passed at T = 13, and the sum goes on like 6 T^1.5 until lambda^t fades at t of "
        "the order of 10^8. The theorem's last line has (1 - lambda)^2 in this place without a word, which is the "
        "right quantity (thm2.10.lambda). The line also names its index and its last value alike.",
        repair="1 - lambda for 1 - eta (thm2.10.lambda). The line as printed holds if lambda <= eta, which is the "
        "opposite of what the paper recommends.",
    ),
    Entry(
        "thm2.10.lambda",
        f"{PLACE}, the last line",
        "For all T, beta1 in [0, 1) and lambda in (0, 1): sum_{t<=T} beta1_t/(1 - beta1_t) sqrt(t) <= 1/((1 - "
        "beta1)(1 - lambda)^2).",
        "proved",
        weights_against_lambda,
        "True, by an arithmetic-geometric series. At the suggested lambda = 1 - 1e-8 the bound is 10^17, so that the "
        "third term of the theorem exceeds any regret that can be observed, unless D is tiny.",
        uses=("thm2.10",),
    ),
)
