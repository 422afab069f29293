"""The invoice as an Arrow table or a stream of record batches."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ._arrow_blocks import convert_blocks
from ._arrow_build import (
    DAY,
    MAPPING,
    NUMBER,
    TEXT,
    WIDE_NUMBER,
    ArrowArray,
    date_array,
    holds,
    mapping_array,
    number_array,
    text_array,
)
from ._arrow_columns import (
    CODED,
    UNCODED,
    RefusedError,
    dates,
    mapping,
    numbers,
    read_block,
)
from ._columns import COLUMNS, Column, Kind
from ._errors_text import format_error, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ._columns import Layout
    from ._line_item import LineItem
    from ._preamble import InvoiceHeader
    from ._reader import Pass

# The stubs want the type as a literal here, and know of no lists there.
_nulls: Any = pa.nulls
# Large enough that starting pyarrow's reader doesn't show; for a stream also small enough that memory doesn't.
TABLE_BLOCK = 4 * 1024 * 1024
STREAM_BLOCK = 1024 * 1024


def arrow_schema(header: InvoiceHeader) -> pa.Schema:
    """The schema of every invoice: one field for each field of LineItem but its line number; the header as metadata."""
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


def read_table(reading: Pass, *, wide: bool) -> pa.Table:
    """All lines. Where a number doesn't fit its column, that is a wider one (`wide`), or else an InvoiceFormatError."""
    schema = arrow_schema(reading.header)
    batches = list(_batches(reading, schema, block_size=TABLE_BLOCK, wide=wide))
    for index, field in enumerate(schema):
        if any(batch.schema.field(index).type == WIDE_NUMBER for batch in batches):
            schema = schema.set(index, field.with_type(WIDE_NUMBER))
    batches = [batch.cast(schema) if batch.schema != schema else batch for batch in batches]
    return pa.Table.from_batches(batches, schema).unify_dictionaries()


def read_batches(reading: Pass) -> Iterator[pa.RecordBatch]:
    """Batches of one schema; a number that its columns can't hold is an InvoiceFormatError."""
    schema = arrow_schema(reading.header)
    some = False
    for batch in _batches(reading, schema, block_size=STREAM_BLOCK, wide=False):
        if batch.num_rows:
            some = True
            yield batch
    if not some:
        yield _from_lines([], schema, wide=False)


def _batches(reading: Pass, schema: pa.Schema, *, block_size: int, wide: bool) -> Iterator[pa.RecordBatch]:
    layout = reading.layout
    return convert_blocks(
        reading,
        lambda block: _from_block(block, layout, schema, wide=wide),
        lambda lines: _from_lines(lines, schema, wide=wide),
        block_size=block_size,
    )


def _from_block(block: bytes, layout: Layout, schema: pa.Schema, *, wide: bool) -> tuple[pa.RecordBatch, int]:
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
    if wide:
        what = (
            f"more than 38 digits before or behind the point: {quoted(str(value))}, which no table holds; read_csv does"
        )
    else:
        what = f"more than 20 digits before the point or 18 behind it: {quoted(str(value))}"
        wider = "to_arrow makes it wider" if holds([value], wide=True) else "read_csv reads it"
        what += f", which this column doesn't hold; {wider}"
    return format_error(what, line=line.line_number, column=column.name)


def _type(column: Column) -> pa.DataType:
    if column.kind is Kind.DATE:
        return DAY
    if column.kind is Kind.NUMBER:
        return NUMBER
    return TEXT if column.name in UNCODED else CODED
