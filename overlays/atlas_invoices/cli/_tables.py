"""Show rows of data on stdout: as a table for people, as JSON or CSV for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices._csv_row import csv_row
from atlas_invoices._text import one_line, visible

from . import _layout, _visible
from ._figures import dollars_of_cents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

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
        return "" if value is None else one_line(self.show(value), 1000)


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
    out = _visible.data_text()
    for row in (headings, *rows):
        out.write(csv_row(row))


def write_json(document: object) -> None:
    """Print one JSON document."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    # What a terminal would obey is written as JSON's own escape: the same data, whoever looks at it.
    sys.stdout.write(visible(text, keep="\n", escape=lambda character: json.dumps(character)[1:-1]) + "\n")


def _table(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    _layout.draw(
        [column.heading for column in columns],
        [[column.cell(row) for column in columns] for row in rows],
        right=[number for number, column in enumerate(columns) if column.number],
        flexible=[number for number, column in enumerate(columns) if not column.whole],
    )


def _plain(value: object) -> object:
    if value is None or (isinstance(value, (str, int)) and not isinstance(value, bool)):
        return value
    return json.dumps(value)
