"""When regret is linear: the corrected gradients drift one way and the losses the other."""

from __future__ import annotations

from adanorm_verify.ledger import Entry, Finding, Step, sign


def average() -> Finding:
    return Finding(
        (
            sign(
                "path.abel with the partial sums Q_t of q_t - mean for m_t: the sum is Q_T a_T - sum_{t<T} Q_t "
                "(a_{t+1} - a_t). The first part is at most Q D (r = Q_T, a = a_T)",
                "Q*D >= r*a",
                "(Q - r)*a + Q*(D - a)",
                "D Q a r",
                ["Q - r >= 0", "Q >= 0", "a >= 0", "D - a >= 0"],
            ),
            sign(
                "... a term of the second at most Q |a_{t+1} - a_t| (d is the change, w its absolute value)",
                "Q*w >= -r*d",
                "((Q + r)*(w + d) + (Q - r)*(w - d))/2",
                "Q d r w",
                ["Q - r >= 0", "Q + r >= 0", "w + d >= 0", "w - d >= 0"],
            ),
            sign(
                "... and the same from below, with -q_t: the first part",
                "Q*D >= -r*a",
                "(Q + r)*a + Q*(D - a)",
                "D Q a r",
                ["Q + r >= 0", "Q >= 0", "a >= 0", "D - a >= 0"],
            ),
            sign(
                "... and a term of the second",
                "Q*w >= r*d",
                "((Q - r)*(w + d) + (Q + r)*(w - d))/2",
                "Q d r w",
                ["Q - r >= 0", "Q + r >= 0", "w + d >= 0", "w - d >= 0"],
            ),
        )
    )


def drift() -> Finding:
    return Finding(
        (
            sign(
                "a_t = x_t - w, H = sum a_t, V = sum s_t a_t <= B, and V >= sigma H - S (D + M) (path.average): H is "
                "at most (B + S (D + M))/sigma (z is sigma)",
                "(B + S*(D + M))/z >= H",
                "((B - V) + (V - z*H + S*(D + M)))/z",
                "B D H M S V z",
                ["B - V >= 0", "V - z*H + S*(D + M) >= 0", "z > 0"],
            ),
            sign(
                "the regret against w + D is W - D Z, W = sum g_t a_t >= -tau H - C (D + M) (path.average; C is "
                "Gamma, y is tau), Z = sum g_t <= -tau T + C",
                "W - D*Z >= y*D*T - y*P - C*(2*D + M)",
                "(W + y*H + C*(D + M)) + y*(P - H) + D*(C - y*T - Z)",
                "C D H M P T W Z y",
                ["W + y*H + C*(D + M) >= 0", "y >= 0", "P - H >= 0", "D >= 0", "C - y*T - Z >= 0"],
            ),
        )
    )


def moves() -> Finding:
    return Finding(
        (
            sign(
                "|m_t| <= (1 - beta1^t) S: from t to t + 1 (a = |m_t|, c = |s|, z = |beta1 m + (1 - beta1) s|, y = "
                "beta1^t)",
                "(1 - b*y)*S >= z",
                "b*((1 - y)*S - a) + (1 - b)*(S - c) + (b*a + (1 - b)*c - z)",
                "S a b c y z",
                ["b >= 0", "1 - b >= 0", "(1 - y)*S - a >= 0", "S - c >= 0", "b*a + (1 - b)*c - z >= 0"],
            ),
            sign(
                "gradient descent, A = q R/alpha (q = 1 - beta1^t, R = sqrt(t)): |m|/A <= alpha S/R",
                "alpha*S/R >= a/(q*R/alpha)",
                "alpha*(q*S - a)/(q*R)",
                "R S a alpha q",
                ["q*S - a >= 0", "q > 0", "R > 0", "alpha > 0"],
            ),
            sign(
                "AMSGrad: u_t >= v_t >= (1 - beta2^t) h^2 where |g| >= h, from t to t + 1 (y = beta2^t)",
                "b*v + (1 - b)*g**2 >= (1 - b*y)*h**2",
                "b*(v - (1 - y)*h**2) + (1 - b)*(g**2 - h**2)",
                "b g h v y",
                ["b >= 0", "1 - b >= 0", "v - (1 - y)*h**2 >= 0", "g**2 - h**2 >= 0"],
            ),
            sign(
                "... so that A >= q h R/alpha, and |m|/A <= alpha (S/h)/R",
                "alpha*S/(h*R) >= a/A",
                "(alpha*a*(A - q*h*R/alpha) + A*alpha*(q*S - a))/(A*q*h*R)",
                "A R S a alpha h q",
                ["A - q*h*R/alpha >= 0", "q*S - a >= 0", "a >= 0", "A > 0", "q > 0", "h > 0", "R > 0", "alpha > 0"],
            ),
        )
    )


def linear_growth() -> Step:
    """The conclusion from R(T) >= a T - b sqrt(T) - c: no K bounds R(T)/sqrt(T)."""
    return sign(
        "whatever K >= 0 is claimed to hold for R(T) <= K sqrt(T): at every y = sqrt(T) = 1 + (K + b + c)/a + r, r "
        ">= 0, the regret a y^2 - b y - c is above K y",
        "a*(1 + (K + b + c)/a + r)**2 - b*(1 + (K + b + c)/a + r) - c > K*(1 + (K + b + c)/a + r)",
        "(1 + (K + b + c)/a + r)*(a + a*r) + c*((K + b + c)/a + r)",
        "K a b c r",
        ["a > 0", "b >= 0", "c >= 0", "K >= 0", "r >= 0"],
    )


ENTRIES = (
    Entry(
        "path.average",
        "ours",
        "For numbers q_t, a mean q and Q >= |sum_{k<=t} (q_k - q)| for all t <= T, a_t in [0, D] and M = "
        "sum_{t<T} |a_{t+1} - a_t|: |sum_{t<=T} (q_t - q) a_t| <= Q (D + M).",
        "proved",
        average,
        "Against something that moves slowly, a sequence acts as its mean.",
        rests_on=("path.abel",),
    ),
    Entry(
        "path.drift",
        "ours",
        "One coordinate, losses g_t x on [w, w + D], any method with x_t in it and sum_{t<=T} s_t (x_t - w) <= B_T, "
        "M_T = sum_{t<T} |x_{t+1} - x_t|; sigma > 0, tau > 0, |sum_{k<=t} (s_k - sigma)| <= S and "
        "|sum_{k<=t} (g_k + tau)| <= Gamma for all t <= T: the regret against w + D is at least tau D T - "
        "(tau/sigma)(B_T + S (D + M_T)) - Gamma (2D + M_T).",
        "proved",
        drift,
        "The bound turned into a lower bound. If the corrected gradients have a mean of the other sign than the "
        "gradients, then the better the method minimises the corrected losses, the surer it ends at the wrong end, on "
        "every base optimizer with B_T and M_T of order sqrt(T): plain gradient descent, momentum, AMSGrad. The regret "
        "grows as T |mean| D.",
        uses=("thm2.b", "cor1.a"),
        rests_on=("path.average",),
    ),
    Entry(
        "path.moves",
        "ours",
        "For |s_t| <= S and constant beta1, sum_{t<T} |x_{t+1} - x_t| <= alpha S (2 sqrt(T) - 1) on gradient descent "
        "with momentum (path.sgd), and alpha (S/h)(2 sqrt(T) - 1) on AMSGrad (path.amsgrad) where h <= |g_t|, h > 0.",
        "proved",
        moves,
        "Steps of size 1/sqrt(t) add up to sqrt(T): a projected step is no longer than |m_t|/A_t, by the second part "
        "of path.step, since it never goes against -m_t.",
        rests_on=("path.step", "path.roots"),
    ),
)
