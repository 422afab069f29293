"""Sum invoices with pyarrow: only the needed columns, block by block, with the same results as line by line."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa
from attrs import frozen

from ._arrow import TEXT, ArrowArray, RefusedError, convert_blocks, number_of_lines, pc, read_block
from ._arrow_tables import numbers
from ._cells import EXACT, ZERO
from ._columns import BY_FIELD, COLUMNS, Layout
from ._group_by import DEFAULT_CURRENCY, GroupBy, Sums, find_currency
from ._invoices import OpenInvoice
from ._model import CREDIT_SKU, InvoiceHeader, LineItem
from ._sources import Block

# The groups of several blocks are merged once there are this many.
_MAX_GROUPS = 64 * 1024
# Numbers of 18 decimals, and what their sums must stay below, because pyarrow doesn't notice an overflow; else wider.
_SUMMABLE = ((pa.decimal128(38, 18), 10**20), (pa.decimal256(76, 38), 10**38))
_SKU, _AMOUNT, _QUANTITY = (COLUMNS.index(BY_FIELD[field]) for field in ("sku", "amount", "quantity"))


@frozen
class _BlockSums:
    """The sums of one block: a row for each group; the credits by currency; an upper bound for any of its sums."""

    groups: pa.Table
    credits: dict[str, Decimal]
    bound: Decimal
    limit: int


def add_invoices(sums: Sums, sources: Sequence[OpenInvoice], by: Sequence[GroupBy]) -> None:
    """Add all lines of these invoices; keys that no cell has come from their headers."""
    waiting = _Waiting(sums, by)
    for source, _, block in convert_blocks(sources, partial(_from_block, by=by), list):
        if isinstance(block, list):
            sums.add_lines(block, by, source.header)
        else:
            waiting.add(source.header, block)
    waiting.flush()


class _Waiting:
    """Groups of several blocks of one invoice, which have many keys in common and are merged before they are added."""

    def __init__(self, sums: Sums, by: Sequence[GroupBy]) -> None:
        self._sums = sums
        self._by = by
        self._by_invoice = any(part.from_header for part in by)
        self._header = InvoiceHeader()
        self._blocks: list[_BlockSums] = []

    def add(self, header: InvoiceHeader, block: _BlockSums) -> None:
        """Add the groups of one block, once others have come."""
        blocks = [*self._blocks, block]
        bound = ZERO
        for each in blocks:
            bound = EXACT.add(bound, each.bound)
        if (
            (self._by_invoice and header is not self._header)
            or sum(each.groups.num_rows for each in blocks) > _MAX_GROUPS
            or bound >= block.limit
            or block.limit != blocks[0].limit
        ):
            self.flush()
        self._header = header
        self._blocks.append(block)
        for currency, amount in block.credits.items():
            self._sums.add_credits(currency, amount)

    def flush(self) -> None:
        """Add the groups that wait."""
        if not self._blocks:
            return
        table = _group(pa.concat_tables([block.groups for block in self._blocks]), len(self._by) + 1, ("lines", "sum"))
        parts: list[list[Any]] = []
        for number, part in enumerate(self._by):
            cells = table.column(str(number)).to_pylist()
            if part.from_header is not None:
                parts.append([part.from_header(self._header)] * len(cells))
            else:
                parts.append([None if cell is None else part.from_cell(cell) for cell in cells])
        currencies, *values = (
            table.column(name).to_pylist() for name in (str(len(self._by)), "amount", "quantity", "lines")
        )
        keys = zip(*parts, strict=True)
        for currency, key, amount, quantity, lines in zip(currencies, keys, *values, strict=True):
            self._sums.add(currency or DEFAULT_CURRENCY, key, amount or ZERO, quantity or ZERO, lines)
        self._blocks = []


def _from_block(
    layout: Layout, block: Block, has_breaks: bool, by: Sequence[GroupBy]
) -> tuple[_BlockSums | list[LineItem], int]:
    """Read the needed columns and sum them."""
    places = [*(part.find(layout) for part in by), find_currency(layout)]
    places += [layout.known[_AMOUNT], layout.known[_QUANTITY], layout.known[_SKU]]
    found = dict.fromkeys(place for place in places if place is not None)
    columns = dict(zip(found, read_block(layout, block, found), strict=True))
    rows = len(next(iter(columns.values())))
    *keys, amounts, quantities, sku = (pa.nulls(rows, TEXT) if place is None else columns[place] for place in places)
    try:
        for part, key in zip(by, keys, strict=False):
            # The days were checked already.
            if part.from_cell is not str and key.type == TEXT:
                unique: ArrowArray = key.unique()
                for text in unique.drop_null().to_pylist():
                    part.from_cell(text)
    except ValueError as error:
        raise RefusedError from error
    amount, quantity, bound, limit = _summable(_exact(amounts), _exact(quantities))
    keys = [key.cast(TEXT) if key.type != TEXT else key for key in keys]
    names = [*map(str, range(len(keys))), "amount", "quantity"]
    table = _group(pa.Table.from_arrays([*keys, amount, quantity], names), len(keys), ([], "count_all"))
    lines = number_of_lines(block) if has_breaks else rows
    return _BlockSums(table, _credits(sku, keys[-1], amount), bound, limit), lines


def _exact(texts: ArrowArray) -> ArrowArray:
    values, digits = numbers(texts)
    if sum(digits) > values.type.precision or digits.scale > values.type.scale:
        # Cut off, because no decimal has room.
        raise RefusedError
    return values


def _summable(amount: ArrowArray, quantity: ArrowArray) -> tuple[ArrowArray, ArrowArray, Decimal, int]:
    """Return the numbers in a type that has room for their sums; an upper bound for these, and what it is below."""
    largest = max(
        max((end or ZERO).copy_abs() for end in pc.min_max(values).as_py().values()) for values in (amount, quantity)
    )
    bound = EXACT.multiply(Decimal(len(amount)), largest)
    for kind, limit in _SUMMABLE:
        if bound < limit and max(amount.type.scale, quantity.type.scale) <= kind.scale:
            return amount.cast(kind), quantity.cast(kind), bound, limit
    raise RefusedError


def _group(table: pa.Table, keys: int, lines: tuple[Any, str]) -> pa.Table:
    """Return a row for each combination of the first `keys` columns: the sums of the next two, and its lines."""
    names = table.column_names[:keys]
    sums: list[Any] = [("amount", "sum"), ("quantity", "sum"), lines]
    groups: Any = table.group_by(names, use_threads=False).aggregate(sums)
    found = groups.select([*names, "amount_sum", "quantity_sum", "lines_sum" if lines[0] else "count_all"])
    named: pa.Table = found.rename_columns([*names, "amount", "quantity", "lines"])
    return named


def _credits(sku: ArrowArray, currency: ArrowArray, amount: ArrowArray) -> dict[str, Decimal]:
    is_credit = pc.equal(sku, CREDIT_SKU)
    if not pc.any(is_credit).as_py():
        return {}
    found: dict[str, Decimal] = {}
    for name, value in zip(currency.filter(is_credit).to_pylist(), amount.filter(is_credit).to_pylist(), strict=True):
        found[name or DEFAULT_CURRENCY] = EXACT.add(found.get(name or DEFAULT_CURRENCY, ZERO), value or ZERO)
    return found
