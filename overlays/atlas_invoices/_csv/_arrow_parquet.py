"""Invoices as Parquet, one row group in memory at a time. A module of its own, as only exports need pyarrow.parquet."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import chain, count, islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet as pq

from ._arrow_tables import KEYS, read_batches
from ._columns import COLUMNS, Kind
from ._invoices import Decimals, OpenInvoice

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

# The stubs want a path or a pyarrow file here.
_parquet_writer: Any = pq.ParquetWriter
_BATCHES_IN_ROW_GROUP = 8
_GROUPS_BEFORE_RELEASE = 4
# Text that repeats gets dictionaries; trying them for other columns takes time. Readers skip row groups by the days.
_CODED = [
    "invoice_id",
    *(column.field for column in COLUMNS if column.kind is Kind.TEXT and column.name != "Note"),
    *(f"{field}.key_value.{part}" for field in ("tags", "extra") for part in ("key", "value")),
]
_WITH_STATISTICS = [field.name for field in KEYS] + [column.field for column in COLUMNS if column.kind is Kind.DATE]


def write_tables(sources: Sequence[OpenInvoice], file: SupportsWrite[bytes], decimals: Decimals) -> None:
    """Write the invoices as Parquet."""
    batches = read_batches(sources, decimals)
    first = next(batches)
    write_batches(chain([first], batches), first.schema, file, dictionaries=_CODED, statistics=_WITH_STATISTICS)


def write_batches(
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
    file: SupportsWrite[bytes],
    *,
    dictionaries: Sequence[str],
    statistics: Sequence[str],
) -> None:
    """Write batches as Parquet, several in each row group, because readers like these large.

    However pyarrow's writer ends, even when it's garbage collected, it writes the footer that completes a file. So it
    writes to memory; whole row groups are passed on from there, and the footer only after the last line.

    `dictionaries` and `statistics` are the columns that get them.
    """
    held = io.BytesIO()
    with _parquet_writer(held, schema, use_dictionary=dictionaries, write_statistics=statistics) as writer:
        for number in count(1):
            # pyarrow keeps the memory that each thread has freed, a third of its total; releasing it takes time, too.
            group = list(islice(batches, _BATCHES_IN_ROW_GROUP))
            if not group and number > 1:
                break
            writer.write_table(pa.Table.from_batches(group, schema))
            del group
            _pass_on(held, file)
            if number % _GROUPS_BEFORE_RELEASE == 0:
                pa.default_memory_pool().release_unused()
    _pass_on(held, file)


def _pass_on(held: io.BytesIO, file: SupportsWrite[bytes]) -> None:
    file.write(held.getvalue())
    held.seek(0)
    held.truncate()
