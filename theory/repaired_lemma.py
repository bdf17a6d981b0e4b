"""A corrected Lemma 1: what the two moments of norm-corrected Adam can do, with explicit constants.

Throughout, one coordinate: `g_t` real, `s_t = c_t g_t` with any ratios `|c_t| <= C` (those of the norm correction are
in [1, C]), `m`, `v` and their bias-corrected forms as in the paper with eps = 0, and 0/0 read as 0: where `v_t = 0`
all gradients so far are zero, and so is `m_t`. `K = (1-beta1)^2/((1-beta2)(1 - beta1^2/beta2))`, 52.9 at the defaults.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from adanorm_verify.ledger import Entry, Finding, Step, claims, identity, sign

from .repaired_steps import DEFAULTS

Array = np.ndarray[Any, Any]


def root_k(beta1: float, beta2: float) -> float:
    """sqrt(K): how far |m_t| can exceed sqrt(v_t), with or without bias corrections (rep.moment)."""
    return float((1 - beta1) / np.sqrt((1 - beta2) * (1 - beta1**2 / beta2)))


def bound(
    gradients: Sequence[float] | Array, ratio: float | Array = 1.0, beta1: float = 0.9, beta2: float = 0.999
) -> Array:
    """A proved upper bound on `sum_{t<=T} m_hat_t^2/sqrt(t v_hat_t)` for every horizon T (rep.lemma1, rep.sharp).

    Args:
        gradients: `g_t`, one row a round; coordinates, where there are several, in columns, and summed over.
        ratio: a bound C on the correction ratios, or the ratios themselves, of which the largest so far counts.
        beta1: constant, with beta1^2 < beta2.
        beta2: of the second moment, below 1.

    Returns:
        The bound at T = 1, 2, ...; the smaller one of the two theorems at each.

    Raises:
        ValueError: beta1^2 < beta2 < 1 does not hold.
    """
    from .repaired_adaptive import energy
    from .repaired_sharp import kappa

    if not 0 <= beta1**2 < beta2 < 1:
        raise ValueError(f"needs beta1^2 < beta2 < 1, got beta1 = {beta1}, beta2 = {beta2}")
    g = np.asarray(gradients, dtype=float)
    rounds = len(g)
    norms = np.sqrt(np.cumsum(g.reshape(rounds, -1) ** 2, axis=0)).sum(axis=1)
    harmonic = np.sqrt(np.cumsum(1 / np.arange(1, rounds + 1)))
    default = (beta1, beta2) == (0.9, 0.999)
    simple = root_k(beta1, beta2) * (1 if default else 1 / (1 - beta1)) * harmonic
    sharp = kappa(beta1, beta2) * np.sqrt(energy(rounds, beta2))
    largest = np.maximum.accumulate(np.broadcast_to(np.maximum(np.abs(ratio), 0.0), (rounds,)))
    return largest**2 * np.minimum(simple, sharp) * norms


# The lemma -------------------------------------------------------------------------------------------------------


def at_defaults() -> Finding:
    from .repaired_attack import attack, evidence

    found = attack(lambda g, c: at_defaults_bound(len(g)) * c**2)
    steps: tuple[Step, ...] = (
        identity(
            "one term, with the roots as names: w^2 = 1 - beta2^t, u^2 = v_t, r^2 = t, h = 1 - beta1^t: "
            "m_hat^2/sqrt(t v_hat) = (w/h^2) (|m|/u) |m|/r",
            "(m/h)**2/(r*(u/w))",
            "w/h**2*(m/u)*m/r",
            "m h r u w",
        ),
        claims(
            "|m_t|/sqrt(v_t) <= C sqrt(K (1 - rho^t)) by rep.moment, so that each term is at most "
            "C sqrt(K) D_t |m_t|/sqrt(t), D_t = sqrt((1-beta2^t)(1-rho^t))/(1-beta1^t)^2. D_t <= 1 for t = 2..13",
            "all((1-beta2**t)*(1-(beta1**2/beta2)**t) <= (1-beta1**t)**4 for t in range(2, 14))",
            "4*beta1**14 <= beta2**14",
            "beta1 <= beta2",
            let=DEFAULTS,
        ),
        sign(
            "and for t >= 14, where 4 beta1^t <= beta2^t: y = beta1^t, z = beta2^t, x = rho^t",
            "(1-y)**4 >= (1-z)*(1-x)",
            "(z - 4*y) + y**2*(2 + (2-y)**2) + x*(1-z)",
            "x y z",
            ["z - 4*y >= 0", "x >= 0", "1-z >= 0"],
        ),
        identity(
            "t = 1: m_hat_1 = s_1 and v_hat_1 = g_1^2, the term is c_1^2|g_1| (n = |g_1|)",
            "(c*n)**2/n",
            "c**2*n",
            "c n",
        ),
        claims(
            "t >= 2 from rep.sum with r_t = 1/sqrt(t), begun at t = 2 with phi = beta1/(1-beta1) |m_1|/sqrt(2), which "
            "is beta1 c_1|g_1|/sqrt(2): all terms together are at most c_1^2|g_1| + C sqrt(K)(beta1 c_1|g_1|/sqrt(2) "
            "+ sum_{k>=2} c_k|g_k|/sqrt(k)); as c_1 <= C, the first two are at most C sqrt(K) c_1|g_1|",
            "1 + k*beta1/sqrt(2) <= k",
            let=[*DEFAULTS, ("k", "(1-beta1)/sqrt((1-beta2)*(1-beta1**2/beta2))")],
        ),
        identity("beta1/(1-beta1)*(1-beta1) is beta1", "b/(1-b)*((1-b)*x)", "b*x", "b x"),
        claims(
            "so sum m_hat^2/sqrt(t v_hat) <= C sqrt(K) sum c_k|g_k|/sqrt(k) <= C^2 sqrt(K) sum |g_k|/sqrt(k), and that "
            "sum is at most sqrt(H_T) ||g_{1:T}|| (rep.cauchy), H_T <= 1 + log T (rep.harmonic). The printed constant "
            "without its G_inf^3/G^2 is 1759",
            "(1-beta1)/sqrt((1-beta2)*(1-beta1**2/beta2)) < 7271/1000",
            "1759 < 2/((1-beta1**2/sqrt(beta2))**2*sqrt(1-beta2)) < 1760",
            let=DEFAULTS,
        ),
        evidence(found, "7271/1000*C**2*sqrt(sum(1/t for t in range(1, T+1)))"),
    )
    figures = {
        "constant (claimed, proved)": [1759.45, 7.271],
        "what each multiplies": ["G_inf^3/G^2 ||g_{1:T}||", "C^2 sqrt(1 + log T) ||g_{1:T}||"],
    }
    return Finding(steps, figures=figures | found.figures())


def at_defaults_bound(rounds: int) -> float:
    """rep.lemma1's constant times sqrt(H_T)."""
    return float(root_k(0.9, 0.999) * np.sqrt((1 / np.arange(1, rounds + 1)).sum()))


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "rep.lemma1",
        "ours, in place of Lemma 1",
        "At beta1 = 0.9, beta2 = 0.999, for all T, all gradients and all ratios 0 <= c_t <= C with C >= 1: sum_{t<=T} "
        "m_hat_t^2/sqrt(t v_hat_t) <= C sqrt(K) sum_t c_t|g_t|/sqrt(t) <= C^2 sqrt(K) sqrt(1 + log T) ||g_{1:T}||_2, "
        "sqrt(K) < 7.271.",
        "proved",
        at_defaults,
        "The lemma with its degree put right: both sides grow like the gradients. No bound on the gradients is needed, "
        "and of the correction only that its ratios are bounded. The constant is 7.271 C^2 sqrt(1 + log T) where the "
        "paper has 1759 G_inf^3/G^2, for which the sum has to be small in another sense: it is false for small "
        "gradients. rep.sharp lowers the constant, rep.log shows that the logarithm cannot go.",
        uses=("lem1",),
        rests_on=("rep.moment", "rep.sum", "rep.cauchy", "rep.harmonic"),
    ),
)
