"""Write lines as CSV, JSON Lines or Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from atlas_invoices._utils import csv_row, plain_or_none

from ._columns import COLUMNS
from ._frames import open_invoice, require

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from ._model import LineItem
    from ._reader import InvoiceCsv
    from ._sources import Source


FIELDS = (*(column.field for column in COLUMNS), "tags", "extra")
_LINES_AT_ONCE = 1000
# json.dumps with options makes an encoder for every call, which takes longer than encoding a line.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def write_csv(lines: Iterable[LineItem], file: SupportsWrite[bytes], *, raw: bool = False) -> None:
    """Write lines as UTF-8 CSV: LineItem's field names, ISO dates, plain numbers, `tags` and `extra` as JSON.

    A text cell that a spreadsheet would run as a formula gets an apostrophe before it, unless `raw`. An InvoiceCsv is
    lines, too.
    """
    file.write((",".join(FIELDS) + "\n").encode())
    for batch in _batches(lines):
        file.write("".join([_line(line, raw=raw) for line in batch]).encode())


def write_jsonl(lines: Iterable[LineItem], file: SupportsWrite[bytes]) -> None:
    """Write lines as JSON, one object a line, with LineItem's fields but the line number.

    Numbers are strings, because most readers of JSON would make floats of them; days are ISO dates; empty is null.
    """
    for batch in _batches(lines):
        file.write("".join(_json(_plain(line)) + "\n" for line in batch).encode())


def write_parquet(source: Source | InvoiceCsv, file: SupportsWrite[bytes]) -> None:
    """Write an invoice as Parquet, with the schema of `iter_batches`. Needs the extra `arrow`.

    Where that fails, what was written has no footer, so that nothing reads a part for the whole.
    """
    require("Parquet", "arrow", "pyarrow")
    from . import _arrow  # noqa: PLC0415 - pyarrow is an extra

    _arrow.write_tables(open_invoice(source).claim(), file)


def _batches(lines: Iterable[LineItem]) -> Iterator[list[LineItem]]:
    items = iter(lines)
    while batch := list(islice(items, _LINES_AT_ONCE)):
        yield batch


def _line(line: LineItem, *, raw: bool) -> str:
    return csv_row([*line[: len(COLUMNS)], _json(line.tags), _json(line.extra)], raw=raw)


def _plain(line: LineItem) -> dict[str, object]:
    cells = {name: plain_or_none(value) for name, value in zip(FIELDS, line[: len(COLUMNS)], strict=False)}
    return {**cells, "tags": line.tags, "extra": line.extra}
