"""The proof of Theorem 2, lines 1 to 3: convexity, the update, its square."""

from typing import Any

from adanorm_verify.ledger import Entry, Finding, Step, claims, identity, sign

from .printed_runs import DEFAULTS, best, bounded, distance, near, parameters, run

PLACE = "supplement, proof of Theorem 2"
ONE = [("G", "1"), ("G_inf", "1")]


def not_the_best_point() -> Finding:
    instance = {
        "let": [*DEFAULTS, *ONE, ("star", "0"), ("D", "0.001")],
        "run": run([distance()], "1", 2),
    }
    far = claims("the second point met is 999 times as far from star as D", "abs(theta[2] - star) == 999*D",
                 role="violation")  # fmt: skip
    return Finding((parameters(), *bounded("1"), best("1"), far), instance)


def convexity() -> Finding:
    return Finding(
        (
            sign(
                "f convex on the segment from x to y, p = g.(y - x) the derivative of f at x along it, q = (f(x + "
                "h(y - x)) - f(x))/h its difference quotient, 0 < h <= 1. Convexity, f(x + h(y - x)) <= (1 - h) f(x) "
                "+ h f(y) (F is the left side, fx = f(x), fy = f(y)), makes the quotient at most f(y) - f(x)",
                "fy - fx >= (F - fx)/h",
                "((1 - h)*fx + h*fy - F)/h",
                "F fx fy h",
                ["(1 - h)*fx + h*fy - F >= 0", "h > 0"],
            ),
            sign(
                "if p exceeded f(y) - f(x), by k > 0, then at an h for which q is within k/2 of its limit p the "
                "quotient would exceed f(y) - f(x), against the step before; so p <= f(y) - f(x), for every "
                "differentiable convex f",
                "q > fy - fx",
                "(q - (fy - fx + k - k/2)) + k/2",
                "q fx fy k",
                ["q - (fy - fx + k - k/2) >= 0", "k > 0"],
            ),
            sign(
                "where f is a maximum of affine functions a_j.x + b_j and piece i is the largest at x, its slope "
                "serves as gradient, kinks included: f(y) >= a_i.y + b_i (in one coordinate; M = f(y))",
                "M >= a*x + b + a*(y - x)",
                "M - (a*y + b)",
                "M a b x y",
                ["M - (a*y + b) >= 0"],
            ),
            identity(
                "x = theta_t, y = theta*: f(theta_t) - f(theta*) <= -p = g.(theta_t - theta*), coordinate by "
                "coordinate",
                "-(g*(y - x))",
                "g*(x - y)",
                "g x y",
            ),
        )
    )


def gradient_of_the_point_before() -> Finding:
    instance = {
        "let": [*DEFAULTS, *ONE, ("star", "0"), ("D", "0.001")],
        "run": run([distance()], "alpha/2", 1),
        "then": [("theta_0", "theta[1]"), ("theta_1", "theta[2]")],
    }
    violated = claims(
        "Algorithm 2 starts at theta_0 and takes g_1 there; its theta_1 lies beyond the minimum, where the slope has "
        "changed its sign: the loss there is alpha/2, and the product is -alpha/2",
        "loss(1, theta_1) - loss(1, star) == alpha/2",
        "g[1]*(theta_1 - star) == -(alpha/2)",
        "loss(1, theta_1) - loss(1, star) > g[1]*(theta_1 - star)",
        role="violation",
    )
    inside = claims("theta_1 is within D of star, too", "abs(theta_1 - star) <= D", role="hypothesis")
    return Finding((parameters(), *bounded("1"), best("1"), near(), inside, violated), instance)


def corrected_run() -> dict[str, Any]:
    """A gradient of 40, then one of -1 that the correction nearly doubles; even Lemma 1's own hypotheses hold."""
    return {
        "let": [*DEFAULTS, ("G", "40"), ("G_inf", "78"), ("star", "0"), ("D", "1")],
        "run": run([distance("40"), distance("1", "2")], "1", 2),
        "then": [("alpha_2", "alpha/sqrt(2)"), ("beta1_2", "beta1*lam"), ("x", "theta[2] - star")],
    }


def corrected_hypotheses() -> tuple[Step, ...]:
    fires = claims("the correction fires in round 2", "c[2] == 1.95", role="hypothesis")
    return (parameters(), *bounded("40, 1"), best("1", "2"), near(), fires)


def update_with_g() -> Finding:
    printed = "theta[2] - alpha_2/(1 - beta1**2)*(beta1_2*m[1] + (1 - beta1_2)*g[2])/sqrt(v_hat[2])"
    violated = claims(
        "the optimizer moves up by more than what is printed says",
        f"theta[3] > {printed}",
        f"theta[3] - ({printed}) > alpha/100",
        role="violation",
    )
    return Finding((*corrected_hypotheses(), violated), corrected_run())


def update_with_s() -> Finding:
    step = identity(
        "r = sqrt(v_hat_t) > 0, B = beta1^t < 1, b = beta1_t, m = m_{t-1}, a = alpha_t: the update with the first "
        "moment written out",
        "x - a*((b*m + (1 - b)*s)/(1 - B))/r",
        "x - a/(1 - B)*(b/r*m + (1 - b)/r*s)",
        "x a b m s B r",
    )
    return Finding((step,))


def square_of_the_step() -> Finding:
    instance = {
        "let": [*DEFAULTS, ("G", "2"), ("G_inf", "2"), ("star", "0"), ("D", "1")],
        "run": run([distance("2")], "1", 1),
        "then": [
            ("x", "theta[1] - star"),
            ("middle", "2*alpha/(1 - beta1)*((1 - beta1)/sqrt(v_hat[1])*g[1])*x"),
        ],
    }
    violated = claims(
        "m_hat = 2, v_hat = 4: the last term printed is alpha^2/4, the step's square is alpha^2",
        "(theta[2] - star)**2 == x**2 - middle + alpha**2",
        "(theta[2] - star)**2 > x**2 - middle + alpha**2*(m_hat[1]/v_hat[1])**2",
        role="violation",
    )
    return Finding((parameters(), *bounded("2"), best("1"), near(), violated), instance)


def square_with_the_root() -> Finding:
    step = identity(
        "x = theta_t - theta*, M = m_hat_t, r = sqrt(v_hat_t) > 0: the last term is alpha_t^2 M^2/r^2 = alpha_t^2 "
        "m_hat^2/v_hat",
        "(x - a*M/r)**2",
        "x**2 - 2*a*M/r*x + a**2*M**2/r**2",
        "x a M r",
    )
    return Finding((step,))


ENTRIES = (
    Entry(
        "thm2.0",
        "Theorem 2, hypotheses",
        "If ||theta_n - theta_m||_2 <= D for all n, m in 1..T, then ||theta_t - theta*||_2 <= D for all t in 1..T.",
        "refuted",
        not_the_best_point,
        "The hypotheses bound how far apart the points are that the optimizer visits; the proof replaces the distance "
        "from such a point to the best fixed point by the same D. Nothing ties the best point to the visited ones: an "
        "optimizer with small steps visits a small region far from it. With f = |x|, the start at 1 and the default "
        "hyperparameters, D = 0.001 is right and the distance needed is 0.999.",
        repair="Assume ||theta_t - theta*|| <= D, or project onto a set of diameter D that contains theta*.",
    ),
    Entry(
        "thm2.1.a",
        f"{PLACE}, line 1",
        "For convex f_t and g_t its gradient at theta_t: f_t(theta_t) - f_t(theta*) <= g_t.(theta_t - theta*).",
        "proved",
        convexity,
        "The tangent of a convex function lies below it. For differentiable losses it is the limit of difference "
        "quotients; for maxima of affine functions, which the counterexamples of this ledger use, the slope of a piece "
        "that is largest at the point does it, at kinks as well. Everything after this line needs g_t to be the "
        "gradient at the very point whose loss is counted.",
    ),
    Entry(
        "thm2.1.b",
        f"{PLACE}, line 1, with Algorithm 2's indices",
        "For convex f_t, g_t its gradient at theta_{t-1}, and theta_t the point after the update with g_t (Algorithm "
        "2): f_t(theta_t) - f_t(theta*) <= g_t.(theta_t - theta*).",
        "refuted",
        gradient_of_the_point_before,
        "Algorithm 2 calls theta_t the point after the update that used the gradient at theta_{t-1}; the regret "
        "counts f_t(theta_t). Read so, the first line of the proof compares a loss at one point with a slope taken "
        "at another, and fails as soon as a step passes the minimum: f = |x|, start at half a step from it.",
        repair="Count f_t at the point where g_t is taken: theta[t] is the point met in round t, as the rest of the "
        "proof (theta_{t+1} = theta_t - ...) has it. This ledger reads the theorem so.",
    ),
    Entry(
        "thm2.2",
        f"{PLACE}, line 2",
        "For AdamNorm with beta1_t: theta_{t+1} = theta_t - alpha_t/(1 - beta1^t) (beta1_t m_{t-1} + (1 - beta1_t) "
        "g_t)/sqrt(v_hat_t).",
        "refuted",
        update_with_g,
        "The first moment of AdamNorm averages the corrected gradients s_t; the line expands it with the raw g_t, "
        "which is Adam's update. The two differ in every round in which the correction fires. Gradients 40 and -1 at "
        "the default hyperparameters give c_2 = 1.95. From here on the proof is about another algorithm.",
        repair="s_t for g_t (thm2.2.repaired).",
    ),
    Entry(
        "thm2.2.repaired",
        f"{PLACE}, line 2, with s_t",
        "For AdamNorm with beta1_t, where v_hat_t > 0: theta_{t+1} = theta_t - alpha_t/(1 - beta1^t) (beta1_t "
        "m_{t-1} + (1 - beta1_t) s_t)/sqrt(v_hat_t).",
        "proved",
        update_with_s,
        "The update written out with the corrected gradient. The bias correction keeps the power of the initial beta1 "
        "while the weights come from beta1_t, so m_hat is no weighted mean once beta1_t decays; the identity does not "
        "need it to be one.",
        uses=("thm2.2",),
    ),
    Entry(
        "thm2.3",
        f"{PLACE}, line 3",
        "The square of the update has alpha_t^2 (m_hat_{t,i}/v_hat_{t,i})^2 as its last term.",
        "refuted",
        square_of_the_step,
        "The step is m_hat/sqrt(v_hat), so its square is m_hat^2/v_hat; the line squares v_hat once too often. Already "
        "one gradient of 2 shows it. The next line of the proof has the term right, so this is a slip that the proof "
        "does not carry on.",
        repair="m_hat^2/v_hat (thm2.3.repaired).",
        uses=("thm2.2",),
    ),
    Entry(
        "thm2.3.repaired",
        f"{PLACE}, line 3, with the root",
        "Where v_hat > 0: (theta_{t+1} - theta*)^2 = (theta_t - theta*)^2 - 2 alpha_t m_hat/sqrt(v_hat) (theta_t - "
        "theta*) + alpha_t^2 m_hat^2/v_hat.",
        "proved",
        square_with_the_root,
        "The square of a difference, coordinate by coordinate.",
        uses=("thm2.3",),
    ),
)
