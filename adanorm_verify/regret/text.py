"""The text of a loop over rounds: what one list does on one kind of problem, as source for numba.

Quantities of a step are computed once a round, those of a tensor after a loop that sums, those of an element in a loop
over coordinates. Powers of the decays are taken only until they vanish beside 1. Three layouts of one text: scalars
(one run of one coordinate), one run, and blocks of runs side by side, whose inner loops the compiler vectorises.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from textwrap import indent

from ..paper import HYPERPARAMETERS, PREVIOUS, Algorithm
from .links import Link
from .problems import TABLES
from .scalars import POWERS, Scalars, indexed, over_scalars, scalar

VANISHES = 2.0**-60
"""A power below it changes 1 minus it by less than a hundredth of a roundoff."""
BLOCK = 32
"""Runs side by side: four vectors of AVX-512, and the state of ten coordinates in the first cache."""
FLUSH = 1024
"""Rounds whose losses are added up before they join the total, so that rounding stays below FLUSH + T/FLUSH units."""

ARGUMENTS = (
    "first, last, block, d, elements, tensors, numbers, rows_a, rows_y, rows_w, cumulative, rows, batch, scale, "
    "offsets, keys, low, high, radius, totals, counts, sums_all, peaks, ranges"
)
LOCALS = (
    "i, r, j, a, z, y, w, g_all, loss, slope, row, bits, phase, weights, now, met_total, met_lost, met_size, met_part, "
    "sums, largest, norm, squares, lowest, highest, np, word, uniform, drawn, heavy, two_sum"
)
OWN = frozenset(f"{ARGUMENTS}, {LOCALS}".split(", "))
"""Names of the text that no quantity of a list may have."""

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


@dataclass(frozen=True)
class Layout:
    """How quantities are indexed in the text.

    Args:
        element: suffix of one value an element.
        run: suffix of one value a run.
        over_elements: the loop over coordinates; empty where there is one.
        over_runs: the loop over the runs of a block; empty where there is one.
        number: of the run.
        whole: what is taken of an array with a value an element, and how it is put back.
        one: the same of an array with a value a run.
    """

    element: str
    run: str
    over_elements: str
    over_runs: str
    number: str
    whole: tuple[str, str]
    one: tuple[str, str]


# Arrays are copied and put back, so that threads that play neighbouring blocks never write to one line of a cache.
LAYOUTS = {
    "scalar": Layout(
        *("", "", "", "", "block"),
        ("{x} = {array}[block, 0, 0]", "{array}[block, 0, 0] = {x}"),
        ("{x} = {array}[block, 0]", "{array}[block, 0] = {x}"),
    ),
    "single": Layout(
        *("[i]", "", "for i in range(d):", "", "block"),
        ("{x} = {array}[block].copy().reshape(d)", "{array}[block] = {x}.reshape((d, 1))"),
        ("{x} = {array}[block, 0]", "{array}[block, 0] = {x}"),
    ),
    "blocks": Layout(
        *("[i, r]", "[r]", "for i in range(d):", f"for r in range({BLOCK}):", f"block * {BLOCK} + r"),
        ("{x} = {array}[block].copy()", "{array}[block] = {x}"),
        ("{x} = {array}[block].copy()", "{array}[block] = {x}"),
    ),
}


@dataclass(frozen=True)
class Task:
    """What a text is for.

    Args:
        algorithm: the list.
        link: the loss.
        sampling: of the rows.
        kind: of the feasible set.
        layout: how runs are laid out.
        batched: several rows a round.
        measured: whether the largest gradients, the range of theta and the sums of g^2 are kept.

    Raises:
        ValueError: a quantity with a name of the text's own, or a set of one coordinate that is not a box or line.
    """

    algorithm: Algorithm
    link: Link
    sampling: str
    kind: str
    layout: Layout
    batched: bool
    measured: bool

    def __post_init__(self) -> None:
        if taken := sorted(OWN & {*self.algorithm.names, *self.algorithm.constants}):
            raise ValueError(f"{self.algorithm.name}: {taken[0]} is a name of the loop's own; give it another")
        if not self.layout.element and self.kind in ("ball", "simplex"):
            raise ValueError(f"a {self.kind} of one coordinate is an interval: use a box")

    @cached_property
    def scalars(self) -> Scalars:
        return over_scalars(self.algorithm)

    @property
    def projected(self) -> bool:
        """Whether a projection needs all coordinates."""
        return self.kind in ("ball", "simplex")

    def of(self, extent: str) -> list[str]:
        """The quantities of the state with one value an element, or a tensor."""
        return [name for name in self.algorithm.state if self.algorithm.extent(name) == extent]

    @cached_property
    def suffix(self) -> dict[str, str]:
        """Names that are arrays, with their indices."""
        E, T = self.layout.element, self.layout.run
        runs = [line.name for line in self.scalars.tensor] + [f"sum_{n}" for n in range(1, self.sums + 1)]
        return {
            **{name + PREVIOUS: E for name in self.of("element")},
            **{name + PREVIOUS: T for name in self.of("tensor")},
            **dict.fromkeys([*runs, *self.scalars.shared.values()], T),
        }

    @property
    def sums(self) -> int:
        return max((len(line.sums) for line in self.scalars.tensor), default=0)

    @property
    def gradient(self) -> str:
        E, T = self.layout.element, self.layout.run
        return f"g_all{E}" if self.batched else f"slope{T} * a{E}"

    def written(self, text: str) -> str:
        return indexed(text, self.suffix)

    def runs(self, *lines: str) -> str:
        """Lines in the loop over runs."""
        return within(self.layout.over_runs, *lines)

    def elements(self, *lines: str) -> str:
        """Lines in the loops over coordinates and runs, those over coordinates outside."""
        return within(self.layout.over_elements, self.runs(*lines))


def within(loop: str, *lines: str) -> str:
    """Lines as the body of a loop; as they are where there is none."""
    body = "\n".join(lines)
    return f"{loop}\n{indent(body, '    ')}" if loop and body else body


# What a round does ------------------------------------------------------------------------------------------------


def powers(task: Task) -> list[str]:
    """Powers of the decays, and the reciprocals made of one of them, until they do not change any more."""
    lines = []
    for base, power in used_powers(task).items():
        own = [f"{name} = 1 / ({text})" for text, name in task.scalars.reciprocals.items() if of_power(text) == power]
        rest = (f"{power} = {base} ** np.float64(t)", f"if {power} < {VANISHES!r}:\n    {power} = 0.0", *own)
        lines.append(within(f"if {power} > 0.0:", *rest))
    return lines


def used_powers(task: Task) -> dict[str, str]:
    return {base: power for base, power in POWERS.items() if power in task.scalars.text}


def of_power(text: str) -> str:
    """The power that alone makes up a divisor 1 - power; empty where it is made of something else."""
    return text.removeprefix("1 - ") if text.removeprefix("1 - ") in POWERS.values() else ""


def step(task: Task) -> list[str]:
    """Quantities of a step."""
    lines = [f"{line.name} = {line.text}" for line in task.scalars.step]
    return lines + [f"{name} = 1 / ({text})" for text, name in task.scalars.reciprocals.items() if not of_power(text)]


def row(task: Task) -> list[str]:
    """A row, its prediction, its loss and slope."""
    E, T, N = task.layout.element, task.layout.run, task.layout.number
    index = "i" if task.layout.over_elements else "0"
    names = {"T": T, "N": N, "I": index, "COUNTER": "t * batch + j" if task.batched else "t"}
    draw = [DRAW[task.sampling].format(**names)] if task.sampling in DRAW else []
    coordinate = f"a{E} = {COORDINATE[task.sampling].format(**names)}"
    table = task.sampling in TABLES
    y, w = (f"rows_y[row{T}]", f"rows_w[row{T}]") if table else ("0.0", "1.0")
    loss, slope = (indexed(scalar(equation).text, {"z": T}) for equation in (task.link.loss, task.link.slope))
    share = " / batch" if task.batched else ""
    lines = [
        task.runs(*draw, f"z{T} = 0.0"),
        task.elements(coordinate, f"z{T} += a{E} * theta_prev{E}"),
        task.runs(
            *(f"y, w = {y}, {w}", f"loss = ({loss}){share}", f"slope{T} = ({slope}){share}"),
            *(f"met_part{T} += loss", f"met_size{T} += abs(loss)"),
        ),
    ]
    if task.sampling == "iid":
        lines.append(task.runs(f"counts[({N}) * rows + row{T} - offsets[{N}]] += 1"))
    return lines


def rows(task: Task) -> list[str]:
    """The rows of a round; with several, the mean of their gradients in `g_all`."""
    if not task.batched:
        return row(task)
    E, T = task.layout.element, task.layout.run
    summed = task.elements(f"g_all{E} += slope{T} * a{E}")
    return [task.elements(f"g_all{E} = 0.0"), within("for j in range(batch):", *row(task), summed)]


def tensor(task: Task) -> list[str]:
    """Quantities of a tensor, and what elements share of them."""
    T = task.layout.run
    lines = []
    for line in task.scalars.tensor:
        for n, summand in enumerate(line.sums, 1):
            lines.append(task.runs(f"sum_{n}{T} = 0.0"))
            lines.append(task.elements(f"g = {task.gradient}", f"sum_{n}{T} += {task.written(summand)}"))
        lines.append(task.runs(f"{line.name}{T} = {task.written(line.text)}"))
    return lines + [task.runs(f"{name}{T} = {task.written(text)}") for text, name in task.scalars.shared.items()]


def element(task: Task) -> list[str]:
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
    before = [task.runs(f"now{T} = 0.0")] if task.measured else []
    after = [f"norm{T} = max(norm{T}, now{T})"] if task.measured else []
    after += [f"{name}{PREVIOUS}{T} = {name}{T}" for name in task.of("tensor")]
    return [*before, task.elements(*each), *([task.runs(*after)] if after else [])]


def projection(task: Task) -> list[str]:
    """Onto a set that is no product of intervals, in the norm of the step's diagonal."""
    if not task.projected:
        return []
    column = "[:, r]" if task.layout.run else ""
    radius = ", radius" if task.kind == "ball" else ""
    return [task.runs(f"project_{task.kind}(theta_prev{column}, weights{column}{radius})")]


def flush(task: Task) -> str:
    """The losses of the last rounds, added to the total with the rounding error kept."""
    T = task.layout.run
    sums = f"met_total{T}, met_lost{T} = two_sum(met_total{T}, met_lost{T}, met_part{T})"
    return task.runs(sums, f"met_part{T} = 0.0")


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
    each = ["a", *(["g_all"] if task.batched else []), *(["weights"] if task.projected else [])]
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
    turn = ["phase += 1\nif phase == rows:\n    phase = 0"] if task.sampling == "cyclic" else []
    body = [*powers(task), *step(task), *rows(task), *tensor(task), *element(task), *projection(task), *turn]
    body.append(within(f"if t % {FLUSH} == 0:", flush(task)))
    whole = [f"{numbers} = numbers"]
    whole += [take.format(x=name, array=array) for name, array, (take, _) in kept(task)]
    whole += [*scratch(task), within("for t in range(first, last + 1):", *body), flush(task)]
    whole += [put.format(x=name, array=array) for name, array, (_, put) in kept(task)]
    return within(f"def play({ARGUMENTS}):", *whole) + "\n"
