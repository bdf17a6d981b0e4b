"""The one-step inequalities and summations of the pathwise bound, each for all values."""

from __future__ import annotations

from adanorm_verify.ledger import Entry, Finding, identity, sign

STEP_1 = "A*(d**2 - e**2)/2 + q/2 - m*d"
STEP_2 = "q - m*(d - e)"
"""What path.step proves of d = x_t - x, e = x_{t+1} - x and q = m^2/A: neither is negative."""
ASSUMED = [f"{STEP_1} >= 0", f"{STEP_2} >= 0", "D**2 - d**2 >= 0", "A > 0", "k >= 0"]


def step() -> Finding:
    return Finding(
        (
            identity(
                "y = x_t - m/A inside the interval: x_{t+1} = y, and m (x_t - x) is A/2 [(x_t - x)^2 - (y - x)^2] + "
                "m^2/(2A), where d = x_t - x",
                "m*d",
                "A/2*(d**2 - (d - m/A)**2) + m**2/(2*A)",
                "A m d",
            ),
            identity("... and m (x_t - x_{t+1}) is m^2/A", "m*(m/A)", "m**2/A", "A m"),
            sign(
                "y = u + r beyond the upper end u: x_{t+1} = u; with x_t = u - p and x = u - q, m = -A (p + r), "
                "x_t - x = q - p, x_{t+1} - x = q",
                "A/2*((q - p)**2 - q**2) + (A*(p + r))**2/(2*A) >= -A*(p + r)*(q - p)",
                "A/2*(2*q*r + r**2)",
                "A p q r",
                ["A > 0", "p >= 0", "q >= 0", "r >= 0"],
            ),
            sign(
                "... and m (x_t - x_{t+1}) = A (p + r) p",
                "(A*(p + r))**2/A >= -A*(p + r)*(-p)",
                "A*(p + r)*r",
                "A p r",
                ["A > 0", "p >= 0", "r >= 0"],
            ),
            sign(
                "y = l - r below the lower end l: x_{t+1} = l; with x_t = l + p and x = l + q, m = A (p + r), "
                "x_t - x = p - q, x_{t+1} - x = -q",
                "A/2*((p - q)**2 - q**2) + (A*(p + r))**2/(2*A) >= A*(p + r)*(p - q)",
                "A/2*(2*q*r + r**2)",
                "A p q r",
                ["A > 0", "p >= 0", "q >= 0", "r >= 0"],
            ),
            sign(
                "... and m (x_t - x_{t+1}) = A (p + r) p",
                "(A*(p + r))**2/A >= A*(p + r)*p",
                "A*(p + r)*r",
                "A p r",
                ["A > 0", "p >= 0", "r >= 0"],
            ),
        )
    )


def momentum() -> Finding:
    return Finding(
        (
            identity(
                "m - m0 = (1 - b)(s - m0): s is m plus b/(1-b) times the change of m",
                "s",
                "(b*m0 + (1 - b)*s) + b/(1 - b)*((b*m0 + (1 - b)*s) - m0)",
                "b s m0",
            ),
        )
    )


def abel() -> Finding:
    return Finding(
        (
            identity("T = 1, where m_0 = 0: (m_1 - 0) d_1 = m_1 d_1", "(m - 0)*d", "m*d", "m d"),
            identity(
                "from T to T + 1: the left side grows by (m_{T+1} - m_T) d_{T+1}, the right side by "
                "m_{T+1} d_{T+1} - m_T d_T - m_T (d_{T+1} - d_T)",
                "(m1 - m0)*d1",
                "m1*d1 - m0*d0 - m0*(d1 - d0)",
                "m0 m1 d0 d1",
            ),
        )
    )


def telescope() -> Finding:
    return Finding(
        (
            sign(
                "T = 1: A_1/2 (d_1^2 - d_2^2) <= D^2 A_1/2 - A_1 d_2^2/2",
                "D**2*A/2 - A*e**2/2 >= A/2*(d**2 - e**2)",
                "A/2*(D**2 - d**2)",
                "A D d e",
                ["A > 0", "D**2 - d**2 >= 0"],
            ),
            sign(
                "from T to T + 1: with p = (A - A0)_+, A0 = A_T, A = A_{T+1}, d = d_{T+1}, e = d_{T+2}, the right side "
                "grows by at least A/2 (d^2 - e^2)",
                "D**2*p/2 - A*e**2/2 + A0*d**2/2 >= A/2*(d**2 - e**2)",
                "((D**2 - d**2)*p + d**2*(p - (A - A0)))/2",
                "A A0 D d e p",
                ["D**2 - d**2 >= 0", "p >= 0", "p - (A - A0) >= 0"],
            ),
        )
    )


ENTRIES = (
    Entry(
        "path.step",
        "ours",
        "For x, x_t in an interval, A > 0, any m, and x_{t+1} the projection of x_t - m/A onto it: m (x_t - x) <= "
        "A/2 [(x_t - x)^2 - (x_{t+1} - x)^2] + m^2/(2A), and m (x_t - x_{t+1}) <= m^2/A.",
        "proved",
        step,
        "One projected step, in the two forms that the bound needs. Inside the interval both are equalities; at an "
        "end, what the projection cuts off only helps.",
        uses=("thm2.3",),
    ),
    Entry(
        "path.momentum",
        "ours",
        "For m_t = beta1 m_{t-1} + (1 - beta1) s_t, 0 <= beta1 < 1: s_t = m_t + beta1/(1 - beta1) (m_t - m_{t-1}).",
        "proved",
        momentum,
        "The corrected gradient, recovered from two averages. This is what the printed proof needs and does not have: "
        "it solves for g_t where only s_t can be solved for.",
        uses=("thm2.4.a",),
    ),
    Entry(
        "path.abel",
        "ours",
        "For m_0 = 0 and all numbers m_t, d_t: sum_{t<=T} (m_t - m_{t-1}) d_t = m_T d_T - "
        "sum_{t<T} m_t (d_{t+1} - d_t).",
        "proved",
        abel,
        "Summation by parts: changes of m against points become m against changes of points, and those are single "
        "steps.",
    ),
    Entry(
        "path.telescope",
        "ours",
        "For A_t > 0 and |d_t| <= D: sum_{t<=T} A_t/2 (d_t^2 - d_{t+1}^2) <= D^2/2 (A_1 + sum_{2<=t<=T} "
        "(A_t - A_{t-1})_+) - A_T d_{T+1}^2/2.",
        "proved",
        telescope,
        "The telescoping sum for weights that may fall as well as rise: only rises cost. For weights that never fall "
        "the bracket is A_T.",
        uses=("thm2.8",),
    ),
)
