"""Section 3.1: the second moment, and how far it restrains a step once the first one is corrected."""

from __future__ import annotations

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

from .section2_method import DEFAULTS, linear_losses


def same_second_moment() -> Finding:
    run = {**linear_losses("100", "-1"), "rounds": "3"}
    kink = [[["2"], "3.3*alpha"], [["1"], "1.65*alpha"]]
    instance = {
        "let": DEFAULTS,
        "run": {**run, "losses": [[[["100"], "0"]], [[["-1"], "0"]], kink]},
        "then": [
            ("m_adam", "(1 - beta1)*(beta1*100 - 1)"),
            ("theta_adam", "theta[2] - alpha*(m_adam/(1 - beta1**2))/sqrt(v_hat[2])"),
            ("g_adam", "1"),
            ("v_adam", "beta2*v[2] + (1 - beta2)*g_adam**2"),
        ],
    }
    return Finding(
        (
            identity("the recursion of v reads g and no s: for the same gradients two averages differ by beta2 times "
                     "what they differed by, and both start at 0",
                     "(beta2*p + (1 - beta2)*g**2) - (beta2*q + (1 - beta2)*g**2)", "beta2*(p - q)", "beta2 p q g"),
            claims("f_1 = 100 x, f_2 = -x, f_3 = max(2 y, y) with y = x + 1.65 alpha; both start at 0 with the "
                   "defaults, and take the same first step. f_3 is met on either side of its kink, where Adam's "
                   "gradient is 1",
                   "s[1] == g[1]", "theta_adam < -1.65*alpha", "theta[3] > -1.65*alpha", role="hypothesis"),
            claims("so the second moments differ from the third iteration on", "g[3] == 2", "v[3] > v_adam",
                   role="violation"),
        ),
        instance,
    )  # fmt: skip


def unbounded_step() -> Finding:
    losses = [[[["1", "1/1000000"], "0"]], [[["0", "1/1000000"], "0"]]]
    instance = {
        "let": [*DEFAULTS, ("C", "7.28")],
        "run": {"losses": losses, "start": ["0", "0"], "rounds": "2", "step": "alpha"},
    }
    return Finding(
        (
            sign("Adam, K = (1 - b)^2/((1 - b2)(1 - b^2/b2)) with b = beta1, b2 = beta2. If K v - m^2 = h >= 0 at t "
                 "- 1, K v - m^2 >= 0 at t too (K v is m^2 + h; (1 - b2) K is (1 - b)^2 b2/(b2 - b^2)); it starts at "
                 "0",
                 "b2*(m**2 + h) + (1 - b)**2*b2/(b2 - b**2)*g**2 >= (b*m + (1 - b)*g)**2",
                 "b2*h + (b2 - b**2)*(m - b*(1 - b)*g/(b2 - b**2))**2",
                 "b b2 m g h", ["b2 >= 0", "h >= 0", "b2 - b**2 > 0"]),
            claims("so Adam's |m|/sqrt(v) is sqrt(K) < 7.28 at most at the defaults",
                   "(1 - beta1)**2/((1 - beta2)*(1 - beta1**2/beta2)) < 7.28**2", let=DEFAULTS),
            claims("and the bias corrections do not enlarge it, 1 - beta2^t <= (1 - beta1^t)^2: for t < 8 as computed, "
                   "beyond because beta2^t >= 2 beta1^t from t = 7 on",
                   "all(1 - beta2**t <= (1 - beta1**t)**2 for t in range(1, 8))", "(beta2/beta1)**7 >= 2",
                   "beta2/beta1 > 1", let=DEFAULTS),
            identity("AdamNorm, gradients (1, h) and (0, h) with h so small that the correction fires at t = 2 and "
                     "makes the second coordinate e there: its m_hat is (beta1 h + e)/(1 + beta1), its v_hat h^2, so "
                     "the step is above (e/h)/(1 + beta1) alpha, where e is gamma (1 - gamma) at least: beyond every "
                     "bound as h -> 0",
                     "(b*(1 - b)*h + (1 - b)*e)/(1 - b**2)/h", "(b + e/h)/(1 + b)", "b e h"),
            identity("that v_hat", "(b2*(1 - b2)*h**2 + (1 - b2)*h**2)/(1 - b2**2)", "h**2", "b2 h"),
            claims("two dimensions, gradients (1, 10^-6) and (0, 10^-6), the defaults", "g[1, 1] == 1",
                   "g[1, 2] == 1/1000000", "g[2, 1] == 0", "g[2, 2] == g[1, 2]", role="hypothesis"),
            claims("the second coordinate's step is above 25,000 alpha, and so above Adam's bound of 7.28 alpha",
                   "abs(theta[3, 2] - theta[2, 2]) > 25000*alpha", "abs(theta[3, 2] - theta[2, 2]) > C*alpha",
                   role="violation"),
        ),
        instance,
    )  # fmt: skip


ENTRIES = (
    Entry(
        "sec31.v",
        "section 3.1, all three scenarios",
        "For all sequences of losses: v_t is the same in AdamNorm and in Adam.",
        "needs-hypothesis",
        same_second_moment,
        "The second moment is made of the raw gradients, so it is the same for the same gradients. But the two "
        "methods move apart at the first correction that counts, meet other gradients, and have other second moments "
        "from then on. And the same v does not restrain a corrected step as it restrains Adam's (sec31.v.step).",
        repair="For the same sequence of gradients.",
    ),
    Entry(
        "sec31.v.step",
        "section 3.1, with equation 9",
        "As in Adam, where it holds with 7.28 at the defaults: every coordinate's step is at most a constant times "
        "alpha that depends on beta1, beta2 and gamma only.",
        "refuted",
        unbounded_step,
        "Adam's steps are bounded because v contains the squares of what m contains: at most 7.28 alpha at the "
        "defaults, whatever the gradients. In AdamNorm m contains s, whose coordinates are the gradient's times a "
        "ratio of norms that other coordinates decide, and v does not. A coordinate whose gradient is small, when "
        "those of the others vanish, takes a step of 25,000 alpha (one millionth after a gradient of length 1), and "
        "there is no bound.",
        repair="A bounded ratio c_t <= C, with C times Adam's constant; or s in the second moment too.",
        uses=("sec31.v", "sec2.6"),
    ),
)
