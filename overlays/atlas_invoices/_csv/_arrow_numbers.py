"""Exact decimals in Arrow: numbers from text, how many digits a column needs, and the narrowest type that has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_05UP, Context, Decimal
from typing import NamedTuple

import pyarrow as pa

from ._arrow import TEXT, ArrowArray, RefusedError, nulls, pc, scalar, text_array
from ._cells import PLAIN_NUMBER, ZERO, normalize, parse_number

# Most consumers multiply two decimals of 18 digits exactly, and refuse or overflow with more.
_NARROW, WIDE = 18, 38
# Until all numbers of a column are known. Whatever is rounded later fits the second.
_LONG = pa.decimal256(76, WIDE)
_CENTS = 2


class Digits(NamedTuple):
    """The most digits before and after the point in a column."""

    whole: int = 0
    scale: int = 0

    def union(self, other: Digits) -> Digits:
        """Return the digits that hold the numbers of both."""
        return Digits(max(self.whole, other.whole), max(self.scale, other.scale))


# Amounts have cents, even where none has any.
_LEAST_SCALES = {"amount": _CENTS}


def numbers(texts: ArrowArray) -> tuple[ArrowArray, Digits]:
    """Return exact decimals, as wide as these numbers need, and their digits."""
    if pa.types.is_dictionary(texts.type):
        values, digits = numbers(texts.dictionary)
        return values.take(texts.indices), digits
    if texts.null_count == len(texts):
        return nulls(len(texts), pa.decimal128(_NARROW, 0)), Digits()
    try:
        return _plain_numbers(texts) if _are_plain(texts) else _mixed_numbers(texts)
    except pa.ArrowInvalid:
        # Not a number, or more than 38 digits.
        return _parsed_numbers(texts)


def _mixed_numbers(texts: ArrowArray) -> tuple[ArrowArray, Digits]:
    """Parse numbers such as 1E-7 one by one, the others all at once."""
    is_plain, none = pc.invert(pc.match_substring_regex(texts, f"[^{PLAIN_NUMBER.decode()}]")), nulls(1, TEXT)[0]
    parts = _plain_numbers(pc.if_else(is_plain, texts, none)), _parsed_numbers(pc.if_else(is_plain, none, texts))
    digits = parts[0][1].union(parts[1][1])
    kind = pa.decimal128(WIDE, digits.scale) if sum(digits) <= WIDE else _LONG
    return pc.coalesce(*(values.cast(kind) for values, _ in parts)), digits


def _parsed_numbers(texts: ArrowArray) -> tuple[ArrowArray, Digits]:
    coded = texts.dictionary_encode()
    try:
        parsed = [parse_number(text) for text in coded.dictionary.to_pylist()]
        digits = _digits(parsed)
        # As number_array, without pandas.
        if sum(digits) <= _NARROW:
            values = text_array([f"{value:f}" for value in parsed]).cast(pa.decimal128(WIDE, digits.scale))
        else:
            values, digits = number_array(parsed)
    except (ValueError, OverflowError) as error:
        raise RefusedError from error
    return values.take(coded.indices), digits


def numbers_of_18_decimals(texts: ArrowArray) -> ArrowArray | None:
    """Return exact decimals of 38 digits, 18 of them after the point; `None` if only `numbers` can.

    It takes less time than `numbers`, because it doesn't look for the narrowest type.
    """
    # With 20 digits before the point they are still exact, and no text of 20 characters has more.
    if texts.type != TEXT or not _are_plain(texts) or (pc.max(pc.binary_length(texts)).as_py() or 0) > WIDE - _NARROW:
        return None
    try:
        return texts.cast(pa.decimal128(WIDE, _NARROW))
    except pa.ArrowInvalid:
        return None


def _are_plain(texts: ArrowArray) -> bool:
    """Whether there are only digits, points and minus signs, which Arrow reads as `parse_number` does, or refuses."""
    characters = texts.buffers()[2]
    return characters is None or not characters.to_pybytes().translate(None, PLAIN_NUMBER)


def _plain_numbers(texts: ArrowArray) -> tuple[ArrowArray, Digits]:
    for trims in (False, True):
        if trims:
            # A number such as 1.500000000000000000 needn't widen its column.
            texts = pc.if_else(pc.match_substring(texts, "."), pc.utf8_rtrim(texts, "0"), texts)
        length, point = pc.binary_length(texts), pc.find_substring(texts, ".")
        before = pc.if_else(pc.less(point, scalar(0, pa.int32())), length, point)
        scale = max((pc.max(pc.subtract(length, before)).as_py() or 0) - 1, 0)
        # Arrow doesn't notice that a number has too many digits for its type.
        if (pc.max(before).as_py() or 0) + scale > WIDE:
            continue
        values = texts.cast(pa.decimal128(WIDE, scale))
        ends = pc.min_max(values).as_py()
        digits = Digits(max(whole_digits(ends["min"]), whole_digits(ends["max"])), scale)
        if sum(digits) <= _NARROW or trims:
            return values, digits
    raise pa.ArrowInvalid("more than 38 digits")


def number_array(values: Sequence[Decimal | None]) -> tuple[ArrowArray, Digits]:
    """Return exact decimals and their digits; an OverflowError if one has more than 38 digits before the point."""
    # pyarrow counts the exponent of 0E900 as digits.
    values = [ZERO if value is not None and not value and _exponent(value) > 0 else value for value in values]
    digits = _digits(values)
    if sum(digits) > _NARROW:
        values = [None if value is None else normalize(value) for value in values]
        digits = _digits(values)
    if digits.whole > WIDE:
        raise OverflowError("this number is too long for Arrow's decimals")
    if sum(digits) <= WIDE:
        return pa.array(values, pa.decimal128(WIDE, digits.scale)), digits
    # Such a column is refused, or rounded to fewer decimals: ROUND_05UP now makes that come out right then.
    unit = Decimal(1).scaleb(-WIDE)
    context = Context(prec=2 * WIDE + 1, rounding=ROUND_05UP)
    short = [
        value if value is None or _digits([value]).scale <= WIDE else context.quantize(value, unit) for value in values
    ]
    return pa.array(short, _LONG), digits


def _digits(values: Iterable[Decimal | None]) -> Digits:
    known = [value for value in values if value is not None]
    scale = max((-_exponent(value) for value in known), default=0)
    return Digits(max(map(whole_digits, known), default=0), max(scale, 0))


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def whole_digits(value: Decimal | None) -> int:
    """Return the number of digits before the point."""
    return max(value.adjusted() + 1, 0) if value else 0


def number_type(name: str, digits: Digits, *, rounds: bool = False) -> pa.DataType | None:
    """Return a column's narrowest decimal type for so many digits, exact or `rounds`; `None` if none has room."""
    whole = digits.whole
    scale = max(digits.scale, min(_LEAST_SCALES.get(name, 0), WIDE - whole))
    if whole + scale <= _NARROW:
        return pa.decimal128(_NARROW, scale)
    if rounds:
        # One digit less, because rounding may carry into a new one.
        precision = _NARROW if whole + _CENTS < _NARROW else WIDE
        return pa.decimal128(precision, max(min(scale, precision - 1 - whole), 0))
    return pa.decimal128(WIDE, scale) if whole + scale <= WIDE else None
