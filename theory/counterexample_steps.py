"""Effective steps where the squared gradients are 9, 1, 1 in turn: what multiplies the average m in each optimizer."""

from __future__ import annotations

from adanorm_verify.ledger import Entry, Finding, Step, claims, identity, sign

from .counterexample_cycle import NEAR, SETTLED

BOUNDS = {
    "adam": ("1/2", "11/20"),
    "amsgrad": ("3/10", "9/5"),
    "diffgrad": ("1/4", "11/20"),
    "radam": ("1/10", "11/20"),
    "radam.printed": ("1/400", "3/50"),
    "adabelief": ("4/25", "5/2"),
}
"""Effective step over alpha_k from round SETTLED on, at least and at most."""
LET = (
    ("N", str(SETTLED)),
    ("b1", "9/10"),
    ("b2", "999/1000"),
    *((f"q_{j}", f"1 + b2**{j}*8*(1 - b2)/(1 - b2**3)") for j in range(3)),
    ("bias", "1/(1 - b1**N)"),
    ("rate", "sqrt((N + 2)/N)"),
    ("eps", "1/100"),
)
"""bias and rate: the most that 1 - beta1^k and alpha_k = alpha/sqrt(k) change within three rounds, as ratios."""
SETTING = (
    "Gradients of absolute values 3, 1, 1 in turn and any signs, beta1 = 0.9, beta2 = 0.999 (gamma = 0.95 where "
    "corrected), 0 <= eps <= 1/100, alpha_k = alpha/sqrt(k) or alpha_k = alpha. From round 90 on the effective step "
    "a_k, which multiplies m_k"
)


def second_moment() -> tuple[Step, ...]:
    return (
        identity(
            "v is an average of 9, 1, 1 (cex.cycle, with beta2): v_t = q_j - z q_2 with z = beta2^t, so that v_hat_t = "
            "v_t/(1 - z) is",
            "(q - z*q2)/(1 - z)",
            "q2 + (q - q2)/(1 - z)",
            "q q2 z",
        ),
        claims("q_0 >= q_1 >= q_2 >= 3.66: v_hat_t >= 3.66 for all t >= 1", "q_0 >= q_1 >= q_2 >= 366/100", let=LET),
        sign(
            "and v_hat_t is at most what phase 0 has at round 90 (Z = beta2^90, d0 = q_0 - q_2), from there on",
            "q2 + d0/(1 - Z) >= q2 + d/(1 - z)",
            "((d0 - d)*(1 - z) + d*(Z - z))/((1 - Z)*(1 - z))",
            "q2 d0 d z Z",
            ["d0 - d >= 0", "d >= 0", "Z - z >= 0", "1 - z > 0", "1 - Z > 0"],
        ),
        claims("which is below 3.73", "q_2 + (q_0 - q_2)/(1 - b2**N) <= 373/100", let=LET),
        sign(
            "alpha_j/alpha_k <= sqrt(92/90) for j <= k <= j + 2, j >= 90 (and 1 for a constant alpha)",
            "92/90 >= (j + 2)/j",
            "2*(j - 90)/(90*j)",
            "j",
            ["j - 90 >= 0", "j > 0"],
        ),
        sign(
            "eps only brings two denominators nearer to each other: for roots x >= y > 0",
            "x/y >= (x + eps)/(y + eps)",
            "eps*(x - y)/(y*(y + eps))",
            "x y eps",
            ["x - y >= 0", "y > 0", "eps >= 0", "y + eps > 0"],
        ),
    )


def of_adam() -> tuple[Step, ...]:
    low, high = BOUNDS["adam"]
    return (
        claims(
            "Adam, a_k = alpha_k/((1 - beta1^k)(sqrt(v_hat_k) + eps)): its bounds, and its largest ratio",
            f"{low} <= 1/(sqrt(373/100) + eps)",
            f"bias/sqrt(366/100) <= {high}",
            f"rate*bias*sqrt(373/366) <= {NEAR}",
            let=LET,
        ),
    )


def of_amsgrad() -> tuple[Step, ...]:
    low, high = BOUNDS["amsgrad"]
    return (
        sign(
            "i. a_k = alpha_k/(sqrt(V_k) + eps), V_k the largest v so far: from 3.66 (1 - beta2^90) up to q_0. The "
            "next v is at most V + 1/100, for v <= V and the square h <= 9",
            "V + 10/1000 >= 999/1000*v + h/1000",
            "(V - v) + v/1000 + (9 - h)/1000 + 1/1000",
            "V v h",
            ["V - v >= 0", "v >= 0", "9 - h >= 0"],
        ),
        sign(
            "and so is the one after it, because at most one of two gradients is large: h + h2 <= 10",
            "V + 10/1000 >= 999/1000*(999/1000*v + h/1000) + h2/1000",
            "(V - v) + (1 - (999/1000)**2)*v + (10 - h - h2)/1000 + h/1000000",
            "V v h h2",
            ["V - v >= 0", "1 - (999/1000)**2 >= 0", "v >= 0", "10 - h - h2 >= 0", "h >= 0"],
        ),
        claims(
            "its bounds and ratio (a_k never grows)",
            f"{low} <= 1/(sqrt(q_0) + eps)",
            f"1/sqrt(v) <= {high}",
            f"rate*sqrt((v + 1/100)/v) <= {NEAR}",
            let=[*LET, ("v", "366/100*(1 - b2**N)")],
        ),
        sign(
            "ii. with the largest v_hat so far: v_hat_1 = 9, and no v_hat is larger, as an average of 9 and 1",
            "9 >= w*v + (1 - w)*h",
            "w*(9 - v) + (1 - w)*(9 - h)",
            "w v h",
            ["w >= 0", "1 - w >= 0", "9 - v >= 0", "9 - h >= 0"],
        ),
        claims(
            "so that a_k = alpha_k/((1 - beta1^k)(3 + eps))",
            f"{low} <= 1/(3 + eps)",
            f"bias/3 <= {high}",
            f"rate*bias <= {NEAR}",
            let=LET,
        ),
        sign(
            "iii. torch: V_k/(1 - beta2^k) in the place of v_hat_k. No v so far is above q_0 - z q_2, z = beta2^k (y = "
            "beta2^j, j <= k): the bounds on v_hat_k hold for it, and all that follows",
            "q0 - z*q2 >= q - y*q2",
            "(q0 - q) + (y - z)*q2",
            "q0 q q2 y z",
            ["q0 - q >= 0", "y - z >= 0", "q2 >= 0"],
        ),
    )


def of_diffgrad() -> tuple[Step, ...]:
    (low, high), (adam, _) = BOUNDS["diffgrad"], BOUNDS["adam"]
    return (
        sign(
            "diffGrad multiplies Adam's step by xi = 1/(1 + E), E = exp(-|g_k - g_{k-1}|) <= 1",
            "1/(1 + E) >= 1/2",
            "(1 - E)/(2*(1 + E))",
            "E",
            ["1 - E >= 0", "1 + E > 0"],
        ),
        sign("and >= 0", "1 >= 1/(1 + E)", "E/(1 + E)", "E", ["E >= 0", "1 + E > 0"]),
        claims(
            "bounds and ratio", f"{low} <= {adam}/2", f"{BOUNDS['adam'][1]} <= {high}", f"2*{NEAR} <= 3"
        ),
    )  # fmt: skip


def finding(*parts: tuple[Step, ...]) -> Finding:
    return Finding(tuple(step for part in parts for step in part))


def entry(name: str, title: str, ratio: str, more: str, reading: str, *parts: tuple[Step, ...]) -> Entry:
    """The entry on the effective steps of one optimizer."""
    low, high = BOUNDS[name]
    return Entry(
        f"cex.steps.{name}",
        "ours: the counterexample",
        f"{SETTING} in {title}, is between {low} and {high} of alpha_k, and no two of three consecutive ones have a "
        f"ratio above {ratio}.{more}",
        "proved",
        lambda: finding(*parts),
        reading,
        rests_on=("cex.cycle",),
    )


ENTRIES = (
    entry(
        "adam",
        "Adam (AdamNorm)",
        NEAR,
        " v_hat_k is between 3.66 and 3.73, and at least 3.66 from round 1 on.",
        "The second moment sees only the squares 9, 1, 1, and hardly moves within three rounds: Adam takes the steps "
        "of momentum SGD with a rate that falls as 1/sqrt(k) does.",
        second_moment(),
        of_adam(),
    ),
    entry(
        "amsgrad",
        "AMSGrad (AMSGradNorm)",
        NEAR,
        " So for the largest v so far without bias correction, for the largest v_hat so far, and for the largest v so "
        "far with bias correction (torch).",
        "Whichever way one keeps the largest second moment, here it is soon constant.",
        second_moment(),
        of_amsgrad(),
    ),
    entry(
        "diffgrad",
        "diffGrad (diffGradNorm)",
        "3",
        "",
        "The friction is between one half and one, whatever the gradients do.",
        second_moment(),
        of_adam(),
        of_diffgrad(),
    ),
)
