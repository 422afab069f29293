"""The sums of a large file by pyarrow: only the columns that are needed, block by block, with the same results."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from atlas_invoices._invoice_csv._arrow_blocks import convert_blocks
from atlas_invoices._invoice_csv._arrow_build import NUMBER, ArrowArray, integer_array
from atlas_invoices._invoice_csv._arrow_columns import CODED, RefusedError, numbers, pc, read_block
from atlas_invoices._invoice_csv._line_item import CREDIT_SKU
from atlas_invoices._invoice_csv._summary import Sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_invoices._invoice_csv._columns import Layout
    from atlas_invoices._invoice_csv._line_item import LineItem
    from atlas_invoices._invoice_csv._reader import Pass
    from atlas_invoices._invoice_csv._summary_keys import GroupBy

_BLOCK = 1024 * 1024
# The few columns of many blocks are small, and what is done once for each group is done less often.
_BLOCKS_AT_ONCE = 16
# pyarrow doesn't notice when a sum overflows its 38 digits, 18 of them behind the point.
_LARGEST_SUM = 10**20
_ZERO = Decimal(0)


def add_blocks(sums: Sums, reading: Pass, by: Sequence[GroupBy]) -> None:
    """Add all lines of a file."""
    rows = reading.parser.rows
    if rows is None:
        raise AssertionError("a Pass has read its header")

    def exact(lines: Sequence[LineItem]) -> Sums | pa.RecordBatch:
        block = Sums()
        block.add_lines(lines, by)
        return block

    fast = partial(_needed, layout=rows.layout, by=by)
    waiting: list[pa.RecordBatch] = []
    for block in convert_blocks(reading, fast, exact, block_size=_BLOCK):
        if isinstance(block, Sums):
            sums.merge(block)
            continue
        waiting.append(block)
        if len(waiting) == _BLOCKS_AT_ONCE:
            _add(sums, waiting, by)
            waiting = []
    if waiting:
        _add(sums, waiting, by)


def _needed(block: bytes, layout: Layout, by: Sequence[GroupBy]) -> Sums | pa.RecordBatch:
    """The columns that the sums need: the keys' cells as dictionaries, whether it is a credit, amount, quantity."""
    names = dict.fromkeys([*(part.column for part in by), "SKU", "Amount", "Quantity"])
    columns = read_block(block, layout, [name for name in names if name in layout.names])
    rows = len(columns["Usage Date"])
    keys = [_coded(columns.get(part.column), rows) for part in by]
    try:
        for part, key in zip(by, keys, strict=True):
            for text in key.dictionary.to_pylist():
                part.from_cell(text)
    except ValueError as error:
        raise RefusedError from error
    values = [_summable(columns.get(name), rows) for name in ("Amount", "Quantity")]
    arrays = [*keys, _is_credit(columns["SKU"]), *values]
    return pa.RecordBatch.from_arrays(
        arrays, [*(str(number) for number in range(len(by))), "credit", "amount", "quantity"]
    )


def _add(sums: Sums, batches: Sequence[pa.RecordBatch], by: Sequence[GroupBy]) -> None:
    table: Any = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    keys = [*(str(number) for number in range(len(by))), "credit"]
    if all(_sum_fits(table[name]) for name in ("amount", "quantity")):
        table = table.group_by(keys, use_threads=False).aggregate(
            [("amount", "sum"), ("quantity", "sum"), ("credit", "count")]
        )
        counts = table["credit_count"].to_pylist()
        amounts, quantities = table["amount_sum"].to_pylist(), table["quantity_sum"].to_pylist()
    else:
        counts = [1] * len(table)
        amounts, quantities = table["amount"].to_pylist(), table["quantity"].to_pylist()
    parts = [
        [None if cell is None else part.from_cell(cell) for cell in table[name].to_pylist()]
        for part, name in zip(by, keys, strict=False)
    ]
    found = zip(*parts, strict=True) if parts else [()] * len(counts)
    is_credit = table["credit"].to_pylist()
    for key, credit, amount, quantity, lines in zip(found, is_credit, amounts, quantities, counts, strict=True):
        sums.add(key, amount or _ZERO, quantity or _ZERO, lines, credit=credit)


def _coded(column: ArrowArray | None, rows: int) -> ArrowArray:
    if column is None:
        return pa.nulls(rows, CODED)
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def _summable(column: ArrowArray | None, rows: int) -> ArrowArray:
    if column is None:
        return pa.nulls(rows, NUMBER)
    values = numbers(column)
    if values.type != NUMBER:
        raise RefusedError
    return values


def _sum_fits(values: ArrowArray) -> bool:
    ends = pc.min_max(values).as_py()
    return bool(max(abs(ends["min"] or 0), abs(ends["max"] or 0)) * len(values) < _LARGEST_SUM)


def _is_credit(sku: ArrowArray) -> ArrowArray:
    names = sku.dictionary.to_pylist()
    code, never = integer_array([names.index(CREDIT_SKU) if CREDIT_SKU in names else -1, -2]).cast(pa.int32())
    return pc.equal(pc.fill_null(sku.indices, never), code)
