"""Sums under which the pathwise bound of AMSGrad is one in sqrt(T)."""

from __future__ import annotations

from adanorm_verify.ledger import Entry, Finding, identity, sign


def monotone() -> Finding:
    return Finding(
        (
            sign(
                "h(t) = q^t (1 + t (1 - q)) never rises (y = q^t), and h(0) = 1 ...",
                "y*(1 + t*(1 - q)) >= q*y*(1 + (t + 1)*(1 - q))",
                "y*(1 - q)**2*(t + 1)",
                "q t y",
                ["y >= 0", "t >= 0"],
            ),
            sign(
                "... so that t/(1 - q^t) never falls: 1 - h(t) is the numerator",
                "(t + 1)/(1 - q*y) >= t/(1 - y)",
                "(1 - y*(1 + t*(1 - q)))/((1 - q*y)*(1 - y))",
                "q t y",
                ["1 - y*(1 + t*(1 - q)) >= 0", "1 - q*y > 0", "1 - y > 0"],
            ),
            sign(
                "1 - beta1^t never falls (y = beta1^t)",
                "1 - b*y >= 1 - y",
                "(1 - b)*y",
                "b y",
                ["1 - b >= 0", "y >= 0"],
            ),
            sign(
                "products of nonnegative numbers that never fall never fall: A_t/alpha is (1 - beta1^t) sqrt(u_t) "
                "sqrt(t/(1 - beta2^t)) + eps (1 - beta1^t) sqrt(t)",
                "a1*b1 >= a0*b0",
                "(a1 - a0)*b1 + a0*(b1 - b0)",
                "a0 a1 b0 b1",
                ["a1 - a0 >= 0", "b1 - b0 >= 0", "a0 >= 0", "b1 >= 0"],
            ),
        )
    )


def jensen() -> Finding:
    return Finding(
        (
            identity("t = 1: m_1^2 = (1 - b) E_1", "((1 - b)*s)**2", "(1 - b)*((1 - b)*s**2)", "b s"),
            sign(
                "from t to t + 1 (q = 1 - b^t, and q_{t+1} = b q + 1 - b)",
                "(b*q + 1 - b)*(b*E + (1 - b)*s**2) >= (b*m + (1 - b)*s)**2",
                "b**2*(q*E - m**2) + b*(1 - b)*((q*s - m)**2 + (q*E - m**2))/q",
                "E b m q s",
                ["q*E - m**2 >= 0", "q > 0", "b >= 0", "1 - b >= 0"],
            ),
            identity("q_{t+1} = 1 - b^{t+1} (y = b^t)", "b*(1 - y) + 1 - b", "1 - b*y", "b y"),
        )
    )


def smooth() -> Finding:
    return Finding(
        (
            identity(
                "T = 1: w E_1 + kappa w E_1 = w s^2",
                "w*((1 - b)*s**2) + b/(1 - b)*w*((1 - b)*s**2)",
                "w*s**2",
                "b s w",
            ),
            sign(
                "from T to T + 1: the invariant is sum w_t E_t + kappa w_T E_T <= sum w_t s_t^2, kappa = b/(1-b); with "
                "E = E_T, w0 = w_T >= w = w_{T+1}, the right side grows by more",
                "w*s**2 >= w*(b*E + (1 - b)*s**2) + b/(1 - b)*w*(b*E + (1 - b)*s**2) - b/(1 - b)*w0*E",
                "b/(1 - b)*(w0 - w)*E",
                "E b s w w0",
                ["b >= 0", "1 - b > 0", "w0 - w >= 0", "E >= 0"],
            ),
        )
    )


def second() -> Finding:
    ordered = ["y > 0", "y0 > 0", "p >= 0", "b >= 0", "1 - b > 0", "y0**2 - v0 >= 0", "p0/y0 - p/y >= 0"]
    return Finding(
        (
            sign(
                "the first round whose gradient g is not zero: v = (1 - b) g^2, y = sqrt(v), p = phi, kappa = b/(1-b); "
                "p g^2/y = p y/(1 - b)",
                "p*y**2/y + b/(1 - b)*(2*p*y) >= p/y*(y**2/(1 - b))",
                "b/(1 - b)*p*y",
                "b p y",
                ["b >= 0", "1 - b > 0", "p >= 0", "y > 0"],
            ),
            sign(
                "onwards, the invariant is sum phi_t g_t^2/y_t <= sum phi_t v_t/y_t + kappa (2 sum phi_t (y_t - "
                "y_{t-1}) - phi_T (y_T^2 - v_T)/y_T); g^2 = (v - b v0)/(1 - b), and phi/y never rises",
                "p*v/y + b/(1 - b)*(2*p*(y - y0) - p*(y**2 - v)/y + p0*(y0**2 - v0)/y0) >= p/y*((v - b*v0)/(1 - b))",
                "b/(1 - b)*((y0**2 - v0)*(p0/y0 - p/y) + p*(y - y0)**2/y)",
                "b p p0 v v0 y y0",
                ordered,
            ),
            sign(
                "phi/y never rises: phi does not rise and y does not fall",
                "p0/y0 >= p/y",
                "((p0 - p)*y + p*(y - y0))/(y*y0)",
                "p p0 y y0",
                ["p0 - p >= 0", "p >= 0", "y - y0 >= 0", "y > 0", "y0 > 0"],
            ),
            sign(
                "a term of the first sum is at most phi_t y_T: v_t <= y_t^2 and y_t <= y_T = Y",
                "p*Y >= p*v/y",
                "p*((Y - y) + (y**2 - v)/y)",
                "Y p v y",
                ["p >= 0", "Y - y >= 0", "y**2 - v >= 0", "y > 0"],
            ),
            sign(
                "a term of the second is at most phi_1 (y_t - y_{t-1}), and these add up to phi_1 y_T",
                "p1*(y - y0) >= p*(y - y0)",
                "(p1 - p)*(y - y0)",
                "p p1 y y0",
                ["p1 - p >= 0", "y - y0 >= 0"],
            ),
            sign(
                "for phi_t = sqrt((1 - q^t)/t), as path.monotone has it of t/(1 - q^t): phi_1 = sqrt(1 - q), and "
                "phi_t^2 t <= 1 (y = q^t)",
                "1 >= (1 - y)/t*t",
                "y",
                "t y",
                ["y >= 0"],
            ),
        )
    )


def roots() -> Finding:
    return Finding(
        (
            identity("T = 1", "1/1", "2*1 - 1", "T"),
            sign(
                "from T to T + 1: a = sqrt(T), r = sqrt(T + 1), r^2 - a^2 = 1, and 1/r = (r^2 - a^2)/r",
                "2*r - 2*a >= (r**2 - a**2)/r",
                "(r - a)**2/r",
                "a r",
                ["r > 0"],
            ),
        )
    )


ENTRIES = (
    Entry(
        "path.monotone",
        "ours",
        "For beta1, beta2 in [0, 1), u_t >= 0 that never falls and eps >= 0: (1 - beta1^t)(sqrt(u_t/(1 - beta2^t)) + "
        "eps) sqrt(t) never falls, and (1 - beta2^t)/t never rises.",
        "proved",
        monotone,
        "Both bias corrections work against the growth of the preconditioner, and neither turns it: the running "
        "maximum first and the bias correction after it, as torch's AMSGrad has them, is as good as the textbook "
        "order.",
        uses=("thm2.8",),
    ),
    Entry(
        "path.jensen",
        "ours",
        "For m_t = b m_{t-1} + (1 - b) s_t and E_t = b E_{t-1} + (1 - b) s_t^2 from zero, 0 <= b < 1: "
        "m_t^2 <= (1 - b^t) E_t.",
        "proved",
        jensen,
        "The square of an average is at most the average of the squares times the weight so far: the factor 1/(1 - "
        "b^t) of the bias correction is paid once, by this, and lem1.h3 is not needed.",
        uses=("lem1.2", "lem1.h3"),
    ),
    Entry(
        "path.smooth",
        "ours",
        "For E_t = b E_{t-1} + (1 - b) s_t^2 from zero, 0 <= b < 1, and weights w_t >= 0 that never rise: "
        "sum_{t<=T} w_t E_t <= sum_{t<=T} w_t s_t^2.",
        "proved",
        smooth,
        "Averages come later than what they average, and later weights are smaller.",
    ),
    Entry(
        "path.second",
        "ours",
        "For v_t = b v_{t-1} + (1 - b) g_t^2 from zero, 0 <= b < 1, y_t = sqrt(max_{k<=t} v_k), phi_t > 0 that never "
        "rises, sums over rounds with y_t > 0: sum_{t<=T} phi_t g_t^2/y_t <= y_T (sum_{t<=T} phi_t + 2b/(1 - b) "
        "phi_1); and phi_t = sqrt((1 - b^t)/t) never rises, phi_1 = sqrt(1 - b), phi_t <= 1/sqrt(t).",
        "proved",
        second,
        "What the second moment's average is for: squared gradients over its running maximum add up as if each were of "
        "the maximum's size, and the lag of the average costs a constant, 2b/sqrt(1 - b), 63 at the default.",
        uses=("lem1", "lem1.14"),
        rests_on=("path.monotone",),
    ),
    Entry(
        "path.roots",
        "ours",
        "For all T >= 1: sum_{t<=T} 1/sqrt(t) <= 2 sqrt(T) - 1.",
        "proved",
        roots,
        "The sum that turns step sizes alpha/sqrt(t) into sqrt(T).",
    ),
)
