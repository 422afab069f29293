"""Sum invoices with pyarrow: only the needed columns, block by block, with the same results as line by line."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from importlib import import_module
from typing import Any

import pyarrow as pa
from attrs import frozen

from ._arrow import (
    CODED,
    SUM_BLOCK_SIZE,
    TEXT,
    ArrowArray,
    RefusedError,
    convert_blocks,
    pc,
    read_block,
    scalar,
)
from ._arrow_numbers import numbers, numbers_of_18_decimals
from ._cells import EXACT, ZERO
from ._columns import BY_FIELD, COLUMNS
from ._group_by import DEFAULT_CURRENCY, GroupBy, Sums
from ._invoices import OpenInvoice
from ._layout import CURRENCY, Layout
from ._model import CREDIT_SKU, InvoiceHeader, LineItem
from ._sources import Block

# Rows are grouped together, because each takes longer in a smaller table; groups wait to be merged with later ones.
_MAX_BYTES = 4 * 1024 * 1024
_MAX_GROUPS = 64 * 1024
# Numbers of 18 decimals, and what their sums must stay below, because pyarrow doesn't notice an overflow; else wider.
_SUMMABLE = ((pa.decimal128(38, 18), 10**20), (pa.decimal256(76, 38), 10**38))
_MAX_SCALE = 38
_VALUES = ("amount", "quantity", "lines")
_SKU, _AMOUNT, _QUANTITY = (COLUMNS.index(BY_FIELD[field]) for field in ("sku", "amount", "quantity"))


@frozen
class _Rows:
    """The keys and numbers of one block's rows; its credits by currency; an upper bound for any sum of its numbers."""

    table: pa.Table
    credits: dict[str, Decimal]
    bound: Decimal
    limit: int


def add_invoices(sums: Sums, sources: Sequence[OpenInvoice], by: Sequence[GroupBy]) -> None:
    """Add all lines of these invoices; keys that no cell has come from their headers."""
    waiting = _Waiting(sums, by)
    # pyarrow imports it for the first group, and pandas with it, if installed: in a thread, an interrupt would wait.
    import_module("pyarrow.acero")
    for source, _, block in convert_blocks(sources, partial(_from_block, by=by), list, block_size=SUM_BLOCK_SIZE):
        if isinstance(block, list):
            sums.add_lines(block, by, source.header)
        else:
            waiting.add(source.header, block)
    waiting.flush()


class _Waiting:
    """Rows of several blocks, and groups of earlier ones, which have many keys in common and are merged."""

    def __init__(self, sums: Sums, by: Sequence[GroupBy]) -> None:
        self._sums = sums
        self._by = by
        self._by_invoice = any(part.from_header for part in by)
        self._header = InvoiceHeader()
        self._tables: list[pa.Table] = []
        self._bytes = 0
        self._bound = ZERO

    def add(self, header: InvoiceHeader, rows: _Rows) -> None:
        """Add the rows of one block, to be grouped with those of others."""
        is_other = self._tables and self._tables[0].schema != rows.table.schema
        too_large = EXACT.add(self._bound, rows.bound) >= rows.limit
        if is_other or too_large or (self._by_invoice and header is not self._header):
            self.flush()
        self._header, self._bound = header, EXACT.add(self._bound, rows.bound)
        self._tables.append(rows.table)
        self._bytes += rows.table.nbytes
        for currency, amount in rows.credits.items():
            self._sums.add_credits(currency, amount)
        if self._bytes > _MAX_BYTES and self._group().num_rows > _MAX_GROUPS:
            self.flush()

    def _group(self) -> Any:  # noqa: ANN401 - see ArrowArray
        """Return a row for each combination of the keys: the sums of amount and quantity, and its lines."""
        rows = pa.concat_tables(self._tables)
        keys = [name for name in rows.column_names if name not in _VALUES]
        groups: Any = rows.group_by(keys, use_threads=False)
        table = groups.aggregate([(name, "sum") for name in _VALUES])
        table = table.select([*keys, *(f"{name}_sum" for name in _VALUES)]).rename_columns(rows.column_names)
        self._tables, self._bytes = [table], 0
        return table

    def flush(self) -> None:
        """Add the groups that wait."""
        if not self._tables:
            return
        table = self._group()
        # A key that the invoice has no column for is empty.
        absent = [None] * table.num_rows
        cells = [
            table.column(name).to_pylist() if name in table.column_names else absent
            for name in (*map(str, range(len(self._by) + 1)), *_VALUES)
        ]
        parts: list[list[Any]] = []
        for part, texts in zip(self._by, cells, strict=False):
            if part.from_header is not None:
                parts.append([part.from_header(self._header)] * len(texts))
            else:
                parts.append([None if text is None else part.from_cell(text) for text in texts])
        currencies, *values = cells[len(self._by) :]
        keys = zip(*parts, strict=True)
        for currency, key, amount, quantity, lines in zip(currencies, keys, *values, strict=True):
            self._sums.add(currency, key, amount or ZERO, quantity or ZERO, lines)
        self._tables, self._bound = [], ZERO


def _from_block(layout: Layout, block: Block, breaks: int, by: Sequence[GroupBy]) -> tuple[_Rows | list[LineItem], int]:
    """Read the needed columns."""
    keys = [*(part.find(layout) for part in by), layout.position(CURRENCY)]
    places = [layout.known[_AMOUNT], layout.known[_QUANTITY], layout.known[_SKU], *keys]
    found = dict.fromkeys(place for place in places if place is not None)
    columns = dict(zip(found, read_block(layout, block, breaks, found), strict=True))
    rows = len(next(iter(columns.values())))
    try:
        for part, place in zip(by, keys, strict=False):
            if part.from_cell is not str and place is not None:
                column = columns[place]
                distinct: ArrowArray = column.dictionary if column.type == CODED else column.unique().drop_null()
                for text in distinct.to_pylist():
                    part.from_cell(text)
    except ValueError as error:
        raise RefusedError from error
    amount, quantity, sku = (columns[place] if place in columns else _no_texts(rows) for place in places[:3])
    amount, quantity = _exact(amount), _exact(quantity)
    bound = EXACT.multiply(Decimal(rows), max(_largest(amount), _largest(quantity)))
    scale = max(amount.type.scale, quantity.type.scale)
    fitting = ((kind, limit) for kind, limit in _SUMMABLE if bound < limit and scale <= kind.scale)
    kind, limit = next(fitting, (None, 0))
    if kind is None:
        raise RefusedError
    named = {str(number): columns[place].cast(TEXT) for number, place in enumerate(keys) if place is not None}
    values = (amount.cast(kind), quantity.cast(kind), pa.repeat(scalar(1), rows))
    table = pa.table(named | dict(zip(_VALUES, values, strict=True)))
    currency = columns[keys[-1]] if keys[-1] is not None else None
    return _Rows(table, _credits(sku, currency, amount), bound, limit), rows + breaks


def _exact(texts: ArrowArray) -> ArrowArray:
    values = numbers_of_18_decimals(texts)
    if values is not None:
        return values
    values, digits = numbers(texts)
    # Numbers that no decimal has room for are cut off.
    if digits.scale > _MAX_SCALE:
        raise RefusedError
    return values


def _no_texts(rows: int) -> ArrowArray:
    return pa.nulls(rows, TEXT)


def _largest(values: ArrowArray) -> Decimal:
    return max((end or ZERO).copy_abs() for end in pc.min_max(values).as_py().values())


def _credits(sku: ArrowArray, currency: ArrowArray | None, amount: ArrowArray) -> dict[str, Decimal]:
    is_credit = pc.equal(sku, scalar(CREDIT_SKU, TEXT))
    if not pc.any(is_credit).as_py():
        return {}
    found: dict[str, Decimal] = {}
    amounts = amount.filter(is_credit).to_pylist()
    currencies = [None] * len(amounts) if currency is None else currency.filter(is_credit).to_pylist()
    for name, value in zip(currencies, amounts, strict=True):
        found[name or DEFAULT_CURRENCY] = EXACT.add(found.get(name or DEFAULT_CURRENCY, ZERO), value or ZERO)
    return found
