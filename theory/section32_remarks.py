"""Section 3.2: what the remarks after Theorem 1 say about the size of its bound."""

from __future__ import annotations

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .section2_method import DEFAULTS

TRAINING = 100 * 1563
"""Iterations of the paper's longest experiment: 100 epochs of 100,000 images in batches of 64."""
LAMBDA = ("lam", "1 - 1/10**8")
"""The suggested lambda."""


def at_most() -> Finding:
    return Finding(
        (
            sign("one coordinate, Q = G_inf^2: the sum of squares S <= (t - 1) Q up to t - 1 gives S + g^2 <= t Q; so "
                 "||g_{1:T,i}||_2 <= G_inf sqrt(T), and d times that for the sum over the coordinates",
                 "t*Q >= S + g**2", "((t - 1)*Q - S) + (Q - g**2)", "t Q S g",
                 ["(t - 1)*Q - S >= 0", "Q - g**2 >= 0"]),
            sign("v <= (1 - beta2^(t-1)) Q gives v <= (1 - beta2^t) Q a step later, y = beta2^(t-1): so v_hat <= "
                 "G_inf^2, and sqrt(T v_hat) <= G_inf sqrt(T)",
                 "(1 - beta2*y)*Q >= beta2*v + (1 - beta2)*g**2",
                 "beta2*((1 - y)*Q - v) + (1 - beta2)*(Q - g**2)", "beta2 y Q v g",
                 ["beta2 >= 0", "1 - beta2 > 0", "(1 - y)*Q - v >= 0", "Q - g**2 >= 0"]),
        )
    )  # fmt: skip


def not_much_less() -> Finding:
    instance = {
        "let": [
            *DEFAULTS,
            ("d", "2"),
            ("T", "4"),
            ("g", "1"),
            ("G_inf", "1"),
            ("left", "sum(sqrt(sum(g**2 for t in range(1, T + 1))) for i in range(1, d + 1))"),
            ("v_hat", "sum((1 - beta2)*beta2**(T - t)*g**2 for t in range(1, T + 1))/(1 - beta2**T)"),
            ("left_v", "sum(sqrt(T*v_hat) for i in range(1, d + 1))"),
        ]
    }
    return Finding(
        (
            claims("two coordinates, four iterations, all gradients 1", "abs(g) <= G_inf", role="hypothesis"),
            claims("both sums are the bound itself", "left == d*G_inf*sqrt(T)", "left_v == d*G_inf*sqrt(T)",
                   role="violation"),
        ),
        instance,
    )  # fmt: skip


def sparse_is_much_less() -> Finding:
    return Finding(
        (
            identity("every coordinate has the gradient G at t = 1 and 0 afterwards. The first sum is d G, the part "
                     "1/sqrt(T) of its bound; r = sqrt(T)", "(d*G)/(d*G*r)", "1/r", "d G r"),
            sign("v_hat_T is G^2 times the weight (1 - beta2) y/(1 - beta2 y) of the first gradient, y = "
                 "beta2^(T-1); the oldest weight is the smallest, 1/T at most: h = 1 - beta2 y - T (1 - beta2) y is "
                 "0 at T = 1, and where it is not negative it is not at T + 1. So the second sum is d G at most as "
                 "well",
                 "1 - b*(b*y) >= (T + 1)*(1 - b)*(b*y)", "(1 - b*y - T*(1 - b)*y) + T*(1 - b)**2*y", "b y T",
                 ["1 - b*y - T*(1 - b)*y >= 0", "T >= 0", "y >= 0"]),
            claims("d = T = 10,000 at the default beta2: a hundredth of the bound, and in the second sum "
                   "1/4000",
                   "d*G/(d*G*sqrt(T)) == 1/100", "sqrt(v_hat) < 1/4000",
                   let=[*DEFAULTS, ("d", "10000"), ("T", "10000"), ("G", "1"),
                        ("v_hat", "(1 - beta2)*beta2**(T - 1)/(1 - beta2**T)")]),
        )
    )  # fmt: skip


def root_of_dimension() -> Finding:
    return Finding(
        (
            sign("Cauchy and Schwarz by induction: P is the sum of d numbers, A that of their squares, d A = P^2 + h "
                 "with h >= 0; one more number x keeps (d + 1)(A + x^2) >= (P + x)^2. So P^2 <= d A, here with the "
                 "numbers ||g_{1:T,i}||_2",
                 "(d + 1)*((P**2 + h)/d + x**2) >= (P + x)**2", "(d + 1)*h/d + (P - d*x)**2/d", "d P h x",
                 ["d > 0", "d + 1 > 0", "h >= 0"]),
            sign("A is the sum of ||g_t||^2 over t, at most T G^2: one more iteration, and t G^2 bounds t of them",
                 "t*G**2 >= A + n**2", "((t - 1)*G**2 - A) + (G**2 - n**2)", "t G A n",
                 ["(t - 1)*G**2 - A >= 0", "G**2 - n**2 >= 0"]),
        )
    )  # fmt: skip


def not_logarithmic() -> Finding:
    """Separable |theta_i| in d dimensions: the first term alone."""
    instance = {
        "let": [
            *DEFAULTS,
            ("C", "10**8"),
            ("d", "10**6"),
            ("T", "100"),
            ("v_hat", "1"),
            ("D", "alpha*sqrt(d)"),
            ("first", "D**2/(2*alpha*(1 - beta1))*d*sqrt(T*v_hat)"),
        ]
    }
    steps = (
        identity("f_t(theta) = sum_i |theta_i|: every coordinate's gradient is +-1 (its norm sqrt(d) at all t, no "
                 "correction), v_hat_i = 1",
                 "(beta2*(1 - y) + (1 - beta2)*1)/(1 - beta2*y)", "1", "beta2 y"),
        identity("the first step moves every coordinate by alpha: m_hat_1 = g_1; so D^2 >= d alpha^2 for T >= 2",
                 "((1 - beta1)*g/(1 - beta1))**2/((1 - beta2)*g**2/(1 - beta2))", "1", "beta1 beta2 g"),
        identity("the bound's first term is then at least alpha/(2 (1 - beta1)) d^2 sqrt(T), r = sqrt(T); the others "
                 "are positive",
                 "(d*a**2)/(2*a*(1 - b))*d*r", "a/(2*(1 - b))*d**2*r", "d a b r"),
        sign("for d = 2^j: log d <= j, and d^2 = 4^j >= j^2, because 4 j^2 >= (j + 1)^2 for j >= 1",
             "4*j**2 >= (j + 1)**2", "(j - 1)*((j - 1)*3 + 4)", "j", ["j - 1 >= 0"]),
        sign("so whatever C is, with k = alpha/(2 (1 - beta1)): k d^2 sqrt(T) >= k j^2 sqrt(T) > C j sqrt(T) >= "
             "C log d sqrt(T) for every d = 2^j with j > C/k",
             "k*j**2*r > C*j*r", "(k*j - C)*j*r", "k j r C", ["k*j - C > 0", "j > 0", "r > 0"]),
        sign("and if D_inf and G_inf are taken for constants: the last term is K d with a K > 0 that no gradient "
             "changes, d = 4^i >= i^2, log d <= 2 i, so for one T it is above C log d sqrt(T) from i = 2 C sqrt(T)/K "
             "on",
             "K*i**2 > C*2*i*r", "(K*i - 2*C*r)*i", "K i C r", ["K*i - 2*C*r > 0", "i > 0"]),
        claims("a constant as large as 10^8; d = 10^6, T = 100, the defaults; every D that the hypotheses allow is "
               "at least this one",
               "D**2 == d*alpha**2", "T >= 2", role="hypothesis"),
        claims("the bound's first term alone is above C log d sqrt(T)", "first > C*log(d)*sqrt(T)", role="violation"),
    )  # fmt: skip
    return Finding(steps, instance)


def vacuous() -> Finding:
    instance = {
        "let": [
            *DEFAULTS,
            LAMBDA,
            ("d", "1"),
            ("G", "1"),
            ("G_inf", "1"),
            ("D", "1"),
            ("D_inf", "1"),
            ("T", str(TRAINING)),
            ("third", "d*D_inf**2*G_inf*sqrt(1 - beta2)/(2*alpha*(1 - beta1)*(1 - lam)**2)"),
            ("horizon", "sqrt(1 - beta2)/(2*(1 - beta1)*(1 - lam)**2)"),
        ]
    }
    steps = (
        identity("the first step has length alpha in every coordinate that has a gradient at t = 1, so D_inf >= alpha "
                 "for T >= 2",
                 "((1 - beta1)*g/(1 - beta1))**2/((1 - beta2)*g**2/(1 - beta2))", "1", "beta1 beta2 g"),
        identity("the third term over the trivial bound T G D, where G = p sqrt(d) G_inf and D = q sqrt(d) D_inf "
                 "with p and q 1 at most, as the norms of R^d have it; w = sqrt(1 - beta2), L = 1 - lambda",
                 "(d*Di**2*Gi*w/(2*a*(1 - b)*L**2))/(T*d*p*Gi*q*Di)", "(Di/a)*(w/(2*(1 - b)*L**2))/(T*p*q)",
                 "d Di Gi w a b L T p q"),
        sign("so with D_inf = (1 + u) alpha, u >= 0, it is at least H/T, H = sqrt(1 - beta2)/(2 (1 - beta1)(1 - "
             "lambda)^2): below T = H the stated bound says less than R(T) <= T G D, for every alpha, every d, every "
             "sequence of losses",
             "(1 + u)*H/(T*p*q) >= H/T", "H*(u + (1 - p*q))/(T*p*q)", "u H T p q",
             ["u >= 0", "H >= 0", "1 - p*q >= 0", "p*q > 0", "T*p*q > 0"]),
        claims("one dimension, all bounds 1; as many iterations as the paper's longest experiment has; at the defaults "
               "with the suggested lambda", "T == 156300", "D_inf >= alpha", role="hypothesis"),
        claims("the third term is 1.58 10^18, ten trillion times the trivial bound; the horizon that no instance "
               "escapes is 1.58 10^15 iterations",
               "third > 10**13*T*G*D", "158*10**16 < third < 159*10**16", "158*10**13 < horizon < 159*10**13",
               "horizon > T", role="violation"),
    )  # fmt: skip
    figures = {
        "horizon below which the bound says nothing: (any instance, one dimension with G = D = 1)": (1.58e15, 1.58e18),
        "iterations of the paper's longest experiment": TRAINING,
    }
    return Finding(steps, instance, figures)


ENTRIES = (
    Entry(
        "sec32.1.a",
        "section 3.2, after Theorem 1",
        "For all gradients with ||g_t||_inf <= G_inf: sum_i ||g_{1:T,i}||_2 <= d G_inf sqrt(T) and sum_i sqrt(T "
        "v_hat_{T,i}) <= d G_inf sqrt(T).",
        "proved",
        at_most,
        "Both sums are at most the stated bound: each coordinate's squares add up to T G_inf^2 at most, and v_hat is "
        "a weighted average of squares.",
    ),
    Entry(
        "sec32.1.b",
        "section 3.2, after Theorem 1",
        "For all gradients with ||g_t||_inf <= G_inf: both sums of sec32.1.a are much smaller than d G_inf sqrt(T).",
        "refuted",
        not_much_less,
        "For gradients of constant size, in all coordinates, both sums are the bound: nothing is gained. The "
        "sentence says that they can be smaller, which is true of sparse gradients (sec32.1.can); of the gradients "
        "of a dense network it is not.",
        repair="For sparse gradients; in general the factor d can be replaced by sqrt(d) G/G_inf (sec32.1.G).",
        uses=("sec32.1.a",),
    ),
    Entry(
        "sec32.1.can",
        "section 3.2, after Theorem 1",
        "There are gradients for which the sums of sec32.1.a are smaller than d G_inf sqrt(T) by any factor.",
        "proved",
        sparse_is_much_less,
        "Gradients in the first iteration only: both sums are the part 1/sqrt(T) of the bound at most, and the second, "
        "once beta2 has forgotten them, a far smaller one.",
        uses=("sec32.1.b",),
    ),
    Entry(
        "sec32.1.G",
        "section 3.2, after Theorem 1: what the other bound on the gradients gives",
        "For all gradients with ||g_t||_2 <= G: sum_i ||g_{1:T,i}||_2 <= G sqrt(d T).",
        "proved",
        root_of_dimension,
        "The bound on the Euclidean norm gives sqrt(d) in place of d without any sparsity, the order that the paper "
        "gives for non-adaptive methods.",
        uses=("sec32.1.a",),
    ),
    Entry(
        "sec32.2",
        "section 3.2, after Theorem 1",
        "At the defaults there is a constant C with: for all d >= 2, T >= 2 and all losses that satisfy the "
        "hypotheses, the right-hand side of Theorem 1 (and 2) is at most C log(d) sqrt(T).",
        "refuted",
        not_logarithmic,
        "For separable losses |theta_1| + ... + |theta_d| every coordinate moves by alpha in the first iteration, so "
        "D is at least alpha sqrt(d), and the bound's first term alone is alpha d^2 sqrt(T)/(2 (1 - beta1)): it "
        "grows with the square of the dimension. The logarithm belongs to sparse gradients of a special kind, which "
        "the paper does not assume.",
        repair="With bounds G and D that are given, gradients of which only a few coordinates are ever not 0, or a "
        "factor of the dimension in place of its logarithm.",
        uses=("thm1", "thm2.a", "sec32.1.b"),
    ),
    Entry(
        "sec32.3",
        "section 3.2, Theorem 1",
        "With lambda = 1 - 10^-8 and the default betas, the right-hand side of Theorem 1 is smaller than the trivial "
        "bound T G D at the length of a training run.",
        "refuted",
        vacuous,
        "The bound's last term has (1 - lambda)^2 = 10^-16 in its denominator. Since AdamNorm's first step has "
        "length alpha, D_inf is never below alpha, and the last term alone exceeds T G D until T = 1.58 10^15, "
        "whatever the losses, the dimension and alpha; with G = D = 1 in one dimension until 1.58 10^18. The paper's "
        "longest experiment has 156,300 iterations.",
        repair="A constant beta1 and a bound without that term (the pathwise bounds of this ledger).",
        uses=("thm1", "thm2.a", "thm2.10"),
    ),
)
