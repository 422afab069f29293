"""Tables, numbers, CSV and JSON on stdout."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, Rounded
from functools import reduce
from typing import Any, NamedTuple, TypeVar

import click

from atlas_invoices._utils import csv_row, escape_controls, single_line

from . import _output

F = TypeVar("F", bound="Callable[..., Any]")


def format_option(*choices: str, description: str) -> Callable[[F], F]:
    """Add --format, with the first choice as its default."""
    return click.option(
        "--format", "output_format", type=click.Choice(choices), default=choices[0], show_default=True, help=description
    )


class Column(NamedTuple):
    """A column of a table: its heading, the API's field, and how to format it.

    A `number` is aligned right; a `flexible` column may be shortened to fit the terminal. If that isn't enough, columns
    with `spare` are left out, the highest first.
    """

    heading: str
    field: str
    formatted: Callable[[Any], str] = str
    number: bool = False
    flexible: bool = False
    spare: int = 0

    def cell(self, row: Mapping[str, Any]) -> str:
        """Return the row's cell as one printable line."""
        value = row.get(self.field)
        return "" if value is None else single_line(self.formatted(value), 1000)


def show(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column], output_format: str) -> None:
    """Print the rows; JSON has every field, table and CSV only the columns."""
    if output_format == "json":
        write_json(list(rows))
    elif output_format == "csv":
        write_csv(
            [column.field for column in columns],
            ([_csv_value(row.get(column.field)) for column in columns] for row in rows),
        )
    else:
        rows = list(rows)
        columns = _fitting(rows, columns)
        draw(
            [column.heading for column in columns],
            [[column.cell(row) for column in columns] for row in rows],
            right=[index for index, column in enumerate(columns) if column.number],
            flexible=[index for index, column in enumerate(columns) if column.flexible],
        )


def _fitting(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> list[Column]:
    """Return the columns that fit the terminal; a note names the others."""
    kept = list(columns)
    available = terminal_width()
    widths = {
        column: _natural_widths([[column.heading], *([column.cell(row)] for row in rows)])[0] for column in columns
    }
    while available is not None and any(column.spare for column in kept):
        narrowest = [min(widths[column], _MIN_NAME) if column.flexible else widths[column] for column in kept]
        if sum(narrowest) + _GAP * (len(kept) - 1) <= available:
            break
        first_to_go = max(column.spare for column in kept)
        kept = [column for column in kept if column.spare != first_to_go]
    if left_out := [column.heading for column in columns if column not in kept]:
        _output.note(f"left out to fit the terminal: {', '.join(left_out)}; --format csv has every column")
    return kept


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


def day(value: object) -> str:
    """Return the day of an ISO timestamp."""
    return str(value)[:10]


def month(value: object) -> str:
    """Return the month of an ISO timestamp."""
    return str(value)[:7]


_GAP = 2
# A shorter name says little, so a line may rather be too long.
_MIN_NAME = 8
_MAX_BAR, _MIN_BAR = 12, 8
# To make room for bars, names are cut, but not below this width; a narrow terminal has no bars.
_MIN_NAME_BESIDE_BAR = 10
_MIN_TERMINAL_FOR_BARS = 50
# Names are cut in the middle. The part of the width to keep at the beginning, in the order tried.
_BEGINNINGS = (0.5, 0.7, 0.3, 1.0, 0.0)


def terminal_width() -> int | None:
    """Return the terminal's width, or COLUMNS if set; None if stdout isn't a terminal, so nothing has to fit."""
    return shutil.get_terminal_size((0, 0)).columns or (80 if sys.stdout.isatty() else None)


def draw(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    flexible: Collection[int] = (),
    footer: Sequence[str] | None = None,
) -> None:
    """Print a table on stdout.

    Args:
        headings: one for each column.
        rows: cells, safe to show.
        right: indexes of the columns that are aligned right.
        flexible: indexes of the columns that may be shortened.
        footer: a last line, in bold like the headings.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    available = terminal_width()
    widths = fit_widths(_natural_widths([headings, *rows, *([footer] if footer else [])]), flexible, available)
    table = Table(box=None, pad_edge=False, header_style="bold", footer_style="bold", show_footer=footer is not None)
    for column, heading in enumerate(headings):
        table.add_column(
            Text(heading),
            footer=Text(footer[column]) if footer else "",
            justify="right" if column in right else "left",
            width=widths[column],
            no_wrap=True,
            overflow="ellipsis",
        )
    columns = [[row[column] for row in rows] for column in range(len(headings))]
    for column in flexible:
        columns[column] = shorten(columns[column], widths[column])
    for row in zip(*columns, strict=True):
        # As Text, so that square brackets in a name aren't markup.
        table.add_row(*map(Text, row))
    console = Console(highlight=False, width=max(sum(widths) + _GAP * len(widths), available or 0))
    with console.capture() as drawn:
        console.print(table)
    _write_lines(drawn.get().splitlines())


def paragraph(text: str) -> None:
    """Print a sentence on stdout, wrapped to the terminal's width."""
    available = terminal_width()
    lines = [text]
    if available is not None:
        from rich.console import Console
        from rich.text import Text

        lines = [line.plain for line in Text(text).wrap(Console(width=available), available)]
    _write_lines(lines)


def _write_lines(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in lines))


def fit_widths(natural: Sequence[int], flexible: Collection[int], available: int | None) -> list[int]:
    """Return the columns' widths: the widest flexible ones shrink until the table fits or all are at the minimum."""
    widths = list(natural)
    while available is not None and sum(widths) + _GAP * (len(widths) - 1) > available:
        shrinkable = [column for column in flexible if widths[column] > _MIN_NAME]
        if not shrinkable:
            break
        widths[max(shrinkable, key=widths.__getitem__)] -= 1
    return widths


def bar_width(rows: Sequence[Sequence[str]], flexible: Collection[int]) -> int:
    """Return the width of bars beside these rows, 0 for none. A small bar is worth more than the middle of a name."""
    available = terminal_width()
    if available is None:
        return _MAX_BAR
    natural = _natural_widths(rows)
    spare = available - sum(width + _GAP for width in natural)
    cuttable = sum(max(0, natural[column] - _MIN_NAME_BESIDE_BAR) for column in flexible)
    if available < _MIN_TERMINAL_FOR_BARS or spare + cuttable < _MIN_BAR:
        return 0
    return min(_MAX_BAR, max(_MIN_BAR, spare))


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
    from rich.cells import cell_len, set_cell_size

    if cell_len(name) <= width:
        return name
    end = set_cell_size(name[::-1], width - 1 - beginning)[::-1]
    return f"{set_cell_size(name, beginning)}…{end}"
