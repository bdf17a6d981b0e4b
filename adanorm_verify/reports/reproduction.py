"""A counterexample as a standalone script: torch, numpy and the subject, nothing of this project."""

from __future__ import annotations

import importlib.util
import inspect
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from pprint import pformat
from typing import Any

import numpy as np

from ..cases import Case
from ..errors import CannotCheck
from ..hosting.lending import subject_of
from ..hosting.source import Source
from ..interface import SubjectInterface
from ..paper import Algorithm
from ..paper import algorithm as paper_algorithm
from ..runs import checked, probe
from ..summary import headline, place
from ..verdict import Divergence, Verdict

TEMPLATE = '''\
"""{headline}

{place}

Needs torch, numpy and the optimizer itself. Run: python {file}
Exits 1 while the difference is there, 0 once it is gone, 2 if it could not be run.
"""

import os
import sys
import traceback
from math import inf, nan

import numpy as np
import torch


def could_not_run(kind, error, trace):
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    os._exit(2)


sys.excepthook = could_not_run

{load}

# The algorithm as the paper prints it ({source}), one function a line.
{functions}

EQUATIONS = {equations}
STATE = {state}


def reference_step(known):
    """One step of the paper in float64: `known` holds hyperparameters, t, g and the state of the step before."""
    for name, function, inputs in EQUATIONS:
        with np.errstate(all="ignore"):
            known[name] = function(*(known[quantity] for quantity in inputs))
    return known


# The counterexample.
THETA = {theta}
SHAPES = {shapes}
GROUPS = {groups}
HYPERPARAMETERS = {hyperparameters}
ARGUMENTS = {arguments}
GRADIENTS = {gradients}
DTYPE = torch.{dtype}
DEVICE = {device!r}
# What rounding can do to a correct implementation, as derived by adanorm-verify for the last step.
BOUNDS = {bounds}

parameters = [torch.nn.Parameter(torch.tensor(x, dtype=DTYPE, device=DEVICE).reshape(s)) for x, s in zip(THETA, SHAPES)]
groups = [
    {{"params": [p for p, group in zip(parameters, GROUPS) if group == number], **options}}
    for number, options in enumerate(ARGUMENTS["groups"])
]
optimizer = Optimizer(groups if len(groups) > 1 else parameters, **ARGUMENTS["all"])

states = [{{name: np.zeros(()) for name in STATE}} for _ in parameters]
for state, theta, shape in zip(states, THETA, SHAPES):
    state["theta"] = np.array(theta).reshape(shape)
steps = [0] * len(parameters)

for number, gradients in enumerate(GRADIENTS, 1):
    for i, (parameter, gradient, shape) in enumerate(zip(parameters, gradients, SHAPES)):
        parameter.grad = None if gradient is None else torch.tensor(gradient, dtype=DTYPE, device=DEVICE).reshape(shape)
        if gradient is None:
            continue
        steps[i] += 1
        g = np.array(gradient).reshape(shape)
        given = {{name + "_prev": value for name, value in states[i].items()}}
        axes = tuple(range(-g.ndim, 0))
        given |= {{"g": g, "g_vector": g, "t": steps[i], "axes": axes, "vector_axes": axes}}
        given |= HYPERPARAMETERS[GROUPS[i]]
        known = reference_step(given)
        states[i] = {{name: known[name] for name in states[i]}}
    optimizer.step()
    for i, parameter in enumerate(parameters):
        print(f"step {{number}}, tensor {{i}}")
        print("  paper", states[i]["theta"].ravel().tolist())
        print("  found", parameter.detach().double().ravel().tolist())

different = False
for parameter, state, bound in zip(parameters, states, BOUNDS):
    error = np.abs(parameter.detach().double().cpu().numpy().ravel() - state["theta"].ravel())
    different |= bool(np.any(~(error <= np.array(bound))))
print("theta differs from the paper" if different else "theta is what the paper says")
sys.exit(int(different))
'''


def plain(text: str) -> str:
    """Text that may stand in the script's docstring."""
    printable = "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
    return printable.replace("\\", "/").replace('"', "'")


def floats(array: np.ndarray) -> list[float]:
    return [float(x) for x in array.ravel()]


def loading(target: str) -> str:
    """Source that binds `Optimizer` to the subject, found as it was found for the check."""
    place, _, name = target.rpartition(":")
    found = f"reduce(getattr, {name.split('.')!r}, "  # a name need not be a Python one
    if not place.endswith(".py"):
        spec = importlib.util.find_spec(place)
        here = spec is not None and str(spec.origin).startswith(os.getcwd() + os.sep)
        path = f"sys.path.insert(0, {os.getcwd()!r})\n" if here else ""
        head = f"import importlib\nfrom functools import reduce\n\n{path}"
        return f"{head}Optimizer = {found}importlib.import_module({place!r}))"
    path = str(Path(place).resolve())
    stem, folder = Path(path).stem, str(Path(path).parent)
    return (
        "import importlib.util\nfrom functools import reduce\n\n"
        f"sys.path.insert(0, {folder!r})\n"
        f"spec = importlib.util.spec_from_file_location({stem!r}, {path!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        f"sys.modules.setdefault({stem!r}, module)\n"
        "spec.loader.exec_module(module)\n"
        f"Optimizer = {found}module)"
    )


def functions(algorithm: Algorithm) -> str:
    """The equations' source; two of one name are told apart by the quantity that they define."""
    parts = []
    for equation in algorithm.equations:
        source = textwrap.dedent(inspect.getsource(equation.function))
        head = f"def {equation.function.__name__}("
        parts.append(f"# {equation.text}\n" + source.replace(head, f"def {equation.name}(", 1))
    return "\n\n".join(parts)


def script(
    verdict: Verdict,
    divergence: Divergence,
    algorithm: Algorithm,
    subject: SubjectInterface,
    bounds: list[np.ndarray],
    file: str,
    device: str,
    grouped: frozenset[str],
) -> str:
    """The script's text.

    Args:
        verdict: of a subject that differs.
        divergence: its first divergence.
        algorithm: the list, with its decisions.
        subject: how the optimizer is called.
        bounds: of `theta` after the last step, one array a tensor.
        file: the name the script will have.
        device: of the tensors.
        grouped: hyperparameters that groups may set for themselves.
    """
    case: Case = divergence.case
    settable = subject.settable
    first = subject.options(case.hyperparameters[0], settable)
    others = [subject.options(own, grouped & settable) for own in case.hyperparameters[1:]]
    call = {"all": {**first, **subject.arguments, **subject.paths[divergence.path]}, "groups": [{}, *others]}
    equations = ",\n    ".join(f'("{e.name}", {e.name}, {tuple(e.inputs.values())!r})' for e in algorithm.equations)
    hyperparameters = [{name: float(x) for name, x in own.items().items()} for own in case.hyperparameters]
    return TEMPLATE.format(
        headline=plain(headline(verdict)),
        place=plain("\n".join(place(verdict))),
        file=file,
        load=loading(subject.target),
        source=algorithm.source,
        functions=functions(algorithm),
        equations=f"[\n    {equations},\n]",
        state=tuple(algorithm.state),
        theta=pformat([floats(theta) for theta in case.theta], width=110),
        shapes=pformat(list(case.shapes), width=110),
        groups=list(case.groups),
        hyperparameters=pformat(hyperparameters, width=110),
        arguments=pformat(call, width=110),
        gradients=pformat([[None if g is None else floats(g) for g in step] for step in case.steps], width=110),
        dtype=divergence.dtype,
        device=device,
        bounds=pformat([floats(bound) for bound in bounds], width=110),
    )


def reproduction(
    verdict: Verdict,
    target: str,
    arguments: Mapping[str, Any],
    rename: Mapping[str, str],
    device: str,
    file: str,
) -> str:
    """The standalone script of a verdict's first divergence.

    Raises:
        CannotCheck: a counterexample of several tensors under `norm_scope=vector`.
    """
    divergence = verdict.first_divergence
    assert divergence is not None  # only asked for a subject that differs
    if verdict.decisions.get("norm_scope") == "vector" and len(divergence.case.theta) > 1:
        raise CannotCheck("--reproduce cannot write out a norm over several tensors; drop norm_scope=vector")
    paper = paper_algorithm(verdict.algorithm, verdict.decisions)
    source = Source(target, None, dict(arguments), "legacy" in verdict.environment, device)
    with subject_of(source, rename, paper.hyperparameters) as (subject, _):
        check = checked(subject, paper, device)
        combination = probe(check, divergence.path, divergence.dtype)
    steps = check.envelope(divergence.case, combination)
    bounds = [np.zeros_like(theta) for theta in divergence.case.theta]
    for quantities in steps:
        for i, known in enumerate(quantities):
            if known is not None:
                bounds[i] = np.broadcast_to(known["theta"].bound, bounds[i].shape)
    return script(verdict, divergence, paper, subject, bounds, file, device, combination.grouped)
