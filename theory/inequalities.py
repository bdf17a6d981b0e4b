"""The inequalities of the paper, in one coordinate, as data: what `scales` interprets.

Names as in a run of the checker; `theta_star` is the minimiser, and alpha_t = alpha/sqrt(t), beta1_t = beta1 lam^(t-1).
In one coordinate the sums over i are their one term.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Inequality:
    """Two sides as the checker writes them.

    Args:
        id: of the statement.
        left: side.
        relation: `<=` or `==`.
        right: side.
        rounds: the smallest T at which both sides are defined as printed.
    """

    id: str
    left: str
    relation: str
    right: str
    rounds: int = 1


SUM = "sum(m_hat[t]**2/sqrt(t*v_hat[t]) for t in range(1, T + 1))"
NORM = "sqrt(sum(g[t]**2 for t in range(1, T + 1)))"
ROOTS = "sum(sqrt(g[t]**2)/sqrt(t) for t in range(1, T + 1))"
REGRET = "sum(f[t] - loss(t, theta_star) for t in range(1, T + 1))"
B = "beta1*lam**(T - 1)"
A = "(alpha/sqrt(T))"
BEFORE = "(alpha/sqrt(T - 1))"
SQUARES = "((theta[T] - theta_star)**2 - (theta[T + 1] - theta_star)**2)"
FIRST = "D**2/(2*alpha*(1 - beta1))*sqrt(T*v_hat[T])"
THIRD = "D_inf**2*G_inf*sqrt(1 - beta2)/(2*alpha*(1 - beta1)*(1 - lam)**2)"


def second(one_minus: str, numerator: str = "(1 + beta1)") -> str:
    """The theorem's term with Lemma 1 in it; `one_minus` is eta in Theorem 2, gamma in Theorem 1."""
    return f"alpha*{numerator}*G_inf**3/((1 - beta1)*sqrt(1 - beta2)*(1 - {one_minus})**2*G**2)*{NORM}"


INEQUALITIES = (
    Inequality("lem1.h1", "e[T]", "<=", "G_inf"),
    Inequality("lem1.h2", "e[T]/n[T]", "<=", "G_inf/G"),
    Inequality("lem1.h3", "sqrt(1 - beta2**T)/(1 - beta1**T)**2", "<=", "1/(1 - beta1)**2"),
    Inequality(
        "lem1.2",
        "sum((1 - beta1)*beta1**(T - k)*s[k] for k in range(1, T + 1))**2",
        "<=",
        "T*sum(((1 - beta1)*beta1**(T - k)*s[k])**2 for k in range(1, T + 1))",
    ),
    Inequality(
        "lem1.3",
        "s[1]**2/sqrt(T*sum((1 - beta2)*beta2**(T - j)*g[j]**2 for j in range(1, T + 1)))",
        "<=",
        "s[1]**2/sqrt(T*(1 - beta2)*beta2**(T - 1)*g[1]**2)",
    ),
    Inequality(
        "lem1.6",
        "(beta1**(T - 1)*s[1])**2/sqrt(beta2**(T - 1)*g[1]**2)",
        "==",
        "(beta1**2/sqrt(beta2))**(T - 1)*s[1]**2/g[1]",
    ),
    Inequality("lem1.9", "max(1, e[T]/n[T])**2*g[T]**2/sqrt(g[T]**2)", "<=", "G_inf**2/G**2*sqrt(g[T]**2)"),
    Inequality(
        "lem1.10.b",
        SUM,
        "<=",
        "G_inf**2/(G**2*sqrt(1 - beta2))*sum(sqrt(g[t]**2)/sqrt(t)*sum(t*eta**j for j in range(0, T - t + 1)) "
        "for t in range(1, T + 1))",
    ),
    Inequality("lem1.13", SUM, "<=", f"G_inf**2/(G**2*(1 - eta)**2*sqrt(1 - beta2))*{ROOTS}"),
    Inequality("lem1.14", "sum(sqrt(g[t]**2/t) for t in range(1, T + 1))", "<=", f"2*G_inf*{NORM}"),
    Inequality("lem1", SUM, "<=", f"2*G_inf**3/(G**2*(1 - eta)**2*sqrt(1 - beta2))*{NORM}"),
    Inequality("thm2.1.a", "f[T] - loss(T, theta_star)", "<=", "g[T]*(theta[T] - theta_star)"),
    Inequality("thm2.3", f"({A}*m_hat[T]/sqrt(v_hat[T]))**2", "==", f"{A}**2*(m_hat[T]/v_hat[T])**2"),
    Inequality(
        "thm2.4.a",
        "s[T]*(theta[T] - theta_star)",
        "==",
        f"(1 - beta1**T)*sqrt(v_hat[T])/(2*{A}*(1 - {B}))*{SQUARES}"
        f" + {B}/(1 - {B})*(theta_star - theta[T])*m[T - 1]"
        f" + {A}*(1 - beta1**T)/(2*(1 - {B}))*m_hat[T]**2/sqrt(v_hat[T])",
        2,
    ),
    Inequality(
        "thm2.5",
        f"{B}/(1 - {B})*(theta_star - theta[T])*m[T - 1]",
        "==",
        f"sqrt({B}/({BEFORE}*(1 - {B}))*(theta_star - theta[T])**2*sqrt(v_hat[T - 1]))"
        f"*sqrt({B}*{BEFORE}*m[T - 1]**2/((1 - {B})*sqrt(v_hat[T - 1])))",
        2,
    ),
    Inequality(
        "thm2.6",
        "g[T]*(theta[T] - theta_star)",
        "<=",
        f"1/(2*{A}*(1 - beta1))*{SQUARES}*sqrt(v_hat[T])"
        f" + {B}/(2*{BEFORE}*(1 - {B}))*(theta_star - theta[T])**2*sqrt(v_hat[T - 1])"
        f" + beta1*{BEFORE}*m[T - 1]**2/(2*(1 - beta1)*sqrt(v_hat[T - 1]))"
        f" + {A}/(2*(1 - beta1))*m_hat[T]**2/sqrt(v_hat[T])",
        2,
    ),
    Inequality(
        "thm2.7",
        REGRET,
        "<=",
        "1/(2*alpha*(1 - beta1))*(theta[1] - theta_star)**2*sqrt(v_hat[1])"
        " + sum(1/(2*(1 - beta1))*(theta[t] - theta_star)**2*(sqrt(t*v_hat[t])/alpha - sqrt((t - 1)*v_hat[t - 1])"
        "/alpha) for t in range(2, T + 1))"
        f" + {second('eta', 'beta1')} + {second('eta', '1')}"
        " + sum(beta1*lam**(t - 1)*sqrt(t)/(2*alpha*(1 - beta1*lam**(t - 1)))*(theta_star - theta[t])**2*sqrt(v_hat[t])"
        " for t in range(1, T + 1))",
    ),
    Inequality(
        "thm2.8",
        "(theta[1] - theta_star)**2*sqrt(v_hat[1])/alpha + sum((theta[t] - theta_star)**2*(sqrt(t*v_hat[t])/alpha"
        " - sqrt((t - 1)*v_hat[t - 1])/alpha) for t in range(2, T + 1))",
        "<=",
        "D**2*sqrt(T*v_hat[T])/alpha",
    ),
    Inequality("thm2.9", "sqrt(v_hat[T])", "<=", "G_inf*sqrt(1 - beta2)"),
    Inequality(
        "thm2.10",
        "sum(beta1*lam**(t - 1)/(1 - beta1*lam**(t - 1))*sqrt(t) for t in range(1, T + 1))",
        "<=",
        "1/((1 - beta1)*(1 - eta)**2)",
    ),
    Inequality("thm2", REGRET, "<=", f"{FIRST} + {second('eta')} + {THIRD}"),
    Inequality("thm1", REGRET, "<=", f"{FIRST} + {second('gamma')} + {THIRD}"),
    Inequality("sec32.1.a", NORM, "<=", "G_inf*sqrt(T)"),
    Inequality("sec32.1.a, second", "sqrt(T*v_hat[T])", "<=", "G_inf*sqrt(T)"),
    Inequality("sec32.3, trivial bound", REGRET, "<=", "T*G*D"),
)
