"""The survey's table: as lines, on a terminal, in Markdown and HTML. None of its words is typed by hand."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..survey.table import Interval, Row, Span, Table

if TYPE_CHECKING:
    from rich.console import Console

BEGIN, END = "<!-- survey:begin -->", "<!-- survey:end -->"
HEADER = ("optimizer", "as", "path", "verdict", "what it does instead, first – last release that has it")
COLOURS = {"conforms": "green", "conventions only": "green", "differs": "red"}


def verdicts(row: Row) -> str:
    return "; ".join(spanned(span.name, span.interval) for span in row.verdicts)


def deviations(row: Row, mark: str = "") -> str:
    """Names with their intervals; conventions in brackets."""
    return "; ".join(spanned(named(span, mark), span.interval) for span in row.deviations)


def named(span: Span, mark: str) -> str:
    plain = f"{mark}{span.name}{mark}"
    return f"({plain})" if span.kind == "convention" else plain


def spanned(name: str, interval: Interval) -> str:
    return name if interval.only else f"{name} {interval}"


def cells(row: Row, mark: str = "") -> tuple[str, ...]:
    return row.optimizer, row.algorithm, row.path, verdicts(row), deviations(row, mark)


def lines(table: Table) -> Iterator[str]:
    """For a pipe: a heading a package, a line a row."""
    for package, own in table.packages.items():
        yield table.heading(package)
        if package in table.remarks:
            yield f"  {table.remarks[package]}"
        for row in own:
            where = ", ".join(filter(None, [f"as {row.algorithm}", row.path]))
            yield f"  {row.optimizer}, {where}: {verdicts(row)}"
            yield from (f"    {spanned(named(span, ''), span.interval)}" for span in row.deviations)


def show(table: Table, console: Console) -> None:
    """For a terminal: a table a package."""
    from rich.markup import escape
    from rich.table import Table as Grid

    for package, own in table.packages.items():
        grid = Grid(title=escape(table.heading(package)), title_justify="left", caption=table.remarks.get(package))
        for name in HEADER:
            grid.add_column(name)
        for row in own:
            said = "\n".join(coloured(span) for span in row.verdicts)
            instead = "\n".join(escape(spanned(named(span, ""), span.interval)) for span in row.deviations)
            grid.add_row(escape(row.optimizer), row.algorithm, row.path, said, instead)
        console.print(grid)


def coloured(span: Span) -> str:
    return f"[{COLOURS.get(span.name, 'yellow')}]{spanned(span.name, span.interval)}[/]"


def markdown(table: Table) -> str:
    """For the README: a table a package; conventions stand in brackets."""
    parts = []
    for package, own in table.packages.items():
        remark = f", {table.remarks[package]}" if package in table.remarks else ""
        head = [f"**{table.heading(package)}**{remark}", "", line(HEADER), line(["---"] * len(HEADER))]
        parts.append("\n".join([*head, *(line(cells(row, "`")) for row in own)]))
    return "\n\n".join(parts) + "\n"


def line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def inserted(document: str, text: str) -> str:
    """A document with the table between its two markers.

    Raises:
        ValueError: the markers are not there, or not once each and in order.
    """
    if document.count(BEGIN) != 1 or document.count(END) != 1 or document.index(END) < document.index(BEGIN):
        raise ValueError(f"the document has no place for the table: {BEGIN} and, below it, {END}, once each")
    head, _, rest = document.partition(BEGIN)
    return f"{head}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}"


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>adanorm-verify survey</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 75rem; padding: 0 1rem; }}
div {{ overflow-x: auto; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid #ccc; padding: .35rem .6rem; text-align: left; vertical-align: top; }}
.convention {{ color: #666; }}
td span {{ white-space: nowrap; }}
@media (max-width: 45rem) {{
  table, tbody, tr, td {{ display: block; }}
  th {{ display: none; }}
  td {{ border: 0; padding: .1rem 0; }}
  td:first-child {{ font-weight: bold; }}
  td span {{ white-space: normal; }}
  tr {{ border-bottom: 1px solid #ccc; padding: .5rem 0; }}
}}
</style>
<h1>adanorm-verify survey</h1>
<p>{about}</p>
{tables}
</html>
"""


def page(table: Table, about: str) -> str:
    """A page of its own, without network."""
    tables = []
    for package, own in table.packages.items():
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in html_cells(row))}</tr>\n" for row in own)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in HEADER)
        remark = f"<p>{html.escape(table.remarks[package])}</p>" if package in table.remarks else ""
        title = f"<h2>{html.escape(table.heading(package))}</h2>{remark}"
        tables.append(f"{title}\n<div><table>\n<tr>{head}</tr>\n{body}</table></div>")
    return PAGE.format(about=html.escape(about), tables="\n".join(tables))


def html_cells(row: Row) -> Iterator[str]:
    yield from (html.escape(text) for text in (row.optimizer, row.algorithm, row.path))
    yield "<br>".join(f"<span>{html.escape(spanned(span.name, span.interval))}</span>" for span in row.verdicts)
    yield "<br>".join(
        f'<span class="{span.kind}" title="{html.escape(span.meaning)}">'
        f"{html.escape(spanned(named(span, ''), span.interval))}</span>"
        for span in row.deviations
    )
