"""A pathwise bound for norm-corrected methods: any ratios, any positive diagonal preconditioner, a box."""

from __future__ import annotations

import numpy as np

from adanorm_verify.ledger import Entry, Finding, Step, identity, sign

from .attacks import (
    CORRECTED,
    TABLES,
    Array,
    Attack,
    Runs,
    climb,
    columns,
    linear,
    on_grid,
    play,
    positive,
    replay,
    text,
    texts,
    unit,
)
from .pathwise_steps import ASSUMED, STEP_1, STEP_2

METHOD = (
    "For x_{t+1} = P(x_t - m_t/A_t) with P the projection onto a box of sides D_i, m_t = beta1 m_{t-1} + "
    "(1 - beta1) s_t, m_0 = 0, s_t = c_t g_t, numbers c_t >= 0, 0 <= beta1 < 1, diagonal A_t > 0"
)


def pathwise_bound(moments: Array, preconditioners: Array, sides: Array, beta1: float | Array) -> Array:
    """B_t at every horizon t (path.bound), of arrays (..., rounds, coordinates); `sides` (..., coordinates).

    The line to hold sum_t c_t (f_t(x_t) - f_t(x)) against, as a run goes: it reads m_t and A_t and no regret.
    """
    beta1 = np.asarray(beta1, dtype=np.float64)[..., None, None]
    side = np.asarray(sides, dtype=np.float64)[..., None, :]
    first = preconditioners[..., :1, :]
    rises = np.concatenate([first, np.maximum(np.diff(preconditioners, axis=-2), 0)], axis=-2)
    kappa = beta1 / (1 - beta1)
    squares = moments**2 / preconditioners
    end = np.minimum(kappa * side * np.abs(moments), kappa**2 * squares / 2)
    terms = side**2 / 2 * np.cumsum(rises, axis=-2) + (1 + beta1) / (2 * (1 - beta1)) * np.cumsum(squares, axis=-2)
    return np.asarray(np.sum(terms + end, axis=-1))


def bound_of(runs: Runs, beta1: float | Array) -> Array:
    """B_t of runs of one coordinate, (runs, rounds)."""
    return pathwise_bound(runs.moments[..., None], runs.preconditioners[..., None], runs.sides[:, None], beta1)


BOUND = (
    "side**2/2*(A[1] + sum(max(0, A[t] - A[t-1]) for t in range(2, T + 1)))"
    " + (1 + beta1)/(2*(1 - beta1))*sum(m[t]**2/A[t] for t in range(1, T + 1))"
    " + min(kappa*side*abs(m[T]), kappa**2*m[T]**2/(2*A[T]))"
)
"""B_T of one coordinate, for the checker; kappa = beta1/(1 - beta1)."""
KAPPA = {"kappa": "beta1/(1 - beta1)"}


def induction() -> tuple[Step, ...]:
    """From the one-step inequalities to B_T in one coordinate, for every T."""
    base = sign(
        "T = 1, m_0 = 0, s_1 = m + k m with k = kappa = beta1/(1 - beta1) (path.momentum): with d = x_1 - x, e = x_2 "
        "- x, q = m^2/A, s_1 d <= D^2 A/2 + (1/2 + kappa) q + kappa m e - A e^2/2",
        "D**2*A/2 + (1/2 + k)*q + k*m*e - A*e**2/2 >= (m + k*m)*d",
        f"A/2*(D**2 - d**2) + ({STEP_1}) + k*({STEP_2})",
        "A D d e k m q",
        ASSUMED,
    )
    onward = sign(
        "from T to T + 1: the invariant is sum_{t<=T} s_t (x_t - x) <= D^2/2 (A_1 + sum (A_t - A_{t-1})_+) + "
        "(1/2 + kappa) sum m_t^2/A_t + kappa m_T (x_{T+1} - x) - A_T/2 (x_{T+1} - x)^2; its right side grows by at "
        "least s_{T+1} d, where s_{T+1} = m + k (m - m0), m0 = m_T, A0 = A_T, p = (A - A0)_+",
        "D**2*p/2 + (1/2 + k)*q + k*m*e - A*e**2/2 - (k*m0*d - A0*d**2/2) >= (m + k*(m - m0))*d",
        f"((D**2 - d**2)*p + d**2*(p - (A - A0)))/2 + ({STEP_1}) + k*({STEP_2})",
        "A A0 D d e k m m0 p q",
        [*ASSUMED, "p >= 0", "p - (A - A0) >= 0"],
    )
    return base, onward


def end() -> tuple[Step, ...]:
    """What remains of the invariant at the end: kappa m e - A e^2/2."""
    return (
        sign(
            "the end of the invariant is at most kappa^2 m^2/(2A) ...",
            "k**2*m**2/(2*A) >= k*m*e - A*e**2/2",
            "(k*m - A*e)**2/(2*A)",
            "A e k m",
            ["A > 0"],
        ),
        sign(
            "... and at most kappa D |m|: a = |m|, and e = x_{T+1} - x is in [-D, D]",
            "k*D*a >= k*m*e - A*e**2/2",
            "k*((D - e)*(a + m) + (D + e)*(a - m))/2 + A*e**2/2",
            "A D a e k m",
            ["A > 0", "k >= 0", "D - e >= 0", "D + e >= 0", "a + m >= 0", "a - m >= 0"],
        ),
    )


ROUNDS = 8
"""Of the attack: every horizon is tight (path.tight), so a short one shows as much as a long one."""


def tables(genes: Array, beta1: float | None = None) -> tuple[Runs, Array]:
    """Runs with free gradients, ratios, preconditioners, box and start; and their beta1."""
    g, c, scale = (genes[:, k * ROUNDS : (k + 1) * ROUNDS] for k in range(3))
    side, start, b = (genes[:, 3 * ROUNDS + k] for k in range(3))
    betas = np.minimum(unit(b), 1 - 1 / 16) if beta1 is None else np.full(len(genes), beta1)
    ratios = 1 + on_grid(np.abs(c))
    sides = positive(side)
    runs = play(
        columns(on_grid(g)), columns(ratios), columns(positive(scale)), betas, unit(start) * sides, sides, ROUNDS
    )
    return runs, betas


def attack_tables(beta1: float | None, seed: int) -> tuple[Attack, Step]:
    def judge(genes: Array) -> tuple[Array, Array]:
        runs, betas = tables(genes, beta1)
        return bound_of(runs, betas)[:, -1], runs.corrected()

    attack = climb(judge, 3 * ROUNDS + 3, seed)
    runs, betas = tables(attack.genes[None], beta1)
    b = "9/10" if beta1 else text(betas[0])
    return attack, table_replay(f"beta1 = {b}", attack, runs, b, {"bound": BOUND, "actual": CORRECTED})


def table_replay(
    says: str, attack: Attack, runs: Runs, beta1: str, then: dict[str, str], *hypotheses: str, **let: str
) -> Step:
    """The first of some runs with free ratios and preconditioners on linear losses, again."""
    return replay(
        says,
        attack,
        {"beta1": beta1, "side": text(runs.sides[0]), **KAPPA, **let},
        {"weight": texts(runs.ratios[0]), "A": texts(runs.preconditioners[0])},
        {
            "losses": linear(runs.gradients[0]),
            "start": [text(runs.points[0, 0])],
            "rounds": str(runs.gradients.shape[1]),
            **TABLES,
        },
        then,
        *hypotheses,
    )


def bound() -> Finding:
    free, freely = attack_tables(None, 401)
    default, defaults = attack_tables(0.9, 402)
    how = "gradients, ratios, A_t, box and start free over 8 rounds; normal genes, best 30 of 270 mutated, 120 times"
    steps = (
        *induction(),
        *end(),
        identity("the constant before sum m_t^2/A_t", "1/2 + b/(1 - b)", "(1 + b)/(2*(1 - b))", "b"),
        freely,
        defaults,
    )
    return Finding(steps, figures={"attack": free.figures(how), "attack at beta1 = 0.9": default.figures(how)})


def regret() -> Finding:
    return Finding(
        (
            sign(
                "a subgradient: f(x_t) - f(x) = r is at most q = g_t.(x_t - x); times c_t >= 0, it is c_t r <= c_t q, "
                "which is s_t.(x_t - x)",
                "c*q >= c*r",
                "c*(q - r)",
                "c q r",
                ["c >= 0", "q - r >= 0"],
            ),
            identity("what c_t adds is carried over: r = c r + (c - 1)(-r)", "r", "c*r + (c - 1)*(-r)", "c r"),
            identity("and in linear form: q = c q + (c - 1)(-q)", "q", "c*q + (c - 1)*(-q)", "c q"),
            sign(
                "in a coordinate |x_t - x| <= D, so that -(c - 1) g (x_t - x) <= (c - 1)|g| D; a = |g|, d = x_t - x, "
                "h = c - 1",
                "h*a*D >= -h*g*d",
                "h*((D - d)*(a - g) + (D + d)*(a + g))/2",
                "D a d g h",
                ["h >= 0", "D - d >= 0", "D + d >= 0", "a - g >= 0", "a + g >= 0"],
            ),
        )
    )


ENTRIES = (
    Entry(
        "path.bound",
        "ours",
        f"{METHOD} and all g_t: for every T and every x of the box sum_{{t<=T}} s_t.(x_t - x) <= B_T = sum_i {{ "
        "D_i^2/2 (A_{1,i} + sum_{2<=t<=T} (A_{t,i} - A_{t-1,i})_+) + (1 + beta1)/(2(1 - beta1)) sum_t m_{t,i}^2/A_{t,i}"
        " + min(kappa D_i |m_{T,i}|, kappa^2 m_{T,i}^2/(2 A_{T,i})) }, kappa = beta1/(1 - beta1).",
        "proved",
        bound,
        "Whatever the ratios do, the losses weighted by them obey the usual bound, with the usual proof: one "
        "inequality a step, added up. Nothing is assumed of the gradients, and no schedule of beta1 or of the step "
        "size is needed. The momentum costs (1 + beta1)/(1 - beta1), 19 at the default, on the second term alone, "
        "and at the end a term that for A_T growing like sqrt(T) vanishes. The bound is attained (path.tight).",
        uses=("thm2.b",),
        rests_on=("path.step", "path.momentum"),
    ),
    Entry(
        "path.regret",
        "ours",
        f"{METHOD}, g_t a subgradient of the convex f_t at x_t: for every T and every x of the box "
        "sum_{t<=T} c_t (f_t(x_t) - f_t(x)) <= B_T, and hence sum_{t<=T} (f_t(x_t) - f_t(x)) <= B_T + "
        "sum_{t<=T} (c_t - 1)(f_t(x) - f_t(x_t)); where c_t >= 1 also <= B_T + "
        "sum_{t<=T} (c_t - 1) sum_i |g_{t,i}| D_i.",
        "proved",
        regret,
        "What a norm correction costs, exactly: it minimises the losses weighted by c_t, and the plain regret is what "
        "that leaves, plus the regret that the weights hide. Every condition under which plain regret is O(sqrt(T)) "
        "(cond.*), and every guard (guard.*), is a way to bound the last sum.",
        uses=("thm2.1.a",),
        rests_on=("path.bound",),
    ),
)
