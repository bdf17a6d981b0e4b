"""Symmetric noise is harmless, skewed noise is not, and how large the bias can be at all."""

from fractions import Fraction

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .noise_formulas import bias_constant, two_point_mean

MEMORY = ["gamma >= 0", "1 - gamma > 0"]


def symmetric() -> Finding:
    return Finding(
        (
            identity(
                "g and -g have the same norm (two coordinates are written out; n^2 is a sum of such squares), hence, "
                "with the past given, the same e_t = gamma e_{t-1} + (1-gamma) n_t and the same ratio c_t = max(1, "
                "e_t/n_t)",
                "(-x)**2 + (-y)**2",
                "x**2 + y**2",
                "x y",
            ),
            identity(
                "so their corrected gradients cancel, coordinate by coordinate; a law symmetric about 0 gives g and -g "
                "the same weight, and E[s_t | past] = 0",
                "(c*x + c*(-x))/2",
                "0",
                "c x",
            ),
            sign(
                "the mean exists: ||s_t|| <= n_t + e_{t-1}, where the correction fires",
                "n + e >= gamma*e + (1 - gamma)*n",
                "(1 - gamma)*e + gamma*n",
                "gamma n e",
                [*MEMORY, "e >= 0", "n >= 0"],
            ),
            sign("and where it does not", "n + e >= n", "e", "n e", ["e >= 0"]),
            identity(
                "Adam's preconditioner changes nothing at a fixed point: the law of the sequence of gradients is the "
                "same with all of them reversed, which reverses each s_k, hence m_t, and leaves v_t, made of squares, "
                "as it is; so m_hat_t/sqrt(v_hat_t), where defined, has the mean 0 if it has a mean (w: the "
                "denominator; x, y: s_1 and s_2, with weights a and b in m_t)",
                "((a*x + b*y)/w + (a*(-x) + b*(-y))/w)/2",
                "0",
                "a b w x y",
            ),
            identity("since the squares in v_t do not see the sign", "(-x)**2", "x**2", "x"),
        )
    )


def drift() -> Finding:
    lengths = ["u > 0", "v > 0", "u*v - k >= 0", "Mu > 0", "Mv > 0", "(Mu - Mv)*(u - v) >= 0", "gamma >= 0"]
    return Finding(
        (
            identity(
                "write phi(g) for s_t with the past fixed: odd, phi(g) = (1-gamma) g + gamma M(n) g/n with M(n) = "
                "max(n, e_{t-1}) (noise.mean). With x = mu + xi and y = xi - mu, xi and -xi having the same weight, "
                "mu.E s_t = E mu.(phi(x) - phi(y))/2 = E (x - y).(phi(x) - phi(y))/4, for x - y = 2 mu (a coordinate)",
                "m*((p + (-q))/2)",
                "(2*m)*(p - q)/4",
                "m p q",
            ),
            identity("x - y = 2 mu", "(m + z) - (z - m)", "2*m", "m z"),
            identity(
                "the product of x - y with M(u) x/u - M(v) y/v, u and v being the lengths and k the inner product of "
                "x and y",
                "Mu*u + Mv*v - k*(Mu/u + Mv/v)",
                "(Mu - Mv)*(u - v) + (u*v - k)*(Mu/u + Mv/v)",
                "Mu Mv u v k",
            ),
            sign(
                "is not negative: k <= uv (Cauchy-Schwarz), and M does not decrease",
                "gamma*(Mu*u + Mv*v - k*(Mu/u + Mv/v)) >= 0",
                "gamma*((Mu - Mv)*(u - v) + (u*v - k)*(Mu/u + Mv/v))",
                "Mu Mv u v k gamma",
                lengths,
            ),
            sign("M does not decrease: both lengths above e", "(u - v)*(u - v) >= 0", "(u - v)**2", "u v"),
            sign("or e between them (u >= e >= v)", "(u - e)*(u - v) >= 0", "(u - e)*((u - e) + (e - v))", "u v e",
                 ["u - e >= 0", "e - v >= 0"]),
            identity("or both below", "(e - e)*(u - v)", "0", "u v e"),
            sign("a zero among the two (v = 0, phi(0) = 0) leaves x.M(u) x/u = M(u) u", "Mu*u >= 0", "Mu*u", "Mu u",
                 ["Mu >= 0", "u >= 0"]),
            identity(
                "what remains is (1-gamma) ||x - y||^2/4 = (1-gamma) ||mu||^2 (a coordinate)",
                "(1 - gamma)*(2*m)**2/4",
                "(1 - gamma)*m**2",
                "gamma m",
            ),
            identity(
                "the factor is the best for a given past: in one dimension with e_{t-1} above both lengths, xi = +-z "
                "and z > mu > 0, the mean of s_t is exactly (1-gamma) mu",
                "(((1 - gamma)*(m + z) + gamma*e) + (-((1 - gamma)*(z - m) + gamma*e)))/2",
                "(1 - gamma)*m",
                "gamma m z e",
            ),
        )
    )  # fmt: skip


def skewed() -> Finding:
    instance = {
        "let": [("gamma", "19/20"), ("p", "1/3"), ("A", "2"), ("a", "1")],
        "then": [
            ("mean", "p*A - (1 - p)*a"),
            ("h", "p*A - (1 - p)*a - gamma*p*(1 - p)*(A - a)"),
            ("norm", "p*A + (1 - p)*a"),
        ],
    }
    value = two_point_mean(Fraction(1, 3), Fraction(2), Fraction(1), Fraction(19, 20))
    return Finding(
        (
            claims(
                "the gradient 2 with probability 1/3 and -1 with probability 2/3: bounded, with mean zero",
                "0 < p < 1",
                "0 < a < A",
                "0 <= gamma < 1",
                "mean == 0",
                role="hypothesis",
            ),
            claims(
                "by noise.two-point the mean corrected gradient tends to -19/90, and it is negative from round 36 on",
                f"h == {value}",
                "h + gamma**36*norm < 0",
                role="violation",
            ),
        ),
        instance,
        {"limit of E s_t": float(f"{float(value):.6g}")},
    )


def bias() -> Finding:
    return Finding(
        (
            identity(
                "noise.mean: s - g = gamma (max(n, e) - n) g/n, of length gamma (e - n)^+: where e >= n,",
                "(1 - gamma)*g + gamma*e*(g/n) - g",
                "gamma*(e - n)*(g/n)",
                "gamma e g n",
            ),
            identity("and where e <= n", "(1 - gamma)*g + gamma*n*(g/n) - g", "0", "gamma g n"),
            identity(
                "x^+ = (x + |x|)/2, for x >= 0 and (next) for x <= 0; e and n having the same mean, ||h - E g|| <= "
                "gamma E(e - n)^+ = gamma E|e - n|/2",
                "(x + x)/2",
                "x",
                "x",
            ),
            identity("and for x <= 0", "(x + (-x))/2", "0", "x"),
            sign(
                "E|x| <= sqrt(E x^2): |x| <= (x^2/l + l)/2 for every l > 0 (u is |x|), here with l^2 = E x^2",
                "(u**2/l + l)/2 >= u",
                "(u - l)**2/(2*l)",
                "u l",
                ["l > 0"],
            ),
            identity(
                "e, made of the past, is independent of n: E(e - n)^2 = Var e + Var n, and Var e = (1-gamma)/(1+gamma) "
                "Var n is what w = gamma^2 w + (1-gamma)^2 Var n leaves as it is",
                "gamma**2*((1 - gamma)/(1 + gamma)*V) + (1 - gamma)**2*V",
                "(1 - gamma)/(1 + gamma)*V",
                "gamma V",
            ),
            identity("together", "(1 - gamma)/(1 + gamma)*V + V", "2/(1 + gamma)*V", "gamma V"),
            identity(
                "the square of the bound gamma sd(n)/sqrt(2 (1+gamma)) is that of gamma/2 sqrt(2 Var n/(1+gamma))",
                "gamma**2*V/(2*(1 + gamma))",
                "(gamma/2)**2*(2/(1 + gamma)*V)",
                "gamma V",
            ),
            sign(
                "less than half a standard deviation for every gamma: gamma^2 < (1+gamma)/2 in [0, 1)",
                "(1 + gamma)/2 > gamma**2",
                "(1 - gamma)*(1/2 + gamma)",
                "gamma",
                MEMORY,
            ),
            identity(
                "two-point gradients with p = 1/2 have the bias gamma/2 sd(n), for sd(n) = (A - a)/2: the constant is "
                "the best in the limit gamma to 1, where both are 1/2",
                "gamma*(1/2)*(1 - 1/2)*(A - a)",
                "gamma/2*((A - a)/2)",
                "gamma A a",
            ),
            claims(
                "at gamma = 0.95: less than 0.4811",
                "gamma**2/(2*(1 + gamma)) < 0.4811**2",
                let=[("gamma", "19/20")],
            ),
        ),
        figures={
            "constant by gamma": {str(g): float(f"{bias_constant(g):.4f}") for g in (0.5, 0.9, 0.95, 0.99, 0.999)}
        },
    )


def only_symmetric() -> Finding:
    return Finding(
        (
            identity(
                "gradients +-A and +-a with probabilities p1, p2 and q1, q2: x = p1 - p2, y = q1 - q2, P = p1 + p2; by "
                "noise.two-sizes with L = xA, S = ya, h is the mean plus gamma y P (A - a)",
                "x*A + y*a + gamma*P*(A/a - 1)*(y*a)",
                "x*A + y*a + gamma*y*P*(A - a)",
                "x y P A a gamma",
            ),
            sign(
                "with mean zero, h^2 > 0 unless y = 0",
                "(gamma*y*P*(A - a))**2 > 0",
                "gamma**2*y**2*P**2*(A - a)**2",
                "y P A a gamma",
                ["gamma**2 > 0", "y**2 > 0", "P**2 > 0", "(A - a)**2 > 0"],
            ),
            identity(
                "and with y = 0 the mean is xA, which is zero only if x = 0: p1 = p2 and q1 = q2, a symmetric law",
                "x*A + 0*a",
                "x*A",
                "x A a",
            ),
        )
    )


ENTRIES = (
    Entry(
        "noise.symmetric",
        "ours",
        "If, given the past, the law of g_t is symmetric about 0 and has a mean, then E[s_t | past] = 0, in any "
        "dimension and for every gamma; if the gradients at a fixed point are independent and so distributed, the "
        "mean step of AdamNorm (m_hat/sqrt(v_hat), where its mean exists) is zero as well.",
        "proved",
        symmetric,
        "The ratio c_t depends on the gradient by its norm alone, so opposite gradients are corrected alike and "
        "cancel. Symmetric noise about a zero mean is harmless, with Adam's denominator too, which reads squares.",
    ),
    Entry(
        "noise.symmetric.drift",
        "ours",
        "If, given the past, g_t = mu + xi with xi symmetric about 0, then mu . E[s_t | past] >= (1-gamma) ||mu||^2, "
        "in any dimension; in one dimension the mean corrected gradient has the sign of mu. The factor 1-gamma cannot "
        "be raised.",
        "proved",
        drift,
        "With noise that is symmetric about the true gradient the mean corrected gradient still descends: it is at "
        "worst 1-gamma = 1/20 of the true one in its direction. In several dimensions it may turn away from the true "
        "one by less than a right angle. So symmetric noise can slow the method down, but never sends it the wrong "
        "way.",
        rests_on=("noise.mean",),
    ),
    Entry(
        "noise.two-sizes.symmetric",
        "ours",
        "A law on +-a and +-A, 0 < a < A, with mean zero and P(|g| = A) > 0 has h = 0 for some gamma in (0, 1) only "
        "if it is symmetric, and then for all.",
        "proved",
        only_symmetric,
        "Among gradients of two sizes the harmless noise is exactly the symmetric one: that symmetry is enough is "
        "noise.symmetric.",
        rests_on=("noise.two-sizes", "noise.symmetric"),
    ),
    Entry(
        "noise.skewed",
        "ours",
        "If gradients at a point are i.i.d. and bounded with mean zero, then E s_t tends to zero there: noise without "
        "a bias is harmless.",
        "refuted",
        skewed,
        "2 once and -1 twice in three rounds: the mean is zero and the mean corrected gradient is -19/90, a fifth of "
        "the frequent gradient. The drift is against the rare large gradient.",
        repair="Noise symmetric about its mean (noise.symmetric, noise.symmetric.drift), or gamma = 0.",
        rests_on=("noise.two-point",),
    ),
    Entry(
        "noise.bias",
        "ours",
        "For gradients i.i.d. in R^d with finite E n^2: ||h - E g|| <= gamma/sqrt(2 (1+gamma)) sd(n), which is less "
        "than half a standard deviation of the norm (0.4811 at gamma = 0.95).",
        "proved",
        bias,
        "However the noise is distributed, the bias of the mean corrected gradient is at most half a standard "
        "deviation of the gradient's norm; where the norm hardly varies, there is hardly a bias. For two-point "
        "gradients with p = 1/2 the bias is gamma/2 of it, so that the constant is the best possible as gamma tends "
        "to 1.",
        rests_on=("noise.mean",),
    ),
)
