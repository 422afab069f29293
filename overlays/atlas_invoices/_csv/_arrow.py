"""Invoice lines as Arrow tables and batches."""

from __future__ import annotations

import io
import json
import os
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from itertools import chain, count, islice
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import pyarrow as pa
from pyarrow import parquet as pq

from ._arrow_columns import (
    CODED,
    DAY,
    MAPPING,
    NUMBER,
    TEXT,
    UNCODED,
    WIDE_NUMBER,
    ArrowArray,
    RefusedError,
    date_array,
    dates,
    holds,
    mapping,
    mapping_array,
    number_array,
    numbers,
    read_block,
    text_array,
)
from ._columns import COLUMNS, Column, Kind, format_error, quoted
from ._sources import Block, line_breaks_in_cells

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from ._layout import Layout
    from ._model import InvoiceHeader, LineItem
    from ._parser import SyncState


def _breaks_if_plain(block: Block) -> int | None:
    """Return how many newlines are in cells; `None` if pyarrow would read the block differently from csv.

    Each of these was seen: pyarrow joins text after a closing quote to the cell, ends a row at a lone CR, keeps NUL,
    and skips a BOM at the start of whatever it is given.
    """
    data = block.data
    if not block.is_whole or b"\0" in data or data.startswith(BOM_UTF8):
        return None
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        return None
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            return None
    return line_breaks_in_cells(data)


T = TypeVar("T")
# Blocks that wait, so that no thread is idle while the caller writes a group of them: that's a tenth faster.
_AHEAD = 2
# pyarrow needs some kilobytes for each column of each block; with more columns the parser needs less.
_MAX_COLUMNS = 1000


class _Task(NamedTuple, Generic[T]):
    block: Block
    breaks: int
    future: Future[tuple[T, int]]


def convert_blocks(
    state: SyncState,
    fast: Callable[[bytes | bytearray], tuple[T, int]],
    exact: Callable[[Sequence[LineItem]], T],
    *,
    block_size: int,
) -> Iterator[T]:
    """Yield one result for each block of the file, in order: by `fast`, or by `exact` from the typed lines.

    `fast` runs in threads and also returns the number of rows; it raises RefusedError for a block that only the parser
    may read.
    """
    workers = min(4, os.cpu_count() or 1)
    tasks: deque[_Task[T]] = deque()
    state.cutter.block_size = block_size
    simple = len(state.columns) <= _MAX_COLUMNS and state.layout.is_regular
    try:
        with ThreadPoolExecutor(workers, thread_name_prefix="atlas-invoices") as pool:
            for block in state.blocks():
                breaks = _breaks_if_plain(block) if state.only_items and simple else None
                if breaks != 0 and state.recut(block):
                    continue
                if breaks is not None:
                    tasks.append(_Task(block, breaks, pool.submit(fast, block.data)))
                else:
                    while tasks:
                        yield _result(state, tasks.popleft(), exact)
                    yield exact(list(chain.from_iterable(state.parse(block))))
                if len(tasks) > workers + _AHEAD:
                    yield _result(state, tasks.popleft(), exact)
            while tasks:
                yield _result(state, tasks.popleft(), exact)
            state.finish()
    finally:
        for task in tasks:
            task.future.cancel()
        state.close()


def _result(state: SyncState, task: _Task[T], exact: Callable[[Sequence[LineItem]], T]) -> T:
    """Return a block's result, and count its lines."""
    if state.only_items:
        try:
            result, rows = task.future.result()
        except RefusedError:
            pass
        else:
            # Counting all newlines of the block would take longer than many of its columns.
            state.line_number += rows + task.breaks
            return result
    # Later blocks have been taken, so this one can't be put back.
    state.cutter.counts_quotes = True
    return exact(list(chain.from_iterable(state.parse(task.block))))


# The stubs want the type as a literal.
_nulls: Any = pa.nulls
# Large enough that the start of pyarrow's reader doesn't show, and for a stream small enough that memory doesn't.
TABLE_BLOCK = 4 * 1024 * 1024
STREAM_BLOCK = 1024 * 1024


def arrow_schema(header: InvoiceHeader) -> pa.Schema:
    """Return the schema of every invoice: LineItem's fields except its line number, and the header as metadata."""
    fields = [pa.field(column.field, _type(column)) for column in COLUMNS]
    metadata: dict[bytes | str, str | None] = {
        "invoice_id": header.invoice_id,
        "period_start": header.period_start.isoformat() if header.period_start else None,
        "period_end": header.period_end.isoformat() if header.period_end else None,
        "organization_name": header.organization_name,
        "organization_id": header.organization_id,
        "header": json.dumps(header.raw, ensure_ascii=False),
    }
    known: dict[bytes | str, bytes | str] = {key: value for key, value in metadata.items() if value is not None}
    return pa.schema([*fields, pa.field("tags", MAPPING), pa.field("extra", MAPPING)], metadata=known)


def read_table(state: SyncState, *, wide: bool) -> pa.Table:
    """Return all lines. A number that doesn't fit its column makes it wider (`wide`) or is an InvoiceFormatError."""
    schema = arrow_schema(state.header)
    batches = list(_batches(state, schema, block_size=TABLE_BLOCK, wide=wide))
    for index, field in enumerate(schema):
        if any(batch.schema.field(index).type == WIDE_NUMBER for batch in batches):
            schema = schema.set(index, field.with_type(WIDE_NUMBER))
    batches = [batch.cast(schema) if batch.schema != schema else batch for batch in batches]
    return pa.Table.from_batches(batches, schema).unify_dictionaries()


def read_batches(state: SyncState) -> Iterator[pa.RecordBatch]:
    """Yield batches with the same schema; a number that doesn't fit its column is an InvoiceFormatError."""
    schema = arrow_schema(state.header)
    some = False
    for batch in _batches(state, schema, block_size=STREAM_BLOCK, wide=False):
        if batch.num_rows:
            some = True
            yield batch
    if not some:
        yield _from_lines([], schema, wide=False)


def _batches(state: SyncState, schema: pa.Schema, *, block_size: int, wide: bool) -> Iterator[pa.RecordBatch]:
    layout = state.layout
    return convert_blocks(
        state,
        lambda block: _from_block(block, layout, schema, wide=wide),
        lambda lines: _from_lines(lines, schema, wide=wide),
        block_size=block_size,
    )


def _from_block(
    block: bytes | bytearray, layout: Layout, schema: pa.Schema, *, wide: bool
) -> tuple[pa.RecordBatch, int]:
    columns = read_block(block, layout, layout.names)
    rows = len(columns["Date"])
    arrays = []
    for column in COLUMNS:
        texts = columns.get(column.name)
        if texts is None:
            arrays.append(_nulls(rows, _type(column)))
        elif column.kind is Kind.TEXT:
            arrays.append(texts)
        else:
            arrays.append(dates(texts) if column.kind is Kind.DATE else numbers(texts))
    if not wide and any(array.type == WIDE_NUMBER for array in arrays):
        raise RefusedError
    arrays.append(mapping({key: columns[layout.names[position]] for key, position in layout.tags}, rows))
    arrays.append(mapping({name: columns[name] for name, _ in layout.extra}, rows))
    return _batch(arrays, schema), rows


def _from_lines(lines: Sequence[LineItem], schema: pa.Schema, *, wide: bool) -> pa.RecordBatch:
    arrays: list[ArrowArray] = []
    for index, column in enumerate(COLUMNS):
        values: list[Any] = [line[index] for line in lines]
        if column.kind is Kind.NUMBER:
            if not holds(values, wide=wide):
                raise _too_wide(lines, index, column, wide=wide)
            array = number_array(values)
        else:
            array = date_array(values) if column.kind is Kind.DATE else text_array(values)
        arrays.append(array.dictionary_encode() if _type(column) == CODED else array)
    arrays.append(mapping_array([list(line.tags.items()) for line in lines]))
    arrays.append(mapping_array([list(line.extra.items()) for line in lines]))
    return _batch(arrays, schema)


def _batch(arrays: Sequence[ArrowArray], schema: pa.Schema) -> pa.RecordBatch:
    fields = [field.with_type(array.type) for field, array in zip(schema, arrays, strict=True)]
    return pa.record_batch(list(arrays), schema=pa.schema(fields).with_metadata(schema.metadata))


def _too_wide(lines: Sequence[LineItem], index: int, column: Column, *, wide: bool) -> Exception:
    line, value = next(
        (line, value) for line in lines if isinstance(value := line[index], Decimal) and not holds([value], wide=wide)
    )
    way_out = "to_arrow makes it wider" if not wide and holds([value], wide=True) else "read_csv reads it"
    digits = "38 digits before or" if wide else "20 digits before the point or 18"
    what = f"more than {digits} after the point: {quoted(str(value))}, too long for this column; {way_out}"
    return format_error(what, line=line.line_number, column=column.name)


def _type(column: Column) -> pa.DataType:
    if column.kind is Kind.DATE:
        return DAY
    if column.kind is Kind.NUMBER:
        return NUMBER
    return TEXT if column.name in UNCODED else CODED


# The stubs want a path or a pyarrow file here.
_parquet_writer: Any = pq.ParquetWriter
_BATCHES_IN_ROW_GROUP = 3
_GROUPS_BEFORE_RELEASE = 4
# Text that repeats gets dictionaries; trying them for other columns takes time. Readers skip row groups by the days.
_CODED = [
    *(column.field for column in COLUMNS if column.name not in UNCODED),
    *(f"{field}.key_value.{part}" for field in ("tags", "extra") for part in ("key", "value")),
]
_WITH_STATISTICS = [column.field for column in COLUMNS if column.kind is Kind.DATE]


def write_tables(state: SyncState, file: SupportsWrite[bytes]) -> None:
    """Write the batches as they come, several in each row group, because readers like these large.

    However pyarrow's writer ends, even when it's garbage collected, it writes the footer that completes a file. So it
    writes to memory; whole row groups are passed on from there, and the footer only after the last line.
    """
    schema = arrow_schema(state.header)
    held = io.BytesIO()
    with _parquet_writer(held, schema, use_dictionary=_CODED, write_statistics=_WITH_STATISTICS) as writer:
        batches = read_batches(state)
        for number in count(1):
            group = list(islice(batches, _BATCHES_IN_ROW_GROUP))
            if not group:
                break
            writer.write_table(pa.Table.from_batches(group, schema).unify_dictionaries())
            # pyarrow keeps the memory that each thread has freed, a third of its total; releasing it takes time, too.
            del group
            _pass_on(held, file)
            if number % _GROUPS_BEFORE_RELEASE == 0:
                pa.default_memory_pool().release_unused()
    _pass_on(held, file)


def _pass_on(held: io.BytesIO, file: SupportsWrite[bytes]) -> None:
    file.write(held.getvalue())
    held.seek(0)
    held.truncate()
