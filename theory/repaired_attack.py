"""Attacks on the corrected Lemma 1: random, structured and hill-climbed gradients, without a wish to be kind."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from adanorm_verify.ledger import Step, claims

from .checker import Interval, parsed, table, value

Array = np.ndarray[Any, Any]
SEED, HORIZON = 20230107, 64
SUM = "sum(m_hat[t]**2/sqrt(t*v_hat[t]) for t in range(1, T+1))"


@dataclass(frozen=True)
class Attack:
    """What came closest to a bound: gradients, their largest ratio, and how many instances were tried."""

    gradients: Array
    ratios: Array
    smallest: float
    instances: int
    necessary: float

    def figures(self) -> dict[str, Any]:
        return {
            "attack": {
                "instances": self.instances,
                "smallest_ratio": round(self.smallest, 4),
                "constant_found_necessary": round(self.necessary, 4),
                "seed": SEED,
                "how": "random walks, spikes, powers, geometric growth and decay, AdamNorm's own ratios and free ones, "
                f"then gradient ascent in the logarithms of the gradients from two starts each; T up to {HORIZON}",
            }
        }


def matrices(rounds: int, beta1: float = 0.9, beta2: float = 0.999) -> tuple[Array, Array, Array]:
    """Weights of the two bias-corrected moments, and the rounds."""
    t = np.arange(1, rounds + 1)
    gap = t[:, None] - t[None, :]
    return *(np.tril((1 - b) * b ** np.maximum(gap, 0.0)) / (1 - b**t)[:, None] for b in (beta1, beta2)), t


def mixed(rows: Array, weights: Array) -> Array:
    """`weights @ row` for each row; without BLAS, whose threads cost more than these sums on a machine that is busy."""
    return np.asarray(np.einsum("...j,ij->...i", rows, weights))


def lemma_sum(g: Array, c: Array) -> Array:
    """The left side of Lemma 1 for each row of gradients and ratios."""
    first, second, t = matrices(g.shape[-1])
    m, v = mixed(c * g, first), mixed(g * g, second)
    return np.where(v > 0, m**2 / np.sqrt(np.where(v > 0, t * v, 1)), 0).sum(axis=-1)


def norm_ratios(g: Array, gamma: float = 0.95) -> Array:
    """AdamNorm's ratios of one-dimensional gradients."""
    e, found = np.zeros(len(g)), np.ones_like(g)
    for t in range(g.shape[1]):
        n = np.abs(g[:, t])
        e = gamma * e + (1 - gamma) * n
        found[:, t] = np.maximum(1, np.divide(e, n, out=np.ones_like(e), where=n > 0))
    return found


def candidates(rng: np.random.Generator, rounds: int, several: int) -> Array:
    """Gradients of many shapes and scales."""
    t = np.arange(1, rounds + 1)
    walk = np.cumsum(rng.normal(size=(several, rounds)), axis=1)
    spikes = rng.normal(size=(several, rounds)) * (rng.random((several, rounds)) < 0.15)
    spikes[:, 0] += 1
    power = t ** rng.uniform(-2, 1, (several, 1)) * np.exp(0.1 * rng.normal(size=(several, rounds)))
    geometric = np.exp(rng.uniform(-0.3, 0.3, (several, 1)) * t)
    scales = np.exp(3 * rng.normal(size=(several, rounds))) * rng.choice([-1, 1], (several, rounds))
    return np.concatenate([walk, spikes, power, geometric, scales])


@cache
def tried() -> tuple[tuple[Array, Array], ...]:
    """All instances: pairs of gradients and ratios, one row each; the climbed ones last."""
    rng = np.random.default_rng(SEED)
    found = []
    for rounds in (1, 2, 3, 5, 8, 13, 21, 34, HORIZON):
        g = candidates(rng, rounds, 100)
        free = rng.uniform(1, 1 + rng.exponential(1, (len(g), 1)), g.shape)
        found += [(g, np.ones_like(g)), (g, norm_ratios(g)), (g, free)]
    for rounds in (8, 16, 32, HORIZON):
        for start in (-0.5 * np.log(np.arange(1, rounds + 1)), rng.normal(size=rounds)):
            climbed = np.exp(climb(start))[None, :]
            found.append((climbed / climbed.max(), np.ones_like(climbed)))
    return tuple(found)


def climb(start: Array, steps: int = 400) -> Array:
    """The logarithms of gradients at which the sum over the norm is larger than around them: gradient ascent."""
    first, second, t = matrices(len(start))

    def log_ratio(z: Array) -> tuple[float, Array]:
        g = np.exp(z - z.max())
        m, v = mixed(g, first), mixed(g**2, second)
        terms = m**2 / np.sqrt(t * v)
        slope = (mixed(2 * terms / m, first.T) - mixed(terms / v, second.T) * g) / terms.sum() - g / (g**2).sum()
        return float(np.log(terms.sum()) - 0.5 * np.log((g**2).sum())), slope * g

    z, (height, slope), size = start, log_ratio(start), 10.0
    for _ in range(steps):
        tried_height, tried_slope = log_ratio(z + size * slope)
        if tried_height > height:
            z, height, slope, size = z + size * slope, tried_height, tried_slope, size * 1.5
        else:
            size /= 3
    return z


def attack(constant: Callable[[Array, float], float]) -> Attack:
    """The instance nearest to `constant(gradients, largest ratio) ||gradients||`, among some thousands."""
    worst: tuple[float, Array, Array] = (np.inf, np.ones(1), np.ones(1))
    instances, necessary = 0, 0.0
    for g, c in tried():
        sums, norms, largest = lemma_sum(g, c), np.linalg.norm(g, axis=1), c.max(axis=1)
        per_norm = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)
        allowed = np.array([constant(g[0], 1.0)]) * largest**2
        ratio = np.divide(allowed, per_norm, out=np.full_like(sums, np.inf), where=per_norm > 0)
        instances += len(g)
        necessary = max(necessary, float((per_norm / largest**2).max()))
        if ratio.min() < worst[0]:
            i = int(ratio.argmin())
            worst = (float(ratio[i]), g[i], c[i])
    return Attack(worst[1], worst[2], worst[0], instances, necessary)


def evidence(found: Attack, constant: str) -> Step:
    """The worst instance once more, from the definitions; `constant` reads T and C."""
    right = f"{constant}*sqrt(sum(g[t]**2 for t in range(1, T+1)))"
    return replayed(found.instances, found.gradients, found.ratios, ["9/10"] * len(found.gradients), "999/1000", right)


def replayed(instances: int, g: Array, c: Array, betas: list[str], beta2: str, right: str, left: str = SUM) -> Step:
    """A run of the checker's optimizer along given gradients, ratios and beta1_t: `left <= right` on it."""
    gradients = six_places(g / np.abs(g).max())
    return claims(
        f"the worst of {instances} instances, rounded to six places: the sum against the bound",
        f"{left} <= {right}",
        role="evidence",
        data={"ratio": six_places(c), "beta": betas},
        let=[("beta1", "beta[1]"), ("beta2", beta2), ("gamma", "19/20")],
        run={
            "start": ["0"],
            "losses": [[[[x], "0"]] for x in gradients],
            "rounds": str(len(g)),
            "step": "0",
            "ratio": "ratio[t]",
            "beta1_t": "beta[t]",
            "preconditioner": "1",
        },
        then=[("C", f"max(ratio[t] for t in range(1, {len(g)}+1))")],
    )


def six_places(x: Array) -> list[str]:
    return [f"{round(float(y) * 10**6)}/1000000" for y in x]


# For any betas ---------------------------------------------------------------------------------------------------

CONSTANTS = {
    "general": "1/sqrt((1-beta2)*(1-beta1**2/beta2))",
    "plain": "(1-beta1)/sqrt((1-beta2)*(1-beta1**2/beta2))",
    "decaying": "124/100/sqrt(1-beta2)",
    "eta": "(1+beta1)/((1-beta1)*sqrt(1-beta2)*(1-beta1**2/sqrt(beta2)))",
    "weighted": "(1+sqrt(beta1**2/sqrt(beta2)))/(sqrt(1-beta2)*(1-beta1**2/sqrt(beta2))*sqrt(1-beta1**2/sqrt(beta2)))",
    "slowly": "124/100*(1-beta[T])/sqrt((1-beta2)*(1-beta[T]**2/beta2))",
}
"""The proved constants of the variants, before `C^2 sum |g_t|/sqrt(t)`."""
DECAYING = ("decaying", "slowly")


def attack_variant(kind: str) -> tuple[Step, dict[str, Any]]:
    """The evidence and the figures of an attack with random betas: 40 pairs, 50 gradients of five shapes for each."""
    rng, left = np.random.default_rng(SEED), SUM.replace("_hat", "") if kind == "plain" else SUM
    worst, step, instances = np.inf, None, 0
    for _ in range(40):
        rounds = int(rng.integers(1, 25))
        beta2 = round(float(rng.choice([rng.uniform(0.01, 0.99), 1 - 10 ** rng.uniform(-4, -1)])), 6)
        top = beta2**0.25 if kind in ("eta", "weighted") else np.sqrt(beta2)
        beta1 = round(float(top * rng.choice([rng.uniform(0, 0.999), 1 - 10 ** rng.uniform(-3, -1)])), 6)
        if kind in DECAYING:
            beta1, beta2 = 0.9, 0.999
        betas = np.round(beta1 * (rng.uniform(0, 1) if kind in DECAYING else 1.0) ** np.arange(rounds), 6)
        g = candidates(rng, rounds, 10)
        c = np.where(rng.random(g.shape) < 0.5, 1.0, rng.uniform(1, 3))
        actual = moment_sum(g, c, betas, beta2, bias=kind != "plain")
        allowed = c.max(axis=1) ** 2 * (np.abs(g) / np.sqrt(np.arange(1, rounds + 1))).sum(axis=1)
        names = {"beta1": Interval(Fraction(str(beta1))), "beta2": Interval(Fraction(str(beta2)))}
        names |= {"T": Interval(Fraction(rounds)), "beta": dict(table(six_places(betas)))}
        ratios = float(value(parsed(CONSTANTS[kind]), names).high) * allowed / actual
        instances += len(g)
        i = int(ratios.argmin())
        if ratios[i] < worst:
            worst = float(ratios[i])
            right = f"{CONSTANTS[kind]}*C**2*sum(abs(g[t])/sqrt(t) for t in range(1, T+1))"
            step = (g[i], c[i], six_places(betas), f"{beta2}", right, left)
    assert step is not None
    how = "random betas" if kind not in DECAYING else "the defaults with random lambda"
    shown = {"instances": instances, "smallest_ratio": round(worst, 4), "seed": SEED}
    return replayed(instances, *step), {"attack": shown | {"how": f"{how}, gradients of five shapes, two levels of c"}}


def moment_sum(g: Array, c: Array, betas: Array, beta2: float, bias: bool) -> Array:
    """The left side for each row, with beta1_t as given and powers of the first one in the bias correction."""
    m, v, total = np.zeros(len(g)), np.zeros(len(g)), np.zeros(len(g))
    for i, b in enumerate(betas):
        m = b * m + (1 - b) * c[:, i] * g[:, i]
        v = beta2 * v + (1 - beta2) * g[:, i] ** 2
        first, second = (1 - betas[0] ** (i + 1), 1 - beta2 ** (i + 1)) if bias else (1, 1)
        total += (m / first) ** 2 / np.sqrt((i + 1) * v / second)
    return total
