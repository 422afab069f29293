"""Write FOCUS as CSV or Parquet: one file, or a folder with a file for each invoice, by billing period."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from atlas_invoices._csv._arrow import TEXT, ArrowArray, nulls, pc, scalar
from atlas_invoices._csv._arrow_parquet import made_ahead, write_batches
from atlas_invoices._files import AtomicFile, SavedFile, clear_leftovers
from atlas_invoices._ids import is_id

from ._columns import TIMES
from ._numbers import as_text

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

Batches: TypeAlias = Iterator[pa.RecordBatch]
# Every line has its own, so a dictionary would only take time.
_NOT_CODED = {"ChargeDescription", "x_Note"}
_STATISTICS = [*TIMES, "InvoiceId", "ChargeCategory"]
_OUR_FILES = r"(?:[0-9a-f]{24}|invoice-\d+)\.(?:csv|parquet)"
# Rows that are joined to text at a time.
_ROWS = 4096


def write_focus(batches: Batches, schema: pa.Schema, file: SupportsWrite[bytes], output_format: str) -> None:
    """Write rows of FOCUS as `csv` or `parquet`.

    CSV is UTF-8 with quotes only where they're needed; numbers have no exponent, times a Z; no text gets an apostrophe,
    because other programs read it, and would keep it.
    """
    if output_format == "parquet":
        texts = [field.name for field in schema if field.type == TEXT and field.name not in _NOT_CODED]
        statistics = [name for name in _STATISTICS if name in schema.names]
        write_batches(batches, schema, file, dictionaries=texts, statistics=statistics)
        return
    file.write((",".join(schema.names) + "\n").encode())
    for batch in made_ahead(batches):
        for start in range(0, batch.num_rows, _ROWS):
            file.write(_lines(batch.slice(start, _ROWS)))


def write_folder(
    invoices: Iterable[tuple[Any, str | None, dt.date, pa.RecordBatch]],
    schema: pa.Schema,
    folder: Path,
    output_format: str,
    *,
    overwrite: bool,
) -> list[SavedFile]:
    """Write `billing_period=YYYY-MM/<invoice ID>.csv` or `.parquet`; all files are put in place at the end, or none is.

    `invoices` yields a source, its ID, the first day of its period, and some of its rows. A file has one invoice, so
    the next run replaces that invoice alone.
    """
    for place in folder.glob("billing_period=*/"):
        clear_leftovers(place, _OUR_FILES)
    files = []
    with ExitStack() as discards:
        for number, (_, group) in enumerate(groupby(invoices, key=lambda each: id(each[0])), 1):
            pieces = iter(group)
            _, invoice_id, start, first = next(pieces)
            place = folder / f"billing_period={start:%Y-%m}"
            place.mkdir(parents=True, exist_ok=True)
            # An ID comes from the file, and a name must stay in the folder.
            name = invoice_id.lower() if invoice_id and is_id(invoice_id) else f"invoice-{number}"
            file = AtomicFile(place / f"{name}.{output_format}", overwrite=overwrite)
            file.open()
            discards.callback(file.discard)
            write_focus(_chained(first, pieces), schema, file, output_format)
            files.append(file)
        for file in files:
            file.commit()
    return [file.saved for file in files]


def _chained(first: pa.RecordBatch, others: Iterator[tuple[Any, str | None, dt.date, pa.RecordBatch]]) -> Batches:
    yield first
    for _, _, _, batch in others:
        yield batch


def _lines(batch: pa.RecordBatch) -> bytes:
    cells = [_cells(column) for column in batch.columns]
    rows = pc.binary_join_element_wise(*cells, scalar(",", TEXT), null_handling="replace", null_replacement="")
    lines = pc.binary_join_element_wise(rows, scalar("", TEXT), scalar("\n", TEXT))
    return bytes(lines.buffers()[2])


def _cells(column: ArrowArray) -> ArrowArray:
    if column.null_count == len(column):
        return nulls(len(column), TEXT)
    if pa.types.is_decimal(column.type):
        return as_text(column)
    if pa.types.is_integer(column.type):
        return column.cast(TEXT)
    # Most texts and times repeat.
    coded = column.dictionary_encode()
    values = coded.dictionary
    if pa.types.is_timestamp(column.type):
        texts = pc.strftime(values.cast(pa.timestamp("s", "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
    else:
        quote = scalar('"', TEXT)
        quoted = pc.binary_join_element_wise(quote, pc.replace_substring(values, '"', '""'), quote, scalar("", TEXT))
        texts = pc.if_else(pc.match_substring_regex(values, '[",\r\n]'), quoted, values)
    return texts.take(coded.indices)
