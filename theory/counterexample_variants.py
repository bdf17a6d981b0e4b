"""The correction on diffGrad, RAdam and AdaBelief, and the effective steps of the last two."""

from __future__ import annotations

from adanorm_verify.ledger import Step, claims, identity, sign

from .counterexample import DEFAULTS, constant_rate, endless, linear
from .counterexample_steps import BOUNDS, LET, entry, second_moment

GROWTH = "2*(t*z/(1 - z) - (t + 1)*b*z/(1 - b*z))"
"""rho_{t+1} - rho_t, with z = beta2^t and b = beta2."""
LEAST = "17/100"
"""Of AdaBelief's v_hat."""
MOST = "36"


def rectification() -> tuple[Step, ...]:
    """rho_t grows slowly, and the rectification with it."""
    return (
        sign(
            "z = beta2^t, d = 1 - beta2: z (1 + t d) <= 1. Step (base t = 0: equality)",
            "1 >= z*(1 - d)*(1 + (t + 1)*d)",
            "(1 - d)*(1 + (t + 1)*d)/(1 + t*d)*(1 - z*(1 + t*d)) + d**2*(t + 1)/(1 + t*d)",
            "z d t",
            ["1 - z*(1 + t*d) >= 0", "1 - d >= 0", "d > 0", "t >= 0"],
        ),
        sign(
            "and t d >= 1 - z. Step, z <= 1",
            "(t + 1)*d >= 1 - z*(1 - d)",
            "(t*d - (1 - z)) + d*(1 - z)",
            "z d t",
            ["t*d - (1 - z) >= 0", "d >= 0", "1 - z >= 0"],
        ),
        sign(
            "rho_{t+1} >= rho_t",
            f"{GROWTH} >= 0",
            "2*z*((t*(1 - b) - (1 - z)) + (1 - b)*(1 - z))/((1 - z)*(1 - b*z))",
            "z b t",
            ["t*(1 - b) - (1 - z) >= 0", "1 - b >= 0", "z > 0", "1 - z > 0", "1 - b*z > 0"],
        ),
        sign(
            "rho_{t+1} <= rho_t + 2",
            f"2 >= {GROWTH}",
            "2*(1 - z*(1 + t*(1 - b)))/((1 - z)*(1 - b*z))",
            "z b t",
            ["1 - z*(1 + t*(1 - b)) >= 0", "1 - z > 0", "1 - b*z > 0"],
        ),
        sign(
            "the squared rectification is h(rho)/h(rho_inf), h = (rho - 4)(rho - 2)/rho, which grows with rho >= 4: at "
            "most 1",
            "(y - 4)*(y - 2)/y >= (x - 4)*(x - 2)/x",
            "(y - x)*(x*(y - 4) + 4*(x - 4) + 8)/(x*y)",
            "x y",
            ["y - x >= 0", "x - 4 >= 0", "y - 4 >= 0", "x > 0", "y > 0"],
        ),
        sign(
            "and grows by at most 4 in two rounds, y <= x + 4",
            "(x - 4)*(x - 2)/x + 4 >= (y - 4)*(y - 2)/y",
            "(x + 4 - y) + 8*(y - x)/(x*y)",
            "x y",
            ["x + 4 - y >= 0", "y - x >= 0", "x > 0", "y > 0"],
        ),
    )


RHO = [
    *LET,
    ("rho_inf", "2/(1 - b2) - 1"),
    ("rho", "rho_inf - 2*N*b2**N/(1 - b2**N)"),
    ("h", "(rho - 4)*(rho - 2)/rho"),
    ("h_inf", "(rho_inf - 4)*(rho_inf - 2)/rho_inf"),
    ("grows", "sqrt((h + 4)/h)"),
]


def of_radam() -> tuple[Step, ...]:
    (low, high), (printed_low, printed_high) = BOUNDS["radam"], BOUNDS["radam.printed"]
    return (
        claims("rho_90 > 88: the rectified branch is taken from round 90 on", "rho > 88", let=RHO),
        claims(
            "with sqrt(1 - beta2^k): a_k = alpha_k r_k/((1 - beta1^k)(sqrt(v_hat_k) + eps/sqrt(1 - beta2^k))), r_k the "
            "root of the rectification. Bounds, and a ratio, coarsely: the largest numerator over the smallest "
            "denominator",
            f"{low} <= sqrt(h/h_inf)/(sqrt(373/100) + eps/sqrt(1 - b2**N))",
            f"bias/sqrt(366/100) <= {high}",
            "rate*bias*grows*(sqrt(373/100) + eps/sqrt(1 - b2**N))/sqrt(366/100) <= 3",
            let=RHO,
        ),
        sign(
            "with sqrt(1 - beta2), as printed: a_k = alpha_k sqrt(1/1000) r_k/((1 - beta1^k)(sqrt(v_k) + eps)). Here "
            "v_k >= 3.66 (1 - beta2^90), v_k <= q_0, and v grows by at most 2/100 in two rounds",
            "v + 18/1000 >= 999/1000*(999/1000*v + h/1000) + h2/1000",
            "(1 - (999/1000)**2)*v + (18 - h - h2)/1000 + h/1000000",
            "v h h2",
            ["1 - (999/1000)**2 >= 0", "v >= 0", "18 - h - h2 >= 0", "h >= 0"],
        ),
        sign(
            "and falls by at most a factor beta2^2",
            "999/1000*(999/1000*v + h/1000) + h2/1000 >= (999/1000)**2*v",
            "999/1000000*h + h2/1000",
            "v h h2",
            ["h >= 0", "h2 >= 0"],
        ),
        claims(
            "its bounds and ratio",
            f"{printed_low} <= sqrt(1/1000)*sqrt(h/h_inf)/(sqrt(q_0) + eps)",
            f"sqrt(1/1000)*bias/sqrt(v) <= {printed_high}",
            "rate*bias*grows*sqrt((v + 2/100)/v)/b2 <= 3",
            let=[*RHO, ("v", "366/100*(1 - b2**N)")],
        ),
    )


def belief_of_a_period() -> tuple[Step, ...]:
    """The belief cannot be small at a large gradient and at the small one after it."""
    known = ["abs_w - 6/5 >= 0"]
    return (
        identity(
            "X is the large s less the m before. At the large gradient s - m = 9/10 X, for m = M + (s - M)/10",
            "S - (M + (S - M)/10)",
            "9/10*(S - M)",
            "S M",
        ),
        identity(
            "at the next one, belief from s (here s1): s1 - m1 = 81/100 X - w with w = 9/10 (S - s1); m, the average "
            "before it, is S - 9/10 X",
            "s1 - (9/10*(S - 9/10*X) + s1/10)",
            "81/100*X - 9/10*(S - s1)",
            "S s1 X",
        ),
        identity(
            "belief from g: g1 - m1 = 81/100 X - w with w = 9/10 S - g1 + s1/10",
            "g1 - (9/10*(S - 9/10*X) + s1/10)",
            "81/100*X - (9/10*S - g1 + s1/10)",
            "S s1 g1 X",
        ),
        claims(
            "S = 3 or -3; the next gradient is 1 or -1, and its s has the same sign and size max(1, e) <= 1901/1141 < "
            "5/3 (cex.cycle), or is g itself: |w| >= 9/10 (3 - 5/3), or >= 27/10 - 9/10",
            "9/10*(3 - 5/3) >= 6/5",
            "27/10 - (1 - 1/10) >= 6/5",
            "1 - 5/3/10 >= 0",
            "1901/1141 < 5/3",
        ),
        identity(
            "the two squares sum to",
            "(9/10*X)**2 + (81/100*X - w)**2",
            "14661/10000*(X - 8100/14661*w)**2 + 8100/14661*w**2",
            "X w",
        ),
        sign(
            "with |w| >= 6/5 that is at least 3/4",
            "14661/10000*(X - 8100/14661*w)**2 + 8100/14661*abs_w**2 >= 3/4",
            "14661/10000*(X - 8100/14661*w)**2 + 8100/14661*(abs_w - 6/5)*(abs_w + 6/5) + (8100/14661*36/25 - 3/4)",
            "X w abs_w",
            [*known, "abs_w >= 0", "8100/14661*36/25 - 3/4 >= 0"],
        ),
        claims("the constant of that form", "8100/14661*36/25 - 3/4 >= 0"),
        sign(
            "no square is above 36: |g|, |s| <= 3 and |m| <= 3",
            "36 >= (s - m)**2",
            "((3 - s) + (3 + m))*((3 + s) + (3 - m))",
            "s m",
            ["3 - s >= 0", "3 + s >= 0", "3 - m >= 0", "3 + m >= 0"],
        ),
    )


def of_adabelief() -> tuple[Step, ...]:
    low, high = BOUNDS["adabelief"]
    b = "(999/1000)"
    return (
        sign(
            "v_{3n} >= 6/25 (1 - y), y = beta2^(3n) (base n = 0: 0). Step over a period with squares d1 + d2 >= 3/4",
            f"{b}**3*v + ({b}**2*d1 + {b}*d2 + d3)/1000 >= 6/25*(1 - {b}**3*y)",
            f"{b}**3*(v - 6/25*(1 - y)) + ({b}**2*(d1 + d2 - 3/4) + {b}/1000*d2 + d3)/1000 + "
            f"({b}**2*3/4/1000 - 6/25*(1 - {b}**3))",
            "v y d1 d2 d3",
            ["v - 6/25*(1 - y) >= 0", "d1 + d2 - 3/4 >= 0", "d2 >= 0", "d3 >= 0",
             f"{b}**2*3/4/1000 - 6/25*(1 - {b}**3) >= 0"],
        ),
        claims("the constant of that form", f"{b}**2*3/4/1000 - 6/25*(1 - {b}**3) >= 0"),
        sign(
            "v_hat_{3n+1} >= b 6/25 (1 - y)/(1 - b y), b = beta2, and that falls with y <= Y",
            "(1 - y)/(1 - b*y) >= (1 - Y)/(1 - b*Y)",
            "(1 - b)*(Y - y)/((1 - b*y)*(1 - b*Y))",
            "b y Y",
            ["1 - b >= 0", "Y - y >= 0", "1 - b*y > 0", "1 - b*Y > 0"],
        ),
        claims("for n >= 1, y <= beta2^3: at least 17/100", f"{b}*6/25*(1 - {b}**3)/(1 - {b}**4) >= {LEAST}"),
        sign(
            "v_hat_{3n+2} >= 17/100 too",
            f"{b}**2*v + ({b}*d1 + d2)/1000 >= {LEAST}*(1 - {b}**2*y)",
            f"{b}**2*(v - 6/25*(1 - y)) + (6/25 - {LEAST})*{b}**2*(1 - y) + ({b}*(d1 + d2 - 3/4) + d2/1000)/1000 + "
            f"({b}*3/4/1000 - {LEAST}*(1 - {b}**2))",
            "v y d1 d2",
            ["v - 6/25*(1 - y) >= 0", "d1 + d2 - 3/4 >= 0", "d2 >= 0", "1 - y >= 0", f"6/25 - {LEAST} >= 0",
             f"{b}*3/4/1000 - {LEAST}*(1 - {b}**2) >= 0"],
        ),
        claims("the constants of that form", f"6/25 - {LEAST} >= 0", f"{b}*3/4/1000 - {LEAST}*(1 - {b}**2) >= 0"),
        identity(
            "v_hat_{t+1} is an average of v_hat_t and the new square d with weight w = (1 - b)/(1 - b z), z = beta2^t, "
            "which falls with t",
            "(b*V*(1 - z) + (1 - b)*d)/(1 - b*z)",
            "V + (1 - b)/(1 - b*z)*(d - V)",
            "b V z d",
        ),
        claims(
            "from round 90 on w < 3/250; v_hat grows in two rounds by at most 2*36 w, and falls by at most the factor "
            "(1 - w)^2: a_k = alpha_k/((1 - beta1^k)(sqrt(v_hat_k) + eps)), its bounds and ratios",
            "w < 3/250",
            f"{low} <= 1/(sqrt({MOST}) + eps)",
            f"bias/sqrt({LEAST}) <= {high}",
            f"rate*bias*sqrt(({LEAST} + 2*{MOST}*w)/({LEAST})) <= 3",
            "bias/(1 - w) <= 3",
            let=[*LET, ("w", "(1 - b2)/(1 - b2**(N + 1))")],
        ),
    )  # fmt: skip


ENTRIES = (
    entry(
        "radam",
        "RAdam (RadamNorm)",
        "3",
        " So with the rectification of RAdam's own paper; with the one printed in Algorithms 5 and 6, whose sqrt(1 - "
        "beta2) lacks a t, the bounds are 1/400 and 3/50, the ratio the same.",
        "The rectification grows slowly; without its t it makes all steps about thirty times smaller in the long run, "
        "and nothing else.",
        second_moment(),
        rectification(),
        of_radam(),
    ),
    entry(
        "adabelief",
        "AdaBelief (AdaBeliefNorm)",
        "3",
        " So whether the belief is the distance of g or of s from m, corrected or not.",
        "AdaBelief's second moment depends on the path. But a gradient of norm 3 and one of norm 1 cannot both be near "
        "the same average, so that it stays above 0.17, and one round changes it little.",
        belief_of_a_period(),
        of_adabelief(),
        second_moment()[-2:],
    ),
    linear(
        "diffgrad",
        f"diffGradNorm ({DEFAULTS}, 0 <= eps <= 1/100)",
        "theta_t tends to 1 and R(T)/T to 2/3 with alpha_t = alpha/sqrt(t); liminf R(T)/T >= 0.6 with alpha_t = 0.001.",
        (endless(), constant_rate("diffgrad")),
        "The friction differs by up to a factor two between rounds, which momentum 0.9 can bear.",
        ("cex.momentum", "cex.steps.diffgrad"),
    ),
    linear(
        "radam",
        f"RadamNorm ({DEFAULTS}, 0 <= eps <= 1/100; rectified as in RAdam's paper or as printed)",
        "theta_t tends to 1 and R(T)/T to 2/3 with alpha_t = alpha/sqrt(t); liminf R(T)/T >= 0.6 with alpha_t = 0.001.",
        (endless(), constant_rate("radam")),
        "Rectified steps are Adam's times a factor that settles.",
        ("cex.momentum", "cex.steps.radam"),
    ),
    linear(
        "adabelief",
        f"AdaBeliefNorm ({DEFAULTS}, 0 <= eps <= 1/100; belief from s or from g)",
        "theta_t tends to 1 and R(T)/T to 2/3 with alpha_t = alpha/sqrt(t); liminf R(T)/T >= 0.6 with alpha_t = 0.001.",
        (endless(), constant_rate("adabelief")),
        "AdaBelief's steps depend on the path, but change little from round to round: enough.",
        ("cex.momentum", "cex.steps.adabelief"),
    ),
)
