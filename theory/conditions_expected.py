"""Regret in expectation: ratios from the past against losses drawn at random, and symmetric noise."""

from __future__ import annotations

import numpy as np

from adanorm_verify.ledger import Entry, Finding, Step, identity, sign

from .attacks import Array, Attack, climb, on_grid, positive, text, unit
from .pathwise import METHOD
from .trees import HINDSIGHT, NODES, ROUNDS, Tree, grow, replay

HOW = (
    f"losses, A_t, box and start free, all 2^{ROUNDS} outcomes of {ROUNDS} rounds at once, beta1 = 0.9; normal "
    f"genes, best "
    "30 of 270 mutated, 120 times"
)


def nonzero(g: Array) -> Array:
    return np.where(g == 0, 1 / 64, g)


def second_moment() -> tuple[Step, ...]:
    """E|Z| <= sqrt(E Z^2), and squares of sums with independent parts of mean zero."""
    return (
        sign(
            "E|Z| <= sigma where E Z^2 <= sigma^2: |Z| <= (Z^2 + sigma^2)/(2 sigma) at every outcome (z = |Z|, r = "
            "sigma)",
            "(z**2 + r**2)/(2*r) >= z",
            "(z - r)**2/(2*r)",
            "r z",
            ["r > 0"],
        ),
        identity(
            "E (Z + Y)^2 = Z^2 + E Y^2 where E Y = 0 given Z: for a Y of two values y1, y2 with probabilities p, 1 - "
            "p and p y1 + (1 - p) y2 = E",
            "p*(Z + y1)**2 + (1 - p)*(Z + y2)**2",
            "Z**2 + 2*Z*(p*y1 + (1 - p)*y2) + (p*y1**2 + (1 - p)*y2**2)",
            "Z p y1 y2",
        ),
    )


# Ratios from the past ---------------------------------------------------------------------------------------------


def predictable(genes: Array) -> Tree:
    """Two losses in every round, and a ratio of at least 1 at every node, whatever it may depend on."""
    slopes = np.repeat(nonzero(on_grid(genes[:, None, :2])), ROUNDS, axis=1)
    scales, sides = positive(genes[:, 2 : 2 + ROUNDS]), positive(genes[:, -1])
    ratios = 1 + on_grid(np.abs(genes[:, 2 + ROUNDS :]))
    return grow(
        slopes,
        scales,
        lambda node, g, e: ratios[:, node // 2],
        np.zeros(len(genes)),
        unit(genes[:, -2]) * sides,
        sides,
    )


def attack_predictable() -> tuple[Attack, Step]:
    def judge(genes: Array) -> tuple[Array, Array]:
        tree = predictable(genes)
        return tree.bound(), tree.pseudo_regret()

    attack = climb(judge, 4 + ROUNDS + NODES // 2, 431)
    return attack, replay("ratios from the past", attack, predictable(attack.genes[None]), "expected")


def stochastic() -> Finding:
    attack, step = attack_predictable()
    steps = (
        identity(
            "c and x_t are of the past: E[c r_t | past] = c (F(x_t) - F(x*)); for two losses with probabilities p, 1 "
            "- p, and by adding them up for more",
            "p*(c*r1) + (1 - p)*(c*r2)",
            "c*(p*r1 + (1 - p)*r2)",
            "c p r1 r2",
        ),
        sign(
            "with r = F(x_t) - F(x*) >= 0 and c >= 1 it is at least r = E[r_t | past]; in all, E sum r_t <= "
            "E sum c_t r_t <= E B_T (path.regret, at each outcome)",
            "c*r >= r",
            "(c - 1)*r",
            "c r",
            ["c - 1 >= 0", "r >= 0"],
        ),
        step,
    )
    return Finding(steps, figures={"attack": attack.figures(HOW + ", ratios free at every node")})


def hindsight() -> Finding:
    def judge(genes: Array) -> tuple[Array, Array]:
        tree = predictable(genes)
        varies = tree.sides * np.max(np.abs(tree.slopes), axis=(1, 2))
        return tree.bound() + varies * np.sqrt(ROUNDS), tree.regret()

    attack = climb(judge, 4 + ROUNDS + NODES // 2, 434)
    step = replay(
        "two losses, so that the sum of sqrt(p (1 - p)) is 1",
        attack,
        predictable(attack.genes[None]),
        f"expected + side*max(abs(g[2]), abs(g[3]))*{ROUNDS // 2}",
        HINDSIGHT,
    )
    steps = (
        sign(
            "z is the best point in hindsight, N the number of rounds with a loss f, of probability p, d = f(x*) - "
            "f(z), |d| <= L: N d = (N - T p) d + T p d, and the first part is at most L |N - T p| (k = N - T p, a = "
            "|k|)",
            "a*L >= k*d",
            "((a - k)*(L + d) + (a + k)*(L - d))/2",
            "L a d k",
            ["L - d >= 0", "L + d >= 0", "a - k >= 0", "a + k >= 0"],
        ),
        sign(
            "the second parts add up to T (F(x*) - F(z)) <= 0 (D, the sum of p d, is not positive): for two losses, "
            "and by adding them up for more, the sum of N d is at most that of the first parts",
            "k1*d1 + k2*d2 >= (k1 + T*p1)*d1 + (k2 + T*p2)*d2",
            "T*(-(p1*d1 + p2*d2))",
            "T d1 d2 k1 k2 p1 p2",
            ["T >= 0", "-(p1*d1 + p2*d2) >= 0"],
        ),
        *second_moment(),
        identity("a round adds p (1 - p) to E (N - T p)^2", "p*(1 - p)**2 + (1 - p)*p**2", "p*(1 - p)", "p"),
        identity("... its mean being zero", "p*(1 - p) + (1 - p)*(-p)", "0*p", "p"),
        step,
    )
    return Finding(steps, figures={"attack": attack.figures(HOW + ", ratios free at every node")})


# Symmetric noise --------------------------------------------------------------------------------------------------


def noisy(genes: Array, default: bool) -> tuple[Tree, Array]:
    """Slopes mean +- noise with a noise of its own in every round, AdaNorm's ratios."""
    mean, noise = on_grid(genes[:, :1]), on_grid(np.abs(genes[:, 1 : 1 + ROUNDS]))
    slopes = nonzero(np.stack([mean + noise, mean - noise], axis=2))
    gamma = np.full(len(genes), 0.95) if default else np.minimum(unit(genes[:, -3]), 63 / 64)
    sides = positive(genes[:, -1])

    def ratio(node: int, g: Array, e: Array) -> Array:
        return np.maximum(1, gamma * e / np.abs(g) + 1 - gamma)

    scales = positive(genes[:, 1 + ROUNDS : 1 + 2 * ROUNDS])
    return grow(slopes, scales, ratio, gamma, unit(genes[:, -2]) * sides, sides), gamma


def attack_noisy(default: bool, seed: int) -> tuple[Attack, Step]:
    def judge(genes: Array) -> tuple[Array, Array]:
        tree, gamma = noisy(genes, default)
        # Where the noise equals the mean, a slope of zero was moved: the two slopes are not symmetric any more.
        means = np.mean(tree.slopes, axis=2)
        symmetric = np.all(means == means[:, :1], axis=1)
        return tree.bound() / (1 - gamma), np.where(symmetric, tree.pseudo_regret(), 0)

    attack = climb(judge, 4 + 2 * ROUNDS, seed)
    tree, gamma = noisy(attack.genes[None], default)
    return attack, replay(
        "symmetric noise",
        attack,
        tree,
        "expected/(1 - gamma)",
        gamma="19/20" if default else text(gamma[0]),
        adanorm=True,
    )


def symmetric() -> Finding:
    free, freely = attack_noisy(False, 432)
    default, defaults = attack_noisy(True, 433)
    steps = (
        identity(
            "a coordinate y of g, the others with the sum of squares R fixed, n = sqrt(y^2 + R): where the correction "
            "fires, s = (e_t/n) y = (1 - gamma) y + gamma e y/n, e = e_{t-1} (c is gamma)",
            "(c*e + (1 - c)*n)/n*y",
            "(1 - c)*y + c*e*y/n",
            "c e n y",
        ),
        identity("... and elsewhere s = y = (1 - gamma) y + gamma y", "y", "(1 - c)*y + c*y", "c y"),
        sign(
            "for y >= 0, h(y) = s - (1 - gamma) y is the larger of gamma y and gamma e y/n; neither falls as y "
            "grows: of the second, (y/n)^2 from y0 to y (z and z0 are the squares; h(0) = 0 where R = 0)",
            "z/(z + R) >= z0/(z0 + R)",
            "R*(z - z0)/((z + R)*(z0 + R))",
            "R z z0",
            ["z - z0 >= 0", "R >= 0", "z + R > 0", "z0 + R > 0"],
        ),
        sign(
            "... and the larger of two numbers that do not fall does not fall: b is the larger one after, a either "
            "before",
            "b >= a",
            "(b - a1) + (a1 - a)",
            "a a1 b",
            ["b - a1 >= 0", "a1 - a >= 0"],
        ),
        sign(
            "h is odd, so it never falls on the whole line. mu >= 0, noise +r or -r with equal chance, whatever r >= "
            "0 and the other coordinates are: E s = (1 - gamma) mu + (h1 + h2)/2, h1 = h(mu + r), h2 = h(mu - r) = "
            "-h(r - mu), and mu + r >= r - mu, so that E s >= (1 - gamma) mu; times d = x_t - x* >= 0",
            "((1 - c)*(mu + r) + h1 + (1 - c)*(mu - r) + h2)/2*d >= (1 - c)*mu*d",
            "(h1 + h2)*d/2",
            "c d h1 h2 mu r",
            ["h1 + h2 >= 0", "d >= 0"],
        ),
        sign(
            "mu <= 0 is the mirror image: x* is the other end, d = x_t - x* <= 0 (f = -d, h1 + h2 <= 0)",
            "((1 - c)*(mu + r) + h1 + (1 - c)*(mu - r) + h2)/2*(-f) >= (1 - c)*mu*(-f)",
            "-(h1 + h2)*f/2",
            "c f h1 h2 mu r",
            ["-(h1 + h2) >= 0", "f >= 0"],
        ),
        sign(
            "added up over coordinates and rounds, (1 - gamma) P <= E sum s_t.(x_t - x*) <= E B_T = B (path.bound, "
            "at each outcome), P the expected regret against x*",
            "B/(1 - c) >= P",
            "(B - (1 - c)*P)/(1 - c)",
            "B P c",
            ["B - (1 - c)*P >= 0", "1 - c > 0"],
        ),
        sign(
            "against the best point z in hindsight: sum g_t.(x* - z) is T mu.(x* - z) <= 0 and the noise's part, at "
            "most D |sum of noise| in a coordinate (k is the sum, a = |k|, d = x* - z)",
            "a*D >= k*d",
            "((a - k)*(D + d) + (a + k)*(D - d))/2",
            "D a d k",
            ["D - d >= 0", "D + d >= 0", "a - k >= 0", "a + k >= 0"],
        ),
        *second_moment(),
        freely,
        defaults,
    )
    how = HOW + ", a noise for every round free"
    figures = {"attack": free.figures(how + ", gamma free"), "attack at gamma = 0.95": default.figures(how)}
    return Finding(steps, figures=figures)


ENTRIES = (
    Entry(
        "cond.past-stochastic",
        "ours",
        f"{METHOD}, convex f_t drawn independently of the rounds before with the mean F, c_t >= 1 that depends on "
        "f_1, ..., f_{t-1} only, x* a minimiser of F on the box: E sum_{t<=T} (F(x_t) - F(x*)) <= E B_T for every T.",
        "proved",
        stochastic,
        "A ratio that does not look at the current gradient cannot side with it: against losses drawn at random it "
        "is as good as no correction, up to the constant in B_T. Dividing the average of past norms by a past norm, "
        "rather than by the current one, would do.",
        uses=("thm2.b", "sec2.4"),
        rests_on=("path.regret",),
    ),
    Entry(
        "cond.past-stochastic.hindsight",
        "ours",
        "As cond.past-stochastic, f_t one of finitely many losses with the probabilities p_j, each of which varies "
        "by at most L on the box: E R(T) <= E B_T + L sqrt(T) sum_j sqrt(p_j (1 - p_j)), R(T) against the best point "
        "in hindsight.",
        "proved",
        hindsight,
        "The best point in hindsight is better than the minimiser of the mean by no more than the counts deviate.",
        rests_on=("cond.past-stochastic",),
    ),
    Entry(
        "cond.symmetric",
        "ours",
        f"{METHOD}, AdaNorm's ratios (s_t = 0 where g_t = 0), losses g_t.x with g_t = mu + xi_t, the law of xi_t "
        f"given the "
        "past unchanged when any one of its coordinates changes its sign (in one dimension: symmetric), x* the best "
        "point for mu: E sum_{t<=T} mu.(x_t - x*) <= E B_T/(1 - gamma) for every T; and E R(T) <= E B_T/(1 - gamma) "
        "+ sqrt(T) sum_i D_i sigma_i, where E xi_{t,i}^2 <= sigma_i^2.",
        "proved",
        symmetric,
        "Noise that is symmetric coordinate by coordinate is harmless: lifting norms is odd and monotone in a "
        "coordinate, so the mean of the corrected gradient keeps the sign of mu, and at least 1 - gamma of its size, "
        "1/20 at the default. Noise that is symmetric only as a whole is another matter: see cond.symmetric.joint.",
        uses=("noise.symmetric",),
        rests_on=("path.bound",),
    ),
)
