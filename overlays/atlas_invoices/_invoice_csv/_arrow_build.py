"""Python values to Arrow arrays, byte by byte: pyarrow's own way imports pandas where it is installed, half a second of
a short command, and takes decimals that don't fit their column."""

from __future__ import annotations

import datetime as dt
from array import array
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

# The stubs give each kind of array a class of its own, where the kind is only known when a file is read.
ArrowArray: TypeAlias = Any

TEXT = pa.string()
DAY = pa.date32()
# 20 digits before the point and 18 behind it; numbers that don't fit get the widest decimal there is.
NUMBER = pa.decimal128(38, 18)
WIDE_NUMBER = pa.decimal256(76, 38)
MAPPING = pa.map_(TEXT, TEXT)
_EPOCH = dt.date(1970, 1, 1).toordinal()
_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])
_ONE = Decimal(1)


def integer_array(values: Sequence[int]) -> ArrowArray:
    """As 64-bit integers."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(array("q", values).tobytes())])


def date_array(values: Sequence[dt.date | None]) -> ArrowArray:
    """As days since 1970."""
    days = array("i", [0 if value is None else value.toordinal() - _EPOCH for value in values])
    return pa.Array.from_buffers(DAY, len(values), [_valid(values), pa.py_buffer(days.tobytes())])


def text_array(values: Sequence[str | None]) -> ArrowArray:
    """As UTF-8."""
    texts = [b"" if value is None else value.encode() for value in values]
    return pa.Array.from_buffers(TEXT, len(values), [_valid(values), _offsets(texts), pa.py_buffer(b"".join(texts))])


def mapping_array(values: Sequence[Sequence[tuple[str, str]]]) -> ArrowArray:
    """As maps, of their pairs in order."""
    pairs = [pair for value in values for pair in value]
    return _maps(_offsets(values), len(values), [key for key, _ in pairs], [text for _, text in pairs])


def no_mappings(rows: int) -> ArrowArray:
    """As many maps without anything in them."""
    return _maps(pa.py_buffer(bytes(4 * (rows + 1))), rows, [], [])


def number_array(values: Sequence[Decimal | None]) -> ArrowArray:
    """As exact decimals, of type NUMBER where all fit and WIDE_NUMBER else; never rounded, but an OverflowError."""
    for kind in (NUMBER, WIDE_NUMBER):
        units = _units(values, kind)
        if units is not None:
            data = b"".join([unit.to_bytes(kind.bit_width // 8, "little", signed=True) for unit in units])
            return pa.Array.from_buffers(kind, len(values), [_valid(values), pa.py_buffer(data)])
    raise OverflowError("no decimal of Arrow's holds this number")


def holds(values: Sequence[Decimal | None], *, wide: bool) -> bool:
    """Whether a column of these numbers can be made; of type NUMBER, or `wide`."""
    return _units(values, WIDE_NUMBER if wide else NUMBER) is not None


def _units(
    values: Sequence[Decimal | None], kind: pa.Decimal128Type[int, int] | pa.Decimal256Type[int, int]
) -> list[int] | None:
    """The numbers in units of the type's last digit; `None` where one doesn't fit."""
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
