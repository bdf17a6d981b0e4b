"""A verdict on a terminal: tables and colour. The words are those of `summary`."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .. import summary as text
from ..verdict import Record, Verdict

COLOURS = {"conforms": "green", "conforms-with-deviations": "green", "differs": "red", "not-checked": "yellow"}
MARKS = {"conforms": "✓", "conforms-with-deviations": "✓", "differs": "✗", "not-checked": "?"}


def ratio(record: Record | None, outcome: str) -> str:
    """The ratio; a state that a conforming run keeps in another form has none."""
    if record is None:
        return ""
    return "other form" if outcome == "conforms" and record.ratio > 1 else f"{record.ratio:.3g}"


def runs(verdict: Verdict) -> Table:
    """Rows: paths in dtypes. Columns: the largest error/bound of each quantity."""
    quantities = list(dict.fromkeys(record.quantity for record in verdict.records))
    table = Table(title="largest error / bound (a correct implementation stays at or below 1)", title_justify="left")
    table.add_column("path")
    table.add_column("dtype")
    table.add_column("")
    table.add_column("cases", justify="right")
    for quantity in quantities:
        table.add_column(quantity, justify="right")
    records = {(r.path, r.dtype, r.quantity): r for r in verdict.records}
    for run in verdict.runs:
        if run.outcome == "not-offered":
            continue
        row = [ratio(records.get((run.path, run.dtype, quantity)), run.outcome) for quantity in quantities]
        mark = f"[{COLOURS[run.outcome]}]{MARKS[run.outcome]} {run.outcome}[/]"
        table.add_row(run.path, run.dtype, mark, str(run.cases), *row)
    return table


def show(verdict: Verdict, console: Console) -> None:
    """Print a verdict."""
    colour = COLOURS[verdict.outcome]
    console.print(f"[bold {colour}]{MARKS[verdict.outcome]} {escape(text.headline(verdict))}[/]")
    if verdict.reason:
        console.print(escape(verdict.reason))
    for line in text.deviations(verdict):
        console.print(escape(line), highlight=False)
    for line in text.place(verdict) if verdict.outcome == "differs" else ():
        console.print(escape(line), highlight=False)
    if verdict.runs:
        console.print(runs(verdict))
    for line in (*text.checks(verdict), *text.accepting(verdict)):
        console.print(escape(line), highlight=False)
    if counts := text.mechanisms(verdict):
        console.print("happened: " + ", ".join(f"{name} {count}" for name, count in counts.items()), highlight=False)
    for note in (*verdict.notes, *text.not_offered(verdict)):
        console.print(f"note: {escape(note)}", highlight=False)
