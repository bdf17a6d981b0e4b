"""What the corrected Lemma 1 rests on: two classical inequalities, the two moments, and a weighted sum over rounds.

One coordinate: `g_t` real, `s_t = c_t g_t` with any ratios `|c_t| <= C`, `m` and `v` and their bias-corrected forms as
in the paper. `K = (1-beta1)^2/((1-beta2)(1 - beta1^2/beta2))`, 52.9 at the defaults.
"""

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

DEFAULTS = [("beta1", "9/10"), ("beta2", "999/1000")]


def cauchy() -> Finding:
    return Finding(
        (
            sign("one term: equality", "a**2*b**2 >= (a*b)**2", "0", "a b"),
            sign(
                "one more term: A = sum a_k^2 > 0, B = sum b_k^2, P = sum a_k b_k with P^2 <= A B (so far), then a, b",
                "(A + a**2)*(B + b**2) >= (P + a*b)**2",
                "(A*B - P**2) + ((A*b - P*a)**2 + a**2*(A*B - P**2))/A",
                "A B P a b",
                ["A > 0", "A*B - P**2 >= 0"],
            ),
        )
    )


def harmonic() -> Finding:
    return Finding(
        (
            claims("T = 1: H_1 = 1 = 1 + log 1", "1 <= 1 + log(1)"),
            sign(
                "log(1+x) - x/(1+x) is 0 at x = 0 and its derivative is not negative for x >= 0, so that "
                "log((T+1)/T) >= 1/(T+1), with x = 1/T: H_{T+1} - H_T is at most log(T+1) - log T",
                "1/(1+x) - 1/(1+x)**2 >= 0",
                "x/(1+x)**2",
                "x",
                ["x >= 0", "1 + x > 0"],
            ),
            identity("x/(1+x) at x = 1/T is 1/(T+1)", "(1/T)/(1+1/T)", "1/(T+1)", "T"),
        )
    )


def moment() -> Finding:
    one_step = (
        "one round, for any beta1_t = p in [0, 1): m = p m' + (1-p) c g and v = beta2 v' + (1-beta2) g^2; L stands for "
        "C^2, A > 0 is a number with m'^2 <= L A v' (the claim of the round before), and then m^2 <= L A_t v with "
        "A_t = p^2 A/beta2 + (1-p)^2/(1-beta2)"
    )
    return Finding(
        (
            sign(
                "t = 1: m_1^2 = (1-p)^2 c^2 g^2 <= C^2 A_1 v_1 with A_1 = (1-p)^2/(1-beta2), v_1 = (1-beta2) g^2",
                "L*((1-p)**2/(1-beta2))*((1-beta2)*g**2) >= ((1-p)*c*g)**2",
                "(1-p)**2*g**2*(L - c**2)",
                "L p beta2 g c",
                ["L - c**2 >= 0"],
            ),
            sign(
                one_step,
                "L*(p**2*A/beta2 + (1-p)**2/(1-beta2))*(beta2*v + (1-beta2)*g**2) >= (p*m + (1-p)*c*g)**2",
                "p**2*(L*A*v - m**2) + (1-p)**2*g**2*(L - c**2)"
                " + (1-p)**2*beta2*(L*A*v - m**2)/((1-beta2)*A) + p**2*A*(1-beta2)*g**2*(L - c**2)/beta2"
                " + ((1-p)*beta2*m - p*A*(1-beta2)*c*g)**2/((1-beta2)*A*beta2)",
                "L A p beta2 v m c g",
                ["L - c**2 >= 0", "L*A*v - m**2 >= 0", "A > 0", "beta2 > 0", "1 - beta2 > 0"],
            ),
            identity(
                "constant beta1: A_t = (1 - rho^t) K with rho = beta1^2/beta2 solves that recursion (y = rho^(t-1))",
                "beta1**2/beta2*(1-y)*((1-beta1)**2/((1-beta2)*(1-beta1**2/beta2))) + (1-beta1)**2/(1-beta2)",
                "(1-beta1**2/beta2*y)*((1-beta1)**2/((1-beta2)*(1-beta1**2/beta2)))",
                "beta1 beta2 y",
            ),
            sign(
                "hence m_t^2 <= C^2 K v_t: A_t is at most K (y = rho^t)",
                "K >= (1-y)*K",
                "K*y",
                "K y",
                ["K >= 0", "y >= 0"],
            ),
            sign(
                "with bias corrections the factor (1 - rho^t)(1 - beta2^t)/(1 - beta1^t)^2 is at most 1 "
                "(y = beta1^t, z = beta2^t, so that rho^t = y^2/z), hence m_hat_t^2 <= C^2 K v_hat_t",
                "(1-y)**2 >= (1 - y**2/z)*(1-z)",
                "(z-y)**2/z",
                "y z",
                ["z > 0"],
            ),
            identity(
                "and none smaller will do without bias corrections: g_k = (beta2/beta1)^(k-t) for k <= t, c_k = 1, has "
                "m_t = (1-beta1) S, v_t = (1-beta2) S with S = sum_(j<t) rho^j, as beta1^j (beta1/beta2)^j = rho^j = "
                "beta2^j (beta1/beta2)^(2j); and m_t^2/v_t is (1 - rho^t) K (x = rho, y = rho^t, S = (1-y)/(1-x))",
                "((1-beta1)*(1-y)/(1-x))**2/((1-beta2)*(1-y)/(1-x))",
                "(1-y)*((1-beta1)**2/((1-beta2)*(1-x)))",
                "beta1 beta2 x y",
            ),
            claims(
                "at the defaults sqrt(K) is less than 7.271 and more than 7.27",
                "beta1**2 < beta2",
                "727/100 < (1-beta1)/sqrt((1-beta2)*(1-beta1**2/beta2)) < 7271/1000",
                let=DEFAULTS,
            ),
        ),
        figures={"sqrt(K) at the defaults": 7.2703},
    )


def weighted_sum() -> Finding:
    return Finding(
        (
            sign(
                "one round t >= 2: a = |m_t| <= b |m_{t-1}| + (1-b)|s_t| (the triangle inequality, assumed for the "
                "names below), r = r_t <= r_{t-1} = q, b = beta1_t and f = beta1_{t-1}/(1-beta1_{t-1}), which is not "
                "below b/(1-b). Then r_t|s_t| - r_t|m_t| is at least phi_t - phi_{t-1}, where "
                "phi_t = beta1_t/(1-beta1_t) r_t |m_t|",
                "r*s - r*a >= b/(1-b)*r*a - f*q*p",
                "r*((1-b)*s + b*p - a)/(1-b) + p*(f*(q-r) + (f - b/(1-b))*r)",
                "r s a b f q p",
                [
                    "r >= 0",
                    "(1-b)*s + b*p - a >= 0",
                    "1 - b > 0",
                    "p >= 0",
                    "f >= 0",
                    "q - r >= 0",
                    "f - b/(1-b) >= 0",
                ],
            ),
            identity(
                "t = 1: |m_1| = (1-b)|s_1|, and r_1|s_1| - r_1|m_1| is phi_1 itself",
                "r*s - r*((1-b)*s)",
                "b/(1-b)*r*((1-b)*s)",
                "r s b",
            ),
            sign(
                "summed over t: sum r_t|s_t| - sum r_t|m_t| >= phi_T >= 0",
                "b/(1-b)*r*a >= 0",
                "b*r*a/(1-b)",
                "b r a",
                ["b >= 0", "r >= 0", "a >= 0", "1 - b > 0"],
            ),
            sign(
                "weights of the claims: r_t = 1/(sqrt(t)(1 - beta1^t)) does not increase, because beta1^t does not",
                "1/(1-y) >= 1/(1-b*y)",
                "y*(1-b)/((1-y)*(1-b*y))",
                "b y",
                ["y >= 0", "1-b >= 0", "1-y > 0", "1-b*y > 0"],
            ),
        )
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "rep.cauchy",
        "ours, a tool",
        "For all reals a_k, b_k and all T: (sum_{k<=T} a_k b_k)^2 <= (sum a_k^2)(sum b_k^2).",
        "proved",
        cauchy,
        "Cauchy and Schwarz's inequality, by induction on the number of terms; the sums of the other entries use it "
        "with weights. (While all a_k are zero both sides are zero; the step takes over at the first that is not.)",
    ),
    Entry(
        "rep.harmonic",
        "ours, a tool",
        "For all T >= 1: H_T = 1 + 1/2 + ... + 1/T <= 1 + log T.",
        "proved",
        harmonic,
        "The usual comparison of the harmonic sum with the logarithm, one term at a time.",
    ),
    Entry(
        "rep.moment",
        "ours, for Lemma 1",
        "For all beta1, beta2 in [0, 1) with beta1^2 < beta2, all gradients and all ratios |c_t| <= C: "
        "|m_t| <= C sqrt(K) sqrt(v_t) and |m_hat_t| <= C sqrt(K) sqrt(v_hat_t) in every round, "
        "K = (1-beta1)^2/((1-beta2)(1-beta1^2/beta2)). For decaying beta1_t: m_t^2 <= C^2 A_t v_t with "
        "A_t = beta1_t^2 A_{t-1}/beta2 + (1-beta1_t)^2/(1-beta2).",
        "proved",
        moment,
        "A step of Adam is bounded: whatever the gradients, the quotient of the moments stays below a constant, 7.27 "
        "at the defaults, times the largest ratio of the correction. The bias corrections do not worsen the constant, "
        "for any pair of betas. It is the best one without them: gradients that grow like (beta2/beta1)^t come as "
        "close to it as one likes. A larger second moment (AMSGrad's maximum) only helps.",
        uses=("lem1",),
    ),
    Entry(
        "rep.sum",
        "ours, for Lemma 1",
        "For all T, gradients and ratios, every non-increasing beta1_t in [0, 1), and all weights r_1 >= r_2 >= ... >= "
        "0: sum_{t<=T} r_t |m_t| <= sum_{k<=T} r_k |c_k| |g_k|. In particular sum |m_t|/sqrt(t) <= sum "
        "|c_k||g_k|/sqrt(k), and for constant beta1 sum |m_hat_t|/sqrt(t) <= sum |c_k||g_k|/(sqrt(k)(1-beta1^k)).",
        "proved",
        weighted_sum,
        "Momentum hands each gradient on to later rounds in shares that add up to at most one, and later rounds weigh "
        "less. The proof is a telescoping sum, so that no exchange of double sums is needed, and it covers decaying "
        "beta1_t. Weights of the claims: 1/sqrt(t) and 1/(sqrt(t)(1-beta1^t)), both non-increasing.",
        uses=("lem1.10.a",),
    ),
)
