"""Tables and figures for a terminal."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, Rounded
from functools import reduce
from typing import Any

import click

from atlas_invoices._utils import csv_row, escape_controls, single_line

from . import _output

# How much of what is left is beginning, in the order tried: the first is taken that keeps most names apart.
_BEGINNINGS = (0.5, 0.7, 0.3, 1.0, 0.0)
_LONGEST_PATH = 120


def shortened(names: Sequence[str], width: int) -> list[str]:
    """The names, those too wide for the column cut in one place, the same for all: where they stay different best."""
    tries = ([_cut(name, width, round((width - 1) * beginning)) for name in names] for beginning in _BEGINNINGS)
    best: list[str] = []
    for cut in tries:
        if not best or len(set(cut)) > len(set(best)):
            best = cut
        if len(set(best)) == len(set(names)):
            break
    return best


def short_path(path: object, longest: int = _LONGEST_PATH) -> str:
    """A path for a message: of a long one the beginning and the end, where the file's name is."""
    text = str(path)
    beginning = longest // 3
    return text if len(text) <= longest else f"{text[:beginning]}…{text[beginning + 1 - longest :]}"


def _cut(name: str, width: int, beginning: int) -> str:
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415 - takes longer to import than most commands run

    if cell_len(name) <= width:
        return name
    end = set_cell_size(name[::-1], width - 1 - beginning)[::-1]
    return f"{set_cell_size(name, beginning)}…{end}"


# The caller's context would round at 28 digits, and halves to the even digit. Numbers have at most 1000 digits before
# the point and 1000 behind it; sums of many, and shares of one in another, have a few more.
_DIGITS = 5000
_EXACT = Context(prec=_DIGITS, traps=[Inexact, InvalidOperation, Rounded])
_HALF_UP = Context(prec=_DIGITS, rounding=ROUND_HALF_UP, traps=[InvalidOperation])


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    return reduce(_EXACT.add, amounts, Decimal(0))


def rounded(number: Decimal, places: int) -> Decimal:
    """The number with so many places behind the point; a zero has no sign."""
    result = _HALF_UP.quantize(number, Decimal(1).scaleb(-places))
    return result or result.copy_abs()


def dollars(amount: Decimal) -> str:
    """An amount in dollars as people read it: two places, with separators."""
    return f"{rounded(amount, 2):,f}"


def dollars_of_cents(cents: Decimal | int) -> str:
    """An amount in cents, as dollars."""
    return dollars(_EXACT.scaleb(Decimal(cents), -2))


def percent(share: Decimal) -> str:
    """A share of 1, in percent with one place."""
    return f"{rounded(_EXACT.scaleb(share, 2), 1):f} %"


_GAP = 2
# A name shorter than this says little; rather than less, the line runs over.
_LEAST = 8
# Bars are at most and at least so wide. For them names are cut, but not below ten; in a narrow terminal there are none.
_BAR, _LEAST_BAR = 12, 8
_LEAST_BESIDE_BAR = 10
_NO_BAR_BELOW = 50


def room() -> int | None:
    """How wide the terminal is, or COLUMNS where that is set; None where nobody looks, and nothing has to fit."""
    return shutil.get_terminal_size((0, 0)).columns or (80 if sys.stdout.isatty() else None)


def widths_that_fit(natural: Sequence[int], flexible: Collection[int], available: int | None) -> list[int]:
    """The columns' widths: the widest flexible ones shrink, none below what still tells something."""
    widths = list(natural)
    while available is not None and sum(widths) + _GAP * (len(widths) - 1) > available:
        shrinkable = [column for column in flexible if widths[column] > _LEAST]
        if not shrinkable:
            break
        widths[max(shrinkable, key=widths.__getitem__)] -= 1
    return widths


def bar_width(rows: Sequence[Sequence[str]], flexible: Collection[int]) -> int:
    """How wide bars beside these rows can be, 0 for none: a small one is worth more than the middle of a name."""
    available = room()
    if available is None:
        return _BAR
    natural = _natural_widths(rows)
    spare = available - sum(width + _GAP for width in natural)
    cuttable = sum(max(0, natural[column] - _LEAST_BESIDE_BAR) for column in flexible)
    if available < _NO_BAR_BELOW or spare + cuttable < _LEAST_BAR:
        return 0
    return min(_BAR, max(_LEAST_BAR, spare))


def paragraph(text: str) -> None:
    """Print a sentence on stdout, its lines broken at words where the terminal is narrower."""
    available = room()
    lines = [text]
    if available is not None:
        from rich.console import Console  # noqa: PLC0415 - takes longer to import than a command without a table runs
        from rich.text import Text  # noqa: PLC0415 - likewise

        lines = [line.plain for line in Text(text).wrap(Console(width=available), available)]
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in lines))


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
        right: the columns that are set flush right, by number.
        flexible: the columns that may be shortened.
        footer: a last line, set apart like the headings.
    """
    from rich.console import Console  # noqa: PLC0415 - takes longer to import than a command without a table runs
    from rich.table import Table  # noqa: PLC0415 - likewise
    from rich.text import Text  # noqa: PLC0415 - likewise

    available = room()
    widths = widths_that_fit(_natural_widths([headings, *rows, *([footer] if footer else [])]), flexible, available)
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
        columns[column] = shortened(columns[column], widths[column])
    for row in zip(*columns, strict=True):
        # Text, so that square brackets in a name are no markup.
        table.add_row(*map(Text, row))
    console = Console(highlight=False, width=max(sum(widths) + _GAP * len(widths), available or 0))
    with console.capture() as drawn:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines()))


def _natural_widths(rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len  # noqa: PLC0415 - takes longer to import than a command without a table runs

    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="json and csv have the API's field names and units (cents).",
)


table_or_json = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json has exact numbers as strings.",
)


class Column:
    """A column of the table: its heading, the API's field, how it's shown, and whether it's a number."""

    def __init__(
        self, heading: str, field: str, show: Callable[[Any], str] = str, *, number: bool = False, whole: bool = True
    ) -> None:
        """Describe it; without `whole` it may be shortened to fit the terminal."""
        self.heading = heading
        self.field = field
        self.show = show
        self.number = number
        self.whole = whole

    def cell(self, row: Mapping[str, Any]) -> str:
        """What the table shows of this row: one line, that can't command the terminal."""
        value = row.get(self.field)
        return "" if value is None else single_line(self.show(value), 1000)


def day(value: object) -> str:
    """The day of an ISO timestamp."""
    return str(value)[:10]


def cents(value: object) -> str:
    """Whole cents as dollars."""
    return dollars_of_cents(value) if isinstance(value, int) else str(value)


def show(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column], form: str) -> None:
    """Print the rows in the form asked for; the JSON has every field, table and CSV the columns."""
    if form == "json":
        write_json(list(rows))
    elif form == "csv":
        write_csv(
            [column.field for column in columns],
            ([_plain(row.get(column.field)) for column in columns] for row in rows),
        )
    else:
        _table(rows, columns)


def write_csv(headings: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Print CSV."""
    out = _output.data_text()
    for row in (headings, *rows):
        out.write(csv_row(row))


def write_json(document: object) -> None:
    """Print one JSON document."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    # What a terminal would obey is written as JSON's own escape: the same data, whoever looks at it.
    sys.stdout.write(escape_controls(text, keep="\n", escape=lambda character: json.dumps(character)[1:-1]) + "\n")


def _table(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    draw(
        [column.heading for column in columns],
        [[column.cell(row) for column in columns] for row in rows],
        right=[number for number, column in enumerate(columns) if column.number],
        flexible=[number for number, column in enumerate(columns) if not column.whole],
    )


def _plain(value: object) -> object:
    if value is None or (isinstance(value, (str, int)) and not isinstance(value, bool)):
        return value
    return json.dumps(value)
