"""The pathwise bound is attained, and holds from round to round and for any schedule of beta1."""

from __future__ import annotations

import numpy as np

from adanorm_verify.ledger import Entry, Finding, Step, claims, identity, sign

from .attacks import CORRECTED, Array, Runs, climb, columns, on_grid, play, positive, texts, unit
from .pathwise import METHOD, ROUNDS, end, induction, table_replay
from .pathwise_steps import ASSUMED, STEP_1, STEP_2


def tight() -> Finding:
    return Finding(
        (
            identity(
                "every step inside the box: with A constant, p = 0 and e = d - m/A, the induction of path.bound is an "
                "equality",
                "(1/2 + b/(1 - b))*m**2/A + b/(1 - b)*m*(d - m/A) - A*(d - m/A)**2/2 - b/(1 - b)*m0*d + A*d**2/2",
                "(m - b*m0)/(1 - b)*d",
                "A b d m m0",
            ),
            identity(
                "... and so is its base, where d_1 = D",
                "D**2*A/2 + (1/2 + b/(1 - b))*m**2/A + b/(1 - b)*m*(D - m/A) - A*(D - m/A)**2/2",
                "m/(1 - b)*D",
                "A D b m",
            ),
            identity(
                "s_t = s: m_t = (1 - b^t) s (y = b^t)",
                "b*(1 - y)*s + (1 - b)*s",
                "(1 - b*y)*s",
                "b s y",
            ),
            identity(
                "... since m_0 = 0 = (1 - b^0) s, and then d_1 = D", "D - s/A*(0 - b/(1 - b)*(1 - 1))", "D", "A D b s"
            ),
            identity(
                "d_t = D - (s/A)(t - 1 - b/(1-b) (1 - b^{t-1})) moves by m_t/A (y = b^{t-1})",
                "D - s/A*(t - b/(1 - b)*(1 - b*y))",
                "D - s/A*(t - 1 - b/(1 - b)*(1 - y)) - (1 - b*y)*s/A",
                "A D b s t y",
            ),
            identity(
                "A = s T/D: the run ends at d_{T+1} = kappa m_T/A, where the end of the invariant is kappa^2 m^2/(2A) "
                "(y = b^T, N = T)",
                "D - s/(s*N/D)*(N - b/(1 - b)*(1 - y))",
                "b/(1 - b)*(1 - y)*s/(s*N/D)",
                "D N b s y",
            ),
            identity("... as it is", "k*m*(k*m/A) - A*(k*m/A)**2/2", "k**2*m**2/(2*A)", "A k m"),
            sign(
                "d_t falls from D to kappa m_T/A >= 0: no step is cut off, and x = x_t - d_t is an end of the box",
                "b/(1 - b)*(1 - y)*D/N >= 0",
                "b/(1 - b)*(1 - y)*D/N",
                "D N b y",
                ["b >= 0", "1 - b > 0", "1 - y >= 0", "D >= 0", "N > 0"],
            ),
            identity(
                "z_T = b (1 - b^T)/(1 - b), from z_0 = 0, grows by b^{T+1} (y = b^T) ...",
                "b/(1 - b)*(1 - b*y)",
                "b/(1 - b)*(1 - y) + b*y",
                "b y",
            ),
            sign(
                "... so that kappa (1 - b^T) = z_T <= T, by induction",
                "N + 1 >= z + b*y",
                "(N - z) + (1 - b*y)",
                "N b y z",
                ["N - z >= 0", "1 - b*y >= 0"],
            ),
            sign(
                "the smaller of the two ends is kappa^2 m^2/(2A): it is at most kappa D m, by kappa m <= s T = A D "
                "(m is m_T, k kappa)",
                "k*D*m >= k**2*m**2/(2*A)",
                "k*m/(2*A)*((A*D - k*m) + A*D)",
                "A D k m",
                ["A > 0", "D >= 0", "k >= 0", "m >= 0", "A*D - k*m >= 0"],
            ),
            claims(
                "beta1 = 9/10, s = 1, D = 1, T = 7, in exact rationals: the sum is B_T",
                "sum(s[t]*theta[t] for t in range(1, T + 1)) == bound",
                "theta[T + 1] >= 0",
                role="evidence",
                let=[("beta1", "9/10"), ("beta2", "0"), ("gamma", "0"), ("kappa", "beta1/(1 - beta1)")],
                run={
                    "losses": [[[["1"], "0"]]],
                    "start": ["1"],
                    "rounds": "7",
                    "ratio": "1",
                    "step": "1",
                    "scale": "1 - beta1**t",
                    "preconditioner": "7",
                },
                then=[
                    (
                        "bound",
                        "7/2 + (1 + beta1)/(2*(1 - beta1))*sum(m[t]**2/7 for t in range(1, T + 1))"
                        " + min(kappa*abs(m[T]), kappa**2*m[T]**2/14)",
                    )
                ],
            ),
        )
    )


def window_steps() -> tuple[Step, ...]:
    base = sign(
        "one round, t = a: d = x_a - x, m0 = m_{a-1}, s_a = m + k (m - m0) (path.momentum), q = m^2/A",
        "D**2*A/2 + (1/2 + k)*q + k*m*e - A*e**2/2 - k*m0*d >= (m + k*(m - m0))*d",
        f"A/2*(D**2 - d**2) + ({STEP_1}) + k*({STEP_2})",
        "A D d e k m m0 q",
        ASSUMED,
    )
    carried = sign(
        "what the momentum carries over the border: -kappa m_{a-1} d is at most kappa |m_{a-1}| D (a = |m0|)",
        "k*a*D >= -k*m0*d",
        "k*((D - d)*(a - m0) + (D + d)*(a + m0))/2",
        "D a d k m0",
        ["k >= 0", "D - d >= 0", "D + d >= 0", "a - m0 >= 0", "a + m0 >= 0"],
    )
    return base, induction()[1], *end(), carried


def schedule_steps() -> tuple[Step, ...]:
    product = [
        sign(
            f"|m_t d| <= |m_t| D: a = |m0|, {what}",
            f"a*D >= {sign_}m0*d",
            form,
            "D a d m0",
            ["D - d >= 0", "D + d >= 0", "a - m0 >= 0", "a + m0 >= 0"],
        )
        for what, sign_, form in (
            ("from above", "", "((D - d)*(a + m0) + (D + d)*(a - m0))/2"),
            ("from below", "-", "((D - d)*(a - m0) + (D + d)*(a + m0))/2"),
        )
    ]
    change = sign(
        "what the change of kappa costs: with h = kappa_T - kappa_{T+1}, w = |h| and |z| <= r for z = m_T d, r = "
        "|m_T| D, h z <= w r",
        "w*r >= h*z",
        "((w + h)*(r - z) + (w - h)*(r + z))/2",
        "h r w z",
        ["w + h >= 0", "w - h >= 0", "r + z >= 0", "r - z >= 0"],
    )
    onward = sign(
        "the induction of path.bound with k = kappa_{T+1}, k0 = kappa_T, and one more term, r = |k - k0| |m_T| D",
        "D**2*p/2 + (1/2 + k)*q + k*m*e - A*e**2/2 - (k0*m0*d - A0*d**2/2) + r >= (m + k*(m - m0))*d",
        f"((D**2 - d**2)*p + d**2*(p - (A - A0)))/2 + ({STEP_1}) + k*({STEP_2}) + (r - (k0 - k)*m0*d)",
        "A A0 D d e k k0 m m0 p q r",
        [*ASSUMED, "p >= 0", "p - (A - A0) >= 0", "r - (k0 - k)*m0*d >= 0"],
    )
    return *product, change, induction()[0], onward, *end()


SCHEDULED = (
    "side**2/2*(A[1] + sum(max(0, A[t] - A[t-1]) for t in range(2, T + 1)))"
    " + sum((1/2 + kappas[t])*m[t]**2/A[t] for t in range(1, T + 1))"
    " + min(kappas[T]*side*abs(m[T]), kappas[T]**2*m[T]**2/(2*A[T]))"
    " + side*sum(abs(kappas[t+1] - kappas[t])*abs(m[t]) for t in range(1, T))"
)
KAPPAS = np.array([0, 1, 3, 7, 9, 15], dtype=np.float64)
"""beta1_t = kappa/(1 + kappa): what the attack on schedules chooses from."""


def scheduled(genes: Array) -> tuple[Runs, Array]:
    g, c, scale, b = (genes[:, k * ROUNDS : (k + 1) * ROUNDS] for k in range(4))
    kappas = KAPPAS[np.clip(np.round(2.5 + 1.5 * b), 0, 5).astype(int)]
    sides = positive(genes[:, -2])
    runs = play(
        columns(on_grid(g)),
        columns(1 + on_grid(np.abs(c))),
        columns(positive(scale)),
        kappas / (1 + kappas),
        unit(genes[:, -1]) * sides,
        sides,
        ROUNDS,
    )
    return runs, kappas


def scheduled_bound(runs: Runs, kappas: Array) -> Array:
    moments, scale, side = runs.moments, runs.preconditioners, runs.sides
    rises = scale[:, 0] + np.sum(np.maximum(np.diff(scale, axis=1), 0), axis=1)
    squares = moments**2 / scale
    end_ = np.minimum(kappas[:, -1] * side * np.abs(moments[:, -1]), kappas[:, -1] ** 2 * squares[:, -1] / 2)
    changes = np.sum(np.abs(np.diff(kappas, axis=1)) * np.abs(moments[:, :-1]), axis=1)
    return np.asarray(side**2 / 2 * rises + np.sum((0.5 + kappas) * squares, axis=1) + end_ + side * changes)


def schedule() -> Finding:
    def judge(genes: Array) -> tuple[Array, Array]:
        runs, kappas = scheduled(genes)
        return scheduled_bound(runs, kappas), runs.corrected()

    attack = climb(judge, 4 * ROUNDS + 2, 403)
    runs, kappas = scheduled(attack.genes[None])
    step = table_replay("a free schedule", attack, runs, "1/2", {"bound": SCHEDULED, "actual": CORRECTED})
    data, run = {**step["data"], "kappas": texts(kappas[0])}, {**step["run"], "beta1_t": "kappas[t]/(1 + kappas[t])"}
    how = "gradients, ratios, A_t, beta1_t, box and start free over 8 rounds; hill-climbed as in path.bound"
    return Finding((*schedule_steps(), {**step, "data": data, "run": run}), figures={"attack": attack.figures(how)})


ENTRIES = (
    Entry(
        "path.tight",
        "ours",
        "For all beta1 in [0, 1), T, D > 0 and s > 0: with s_t = s, A_t = s T/D, and a start at the upper end of a box "
        "of side D, sum_{t<=T} s_t (x_t - x) = B_T for x the lower end.",
        "proved",
        tight,
        "The pathwise bound is an equality for constant gradients and a matched step, at every horizon and for every "
        "beta1: neither the factor of A_1, nor the momentum's of the squares, nor the end can be made smaller.",
        rests_on=("path.bound",),
    ),
    Entry(
        "path.window",
        "ours",
        f"{METHOD}: for all rounds a <= b and every x of the box sum_{{a<=t<=b}} s_t.(x_t - x) <= sum_i {{ D_i^2/2 "
        "(A_{a,i} + sum_{a<t<=b} (A_{t,i} - A_{t-1,i})_+) + (1 + beta1)/(2(1 - beta1)) sum_{a<=t<=b} "
        "m_{t,i}^2/A_{t,i} + kappa D_i |m_{a-1,i}| + min(kappa D_i |m_{b,i}|, kappa^2 m_{b,i}^2/(2 A_{b,i})) }.",
        "proved",
        lambda: Finding(window_steps()),
        "The bound for a stretch of rounds. It restarts with the whole width of the box, and the momentum from before "
        "the stretch costs kappa D |m| once.",
        rests_on=("path.step", "path.momentum", "path.bound"),
    ),
    Entry(
        "path.schedule",
        "ours",
        "As path.bound, for any beta1_t in [0, 1), kappa_t = beta1_t/(1 - beta1_t): sum_{t<=T} s_t.(x_t - x) <= "
        "sum_i { D_i^2/2 (A_{1,i} + sum_{2<=t<=T} (A_{t,i} - A_{t-1,i})_+) + sum_t (1/2 + kappa_t) m_{t,i}^2/A_{t,i} "
        "+ min(kappa_T D_i |m_{T,i}|, kappa_T^2 m_{T,i}^2/(2 A_{T,i})) + D_i sum_{t<T} |kappa_{t+1} - kappa_t| "
        "|m_{t,i}| }.",
        "proved",
        schedule,
        "The schedule beta1 lambda^{t-1} of the printed theorem is not needed, and does no harm: for a schedule that "
        "only falls, or only rises, the additional sum is at most D |kappa_T - kappa_1| max |m_t|, at most 9 D max "
        "|m_t| for the printed one, where the printed bound has 1/(1 - lambda)^2.",
        uses=("thm2.10", "thm2.b"),
        rests_on=("path.step", "path.momentum"),
    ),
)
