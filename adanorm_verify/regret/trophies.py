"""The certificate of a periodic failure, in the language of `theory/checker.py`, from the optimizer's own equations.

The settled cycle of every quantity is written out round by round over one period, each right-hand side as the list has
it, with t so large that powers of the decays are 0. The checker evaluates it in exact rationals and outward-rounded
intervals, and finds that the steps of a period sum to more than a positive number away from the best point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from ..ledger import Step, claims, identity, sign
from ..paper import PREVIOUS, Equation
from .methods import Method
from .settled import Memory
from .unparsing import LIMIT, Language, variables

BITS = 320
"""Of the enclosures. Cycles of a few rounds stay exact in them; longer ones lose little more than a bit a step."""
CLOSES = "1/10**40"
"""What a cycle whose exact rationals are too long may miss its own beginning by, by rounding alone: 2^-320 < 10^-96."""
BORN_SETTLED = ("lr_t", "metric")
"""Steps are the unit of the moves; the norm of the projection does not matter on an interval."""


class Written:
    """A settled cycle as text: names with their expressions, in order, and what is claimed about them.

    Args:
        method: of which.
        sequence: integers, the gradients of a period.
        memories: how each quantity of the state remembers (`settled`).

    Raises:
        Undecided: a branch that enclosures cannot tell, or the long run may take either way.
    """

    def __init__(self, method: Method, sequence: Sequence[int], memories: Mapping[str, Memory]) -> None:
        self.listed, self.P, self.memories = method.listed, len(sequence), memories
        self.language = Language(LIMIT, BITS)
        self.let: list[tuple[str, str]] = []
        self.claims: list[str] = []
        self.closing: list[str] = []
        self.identities: list[Step] = []
        numbers = {name: method.hyperparameters.items()[name] for name in self.listed.hyperparameters if name != "lr"}
        for name, number in (*numbers.items(), *self.listed.constants.items()):
            self.define(name, repr(float(number)))
        for j, g in enumerate(sequence, 1):
            self.define(f"g_{j}", str(g))
        for equation in self.listed.equations:
            self._write(equation)

    @property
    def rounds(self) -> range:
        return range(1, self.P + 1)

    def define(self, name: str, text: str) -> None:
        self.let.append((name, text))
        self.language.know(name, text)

    def names(self, equation: Equation, j: int, own: str | None = None) -> dict[str, str]:
        """Quantity to the name that stands for it in round j; `own` for the equation's own last value."""
        found = {}
        for quantity in equation.inputs.values():
            plain = quantity.removesuffix(PREVIOUS)
            if plain == equation.name:
                found[quantity] = own or f"{plain}_{j - 1}"
            elif quantity != plain:
                found[quantity] = f"{plain}_{(j - 2) % self.P + 1}"
            elif plain in self.listed.names or plain == "g":
                found[quantity] = f"{plain}_{j}"
        return found

    def text(self, equation: Equation, j: int, own: str | None = None) -> str:
        written, branches = self.language.written(equation, self.names(equation, j, own))
        self.claims += [one for one in branches if one not in self.claims]
        return written

    def _write(self, equation: Equation) -> None:
        name, memory = equation.name, self.memories.get(equation.name)
        grows = memory == "sum" or (name == "denominator" and "sum" in self.memories.values())
        if name == "theta":
            for j in self.rounds:
                self.define(f"move_{j}", self.text(equation, j, "0"))
        elif grows or name in BORN_SETTLED:
            for j in self.rounds:
                self.define(f"{name}_{j}", "1")
        elif name == "rho_t":  # rho_inf - 2 t beta2^t/(1 - beta2^t)
            for j in self.rounds:
                self.define(f"rho_t_{j}", f"rho_inf_{j}")
        else:
            if memory == "average":
                self._begin_average(equation)
            elif memory == "maximum":
                self._begin_maximum(equation)
            for j in self.rounds:
                self.define(f"{name}_{j}", self.text(equation, j))

    def _begin_average(self, equation: Equation) -> None:
        """From zero, after a period: c; after a period from x: c + r^P x. So c/(1 - r^P) comes again."""
        name, P = equation.name, self.P
        x, y, zero, one = (self.text(equation, 1, own) for own in ("x", "y", "0", "1"))
        rate = f"({one}) - ({zero})"
        self.identities.append(
            identity(
                f"{name} remembers as an average does: two of its values come nearer by the same factor in each round",
                f"({x}) - ({y})",
                f"({rate})*(x - y)",
                variables(x, y, rate),
            )
        )
        self.define(f"rate_{name}", rate)
        self.define(f"{name}_from_zero_0", "0")
        for j in self.rounds:
            self.define(f"{name}_from_zero_{j}", self.text(equation, j, f"{name}_from_zero_{j - 1}"))
        self.define(f"{name}_0", f"{name}_from_zero_{P}/(1 - rate_{name}**{P})")
        self.claims.append(f"0 <= rate_{name} < 1")
        self.closing.append(name)

    def _begin_maximum(self, equation: Equation) -> None:
        """The averages of squares climb to their cycle from below, so that their maximum tends to the cycle's."""
        [other] = (quantity for quantity in equation.inputs.values() if not quantity.endswith(PREVIOUS))
        self.define(f"{equation.name}_0", f"max({', '.join(f'{other}_{j}' for j in self.rounds)})")
        self.claims.append(f"{other}_0 >= 0")
        self.closing.append(equation.name)

    def closed(self) -> list[str]:
        """That the cycle is one: exactly, where the rationals are short enough."""
        found = []
        for name in self.closing:
            exact = f"{name}_{self.P} == {name}_0"
            kept = self.language.checker.holds(exact, self.language.names)
            found.append(exact if kept else f"abs({name}_{self.P} - {name}_0) <= {CLOSES}")
        return found

    @property
    def drift(self) -> str:
        return " + ".join(f"move_{j}" for j in self.rounds)


def below(x: Fraction) -> str:
    """A short decimal between 9/10 of a positive number and the number."""
    shift = 0
    while x * Fraction(10) ** shift < 10:
        shift += 1
    whole = int(x * Fraction(10) ** shift)
    return f"{whole}/10**{shift}" if shift else str(whole)


def proof(written: Written, sequence: Sequence[int], constant: bool) -> list[Step] | None:
    """The steps of the proof that the point tends to 1 although -1 is best; None where the drift is not above zero.

    Args:
        written: the cycle.
        sequence: of positive sum.
        constant: whether the steps alpha_t stay as they are, where they are not divided by what grows.
    """
    total = written.language.value(written.drift)
    if total.low <= 0:
        return None
    D, P = below(total.low), written.P
    slack = " + ".join(f"max(0, D/{P} - move_{j})" for j in written.rounds)
    cycle = claims(
        "the settled cycle, with the powers of the decays at their limit 0 and in units of the step: each equation of "
        "the list, round by round. Averages begin at c/(1 - r^P), c what a period makes of zero; they come again after "
        "a period. The moves of the point sum to at least D > 0 in a period: away from -1",
        *written.claims,
        *written.closed(),
        f"{written.drift} >= D",
        "D > 0",
        let=[*written.let, ("D", D)],
    )
    bound = claims(
        "M, which partial sums of less than a period do not pass",
        "M > 0",
        let=[*written.let, ("D", D), ("M", slack)],
    )
    return [
        *written.identities,
        cycle,
        *_growing(written),
        bound,
        *_windows(P),
        *_arriving(constant),
        *_cost(sequence),
    ]


def _growing(written: Written) -> list[Step]:
    if "sum" not in written.memories.values():
        return []
    return [
        sign(
            "the sum V of squares grows, so that alpha_t/(sqrt(V_t) + eps) never grows and tends to 0; with gradients "
            "of at most A it is at least alpha_t/(A sqrt(t) + eps), and sums to infinity. It is the step from here on",
            "1/(y + eps) >= 1/(x + eps)",
            "(x - y)/((x + eps)*(y + eps))",
            "x y eps",
            ["x - y >= 0", "x + eps > 0", "y + eps > 0"],
        )
    ]


def _windows(P: int) -> list[Step]:
    return [
        sign(
            f"every right-hand side is continuous at the cycle and the averages come near it, so that from a round N "
            f"on round k moves the point by alpha_k mu_k with mu_k within D/{2 * P} of the cycle's; P = {P} of them in "
            f"a row sum to at least D/2. With x_k = D/{2 * P} - mu_k any P in a row sum to at most 0, and the partial "
            "sums S from any tau >= N are at most M, the sum of max(0, D/P - move) over the cycle. If alpha_k > 0 "
            "never grows, the sum of alpha_k x_k from tau to t is at most alpha_tau M - alpha_t (M - S_t), and so at "
            "most alpha_tau M. Base",
            "x*M - x*(M - s) >= x*s",
            "0",
            "x M s",
        ),
        sign(
            "step from t (sum X, step x) to t + 1 (s, step y <= x)",
            "x0*M - y*(M - S - s) >= X + y*s",
            "(x0*M - x*(M - S) - X) + (x - y)*(M - S)",
            "x0 x y M S s X",
            ["x0*M - x*(M - S) - X >= 0", "x - y >= 0", "M - S >= 0"],
        ),
    ]


def _arriving(constant: bool) -> list[Step]:
    end = (
        "and stays above 1 - alpha M from then on (alpha_t = alpha)"
        if constant
        else "and stays above 1 - alpha_tau M after each such round tau: theta_t tends to 1, as alpha_t to 0"
    )
    return [
        sign(
            "let tau be the last round up to t that begins at 1, or N. After it the projection acts at -1 alone, and "
            "raises the point. With Y the sum of alpha_k x_k and k S that of alpha_k D/(2 P) from tau to t, "
            "theta_{t+1} >= theta_tau + k S - Y >= theta_tau + k S - alpha_tau M. The alpha_k sum to infinity: the "
            f"point comes to 1, {end}",
            "theta + (k*S - Y) >= theta + k*S - x*M",
            "x*M - Y",
            "theta k S Y x M",
            ["x*M - Y >= 0"],
        )
    ]


def _cost(sequence: Sequence[int]) -> list[Step]:
    total, P = sum(sequence), len(sequence)
    terms = " + ".join(f"({g})" for g in sequence)
    return [
        claims(
            f"the gradients of a period sum to {total} > 0, so that -1 is the best fixed point; a period at 1 costs "
            f"{2 * total} more than one at -1: R(T)/T tends to {Fraction(2 * total, P)} where theta_t tends to 1",
            f"{terms} == {total}",
            f"{total} > 0",
            f"({total}*1 - {total}*(-1))/{P} == {Fraction(2 * total, P)}",
        )
    ]


def limit(sequence: Sequence[int]) -> Fraction:
    """The average regret at the wrong end of [-1, 1]."""
    return Fraction(2 * abs(sum(sequence)), len(sequence))
