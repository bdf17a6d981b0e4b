"""The corrected Lemma 1 for other betas, without bias corrections, for decaying beta1, and under only eta < 1."""

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .repaired_attack import attack_variant
from .repaired_steps import DEFAULTS


def general() -> Finding:
    evidence, shown = attack_variant("general")
    steps = (
        identity(
            "one term is |m_hat_t|/sqrt(v_hat_t) times |m_hat_t|/sqrt(t), the first factor at most C sqrt(K) "
            "(rep.moment); u = sqrt(v_hat_t), r = sqrt(t)",
            "m**2/(r*u)",
            "(m/u)*(m/r)",
            "m r u",
        ),
        sign(
            "rep.sum: the sum of the second is at most sum c_k|g_k|/(sqrt(k)(1-beta1^k)), and beta1^k <= beta1 "
            "(y = beta1^k, b - y >= 0)",
            "1/(1-b) >= 1/(1-y)",
            "(b-y)/((1-b)*(1-y))",
            "b y",
            ["b-y >= 0", "1-b > 0", "1-y > 0"],
        ),
        identity(
            "sqrt(K)/(1-beta1) = 1/sqrt((1-beta2)(1-beta1^2/beta2)), w for that root; then rep.cauchy, rep.harmonic",
            "(1-b)/w/(1-b)",
            "1/w",
            "b w",
        ),
        claims(
            "at the defaults the general constant is 72.7, ten times the one of rep.lemma1",
            "727/10 < 1/sqrt((1-beta2)*(1-beta1**2/beta2)) < 7271/100",
            let=DEFAULTS,
        ),
        evidence,
    )
    return Finding(steps, figures={"constant at the defaults (claimed, proved)": [1759.45, 72.703]} | shown)


def plain() -> Finding:
    evidence, shown = attack_variant("plain")
    steps = (
        identity(
            "one term is |m_t|/sqrt(v_t), at most C sqrt(K) (rep.moment), times |m_t|/sqrt(t), whose sum is at most "
            "sum c_k|g_k|/sqrt(k) (rep.sum); u = sqrt(v_t), r = sqrt(t); then rep.cauchy and rep.harmonic",
            "m**2/(r*u)",
            "(m/u)*(m/r)",
            "m r u",
        ),
        sign(
            "with the largest v so far (AMSGrad; x >= u > 0) each term is smaller",
            "m**2/(r*u) >= m**2/(r*x)",
            "m**2*(x-u)/(r*u*x)",
            "m r u x",
            ["x-u >= 0", "r > 0", "u > 0", "x > 0"],
        ),
        evidence,
    )
    return Finding(steps, figures=shown)


def decaying() -> Finding:
    evidence, shown = attack_variant("decaying")
    steps = (
        sign(
            "A_t = b^2 A_{t-1}/beta2 + (1-b)^2/(1-beta2) of rep.moment never exceeds 1/(1-beta2), if A_{t-1} does not: "
            "b = beta1_t, and b (1+beta2) <= 2 beta2; a = 1/(1-beta2) - A_{t-1}",
            "1/(1-beta2) >= b**2/beta2*(1/(1-beta2) - a) + (1-b)**2/(1-beta2)",
            "b**2*a/beta2 + b*(2*beta2 - b*(1+beta2))/(beta2*(1-beta2))",
            "beta2 b a",
            ["a >= 0", "b >= 0", "2*beta2 - b*(1+beta2) >= 0", "beta2 > 0", "1-beta2 > 0"],
        ),
        sign(
            "t = 1: A_1 = (1-b)^2/(1-beta2) is at most that",
            "1/(1-beta2) >= (1-b)**2/(1-beta2)",
            "b*(1 + (1-b))/(1-beta2)",
            "beta2 b",
            ["b >= 0", "1-b >= 0", "1-beta2 > 0"],
        ),
        identity(
            "without bias corrections: a term is |m_t|/sqrt(v_t) <= C/sqrt(1-beta2) times |m_t|/sqrt(t), and rep.sum "
            "covers beta1_t that do not increase",
            "m**2/(r*u)",
            "(m/u)*(m/r)",
            "m r u",
        ),
        claims(
            "with Algorithm 2's bias corrections, powers of the first beta1: the factor D_t = sqrt(1-beta2^t)/"
            "(1-beta1^t)^2 is at most 1.24 for t = 2 and at most 1 for t = 3..13; and 4 beta1^14 <= beta2^14",
            "1-beta2**2 <= (124/100)**2*(1-beta1**2)**4",
            "all(1-beta2**t <= (1-beta1**t)**4 for t in range(3, 14))",
            "4*beta1**14 <= beta2**14",
            "9/10*(1+beta2) <= 2*beta2",
            let=DEFAULTS,
        ),
        sign(
            "and at most 1 for t >= 14, where 4 beta1^t <= beta2^t: y = beta1^t, z = beta2^t",
            "(1-y)**4 >= 1-z",
            "(z - 4*y) + y**2*(2 + (2-y)**2)",
            "y z",
            ["z - 4*y >= 0"],
        ),
        claims(
            "t = 1 is c_1^2|g_1| as in rep.lemma1; rep.sum from t = 2 with r_t = 1.24/sqrt(t) begins with "
            "phi = beta1 c_1|g_1| 1.24/sqrt(2): together not more than 1.24/sqrt(1-beta2) C c_1|g_1|, and the constant "
            "is below 39.3",
            "1 + beta1*124/100/sqrt(2)/sqrt(1-beta2) <= 124/100/sqrt(1-beta2)",
            "124/100/sqrt(1-beta2) < 393/10",
            let=DEFAULTS,
        ),
        evidence,
    )
    return Finding(steps, figures={"constant (claimed, proved)": [1759.45, 39.3]} | shown)


def under_eta() -> Finding:
    evidence, shown = attack_variant("eta")
    steps = (
        sign(
            "mu_t = b mu_{t-1} + (1-b) C|g_t| bounds |m_t|. x = mu_{t-1}, a = |g_t|, s = sqrt(beta2), d = "
            "sqrt(1-beta2), p = sqrt(v_{t-1}) > 0, u = sqrt(v_t), not below s p nor d a: mu_t^2/u <= b^2/s x^2/p + "
            "C(1-b)/d (b x + mu_t)",
            "b**2*x**2/(s*p) + C*(1-b)/d*(b*x + (b*x + (1-b)*C*a)) >= (b*x + (1-b)*C*a)**2/u",
            "b**2*x**2*(u - s*p)/(s*p*u) + C*(1-b)*(u - d*a)*(2*b*x + (1-b)*C*a)/(d*u)",
            "b x C a s d p u",
            [
                "u - s*p >= 0",
                "u - d*a >= 0",
                "s > 0",
                "d > 0",
                "p > 0",
                "u > 0",
                "b >= 0",
                "1-b >= 0",
                "C >= 0",
                "x >= 0",
                "a >= 0",
            ],
        ),
        sign(
            "where v_{t-1} = 0 also mu_{t-1} = 0, and mu_t = (1-b) C a",
            "C*(1-b)/d*((1-b)*C*a) >= ((1-b)*C*a)**2/u",
            "C**2*(1-b)**2*a*(u - d*a)/(d*u)",
            "b C a d u",
            ["u - d*a >= 0", "d > 0", "u > 0", "a >= 0"],
        ),
        sign(
            "summed with weights r_t that do not increase: X = sum r_t mu_t^2/u_t <= eta X + C(1-b)/d (1+b) M, where "
            "M = sum r_t mu_t bounds sum r_t mu_{t-1} too; so X <= (C(1-b)(1+b)/d) M/(1-eta), and M <= C sum r_k|g_k| "
            "by rep.sum for the gradients |g_k| and the ratio C",
            "y/(1-eta) >= X",
            "(eta*X + y - X)/(1-eta)",
            "X y eta",
            ["eta*X + y - X >= 0", "1-eta > 0"],
        ),
        identity("(1-b)(1+b) is 1 - b^2", "(1-b)*(1+b)", "1-b**2", "b"),
        sign(
            "bias corrections multiply by sqrt(1-beta2^t)/(1-beta1^t)^2, at most r = 1/(1-beta1^t)^2, which does not "
            "increase and is at most 1/(1-beta1)^2 (y = beta1^t <= b)",
            "1/(1-b)**2 >= 1/(1-y)**2",
            "(b-y)*((1-b) + (1-y))/((1-b)**2*(1-y)**2)",
            "b y",
            ["b-y >= 0", "1-b > 0", "1-y > 0"],
        ),
        identity(
            "(1-b^2)/(1-b)^2 is (1+b)/(1-b); the rest is rep.cauchy and rep.harmonic",
            "(1-b**2)/(1-b)**2",
            "(1+b)/(1-b)",
            "b",
        ),
        evidence,
    )
    return Finding(steps, figures=shown)


BOUNDED = "all ratios 0 <= c_t <= C, all gradients and all T"
ENTRIES: tuple[Entry, ...] = (
    Entry(
        "rep.lemma1.general",
        "ours, in place of Lemma 1",
        f"For all constant beta1, beta2 in [0, 1) with beta1^2 < beta2, {BOUNDED}: sum_(t<=T) m_hat_t^2/sqrt(t "
        f"v_hat_t) "
        "<= A C^2 sum |g_t|/sqrt(t) <= A C^2 sqrt(1 + log T) ||g_(1:T)||_2, A = 1/sqrt((1-beta2)(1-beta1^2/beta2)).",
        "proved",
        general,
        "The corrected lemma for any admissible betas. The first rounds of the bias correction cost a factor "
        "1/(1-beta1), which rep.lemma1 shows to be unnecessary at the defaults.",
        uses=("lem1",),
        rests_on=("rep.moment", "rep.sum", "rep.cauchy", "rep.harmonic"),
    ),
    Entry(
        "rep.lemma1.plain",
        "ours, in place of Lemma 1",
        f"For all constant beta1, beta2 in [0, 1) with beta1^2 < beta2, {BOUNDED}, without bias corrections: "
        f"sum_(t<=T) "
        "m_t^2/sqrt(t v_t) <= C sqrt(K) sum c_t|g_t|/sqrt(t) <= C^2 sqrt(K) sqrt(1 + log T) ||g_(1:T)||_2; likewise "
        "with the largest v so far in place of v_t.",
        "proved",
        plain,
        "The form for methods that do not correct the moments, such as AMSGrad; the constant is again 7.27 C^2 at the "
        "default betas.",
        uses=("lem1",),
        rests_on=("rep.moment", "rep.sum", "rep.cauchy", "rep.harmonic"),
    ),
    Entry(
        "rep.lemma1.decaying",
        "ours, in place of Lemma 1",
        f"For all sequences beta1_t >= 0 that do not increase (such as beta1 lambda^(t-1)), beta1_1 (1+beta2) <= 2 "
        f"beta2, {BOUNDED}: sum m_t^2/sqrt(t v_t) <= C^2/sqrt(1-beta2) sum |g_t|/sqrt(t). At beta1_1 = 0.9, beta2 = "
        f"0.999, with "
        "the bias corrections of Algorithm 2: sum m_hat_t^2/sqrt(t v_hat_t) <= 39.3 C^2 sum |g_t|/sqrt(t). Each is at "
        "most sqrt(1 + log T) ||g_(1:T)||_2 times the constant.",
        "proved",
        decaying,
        "The theorem lets beta1 decay. Then momentum fades, a single gradient can fill m at once, and 1/sqrt(1-beta2) "
        "= 31.6 in place of 7.27 is what remains true for every speed of decay; the bias corrections, which the "
        "algorithm keeps for the undecayed beta1, cost another 24 percent. While beta1_t is still near 0.9, as with "
        "the suggested lambda = 1 - 10^-8, a constant near 7.27 remains true: rep.lemma1.slowly.",
        uses=("lem1", "lem1.1.b"),
        rests_on=("rep.moment", "rep.sum", "rep.cauchy", "rep.harmonic"),
    ),
    Entry(
        "rep.lemma1.eta",
        "ours, in place of Lemma 1",
        f"For all constant beta1, beta2 in [0, 1), beta2 > 0, with only eta = beta1^2/sqrt(beta2) < 1, {BOUNDED}: sum "
        "m_t^2/sqrt(t v_t) <= C^2 (1-beta1^2)/(sqrt(1-beta2)(1-eta)) sum |g_t|/sqrt(t), and with bias corrections sum "
        "m_hat_t^2/sqrt(t v_hat_t) <= C^2 (1+beta1)/((1-beta1) sqrt(1-beta2)(1-eta)) sum |g_t|/sqrt(t). Each is at "
        "most sqrt(1 + log T) ||g_(1:T)||_2 times the constant.",
        "proved",
        under_eta,
        "The paper's own condition on the betas, eta < 1, is weaker than beta1^2 < beta2, and it suffices: a corrected "
        "lemma holds under it with a constant of the printed shape, although a step of the method need not be bounded. "
        "At the defaults the bound is 31.7 without bias corrections, so that rep.lemma1.plain is better there.",
        uses=("lem1",),
        rests_on=("rep.sum", "rep.cauchy", "rep.harmonic"),
    ),
)
