"""Two cases in which AdaNorm's own ratios need no cap: one coordinate, and one step size for all coordinates."""

from __future__ import annotations

import numpy as np

from adanorm_verify.ledger import Entry, Finding, Step, identity, sign

from .attacks import CORRECTED, Array, Attack, Runs, adanorm, climb, columns, linear, play, positive, replay, text, unit
from .pathwise import KAPPA
from .pathwise_amsgrad import BASE, HOW, ROUNDS, adanorm_ratios, assembly, attack_amsgrad, drawn, moment


def uncapped() -> Finding:
    steps = (
        sign(
            "e_t^2 <= E_t for averages e of n and E of n^2 with the same gamma, both from 0: from t to t + 1",
            "c*E + (1 - c)*n**2 >= (c*e + (1 - c)*n)**2",
            "c*(E - e**2) + c*(1 - c)*(e - n)**2",
            "E c e n",
            ["c >= 0", "1 - c >= 0", "E - e**2 >= 0"],
        ),
        sign(
            "where the correction fires, s^2 = e^2 <= E_t = gamma E_{t-1} + (1 - gamma) g^2 <= g^2 + gamma E_{t-1} "
            "(E0 = E_{t-1}); where it does not, s^2 = g^2",
            "g**2 + c*E0 >= e2",
            "(c*E0 + (1 - c)*g**2 - e2) + c*g**2",
            "E0 c e2 g",
            ["c >= 0", "c*E0 + (1 - c)*g**2 - e2 >= 0"],
        ),
        sign(
            "... and g^2 <= g^2 + gamma E_{t-1}",
            "g**2 + c*E0 >= g**2",
            "c*E0",
            "E0 c g",
            ["c >= 0", "E0 >= 0"],
        ),
        sign(
            "sum w_t E_{t-1} <= sum w_{t-1} E_{t-1} <= sum w_t g_t^2 = S (w never rises; path.smooth with gamma in the "
            "place of beta1): the sum of w_t s_t^2, Q, is at most (1 + gamma) S; L is sum w_t E_{t-1}",
            "(1 + c)*S >= Q",
            "c*(S - L) + (S + c*L - Q)",
            "L Q S c",
            ["c >= 0", "S - L >= 0", "S + c*L - Q >= 0"],
        ),
        sign(
            "|s_t| = max(n_t, e_t) <= G, since e never leaves [0, G]",
            "G >= c*e + (1 - c)*n",
            "c*(G - e) + (1 - c)*(G - n)",
            "G c e n",
            ["c >= 0", "1 - c >= 0", "G - e >= 0", "G - n >= 0"],
        ),
        moment("G"),
    )
    default, defaults = attack_amsgrad(True, adanorm_ratios, 413)
    free, freely = attack_amsgrad(False, adanorm_ratios, 414)
    figures = {
        "attack at the defaults": default.figures(HOW.replace("ratios, ", "")),
        "attack": free.figures(HOW.replace("ratios, ", "") + ", betas and gamma free"),
    }
    return Finding((*steps, *assembly("1 + c", "c", "as shown"), defaults, freely), figures=figures)


def attack_scalar(seed: int) -> tuple[Attack, Step]:
    """AdaNorm's ratios on gradient descent with momentum, default beta1 and gamma."""

    def runs_of(genes: Array) -> tuple[Runs, Array]:
        gradients = drawn(genes, True, adanorm_ratios)[0].gradients
        alpha, sides = positive(genes[:, -3]), positive(genes[:, -1])

        def base(t: int, g: Array) -> Array:
            return np.asarray((1 - 0.9**t) * np.sqrt(t) / alpha)

        start = unit(genes[:, -2]) * sides
        return play(columns(gradients), adanorm(0.95, len(genes)), base, 0.9, start, sides, ROUNDS), alpha

    def judge(genes: Array) -> tuple[Array, Array]:
        runs, alpha = runs_of(genes)
        side, most, root = runs.sides, np.max(np.abs(runs.gradients), axis=1), np.sqrt(ROUNDS)
        return (
            side**2 * root / (2 * alpha) + alpha * most**2 * 9.5 * (2 * root - 1) + 9 * side * most,
            runs.corrected(),
        )

    attack = climb(judge, ROUNDS + 6, seed)
    runs, alpha = runs_of(attack.genes[None])
    step = replay(
        "gradient descent with momentum, defaults, alpha free",
        attack,
        {"beta1": "9/10", "gamma": "19/20", "alpha": text(alpha[0]), "side": text(runs.sides[0]), **KAPPA},
        {},
        {
            "losses": linear(runs.gradients[0]),
            "start": [text(runs.points[0, 0])],
            "rounds": str(ROUNDS),
            "step": "alpha/sqrt(t)",
            "preconditioner": "1",
        },
        {
            "G": "max(n[t] for t in range(1, T + 1))",
            "bound": "side**2*sqrt(T)/(2*alpha) + alpha*G**2*(1/2 + kappa)*(2*sqrt(T) - 1) + kappa*side*G",
            "actual": CORRECTED,
        },
    )
    return attack, step


def scalar() -> Finding:
    attack, step = attack_scalar(415)
    return Finding(
        (
            sign(
                "A_t = (1 - beta1^t) sqrt(t)/alpha never falls (path.monotone), and A_T <= sqrt(T)/alpha: R = sqrt(T), "
                "z = beta1^T",
                "R/alpha >= (1 - z)*R/alpha",
                "z*R/alpha",
                "R alpha z",
                ["z >= 0", "R >= 0", "alpha > 0"],
            ),
            identity(
                "summed over coordinates, m_{t,i}^2 <= q E_{t,i} (path.jensen) gives ||m_t||^2/A_t <= alpha "
                "||E_t||_1/R",
                "q*E/(q*R/alpha)",
                "alpha*E/R",
                "E R alpha q",
            ),
            sign(
                "sum over t of E_t/sqrt(t) is at most the sum of ||s_t||^2/sqrt(t) (path.smooth, w = 1/sqrt(t)), "
                "each at most S^2/sqrt(t) (n = ||s_t||)",
                "S**2/R >= n**2/R",
                "(S - n)*(S + n)/R",
                "R S n",
                ["S - n >= 0", "S + n >= 0", "R > 0"],
            ),
            sign(
                "the end: sum_i D_i |m_i| <= ||D|| ||m|| (Cauchy's inequality, two coordinates after another: the "
                "squares of the sides differ by a square)",
                "(D1**2 + D2**2)*(m1**2 + m2**2) >= (D1*m1 + D2*m2)**2",
                "(D1*m2 - D2*m1)**2",
                "D1 D2 m1 m2",
            ),
            sign(
                "||m_t|| <= S: averages stay in the ball (M = S; a = ||m||, c = ||s||, z = ||beta1 m + (1 - beta1) "
                "s||)",
                "M >= z",
                "b*(M - a) + (1 - b)*(M - c) + (b*a + (1 - b)*c - z)",
                "M a b c z",
                ["b >= 0", "1 - b >= 0", "M - a >= 0", "M - c >= 0", "b*a + (1 - b)*c - z >= 0"],
            ),
            sign(
                "for AdaNorm's ratios ||s_t|| = max(n_t, e_t), and neither exceeds G: S = G",
                "G >= c*e + (1 - c)*n",
                "c*(G - e) + (1 - c)*(G - n)",
                "G c e n",
                ["c >= 0", "1 - c >= 0", "G - e >= 0", "G - n >= 0"],
            ),
            step,
        ),
        figures={"attack at the defaults": attack.figures(HOW.replace("ratios, ", ""))},
    )


ENTRIES = (
    Entry(
        "path.adanorm",
        "ours",
        f"{BASE}, one coordinate, c_t = max(1, e_t/n_t) with e_t = gamma e_{{t-1}} + (1 - gamma) n_t, e_0 = 0, "
        "0 <= gamma < 1 (s_t = 0 where g_t = 0), |g_t| <= G: path.amsgrad holds with 1 + gamma in the place of C^2 "
        "and 1 in the place of C, however large the ratios.",
        "proved",
        uncapped,
        "In one coordinate AdaNorm's own ratios need no cap: a corrected gradient is the gradient or an average of "
        "past ones, and an average costs no more than what it averages. With several coordinates and a preconditioner "
        "each, a coordinate that is small only when all are is stretched by the ratio of the whole, and C stays in "
        "the bound.",
        uses=("lem1", "lem1.h2", "sec2.7.c"),
        rests_on=("path.amsgrad", "path.smooth", "path.jensen", "path.second", "path.roots", "path.monotone"),
    ),
    Entry(
        "path.sgd",
        "ours",
        "For gradient descent with momentum, A_t = (1 - beta1^t) sqrt(t)/alpha in every coordinate, 0 <= beta1 < 1, "
        "any ratios with ||s_t||_2 <= S, a box with diagonal ||D||_2: B_T <= ||D||^2 sqrt(T)/(2 alpha) + alpha S^2 "
        "(1 + beta1)/(2(1 - beta1)) (2 sqrt(T) - 1) + beta1/(1 - beta1) ||D|| S. For AdaNorm's ratios and ||g_t||_2 "
        "<= G, S = G.",
        "proved",
        scalar,
        "On plain gradient descent the correction never makes a step longer than the longest gradient, so that no cap "
        "is needed in any dimension.",
        uses=("sec2.7.c",),
        rests_on=("path.bound", "path.monotone", "path.jensen", "path.smooth", "path.roots"),
    ),
)
