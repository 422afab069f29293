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

# The groups of several blocks are merged once there are this many.
_MAX_GROUPS = 64 * 1024
# Numbers of 18 decimals, and what their sums must stay below, because pyarrow doesn't notice an overflow; else wider.
_SUMMABLE = ((pa.decimal128(38, 18), 10**20), (pa.decimal256(76, 38), 10**38))
_MAX_SCALE = 38
_VALUES = ("amount", "quantity", "lines")
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
    # pyarrow imports it for the first group, and pandas with it, if installed: in a thread, an interrupt would wait.
    import_module("pyarrow.acero")
    for source, _, block in convert_blocks(sources, partial(_from_block, by=by), list, block_size=SUM_BLOCK_SIZE):
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
        table = _group(
            pa.concat_tables([block.groups for block in self._blocks]),
            list(map(str, range(len(self._by) + 1))),
            ("lines", "sum"),
        )
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
            self._sums.add(currency, key, amount or ZERO, quantity or ZERO, lines)
        self._blocks = []


def _from_block(
    layout: Layout, block: Block, breaks: int, by: Sequence[GroupBy]
) -> tuple[_BlockSums | list[LineItem], int]:
    """Read the needed columns and sum them."""
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
    limit = next((limit for kind, limit in _SUMMABLE if _fits(bound, limit, kind, amount, quantity)), None)
    if limit is None:
        raise RefusedError
    named = {str(number): columns[place] for number, place in enumerate(keys) if place is not None}
    named = {name: key.cast(TEXT) if key.type != TEXT else key for name, key in named.items()}
    groups = _group(pa.table(named | {"amount": amount, "quantity": quantity}), list(named), ([], "count_all"))
    currency = columns[keys[-1]] if keys[-1] is not None else None
    kind = next(kind for kind, each in _SUMMABLE if each == limit)
    arranged = [groups.column(str(n)) if str(n) in named else _no_texts(groups.num_rows) for n in range(len(keys))]
    sums = [groups.column(name).cast(kind) for name in ("amount", "quantity")]
    table = pa.table([*arranged, *sums, groups.column("lines")], [*map(str, range(len(keys))), *_VALUES])
    return _BlockSums(table, _credits(sku, currency, amount), bound, limit), rows + breaks


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


def _fits(bound: Decimal, limit: int, kind: Any, *columns: ArrowArray) -> bool:  # noqa: ANN401 - see ArrowArray
    """Whether the sums have room in these columns' own types, and then in this one."""
    return bound < limit and all(
        column.type.scale <= kind.scale and bound < 10 ** (column.type.precision - column.type.scale)
        for column in columns
    )


def _group(table: pa.Table, keys: list[str], lines: tuple[Any, str]) -> Any:  # noqa: ANN401 - see ArrowArray
    """Return a row for each combination of the keys: the sums of amount and quantity, and its lines."""
    sums: list[Any] = [("amount", "sum"), ("quantity", "sum"), lines]
    groups: Any = table.group_by(keys, use_threads=False).aggregate(sums)
    found = groups.select([*keys, "amount_sum", "quantity_sum", "lines_sum" if lines[0] else "count_all"])
    return found.rename_columns([*keys, *_VALUES])


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
