"""From a periodic failure to its certificate: statement, proof, and the first rounds as evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..ledger import Step, claims
from ..ledger.folder import checker
from ..paper import PREVIOUS
from .methods import DEFAULTS, Method, label, method_of
from .playing import Game
from .problems import periodic
from .sequences import shown
from .settled import Memory
from .trophies import BITS, Written, limit, proof
from .unparsing import Language, Undecided

ROUNDS = 24
"""Played rounds that the evidence repeats."""
TOLERANCE = f"{ROUNDS * 64}/2**53"
"""Between certified points and those played in float64: 64 roundoffs a round, of numbers <= 1."""
STEPS = {
    "constant": "alpha_t = alpha",
    "inverse-root": "alpha_t = alpha/sqrt(t)",
    "inverse": "alpha_t = alpha/t",
    "inverse-fourth-root": "alpha_t = alpha/t^(1/4)",
}


def certificate(
    settings: Mapping[str, Any], sequence: Sequence[int], memories: Mapping[str, Memory], name: str
) -> dict[str, Any] | None:
    """The certificate of the failure of an optimizer on a sequence, or None where it is not proved.

    Args:
        settings: of the optimizer (`methods.method_of`).
        sequence: integers of positive sum.
        memories: of its state (`settled`).
        name: the id, which is that of the file.
    """
    method = method_of(settings)
    try:
        written = Written(method, sequence, memories)
        steps = proof(written, sequence, method.steps == "constant" and "sum" not in memories.values())
        if steps is None:
            return None
        steps.append(evidence(method, sequence))
    except (Undecided, ZeroDivisionError):
        return None
    contents = {
        "id": name,
        "where": "found by adanorm-verify hunt",
        "statement": statement(settings, sequence, memories),
        "verdict": "proved",
        "rests_on": [],
        "bits": BITS,
        "steps": steps,
    }
    contents = json.loads(json.dumps(contents))
    return contents | {"sha256": checker().digest(contents)}


def renamed(contents: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The same certificate under another id: that of the file it is written to."""
    rest = {key: value for key, value in contents.items() if key != "sha256"} | {"id": name}
    return rest | {"sha256": checker().digest(rest)}


def statement(settings: Mapping[str, Any], sequence: Sequence[int], memories: Mapping[str, Memory]) -> str:
    """What is proved, in words."""
    method = method_of(settings)
    numbers = ", ".join(
        f"{name} = {settings.get(name, DEFAULTS[name]):g}" for name in method.listed.hyperparameters if name != "lr"
    )
    settling = method.steps != "constant" or "sum" in memories.values()
    end = (
        f"theta_t tends to 1 and R(T)/T to {limit(sequence)}"
        if settling
        else f"liminf R(T)/T >= {limit(sequence)} - alpha M {sum(sequence)}/{len(sequence)}, M as in the last step"
    )
    return (
        f"Losses f_t(x) = g_t x on [-1, 1] with g_t = {shown(sequence)} in turn; "
        f"{label({'name': settings['name']})} as listed{f' ({numbers})' if numbers else ''}"
        f"{', the correction guarded' if method.decisions else ''}, {STEPS[method.steps]}, "
        f"each step projected onto [-1, 1]. For every alpha > 0 and every start: {end}, although the best fixed point "
        "is -1."
    )


def evidence(method: Method, sequence: Sequence[int]) -> Step:
    """The first rounds from 0 as they were played, in certified intervals."""
    game = Game(method, periodic(sequence))
    played = [repr(float(game.play(k).theta[0, 0])) for k in range(1, ROUNDS + 1)]
    says = f"the first {ROUNDS} rounds from 0: the points that were played, by "
    hyper = {name: float(value) for name, value in method.hyperparameters.items().items()}
    let = [("alpha" if name == "lr" else name, repr(value)) for name, value in hyper.items()]
    if (run := run_of(method, sequence)) is not None:
        points = [f"abs(theta[{k + 1}] - ({point})) <= {TOLERANCE}" for k, point in enumerate(played, 1)]
        return claims(f"{says}the checker's own optimizer", *points, role="evidence", let=let, run=run)
    let, branches = first_rounds(method, sequence)
    points = [f"abs(theta_{k} - ({point})) <= {TOLERANCE}" for k, point in enumerate(played, 1)]
    return claims(f"{says}the equations of the list", *branches, *points, role="evidence", let=let)


def run_of(method: Method, sequence: Sequence[int]) -> dict[str, Any] | None:
    """The run of the checker that this method is, or None where it has none."""
    listed = method.listed
    if "rho_t" in listed or ("root" in listed and "v_hat" not in listed) or 0 in sequence:
        return None
    if method.decay is not None or method.steps != "inverse-root" or method.decisions:
        return None
    plain = "v" not in listed
    largest = "sqrt(v_max/(1 - beta2**t)) + eps" if "v_max" in listed else "sqrt(v_hat) + eps"
    run = {
        "losses": [[[[str(g)], "0"]] for g in sequence],
        "start": ["0"],
        "box": [["-1", "1"]],
        "rounds": str(ROUNDS),
        "step": "alpha/sqrt(t)",
        "ratio": "max(1, e/n)" if "s" in listed else "1",
        "preconditioner": "1" if plain else largest,
    }
    if plain:
        run["beta1_t"] = "0"
        run["scale"] = "1 - beta1**t"  # m_hat is divided by it
    if "xi" in listed:
        run["scale"] = "1/(1 + exp(-abs(g - g_prev)))"
    read_by_v = () if plain else listed["v"].inputs.values()
    if "m" in read_by_v:  # AdaBelief, from the gradient or from the corrected one
        run["second"] = f"({'s' if 's' in read_by_v else 'g'} - m)**2"
    return run


def first_rounds(method: Method, sequence: Sequence[int]) -> tuple[list[tuple[str, str]], list[str]]:
    """Names and expressions of the first rounds, from zero, and what chose their branches."""
    listed = method.listed
    language = Language(1, BITS)
    let: list[tuple[str, str]] = []
    claimed: list[str] = []

    def define(name: str, text: str) -> None:
        try:
            language.know(name, text)
        except (ValueError, language.checker.Refused):
            return  # RAdam's root of a negative number, in the rounds that do not read it: whoever did would be refused
        let.append((name, text))

    for name, number in (*method.hyperparameters.items().items(), *listed.constants.items()):
        define(name, repr(float(number)))
    for name in listed.state:
        define(f"{name}_0", "0")
    for t in range(1, ROUNDS + 1):
        language.t = t
        define(f"g_{t}", str(sequence[(t - 1) % len(sequence)]))
        for equation in listed.equations:
            names = {
                quantity: f"{quantity.removesuffix(PREVIOUS)}_{t - quantity.endswith(PREVIOUS)}"
                for quantity in equation.inputs.values()
                if quantity.removesuffix(PREVIOUS) in (*listed.names, "g")
            }
            text, branches = language.written(equation, names)
            claimed += branches
            define(f"{equation.name}_{t}", f"min(1, max(-1, {text}))" if equation.name == "theta" else text)
    return let, claimed
