"""Tables, numbers, CSV and JSON on stdout."""

from __future__ import annotations

import itertools
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, Rounded
from functools import reduce
from typing import Any, NamedTuple, TypeVar

import click

from atlas_invoices._utils import csv_row, escape_controls, single_line

from . import _output
from ._session import Choice

F = TypeVar("F", bound="Callable[..., Any]")


def format_option(*choices: str, description: str) -> Callable[[F], F]:
    """Add --format, with the first choice as its default."""
    return click.option(
        "--format", "output_format", type=Choice(choices), default=choices[0], show_default=True, help=description
    )


class Column(NamedTuple):
    """A column of a table: its heading, the API's field, and how to format it.

    A `number` is aligned right; a `flexible` column may be shortened to fit the terminal, but not below `least`. If
    that isn't enough, columns with `spare` are left out, the highest first. `style` returns the colour of a cell.
    """

    heading: str
    field: str = ""
    formatted: Callable[[Any], str] = str
    number: bool = False
    flexible: bool = False
    least: int = 0
    spare: int = 0
    style: Callable[[str], str | None] = lambda _text: None

    def cell(self, row: Mapping[str, Any]) -> str:
        """Return the row's cell as one printable line."""
        value = row.get(self.field)
        return "" if value is None else single_line(self.formatted(value), 1000)


def show(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    output_format: str,
    *,
    footer: Mapping[str, Any] | None = None,
) -> None:
    """Print the rows; JSON has every field, table and CSV only the columns, and a table the footer."""
    if output_format == "json":
        write_json(list(rows))
    elif output_format == "csv":
        write_csv(
            [column.field for column in columns],
            ([_csv_value(row.get(column.field)) for column in columns] for row in rows),
        )
    else:
        draw(
            columns,
            [[column.cell(row) for column in columns] for row in rows],
            footer=None if footer is None else [column.cell(footer) for column in columns],
        )


def write_csv(headings: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Print CSV."""
    out = _output.text_stdout()
    for row in (headings, *rows):
        out.write(csv_row(row))


def _csv_value(value: object) -> object:
    if value is None or (isinstance(value, (str, int)) and not isinstance(value, bool)):
        return value
    return json.dumps(value)


def write_json(document: object) -> None:
    """Print one JSON document."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    # Control characters become JSON's own escapes, which is the same data.
    sys.stdout.write(escape_controls(text, keep="\n", escape=lambda character: json.dumps(character)[1:-1]) + "\n")


# Numbers have at most 1000 digits before and after the point; sums and shares have a few more. The default context
# would round them at 28 digits, and halves to even.
_DIGITS = 5000
_EXACT = Context(prec=_DIGITS, traps=[Inexact, InvalidOperation, Rounded])
_HALF_UP = Context(prec=_DIGITS, rounding=ROUND_HALF_UP, traps=[InvalidOperation])


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum."""
    return reduce(_EXACT.add, amounts, Decimal(0))


def rounded(number: Decimal, places: int) -> Decimal:
    """Round half up to this many decimal places, without a negative zero."""
    result = _HALF_UP.quantize(number, Decimal(1).scaleb(-places))
    return result or result.copy_abs()


def dollars(amount: Decimal) -> str:
    """Format dollars with two decimal places and thousands separators."""
    return f"{rounded(amount, 2):,f}"


def dollars_of_cents(cents: Decimal | int) -> str:
    """Format cents as dollars."""
    return dollars(_EXACT.scaleb(Decimal(cents), -2))


def cents(value: object) -> str:
    """Format a field of whole cents as dollars."""
    return dollars_of_cents(value) if isinstance(value, int) else str(value)


def percent(share: Decimal) -> str:
    """Format a share of 1 as a percentage with one decimal place."""
    return f"{rounded(_EXACT.scaleb(share, 2), 1):f} %"


def yes(value: object) -> str:
    """Format a flag that is seldom true."""
    return "yes" if value is True else ""


def period(start: date, end: date) -> str:
    """Format a period, whose end is exclusive: 2026-06, 2026-06 to 2026-08, or with days if its months aren't whole."""
    if start.day != 1 or end.day != 1 or end <= start:
        return f"{start} to {end} (exclusive)"
    first, last = str(start)[:7], str(end - timedelta(days=1))[:7]
    return first if first == last else f"{first} to {last}"


_GAP = 2
# A shorter name says little, so a narrow terminal leaves out spare columns first.
_MIN_NAME, _SHORTEST_NAME = 8, 4
_MAX_BAR, _MIN_BAR = 12, 6
# Names are cut in the middle. The part of the width to keep at the beginning, in the order tried.
_BEGINNINGS = (0.5, 0.7, 0.3, 1.0, 0.0)


def terminal_width() -> int | None:
    """Return the terminal's width, or COLUMNS if set; None if stdout isn't a terminal, so nothing has to fit."""
    return shutil.get_terminal_size((0, 0)).columns or (80 if sys.stdout.isatty() else None)


def draw(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, footer: Sequence[str] | None = None) -> None:
    """Print a table on stdout, as wide as the terminal at most; a note names the columns that don't fit.

    Args:
        columns: their headings and how to show them.
        rows: a cell for each column, safe to show.
        footer: a last line, in bold like the headings.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    available = terminal_width()
    natural = _natural_widths([[column.heading for column in columns], *rows, *([footer] if footer else [])])
    kept, least = _fitting(columns, natural, available)
    if left_out := [column.heading for index, column in enumerate(columns) if index not in kept]:
        _output.note(f"hidden to fit: {', '.join(left_out)}; see --format")
    floors = {n: max(least, columns[index].least) for n, index in enumerate(kept) if columns[index].flexible}
    widths = fit_widths([natural[index] for index in kept], floors, available)
    # The gap is padding on the right alone: rich 14 counts the padding of the edges even where it leaves it out.
    gap = (0, _GAP, 0, 0)
    # The text is bold and the cell isn't: a gap in bold at a line's end stays there, and makes the line wrap.
    table = Table(box=None, padding=gap, header_style="none", footer_style="none", show_footer=footer is not None)
    cells = []
    for index, width in zip(kept, widths, strict=True):
        column = columns[index]
        table.add_column(
            Text(column.heading, "bold"),
            footer=Text(footer[index], "bold") if footer else "",
            justify="right" if column.number else "left",
            width=width,
            no_wrap=True,
            overflow="ellipsis",
        )
        texts = [row[index] for row in rows]
        shown = shorten(texts, width) if column.flexible else texts
        # As Text, so that square brackets in a name aren't markup.
        cells.append([Text(cut, style=column.style(text) or "") for cut, text in zip(shown, texts, strict=True)])
    for row in zip(*cells, strict=True):
        table.add_row(*row)
    # With a height: without one, rich 13 believes that a dumb terminal has 80 columns.
    console = Console(highlight=False, width=max(sum(widths) + _GAP * len(widths), available or 0), height=25)
    with console.capture() as drawn:
        console.print(table)
    _write_lines(drawn.get().splitlines())


def _fitting(columns: Sequence[Column], natural: Sequence[int], available: int | None) -> tuple[list[int], int]:
    """Return the indexes of the columns that fit, and the least width of the flexible ones.

    Spare columns are left out first; then flexible ones are cut down to a few characters; then they are left out, too.
    """
    kept = list(range(len(columns)))

    def too_wide(least: int) -> bool:
        floors = [max(least, columns[index].least) if columns[index].flexible else natural[index] for index in kept]
        widths = [min(natural[index], floor) for index, floor in zip(kept, floors, strict=True)]
        return available is not None and sum(widths) + _GAP * (len(widths) - 1) > available

    for index in sorted((index for index in kept if columns[index].spare), key=lambda index: -columns[index].spare):
        if not too_wide(_MIN_NAME):
            break
        kept.remove(index)
    if not too_wide(_MIN_NAME):
        return kept, _MIN_NAME
    names = [index for index in kept if columns[index].flexible]
    while too_wide(_SHORTEST_NAME) and len(names) > 1:
        kept.remove(names.pop())
    return kept, _SHORTEST_NAME


def paragraph(text: str, *, indent: int = 0) -> None:
    """Print a sentence on stdout, wrapped to the terminal's width; further lines are indented."""
    available = terminal_width()
    lines = [text]
    if available is not None:
        from rich.console import Console
        from rich.text import Text

        console = Console(width=available)
        wrapped = Text(text[indent:]).wrap(console, max(available - indent, _MIN_NAME))
        lines = [f"{' ' * indent if number else text[:indent]}{line.plain}" for number, line in enumerate(wrapped)]
    _write_lines(lines)


def _write_lines(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in lines))


def fit_widths(natural: Sequence[int], floors: Mapping[int, int], available: int | None) -> list[int]:
    """Return the columns' widths: the widest of those with a floor shrink until the table fits or all are at theirs."""
    widths = list(natural)
    while available is not None and sum(widths) + _GAP * (len(widths) - 1) > available:
        shrinkable = [column for column, floor in floors.items() if widths[column] > floor]
        if not shrinkable:
            break
        widths[max(shrinkable, key=widths.__getitem__)] -= 1
    return widths


def bar_width(rows: Sequence[Sequence[str]]) -> int:
    """Return the width of bars beside these rows; 0 for none, if there is no room without cutting names."""
    available = terminal_width()
    if available is None:
        return _MAX_BAR
    spare = available - sum(width + _GAP for width in _natural_widths(rows))
    return min(_MAX_BAR, spare) if spare >= _MIN_BAR else 0


def _natural_widths(rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def shorten(names: Sequence[str], width: int) -> list[str]:
    """Cut the names that are too wide, all at the same place: where most of them stay different."""
    best: list[str] = []
    for beginning in _BEGINNINGS:
        cut = [_cut(name, width, round((width - 1) * beginning)) for name in names]
        if len(set(cut)) > len(set(best)):
            best = cut
        if len(set(best)) == len(set(names)):
            break
    return best


def _cut(name: str, width: int, beginning: int) -> str:
    from rich.cells import cell_len

    if cell_len(name) <= width:
        return name
    start = _prefix(name, beginning)
    end = _prefix(name[::-1], width - 1 - cell_len(start))[::-1]
    # An accent without its letter would join the ellipsis.
    while end and not cell_len(end[0]):
        end = end[1:]
    return f"{start}…{end}"


def _prefix(text: str, width: int) -> str:
    """Return the beginning that is as wide as `width` at most; a character may be two cells wide, or none."""
    from rich.cells import cell_len

    room = itertools.accumulate((-cell_len(character) for character in text), initial=width)
    return text[: sum(1 for _ in itertools.takewhile(lambda left: left >= 0, room)) - 1]
