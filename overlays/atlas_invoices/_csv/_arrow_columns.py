"""Build Arrow columns from blocks of CSV."""

from __future__ import annotations

import datetime as dt
import re
from array import array
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute
from pyarrow import csv as arrow_csv

from ._cells import MAX_CELL, PLAIN_NUMBER, parse_date, parse_number

if TYPE_CHECKING:
    from ._layout import Layout


# The stubs have a class for each kind of array, but the kind is only known when a file is read.
ArrowArray: TypeAlias = Any

TEXT = pa.string()
DAY = pa.date32()
# 20 digits before the point and 18 after it; numbers that don't fit get the widest decimal there is.
NUMBER = pa.decimal128(38, 18)
WIDE_NUMBER = pa.decimal256(76, 38)
MAPPING = pa.map_(TEXT, TEXT)
_EPOCH = dt.date(1970, 1, 1).toordinal()
_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])
_ONE = Decimal(1)


def integer_array(values: Sequence[int]) -> ArrowArray:
    """Return an array of 64-bit integers."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(array("q", values).tobytes())])


def date_array(values: Sequence[dt.date | None]) -> ArrowArray:
    """Return an array of days since 1970."""
    days = array("i", [0 if value is None else value.toordinal() - _EPOCH for value in values])
    return pa.Array.from_buffers(DAY, len(values), [_valid(values), pa.py_buffer(days.tobytes())])


def text_array(values: Sequence[str | None]) -> ArrowArray:
    """Return an array of UTF-8 strings."""
    texts = [b"" if value is None else value.encode() for value in values]
    return pa.Array.from_buffers(TEXT, len(values), [_valid(values), _offsets(texts), pa.py_buffer(b"".join(texts))])


def mapping_array(values: Sequence[Sequence[tuple[str, str]]]) -> ArrowArray:
    """Return an array of maps, with their pairs in order."""
    pairs = [pair for value in values for pair in value]
    return _maps(_offsets(values), len(values), [key for key, _ in pairs], [text for _, text in pairs])


def no_mappings(rows: int) -> ArrowArray:
    """Return an array of empty maps."""
    return _maps(pa.py_buffer(bytes(4 * (rows + 1))), rows, [], [])


def number_array(values: Sequence[Decimal | None]) -> ArrowArray:
    """Return exact decimals, of type NUMBER if all fit, else WIDE_NUMBER; an OverflowError if one fits neither."""
    for kind in (NUMBER, WIDE_NUMBER):
        units = _units(values, kind)
        if units is not None:
            data = b"".join([unit.to_bytes(kind.bit_width // 8, "little", signed=True) for unit in units])
            return pa.Array.from_buffers(kind, len(values), [_valid(values), pa.py_buffer(data)])
    raise OverflowError("this number is too long for Arrow's decimals")


def holds(values: Sequence[Decimal | None], *, wide: bool) -> bool:
    """Whether all of these numbers fit type NUMBER, or WIDE_NUMBER if `wide`."""
    return _units(values, WIDE_NUMBER if wide else NUMBER) is not None


def _units(
    values: Sequence[Decimal | None], kind: pa.Decimal128Type[int, int] | pa.Decimal256Type[int, int]
) -> list[int] | None:
    """Return the numbers in units of the type's last digit, or `None` if one doesn't fit."""
    limit = 10**kind.precision
    try:
        units = [
            0 if value is None else int(_EXACT.quantize(value.scaleb(kind.scale, _EXACT), _ONE)) for value in values
        ]
    except (Inexact, InvalidOperation):
        return None
    return units if all(-limit < unit < limit for unit in units) else None


def _maps(offsets: pa.Buffer, rows: int, keys: Sequence[str], texts: Sequence[str]) -> ArrowArray:
    make: Any = pa.MapArray.from_arrays
    return make(pa.Array.from_buffers(pa.int32(), rows + 1, [None, offsets]), text_array(keys), text_array(texts))


def _valid(values: Sequence[object]) -> pa.Buffer | None:
    if None not in values:
        return None
    bits = int("0" + "".join(["0" if value is None else "1" for value in reversed(values)]), 2)
    return pa.py_buffer(bits.to_bytes(len(values) // 8 + 1, "little"))


def _offsets(values: Sequence[Sequence[object]]) -> pa.Buffer:
    ends = array("i", [0])
    for value in values:
        ends.append(ends[-1] + len(value))
    return pa.py_buffer(ends.tobytes())


# The stubs know kernels and readers for only some of their types.
pc: Any = pyarrow.compute
_read_csv: Any = arrow_csv.read_csv
CODED = pa.dictionary(pa.int32(), TEXT)
# Text that seldom repeats, and numbers that often differ from line to line, aren't worth a dictionary.
UNCODED = frozenset({"Note", "Quantity", "Amount"})
# This many characters can neither overflow nor be rounded. pyarrow doesn't notice an overflow: a column with 20 digits
# before the point accepts "123456789012345678901", and changes a longer number.
_MAX_PLAIN = 20
_is_plain = re.compile(f"[{re.escape(PLAIN_NUMBER.decode())}]{{,{_MAX_PLAIN}}}").fullmatch
# Combinations of several columns are numbered in 64 bits.
_MAX_CODE = 2**62


class RefusedError(Exception):
    """Only the parser may read this block: pyarrow can't, or might read it differently."""


def read_block(block: bytes | bytearray, layout: Layout, names: Sequence[str]) -> dict[str, ArrowArray]:
    """Return the named columns and the two days as text (most of it as dictionaries), null where empty.

    A row's days tell whether it's an item, so the caller passes both to `dates` or `different_dates`, whatever else it
    needs.
    """
    wanted = list(dict.fromkeys(["Date", "Usage Date", *names]))
    try:
        table = _read_csv(
            pa.BufferReader(block),
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=len(block) + 1, column_names=list(layout.names)
            ),
            # Blank lines are errors, so the lines of a block are its rows and the newlines in its cells.
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=wanted,
                column_types={name: TEXT if name in UNCODED else CODED for name in wanted},
                # By default, NaN, NA and null are empty cells, too.
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=False,  # the whole block was checked before
            ),
        )
    except pa.ArrowException as error:
        raise RefusedError from error
    columns = {name: _only_chunk(table.column(name)) for name in wanted}
    # A row without either day is a trailing one, which the parser keeps aside. `dates` refuses other text for a day.
    date, usage_date = columns["Date"], columns["Usage Date"]
    if date.null_count and usage_date.null_count and pc.any(pc.and_(date.is_null(), usage_date.is_null())).as_py():
        raise RefusedError
    return columns


def dates(column: ArrowArray) -> ArrowArray:
    """Return an array of days, each different one parsed once."""
    return date_array(different_dates(column)).take(column.indices)


def different_dates(column: ArrowArray) -> list[dt.date | None]:
    """Return each different day in the column once."""
    try:
        return [parse_date(text) for text in column.dictionary.to_pylist()]
    except ValueError as error:
        raise RefusedError from error


def numbers(column: ArrowArray) -> ArrowArray:
    """Return exact decimals, of type NUMBER if all fit, else WIDE_NUMBER."""
    if pa.types.is_dictionary(column.type):
        return numbers(column.dictionary).take(column.indices)
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    characters = column.buffers()[2]
    if longest <= _MAX_PLAIN and (characters is None or not characters.to_pybytes().translate(None, PLAIN_NUMBER)):
        try:
            return column.cast(NUMBER)
        except pa.ArrowInvalid:
            # Not a number, or more than 18 digits after the point; _mixed_numbers tells which.
            pass
    return _mixed_numbers(column.to_pylist())


def _mixed_numbers(texts: list[str | None]) -> ArrowArray:
    """Parse plain numbers with pyarrow; others, such as 8.2E-7, one by one."""
    odd = [place for place, text in enumerate(texts) if text is not None and not _is_plain(text)]
    others = _parsed([texts[place] for place in odd])
    for place in odd:
        texts[place] = None
    try:
        plain = text_array(texts).cast(NUMBER)
    except pa.ArrowInvalid:
        plain = _parsed(texts)
    places = list(range(len(texts)))
    for number, place in enumerate(odd):
        places[place] = len(texts) + number
    kind = WIDE_NUMBER if WIDE_NUMBER in {plain.type, others.type} else NUMBER
    return pa.concat_arrays([plain.cast(kind), others.cast(kind)]).take(integer_array(places))


def _parsed(texts: list[str | None]) -> ArrowArray:
    try:
        return number_array([None if text is None else parse_number(text) for text in texts])
    except (ValueError, OverflowError) as error:
        raise RefusedError from error


def mapping(columns: Mapping[str, ArrowArray], rows: int) -> ArrowArray:
    """Return a map for each row, of the columns' non-empty cells; each different map is made once."""
    filled = {key: column for key, column in columns.items() if len(column.dictionary)}
    if not filled:
        return no_mappings(rows)
    texts = [column.dictionary.to_pylist() for column in filled.values()]
    codes, combinations = combine(list(filled.values()))
    return mapping_array(
        [
            [
                (key, cells[code])
                for key, cells, code in zip(filled, texts, combination, strict=True)
                if code is not None
            ]
            for combination in combinations
        ]
    ).take(codes)


def combine(columns: Sequence[ArrowArray]) -> tuple[ArrowArray, list[tuple[int | None, ...]]]:
    """Return each row's number in a list of the different combinations of several dictionary columns, and this list.

    A combination has each column's place in its dictionary, or `None` for an empty cell.
    """
    codes: ArrowArray = None
    combinations: list[tuple[int | None, ...]] = [()]
    sizes: list[int] = []
    for column in columns:
        size = len(column.dictionary) + 1
        if len(combinations) * prod(sizes) * size > _MAX_CODE:
            codes, combinations = _encode(codes, combinations, sizes)
            sizes = []
        empty, step = integer_array([size - 1, size])
        cells = pc.fill_null(column.indices.cast(pa.int64()), empty)
        codes = cells if codes is None else pc.add(pc.multiply(codes, step), cells)
        sizes.append(size)
    return _encode(codes, combinations, sizes)


def _encode(
    codes: ArrowArray, combinations: Sequence[tuple[int | None, ...]], sizes: Sequence[int]
) -> tuple[ArrowArray, list[tuple[int | None, ...]]]:
    """Number the combinations again: earlier ones, with the places in later columns, each below its size."""
    encoded = codes.dictionary_encode()
    found = []
    for code in encoded.dictionary.to_pylist():
        before, places = code, []
        for size in reversed(sizes):
            before, place = divmod(before, size)
            places.append(None if place == size - 1 else place)
        found.append((*combinations[before], *reversed(places)))
    return encoded.indices.cast(pa.int64()), found


def _only_chunk(column: ArrowArray) -> ArrowArray:
    if column.num_chunks != 1:
        raise RefusedError
    array = column.chunk(0)
    # These bytes may be more characters than csv allows in a cell; the parser decides.
    texts = array.dictionary if pa.types.is_dictionary(array.type) else array
    if texts.nbytes > MAX_CELL and (pc.max(pc.binary_length(texts)).as_py() or 0) > MAX_CELL:
        raise RefusedError
    return array
