"""The text of a loop over rounds: what one list does on one kind of problem, as source for numba.

Quantities of a step are computed once a round, those of a tensor after a loop that sums, those of an element in a loop
over coordinates. Powers of the decays are taken only until they vanish beside 1.
"""

from __future__ import annotations

from ..paper import HYPERPARAMETERS, PREVIOUS
from .problems import TABLES
from .scalars import POWERS, indexed, scalar
from .tasks import ARGUMENTS, BLOCK, ELEMENTS, ROUND, RUNS, Part, Task, laid, within

VANISHES = 2.0**-60
"""A power below it changes 1 minus it by less than a hundredth of a roundoff."""
FLUSH = 1024
"""Rounds whose losses are added up before they join the total: rounding stays below FLUSH units a row of a round."""

DRAW = {
    "cyclic": "row{T} = offsets[{N}] + phase",
    "iid": "row{T} = drawn(cumulative, offsets[{N}], rows, uniform(keys[{N}], {COUNTER}))",
    "signs": "bits{T} = word(keys[{N}], t)",
}
"""Sampling to what is drawn once a round and run."""
COORDINATE = {
    "cyclic": "rows_a[row{T}, {I}]",
    "iid": "rows_a[row{T}, {I}]",
    "signs": "1.0 - 2.0 * np.float64((bits{T} >> np.uint64({I})) & np.uint64(1))",
    "heavy": "heavy(keys[{N}], t * d + {I}, scale)",
    "drift": "np.cos(2 * np.pi * np.sqrt(t) / scale + {I})",
}
"""Sampling to coordinate I of the row."""


# What a round does ------------------------------------------------------------------------------------------------


def powers(task: Task) -> list[Part]:
    """Powers of the decays, and the reciprocals made of one of them, until they do not change any more."""
    lines = []
    for base, power in used_powers(task).items():
        own = [f"{name} = 1 / ({text})" for text, name in task.scalars.reciprocals.items() if of_power(text) == power]
        rest = (f"{power} = {base} ** np.float64(t)", f"if {power} < {VANISHES!r}:\n    {power} = 0.0", *own)
        lines.append(within(f"if {power} > 0.0:", *rest))
    return [(ROUND, lines)]


def used_powers(task: Task) -> dict[str, str]:
    return {base: power for base, power in POWERS.items() if power in task.scalars.text}


def of_power(text: str) -> str:
    """The power that alone makes up a divisor 1 - power; empty where it is made of something else."""
    return text.removeprefix("1 - ") if text.removeprefix("1 - ") in POWERS.values() else ""


def step(task: Task) -> list[Part]:
    """Quantities of a step."""
    lines = [f"{line.name} = {line.text}" for line in task.scalars.step]
    reciprocals = task.scalars.reciprocals.items()
    return [(ROUND, lines + [f"{name} = 1 / ({text})" for text, name in reciprocals if not of_power(text)])]


def row(task: Task) -> list[Part]:
    """A row, its prediction, its loss and slope; the gradient too where it is known before the prediction."""
    E, T, N = task.layout.element, task.layout.run, task.layout.number
    index = "i" if task.layout.over_elements else "0"
    names = {"T": T, "N": N, "I": index, "COUNTER": "t * batch + j" if task.batched else "t"}
    draw = [DRAW[task.sampling].format(**names)] if task.sampling in DRAW else []
    y, w = (f"rows_y[row{T}]", f"rows_w[row{T}]") if task.sampling in TABLES else ("0.0", "1.0")
    share = " / batch" if task.batched else ""
    label = f"y, w = {y}, {w}"
    slope = f"slope{T} = ({indexed(task.slope, {'z': T})}){share}"
    each = [f"a{E} = {COORDINATE[task.sampling].format(**names)}", f"z{T} += a{E} * theta_prev{E}"]
    if task.known:
        each = [each[0].replace(f"a{E}", "a", 1), f"z{T} += a * theta_prev{E}", f"g = slope{T} * a", f"g_all{E} = g"]
        each += [summed for line in task.early for summed in task.summed(line)]
    zeros = [f"sum_{n}{T} = 0.0" for line in task.early for n in range(1, len(line.sums) + 1)]
    met = [f"loss = ({indexed(scalar(task.link.loss).text, {'z': T})}){share}"]
    met += [f"met_part{T} += loss", f"met_size{T} += abs(loss)"]
    count = [f"counts[({N}) * rows + row{T} - offsets[{N}]] += 1"] if task.sampling == "iid" else []
    before = [*draw, f"z{T} = 0.0", *zeros, *([label, slope] if task.known else [])]
    return [(RUNS, before), (ELEMENTS, each), (RUNS, [label, *met, *([] if task.known else [slope]), *count])]


def rows(task: Task) -> list[Part]:
    """The rows of a round; with several, the mean of their gradients in `g_all`."""
    if not task.batched:
        return row(task)
    E, T = task.layout.element, task.layout.run
    inner = [*row(task), (ELEMENTS, [f"g_all{E} += slope{T} * a{E}"])]
    return [(ELEMENTS, [f"g_all{E} = 0.0"]), (ROUND, [within("for j in range(batch):", laid(task.layout, inner))])]


def tensor(task: Task) -> list[Part]:
    """Quantities of a tensor, and what elements share of them."""
    T = task.layout.run
    parts: list[Part] = []
    for line in task.scalars.tensor:
        if line.sums and line not in task.early:
            parts.append((RUNS, [f"sum_{n}{T} = 0.0" for n in range(1, len(line.sums) + 1)]))
            parts.append((ELEMENTS, [f"g = {task.gradient}", *task.summed(line)]))
        parts.append((RUNS, [f"{line.name}{T} = {task.written(line.text)}"]))
    return [*parts, (RUNS, [f"{name}{T} = {task.written(text)}" for text, name in task.scalars.shared.items()])]


def element(task: Task) -> list[Part]:
    """Quantities of an element, the step, and the state of the next round."""
    E, T = task.layout.element, task.layout.run
    each = [f"g = {task.gradient}"]
    if task.measured:
        each += [f"squares{E} += g * g", f"largest{T} = max(largest{T}, abs(g))", f"now{T} += g * g"]
        each += [f"lowest{E} = min(lowest{E}, theta_prev{E})", f"highest{E} = max(highest{E}, theta_prev{E})"]
    if task.sampling not in TABLES:
        each.append(f"sums{E} += g")
    each += [f"{line.name} = {task.written(line.text)}" for line in task.scalars.element]
    if task.kind == "box":
        each.append("theta = min(max(theta, low), high)")
    if task.projected:
        each.append(f"weights{E} = {'metric' if 'metric' in task.algorithm else '1.0'}")
    each += [f"{name}{PREVIOUS}{E} = {name}" for name in task.of("element")]
    before = [f"now{T} = 0.0"] if task.measured else []
    after = [f"norm{T} = max(norm{T}, now{T})"] if task.measured else []
    after += [f"{name}{PREVIOUS}{T} = {name}{T}" for name in task.of("tensor")]
    return [(RUNS, before), (ELEMENTS, each), (RUNS, after)]


def projection(task: Task) -> list[Part]:
    """Onto a set that is no product of intervals, in the norm of the step's diagonal."""
    column = "[:, r]" if task.layout.run else ""
    radius = ", radius" if task.kind == "ball" else ""
    return [(RUNS, [f"project_{task.kind}(theta_prev{column}, weights{column}{radius})"])] if task.projected else []


def flush(task: Task) -> str:
    """The losses of the last rounds, added to the total with the rounding error kept."""
    T = task.layout.run
    sums = f"met_total{T}, met_lost{T} = two_sum(met_total{T}, met_lost{T}, met_part{T})"
    return laid(task.layout, [(RUNS, [sums, f"met_part{T} = 0.0"])])


# What is kept from call to call -----------------------------------------------------------------------------------


def kept(task: Task) -> list[tuple[str, str, tuple[str, str]]]:
    """Name, array, and how it is taken and put back."""
    whole, one = task.layout.whole, task.layout.one
    found = [(name + PREVIOUS, f"elements[{n}]", whole) for n, name in enumerate(task.of("element"))]
    found += [(name + PREVIOUS, f"tensors[{n}]", one) for n, name in enumerate(task.of("tensor"))]
    found += [(name, f"totals[{n}]", one) for n, name in enumerate(("met_total", "met_lost", "met_size"))]
    if task.sampling not in TABLES:
        found.append(("sums", "sums_all", whole))
    if task.measured:
        found += [(name, f"peaks[{n}]", one) for n, name in enumerate(("largest", "norm"))]
        found += [(name, f"ranges[{n}]", whole) for n, name in enumerate(("squares", "lowest", "highest"))]
    return found


def scratch(task: Task) -> list[str]:
    """What lives for one call: arrays where the layout has them."""
    runs = ["z", "slope", "met_part", *(line.name for line in task.scalars.tensor), *task.scalars.shared.values()]
    runs += [f"sum_{n}" for n in range(1, task.sums + 1)] + (["now"] if task.measured else [])
    each = [
        "g_all" if task.known else "a",
        *(["g_all"] if task.batched else []),
        *(["weights"] if task.projected else []),
    ]
    lines = ["met_part = 0.0"]
    if task.layout.run:
        drawn = (
            ["row, np.int64"] if task.sampling in TABLES else ["bits, np.uint64"] if task.sampling == "signs" else []
        )
        lines = [f"{name} = np.zeros({BLOCK})" for name in runs]
        lines += [f"{name} = np.zeros({BLOCK}, {dtype})" for name, dtype in (one.split(", ") for one in drawn)]
        lines += [f"{name} = np.zeros((d, {BLOCK}))" for name in each]
    elif task.layout.element:
        lines += [f"{name} = np.zeros(d)" for name in each]
    lines += [f"{power} = 1.0" for power in used_powers(task).values()]
    lines += [f"{name} = 1.0" for name in task.scalars.reciprocals.values()]
    return lines + (["phase = (first - 1) % rows"] if task.sampling == "cyclic" else [])


def source(task: Task) -> str:
    """The text of `play(first, last, block, d, elements, tensors, ...)`: rounds first to last of one block of runs."""
    numbers = ", ".join((*HYPERPARAMETERS, *task.algorithm.constants))
    turn: list[Part] = [(ROUND, ["phase += 1\nif phase == rows:\n    phase = 0"])] if task.sampling == "cyclic" else []
    parts = [*powers(task), *step(task), *rows(task), *tensor(task), *element(task), *projection(task), *turn]
    body = [laid(task.layout, parts), within(f"if t % {FLUSH} == 0:", flush(task))]
    whole = [f"{numbers} = numbers"]
    whole += [take.format(x=name, array=array) for name, array, (take, _) in kept(task)]
    whole += [*scratch(task), within("for t in range(first, last + 1):", *body), flush(task)]
    whole += [put.format(x=name, array=array) for name, array, (_, put) in kept(task) if put]
    return within(f"def play({ARGUMENTS}):", *whole) + "\n"
