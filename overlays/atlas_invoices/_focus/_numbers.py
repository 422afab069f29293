"""Exact products of columns of decimals, in types that tables have; and whether discounts are percentages.

A product has the decimals of both factors, so it's computed in up to 76 digits, and then put into the narrowest type
that holds it: 18 or 38 digits. A column that needs more is rounded to 38, and the changed numbers are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from atlas_invoices._csv import LineItem
from atlas_invoices._csv._arrow import ArrowArray, pc, scalar
from atlas_invoices._csv._arrow_numbers import Digits
from atlas_invoices._errors import InvoiceFormatError

if TYPE_CHECKING:
    from atlas_invoices._money import DiscountVotes

TIME = pa.timestamp("us", "UTC")
_NARROW, _WIDE, _WIDEST = 18, 38, 76
# How many lines vote for the unit of Discount Percent: of each batch, the largest first, and of all.
_VOTERS, _MAX_VOTERS = 50, 1000
# What they vote with.
VOTING = ("unit_price", "quantity", "discount_percent", "amount")
# The stubs don't have it.
_Builder: Any = pa.lib.StringBuilder


class Number(NamedTuple):
    """A column of decimals, none of which has more than these digits."""

    values: ArrowArray
    digits: Digits


def times(one: Number, other: Number) -> Number:
    """Return the exact products."""
    digits = product(one.digits, other.digits)
    kind: Any = pa.decimal128 if sum(digits) < _WIDE else pa.decimal256
    factors = [each.values.cast(kind(max(sum(each.digits), 1), each.digits.scale)) for each in (one, other)]
    return Number(pc.multiply(*factors), digits)


def product(one: Digits, other: Digits) -> Digits:
    """Return the digits that a product may have."""
    digits = Digits(one.whole + other.whole, one.scale + other.scale)
    if sum(digits) >= _WIDEST:
        raise InvoiceFormatError(
            f"Unit Price, Discount Percent and Quantity have {sum(digits)} digits together, more than the {_WIDEST} "
            "that products have; export can read this invoice"
        )
    return digits


def column_type(digits: Digits) -> pa.DataType:
    """Return the type of a column: as narrow as it can be, with fewer decimals if 38 digits don't hold them."""
    if sum(digits) <= _NARROW:
        return pa.decimal128(_NARROW, digits.scale)
    return pa.decimal128(_WIDE, max(min(digits.scale, _WIDE - digits.whole), 0))


def fit(name: str, number: Number, kind: pa.DataType, rounded: Counter[str]) -> ArrowArray:
    """Return the values in the column's type; counts those that were rounded."""
    decimal: Any = kind
    values, scale = number.values, decimal.scale
    if values.type.scale > scale:
        short = pc.round(values, scale, "half_to_even")
        rounded[name] += pc.sum(pc.not_equal(short, values)).as_py() or 0
        values = short
    return values.cast(kind)


def factor_digits(discount: Digits, *, is_percent: bool) -> Digits:
    """Return the digits of 1 less the discount."""
    places = 2 if is_percent else 0
    return Digits(max(discount.whole - places, 1) + 1, discount.scale + places)


def discount_factor(discount: Number, *, is_percent: bool) -> Number:
    """Return 1 less the discount, which is a percentage or a fraction."""
    digits = factor_digits(discount.digits, is_percent=is_percent)
    places = digits.scale - discount.digits.scale
    whole = scalar(10**places).cast(pa.decimal128(_NARROW + 1, 0))
    values = pc.subtract(whole, discount.values).cast(pa.decimal128(sum(digits), discount.digits.scale))
    # The same digits, with the point two places to the left for a percentage.
    kind = pa.decimal128(sum(digits), digits.scale)
    return Number(pa.Array.from_buffers(kind, len(values), values.buffers(), offset=values.offset), digits)


class DiscountVoters:
    """Finds out whether discounts are percentages or fractions: lines vote with what they amount to."""

    def __init__(self) -> None:
        self._votes: DiscountVotes | None = None
        self._voters = 0

    def add(self, batch: pa.RecordBatch) -> bool:
        """Let the lines of a batch vote that have a discount; returns whether more are needed."""
        lines: Any = batch.select(VOTING)
        has_discount = pc.not_equal(lines["discount_percent"], zero(lines["discount_percent"]))
        lines = lines.filter(pc.and_(has_discount, lines["amount"].is_valid()))
        if lines.num_rows:
            if self._votes is None:
                from atlas_invoices._money import DiscountVotes  # noqa: PLC0415 - slow to import, and only for discounts

                self._votes = DiscountVotes()
            first = pc.select_k_unstable(lines, _VOTERS, [("amount", "descending")])
            for row in lines.take(first).to_pylist():
                self._votes.add(LineItem(**row))
            self._voters += len(first)
        return self._voters <= _MAX_VOTERS

    @property
    def unit(self) -> str | None:
        """`percent` or `fraction`, by most votes; `None` if it's undecided."""
        return self._votes.result([]) if self._votes else None


def zero(values: ArrowArray) -> Any:  # noqa: ANN401 - a scalar
    """Return 0 in the type of decimals."""
    return scalar(0).cast(pa.decimal128(19, 0)).cast(values.type)


def as_text(values: ArrowArray) -> ArrowArray:
    """Return numbers as text without exponents and without zeros at the end."""
    texts = values.cast(pa.string())
    # Arrow writes numbers below a millionth with an exponent.
    small = pc.match_substring(texts, "E")
    if pc.any(small).as_py():
        plain = (f"{number:f}" for number in values.filter(small).to_pylist())
        texts = pc.replace_with_mask(texts, small, texts_of(plain))
    if values.type.scale:
        texts = pc.utf8_rtrim(pc.utf8_rtrim(texts, "0"), ".")
    return texts


def texts_of(values: Iterable[str | None]) -> ArrowArray:
    """Return an array of texts. pa.array would import pandas, which takes as long as reading many lines."""
    builder: Any = _Builder()
    for value in values:
        builder.append(value)
    return builder.finish()
