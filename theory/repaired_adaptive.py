"""Lemma 1 without momentum: a constant near 2 for a thousand rounds, and the root of a logarithm after them.

`delta = 1 - beta2`, `u_t = sqrt(v_t)`; the rest as in `repaired_lemma`.
"""

from typing import Any

import numpy as np
import sympy as sp

from adanorm_verify.ledger import Entry, Finding, claims, identity, sign

Array = np.ndarray[Any, Any]


def energy(rounds: int, beta2: float) -> Array:
    """E_T of rep.sharp.adaptive for T = 1..rounds."""
    delta = 1 - beta2
    p = 2 / np.sqrt(delta) * np.minimum(1, 1 / np.sqrt(delta * np.arange(1.0, rounds + 1)))
    q = p[:-1] - np.sqrt(beta2) * p[1:]
    return np.concatenate([[0.0], np.cumsum(q**2)]) + delta * p**2


def growing(expression: Any, variable: Any) -> str:
    """A polynomial in a variable that is not negative, as a text that shows its sign; a divisor is put in its place."""
    top, bottom = sp.fraction(sp.cancel(sp.together(expression)))
    texts = []
    for polynomial in (top, bottom):
        coefficients = [sp.Rational(x) for x in sp.Poly(polynomial, variable).all_coeffs()]
        if min(coefficients) < 0:
            coefficients = [-x for x in coefficients]
        if min(coefficients) < 0:
            raise ArithmeticError(f"{polynomial} does not show its sign")
        powers = [f"{x}*{variable}**{i}" if i else f"{x}" for i, x in enumerate(reversed(coefficients)) if x]
        texts.append(" + ".join(powers))
    return f"({texts[0]})/({texts[1]})"


def adaptive() -> Finding:
    steps = (
        sign(
            "one round, u' = u_{t-1}, u = u_t > 0, s = sqrt(beta2), delta g^2 = u^2 - s^2 u'^2: "
            "delta g^2/u <= 2 (u - s u'), whose right side therefore is not negative",
            "2*(u - s*p) >= (u**2 - s**2*p**2)/u",
            "(u - s*p)**2/u",
            "u s p",
            ["u > 0"],
        ),
        sign(
            "1 - beta2^k is at most 1 and at most delta k, so that g_k^2/sqrt(k v_hat_k) = sqrt((1-beta2^k)/k) "
            "g_k^2/u_k <= P_k (u_k - s u_{k-1}), P_k = 2/sqrt(delta) min(1, 1/sqrt(delta k)); the second by "
            "Bernoulli's step, y = beta2^k >= 1 - delta k",
            "(1-delta)*y >= 1 - delta*(k+1)",
            "(1-delta)*(y - 1 + delta*k) + delta**2*k",
            "delta y k",
            ["1-delta >= 0", "y - 1 + delta*k >= 0", "k >= 0"],
        ),
        identity(
            "Abel: with S_T = sum_{k<T} (P_k - s P_{k+1}) u_k + P_T u_T, one more round adds P_{T+1} (u_{T+1} - s u_T)",
            "(P - s*Q)*u + Q*w - P*u",
            "Q*(w - s*u)",
            "P Q s u w",
        ),
        identity(
            "sum_{k<T} v_k + v_T/delta = ||g_{1:T}||^2: one more round adds v_T + (v_{T+1} - v_T)/delta, which is g^2",
            "v + ((1-delta)*v + delta*g**2 - v)/delta",
            "g**2",
            "v delta g",
        ),
        identity(
            "rep.cauchy: S_T^2 <= (sum_{k<T} (P_k - s P_{k+1})^2 + delta P_T^2)(sum_{k<T} v_k + v_T/delta); its last "
            "terms are (sqrt(delta) P_T)(u_T/sqrt(delta)), d = sqrt(delta)",
            "(d*P)*(u/d)",
            "P*u",
            "d P u",
        ),
    )
    return Finding(steps)


def horizon() -> Finding:
    n = sp.Symbol("n")
    k = 1000 + n
    room = sp.Rational(1001, 1000) / (k + 1) - (
        (sp.Rational("1.0003") + 1000 / k) ** 2 / k + sp.Integer(4000) / (k + 1) - sp.Integer(4000) / k
    )
    steps = (
        claims(
            "T <= 1000: P is constant, E_T = 4 + (T-1) (4/delta)(1-s)^2, and that is at most 4 + T/1000",
            "4/delta*(1-sqrt(1-delta))**2 <= 10006/10000*delta",
            "10006/10000*(1000 - 1) <= 1000",
            let=[("delta", "1/1000")],
        ),
        sign(
            "(a (T-1) <= T for every T <= 1000 and a = 1.0006, because T (a-1) <= a there)",
            "T >= a*(T-1)",
            "a - T*(a-1)",
            "T a",
            ["a - T*(a-1) >= 0"],
        ),
        sign(
            "k >= 1000: 1/sqrt(k) - s/sqrt(k+1) <= (1-s + 1/(2k))/sqrt(k), since sqrt(k/(k+1)) >= 1 - 1/(2k), by "
            "squares",
            "k/(k+1) >= (1 - 1/(2*k))**2",
            "(3*k - 1)/(4*k**2*(k+1))",
            "k",
            ["3*k - 1 >= 0", "k > 0", "k + 1 > 0"],
        ),
        claims(
            "and 1-s <= 1.0003 delta/2, so that (P_k - s P_{k+1})^2 <= (1.0003 + 1/(delta k))^2/k",
            "1 - sqrt(1-delta) <= 10003/10000*delta/2",
            let=[("delta", "1/1000")],
        ),
        sign(
            "so E_{k+1} - E_k <= (1.0003 + 1000/k)^2/k + 4000/(k+1) - 4000/k <= 1.001/(k+1) <= 1.001 (log(k+1) - log "
            "k) for k = 1000 + n (delta P_k^2 = 4000/k; the last by rep.harmonic)",
            "1001/1000/(1001+n) >= (10003/10000 + 1000/(1000+n))**2/(1000+n) + 4000/(1001+n) - 4000/(1000+n)",
            growing(room, n),
            "n",
            ["n >= 0"],
        ),
    )
    figures = {
        "L_T at T = 1, 1000, 10^6": [4.001, 5.0, 11.915],
        "E_T at T = 1, 1000, 10^6": [round(float(energy(10**6, 0.999)[i]), 3) for i in (0, 999, 10**6 - 1)],
    }
    return Finding(steps, figures=figures)


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "rep.sharp.adaptive",
        "ours, for Lemma 1",
        "For all beta2 in (0, 1), T and gradients: sum_{t<=T} g_t^2/sqrt(t v_hat_t) <= sqrt(E_T) ||g_{1:T}||_2, E_T = "
        "sum_{k<T} (P_k - sqrt(beta2) P_{k+1})^2 + (1-beta2) P_T^2, P_k = 2/sqrt(1-beta2) min(1, 1/sqrt((1-beta2) k)).",
        "proved",
        adaptive,
        "Lemma 1 without momentum. Each quotient telescopes in the square root of v, as in AdaGrad's proof, and the "
        "sum of all v is the squared norm of the gradients to the last digit, so that nothing is lost but in one use "
        "of Cauchy and Schwarz. The constant gradient shows that 2, the value of sqrt(E_1), is approached when beta2 "
        "is close to 1.",
        rests_on=("rep.cauchy",),
    ),
    Entry(
        "rep.sharp.horizon",
        "ours, for Lemma 1",
        "At beta2 = 0.999, for all T >= 1: E_T <= L_T = 4 + min(1, T/1000) + 1.001 log max(1, T/1000).",
        "proved",
        horizon,
        "The bias correction keeps the logarithm away for as long as beta2's memory is not yet full: up to a thousand "
        "rounds the constant is between 2 and sqrt(5), and only then does the logarithm begin to grow.",
        rests_on=("rep.harmonic",),
    ),
)
