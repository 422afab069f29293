"""Invoices as Parquet, one row group in memory at a time. A module of its own, as only exports need pyarrow.parquet."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
from pyarrow import parquet as pq

from ._arrow_tables import KEYS, MAX_IN_MEMORY, OtherTypesError, read_batches, read_batches_at_once
from ._columns import COLUMNS, Kind
from ._invoices import Decimals, OpenInvoice

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

# The stubs want a path or a pyarrow file here.
_parquet_writer: Any = pq.ParquetWriter
T = TypeVar("T")
_BATCHES_IN_ROW_GROUP = 3
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
    # The first rows usually show the types of all, so a single invoice is written while it's read, and read again if
    # they don't. Several invoices differ more often.
    if len(sources) == 1 and sources[0].invoice.rereadable:
        with SpooledTemporaryFile(MAX_IN_MEMORY) as written, suppress(OtherTypesError):
            _write(read_batches_at_once(sources[0], decimals), written)
            written.seek(0)
            copyfileobj(written, file)
            return
    _write(read_batches(sources, decimals, coded=True), file)


def _write(batches: Iterator[pa.RecordBatch], file: SupportsWrite[bytes]) -> None:
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
    # Readers would return dictionaries if this schema were stored, so only its metadata is.
    with _parquet_writer(
        held, schema, use_dictionary=dictionaries, write_statistics=statistics, store_schema=False
    ) as writer:
        if schema.metadata:
            writer.add_key_value_metadata(schema.metadata)
        for number, group in enumerate(made_ahead(_groups(batches, schema)), 1):
            writer.write_table(group.unify_dictionaries())
            del group
            _pass_on(held, file)
            # pyarrow keeps the memory that each thread has freed, a third of its total; releasing it takes time, too.
            if number % _GROUPS_BEFORE_RELEASE == 0:
                pa.default_memory_pool().release_unused()
    _pass_on(held, file)


def _groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield tables of several batches, and an empty one without any."""
    group = list(islice(batches, _BATCHES_IN_ROW_GROUP))
    yield pa.Table.from_batches(group, schema)
    while group := list(islice(batches, _BATCHES_IN_ROW_GROUP)):
        yield pa.Table.from_batches(group, schema)


def made_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items; each is made in a thread while the caller works on the one before."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(next, items, None)
        while (item := future.result()) is not None:
            future = pool.submit(next, items, None)
            yield item
            del item


def _pass_on(held: io.BytesIO, file: SupportsWrite[bytes]) -> None:
    file.write(held.getvalue())
    held.seek(0)
    held.truncate()
