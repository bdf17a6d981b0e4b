"""The excursion argument: why a path that is near 1 stays there, and what that costs."""

from __future__ import annotations

from adanorm_verify.ledger import Entry, Finding, Step, claims, identity, sign

from .counterexample_cycle import CORRECTED, SETTLED

LOSSES = (
    "the losses f_t(x) = 3|x + 1| for t = 1 mod 3 and |x - 1| otherwise (at a kink the gradient is that of either "
    "piece)"
)


def returns() -> tuple[Step, ...]:
    """Below 1 the path is pushed up."""
    return (
        sign(
            f"while theta_k < 1, k >= {SETTLED}: a small gradient is -1, its s = -max(1, e_k) = -w; w >= e and e >= "
            f"E, with E = {CORRECTED[1][1:]} at the first one of a period and {CORRECTED[2][1:]} at the second "
            "(cex.cycle). A large one is 3 or -3 and has c = 1. So s_k <= sigma_k = 3, -33/20, -8/5, wherever below 1 "
            "the point is",
            "-E >= -w",
            "(w - e) + (e - E)",
            "E w e",
            ["w - e >= 0", "e - E >= 0"],
        ),
        sign(
            "|m_t| <= 3 for all t, from |s_t| <= 3 (e <= 3). Step; the same for -m",
            "3 >= b*m + (1 - b)*s",
            "b*(3 - m) + (1 - b)*(3 - s)",
            "b m s",
            ["b >= 0", "1 - b >= 0", "3 - m >= 0", "3 - s >= 0"],
        ),
        sign(
            f"for t >= {SETTLED} let tau be the last round in [{SETTLED}, t] with theta >= 1, or {SETTLED} if there is "
            "none: with X the sum of a_k m_k and S that of a_k over tau <= k <= t, X <= C A - mu S (cex.momentum), so "
            "that theta_{t+1} = theta_tau - X >= theta_tau - C A_tau",
            "theta - X >= theta - C*A",
            "(C*A - mu*S - X) + mu*S",
            "theta X C A mu S",
            ["C*A - mu*S - X >= 0", "mu > 0", "S >= 0"],
        ),
        sign(
            "if the steps sum to infinity, S exceeds (C A + 1 - theta_tau)/mu, and the point has come back to 1 or "
            "above: so it does again and again, tau grows beyond all bounds with t, and theta_{t+1} >= 1 - C A_tau",
            "theta - X >= 1",
            "(C*A - mu*S - X) + (mu*S - C*A - (1 - theta))",
            "theta X C A mu S",
            ["C*A - mu*S - X >= 0", "mu*S - C*A - (1 - theta) >= 0"],
        ),
        sign(
            "above 1 all gradients are positive and all s_k >= 1. From tau, the last round with theta <= 1: m_k >= 1 - "
            "4 y, y = b^(k - tau), base m_tau >= -3. Step, with b_k = w <= b",
            "w*m + (1 - w)*s >= 1 - 4*b*y",
            "w*(m - (1 - 4*y)) + (1 - w)*(s - 1) + 4*y*(b - w)",
            "w m s b y",
            ["w >= 0", "1 - w >= 0", "m - (1 - 4*y) >= 0", "s - 1 >= 0", "y >= 0", "b - w >= 0"],
        ),
        identity(
            "so theta_{t+1} <= theta_tau - S + 4 A (sum of y): at most theta_tau + 4 A/(1 - b), and back to 1 when S "
            "is large. The sum of y: 1/(1 - b) is a sum that, with y = b^n left out, grows by y",
            "(1 - b*y)/(1 - b)",
            "(1 - y)/(1 - b) + y",
            "b y",
        ),
    )


def regret() -> tuple[Step, ...]:
    """What it costs to be near 1 for ever."""
    return (
        sign(
            "after K large and L <= 2 K small rounds no point is better than -1: p = |x + 1| and q = |x - 1| >= 2 - p, "
            "where f at -1 is 0 and 2. So R(T) is the sum of f_t(theta_t) - f_t(-1) for every T",
            "3*K*p + L*(q - 2) >= 0",
            "L*(q - (2 - p)) + (2*K - L)*p + K*p",
            "K L p q",
            ["L >= 0", "q - (2 - p) >= 0", "2*K - L >= 0", "p >= 0", "K >= 0"],
        ),
        sign(
            "a period that starts at x and moves by at most d1 and then d2: y <= x + d1, z <= y + d2. With p = |x + 1| "
            ">= x + 1, q = |y - 1| >= 1 - y, r = |z - 1| >= 1 - z its regret is at least 1 + x - 2 d1 - d2",
            "3*p + (q - 2) + (r - 2) >= 1 + x - 2*d1 - d2",
            "3*(p - x - 1) + (q - 1 + y) + (r - 1 + z) + 2*(x + d1 - y) + (y + d2 - z)",
            "p q r x y z d1 d2",
            ["p - x - 1 >= 0", "q - 1 + y >= 0", "r - 1 + z >= 0", "x + d1 - y >= 0", "y + d2 - z >= 0"],
        ),
        sign(
            "a late one: x >= 1 - C A, d1 and d2 at most 3 A, A the limit of A_tau",
            "1 + x - 2*d1 - d2 >= 2 - (C + 9)*A",
            "(x - 1 + C*A) + 2*(3*A - d1) + (3*A - d2)",
            "x C A d1 d2",
            ["x - 1 + C*A >= 0", "3*A - d1 >= 0", "3*A - d2 >= 0"],
        ),
        claims(
            "and if A_tau tends to 0, theta_t tends to 1, f_t(theta_t) - f_t(-1) to 6, -2, -2 in turn: on average 2/3",
            "3*abs(1 + 1) == 6",
            "abs(1 - 1) - abs(-1 - 1) == -2",
            "(6 - 2 - 2)/3 == 2/3",
        ),
    )


ENTRIES = (
    Entry(
        "cex.excursion",
        "ours: the counterexample",
        f"On {LOSSES} let theta_{{t+1}} = theta_t - a_t m_t with m_t = b_t m_{{t-1}} + (1 - b_t) s_t, m_0 = 0, 0 <= "
        "b_t <= b < 1, s_t corrected with gamma = 0.95, and a_t > 0. From round 90 on let a_k <= A_tau for k >= tau, "
        "A_tau never growing, and either b_t never grow and any two of three consecutive a_k have a ratio of at most "
        "26/25, or b_t = 0.9 and that ratio be at most 3; C as in cex.momentum. Then min(1, theta_90) - C A_90 <= "
        "theta_t <= max(1, theta_90) + 4 A_90/(1 - b) for t >= 90. If moreover the a_k sum to infinity, and A_tau "
        "tends to A, then liminf theta_t >= 1 - C A and liminf R(T)/T >= (2 - (C + 9) A)/3; if A = 0, then theta_t "
        "tends to 1 and R(T)/T to 2/3.",
        "proved",
        lambda: Finding((*returns(), *regret())),
        "Regret of at least two thirds a round, for ever. The best fixed point is -1, where the loss with slope 3 has "
        "its minimum; but the two small gradients in between are lifted by the correction until they outweigh the "
        "large one, so that the path is pushed to the other end, 1, and returns to it whenever it has left it. How the "
        "steps are scaled does not matter, if they change little within three rounds.",
        uses=("thm2.b",),
        rests_on=("cex.cycle", "cex.momentum"),
    ),
)
