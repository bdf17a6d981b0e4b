"""Section 3.1: near a minimum, S3: does m become small, and do the iterates converge?"""

from __future__ import annotations

from math import ceil, log, sqrt

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .section2_method import DEFAULTS

CHECKED = 80
"""Iterations computed one by one; from then on a bound on all that is still to come is small enough."""


def never_comes_to_rest() -> Finding:
    """|x| near its minimum: the signs of the gradients repeat with period 4 for ever."""
    instance = {
        "let": [*DEFAULTS, ("K", str(CHECKED)), ("q", "(1 - beta1)/(1 + beta1)"), ("margin", "0.04*alpha")],
        "run": {
            "losses": [[[["1"], "0"], [["-1"], "0"]]],
            "start": ["0.64*alpha"],
            "rounds": "K + 4",
            "step": "alpha",
        },
        "then": [
            ("S", "m[K] + m[K + 1] + m[K + 2] + m[K + 3]"),
            ("drift", "(abs(S) + 4*beta1**K/(1 - beta1**K))/(1 - beta1**4)*alpha"),
        ],
    }
    q = "(1 - beta1)/(1 + beta1)"
    steps = (
        identity("all norms are 1, so no correction fires (sec2.7.d), and v_hat is 1: v_t = 1 - beta2^t, with y = "
                 "beta2^(t-1)",
                 "beta2*(1 - y) + (1 - beta2)*1", "1 - beta2*y", "beta2 y"),
        sign("|m_t| and |m_{t+1}|, called a and b, are not both below q = (1 - beta1)/(1 + beta1): the recursion makes "
             "m_{t+1} - beta1 m_t = +-(1 - beta1), which they could not reach",
             "1 - beta1 > b + beta1*a", f"({q} - b) + beta1*({q} - a)",
             "beta1 a b", [f"{q} - b > 0", f"{q} - a > 0", "beta1 >= 0"]),
        sign("|m| <= 1 for ever, x its value at t - 1", "1 >= beta1*x + (1 - beta1)", "beta1*(1 - x)", "beta1 x",
             ["beta1 >= 0", "1 - x >= 0"]),
        identity("signs of period 4 that add up to 0, S_t = m_t + ... + m_{t+3}: S_t = beta1 S_{t-1}; a, b, c, d the "
                 "signs with d = -(a + b + c), w = m_{t-1}, ..., z = m_{t+2}",
                 "(beta1*w + (1 - beta1)*a) + (beta1*x + (1 - beta1)*b) + (beta1*y + (1 - beta1)*c)"
                 " + (beta1*z + (1 - beta1)*(-(a + b + c)))", "beta1*(w + x + y + z)", "beta1 w x y z a b c"),
        identity("what the bias correction adds to m_t is m_t u/(1 - u), u = beta1^t; at t >= K that is at most "
                 "beta1^t/(1 - beta1^K) in absolute value. So theta_{t+4} - theta_t is at most (beta1^(t-K) |S_K| + "
                 "4 beta1^t/(1 - beta1^K)) alpha in absolute value, of which beta1^(t-K) is a factor",
                 "m/(1 - u)", "m + m*u/(1 - u)", "m u"),
        identity("the sum over t, t + 4, t + 8, ... of beta1^(t-K) is beta1^(t-K)/(1 - beta1^4), which is `drift` at "
                 "t = K: its tail and its first term make the whole",
                 "1 + r/(1 - r)", "1/(1 - r)", "r"),
        claims("start 0.64 alpha beside the minimum of a convex f with f' = -1 left of -0.04 alpha and 1 right of "
               "0.04 alpha, and anything that rises in between (a smooth Huber function): in K + 4 iterations at the "
               "defaults the point is never between, so f's gradients are those of |x|. They have period 4 and add "
               "up to 0; and `drift`, how far theta_t can move from theta_K, ..., theta_{K+3} in all iterations to "
               "come by whole periods, is less than what is left to the margin, so by induction they have for ever",
               "all(abs(theta[t]) >= margin + drift for t in range(1, K + 5))",
               "all(g[t] == g[t + 4] for t in range(1, K + 1))", "g[1] + g[2] + g[3] + g[4] == 0",
               "0 < drift < 0.005*alpha", role="hypothesis"),
        claims("one of any two consecutive m is 1/19 at least, for ever, and one of any two steps alpha/19: the "
               "iterates do not converge",
               "q == 1/19", "all(max(abs(m[t]), abs(m[t + 1])) >= q for t in range(1, K + 4))",
               "all(max(abs(theta[t + 1] - theta[t]), abs(theta[t + 2] - theta[t + 1])) >= q*alpha "
               "for t in range(1, K + 3))", role="violation"),
    )  # fmt: skip
    return Finding(steps, instance)


def alternates() -> Finding:
    """x^2/2 with beta1 = 0: the two points of a cycle."""
    instance = {
        "let": [
            ("alpha", "1/1000"),
            ("beta2", "999/1000"),
            ("gamma", "19/20"),
            ("theta_1", "alpha/2"),
            ("m_hat_1", "theta_1"),
            ("v_hat_1", "theta_1**2"),
            ("theta_2", "theta_1 - alpha*m_hat_1/sqrt(v_hat_1)"),
            ("m_hat_2", "theta_2"),
            ("v_hat_2", "(beta2*(1 - beta2)*theta_1**2 + (1 - beta2)*theta_2**2)/(1 - beta2**2)"),
            ("theta_3", "theta_2 - alpha*m_hat_2/sqrt(v_hat_2)"),
        ]
    }
    figures = {"AdamNorm at the defaults on x^2/2, largest |theta| over alpha in the last 1000 of 40,000 iterations, "
               "by start over alpha": {str(start): round(settled(start), 4) for start in (0.5, 1)}}  # fmt: skip
    steps = (
        identity("a = alpha/2, points +-a: every norm is a, so no correction fires (sec2.7.d), and v_hat_t = a^2: with "
                 "y = beta2^(t-1)",
                 "(beta2*(1 - y)*a**2 + (1 - beta2)*a**2)/(1 - beta2*y)", "a**2", "beta2 y a"),
        identity("beta1 = 0, so m_hat_t is the gradient theta_t: from a the step leads to -a, and from -a back",
                 "a - 2*a*a/a", "-a", "a"),
        claims("f = x^2/2, start alpha/2", "theta_1 == alpha/2", role="hypothesis"),
        claims("the iterates alternate between two points", "theta_2 == -theta_1", "theta_3 == theta_1",
               role="violation"),
    )  # fmt: skip
    return Finding(steps, instance, figures)


def settled(start: float, rounds: int = 40000) -> float:
    """How far from the minimum of x^2/2 AdamNorm at its defaults still comes, over alpha."""
    alpha, x, m, v, e, farthest = 0.001, start * 0.001, 0.0, 0.0, 0.0, 0.0
    for t in range(1, rounds + 1):
        n = abs(x)
        e = 0.95 * e + 0.05 * n
        m = 0.9 * m + 0.1 * (x * e / n if e > n > 0 else x)
        v = 0.999 * v + 0.001 * x * x
        x -= alpha * m / (1 - 0.9**t) / sqrt(v / (1 - 0.999**t))
        farthest = max(farthest, abs(x)) if t > rounds - 1000 else 0.0
    return farthest / alpha


def falls_by_gamma() -> Finding:
    at = {gamma: ceil(log(1000) / -log(gamma)) for gamma in (0.9, 0.95, 0.99, 0.999)}
    return Finding(
        (
            sign("whatever the gradients: e_t >= gamma e_{t-1}, so e_{t+k} >= gamma^k e_t",
                 "gamma*E + (1 - gamma)*n >= gamma*E", "(1 - gamma)*n", "gamma E n", ["1 - gamma >= 0", "n >= 0"]),
            claims("0.95^k is above 1/1000 for k = 134 and below it for k = 135", "0.95**134 > 1/1000 > 0.95**135"),
            claims("Adam's average of gradients that vanish, 0.9^k, is below 1/1000 from k = 66 on",
                   "0.9**65 > 1/1000 > 0.9**66"),
        ),
        figures={"iterations for a thousandth, by gamma": {str(gamma): k for gamma, k in at.items()}},
    )  # fmt: skip


ENTRIES = (
    Entry(
        "sec31.S3",
        "section 3.1, scenario S3",
        "For every convex function of one variable, AdamNorm (constant alpha, eps = 0) started near the minimum: m_t "
        "becomes small, and theta_t converges.",
        "refuted",
        never_comes_to_rest,
        "A steep, narrow, smooth valley (Huber's function, slopes +-1 outside 0.04 alpha) at the default "
        "hyperparameters: started 0.64 alpha beside the minimum the iterates jump over it for ever, one of any two "
        "consecutive m is at least 1/19, and no correction ever fires. This is not the correction's doing: with a "
        "constant alpha Adam does the same. Nor is a valley with small gradients better: see sec31.S3.quadratic, and "
        "sec31.S3.few for how few the iterations are.",
        repair="Steps that tend to zero, alpha_t = alpha/sqrt(t); m itself need not become small.",
        uses=("sec31.S1",),
        rests_on=("sec2.7.d",),
    ),
    Entry(
        "sec31.S3.quadratic",
        "section 3.1, scenario S3",
        "For f = x^2/2, whose gradient vanishes towards the minimum, and all beta1 in [0, 1): AdamNorm (constant "
        "alpha, eps = 0) converges.",
        "refuted",
        alternates,
        "With beta1 = 0 it alternates between alpha/2 and -alpha/2 for ever. At the default beta1 = 0.9 a "
        "computation in double precision (no proof) ends in a cycle of four points, up to 0.060 alpha away from the "
        "minimum, in which every second gradient is corrected. The second moment vanishes with the gradients, so the "
        "step over the gradient grows until it overshoots.",
        repair="Steps that tend to zero, or an eps that is not 0 and large against alpha.",
        uses=("sec31.S3",),
        rests_on=("sec2.7.d",),
    ),
    Entry(
        "sec31.S3.few",
        "section 3.1, scenario S3",
        "For all gradients from t on: e_{t+k} >= gamma^k e_t; so where the norms fall below a thousandth of e_t, the "
        "corrected norm takes at least 135 iterations at gamma = 0.95 to follow them.",
        "proved",
        falls_by_gamma,
        "How few are the few iterations: s_t cannot fall faster than by gamma each. A thousandth takes 135 "
        "iterations at the default 0.95, 688 at 0.99 and 6,905 at 0.999; without the correction m follows in 66.",
        uses=("sec31.S3",),
    ),
)
