"""Runs of AdamNorm as Theorems 1 and 2 have it, and their hypotheses (K) as claims on such a run.

One dimension, losses `max over pieces of a x + b`, so that every gradient is one of the listed slopes; `theta[t]` is
the point at which `f_t` is met; eps = 0, alpha_t = alpha/sqrt(t), beta1_t = beta1 lam^(t-1) with `lam` for lambda.
"""

from adanorm_verify.ledger import Step, claims

Pieces = list[tuple[list[str], str]]

ALPHA, GAMMA = ("alpha", "0.001"), ("gamma", "0.95")
BETAS = (("beta1", "0.9"), ("beta2", "0.999"))
DEFAULTS = (ALPHA, *BETAS, GAMMA, ("lam", "1 - 1/10**8"))
"""Every hyperparameter at the value that the paper gives it."""
ETA = ("eta", "beta1**2/sqrt(beta2)")
REGRET = ("R", "sum(f[t] - loss(t, star) for t in range(1, T + 1))")


def distance(weight: str = "1", centre: str = "0") -> Pieces:
    """The loss weight*|x - centre|."""
    return [([weight], f"-({weight})*({centre})"), ([f"-({weight})"], f"({weight})*({centre})")]


def run(losses: list[Pieces], start: str, rounds: int, beta1_t: str = "beta1*lam**(t - 1)") -> dict[str, object]:
    return {
        "losses": losses,
        "start": [start],
        "rounds": str(rounds),
        "step": "alpha/sqrt(t)",
        "preconditioner": "sqrt(v_hat)",
        "beta1_t": beta1_t,
    }


def parameters(decay: bool = True) -> Step:
    extra = ("0 < lam < 1",) if decay else ()
    return claims(
        "hyperparameters within their domains; the losses are maxima of affine functions, hence convex",
        "alpha > 0",
        "0 <= beta1 < 1",
        "0 < beta2 < 1",
        "0 <= gamma < 1",
        "beta1**2 < sqrt(beta2)",
        *extra,
        role="hypothesis",
    )


def bounded(slopes: str, lemma: bool = True) -> tuple[Step, ...]:
    """G and G_inf bound every slope (all of them are listed in `slopes`), D the distances between the points met."""
    gradients = claims(
        f"the slopes of the losses are, up to sign, {slopes}: G bounds the 2-norm and G_inf the largest coordinate of "
        "every gradient, at every point",
        *(f"{slope} <= {bound}" for slope in slopes.split(", ") for bound in ("G", "G_inf")),
        role="hypothesis",
    )
    points = claims(
        "any two of the points met are within D (in one dimension both norms are the absolute value: D_inf = D)",
        "max(theta[t] for t in range(1, T + 1)) - min(theta[t] for t in range(1, T + 1)) <= D",
        role="hypothesis",
    )
    return (gradients, points, lemma_holds()) if lemma else (gradients, points)


def lemma_holds() -> Step:
    return claims(
        "what Lemma 1 assumes beside: the average of norms is at most G_inf, and at most G_inf/G norms of the gradient",
        "all(e[t] <= G_inf for t in range(1, T + 1))",
        "all(e[t] <= G_inf/G*n[t] for t in range(1, T + 1))",
        role="hypothesis",
    )


def best(step: str, kinks: str = "") -> Step:
    """`star` minimises the sum of the losses; `kinks` are those of the sum apart from star, none nearer than `step`."""
    total = "sum(loss(t, {}) for t in range(1, T + 1))"
    return claims(
        "star is the best fixed point: the sum of the losses is convex, and linear from star to either side as far as "
        f"its next kink ({kinks or 'it has no other'}); it is not smaller there",
        f"{total.format('star')} <= {total.format(f'star - {step}')}",
        f"{total.format('star')} <= {total.format(f'star + {step}')}",
        *(f"abs({kink} - star) >= {step}" for kink in kinks.split(", ") if kink),
        role="hypothesis",
    )


def near() -> Step:
    return claims(
        "and star itself is within D of every point met",
        "all(abs(theta[t] - star) <= D for t in range(1, T + 1))",
        role="hypothesis",
    )
