"""Corollary 1: the average regret, and what a bound from above says about its limit."""

from math import floor, log
from typing import Any

from adanorm_verify.ledger import Entry, Finding, Step, claims, identity, sign

from .printed_runs import BETAS, DEFAULTS, GAMMA, REGRET, best, bounded, distance, near, parameters, run
from .theorem2 import growing

CENTRES = ("1", "-1")
"""Of the losses |x - a| in the blocks of rounds 4^j, ..., 4^(j+1) - 1, for even and for odd j."""


def centre(t: int) -> str:
    j = floor(log(t + 0.5, 4))
    return CENTRES[j % 2]


def tracking() -> Finding:
    """Losses that change ever more rarely: the optimizer follows them, and no fixed point can."""
    return Finding(
        (*signs_only(), *stays_in_the_box(), *cost_of_a_block(), *cost_of_all_blocks(), *cost_of_a_fixed_point())
    )


def signs_only() -> tuple[Step, ...]:
    return (
        identity(
            "f_t(x) = |x - a_t|, a_t = 1 in rounds 4^j .. 4^(j+1) - 1 for even j, -1 for odd j; alpha = 1, beta1 = "
            "0, any gamma and beta2 in [0, 1), theta_1 in [-2, 2]. All |g| = 1 (a kink has either slope), so v_t = 1 "
            "- beta2^t: with y = beta2^(t-1)",
            "b*(1 - y) + (1 - b)*1",
            "1 - b*y",
            "b y",
        ),
        identity(
            "and e_t = 1 - gamma^t < 1: the correction never fires, v_hat_t = 1, m_hat_t = g_t, theta_{t+1} = "
            "theta_t - g_t/sqrt(t)",
            "c*(1 - y) + (1 - c)*1",
            "1 - c*y",
            "c y",
        ),
    )


def stays_in_the_box() -> tuple[Step, ...]:
    inside = ["2 - x >= 0", "x + 2 >= 0", "a + 1 >= 0", "1 - a >= 0", "1 - h >= 0", "h >= 0"]
    return (
        sign(
            "all theta_t are in [-2, 2]: above a (in [-1, 1]) the step h = 1/sqrt(t) <= 1 goes down, by at most 1",
            "x - h >= -2",
            "(x - a) + (a + 1) + (1 - h)",
            "x a h",
            [*inside, "x - a >= 0"],
        ),
        sign("and stays below 2", "2 >= x - h", "(2 - x) + h", "x h", inside),
        sign(
            "below a it goes up, by at most 1",
            "2 >= x + h",
            "(a - x) + (1 - a) + (1 - h)",
            "x a h",
            [*inside, "a - x >= 0"],
        ),
        sign("and stays above -2: D = 4 for all T, and u_t = |theta_t - a_t| <= 3", "x + h >= -2", "(x + 2) + h", "x h",
             inside),
        sign("u_t^2 <= 9, from theta in [-2, 2] and a in [-1, 1]", "9 >= (x - a)**2",
             "((2 - x) + (1 + a))*((x + 2) + (1 - a))", "x a",
             ["2 - x >= 0", "x + 2 >= 0", "1 + a >= 0", "1 - a >= 0"]),
    )  # fmt: skip


def cost_of_a_block() -> tuple[Step, ...]:
    return (
        identity(
            "within a block, z = theta_t - a, g the sign of z (g^2 = 1, g z = u_t), w = sqrt(t): with u'^2 = (z - "
            "g/w)^2 the loss is u_t = w (u_t^2 - u'^2)/2 + 1/(2 w); here multiplied out, g^2 kept",
            "g*z",
            "w*(z**2 - (z - g/w)**2)/2 + g**2/(2*w)",
            "g z w",
        ),
        sign(
            "the sum of w_t (u_t^2 - u_{t+1}^2) from the first round of a block to round n is at most 9 w_n - w_n "
            "u_{n+1}^2. Base",
            "9*w - w*u2**2 >= w*(u**2 - u2**2)",
            "w*(9 - u**2)",
            "w u u2",
            ["w >= 0", "9 - u**2 >= 0"],
        ),
        sign(
            "step from n (S, w, u) to n + 1 (w2, u2)",
            "9*w2 - w2*u2**2 >= S + w2*(u**2 - u2**2)",
            "(9*w - w*u**2 - S) + (9 - u**2)*(w2 - w)",
            "S w w2 u u2",
            ["9*w - w*u**2 - S >= 0", "9 - u**2 >= 0", "w2 - w >= 0"],
        ),
        sign(
            "so the losses of a block whose last round is n sum to at most 9 sqrt(n)/2 plus the sum of its 1/(2 "
            "sqrt(t))",
            "9*w >= 9*w - w*u**2",
            "w*u**2",
            "w u",
            ["w >= 0"],
        ),
    )


def cost_of_all_blocks() -> tuple[Step, ...]:
    return (
        identity(
            "blocks 0 .. J - 1 end before 4^(j+1), with roots below 2^(j+1), which sum to 2^(J+1) - 2: base J = 1",
            "2",
            "2*2 - 2",
            "y",
        ),
        identity("step, y = 2^(J+1)", "(y - 2) + y", "2*y - 2", "y"),
        sign(
            "T in block J: 2^J <= sqrt(T) (z), so the roots of the ends of all blocks up to T sum to at most 3 sqrt(T)",
            "3*z >= (2*p - 2) + z",
            "2*(z - p) + 2",
            "z p",
            ["z - p >= 0"],
        ),
        sign(
            "the sum of 1/(2 sqrt(t)) up to T is at most sqrt(T): with z = sqrt(t), y = sqrt(t - 1), z - y = 1/(z + "
            "y) >= 1/(2 z)",
            "1/(z + y) >= 1/(2*z)",
            "(z - y)/(2*z*(z + y))",
            "z y",
            ["z > 0", "y >= 0", "z - y >= 0"],
        ),
        identity(
            "so for every T: sum_{t<=T} f_t(theta_t) <= (9/2) 3 sqrt(T) + sqrt(T) = 29 sqrt(T)/2; and R(T) <= 29 "
            "sqrt(T)/2, because no loss is negative",
            "9/2*(3*z) + z",
            "29/2*z",
            "z",
        ),
    )


def cost_of_a_fixed_point() -> tuple[Step, ...]:
    return (
        identity(
            "T = 16^k - 1 (2k whole blocks): a = 1 in A = T/5 rounds, -1 in B = 4 T/5. Induction over k, y = 16^k: a "
            "block of 3 y rounds with a = 1, then",
            "(y - 1)/5 + 3*y",
            "(16*y - 1)/5",
            "y",
        ),
        identity("one of 12 y rounds with a = -1", "4*(y - 1)/5 + 12*y", "4*(16*y - 1)/5", "y"),
        sign(
            "p = |x - 1| >= 1 - x and q = |x + 1| >= 1 + x: any fixed x costs A p + B q >= 2 A, with equality at -1",
            "A*p + B*q >= 2*A",
            "A*((p - (1 - x)) + (q - (1 + x))) + (B - A)*q",
            "A B p q x",
            ["A >= 0", "B - A >= 0", "p - (1 - x) >= 0", "q - (1 + x) >= 0", "q >= 0"],
        ),
        claims(
            "so R(T) <= 29 sqrt(T)/2 - 2 T/5 for T = 16^k - 1, which is below -T/6 from k = 3 on",
            "29/2 < (2/5 - 1/6)*sqrt(16**3 - 1)",
        ),
        sign(
            "and for every larger T: z = sqrt(T) >= r = sqrt(16^3 - 1)",
            "-(z**2)/6 > 29/2*z - 2*z**2/5",
            "z*((2/5 - 1/6)*(z - r) + ((2/5 - 1/6)*r - 29/2))",
            "z r",
            ["z > 0", "z - r >= 0", "(2/5 - 1/6)*r - 29/2 > 0", "2/5 - 1/6 > 0"],
        ),
    )


def limit_of_the_average() -> Finding:
    two_sided = sign(
        "if |R(T)| <= C sqrt(T), then |R(T)|/T <= C/z with z = sqrt(T), and that is at most any given eps > 0 from z "
        "= C/eps on",
        "eps >= C/z",
        "(eps*z - C)/z",
        "eps C z",
        ["eps*z - C >= 0", "z > 0"],
    )
    rounds = 63
    bounds = [("G", "1"), ("G_inf", "1"), ("star", "1"), ("D", "4")]
    instance: dict[str, Any] = {
        "let": [("alpha", "1"), ("beta1", "0"), BETAS[1], GAMMA, DEFAULTS[-1], *bounds],
        "run": run([distance("1", centre(t)) for t in range(1, rounds + 1)], "1/2", rounds),
        "then": [REGRET],
    }
    bound = claims("a bound from above of order sqrt(T) holds (for every T by cor1.b.tracking)", "R <= 29/2*sqrt(T)",
                   role="hypothesis")  # fmt: skip
    violated = claims(
        "and regret is negative; along T = 16^k - 1 it is below -T/6 for ever (cor1.b.tracking), so that its average "
        "does not tend to zero",
        "R < -1",
        role="violation",
    )
    early = claims(
        "with the default betas, after two rounds: losses |x - 1|, |x + 1|, alpha = 2, start at 1.1, R(2) = -1.8",
        "f[1] + f[2] - 2 == -1.8",
        let=[("alpha", "2"), *BETAS, GAMMA, DEFAULTS[-1]],
        run=run([distance("1", "1"), distance("1", "-1")], "1.1", 2),
    )
    hypotheses = (parameters(), *bounded("1"), best("1", "-1"), near(), bound)
    return Finding((two_sided, early, *hypotheses, violated), instance)


ENTRIES = (
    Entry(
        "cor1.a",
        "section 3.2, Corollary 1",
        "For convex f_t with bounded gradients and AdamNorm with bounded distances between its points, beta1 = 0.9, "
        "beta2 = 0.999, gamma = 0.95, alpha_t = alpha/sqrt(t): R(T)/T = O(1/sqrt(T)) as T grows.",
        "refuted",
        lambda: growing(False),
        "The corollary divides Theorem 2 by T and falls with it. On the three losses of thm2.b the average regret "
        "tends to a positive number, with constant beta1 (cex.adam; the run here) and with the theorem's decaying "
        "one (cex.adam.decay), at the default hyperparameters.",
        repair="As thm2.b.",
        uses=("thm1", "thm2.b"),
        rests_on=("cex.adam", "cex.adam.decay"),
    ),
    Entry(
        "cor1.b",
        "section 3.2, Corollary 1, second sentence",
        "If R(T)/T = O(1/sqrt(T)), then lim R(T)/T = 0.",
        "needs-hypothesis",
        limit_of_the_average,
        "If O bounds the absolute value, as the symbol says by itself, the limit follows. A regret theorem bounds "
        "R(T) from above only, and then just limsup R(T)/T <= 0 follows: regret against the best fixed point can be "
        "negative, in proportion to T, when the optimizer follows losses that change. |x - 1| and |x + 1| in blocks "
        "of rounds, each four times as long as the one before, make it so under all hypotheses, with a correction "
        "that never fires. It is no fault of the optimizer, only of the sentence.",
        repair="limsup R(T)/T <= 0; or a bound on |R(T)|.",
        uses=("cor1.a", "thm1"),
        rests_on=("cor1.b.tracking",),
    ),
    Entry(
        "cor1.b.tracking",
        "ours, for Corollary 1",
        "With f_t(x) = |x - a_t|, a_t = 1 for 4^j <= t < 4^(j+1) with even j and -1 with odd j, alpha_t = 1/sqrt(t), "
        "beta1 = 0, any beta2, gamma in [0, 1) and theta_1 in [-2, 2], AdamNorm has R(T) <= 14.5 sqrt(T) for all T "
        "and R(T) < -T/6 for all T = 16^k - 1, k >= 3.",
        "proved",
        tracking,
        "All gradients have norm 1, so that the method takes steps of size 1/sqrt(t) towards the current centre, "
        "reaches it in of the order of sqrt(t) rounds and stays. Its losses sum to O(sqrt(T)); a fixed point loses 2 "
        "in every fifth round or more.",
        uses=("cor1.b",),
    ),
)
