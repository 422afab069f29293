"""Invoices as Arrow tables, batches and Parquet files, with the narrowest exact decimals."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from functools import lru_cache, partial, reduce
from itertools import chain, islice
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa

from atlas_invoices._errors import InvoiceFormatError
from atlas_invoices._utils import pluralize

from ._arrow import (
    CODED,
    DAY,
    STREAM_BLOCK_SIZE,
    TEXT,
    ArrowArray,
    convert_blocks,
    days,
    nulls,
    pc,
    read_block,
    row_numbers,
    scalar,
    starting_lines,
    text_array,
)
from ._arrow_numbers import WIDE, Digits, number_array, number_type, numbers, whole_digits
from ._columns import BY_FIELD, COLUMNS, Kind, format_error
from ._group_by import Summary
from ._invoices import Decimals, OpenInvoice, naming
from ._layout import Layout
from ._model import InvoiceHeader, LineItem
from ._sources import Block

MAPPING = pa.map_(TEXT, TEXT)
_TYPES: dict[Kind, pa.DataType] = {Kind.TEXT: TEXT, Kind.DATE: DAY}
KEYS = (
    pa.field("invoice_id", TEXT),
    pa.field("line_number", pa.int64()),
    pa.field("period_start", DAY),
    pa.field("period_end", DAY),
)
# Of a cell in a block.
_INDEX = pa.int32()
MAX_IN_MEMORY = 1024 * 1024
# Blocks read before choosing the types; most invoices have fewer.
_FIRST_BLOCKS = 8
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_READ = pa.ipc.IpcReadOptions(use_threads=False)


class Part(NamedTuple):
    """Some rows: their lines and other columns after the keys, with decimals as wide as these rows need."""

    batch: pa.RecordBatch
    digits: dict[str, Digits]


# A part's rows, a batch or compressed, and their digits.
_Stored: TypeAlias = tuple[Any, dict[str, Digits]]
_PART_NAMES = ["line_number", *(column.field for column in COLUMNS), "tags", "extra"]


def read_table(sources: Sequence[OpenInvoice], decimals: Decimals) -> pa.Table:
    """Return all lines of all sources."""
    parts = _Parts(decimals, None)
    parts.read(sources)
    schema = arrow_schema(sources, parts.types())
    return pa.Table.from_batches([batch for _, batch in parts.batches(schema)], schema)


def summary_table(summary: Summary) -> pa.Table:
    """Return the rows of a summary: decimals as narrow as they can be, text, days, and the share as a float."""
    rows = summary.rows()
    columns: dict[str, ArrowArray] = {}
    for name in summary.columns:
        values: list[Any] = [row[name] for row in rows]
        known = next((value for value in values if value is not None), None)
        if name == "share":
            columns[name] = pa.array([None if value is None else float(value) for value in values], pa.float64())
        elif isinstance(known, Decimal) or name in {"amount", "quantity"}:
            columns[name] = _summary_numbers(name, values)
        else:
            is_text = known is None or isinstance(known, str)
            columns[name] = pa.array(values, TEXT if is_text and name != "lines" else None)
    return pa.table(columns)


def _summary_numbers(name: str, values: Sequence[Decimal | None]) -> ArrowArray:
    try:
        array, digits = number_array(values)
        kind = number_type(name, digits)
    except OverflowError:
        kind = None
    if kind is None:
        raise InvoiceFormatError(f"{name} has sums of more than 38 digits, the most that tables have; use .rows()")
    return array.cast(kind)


def read_batches(
    sources: Sequence[OpenInvoice], decimals: Decimals, *, coded: bool = False
) -> Iterator[pa.RecordBatch]:
    """Yield the batches of `read_table`; all rows wait in a temporary file until the types are known.

    With `coded`, columns of text are dictionaries, one for each batch.
    """
    with read_rows(sources, decimals) as rows:
        schema = _coded(rows.schema) if coded else rows.schema
        empty = True
        for _, batch in rows.batches(schema=schema):
            if batch.num_rows:
                empty = False
                yield batch
        if empty:
            yield pa.RecordBatch.from_arrays([nulls(0, field.type) for field in schema], schema=schema)


class OtherTypesError(Exception):
    """The invoice has no rows, or later numbers need other types than the first."""


def read_batches_at_once(source: OpenInvoice, decimals: Decimals) -> Iterator[pa.RecordBatch]:
    """Yield the coded batches of `read_batches` as they are read, in the types that the first rows need.

    Raises OtherTypesError if there are no rows, or if later rows need other types.
    """
    rounded: Counter[str] | None = Counter() if decimals == "round" else None
    pieces = convert_blocks([source], partial(_from_block, coded=True), _from_lines, block_size=STREAM_BLOCK_SIZE)
    with closing(pieces):  # or its threads would only stop when it's collected
        first = list(islice(pieces, _FIRST_BLOCKS))
        digits = _union(piece.result.digits for piece in first)
        types = _number_types(digits, decimals)
        if not first or None in types.values():
            raise OtherTypesError
        schema = _coded(arrow_schema([source], types))
        every = chain(first, pieces)
        del first
        for _, first_line, part in every:
            digits = _union([digits, part.digits])
            if _number_types(digits, decimals) != types:
                raise OtherTypesError
            yield _finish(source.header, first_line, part.batch, schema, rounded)
    _warn_rounded(rounded or {}, schema)


def _number_types(digits: Mapping[str, Digits], decimals: Decimals) -> dict[str, Any]:
    """Return the type of each column of numbers; `None` if none has room."""
    return {name: number_type(name, each, rounds=decimals == "round") for name, each in digits.items()}


def _coded(schema: pa.Schema) -> pa.Schema:
    for number, field in enumerate(schema):
        if field.type == TEXT:
            schema = schema.set(number, field.with_type(CODED))
    return schema


def _union(parts: Iterable[Mapping[str, Digits]]) -> dict[str, Digits]:
    """Return the digits that each column of numbers needs for all parts."""
    digits = {column.field: Digits() for column in COLUMNS if column.kind is Kind.NUMBER}
    for part in parts:
        digits = {name: each.union(part[name]) for name, each in digits.items()}
    return digits


class Rows(NamedTuple):
    """All rows of all sources: `batches` yields them with their source, as often as it's called.

    It takes another `schema`, with columns of text as dictionaries. `digits` are the most digits of each column of
    numbers; `columns` yields the batches with some columns only, whose numbers are as wide as each batch needs.
    """

    schema: pa.Schema
    digits: Mapping[str, Digits]
    batches: Callable[..., Iterator[tuple[OpenInvoice, pa.RecordBatch]]]
    columns: Callable[[Sequence[str]], Iterator[pa.RecordBatch]]


@contextmanager
def read_rows(sources: Sequence[OpenInvoice], decimals: Decimals) -> Iterator[Rows]:
    """Read all rows into a temporary file, from which they can be read until the block ends."""
    with tempfile.SpooledTemporaryFile(MAX_IN_MEMORY) as file:
        parts = _Parts(decimals, file)
        parts.read(sources)
        schema = arrow_schema(sources, parts.types())
        yield Rows(schema, parts.digits, partial(parts.batches, schema=schema), parts.columns)


def arrow_schema(sources: Sequence[OpenInvoice], numbers: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return the schema: the key, LineItem's fields, and for a single invoice its header as metadata."""
    fields: list[Any] = [
        pa.field(column.field, numbers[column.field] if column.kind is Kind.NUMBER else _TYPES[column.kind])
        for column in COLUMNS
    ]
    fields += [pa.field("tags", MAPPING), pa.field("extra", MAPPING)]
    return pa.schema([*KEYS, *fields], metadata=_metadata(sources[0].header) if len(sources) == 1 else None)


def _metadata(header: InvoiceHeader) -> dict[bytes | str, bytes | str]:
    known = {
        "invoice_id": header.invoice_id,
        "period_start": header.period_start.isoformat() if header.period_start else None,
        "period_end": header.period_end.isoformat() if header.period_end else None,
        "organization_name": header.organization_name,
        "organization_id": header.organization_id,
        "header": json.dumps(header.raw, ensure_ascii=False),
    }
    return {key: value for key, value in known.items() if value is not None}


def _from_block(layout: Layout, block: Block, breaks: int, *, coded: bool = False) -> tuple[Part, int]:
    texts = read_block(layout, block, breaks, range(layout.width), coded=coded)
    rows = len(texts[0])
    columns: list[ArrowArray] = []
    digits: dict[str, Digits] = {}
    for column, position in zip(COLUMNS, layout.known, strict=True):
        if column.kind is Kind.NUMBER:
            values, digits[column.field] = numbers(pa.nulls(rows, TEXT) if position is None else texts[position])
            columns.append(values)
        elif position is None:
            columns.append(nulls(rows, _TYPES[column.kind]))
        else:
            columns.append(days(texts[position]) if column.kind is Kind.DATE else texts[position])
    columns += [
        mapping([(key, texts[position]) for key, position in places], rows) for places in (layout.tags, layout.extra)
    ]
    return _part(starting_lines(texts, rows, breaks), columns, digits), rows + breaks


def _from_lines(lines: Sequence[LineItem]) -> Part:
    columns: list[ArrowArray] = []
    digits: dict[str, Digits] = {}
    for index, column in enumerate(COLUMNS):
        values: list[Any] = [line[index] for line in lines]
        if column.kind is Kind.NUMBER:
            try:
                array, digits[column.field] = number_array(values)
            except OverflowError:
                place = next(
                    line.line_number for line, value in zip(lines, values, strict=True) if whole_digits(value) > WIDE
                )
                what = "more than 38 digits before the point, the most that tables have; read_csv reads it"
                raise format_error(what, line=place, column=column.name) from None
            columns.append(array)
        else:
            columns.append(pa.array(values, _TYPES[column.kind]))
    columns.append(pa.array([list(line.tags.items()) for line in lines], MAPPING))
    columns.append(pa.array([list(line.extra.items()) for line in lines], MAPPING))
    return _part(pa.array([line.line_number for line in lines], pa.int64()), columns, digits)


def _part(lines: ArrowArray, columns: Sequence[ArrowArray], digits: dict[str, Digits]) -> Part:
    return Part(pa.RecordBatch.from_arrays([lines, *columns], _PART_NAMES), digits)


def mapping(columns: Sequence[tuple[str, ArrowArray]], rows: int) -> ArrowArray:
    """Return a map for each row, of the columns' non-empty cells."""
    filled = [(key, column) for key, column in columns if column.null_count < rows]
    if not filled:
        return pa.MapArray.from_arrays(repeat(0, _INDEX, rows + 1), nulls(0, TEXT), nulls(0, TEXT))
    # Cell by cell in the order of rows: from which column each comes, and where that stands in all columns together.
    width, height = scalar(len(filled), _INDEX), scalar(rows, _INDEX)
    cells = row_numbers(rows * len(filled), _INDEX)
    row = pc.divide(cells, width)
    place = pc.add(pc.multiply(pc.subtract(cells, pc.multiply(row, width)), height), row)
    texts = pa.concat_arrays([texts for _, texts in filled])
    place = place.filter(texts.is_valid().take(place))
    counts = reduce(pc.add, (texts.is_valid().cast(_INDEX) for _, texts in filled))
    offsets = pa.concat_arrays([repeat(0, _INDEX, 1), pc.cumulative_sum(counts)])
    keys = text_array([key for key, _ in filled])
    return pa.MapArray.from_arrays(offsets, keys.take(pc.divide(place, height)), texts.take(place))


def repeat(value: int | str | dt.date | None, kind: pa.DataType, rows: int) -> ArrowArray:
    if value is None:
        return nulls(rows, kind)
    if kind == CODED:
        return pa.DictionaryArray.from_arrays(repeat(0, kind.index_type, rows), text_array([str(value)]))
    return pa.repeat(scalar(value, kind), rows)


_constant = lru_cache(maxsize=8)(repeat)


class _Parts:
    """All rows, in memory or in a temporary file, until the types of their numbers are known."""

    def __init__(self, decimals: Decimals, file: tempfile.SpooledTemporaryFile[bytes] | None) -> None:
        self._rounds = decimals == "round"
        self._file: Any = file
        self._batches: list[pa.RecordBatch] = []
        self._places: list[tuple[OpenInvoice, int]] = []
        self.digits = _union([])

    def read(self, sources: Sequence[OpenInvoice]) -> None:
        """Read all rows."""
        for source, first_line, (rows, digits) in convert_blocks(
            sources,
            self._from_block,
            lambda lines: self._stored(_from_lines(lines)),
            block_size=STREAM_BLOCK_SIZE if self._file else None,
        ):
            self._places.append((source, first_line))
            self.digits = _union([self.digits, digits])
            if self._file is None:
                self._batches.append(rows)
            else:
                self._file.write(rows)

    def _from_block(self, layout: Layout, block: Block, breaks: int) -> tuple[_Stored, int]:
        part, lines = _from_block(layout, block, breaks, coded=self._file is not None)
        return self._stored(part), lines

    def _stored(self, part: Part) -> _Stored:
        """Return a part's rows as they are kept, compressed if that is in a file; in threads."""
        if self._file is None:
            return part.batch, part.digits
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, part.batch.schema, options=_COMPRESSED) as writer:
            writer.write_batch(part.batch)
        return sink.getvalue(), part.digits

    def types(self) -> dict[str, pa.DataType]:
        """Return the type of each number column; one that no type has room for is an InvoiceFormatError."""
        found = {}
        for name, digits in self.digits.items():
            kind, scale = number_type(name, digits, rounds=self._rounds), digits.scale
            while kind is None:
                self._check_scale(name, min(scale, WIDE))
                scale -= 1
                kind = number_type(name, Digits(digits.whole, scale))
            found[name] = kind
        return found

    def _check_scale(self, name: str, scale: int) -> None:
        """Raise `InvoiceFormatError` for the first number that needs so many decimals; the last may all be zeros."""
        for (source, first_line), batch in zip(self._places, self._read_back(), strict=True):
            values: ArrowArray = batch.column(name)
            place = _first_longer(values, scale - 1)
            if place >= 0:
                line = batch.column("line_number")[place].as_py() + first_line
                with naming(source.name):
                    raise _too_long(BY_FIELD[name].name, line)

    def _read_back(self, options: pa.ipc.IpcReadOptions = _READ) -> Iterator[pa.RecordBatch]:
        if self._file is None:
            yield from self._batches
            return
        self._file.seek(0)
        for _ in self._places:
            with pa.ipc.open_stream(self._file, options=options) as reader:
                yield from reader

    def columns(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield some columns, as they were read into a file; the others aren't decompressed."""
        fields = [_PART_NAMES.index(name) for name in names]
        return self._read_back(pa.ipc.IpcReadOptions(use_threads=False, included_fields=fields))

    def batches(self, schema: pa.Schema) -> Iterator[tuple[OpenInvoice, pa.RecordBatch]]:
        """Yield the rows with their source and their final types; warn of rounded numbers at the end."""
        rounded: Counter[str] | None = Counter() if self._rounds else None
        for (source, first_line), batch in zip(self._places, self._read_back(), strict=True):
            yield source, _finish(source.header, first_line, batch, schema, rounded)
        _warn_rounded(rounded or {}, schema)


def _finish(
    header: InvoiceHeader, first_line: int, batch: pa.RecordBatch, schema: pa.Schema, rounded: Counter[str] | None
) -> pa.RecordBatch:
    """Return a part's rows with their keys and final types; counts the rounded numbers, or rounds none with `None`."""
    rows = batch.num_rows
    lines, *columns = batch.columns
    size = 1 << rows.bit_length()  # so that batches of nearly the same size share these
    arrays: list[ArrowArray] = [
        _constant(header.invoice_id, schema.field("invoice_id").type, size)[:rows],
        pc.add(lines, scalar(first_line)),
        _constant(header.period_start, DAY, size)[:rows],
        _constant(header.period_end, DAY, size)[:rows],
    ]
    for name, values in zip(_PART_NAMES[1:], columns, strict=True):
        kind: Any = schema.field(name).type
        if values.type == kind:
            arrays.append(values)
            continue
        if kind in (TEXT, CODED):
            arrays.append(values.cast(TEXT) if kind == TEXT else values.dictionary_encode())
            continue
        column: ArrowArray = values
        if rounded is not None and column.type.scale > kind.scale:
            column = pc.round(values, kind.scale, "half_to_even")
            rounded[name] += pc.sum(pc.not_equal(column, values)).as_py() or 0
        arrays.append(column.cast(kind))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _warn_rounded(rounded: Mapping[str, int], schema: pa.Schema) -> None:
    for name, changed in (+Counter(rounded)).items():
        kind: Any = schema.field(name).type
        places = pluralize(kind.scale, "decimal", "decimals")
        what = f"{name}: {pluralize(changed, 'number', 'numbers')} rounded to {places}"
        warnings.warn(what, UserWarning, stacklevel=3)


def _first_longer(values: ArrowArray, scale: int) -> int:
    """Return the place of the first number with more decimals that aren't zeros, or -1."""
    return int(pc.index(pc.not_equal(pc.round(values, scale), values).fill_null(False), value=True).as_py())


def read_fixed(source: OpenInvoice, schema: pa.Schema, decimals: Decimals) -> Iterator[pa.RecordBatch]:
    """Yield one invoice's rows as they are read, in a schema whose numbers have one decimal type, however wide.

    A number that doesn't fit is an InvoiceFormatError; `decimals="round"` rounds those with too many decimals.
    """
    rounded: Counter[str] | None = Counter() if decimals == "round" else None
    for _, first_line, part in convert_blocks([source], _from_block, _from_lines):
        for name, digits in part.digits.items():
            kind: Any = schema.field(name).type
            values: ArrowArray = part.batch.column(name)
            place, what = -1, ""
            if digits.whole > kind.precision - kind.scale:
                most = kind.precision - kind.scale
                limit = pa.scalar(Decimal(10) ** most)
                place = pc.index(pc.greater_equal(pc.abs(values), limit).fill_null(False), value=True).as_py()
                what = f"more than {most} digits before the point, the most that tables of load have"
            elif digits.scale > kind.scale and rounded is None:
                place = _first_longer(values, kind.scale)
                what = f'more than {kind.scale} decimals; pass decimals="round" (--decimals round) to round them'
            if place >= 0:
                line = part.batch.column("line_number")[place].as_py() + first_line
                with naming(source.name):
                    raise format_error(what, line=line, column=BY_FIELD[name].name)
        yield _finish(source.header, first_line, part.batch, schema, rounded)
    _warn_rounded(rounded or {}, schema)


def _too_long(column: str, line: int) -> InvoiceFormatError:
    what = "this column's numbers have more than 38 digits together, the most that tables have"
    return format_error(f'{what}; pass decimals="round" (--decimals round) to round them', line=line, column=column)
